"""No kernel reads or writes beside its arrays: they are put where that ends the process.

The same on this processor's vectors, and on the shorter ones of older processors.
"""

import os
import platform
import subprocess
import sys

import pytest
from llvmlite import binding

# Arrays whose last number, or whose first, lies at a page that nobody may touch. The kernels run
# once before, so that they are compiled; then their intermediate arrays are such ones, too.
CODE = """
import ctypes, math, mmap, sys
import numpy as np
from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import (
    channels, convolution, depthwise_lines, layout, linear, norm_act, packing, pooling, vectors,
    weight_gradient, winograd, winograd_gradient,
)
from minicnn.kernels.cpu.rectangles import OUTERS

PAGE, at_end = mmap.PAGESIZE, sys.argv[1] == "end"
libc = ctypes.CDLL(None, use_errno=True)
kept = []

def guarded(shape, dtype=np.float32):
    shape = shape if isinstance(shape, tuple) else (shape,)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    pages = -(-size // PAGE) * PAGE + 2 * PAGE
    memory = mmap.mmap(-1, pages)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (address, address + pages - PAGE):
        assert libc.mprotect(ctypes.c_void_p(page), PAGE, 0) == 0
    kept.append(memory)
    start = pages - PAGE - size if at_end else PAGE
    return np.frombuffer(memory, dtype, math.prod(shape), start).reshape(shape)

def filled(shape, seed=0):
    array = guarded(shape)
    array[...] = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return array

class Guarding:
    def __getattr__(self, name):
        return getattr(np, name)
    def empty(self, shape, dtype=np.float64):
        return guarded(shape, dtype)
    def empty_like(self, array):
        return guarded(array.shape, array.dtype)

def out_of(size, k, s, p, d):
    return tuple((n + 2*q - e*(i - 1) - 1)//t + 1 for n, i, t, q, e in zip(size, k, s, p, d))

CASES = [  # x, F, kernel, stride, padding, dilation, groups
    ((2, 3, 9, 8), 5, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 2, 4, 4), 3, (2, 2), (1, 1), (0, 0), (1, 1), 1),
    ((2, 16, 9, 8), 20, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 16, 9, 8), 16, (3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((3, 16, 11, 8), 33, (3, 2), (2, 2), (1, 1), (1, 1), 1),
    ((1, 4, 13, 17), 14, (5, 3), (1, 1), (2, 1), (1, 2), 1),
    ((2, 24, 5, 5), 50, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 50, 5, 7), 17, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 16, 4, 8), 16, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 24, 5, 5), 17, (1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((2, 8, 7, 7), 26, (3, 3), (1, 1), (1, 1), (1, 1), 2),
    ((1, 2, 3, 500), 16, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 9, 11), 3, (3, 3), (1, 1), (1, 1), (1, 1), 3),
    ((2, 3, 9, 18), 6, (5, 3), (1, 1), (2, 0), (1, 2), 3),
    ((2, 3, 10, 11), 3, (3, 3), (2, 2), (1, 1), (1, 1), 3),
    ((1, 2, 1, 1), 2, (3, 3), (1, 1), (1, 1), (1, 1), 2),
    ((1, 2, 7, 7), 2, (7, 7), (1, 1), (0, 0), (1, 1), 2),
    ((2, 24, 9, 8), 25, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 27, 7, 35), 49, (3, 3), (1, 1), (0, 2), (1, 1), 1),
    ((3, 33, 4, 5), 24, (3, 3), (1, 1), (2, 0), (1, 1), 1),
    ((1, 25, 4, 4), 70, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 70, 5, 4), 25, (3, 3), (1, 1), (1, 1), (1, 1), 1),
]

def convolutions():
    for number, (shape, f, kernel, *rest, groups) in enumerate(CASES):
        x, w = filled(shape), filled((f, shape[1] // groups, *kernel), 1)
        y = find("conv2d")(x, w, *rest, groups)
        delta = filled(y.shape, 2)
        dx = find("conv2d_input_gradient")(delta, w, shape[2:], *rest, groups)
        dw = find("conv2d_weight_gradient")(delta, x, kernel, *rest, groups)
        yield y, dx, dw
        for kind in range(len(OUTERS) if number < 5 else 0):
            weight_gradient.best_kind = lambda maps, steps: kind
            yield (find("conv2d_weight_gradient")(delta, x, kernel, *rest, groups),)
            weight_gradient.best_kind = best_kind

best_kind = weight_gradient.best_kind

def poolings():
    for width in (1, 4, 15, 16, 17, 33):
        for k, s, p, d in ((3, 2, 1, 1), (2, 2, 0, 1), (2, 3, 1, 1), (1, 1, 0, 1), (2, 1, 0, 3)):
            if width + 2 * p <= d * (k - 1):
                continue
            x = filled((2, 1, 6, width))
            options = [(n, n) for n in (k, s, p, d)]
            yield find("max_pool2d")(x, *options, out_of(x.shape[2:], *options))

def normalizations():
    for shape in ((1, 1, 2), (3, 2, 16), (2, 3, 17), (2, 1, 1000)):
        x, delta, r = filled(shape), filled(shape, 1), filled(shape, 2)
        gamma, beta = filled(shape[1:2]), filled(shape[1:2], 1)
        for act, shortcut in (("relu", True), ("silu", False), (None, True), ("hardswish", False)):
            y, mean, var = find("norm_act")(
                x, gamma, beta, 1e-3, None, act, r if shortcut else None
            )
            found = find("norm_act_gradient")(
                delta, x, y if shortcut and act else None, gamma, beta, 1e-3, False, mean, var,
                act, shortcut,
            )
            yield [y, mean, var, *(a for a in found if a is not None)]

def products():
    linear.LARGE = 1
    for samples, inputs, outputs in ((1, 7, 5), (2, 2049, 13), (4, 33, 6)):
        x, w = filled((samples, inputs)), filled((outputs, inputs), 1)
        delta = filled((samples, outputs), 2)
        yield (
            find("linear")(x, w, filled((outputs,), 3)),
            find("linear_input_gradient")(delta, w),
            find("linear_weight_gradient")(delta, x),
        )
    for shape in ((1, 1, 1, 1), (2, 3, 5, 7)):
        x, delta, s = filled(shape), filled(shape, 1), filled((*shape[:2], 1, 1), 2)
        yield find("scale_maps")(x, s), *find("scale_maps_gradient")(delta, x, s)

def everything():
    return [
        [np.array(a) for a in some]
        for part in (convolutions, poolings, normalizations, products) for some in part()
    ]

with kernels("plain"):
    plain = everything()
before = everything()
for one, other in zip(before, plain, strict=True):
    for a, b in zip(one, other, strict=True):
        assert np.abs(a - b).max() <= 1e-4 * max(1, np.abs(b).max()), (a.shape, np.abs(a - b).max())
for module in (
    channels, convolution, depthwise_lines, layout, linear, norm_act, packing, pooling,
    weight_gradient, winograd, winograd_gradient,
):
    module.np = Guarding()
    if hasattr(module, "workspace"):
        module.workspace = lambda name, size: guarded(size)
after = everything()
for one, other in zip(before, after, strict=True):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
print(vectors.WIDTH, len(after))
"""


def older_processor():
    """What Numba is told: one with vectors of 8 floats and 16 registers."""
    features = binding.get_host_cpu_features()
    new = ("avx512", "avx10", "amx")
    kept = {name: on and not name.startswith(new) for name, on in features.items()}
    text = ",".join(("+" if on else "-") + name for name, on in kept.items())
    return {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": text}


def run(side, **environment):
    """The floats of a vector, and how many calls were compared."""
    env = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", CODE, side], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return tuple(map(int, done.stdout.split()))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect is Linux's")


@linux
@pytest.mark.parametrize("side", ["end", "start"])
def test_nothing_beside_the_arrays(side):
    width, compared = run(side)
    assert width in (8, 16) and compared > 50


@linux
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")
def test_nothing_beside_the_arrays_with_shorter_vectors():
    width, compared = run("end", **older_processor())
    assert width == 8 and compared > 50
