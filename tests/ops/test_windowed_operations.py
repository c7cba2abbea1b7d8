"""Convolution and pooling over random sizes: textbook = plain = cpu, and finite differences.

The shapes keep N ≥ 2, H ≠ W, overlapping windows, and strides that do not divide; δ is random.
"""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.kernels import find, kernels, names, variants
from minicnn.shapes import effective_kernel

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
layouts = st.sampled_from(["rows", "columns", "strided", "flipped"])


def laid_out(array, layout):
    """The same values in another order of memory."""
    if layout == "columns":
        return np.asfortranarray(array)
    if layout == "strided":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "flipped":
        return array[..., ::-1].copy()[..., ::-1]
    return array


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 3))
    case = {
        "n": draw(st.integers(1, 3)),
        "c": groups * draw(st.integers(1, 2)),
        "f": groups * draw(st.integers(1, 3)),
        "size": draw(st.tuples(st.integers(3, 8), st.integers(3, 8))),
        "kernel": draw(pairs),
        "stride": draw(pairs),
        "padding": draw(st.tuples(st.integers(0, 2), st.integers(0, 2))),
        "dilation": draw(pairs),
        "groups": groups,
        "layout": draw(layouts),
        "dtype": draw(st.sampled_from(["float64", "float32"])),
    }
    spans = map(effective_kernel, case["kernel"], case["dilation"])
    room = [n + 2 * p for n, p in zip(case["size"], case["padding"], strict=True)]
    assume(all(s <= r for s, r in zip(spans, room, strict=True)))
    return case


HARD = {
    "n": 2,
    "c": 2,
    "f": 2,
    "size": (8, 7),
    "kernel": (3, 3),
    "stride": (2, 2),
    "padding": (1, 1),
    "dilation": (1, 1),
    "groups": 1,
    "layout": "rows",
    "dtype": "float64",
}


@given(convolutions())
@example(HARD)
@example({**HARD, "dilation": (2, 1), "c": 4, "f": 6, "groups": 2})
@example({**HARD, "padding": (2, 0), "kernel": (2, 3), "stride": (3, 1)})
def test_convolution_equals_the_textbook(case):
    rng = np.random.default_rng(1)
    options = case["stride"], case["padding"], case["dilation"], case["groups"]
    dtype, groups = case["dtype"], case["groups"]
    x = rng.standard_normal((case["n"], case["c"], *case["size"])).astype(dtype)
    w = rng.standard_normal((case["f"], case["c"] // groups, *case["kernel"])).astype(dtype)
    b = rng.standard_normal(case["f"]).astype(dtype)
    z = textbook.conv2d(x, w, b, *options)
    delta = rng.standard_normal(z.shape).astype(dtype)
    expected = [
        z,
        textbook.conv2d_input_gradient(delta, w, case["size"], *options),
        textbook.conv2d_weight_gradient(delta, x, case["kernel"], *options),
        textbook.conv2d_bias_gradient(delta),
    ]
    tolerance = 1e-10 if dtype == "float64" else 2e-5
    for variant in ("cpu", "plain"):
        tensors = [mc.Tensor(laid_out(a, case["layout"])) for a in (x, w)] + [mc.tensor(b)]
        for t in tensors:
            t.requires_grad_()
        with kernels(variant):
            out = F.conv2d(*tensors, *options)
            out.backward(mc.Tensor(laid_out(delta, case["layout"])))
        found = [out.detach(), *[t.grad for t in tensors]]
        for mine, theirs in zip(found, expected, strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine.array, theirs, rtol=tolerance, atol=tolerance)


@st.composite
def poolings(draw):
    case = {
        "n": draw(st.integers(1, 2)),
        "c": draw(st.integers(1, 3)),
        "size": draw(st.tuples(st.integers(3, 9), st.integers(3, 9))),
        "kernel": draw(pairs),
        "stride": draw(pairs),
        "dilation": draw(pairs),
        "ceil_mode": draw(st.booleans()),
        "layout": draw(layouts),
        "dtype": draw(st.sampled_from(["float64", "float32"])),
    }
    case["padding"] = tuple(draw(st.integers(0, k // 2)) for k in case["kernel"])
    spans = map(effective_kernel, case["kernel"], case["dilation"])
    room = [n + 2 * p for n, p in zip(case["size"], case["padding"], strict=True)]
    assume(all(s <= r for s, r in zip(spans, room, strict=True)))
    return case


def run_pool(function, x, delta, layout, variant):
    t = mc.Tensor(laid_out(x, layout)).requires_grad_()
    with kernels(variant):
        out = function(t)
        out.backward(mc.Tensor(laid_out(delta, layout)))
    return out.array, t.grad.array


@given(poolings(), st.sampled_from(["distinct", "ties"]))
def test_max_pooling_equals_the_textbook(case, values):
    rng = np.random.default_rng(2)
    shape = (case["n"], case["c"], *case["size"])
    x = rng.standard_normal(shape) if values == "distinct" else rng.integers(0, 2, shape)
    x = x.astype(case["dtype"])
    options = [case[k] for k in ("kernel", "stride", "padding", "dilation", "ceil_mode")]
    y, argmax = textbook.max_pool2d(x, *options)
    delta = rng.standard_normal(y.shape).astype(case["dtype"])
    expected = textbook.max_pool2d_gradient(delta, argmax, case["size"])
    for variant in ("cpu", "plain"):
        out, dx = run_pool(lambda t: F.max_pool2d(t, *options), x, delta, case["layout"], variant)
        np.testing.assert_array_equal(out, y)
        np.testing.assert_allclose(dx, expected, rtol=1e-5, atol=1e-6)
        with kernels(variant):
            _, places = F.max_pool2d(mc.tensor(x), *options, return_indices=True)
        np.testing.assert_array_equal(places.array, argmax)


@given(poolings(), st.booleans(), st.sampled_from([None, 3]))
def test_mean_pooling_equals_the_textbook(case, count_include_pad, divisor):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((case["n"], case["c"], *case["size"])).astype(case["dtype"])
    sizes = [n + 2 * p for n, p in zip(case["size"], case["padding"], strict=True)]
    assume(all(k <= s for k, s in zip(case["kernel"], sizes, strict=True)))
    options = [case[k] for k in ("kernel", "stride", "padding", "ceil_mode")]
    options += [count_include_pad, divisor]
    y = textbook.avg_pool2d(x, *options)
    delta = rng.standard_normal(y.shape).astype(case["dtype"])
    expected = textbook.avg_pool2d_gradient(delta, case["size"], *options)
    for variant in ("cpu", "plain"):
        out, dx = run_pool(lambda t: F.avg_pool2d(t, *options), x, delta, case["layout"], variant)
        np.testing.assert_allclose(out, y, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(dx, expected, rtol=1e-5, atol=1e-6)


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
