"""How a call becomes a launch: sources, types, grids."""

from types import SimpleNamespace

import numpy as np
import pytest

from minicnn.checks import DtypeError
from minicnn.kernels import registry
from minicnn.kernels.cuda import launching, pooling

# In which the GPU has nothing of its own: what traces and transforms of images on the host ask for.
WITHOUT = {"histogram", "largest_entries", "resample", "warp", "mirror", "luma", "blend"}
WITHOUT |= {"normalize_channels", "shift_hue"}
WITHOUT |= {"bias_gradient", "concatenate"}  # CuPy does these in one go, too


@pytest.fixture
def launches(monkeypatch):
    """Launches are noted and not run."""
    found = []

    def raw_module(code, options):
        def get_function(kernel):
            return lambda grid, block, args: found.append((kernel, options, grid, block, args))

        return SimpleNamespace(get_function=get_function)

    monkeypatch.setattr(launching, "cupy", lambda: SimpleNamespace(RawModule=raw_module))
    return found


def test_which_kernels_there_are():
    names = {name for name in registry.names() if "cuda" not in registry.variants(name)}
    assert names == WITHOUT


def test_every_kernel_of_the_gpu_has_a_plain_one():
    for name in registry.names():
        assert "plain" in registry.variants(name)


def test_a_source_holds_what_it_includes_once():
    text = launching.source("channels")
    assert text.count("enum { BLOCK") == 1 and text.count("logistic_of(Number x)") == 1
    assert text.index("typedef int Index") < text.index("void moments(")


def test_types_of_arguments(launches):
    array = np.zeros(3, np.float64)
    for dtype, number in (
        ("float16", np.float32),
        ("float32", np.float32),
        ("float64", np.float64),
    ):
        launching.launch("maps", "scale_maps", dtype, 7, [array, 5, True, 0.5, None])
        kernel, options, grid, block, args = launches.pop()
        assert (kernel, grid, block) == ("scale_maps", (7,), (launching.THREADS,))
        assert f"-DReal={launching.REAL[dtype]}" in options and "-DWIDE" not in options
        assert ("-DREAL_IS_HALF" in options) == (dtype == "float16")
        assert args[0] is array
        assert [type(a) for a in args[1:]] == [np.int32, np.int32, number, np.uintp]
        assert args[1:] == (5, 1, 0.5, 0)


def test_large_arrays_are_indexed_with_64_bits(launches):
    for size in (launching.NARROW - 1, launching.NARROW):
        large = np.broadcast_to(np.zeros(1, np.float32), (size,))
        launching.launch("maps", "scale_maps", "float32", (2, 3), [large, 5], threads=64)
        _, options, grid, block, args = launches.pop()
        assert ("-DWIDE" in options) == (size == launching.NARROW)
        assert type(args[1]) is (np.int64 if size == launching.NARROW else np.int32)
        assert (grid, block) == ((2, 3), (64,))


def test_large_numbers_are_reckoned_with_64_bits(launches):
    """A stride of 2³⁰ and a padding of as much: no array is large, and 2³¹ is passed."""
    x = np.zeros(3, np.float32)
    for number in (launching.SMALL - 1, launching.SMALL, np.int64(2**40), 2**31):
        launching.launch("maps", "scale_maps", "float32", 1, [x, number])
        _, options, _, _, args = launches.pop()
        assert ("-DWIDE" in options) == (number >= launching.SMALL) and args[1] == number


def test_how_many_blocks(launches):
    assert [launching.blocks_for(n) for n in (1, 256, 257, 10**9)] == [1, 1, 2, launching.BLOCKS]
    launching.launch_each("maps", "scale_maps", "float32", 0, [])
    assert not launches


def test_a_dtype_without_kernels():
    x = np.zeros((1, 1, 2, 2), np.int64)
    with pytest.raises(DtypeError, match=r"max_pool2d: .*float64, got int64.*\.float\(\)"):
        pooling.max_pool2d(x, (1, 1), (1, 1), (0, 0), (1, 1), (2, 2))


def test_contiguous():
    a = np.zeros((2, 3))
    assert launching.contiguous(a) is a
    assert launching.contiguous(a.T).flags.c_contiguous and launching.contiguous(a.T).shape == (
        3,
        2,
    )
    assert launching.contiguous(np.zeros(())).shape == ()
