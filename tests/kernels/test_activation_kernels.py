"""The activation kernels and their exponential: against float64, NumPy's kernels, and PyTorch."""

import threading

import numba
import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import activation

NAMES = ("logistic", "relu", "relu6", "silu", "hardsigmoid", "hardswish")
FUNCTIONS = ("sigmoid", "relu", "relu6", "silu", "hardsigmoid", "hardswish")
EPS = np.finfo(np.float32).eps
TINY = np.finfo(np.float32).tiny  # below it numbers are denormal and have fewer digits


def around(*numbers):
    """Each number, and the float32 before and behind it."""
    numbers = np.array(numbers, np.float32)
    return [numbers, np.nextafter(numbers, np.float32(-np.inf)), np.nextafter(numbers, np.inf)]


KINKS = np.concatenate([*around(0, 3, -3, 6, -6), [np.float32(-0.0)]]).astype(np.float32)
EXTREME = np.array([1e4, -1e4, 3e38, -3e38, 88, -88, -103.9, -104, -104.1, 1e-38, -1e-40], "f4")
NOT_FINITE = np.array([np.nan, np.inf, -np.inf], np.float32)


def inputs(*special, more=7):
    """Enough numbers for the kernels, and a rest that fills no vector."""
    rng = np.random.default_rng(1)
    special = np.concatenate(special) if special else np.empty(0, np.float32)
    sizes = rng.choice([0.01, 1, 5, 30], activation.SMALL + more)
    drawn = rng.standard_normal(sizes.size) * sizes
    x = np.concatenate([drawn, special]).astype(np.float32)
    delta = rng.standard_normal(x.size).astype(np.float32)
    return x, delta


_exponential = activation.exponential


@numba.njit
def _exponentials(x, y):
    for i in range(x.size):
        y[i] = _exponential(x[i])


def exponential(x):
    y = np.empty_like(x)
    _exponentials(x, y)
    return y


def test_the_exponential_is_right_to_the_last_digit_but_one():
    x = np.linspace(-87, 88, 2**20).astype(np.float32)
    expected = np.exp(x.astype(np.float64))
    assert abs(exponential(x) / expected - 1).max() < 1.5 * EPS
    # From here on the results are denormal: their last digit is always worth the same.
    x = np.linspace(-104, -87, 2**18).astype(np.float32)
    smallest = np.finfo(np.float32).smallest_subnormal
    distance = abs(exponential(x) - np.exp(x.astype(np.float64)))
    assert distance.max() <= max(1.5 * EPS * np.exp(-87.0), smallest)
    assert exponential(np.float32([-90]))[0] > 0


def test_the_exponential_outside_of_its_range():
    x = np.float32([0, -0.0, -104.5, -1e4, -3e38, -np.inf, np.nan, -1e-40, -1e-9])
    np.testing.assert_array_equal(exponential(x), np.float32([1, 1, 0, 0, 0, 0, np.nan, 1, 1]))


def exact(name, x):
    """f and f' in float64, the logistic's parts each without a difference that loses digits."""
    x = x.astype(np.float64)
    with np.errstate(over="ignore"):
        s, rest = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
    if name == "logistic":
        return s, s * rest
    return x * s, s * (1 + x * rest)


@pytest.mark.parametrize("name", ["logistic", "silu"])
def test_sigmoid_and_silu_to_a_few_digits(name):
    x = np.linspace(-86, 86, 2**18).astype(np.float32)
    x = np.concatenate([x, np.float32([1e4, -1e4, 3e38, -3e38, 1e-30, -1e-30])])
    y, slope = exact(name, x)
    found = find(name)(x)
    with np.errstate(under="ignore"):
        assert (abs(found - y) <= 3 * EPS * abs(y) + TINY).all()
    ones = np.ones_like(x)
    if name == "silu":
        # About its zero at −1.28 the slope is a difference of numbers of the size of s.
        gradient = find("silu_gradient")(ones, x)
        s, _ = exact("logistic", x)
        assert (abs(gradient - slope) <= 4 * EPS * (abs(slope) + s) + TINY).all()
    else:
        gradient = find("logistic_gradient")(ones, found)
        # y is rounded, and 1 − y with it.
        assert (abs(gradient - slope) <= 3 * EPS * y + TINY).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("special", [(), (KINKS,), (EXTREME,), (NOT_FINITE,)])
def test_fast_equals_plain(name, special):
    x, delta = inputs(*special)
    delta[-1:] = np.inf  # where f' is 0 it must vanish, too
    assert activation._suits(x)
    with np.errstate(all="ignore"):
        with kernels("plain"):
            y = find(name)(x)
            saved = y if name in ("logistic", "relu") else x
            dx = find(f"{name}_gradient")(delta, saved)
        fast, fast_dx = find(name)(x), find(f"{name}_gradient")(delta, saved)
    assert fast.dtype == fast_dx.dtype == np.float32
    if name in ("logistic", "silu"):
        np.testing.assert_allclose(fast, y, rtol=4 * EPS, atol=TINY)
        # NumPy's slope of SiLU is made of 1 − σ, which has lost digits where σ is almost 1.
        np.testing.assert_allclose(fast_dx, dx, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(fast, y)
        np.testing.assert_array_equal(fast_dx, dx)


@pytest.mark.parametrize(
    "name, zero",
    [("relu", [0, -0.0]), ("relu6", [0, -0.0, 6]), ("hardsigmoid", [-3, 3]), ("hardswish", [-3])],
)
def test_kinks_have_one_side(name, zero):
    """f' at the kinks: 0 where max and min are exactly at their ends."""
    x = np.full(activation.SMALL, 1, np.float32)
    x[: len(zero)] = zero
    gradient = find(f"{name}_gradient")(np.ones_like(x), x)
    assert (gradient[: len(zero)] == 0).all() and (gradient[len(zero) :] > 0).all()


def test_hardswish_is_the_identity_from_3_on():
    three = np.full(activation.SMALL, 3, np.float32)
    assert (find("hardswish_gradient")(three, three) == 3).all()


@pytest.mark.parametrize("name", NAMES)
def test_memory_in_another_order(name):
    x, delta = (a[: 2**15].reshape(128, 2, 128) for a in inputs(more=2**15))
    saved = find(name)(x) if name in ("logistic", "relu") else x
    expected = find(f"{name}_gradient")(delta, saved)
    for change in (np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1][::-1]):
        np.testing.assert_allclose(find(name)(change(x)), find(name)(x), rtol=4 * EPS)
        for arguments in ((change(delta), saved), (delta, change(saved))):
            found = find(f"{name}_gradient")(*arguments)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    one = np.broadcast_to(np.float32(0.5), x.shape)  # what a mean sends back
    found = find(f"{name}_gradient")(one, saved)
    np.testing.assert_array_equal(found, find(f"{name}_gradient")(one.copy(), saved))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_dtypes_are_numpys(name, dtype):
    x, delta = (a.astype(dtype) for a in inputs())
    y, dx = find(name)(x), find(f"{name}_gradient")(delta, x)
    assert y.dtype == dx.dtype == dtype
    with kernels("plain"):
        np.testing.assert_array_equal(y, find(name)(x))
        np.testing.assert_array_equal(dx, find(f"{name}_gradient")(delta, x))


def test_small_ones_empty_ones_and_single_numbers():
    for name in NAMES:
        for shape in ((), (0,), (2, 0, 3), (1,), (5, 3)):
            x = np.full(shape, -1.5, np.float32)
            assert np.shape(find(name)(x)) == shape
            assert np.shape(find(f"{name}_gradient")(x, x)) == shape


@pytest.mark.parametrize("size", range(activation.SMALL - 1, activation.SMALL + 18))
def test_every_length_of_the_rest(size):
    x = np.linspace(-4, 7, size).astype(np.float32)
    np.testing.assert_array_equal(find("relu6")(x), np.clip(x, 0, 6))
    np.testing.assert_allclose(find("logistic")(x), 1 / (1 + np.exp(-x)), rtol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("special", [(KINKS, EXTREME), (NOT_FINITE,)])
def test_functions_equal_pytorchs(name, special):
    torch = pytest.importorskip("torch")
    x, delta = inputs(*special)
    # PyTorch multiplies by 6 before it divides by 6.
    x[np.isfinite(x) & (abs(x) > 1e37)] = 0.5
    mine = mc.tensor(x, requires_grad=True)
    theirs = torch.tensor(x, requires_grad=True)
    y, other = getattr(F, name)(mine), getattr(torch.nn.functional, name)(theirs)
    y.backward(mc.tensor(delta))
    other.backward(torch.tensor(delta))
    np.testing.assert_allclose(y.detach().numpy(), other.detach().numpy(), rtol=1e-6, atol=1e-35)
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "relu6", "silu", "hardsigmoid", "hardswish"])
def test_in_place(name):
    x, delta = inputs(KINKS)
    expected = mc.tensor(x, requires_grad=True)
    y = getattr(F, name)(expected)
    y.backward(mc.tensor(delta))
    leaf = mc.tensor(x, requires_grad=True)
    found = getattr(F, name)(leaf * 1, inplace=True)
    found.backward(mc.tensor(delta))
    np.testing.assert_array_equal(found.detach().numpy(), y.detach().numpy())
    np.testing.assert_array_equal(leaf.grad.numpy(), expected.grad.numpy())


def test_two_threads_at_once():
    x, delta = inputs(more=2**16)
    expected = [find("silu")(x), find("silu_gradient")(delta, x)]
    wrong = []

    def work():
        for _ in range(20):
            found = [find("silu")(x), find("silu_gradient")(delta, x)]
            wrong.extend(not np.array_equal(a, b) for a, b in zip(found, expected, strict=True))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 80 and not any(wrong)
