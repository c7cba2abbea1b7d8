"""Convolution by shifted lines, against the columns of `plain`."""

import numpy as np
import pytest

from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import convolution
from minicnn.shapes import effective_kernel


def drawn(seed):
    """x, w and options of a convolution in float32; None where the kernel does not fit."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    n, c, f = (
        int(rng.integers(1, 4)),
        groups * int(rng.integers(1, 6)),
        groups * int(rng.integers(1, 20)),
    )
    kernel, stride, dilation = (rng.integers(1, high, 2) for high in (6, 4, 3))
    padding, size = rng.integers(0, 4, 2), rng.integers(1, 40, 2)
    if (effective_kernel(kernel, dilation) > size + 2 * padding).any():
        return None
    x = rng.standard_normal((n, c, *size)).astype(np.float32)
    w = rng.standard_normal((f, c // groups, *kernel)).astype(np.float32)
    if seed % 3 == 0:
        x, w = x[:, :, ::-1, ::-1], w[:, :, :, ::-1]
    return x, w, [tuple(map(int, o)) for o in (stride, padding, dilation)], groups


def all_three(x, w, options, groups, seed):
    y = find("conv2d")(x, w, *options, groups)
    delta = np.random.default_rng(seed).standard_normal(y.shape).astype(x.dtype)
    dx = find("conv2d_input_gradient")(delta, w, x.shape[2:], *options, groups)
    return y, dx, find("conv2d_weight_gradient")(delta, x, w.shape[2:], *options, groups)


def check(x, w, options, groups, seed=0):
    fast = all_three(x, w, options, groups, seed)
    with kernels("plain"):
        plain = all_three(x.astype(float), w.astype(float), options, groups, seed)
    for name, a, b in zip(("y", "dx", "dw"), fast, plain, strict=True):
        assert a.dtype == np.float32 and a.shape == b.shape, name
        scale = np.abs(b).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=3e-6 * scale, err_msg=name)


@pytest.mark.parametrize("seed", range(300))
def test_shifted_lines_equal_columns(seed):
    case = drawn(seed)
    if case is not None:
        check(*case, seed)


def test_most_of_the_drawn_cases_fit():
    assert sum(drawn(seed) is not None for seed in range(300)) > 200


@pytest.mark.parametrize(("x", "w", "options"), [
    ((2, 3, 64, 70), (64, 3, 7, 7), ((2, 2), (3, 3), (1, 1))),
    ((1, 130, 7, 7), (150, 130, 3, 3), ((1, 1), (1, 1), (1, 1))),
    ((3, 70, 9, 9), (33, 70, 1, 1), ((1, 1), (0, 0), (1, 1))),
    ((3, 20, 9, 9), (33, 20, 1, 1), ((2, 2), (0, 0), (1, 1))),
    ((1, 8, 130, 131), (9, 8, 3, 3), ((1, 1), (1, 1), (2, 2))),
    ((70, 1, 28, 28), (6, 1, 5, 5), ((1, 1), (2, 2), (1, 1))),
])  # fmt: skip
def test_shapes_of_real_networks(x, w, options):
    """Several pieces, several images at once, long lines that are cut."""
    rng = np.random.default_rng(1)
    check(*(rng.standard_normal(s).astype(np.float32) for s in (x, w)), options, 1)


@pytest.mark.parametrize("kind", range(len(convolution.TILES)))
def test_every_rectangle(kind, monkeypatch):
    monkeypatch.setattr(convolution, "_choose", lambda maps, length, copied: kind)
    for seed in range(12):
        if (case := drawn(seed)) is not None:
            check(*case, seed)


def test_small_pieces(monkeypatch):
    """Whatever is cut into pieces for the cache is cut very small."""
    monkeypatch.setattr(convolution, "CACHE", 64)
    monkeypatch.setattr(convolution, "DELTA_CACHE", 128)
    for seed in range(20):
        if (case := drawn(seed)) is not None:
            check(*case, seed)


def test_no_read_beyond_the_arrays():
    """The arrays end where a page ends, behind which nothing may be read."""
    import mmap

    rng = np.random.default_rng(3)
    for shape, kernel, padding in (
        ((1, 3, 8, 8), 1, 0),
        ((1, 4, 16, 16), 1, 0),
        ((2, 3, 5, 5), 3, 1),
    ):
        size = int(np.prod(shape)) * 4
        pages = -(-size // mmap.PAGESIZE) + 1
        memory = mmap.mmap(-1, pages * mmap.PAGESIZE)
        x = np.frombuffer(memory, np.float32)[(pages - 1) * mmap.PAGESIZE // 4 - size // 4 :]
        x = x[: size // 4].reshape(shape)
        x[...] = rng.standard_normal(shape)
        guard = np.frombuffer(memory, np.float32)[(pages - 1) * mmap.PAGESIZE // 4 :]
        guard[...] = np.nan  # a read that counted would show
        w = rng.standard_normal((5, shape[1], kernel, kernel)).astype(np.float32)
        check(x, w, ((1, 1), (padding, padding), (1, 1)), 1)


def test_a_bit_more_threads_change_no_bit():
    import minicnn as mc

    case = drawn(1) or drawn(2)
    before, found = mc.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            mc.set_num_threads(threads)
            found.append(all_three(*case, 0))
    finally:
        mc.set_num_threads(before)
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("cut", [np.s_[:, 3:40], np.s_[::2], np.s_[:1, ::3], np.s_[:, :, ::-1]])
@pytest.mark.parametrize("images", [1, 4])
def test_parts_of_larger_images(cut, images, rng):
    """Where an image's maps follow each other, they are read in place; else they are copied."""
    x = rng.standard_normal((images, 48, 9, 9)).astype(np.float32)
    part = x[cut]
    w = rng.standard_normal((20, part.shape[1], 1, 1)).astype(np.float32)
    options = (1, 1), (0, 0), (1, 1), 1
    found = find("conv2d")(part, w, *options)
    np.testing.assert_array_equal(found, find("conv2d")(part.copy(), w, *options))
    with kernels("plain"):
        expected = find("conv2d")(part, w, *options)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_images_that_lie_an_odd_number_of_bytes_apart(rng):
    memory = rng.integers(0, 255, 3 * 1001, dtype=np.uint8)
    x = np.ndarray((3, 10, 5, 5), np.float32, memory.data, strides=(1001, 100, 20, 4))
    values = rng.standard_normal(x.shape).astype(np.float32)
    x[...] = values
    w = rng.standard_normal((20, 10, 1, 1)).astype(np.float32)
    options = (1, 1), (0, 0), (1, 1), 1
    np.testing.assert_array_equal(
        find("conv2d")(x, w, *options), find("conv2d")(values, w, *options)
    )
