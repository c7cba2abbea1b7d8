"""Every source compiles for real GPUs, by NVIDIA's own compiler; no GPU is needed for that."""

import re
import shutil
import subprocess

import nvrtc
import pytest

from minicnn.kernels.cuda import launching

SOURCES = sorted(p.stem for p in launching.SOURCES.glob("*.cu"))
OPTIONS = launching.options("float32")

needs_nvrtc = pytest.mark.skipif(
    nvrtc.library() is None, reason="no NVRTC: pip install nvidia-cuda-nvrtc"
)


def kernels_of(name):
    return re.findall(r'extern "C" __global__ void (\w+)\(', launching.source(name))


def test_there_are_sources():
    assert {"im2col", "pooling", "channels"} <= set(SOURCES)
    for name in SOURCES:
        assert kernels_of(name) and "#include" not in launching.source(name)
        assert launching.source(name).isascii()


def test_no_two_kernels_have_one_name():
    names = [kernel for name in SOURCES for kernel in kernels_of(name)]
    assert len(names) == len(set(names))


# Every dtype and both sizes of indices for one GPU, and one of them for an older one.
VARIANTS = [("sm_80", "float32", False), ("sm_90", "float32", True)]
VARIANTS += [("sm_90", dtype, False) for dtype in ("float16", "float32", "float64")]


@needs_nvrtc
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("architecture, dtype, wide", VARIANTS)
def test_nvrtc(name, architecture, dtype, wide):
    # The last two are those that CuPy adds.
    added = "-ftz=true", "--device-as-default-execution-space"
    options = *launching.options(dtype, wide), *added
    cubin = nvrtc.compiled(launching.source(name), options, architecture)
    assert cubin.startswith(b"\x7fELF")
    for kernel in kernels_of(name):
        assert kernel.encode() in cubin


@needs_nvrtc
def test_nvrtc_finds_mistakes():
    """Without this the test above could pass with a compiler that looks at nothing."""
    code = launching.source("im2col")
    with pytest.raises(nvrtc.CompileError, match=r"kernels.cu\(\d+\).*absent"):
        nvrtc.compiled(code.replace("Number sum = 0", "Number sum = absent"), OPTIONS, "sm_90")
    with pytest.raises(nvrtc.CompileError, match="declared but never referenced"):
        nvrtc.compiled(code.replace("Number sum", "int unused; Number sum"), OPTIONS, "sm_90")


if shutil.which("nvcc"):  # NVRTC has seen all there is: no skip where the toolkit is not

    @pytest.mark.parametrize("name", ["im2col", "channels"])
    def test_nvcc(name, tmp_path):
        """A file as it is, with its includes, for those who try the kernels outside of Python."""
        words = ["nvcc", "-cubin", "-arch=sm_90", "-Werror=all-warnings", *OPTIONS]
        code = [str(launching.SOURCES / f"{name}.cu"), "-o", str(tmp_path / "kernels.cubin")]
        done = subprocess.run([*words, *code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
