"""Windowed functions are the textbook's loops: fast, plain and expanded, forward and backward."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.nn.functional.expansions import EXPANSIONS

DTYPES = (np.float16, np.float32, np.float64)
# Results are rounded to the dtype; the fast ones also add up in it, some of them.
TOLERANCES = {np.float16: 2e-2, np.float32: 2e-5, np.float64: 1e-10}
LAYOUTS = ("rows", "columns", "every second", "backwards")

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
pads = st.tuples(st.integers(0, 2), st.integers(0, 2))
seeds = st.integers(0, 2**16)
moderate = settings(max_examples=40)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny arrays: several threads would spend their time waiting for each other."""
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def laid_out(array, layout):
    """The same values, otherwise arranged in memory."""
    if layout == "columns":
        return np.asfortranarray(array)
    if layout == "every second":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "backwards":
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    return np.ascontiguousarray(array)


@st.composite
def images(draw, least=(1, 1), empty=True):
    """((N, C, H, W) with H ≠ W, both large enough, dtype, layout, random numbers)."""
    n, c = draw(st.integers(0 if empty else 1, 2)), draw(st.integers(1, 3))
    sizes = st.tuples(st.integers(least[0], least[0] + 5), st.integers(least[1], least[1] + 5))
    size = draw(sizes.filter(lambda s: s[0] != s[1]))
    dtype, layout = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(LAYOUTS))
    return (n, c, *size), dtype, layout, np.random.default_rng(draw(seeds))


def normal(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def with_ties(rng, shape, dtype):
    """Few different values: many maxima are equal."""
    return rng.integers(-2, 3, shape).astype(dtype)


def agree(name, options, inputs, delta, expected, gradients, layout="rows", indices=None, tol=None):
    """F.<name>(*inputs, **options), with the cpu and plain kernels, and its expansion."""
    ways = [("cpu", getattr(F, name)), ("plain", getattr(F, name))]
    if name in EXPANSIONS:
        ways.append(("cpu", EXPANSIONS[name]))
    dtype = expected.dtype
    tol = tol or TOLERANCES[dtype.type]
    for variant, function in ways:
        tensors = [mc.Tensor(laid_out(a, layout), requires_grad=True) for a in inputs]
        with mc.kernels(variant):
            y = function(*tensors, **options)
            if indices is not None:
                y, places = y
                np.testing.assert_array_equal(places.array, indices)
            y.backward(mc.Tensor(laid_out(delta, layout)))
        found = [y.detach().array, *(t.grad.array for t in tensors)]
        for mine, theirs in zip(found, [expected, *gradients], strict=True):
            assert (mine.dtype, mine.shape) == (dtype, theirs.shape)
            np.testing.assert_allclose(mine, theirs, rtol=tol, atol=tol)


def effective(kernel, dilation):
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


# ------------------------------------------------------------------------------ windows as columns


@moderate
@given(st.data(), pairs, pairs, pads, pairs)
def test_unfold_and_fold(data, kernel, dilation, padding, stride):
    least = [max(1, m - 2 * p) for m, p in zip(effective(kernel, dilation), padding, strict=True)]
    shape, dtype, layout, rng = data.draw(images(least))
    window = {"dilation": dilation, "padding": padding, "stride": stride}
    x = normal(rng, shape, dtype)
    columns = textbook.unfold(x, kernel, **window)
    delta = normal(rng, columns.shape, dtype)
    image = textbook.fold(delta, shape[2:], kernel, **window)
    options = {"kernel_size": kernel, **window}
    agree("unfold", options, [x], delta, columns, [image], layout)
    # Each is the other's gradient.
    options["output_size"] = shape[2:]
    agree("fold", options, [delta], x, image, [columns], layout)


@moderate
@given(images(least=(7, 7)), pairs, pairs, pads, pairs)
def test_unfold_and_fold_are_each_others_transpose(image, kernel, dilation, padding, stride):
    """⟨unfold(x), c⟩ = ⟨x, fold(c)⟩."""
    shape, _, _, rng = image
    x = rng.standard_normal(shape)
    columns = textbook.unfold(x, kernel, dilation, padding, stride)
    other = rng.standard_normal(columns.shape)
    image = textbook.fold(other, shape[2:], kernel, dilation, padding, stride)
    np.testing.assert_allclose((columns * other).sum(), (x * image).sum(), atol=1e-9)


# ------------------------------------------------------------------------------- adaptive pooling


@moderate
@given(images(), st.tuples(st.integers(1, 7), st.integers(1, 7)))
def test_adaptive_avg_pool2d(image, out):
    shape, dtype, layout, rng = image
    x = normal(rng, shape, dtype)
    y = textbook.adaptive_avg_pool2d(x, out)
    delta = normal(rng, y.shape, dtype)
    gradient = textbook.adaptive_avg_pool2d_gradient(delta, shape[2:])
    agree("adaptive_avg_pool2d", {"output_size": out}, [x], delta, y, [gradient], layout)


@moderate
@given(images(), st.tuples(st.integers(1, 7), st.integers(1, 7)))
def test_adaptive_max_pool2d(image, out):
    shape, dtype, layout, rng = image
    x = with_ties(rng, shape, dtype)
    y, argmax = textbook.adaptive_max_pool2d(x, out)
    delta = normal(rng, y.shape, dtype)
    gradient = textbook.max_pool2d_gradient(delta, argmax, shape[2:])
    options = {"output_size": out, "return_indices": True}
    agree("adaptive_max_pool2d", options, [x], delta, y, [gradient], layout, argmax)


def test_adaptive_max_pool2d_takes_the_last_nan(rng):
    x = np.array([[[[1.0, np.nan, 3, np.nan, 5], [9, 8, 7, 6, 5]]]])
    y, argmax = textbook.adaptive_max_pool2d(x, (1, 2))
    assert argmax.tolist() == [[[[1, 3]]]]
    delta = rng.standard_normal(y.shape)
    gradient = textbook.max_pool2d_gradient(delta, argmax, (2, 5))
    for variant in ("cpu", "plain"):
        t = mc.tensor(x, requires_grad=True)
        with mc.kernels(variant):
            found, places = F.adaptive_max_pool2d(t, (1, 2), return_indices=True)
            found.backward(mc.tensor(delta))
        assert np.isnan(found.detach().array).all()
        np.testing.assert_array_equal(places.array, argmax)
        np.testing.assert_array_equal(t.grad.array, gradient)


# ------------------------------------------------------------------------------ powers, unpooling


@moderate
@given(st.data(), st.sampled_from([1, 2, 3, 4, 0.5, 1.5, -1, -2]), pairs, pairs | st.none())
def test_lp_pool2d(data, p, kernel, stride):
    shape, dtype, layout, rng = data.draw(images(kernel))
    # Away from 0, where roots and negative powers magnify what float16 has rounded.
    x = rng.uniform(0.5, 1.5, shape)
    if p in (2, 4, -2) or (p in (1, 3) and dtype is np.float64):
        x *= rng.choice([-1, 1], shape)
    x = x.astype(dtype)
    y = textbook.lp_pool2d(x, p, kernel, stride)
    delta = normal(rng, y.shape, dtype)
    gradient = textbook.lp_pool2d_gradient(delta, x, p, kernel, stride)
    options = {"norm_type": p, "kernel_size": kernel, "stride": stride}
    tol = 5e-2 if dtype is np.float16 else 1e-4 if dtype is np.float32 else 1e-7
    with np.errstate(all="ignore"):
        agree("lp_pool2d", options, [x], delta, y, [gradient], layout, tol=tol)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pool2d_of_zeros_and_of_a_negative_sum(p, rng):
    x = np.array([[[[0.0, 0, 0, 3, -2, -1], [0, 0, 0, 0, -1, 0]]]])
    y = textbook.lp_pool2d(x, p, (2, 2))
    delta = rng.standard_normal(y.shape)
    gradient = textbook.lp_pool2d_gradient(delta, x, p, (2, 2))
    assert np.isnan(y[0, 0, 0, 2]) == (p == 3)
    assert not gradient[..., :2].any()
    with np.errstate(all="ignore"):
        agree("lp_pool2d", {"norm_type": p, "kernel_size": 2}, [x], delta, y, [gradient])


@moderate
@given(st.data(), pairs, pairs, st.booleans())
def test_max_unpool2d(data, kernel, stride, overlapping):
    shape, dtype, layout, rng = data.draw(images(kernel))
    stride = stride if overlapping else kernel
    x = with_ties(rng, shape, dtype)
    pooled, argmax = textbook.max_pool2d(x, kernel, stride)
    values = normal(rng, pooled.shape, dtype)
    y = textbook.max_unpool2d(values, argmax, shape[2:])
    delta = normal(rng, y.shape, dtype)
    gradient = textbook.max_unpool2d_gradient(delta, argmax)
    options = {
        "indices": mc.tensor(argmax),
        "kernel_size": kernel,
        "stride": stride,
        "output_size": shape[2:],
    }
    agree("max_unpool2d", options, [values], delta, y, [gradient], layout)


@moderate
@given(images(), st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_interpolate_nearest(image, out):
    """Small sizes only: the fast one divides in float32, which at 26 → 22 rounds below a whole."""
    shape, dtype, layout, rng = image
    x = normal(rng, shape, dtype)
    y = textbook.interpolate_nearest(x, out)
    delta = normal(rng, y.shape, dtype)
    gradient = textbook.interpolate_nearest_gradient(delta, shape[2:])
    agree("interpolate", {"size": out}, [x], delta, y, [gradient], layout)


# ---------------------------------------------------------------------------- signals: height 1


def flat(image):
    assert image.shape[2] == 1
    return image[:, :, 0]


@st.composite
def signals(draw):
    """Options of one axis, sizes, dtype, layout, random numbers."""
    k, s, d = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    length, p = draw(st.integers((k - 1) * d + 1, 9)), draw(st.integers(0, 2))
    return (
        (k, s, p, d, length),
        (draw(st.integers(0, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        draw(st.integers(1, 2)),
        (draw(st.sampled_from(DTYPES)), draw(st.sampled_from(LAYOUTS))),
        np.random.default_rng(draw(seeds)),
    )


@moderate
@given(signals())
def test_conv1d(signal):
    (k, s, p, d, length), (n, c, f), groups, (dtype, layout), rng = signal
    x = normal(rng, (n, c * groups, 1, length), dtype)
    w, b = normal(rng, (f * groups, c, 1, k), dtype), normal(rng, (f * groups,), dtype)
    window = (1, s), (0, p), (1, d), groups
    y = textbook.conv2d(x, w, b, *window)
    delta = normal(rng, y.shape, dtype)
    gradients = [
        flat(textbook.conv2d_input_gradient(delta, w, (1, length), *window)),
        flat(textbook.conv2d_weight_gradient(delta, x, (1, k), *window)),
        textbook.conv2d_bias_gradient(delta),
    ]
    options = {"stride": s, "padding": p, "dilation": d, "groups": groups}
    agree("conv1d", options, [flat(x), flat(w), b], flat(delta), flat(y), gradients, layout)


@moderate
@given(signals(), st.data())
def test_conv_transpose1d(signal, data):
    (k, s, p, d, length), (n, c, f), groups, (dtype, layout), rng = signal
    extra = data.draw(st.integers(0, s - 1))
    p = min(p, ((length - 1) * s + d * (k - 1) + extra) // 2)
    x = normal(rng, (n, c * groups, 1, length), dtype)
    w, b = normal(rng, (c * groups, f, 1, k), dtype), normal(rng, (f * groups,), dtype)
    window = (1, s), (0, p), (1, d), groups
    y = textbook.conv_transpose2d(x, w, b, (1, s), (0, p), (0, extra), (1, d), groups)
    delta = normal(rng, y.shape, dtype)
    # The transpose of the transpose is the convolution; x and δ have changed places.
    gradients = [
        flat(textbook.conv2d(delta, w, None, *window)),
        flat(textbook.conv2d_weight_gradient(x, delta, (1, k), *window)),
        textbook.conv2d_bias_gradient(delta),
    ]
    options = {
        "stride": s, "padding": p, "output_padding": extra, "groups": groups, "dilation": d
    }  # fmt: skip
    inputs = [flat(x), flat(w), b]
    agree("conv_transpose1d", options, inputs, flat(delta), flat(y), gradients, layout)


@moderate
@given(signals(), st.booleans())
def test_max_pool1d(signal, ceil_mode):
    (k, s, p, d, length), (n, c, _), _, (dtype, layout), rng = signal
    p = min(p, k // 2)
    x = with_ties(rng, (n, c, 1, length), dtype)
    y, argmax = textbook.max_pool2d(x, (1, k), (1, s), (0, p), (1, d), ceil_mode)
    delta = normal(rng, y.shape, dtype)
    gradients = [flat(textbook.max_pool2d_gradient(delta, argmax, (1, length)))]
    options = {
        "kernel_size": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": ceil_mode,
        "return_indices": True,
    }  # fmt: skip
    arrays = [flat(x)], flat(delta), flat(y), gradients
    agree("max_pool1d", options, *arrays, layout, flat(argmax))


@moderate
@given(signals(), st.booleans(), st.booleans())
def test_avg_pool1d(signal, ceil_mode, count_include_pad):
    (k, s, p, _, length), (n, c, _), _, (dtype, layout), rng = signal
    p = min(p, k // 2)
    x = normal(rng, (n, c, 1, length), dtype)
    window = (1, k), (1, s), (0, p), ceil_mode, count_include_pad
    y = textbook.avg_pool2d(x, *window)
    delta = normal(rng, y.shape, dtype)
    gradients = [flat(textbook.avg_pool2d_gradient(delta, (1, length), *window))]
    options = {
        "kernel_size": k, "stride": s, "padding": p, "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
    }  # fmt: skip
    agree("avg_pool1d", options, [flat(x)], flat(delta), flat(y), gradients, layout)


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: textbook.unfold(x, (4, 1)), "unfold: a window of size 4"),
        (lambda x: textbook.fold(x[0], (3, 4), (2, 2)), r"fold: 2·2 kernel places must divide"),
        (lambda x: textbook.fold(x[0], (3, 4), (1, 3)), r"fold: columns must have shape"),
        (lambda x: textbook.adaptive_avg_pool2d(x, (0, 1)), "output_size must be a pair"),
        (lambda x: textbook.lp_pool2d(x, 0, (2, 2)), "norm_type must be a finite number"),
        (lambda x: textbook.lp_pool2d(x, np.inf, (2, 2)), "norm_type must be a finite number"),
        (lambda x: textbook.max_unpool2d(x, x, (9, 9)), "argmax must hold integers"),
        (
            lambda x: textbook.max_unpool2d(x, np.full(x.shape, 4), (2, 2)),
            "argmax 4 lies outside a map of 2×2",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call(np.ones((1, 3, 3, 4)))
