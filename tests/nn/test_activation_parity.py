"""Activations: equal to PyTorch, to the textbook and to their expansions; stable; clear errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.kernels import kernels
from minicnn.nn.functional.expansions import EXPANSIONS

# name: options drawn at random
OPTIONS = {
    "relu": {},
    "relu6": {},
    "leaky_relu": {"negative_slope": (0.01, 0.3, -0.5)},
    "elu": {"alpha": (1.0, 0.4, 2.5)},
    "gelu": {"approximate": ("none", "tanh")},
    "silu": {},
    "sigmoid": {},
    "tanh": {},
    "hardsigmoid": {},
    "hardswish": {},
    "softplus": {"beta": (1.0, 2.0, 0.3), "threshold": (20.0, 2.0, 0.0)},
    "softmax": {},
    "log_softmax": {},
}


finite = st.floats(-20, 20, width=32)


@given(arrays("float64", st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=finite))
def test_equal_to_the_textbook(x):
    delta = np.random.default_rng(7).standard_normal(x.shape)
    for name in ("relu", "relu6", "hardsigmoid", "hardswish", "silu", "sigmoid", "tanh"):
        t = mc.tensor(x, requires_grad=True)
        y = getattr(F, name)(t)
        y.backward(mc.tensor(delta))
        expected = getattr(textbook, name)(x)
        np.testing.assert_allclose(y.array, expected, rtol=1e-12, atol=1e-15, err_msg=name)
        kept = expected if name in ("sigmoid", "tanh") else x
        back = getattr(textbook, f"{name}_gradient")(delta, kept)
        np.testing.assert_allclose(t.grad.array, back, rtol=1e-9, atol=1e-13, err_msg=name)
    for name in ("softmax", "log_softmax"):
        t = mc.tensor(x, requires_grad=True)
        y = getattr(F, name)(t, 1)
        y.backward(mc.tensor(delta))
        expected = getattr(textbook, name)(x)
        np.testing.assert_allclose(y.array, expected, rtol=1e-11, atol=1e-13)
        back = getattr(textbook, f"{name}_gradient")(delta, expected)
        np.testing.assert_allclose(t.grad.array, back, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in OPTIONS if n in EXPANSIONS])
def test_equal_to_the_expansion(name):
    for case in range(30):
        rng = np.random.default_rng(case)
        x = rng.standard_normal((3, 4)) * 5
        options = {k: v[rng.integers(len(v))] for k, v in OPTIONS[name].items()}
        if "softmax" in name:
            options["dim"] = int(rng.integers(-2, 2))
        delta = mc.tensor(rng.standard_normal(x.shape))
        found = []
        for function in (getattr(F, name), EXPANSIONS[name]):
            t = mc.tensor(x, requires_grad=True)
            y = function(t, **options)
            y.backward(delta)
            found.append((y.array, t.grad.array))
        for fused, composed in zip(*found, strict=True):
            np.testing.assert_allclose(fused, composed, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OPTIONS)
def test_gradients_by_finite_differences(name, rng):
    x = rng.permutation(np.linspace(-7.9, 8.1, 12)).reshape(3, 4) + 0.013
    extra = {"dim": 0} if "softmax" in name else {}
    t = mc.tensor(x, requires_grad=True)
    assert mc.gradcheck(lambda t: getattr(F, name)(t, **extra), (t,))


def test_normal_cdf_is_exact_in_both_variants():
    from math import erfc, sqrt

    x = np.concatenate([np.linspace(-38, 9, 500), [0.0, np.inf, -np.inf]])
    exact = np.array([erfc(-v / sqrt(2)) / 2 for v in x])
    for variant in ("cpu", "plain"):
        with kernels(variant):
            from minicnn.kernels import find

            np.testing.assert_allclose(find("normal_cdf")(x), exact, rtol=4e-16)
            assert np.isnan(find("normal_cdf")(np.array([np.nan]))).all()
            for dtype in ("float16", "float32"):
                found = find("normal_cdf")(x.astype(dtype)[::-2].reshape(4, -1))
                assert found.dtype == dtype and found.shape == (4, 63)
            assert find("normal_cdf")(np.zeros((0, 3))).shape == (0, 3)
            strided = np.asfortranarray(x[:12].reshape(3, 4))
            np.testing.assert_allclose(find("normal_cdf")(strided), exact[:12].reshape(3, 4))


EXTREME = [1e4, -1e4, 60000.0, -60000.0, 0.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", OPTIONS)
def test_extreme_inputs_stay_finite(name, dtype):
    for approximate in ("none", "tanh") if name == "gelu" else (None,):
        options = {"approximate": approximate} if approximate else {}
        x = mc.tensor(EXTREME, dtype=dtype, requires_grad=True)
        softmax = "softmax" in name  # differences of scores must fit into float16, too
        y = getattr(F, name)(x / 8 if softmax else x, *((0,) if softmax else ()), **options)
        y.backward(mc.ones_like(y))
        assert y.dtype == dtype and x.grad.dtype == dtype
        assert np.isfinite(y.array).all() and np.isfinite(x.grad.array).all()
        if name in ("silu", "gelu", "hardswish", "softplus", "relu", "elu", "leaky_relu"):
            assert y[0].item() == x[0].item() and x.grad[0].item() == 1


def test_the_left_tail_keeps_its_digits():
    y = F.gelu(mc.tensor([-30.0], dtype="float64")).item()
    assert y == pytest.approx(-30 * 4.906713927148187e-198, rel=1e-12)
    assert F.elu(mc.tensor([-1e-12], dtype="float64")).item() == pytest.approx(-1e-12, rel=1e-11)
    assert F.softplus(mc.tensor([-40.0], dtype="float64")).item() == pytest.approx(
        np.exp(-40.0), rel=1e-12
    )


@pytest.mark.parity
def test_softmax_without_dim_warns_and_takes_pytorchs_dimension():
    torch = pytest.importorskip("torch")
    for shape in ((), (3,), (2, 3), (2, 3, 4), (2, 3, 1, 2)):
        x = np.random.default_rng(1).standard_normal(shape)
        for name in ("softmax", "log_softmax"):
            with pytest.warns(UserWarning, match="dim was not given"):
                mine = getattr(F, name)(mc.tensor(np.asarray(x)))
            with pytest.warns(UserWarning):
                theirs = getattr(torch.nn.functional, name)(torch.tensor(x))
            np.testing.assert_allclose(mine.array, theirs, rtol=1e-12)
    integers = mc.tensor([1, 2])
    assert F.softmax(integers, 0, dtype=mc.float64).dtype == mc.float64


MODULES = [
    ("ReLU", (), {}),
    ("ReLU", (True,), {}),
    ("ReLU6", (), {}),
    ("ReLU6", (), {"inplace": True}),
    ("LeakyReLU", (), {}),
    ("LeakyReLU", (0.2, True), {}),
    ("ELU", (), {}),
    ("ELU", (2.0, True), {}),
    ("GELU", (), {}),
    ("GELU", ("tanh",), {}),
    ("SiLU", (), {}),
    ("SiLU", (True,), {}),
    ("Sigmoid", (), {}),
    ("Tanh", (), {}),
    ("Hardsigmoid", (), {}),
    ("Hardsigmoid", (True,), {}),
    ("Hardswish", (), {}),
    ("Hardswish", (True,), {}),
    ("Softplus", (), {}),
    ("Softplus", (2, 1.0), {}),
    ("Softmax", (1,), {}),
    ("LogSoftmax", (-1,), {}),
]


@pytest.mark.parity
@pytest.mark.parametrize("name, positional, named", MODULES)
def test_modules_equal_pytorchs(name, positional, named, rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((3, 4)) * 4
    mine, theirs = (getattr(m.nn, name)(*positional, **named) for m in (mc, torch))
    assert repr(mine) == repr(theirs)
    assert not mine.state_dict()
    a, b = mc.tensor(x), torch.tensor(x)
    out = mine(a)
    np.testing.assert_allclose(out.array, theirs(b), rtol=1e-12, atol=1e-14)
    assert (out is a) == (getattr(mine, "inplace", False))
    np.testing.assert_allclose(a.array, b, rtol=1e-12, atol=1e-14)  # overwritten, or not


REFUSED = {
    "relu of booleans": (lambda m, f: f.relu(m.tensor([True])), "relu: expected numbers, got bool"),
    "relu6 of booleans": (lambda m, f: f.relu6(m.tensor([True])), "relu6: expected numbers"),
    "unknown approximation": (
        lambda m, f: f.gelu(m.ones(2), approximate="tan"),
        "gelu: approximate must be one of 'none', 'tanh'; got 'tan', did you mean 'tanh'",
    ),
    "softmax of integers": (
        lambda m, f: f.softmax(m.tensor([1, 2]), 0),
        r"softmax: expected a floating-point tensor, got int64; use .float\(\) or dtype=",
    ),
    "no such dimension": (lambda m, f: f.log_softmax(m.ones(2), 1), "log_softmax: dim 1 is out of"),
    "a slope in words": (
        lambda m, f: f.leaky_relu(m.ones(2), "steep"),
        "leaky_relu: negative_slope must be a number, got 'steep'",
    ),
    "a leaf in place": (
        lambda m, f: f.silu(m.ones(2, requires_grad=True), inplace=True),
        "silu: a leaf that requires grad cannot be changed in place",
    ),
    **{
        f"{name} of integers": (
            lambda m, f, name=name: getattr(f, name)(m.tensor([1, 2])),
            f"{name}: expected a floating-point input, got int64",
        )
        for name in ("leaky_relu", "elu", "gelu", "silu", "hardsigmoid", "hardswish", "softplus")
    },
}


@pytest.mark.parity
@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_with_a_reason(name):
    torch = pytest.importorskip("torch")
    call, text = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
        call(torch, torch.nn.functional)
    with pytest.raises(RuntimeError, match=text):
        call(mc, F)
