"""Convolutions and pooling against PyTorch in float64, forward and backward."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from minicnn import textbook as tb  # noqa: E402

pytestmark = pytest.mark.parity
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def tensor(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


# kernel, stride, padding, dilation, (C, F, groups), all with all, on 7×9
CONVOLUTIONS = list(
    itertools.product(
        [(3, 3), (2, 3)],
        [(1, 1), (2, 2), (3, 2)],
        [(0, 0), (1, 1), (2, 1)],
        [(1, 1), (2, 3)],
        [(2, 2, 1), (3, 2, 1), (4, 2, 2), (2, 4, 2)],
    )
)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "channels"), CONVOLUTIONS)
def test_conv2d(kernel, stride, padding, dilation, channels, rng):
    C, maps, groups = channels
    x = rng.standard_normal((2, C, 7, 9))
    w, b = rng.standard_normal((maps, C // groups, *kernel)), rng.standard_normal(maps)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    tx, tw, t_b = tensor(x), tensor(w), tensor(b)
    expected = F.conv2d(tx, tw, t_b, **options)
    np.testing.assert_allclose(tb.conv2d(x, w, b, **options), expected.detach(), **CLOSE)
    delta = rng.standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(delta))
    dx = tb.conv2d_input_gradient(delta, w, (7, 9), **options)
    dw = tb.conv2d_weight_gradient(delta, x, kernel, **options)
    np.testing.assert_allclose(dx, tx.grad, **CLOSE)
    np.testing.assert_allclose(dw, tw.grad, **CLOSE)
    np.testing.assert_allclose(tb.conv2d_bias_gradient(delta), t_b.grad, **CLOSE)


TRANSPOSED = list(
    itertools.product(
        [(3, 2), (1, 4)],
        [((1, 1), (0, 0)), ((2, 3), (0, 0)), ((2, 3), (1, 2))],
        [(0, 0), (0, 1)],
        [(1, 1), (3, 2)],
        [(2, 2, 1), (3, 2, 1), (4, 2, 2)],
    )
)


@pytest.mark.parametrize(("kernel", "strides", "padding", "dilation", "channels"), TRANSPOSED)
def test_conv_transpose2d(kernel, strides, padding, dilation, channels, rng):
    stride, output_padding = strides
    C, maps, groups = channels
    x = rng.standard_normal((2, C, 3, 4))
    w, b = rng.standard_normal((C, maps // groups, *kernel)), rng.standard_normal(maps)
    expected = F.conv_transpose2d(
        tensor(x), tensor(w), tensor(b), stride, padding, output_padding, groups, dilation
    )
    actual = tb.conv_transpose2d(x, w, b, stride, padding, output_padding, dilation, groups)
    np.testing.assert_allclose(actual, expected.detach(), **CLOSE)


POOLS = list(
    itertools.product(
        [(5, 8), (6, 7), (2, 9)],
        [(2, 2), (3, 2), (2, 5)],
        [None, (1, 1), (2, 3), (4, 2)],
        [(0, 0), (1, 1)],
        [False, True],
    )
)


def refused_by_both(ours, theirs):
    """True if both refuse; an error if only one of them does."""
    try:
        theirs()
    except RuntimeError:
        with pytest.raises(ValueError):
            ours()
        return True
    return False


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "ceil_mode"), POOLS)
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 3)])
def test_max_pool2d(size, kernel, stride, padding, ceil_mode, dilation, rng):
    # Few different values, so that most windows hold ties.
    x = rng.integers(0, 3, (2, 2, *size)).astype(float)
    arguments = kernel, stride, padding, dilation, ceil_mode
    tx = tensor(x)

    def theirs():
        return F.max_pool2d(tx, *arguments, return_indices=True)

    if refused_by_both(lambda: tb.max_pool2d(x, *arguments), theirs):
        return
    expected, indices = theirs()
    y, argmax = tb.max_pool2d(x, *arguments)
    np.testing.assert_array_equal(y, expected.detach())
    np.testing.assert_array_equal(argmax, indices)
    delta = rng.standard_normal(y.shape)
    expected.backward(torch.tensor(delta))
    np.testing.assert_allclose(tb.max_pool2d_gradient(delta, argmax, size), tx.grad, **CLOSE)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_max_pool2d_with_nan(stride, rng):
    x = rng.standard_normal((2, 2, 6, 7))
    x[rng.random(x.shape) < 0.3] = np.nan
    x[rng.random(x.shape) < 0.3] = -np.inf
    expected, indices = F.max_pool2d(tensor(x), (2, 3), stride, 1, return_indices=True)
    y, argmax = tb.max_pool2d(x, (2, 3), stride, (1, 1))
    np.testing.assert_array_equal(y, expected.detach())
    np.testing.assert_array_equal(argmax, indices)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "ceil_mode"), POOLS)
@pytest.mark.parametrize(("include", "divisor"), [(True, None), (False, None), (True, 7)])
def test_avg_pool2d(size, kernel, stride, padding, ceil_mode, include, divisor, rng):
    x = rng.standard_normal((2, 2, *size))
    arguments = kernel, stride, padding, ceil_mode, include, divisor
    tx = tensor(x)
    if refused_by_both(lambda: tb.avg_pool2d(x, *arguments), lambda: F.avg_pool2d(tx, *arguments)):
        return
    expected = F.avg_pool2d(tx, *arguments)
    y = tb.avg_pool2d(x, *arguments)
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    delta = rng.standard_normal(y.shape)
    expected.backward(torch.tensor(delta))
    np.testing.assert_allclose(tb.avg_pool2d_gradient(delta, size, *arguments), tx.grad, **CLOSE)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_pools_refuse_what_pytorch_refuses(padding, dilation):
    x = np.ones((1, 1, 6, 7))
    arguments = (3, 3), (1, 1), (padding, padding), (dilation, dilation)

    def theirs():
        return F.max_pool2d(tensor(x), *arguments)

    if not refused_by_both(lambda: tb.max_pool2d(x, *arguments), theirs):
        assert tb.max_pool2d(x, *arguments)[0].shape == tuple(theirs().shape)
