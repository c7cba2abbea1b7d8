"""Depthwise convolution from the image's own rows, against the matrix products of `plain`."""

import numpy as np
import pytest

from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import depthwise_rows
from minicnn.shapes import effective_kernel, output_size


def surrounded(array):
    """The same numbers, with NaN before and behind them: none of those may come into a result."""
    memory = np.full(array.size + 128, np.nan, np.float32)
    inside = memory[64 : 64 + array.size].reshape(array.shape)
    inside[...] = array
    return inside


def drawn(seed):
    rng = np.random.default_rng(seed)
    stride = int(rng.integers(1, 3))
    kernel = 3 if stride == 1 else int(rng.choice([3, 5]))
    dilation, padding = (tuple(map(int, rng.integers(low, 4, 2))) for low in (1, 0))
    size = rng.integers(1, 60, 2)
    if (
        effective_kernel(np.array([kernel] * 2), np.array(dilation)) > size + 2 * np.array(padding)
    ).any():
        return None
    n, c, multiplier = map(int, rng.integers((1, 2, 1), 4))
    x = surrounded(rng.standard_normal((n, c, *size)))
    w = surrounded(rng.standard_normal((c * multiplier, 1, kernel, kernel)))
    return rng, x, w, ((stride, stride), padding, dilation, c)


@pytest.fixture
def used(monkeypatch):
    """How often the rows were used; they are whatever the width."""
    monkeypatch.setattr(depthwise_rows, "LEAST_ROW", 1)
    calls = []

    def watched(*arguments, original=depthwise_rows.conv2d):
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(depthwise_rows, "conv2d", watched)
    return calls


@pytest.mark.parametrize("seed", range(150))
def test_forward_equals_plain(seed, used):
    if (case := drawn(seed)) is None:
        return
    rng, x, w, options = case
    f = len(w)
    bias = rng.standard_normal(f).astype("float32")
    after = [(), (None, None, "relu")][seed % 2]
    if seed % 4 == 3:
        norm = tuple(rng.uniform(0.5, 2, f).astype("float32") for _ in range(3))
        after = norm, None, [None, "relu", "silu"][seed % 3]
    found = find("conv2d")(x, w, *options, bias, *after)
    with kernels("plain"):
        expected = find("conv2d")(x, w, *options, bias, *after)
    assert len(used) == 1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(150))
def test_input_gradient_equals_plain(seed, used):
    if (case := drawn(seed)) is None or len(case[2]) != case[1].shape[1]:
        return
    rng, x, w, options = case
    stride, padding, dilation, groups = options
    out = [
        output_size(*axis)
        for axis in zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    ]
    delta = surrounded(rng.standard_normal((len(x), groups, *out)))
    arguments = delta, w, x.shape[2:], *options
    found = find("conv2d_input_gradient")(*arguments)
    with kernels("plain"):
        expected = find("conv2d_input_gradient")(*arguments)
    assert len(used) == (stride == (1, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_most_of_the_drawn_cases_fit():
    cases = [case for seed in range(150) if (case := drawn(seed)) is not None]
    assert len(cases) > 100
    assert {(case[2].shape[2], case[3][0][0]) for case in cases} == {(3, 1), (3, 2), (5, 2)}


def test_what_the_rows_are_for():
    w3, w5 = np.empty((4, 1, 3, 3)), np.empty((4, 1, 5, 5))
    assert depthwise_rows.suits(w3, (1, 1), (1, depthwise_rows.LEAST_ROW))
    assert not depthwise_rows.suits(w3, (1, 1), (50, depthwise_rows.LEAST_ROW - 1))
    assert not depthwise_rows.suits(w5, (1, 1), (50, 50))
    assert depthwise_rows.suits(w5, (2, 2), (1, 1)) and depthwise_rows.suits(w3, (2, 2), (1, 1))
    assert not depthwise_rows.suits(w3, (2, 1), (50, 50))
    assert not depthwise_rows.suits(w3[..., :2], (1, 1), (50, 50))
