"""Convolution on the GPU, emulated: columns, products, groups, depthwise; against plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import agree, doubled, drawn, plain

from minicnn.kernels.cuda import convolution, launching
from minicnn.shapes import output_size

pytestmark = pytest.mark.usefixtures("emulated")

DTYPES = ["float32", "float64", "float16"]


@st.composite
def windows(draw, largest=9):
    """Sizes of images and a window that fits: shape, kernel, stride, padding, dilation, out."""
    n, c = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    size = [draw(st.integers(1, largest)) for _ in range(2)]
    kernel, stride, padding, dilation, out = [], [], [], [], []
    for length in size:
        d, p = draw(st.integers(1, 3)), draw(st.integers(0, 3))
        k = draw(st.integers(1, max(1, min(4, (length + 2 * p - 1) // d + 1))))
        s = draw(st.integers(1, 3))
        for chosen, value in zip((kernel, stride, padding, dilation), (k, s, p, d), strict=True):
            chosen.append(value)
        out.append(output_size(length, k, s, p, d))
    return (n, c, *size), *(tuple(v) for v in (kernel, stride, padding, dilation, out))


@given(windows(), st.sampled_from(DTYPES), st.integers(0, 9))
def test_columns_and_back(window, dtype, seed):
    shape, *options = window
    (x,) = drawn(seed, dtype, shape)
    columns = convolution.im2col(x, *options)
    expected = plain("im2col", x, *options)
    assert columns.dtype == expected.dtype
    np.testing.assert_array_equal(columns, expected)
    (columns,) = drawn(seed, dtype, expected.shape)
    images = convolution.col2im(columns, shape, *options)
    agree(images, plain("col2im", columns.astype(np.float64), shape, *options), dtype)


@given(
    windows(),
    st.sampled_from([(1, 1), (2, 1), (3, 1), (1, 3), (2, 2), (4, 3)]),
    st.sampled_from(DTYPES),
    st.integers(1, 4),
)
def test_convolution_and_its_gradients(window, features, dtype, images_at_a_time):
    """`features`: groups, and kernels in each of them."""
    (n, per_group, *size), kernel, stride, padding, dilation, out = window
    groups, f = features[0], features[0] * features[1]
    x, w, delta = drawn(
        f, dtype, (n, per_group * groups, *size), (f, per_group, *kernel), (n, f, *out)
    )
    options = stride, padding, dilation, groups
    per_image = per_group * groups * kernel[0] * kernel[1] * out[0] * out[1] * x.itemsize
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "WORKSPACE_BYTES", per_image * images_at_a_time)
        z = convolution.conv2d(x, w, *options)
        dx = convolution.conv2d_input_gradient(delta, w, size, *options)
        dw = convolution.conv2d_weight_gradient(delta, x, kernel, *options)
    x, w, delta = doubled((x, w, delta))
    agree(z, plain("conv2d", x, w, *options), dtype)
    agree(dx, plain("conv2d_input_gradient", delta, w, size, *options), dtype)
    factor = images_at_a_time if dtype == "float16" else 1  # the chunks' sums are rounded
    expected = plain("conv2d_weight_gradient", delta, x, kernel, *options)
    agree(dw, expected, dtype, 2 * factor)


def test_pointwise_convolution_makes_no_columns(monkeypatch):
    x, w, delta = drawn(0, "float32", (3, 6, 4, 5), (8, 3, 1, 1), (3, 8, 4, 5))
    options = (1, 1), (0, 0), (1, 1), 2
    expected = plain("conv2d", x, w, *options)
    expected_dx = plain("conv2d_input_gradient", delta, w, (4, 5), *options)
    monkeypatch.setattr(convolution, "_fill_columns", None)
    monkeypatch.setattr(convolution, "_sum_columns", None)
    agree(convolution.conv2d(x, w, *options), expected, "float32")
    found = convolution.conv2d_input_gradient(delta, w, (4, 5), *options)
    agree(found, expected_dx, "float32")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_depthwise_gradient_that_each_thread_adds_up_in_several_rounds(dtype):
    x, delta = drawn(7, dtype, (2, 3, 20, 21), (2, 6, 20, 19))
    options = (3, 3), (1, 1), (1, 0), (1, 1), 3
    found = convolution.conv2d_weight_gradient(delta, x, *options)
    exact = plain("conv2d_weight_gradient", *doubled((delta, x)), *options)
    agree(found, exact, dtype)


def test_a_size_that_the_windows_do_not_reach():
    """The input gradient of a transposed convolution with an output padding, or of a remainder."""
    for kernel, stride in (((1, 1), (1, 1)), ((1, 1), (2, 3)), ((3, 2), (2, 3))):
        delta, w = drawn(1, "float32", (2, 4, 3, 3), (4, 2, *kernel))
        size = ((3 - 1) * stride[0] + kernel[0] + 1, (3 - 1) * stride[1] + kernel[1] + 1)
        options = stride, (0, 0), (1, 1), 1
        found = convolution.conv2d_input_gradient(delta, w, size, *options)
        agree(found, plain("conv2d_input_gradient", delta, w, size, *options), "float32")


@pytest.mark.parametrize("act", [None, "relu", "relu6", "silu", "hardswish"])
@pytest.mark.parametrize("parts", ["bias", "norm", "residual", "all", ""])
@pytest.mark.parametrize("groups", [1, 4])
def test_what_follows_a_convolution(act, parts, groups):
    x, w, residual, *numbers = drawn(
        2, "float32", (2, 4, 5, 6), (8, 4 // groups, 3, 3), (2, 8, 5, 6), *[(8,)] * 4
    )
    wanted = {"bias": numbers[0], "norm": numbers[1:], "residual": residual}
    wanted = {k: v for k, v in wanted.items() if parts in (k, "all")}
    options = (1, 1), (1, 1), (1, 1), groups
    kept = residual.copy()
    found = convolution.conv2d(4 * x, w, *options, act=act, **wanted)
    agree(found, plain("conv2d", 4 * x, w, *options, act=act, **wanted), "float32", 2)
    np.testing.assert_array_equal(residual, kept)


def test_memory_in_another_order():
    x, w, delta = drawn(3, "float32", (2, 6, 5, 7), (4, 6, 3, 3), (2, 4, 3, 5))
    options = (1, 1), (0, 0), (1, 1), 1
    found, others = [], [x.swapaxes(2, 3).copy().swapaxes(2, 3), np.asfortranarray(w), delta]
    for a, b, d in ((x, w, delta), (*others[:2], np.repeat(delta, 2, 3)[..., ::2])):
        found.append(convolution.conv2d(a, b, *options))
        found.append(convolution.conv2d_input_gradient(d, b, (5, 7), *options))
        found.append(convolution.conv2d_weight_gradient(d, a, (3, 3), *options))
    for one, other in zip(found[:3], found[3:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_indices_of_64_bits(monkeypatch):
    x, w, delta = drawn(4, "float32", (2, 3, 6, 7), (6, 1, 3, 2), (2, 6, 4, 6))
    for groups, weights in ((3, w), (1, np.repeat(w, 3, 1))):
        options = (1, 1), (0, 0), (1, 1), groups

        def results(options=options, weights=weights):
            yield convolution.conv2d(x, weights, *options)
            yield convolution.conv2d_input_gradient(delta, weights, (6, 7), *options)
            yield convolution.conv2d_weight_gradient(delta, x, (3, 2), *options)

        narrow = list(results())
        monkeypatch.setattr(launching, "NARROW", 0)
        for a, b in zip(results(), narrow, strict=True):
            np.testing.assert_array_equal(a, b)
        monkeypatch.undo()


def test_more_entries_than_threads(monkeypatch):
    """Each thread goes through its loop several times."""
    monkeypatch.setattr(launching.blocks_for, "__defaults__", (1,))
    x, w, delta = drawn(5, "float32", (2, 3, 16, 15), (3, 1, 3, 3), (2, 3, 14, 13))
    for groups, weights in ((3, w), (1, np.repeat(w, 3, 1))):
        options = (1, 1), (0, 0), (1, 1), groups
        agree(
            convolution.conv2d(x, weights, *options),
            plain("conv2d", x, weights, *options),
            "float32",
        )
        expected = plain("conv2d_input_gradient", delta, weights, (16, 15), *options)
        found = convolution.conv2d_input_gradient(delta, weights, (16, 15), *options)
        agree(found, expected, "float32")
