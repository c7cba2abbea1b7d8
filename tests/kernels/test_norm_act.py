"""Batch normalisation with a shortcut and an activation: fast, plain, expansion and PyTorch."""

import itertools

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.checks import ArgumentError, GraphError, ShapeError
from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import norm_act
from minicnn.nn.functional.expansions import EXPANSIONS

ACTS = (None, "relu", "relu6", "silu", "hardswish")
WITH_SHORTCUT = [(act, False) for act in ACTS] + [(None, True), ("relu", True)]
# (N, C, L)
SHAPES = [(1, 1, 2), (2, 1, 1), (1, 3, 7), (5, 2, 16), (3, 70, 33), (2, 1, 1000), (33, 5, 1)]


def drawn(shape, seed=0):
    """x, δ, a shortcut; γ, β, μ, σ², of some size, in float64."""
    rng = np.random.default_rng([seed, *shape])
    x, delta, residual = (rng.standard_normal(shape) for _ in range(3))
    gamma, beta, mean = (rng.standard_normal(shape[1]) for _ in range(3))
    return 2 * x + 3, delta, residual, 2 * gamma, beta, mean, rng.uniform(0.5, 2, shape[1])


def run(arrays, act, shortcut, given, eps=1e-5):
    """y, μ, σ² and the gradients, by the kernels in force."""
    x, delta, residual, gamma, beta, mean, var = arrays
    statistics = (mean, var) if given else None
    residual = residual if shortcut else None
    y, mean, var = find("norm_act")(x, gamma, beta, eps, statistics, act, residual)
    saved = y if shortcut and act else None
    gradients = find("norm_act_gradient")(
        delta, x, saved, gamma, beta, eps, given, mean, var, act, shortcut
    )
    assert (gradients[3] is None) == (not shortcut)
    return y, mean, var, *gradients[: 4 if shortcut else 3]


def close(found, expected, tolerance=3e-5):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == np.float32
        scale = abs(b).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("act, shortcut", WITH_SHORTCUT)
@pytest.mark.parametrize("given", [False, True])
def test_fast_and_plain_equal_float64(shape, act, shortcut, given):
    arrays = drawn(shape)
    # With two values a channel x̂ is ±1 and ∂L/∂x almost 0: a larger ε leaves digits of it.
    eps = 1e-5 if given or shape[0] * shape[2] > 2 else 0.3
    singles = [a.astype(np.float32) for a in arrays]
    with kernels("plain"):
        expected = run([a.astype(np.float64) for a in singles], act, shortcut, given, eps)
        close(run(singles, act, shortcut, given, eps), expected)
    close(run(singles, act, shortcut, given, eps), expected)


def test_a_single_value_with_statistics():
    arrays = [a.astype(np.float32) for a in drawn((1, 4, 1))]
    with kernels("plain"):
        expected = run([a.astype(np.float64) for a in arrays], "silu", False, True)
    close(run(arrays, "silu", False, True), expected)


def test_a_large_mean_costs_no_digits():
    x = (np.random.default_rng(0).standard_normal((4, 2, 1000)) + 10_000).astype(np.float32)
    one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
    y, mean, var = find("norm_act")(x, one, zero, 1e-5, None, None, None)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 2)), rtol=1e-7)
    np.testing.assert_allclose(var, exact.var((0, 2)), rtol=1e-5)
    assert abs(y.mean((0, 2))).max() < 2e-3 and abs(y.std((0, 2)) - 1).max() < 1e-3


def strided(a, choice):
    if choice == 0:
        return np.asfortranarray(a)
    if choice == 1:
        return np.repeat(a, 2, axis=-1)[..., ::2]
    return a[..., ::-1].copy()[..., ::-1]


@pytest.mark.parametrize("choice", range(3))
def test_memory_in_another_order(choice):
    arrays = [a.astype(np.float32) for a in drawn((3, 4, 10))]
    others = [*(strided(a, choice) for a in arrays[:5]), *arrays[5:]]
    for act, shortcut in (("hardswish", False), ("relu", True)):
        for given in (False, True):
            expected = run(arrays, act, shortcut, given)
            for a, b in zip(run(others, act, shortcut, given), expected, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("act, shortcut", WITH_SHORTCUT)
def test_the_kinks_forward_and_backward_on_the_same_side(act, shortcut):
    """z is x to the last bit: μ = 0, σ² + ε = 1, γ = 1, β = 0."""
    edges = np.float32([0, -0.0, 3, -3, 6, 1e-45, -1e-45, 1e4, -1e4])
    z = np.concatenate([edges, np.nextafter(edges, np.float32(9)), np.nextafter(edges, -np.inf)])
    z = z.astype(np.float32).reshape(1, 1, -1)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    delta = np.full_like(z, 2)
    arrays = z, delta, np.zeros_like(z), one, zero, zero, one
    y, _, _, dx, *_ = run(arrays, act, shortcut, True, 0.0)
    if act is None:
        expected, slope = z, delta
    else:
        with kernels("plain"):
            expected = find(act)(z)
            slope = find(f"{act}_gradient")(delta, expected if act == "relu" else z)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(dx, slope, rtol=1e-5, atol=1e-6)
    if act != "silu":
        np.testing.assert_array_equal(dx == 0, slope == 0)


def test_one_machine_code_for_all_uses():
    arrays = [a.astype(np.float32) for a in drawn((2, 3, 4))]
    run(arrays, None, False, False)
    before = [len(k.compiled.signatures) for k in (norm_act._forward, norm_act._backward)]
    for (act, shortcut), given in itertools.product(WITH_SHORTCUT, (False, True)):
        run(arrays, act, shortcut, given)
    after = [len(k.compiled.signatures) for k in (norm_act._forward, norm_act._backward)]
    assert after == before


def test_an_infinite_delta_vanishes_where_the_slope_is_0():
    arrays = [a.astype(np.float32) for a in drawn((2, 1, 8))]
    arrays[1][0, 0, 3], arrays[0][0, 0, 3], arrays[3][:] = np.inf, -100, 1
    _, _, _, dx, dgamma, dbeta = run(arrays, "relu", False, True)
    assert dx[0, 0, 3] == 0 and np.isfinite(dx).all() and np.isfinite([dgamma, dbeta]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_channel(value):
    arrays = [a.astype(np.float32) for a in drawn((3, 3, 10))]
    arrays[0][1, 1, 4] = value
    with kernels("plain"), np.errstate(all="ignore"):
        expected = run(arrays, "relu6", False, False)
    for a, b in zip(run(arrays, "relu6", False, False), expected, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        others = a[:, [0, 2]] if a.ndim == 3 else a[[0, 2]]
        assert np.isfinite(others).all()


def test_no_variance_and_no_epsilon():
    x = np.float32([[[1, 2]], [[0, -1]]])
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    y, _, _ = find("norm_act")(x, one, zero, 0.0, (zero, zero), None, None)
    np.testing.assert_array_equal(y, [[[np.inf, np.inf]], [[np.nan, -np.inf]]])


def test_the_same_bits_twice_and_with_any_number_of_threads():
    arrays = [a.astype(np.float32) for a in drawn((4, 7, 300))]
    results, before = [], mc.get_num_threads()
    try:
        for threads in (before, 1, before):
            mc.set_num_threads(threads)
            results.append([a.tobytes() for a in run(arrays, "silu", False, False)])
    finally:
        mc.set_num_threads(before)
    assert results[0] == results[1] == results[2]


# ------------------------------------------------------------------------------- the function


def tensors(shape, seed, like=None, grad=True):
    """x, shortcut, γ, β, running mean and variance, δ: minicnn's, or PyTorch's with `like`."""
    rng = np.random.default_rng([seed, *shape])
    c = shape[1]
    shapes = (shape, shape, (c,), (c,), (c,), (c,), shape)
    made = []
    for i, s in enumerate(shapes):
        values = rng.standard_normal(s) if i != 5 else rng.uniform(0.5, 2, s)
        made.append((like or mc).tensor(values.astype(np.float32)))
    for t in made[:4] if grad else ():
        t.requires_grad_(True)
    return made


def call(function, t, act, shortcut, training, affine=True, momentum=0.3, running=True, eps=1e-3):
    """The result, the gradients and the running statistics, as arrays."""
    x, residual, gamma, beta, mean, var, delta = t
    gamma, beta = (gamma, beta) if affine else (None, None)
    mean, var = (mean, var) if running else (None, None)
    extra = {"residual": residual} if shortcut else {}
    y = function(x, mean, var, gamma, beta, training, momentum, eps, act=act, **extra)
    y.backward(delta)
    wanted = [x, *([residual] if shortcut else []), *([gamma, beta] if affine else [])]
    return [
        y.detach().numpy(), *[p.grad.numpy() for p in wanted],
        *[s.numpy() for s in (mean, var) if running],
    ]  # fmt: skip


def pytorch(torch):
    def function(x, mean, var, gamma, beta, training, momentum, eps, act, residual=None):
        f = torch.nn.functional
        y = f.batch_norm(x, mean, var, gamma, beta, training, momentum, eps)
        y = y if residual is None else y + residual
        return getattr(f, act)(y) if act else y

    return function


OPTIONS = [
    {"training": True}, {"training": False}, {"training": True, "affine": False},
    {"training": False, "affine": False}, {"training": True, "running": False},
    {"training": True, "momentum": 1.0}, {"training": True, "momentum": 0.0},
]  # fmt: skip


@pytest.mark.parametrize("act, shortcut", WITH_SHORTCUT)
@pytest.mark.parametrize("options", OPTIONS)
def test_equals_its_expansion_and_the_plain_way(act, shortcut, options):
    for shape in ((2, 3), (3, 2, 5), (2, 3, 4, 5)):
        found = call(F.batch_norm_act, tensors(shape, 1), act, shortcut, **options)
        expansion = EXPANSIONS["batch_norm_act"]
        close(found, call(expansion, tensors(shape, 1), act, shortcut, **options))
        with kernels("plain"):
            close(found, call(F.batch_norm_act, tensors(shape, 1), act, shortcut, **options))


@pytest.mark.parity
@pytest.mark.parametrize("act, shortcut", WITH_SHORTCUT)
@pytest.mark.parametrize("options", OPTIONS)
def test_equals_pytorchs(act, shortcut, options):
    torch = pytest.importorskip("torch")
    for shape in ((4, 3), (3, 2, 5), (2, 17, 4, 5)):
        found = call(F.batch_norm_act, tensors(shape, 2), act, shortcut, **options)
        close(found, call(pytorch(torch), tensors(shape, 2, torch), act, shortcut, **options))


@pytest.mark.parametrize("dtype", [mc.float16, mc.float64])
def test_other_dtypes_are_run_one_by_one(dtype):
    x, residual, *others = (t.to(dtype) for t in tensors((2, 3, 4), 3, grad=False))
    gamma, beta, mean, var, _ = others
    found = F.batch_norm_act(x, mean, var, gamma, beta, True, act="relu", residual=residual)
    assert found.dtype == dtype
    y = F.relu(F.batch_norm(x, None, None, gamma, beta, True) + residual)
    np.testing.assert_allclose(found.numpy(), y.numpy(), rtol=1e-2 if dtype == mc.float16 else 0)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0), (2, 0, 4)])
@pytest.mark.parametrize("training", [True, False])
def test_empty_batches(shape, training):
    t = tensors(shape, 4)
    before = [s.numpy().copy() for s in t[4:6]]
    found = call(F.batch_norm_act, t, "relu", True, training)
    assert found[0].shape == found[1].shape == shape
    for a, b in zip(found[-2:], before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("frozen", list(itertools.product([False, True], repeat=4))[:-1])
def test_only_what_is_asked_for(frozen):
    expected = call(F.batch_norm_act, tensors((2, 3, 4), 5), "relu", True, True)
    t = tensors((2, 3, 4), 5)
    for p, stays in zip(t[:4], frozen, strict=True):
        p.requires_grad_(not stays)
    y = F.batch_norm_act(t[0], t[4], t[5], t[2], t[3], True, 0.3, 1e-3, "relu", t[1])
    y.backward(t[6])
    for p, stays, gradient in zip(t[:4], frozen, expected[1:5], strict=True):
        if stays:
            assert p.grad is None
        else:
            np.testing.assert_array_equal(p.grad.numpy(), gradient)


def test_the_gradient_of_gamma_alone():
    x, _, gamma, beta, mean, var, delta = tensors((2, 3, 4), 6)
    y = F.batch_norm_act(x, mean, var, gamma, beta, True, act="silu")
    (only,) = mc.autograd.grad(y, gamma, delta, retain_graph=True)
    assert gamma.grad is None and x.grad is None
    y.backward(delta)
    np.testing.assert_array_equal(only.numpy(), gamma.grad.numpy())


@pytest.mark.parametrize("act, shortcut", WITH_SHORTCUT)
def test_backward_twice(act, shortcut):
    x, residual, gamma, beta, mean, var, delta = tensors((2, 3, 4), 7)
    shortcut = residual if shortcut else None
    y = F.batch_norm_act(x, mean, var, gamma, beta, True, act=act, residual=shortcut)
    y.backward(delta, retain_graph=True)
    once = [p.grad.numpy().copy() for p in (x, gamma, beta)]
    y.backward(delta)
    for p, gradient in zip((x, gamma, beta), once, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), 2 * gradient)
    with pytest.raises(GraphError, match="a second time"):
        y.backward(delta)


def changed(which, act, shortcut, training=True, like=None):
    """∂L/∂γ, of a graph in which a tensor is changed in place before backward."""
    x, residual, gamma, beta, mean, var, delta = tensors((2, 3, 4), 8, like)
    function = F.batch_norm_act if like is None else pytorch(like)
    # Not leaves, which must not be changed.
    x, residual = x * 1, residual * 1
    y = function(
        x, mean, var, gamma, beta, training, 0.1, 1e-5, act, residual if shortcut else None
    )
    targets = {
        "x": x, "residual": residual, "gamma": gamma, "beta": beta, "mean": mean, "y": y,
    }  # fmt: skip
    with (like or mc).no_grad():
        targets[which].add_(1)
    y.backward(delta)
    return gamma.grad.numpy()


# Whether PyTorch notices that backward would compute something else.
CHANGES = [
    ("x", "relu", False, True), ("x", "silu", False, True), ("x", None, True, True),
    ("gamma", "relu", False, True), ("beta", "relu", False, False), ("beta", None, False, False),
    ("beta", "silu", False, False), ("residual", "relu", True, False), ("y", "relu", True, True),
    ("y", None, True, False), ("y", None, False, False),
]  # fmt: skip


@pytest.mark.parametrize("which, act, shortcut, raises", CHANGES)
def test_changes_in_place_before_backward(which, act, shortcut, raises):
    if raises:
        with pytest.raises(GraphError, match="in place"):
            changed(which, act, shortcut)
        return
    x, residual, gamma, beta, mean, var, delta = tensors((2, 3, 4), 8)
    residual = residual if shortcut else None
    F.batch_norm_act(x, mean, var, gamma, beta, True, act=act, residual=residual).backward(delta)
    np.testing.assert_array_equal(changed(which, act, shortcut), gamma.grad.numpy())


@pytest.mark.parity
@pytest.mark.parametrize("which, act, shortcut, raises", CHANGES)
def test_changes_in_place_as_in_pytorch(which, act, shortcut, raises):
    torch = pytest.importorskip("torch")
    if raises:
        with pytest.raises(RuntimeError, match="inplace operation"):
            changed(which, act, shortcut, like=torch)
    else:
        expected = changed(which, act, shortcut, like=torch)
        np.testing.assert_allclose(changed(which, act, shortcut), expected, atol=1e-5)


def test_running_statistics_may_move_on_before_backward():
    x, _, gamma, beta, mean, var, delta = tensors((2, 3, 4), 9)
    F.batch_norm_act(x, mean, var, gamma, beta, act="relu").backward(delta)
    expected, gamma.grad = gamma.grad.numpy(), None
    y = F.batch_norm_act(x, mean, var, gamma, beta, act="relu")
    mean.add_(5), var.mul_(3)
    y.backward(delta)
    np.testing.assert_array_equal(gamma.grad.numpy(), expected)


def test_backward_under_the_plain_kernels():
    """Kernels of either kind take what the other kind's forward saved, and return new arrays."""
    for act, shortcut in WITH_SHORTCUT:
        expected = call(F.batch_norm_act, tensors((2, 3, 4), 10), act, shortcut, True)
        t = tensors((2, 3, 4), 10)
        extra = {"residual": t[1]} if shortcut else {}
        y = F.batch_norm_act(t[0], t[4], t[5], t[2], t[3], True, 0.3, 1e-3, act, **extra)
        total = y + t[1]  # its δ goes two ways
        total.backward(t[6], retain_graph=True)
        with kernels("plain"):
            for p in t[:4]:
                p.grad = None
            total.backward(t[6])
        found = [t[0].grad, t[2].grad, t[3].grad]
        close([g.numpy() for g in found], [expected[1], *expected[-4:-2]])
        along = expected[2] if shortcut else 0
        close([t[1].grad.numpy()], [along + t[6].numpy()])


def test_a_gradient_is_nobody_elses_array():
    arrays = [a.astype(np.float32) for a in drawn((2, 3, 4))]
    for variant in ("cpu", "plain"):
        with kernels(variant):
            for found in run(arrays, None, True, False)[3:]:
                assert not any(np.shares_memory(found, a) for a in arrays)


def test_what_is_refused():
    x, residual, _, _, mean, var, _ = tensors((2, 3, 4), 11)
    with pytest.raises(ArgumentError, match=r"batch_norm_act: act must be .*'relu'.* got 'tanh'"):
        F.batch_norm_act(x, mean, var, act="tanh")
    with pytest.raises(ShapeError, match=r"shortcut .*\(2, 3, 4\).* got \(2, 3, 1\)"):
        F.batch_norm_act(x, mean, var, act="relu", residual=residual[:, :, :1])
    with pytest.raises(ArgumentError, match="with a shortcut act must be 'relu' or None"):
        F.batch_norm_act(x, mean, var, act="silu", residual=residual)
    with pytest.raises(ShapeError, match="more than 1 value per channel"):
        F.batch_norm_act(x[:1, :, :1], mean, var, training=True, act="relu")
    np.testing.assert_array_equal(mean.numpy(), tensors((2, 3, 4), 11)[4].numpy())
