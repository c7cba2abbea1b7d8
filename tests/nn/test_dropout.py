"""Dropout: which values fall, by how much the others grow, and that backward drops the same."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F

FUNCTIONS = {
    "dropout": (F.dropout, {}),
    "dropout2d": (F.dropout2d, {}),
    "stochastic_depth": (F.stochastic_depth, {"mode": "row"}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_kept_values_grow_and_backward_has_the_same_mask(name, p, dtype, rng):
    function, options = FUNCTIONS[name]
    values = rng.uniform(1, 2, (40, 30, 3, 2)).astype(dtype)
    x = mc.tensor(values, requires_grad=True)
    y = function(x, p, **options)
    delta = rng.uniform(1, 2, values.shape).astype(dtype)
    y.backward(mc.tensor(delta))
    kept = y.array != 0
    assert y.dtype == x.grad.dtype == np.dtype(dtype)
    tolerance = 2e-3 if dtype == "float16" else 1e-6
    np.testing.assert_allclose(y.array, np.where(kept, values / (1 - p), 0), rtol=tolerance)
    np.testing.assert_allclose(x.grad.array, np.where(kept, delta / (1 - p), 0), rtol=tolerance)
    # What falls together: single elements, maps, or samples.
    axes = {"dropout": (), "dropout2d": (2, 3), "stochastic_depth": (1, 2, 3)}[name]
    assert (kept.all(axis=axes) == kept.any(axis=axes)).all()
    draws = kept.all(axis=axes).ravel()
    spread = np.sqrt(p * (1 - p) / draws.size)
    assert abs(draws.mean() - (1 - p)) < 5 * spread
    if name == "dropout":  # neither whole maps nor whole samples
        assert len(np.unique(kept.sum(axis=(2, 3)))) > 2


def test_gradients_by_finite_differences(rng):
    x = mc.tensor(rng.standard_normal((3, 4, 2, 2)), requires_grad=True)

    def seeded(function, *args):
        def run(t):
            mc.manual_seed(5)
            return function(t, 0.4, *args)

        return run

    for function, args in ((F.dropout, ()), (F.dropout2d, ()), (F.stochastic_depth, ("row",))):
        assert mc.gradcheck(seeded(function, *args), (x,))


def test_the_default_generator_decides():
    x = mc.ones(200)
    mc.manual_seed(3)
    first, second = F.dropout(x), F.dropout(x)
    mc.manual_seed(3)
    assert mc.equal(F.dropout(x), first)
    assert not mc.equal(first, second)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_and_everything(name):
    function, options = FUNCTIONS[name]
    x = mc.randn(3, 4, 2, 2, requires_grad=True)
    state = mc.random.default_generator.get_state()
    assert function(x, 0.0, **options) is x
    assert function(x, 0.7, training=False, **options) is x
    assert function(x, 1.0, training=False, **options) is x
    # Nothing was drawn: evaluation does not change what training will drop.
    assert mc.random.default_generator.get_state() == state
    y = function(x, 1.0, **options)
    y.backward(mc.ones_like(y))
    assert not y.array.any() and not x.grad.array.any()
    empty = mc.zeros(0, 4, 2, 2)
    assert function(empty, 0.5, **options) is empty


@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
def test_in_place(name, rng):
    function = getattr(F, name)
    x = mc.tensor(rng.uniform(1, 2, (3, 4, 2, 2)), requires_grad=True)
    y = x * 1
    before = y.array.copy()
    out = function(y, 0.5, inplace=True)
    assert out is y
    kept = y.array != 0
    np.testing.assert_allclose(y.array, np.where(kept, before * 2, 0))
    delta = rng.standard_normal(y.shape)
    y.backward(mc.tensor(delta))
    np.testing.assert_allclose(x.grad.array, np.where(kept, delta * 2, 0))
    with pytest.raises(RuntimeError, match="a leaf that requires grad cannot be changed in place"):
        function(x, 0.5, inplace=True)


def test_stochastic_depth_of_the_whole_batch():
    x, seen = mc.ones(4, 3), set()
    for _ in range(30):
        y = F.stochastic_depth(x, 0.5, "batch").array
        assert len(np.unique(y)) == 1
        seen.add(float(y[0, 0]))
    assert seen == {0.0, 2.0}
    assert F.stochastic_depth(mc.tensor(1.0), 0.5, "batch").item() in (0.0, 2.0)


def test_layers_drop_only_while_training():
    x = mc.ones(50, 20, 1, 1)
    for layer in (
        mc.nn.Dropout(0.3),
        mc.nn.Dropout2d(0.3),
        mc.nn.StochasticDepth(0.3, "row"),
    ):
        y = layer(x)
        assert set(np.unique(y.array).tolist()) == {0.0, np.float32(1 / (1 - 0.3))}
        assert layer.eval()(x) is x
        assert not layer.state_dict()
    y = x * 1
    assert mc.nn.Dropout(0.3, inplace=True)(y) is y


def test_other_shapes_of_maps_warn_as_in_pytorch():
    with pytest.warns(UserWarning, match=r"dropout2d: expected input of shape \(N, C, H, W\)"):
        y = F.dropout2d(mc.ones(6, 5, 4), 0.5).array
    assert (y == y[:, :, :1]).all()  # (N, C, L)
    assert len(np.unique(y[:, :, 0])) == 2


@pytest.mark.parity
def test_text_and_evaluation_equal_pytorchs():
    torch = pytest.importorskip("torch")
    for name, options in (
        ("Dropout", {}),
        ("Dropout", {"p": 0.2, "inplace": True}),
        ("Dropout2d", {"p": 0.25}),
    ):
        mine, theirs = (getattr(m.nn, name)(**options) for m in (mc, torch))
        assert repr(mine) == repr(theirs)
    # Drawn by other generators, the two agree in distribution: the same share of zeros, the same
    # factor for the rest, over 200 random settings.
    zeros = np.zeros((2, 200))
    for case in range(200):
        p = np.random.default_rng(case).uniform(0.05, 0.95)
        for row, (m, f) in enumerate(((mc, F), (torch, torch.nn.functional))):
            y = np.asarray(f.dropout(m.ones(400, dtype=m.float64), p))
            kept = y[y != 0]
            assert kept.size == 0 or np.allclose(kept, 1 / (1 - p), rtol=1e-12)
            zeros[row, case] = (y == 0).mean() - p
    assert abs(zeros.mean(axis=1)).max() < 5 * 0.5 / np.sqrt(200 * 400)


REFUSED = {
    "p above 1": (
        lambda m, f: f.dropout(m.ones(2), 1.1),
        "dropout: p must be between 0 and 1, got 1.1",
    ),
    "p below 0": (lambda m, f: f.dropout2d(m.ones(1, 2, 1, 1), -0.1), "dropout2d: p must be"),
    "p not a number": (lambda m, f: f.dropout(m.ones(2), float("nan")), "between 0 and 1, got nan"),
    "p in words": (lambda m, f: f.dropout(m.ones(2), "half"), "p must be a number, got 'half'"),
    "integers": (
        lambda m, f: f.dropout(m.tensor([1, 2]), 0.5),
        "dropout: expected a floating-point input, got int64",
    ),
    "a layer with p above 1": (lambda m, f: m.nn.Dropout(2), "Dropout: p must be between 0 and 1"),
    "a layer with p below 0": (lambda m, f: m.nn.Dropout2d(-1), "Dropout2d: p must be between"),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_with_a_reason(name):
    torch = pytest.importorskip("torch")
    call, text = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        call(torch, torch.nn.functional)
    with pytest.raises(RuntimeError, match=text):
        call(mc, F)


def test_more_bad_arguments():
    with (
        pytest.warns(UserWarning),
        pytest.raises(ValueError, match=r"at least the dimensions \(N, C\), got \(3,\)"),
    ):
        F.dropout2d(mc.ones(3))
    with pytest.raises(ValueError, match="mode must be one of 'batch', 'row'; got 'rows', did you"):
        F.stochastic_depth(mc.ones(2, 2), 0.5, "rows")
    with pytest.raises(ValueError, match="stochastic_depth: p must be between 0 and 1, got 3"):
        mc.nn.StochasticDepth(3, "row")(mc.ones(2, 2))
    with pytest.raises(ValueError, match="a 0-d tensor has no samples"):
        F.stochastic_depth(mc.tensor(1.0), 0.5, "row")
