"""Transposed convolution, windows as columns, adaptive pooling, borders and grids, on arrays."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import equations, textbook
from minicnn.kernels import find, kernels, variants
from minicnn.nn.functional.expansions import EXPANSIONS
from minicnn.ops import convolution, pooling, resampling, windows
from minicnn.ops.base import Operation
from minicnn.shapes import adaptive_windows

VARIANTS = ("cpu", "plain")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Thousands of tiny arrays: several threads would spend their time waiting for each other."""
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def operations():
    for module in (convolution, pooling, resampling, windows):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Operation) and value is not Operation:
                yield value


def test_every_operation_names_equations_that_exist():
    known = set(equations.keys())
    for operation in operations():
        assert operation.equations and set(operation.equations) <= known, operation.__name__


# ------------------------------------------------------------------------- transposed convolution


def test_it_is_the_transposed_matrix_of_the_convolution(rng):
    w, z = rng.standard_normal((3, 2)), rng.standard_normal((3, 5))
    matrix = textbook.convolution_matrix(w, (5, 6))  # of the convolution 5×6 → 3×5
    expected = textbook.multiply_transposed(matrix, z.ravel()).reshape(5, 6)
    found = F.conv_transpose2d(mc.tensor(z[None, None]), mc.tensor(w[None, None]))
    np.testing.assert_allclose(found.array[0, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("wanted", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1)])
@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_gradients_that_nobody_wants_change_nothing(function, wanted, rng):
    arrays = [rng.standard_normal(s) for s in ((2, 2, 5, 6), (2, 2, 3, 2), (2,))]
    results = []
    for flags in ((1, 1, 1), wanted):
        tensors = [mc.tensor(a, requires_grad=bool(f)) for a, f in zip(arrays, flags, strict=True)]
        out = function(*tensors, stride=2)
        out.backward(mc.tensor(np.random.default_rng(1).standard_normal(out.shape)))
        results.append([t.grad for t in tensors])
    for full, part, flag in zip(*results, wanted, strict=True):
        assert (part is not None) == bool(flag)
        if flag:
            np.testing.assert_array_equal(part.array, full.array)


# --------------------------------------------------------------------------------- pooling


def test_adaptive_pooling_to_one_value_is_global_pooling(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    whole = F.adaptive_avg_pool2d(mc.tensor(x), 1).array
    np.testing.assert_allclose(whole, textbook.global_avg_pool2d(x), atol=1e-12)


@given(st.integers(1, 30), st.integers(1, 30))
def test_adaptive_windows_cover_everything(n, out):
    found = adaptive_windows(n, out)
    assert found[0][0] == 0 and found[-1][1] == n and len(found) == out
    assert all(start < end for start, end in found)
    assert all(b[0] <= a[1] for a, b in itertools.pairwise(found))


TIES = {
    "max_pool2d": lambda t: F.max_pool2d(t, 2, 1),
    "adaptive_max_pool2d": lambda t: F.adaptive_max_pool2d(t, 2),
    "max_pool2d, expansion": lambda t: EXPANSIONS["max_pool2d"](t, 2, 1),
    "adaptive_max_pool2d, expansion": lambda t: EXPANSIONS["adaptive_max_pool2d"](t, 2),
    "max_pool1d": lambda t: F.max_pool1d(t.reshape(1, 9), 2, 1)[:, [0, 1, 3, 4]].reshape(1, 2, 2),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", TIES)
def test_of_equal_maxima_the_first_takes_all(name, variant):
    x = mc.ones(1, 3, 3, requires_grad=True)
    with kernels(variant):
        TIES[name](x).backward(mc.tensor([[[1.0, 10], [100, 1000]]]))
    # Windows of 2 × 2 (of 2, in row-major order) at the places (0, 0), (0, 1), (1, 0), (1, 1).
    assert x.grad.tolist() == [[[1, 10, 0], [100, 1000, 0], [0, 0, 0]]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_operation_alone_sends_ties_to_the_first(variant):
    x = np.array([[[[0.0, 2, 2, 1], [2, 2, 0, 1]]]])
    delta = np.array([[[[3.0, 5]]]])
    with kernels(variant):
        for operation in (
            pooling.MaxPool2d((2, 2), (2, 2), (0, 0), (1, 1), (1, 2)),
            pooling.AdaptiveMaxPool2d((1, 2)),
        ):
            y, argmax = operation.run(x)
            (dx,) = operation.gradients(delta, None)
            assert y.tolist() == [[[[2, 2]]]] and argmax.tolist() == [[[[1, 2]]]]
            assert dx.tolist() == [[[[0, 3, 5, 0], [0, 0, 0, 0]]]]


def test_adaptive_max_pooling_takes_the_last_nan(rng):
    x = np.array([[[[1.0, np.nan, 3, np.nan, 5], [9, 8, 7, 6, 5]]]])
    y, argmax = textbook.adaptive_max_pool2d(x, (1, 2))
    assert np.isnan(y).all() and argmax.tolist() == [[[[1, 3]]]]
    delta = rng.standard_normal(y.shape)
    gradient = textbook.max_pool2d_gradient(delta, argmax, (2, 5))
    for variant in VARIANTS:
        t = mc.tensor(x, requires_grad=True)
        with kernels(variant):
            found, places = F.adaptive_max_pool2d(t, (1, 2), return_indices=True)
            found.backward(mc.tensor(delta))
        assert np.isnan(found.detach().array).all()
        np.testing.assert_array_equal(places.array, argmax)
        np.testing.assert_array_equal(t.grad.array, gradient)


def test_infinity_stays_in_its_window():
    x = mc.tensor([[[1.0, 2, float("inf"), 3]]])
    assert F.adaptive_avg_pool2d(x, (1, 2)).tolist() == [[[1.5, float("inf")]]]
    assert F.interpolate(x[None], (1, 2)).tolist() == [[[[1.0, float("inf")]]]]


def test_unpooling_undoes_pooling_where_the_maxima_stood(rng):
    x = mc.tensor(rng.permutation(2 * 3 * 7 * 5).reshape(2, 3, 7, 5) + 1.0)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(y, places, 2, output_size=(7, 5))
    assert mc.equal(F.max_pool2d(back, 2), y)
    kept = back.array != 0
    assert kept.sum() == y.numel()
    np.testing.assert_array_equal(back.array[kept], x.array[kept])


def test_of_several_values_for_one_place_the_last_stays():
    x = mc.tensor([[[5.0, 6]]], requires_grad=True)
    y = F.max_unpool2d(x, mc.tensor([[[1, 1]]]), (1, 2))
    assert y.tolist() == [[[0, 6, 0, 0]]]


def test_indices_may_be_changed_after_the_forward():
    x, places = mc.tensor([[[7.0]]], requires_grad=True), mc.tensor([[[2]]])
    y = F.max_unpool2d(x, places, 2)
    places[0] = 0
    y.backward(mc.tensor([[[1.0, 10], [100, 1000]]]))
    assert x.grad.item() == 100


@pytest.mark.parametrize("function", [F.lp_pool2d, EXPANSIONS["lp_pool2d"]])
@pytest.mark.parametrize("p", [1, 2, 3, -2])
def test_the_root_of_zeros_has_slope_0_and_that_of_a_negative_sum_is_nan(function, p, rng):
    x = np.array([[[[0.0, 0, 0, 3, -2, -1], [0, 0, 0, 0, -1, -2]]]])
    if p < 0:
        x[..., :2], x[..., 2:] = np.inf, 2  # whose powers are 0
    y = textbook.lp_pool2d(x, p, (2, 2))
    delta = rng.standard_normal(y.shape)
    gradient = textbook.lp_pool2d_gradient(delta, x, p, (2, 2))
    assert np.isnan(y[0, 0, 0, 2]) == (p == 3)
    assert not gradient[..., :2].any()
    t = mc.tensor(x, requires_grad=True)
    out = function(t, p, 2)
    out.backward(mc.tensor(delta))
    np.testing.assert_allclose(out.array, y, atol=1e-12)
    np.testing.assert_allclose(t.grad.array, gradient, atol=1e-12)


# --------------------------------------------------------------------------------- windows


def test_unfold_counts_the_windows_over_each_pixel():
    x = mc.ones(1, 1, 3, 4)
    counts = F.fold(F.unfold(x, 2), (3, 4), 2)
    assert counts.tolist() == [[[[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]]]


def test_unfolded_columns_are_in_row_major_order(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    columns = F.unfold(mc.tensor(x), (2, 3)).array
    assert columns.shape == (2, 18, 9)
    # Window (1, 2) is number 1·3 + 2; entry (1, 0) of channel 2 is row 2·6 + 1·3.
    np.testing.assert_array_equal(columns[:, 15, 5], x[:, 2, 2, 2])
    assert columns.flags.c_contiguous


# --------------------------------------------------------------------------------- places


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
    st.integers(0, 3),
    st.sampled_from(["float64", "float32", "float16"]),
)
def test_adding_to_places_is_what_a_loop_does(places, axis, dtype):
    places = np.array(places)
    shape = [2, 3, 2, 3]
    shape[axis] = len(places)
    delta = np.random.default_rng(3).integers(-5, 6, shape).astype(dtype)
    shape[axis] = 6
    expected = np.zeros(shape, dtype)
    for i, place in enumerate(places):
        target = [slice(None)] * 4
        target[axis] = place
        expected[tuple(target)] += delta.take(i, axis)
    for variant in VARIANTS:
        with kernels(variant):
            found = find("add_to_places")(np.asfortranarray(delta), places, 6, axis)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == dtype


def test_borders_by_hand():
    x = mc.tensor([[[1, 2, 3]]])
    cases = {"reflect": [3, 2, 1, 2, 3, 2], "replicate": [1, 1, 1, 2, 3, 3],
             "circular": [2, 3, 1, 2, 3, 1]}  # fmt: skip
    for mode, expected in cases.items():
        assert F.pad(x, (2, 1), mode).tolist() == [[expected]]
    assert F.pad(x, (-1, 2), value=9).tolist() == [[[2, 3, 9, 9]]]
    assert F.pad(x, (-2, -1)).shape == (1, 1, 0)


def test_the_result_never_shares_memory():
    x = mc.ones(1, 1, 2, 2)
    for y in (F.pad(x, (0, 0)), F.pad(x, (-1, 0)), F.pad(x, (0, 0, 0, 0), "reflect"),
              F.interpolate(x, 2)):  # fmt: skip
        assert not np.shares_memory(x.array, y.array)


# --------------------------------------------------------------------------------- all of them

EVERY = {
    "conv1d": lambda x, w: F.conv1d(x[:, :, 0], w[:, :, 0], stride=2, padding=1),
    "conv_transpose1d": lambda x, w: F.conv_transpose1d(x[:, :, 0], w[:, :, 0], stride=3),
    "conv_transpose2d": lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1),
    "conv_transpose2d, dilated": lambda x, w: F.conv_transpose2d(x, w, None, 1, 1, 1, 1, 2),
    "max_pool1d": lambda x, w: F.max_pool1d(x[:, :, 0], 3, 2, 1),
    "avg_pool1d": lambda x, w: F.avg_pool1d(x[:, :, 0], 3, 2, 1, True, False),
    "lp_pool2d": lambda x, w: F.lp_pool2d(x * x + 0.1, 3, (2, 3), ceil_mode=True),
    "adaptive_avg_pool2d": lambda x, w: F.adaptive_avg_pool2d(x, (2, 3)),
    "adaptive_max_pool2d": lambda x, w: F.adaptive_max_pool2d(x, (2, 3)),
    "max_unpool2d": lambda x, w: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "unfold": lambda x, w: F.unfold(x, (3, 2), 1, 1, 2),
    "fold": lambda x, w: F.fold(x.reshape(len(x), 12, 5), (6, 3), 2, 1, 0, (1, 2)),
    "pad": lambda x, w: F.pad(x, (2, -1, 0, 1), value=0.5),
    "pad reflect": lambda x, w: F.pad(x, (2, 3, -1, 2), "reflect"),
    "pad replicate": lambda x, w: F.pad(x, (2, 3, -1, 2), "replicate"),
    "pad circular": lambda x, w: F.pad(x, (2, 3, 1, 2), "circular"),
    "nearest": lambda x, w: F.interpolate(x, (7, 3)),
    "bilinear": lambda x, w: F.interpolate(x, (7, 3), mode="bilinear"),
    "bilinear, corners": lambda x, w: F.interpolate(
        x, scale_factor=1.7, mode="bilinear", align_corners=True
    ),
    "pixel_shuffle": lambda x, w: F.pixel_shuffle(x.transpose(1, 2)[:, :4], 2),
    "channel_shuffle": lambda x, w: F.channel_shuffle(x.transpose(1, 2), 5),
}


@pytest.mark.parametrize("name", EVERY)
def test_gradients_by_finite_differences(name, rng):
    x = mc.tensor(rng.permutation(np.linspace(-2, 2, 120)).reshape(2, 2, 5, 6))
    w = mc.tensor(rng.standard_normal((2, 2, 3, 2)))
    for variant in VARIANTS:
        with kernels(variant):
            inputs = (x.requires_grad_(), w.requires_grad_())
            assert mc.gradcheck(lambda x, w: EVERY[name](x, w) * 1.5 + w.sum(), inputs)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", EVERY)
def test_halves_give_what_floats_give(name, variant, rng):
    x, w = rng.integers(-8, 9, (2, 2, 5, 6)) / 4, rng.integers(-2, 3, (2, 2, 3, 2)) / 2
    results = []
    for dtype in ("float16", "float32"):
        t = mc.tensor(x, dtype=dtype, requires_grad=True)
        with kernels(variant):
            out = EVERY[name](t, mc.tensor(w, dtype=dtype))
            out.backward(mc.ones_like(out) / 2)
        assert out.dtype == t.grad.dtype == dtype
        results.append((out.array.astype(float), t.grad.array.astype(float)))
    for half, full in zip(*results, strict=True):
        np.testing.assert_allclose(half, full, rtol=4e-3, atol=4e-3)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", EVERY)
def test_a_batch_of_none_passes_through(name, variant):
    x, w = mc.zeros(0, 2, 5, 6, requires_grad=True), mc.ones(2, 2, 3, 2)
    with kernels(variant):
        out = EVERY[name](x, w)
        out.sum().backward()
    assert out.shape[0] == 0 and x.grad.shape == x.shape


@pytest.mark.parametrize("name", EVERY)
def test_what_is_changed_before_backward_is_noticed_or_harmless(name, rng):
    """Either the engine refuses, or nothing that backward needs was changed."""
    gradients = []
    for change in (False, True):
        x = mc.tensor(np.linspace(-2, 2, 120).reshape(2, 2, 5, 6), requires_grad=True)
        y = x * 1
        w = mc.tensor(np.linspace(-1, 1, 24).reshape(2, 2, 3, 2)).requires_grad_()
        v = w * 1
        out = EVERY[name](y, v)
        if change:
            y += 100
            v += 100
        delta = mc.tensor(np.random.default_rng(1).standard_normal(out.shape))
        try:
            out.backward(delta)
        except RuntimeError as error:
            assert change and "changed in place" in str(error)
            return
        gradients.append(x.grad.array)
    np.testing.assert_array_equal(*gradients)


def test_every_windowed_kernel_has_a_plain_form_and_the_hot_ones_a_fast_one():
    for name in ("im2col", "col2im", "max_pool2d", "max_pool2d_gradient", "avg_pool2d",
                 "avg_pool2d_gradient", "adaptive_max_pool2d", "adaptive_avg_pool2d",
                 "adaptive_avg_pool2d_gradient", "add_to_places"):  # fmt: skip
        assert variants(name) == ["cpu", "cuda", "plain"]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.integers(1, 6), st.data())
def test_adaptive_maxima_are_the_same_in_every_variant(h, w, oh, ow, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.integers(-2, 3, (2, 2, h, w)).astype("float32")
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    x = x[:, ::-1]
    found = []
    for variant in VARIANTS:
        with kernels(variant):
            found.append(find("adaptive_max_pool2d")(x, (oh, ow)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
