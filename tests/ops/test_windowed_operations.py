"""Convolution and pooling: finite differences, and the kernels that they run on."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import find, kernels, names, variants

GRADIENTS = {
    "conv2d": lambda x, w, b: F.conv2d(x, w, b, padding=1),
    "conv2d stride": lambda x, w, b: F.conv2d(x, w, b, stride=(2, 3), padding=(1, 0)),
    "conv2d dilation": lambda x, w, b: F.conv2d(x, w, b, dilation=(2, 1), padding=2),
    "conv2d same": lambda x, w, b: F.conv2d(x, w[:, :, :2], b, padding="same"),
    "max_pool2d": lambda x, w, b: F.max_pool2d(x, 3, 2, 1) * b[0] + w.sum(),
    "avg_pool2d": lambda x, w, b: F.avg_pool2d(x, 3, 2, 1, True, False) * b[1] + w.sum(),
}


@pytest.mark.parametrize("variant", ["cpu", "plain"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_by_finite_differences(name, variant, rng):
    x = mc.tensor(rng.permutation(np.linspace(-2, 2, 2 * 2 * 7 * 6)).reshape(2, 2, 7, 6))
    w = mc.tensor(rng.standard_normal((2, 2, 3, 3)))
    b = mc.tensor(rng.standard_normal(2))
    for t in (x, w, b):
        t.requires_grad_()
    with kernels(variant):
        assert mc.gradcheck(GRADIENTS[name], (x, w, b))


def test_the_workspace_is_filled_in_chunks_with_the_same_result(monkeypatch, rng):
    from minicnn.kernels import plain

    x, w = rng.standard_normal((5, 2, 6, 7)), rng.standard_normal((3, 2, 3, 3))
    whole = [find("conv2d")(x, w, (1, 1), (1, 1), (1, 1), 1)]
    delta = rng.standard_normal(whole[0].shape)
    arguments = ((1, 1), (1, 1), (1, 1), 1)
    whole.append(find("conv2d_input_gradient")(delta, w, (6, 7), *arguments))
    whole.append(find("conv2d_weight_gradient")(delta, x, (3, 3), *arguments))
    monkeypatch.setattr(plain, "WORKSPACE_BYTES", 2 * 2 * 9 * 42 * 8)  # two images' columns
    parts = [find("conv2d")(x, w, *arguments)]
    parts.append(find("conv2d_input_gradient")(delta, w, (6, 7), *arguments))
    parts.append(find("conv2d_weight_gradient")(delta, x, (3, 3), *arguments))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_nan_shows_in_max_pooling():
    x = mc.tensor([[[[1.0, float("nan")], [3.0, 2.0]]]])
    for variant in ("cpu", "plain"):
        with kernels(variant):
            y, place = F.max_pool2d(x, 2, return_indices=True)
        assert np.isnan(y.item())
        assert place.item() == 1


def test_a_batch_of_none_passes_through():
    x = mc.zeros(0, 2, 6, 6, requires_grad=True)
    w = mc.ones(3, 2, 3, 3, requires_grad=True)
    for variant in ("cpu", "plain"):
        with kernels(variant):
            y = F.avg_pool2d(F.max_pool2d(F.conv2d(x, w), 2, 1), 2)
            y.sum().backward()
        assert y.shape == (0, 3, 1, 1)
    assert w.grad.array.sum() == 0


def test_every_fast_kernel_has_a_plain_one():
    assert all("plain" in variants(name) for name in names())
    assert {"im2col", "col2im", "max_pool2d", "avg_pool2d"} <= set(names())


def test_the_variant_is_chosen_by_context_and_ends_with_it():
    fast = find("im2col")
    with kernels("plain"):
        slow = find("im2col")
        with kernels("cpu"):
            assert find("im2col") is fast
        assert find("im2col") is slow
    assert find("im2col") is fast is not slow
    with pytest.raises(ValueError, match="variant must be one of 'cpu', 'plain'; got 'fast'"):
        kernels("fast").__enter__()


def test_kernels_from_several_threads_are_right(rng):
    from concurrent.futures import ThreadPoolExecutor

    x, w = rng.standard_normal((4, 3, 16, 16)), rng.standard_normal((5, 3, 3, 3))
    expected = F.conv2d(mc.tensor(x), mc.tensor(w)).array

    def work(_):
        return F.conv2d(mc.tensor(x), mc.tensor(w)).array

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(work, range(40)):
            np.testing.assert_array_equal(found, expected)
