"""Normalisation: equal to PyTorch, to the textbook and to its expansion; stable; clear errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.nn.functional.expansions import EXPANSIONS

TRAINING = ("batch_norm", "instance_norm")


def laid_out(array, choice):
    """The same values in another order of memory."""
    if choice == 1 and array.ndim:
        return np.asfortranarray(array)
    if choice == 2:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if choice == 3:
        return array[..., ::-1].copy()[..., ::-1]
    return array


def random_case(name, case):
    """(x, weight, bias, running mean and variance, options) of one random call."""
    rng = np.random.default_rng(case)
    n, c = rng.integers(1, 4), rng.integers(1, 5)
    places = tuple(rng.integers(2, 5, rng.integers(1, 4)))
    if name == "batch_norm" and rng.integers(3) == 0:
        n, places = n + 1, ()
    options, parameters = {"eps": float(rng.choice([1e-5, 1e-2]))}, c
    shape = (n, c, *places)
    if name == "layer_norm":
        last = int(rng.integers(1, len(shape)))
        options["normalized_shape"] = parameters = tuple(int(s) for s in shape[-last:])
    if name == "group_norm":
        groups = int(rng.integers(1, 4))
        shape = (n, c * groups, *places)
        parameters, options["num_groups"] = c * groups, groups
    if name == "local_response_norm":
        options = {
            "size": int(rng.integers(1, 7)),
            "alpha": float(rng.choice([1e-4, 0.7])),
            "beta": float(rng.choice([0.75, 1.3])),
            "k": float(rng.choice([1, 2])),
        }
    x = rng.standard_normal(shape) * rng.choice([0.3, 3]) + rng.choice([0, 7])
    if case % 10 == 9 and "eps" in options:
        # float32: a variance near 0 would blow up the last digits, in which the two may differ.
        x, options["eps"] = x - x.mean(), 1e-2
    tensors = [None] * 4
    if name != "local_response_norm":
        for i in range(2):
            if rng.integers(3):
                tensors[i] = rng.standard_normal(parameters)
        if name == "group_norm" and tensors[0] is None:
            tensors[1] = None  # PyTorch's backward fails for a bias without a weight
    if name in TRAINING:
        own = bool(rng.integers(2))
        options["training" if name == "batch_norm" else "use_input_stats"] = own
        options["momentum"] = float(rng.choice([0.1, 0.5]))
        if not own or rng.integers(2):
            tensors[2:] = rng.standard_normal(c), rng.uniform(0.5, 2, c)
    dtype = "float32" if case % 10 == 9 else "float64"
    tensors = [None if t is None else np.asarray(t, dtype) for t in tensors]
    return laid_out(x.astype(dtype), rng.integers(4)), tensors, options, rng


def call(module, function, name, x, tensors, options):
    """The output, and all that it changed or gives gradients to."""
    options = dict(options)
    first = [options.pop("normalized_shape")] if name == "layer_norm" else []
    made = [None if t is None else module.tensor(t) for t in tensors]
    for t in [x, *made[:2]]:
        if t is not None:
            t.requires_grad_()
    if name != "local_response_norm":
        options.update(weight=made[0], bias=made[1])
    if name in TRAINING:
        options.update(running_mean=made[2], running_var=made[3])
    return function(x, *first, **options), [x, *made[:2]], made[2:]


@pytest.mark.parity
@pytest.mark.parametrize(
    "name", ["batch_norm", "instance_norm", "layer_norm", "group_norm", "local_response_norm"]
)
def test_equal_to_the_expansion(name):
    functions = [
        (mc, getattr(F, name)),
        (mc, EXPANSIONS[name]),
    ]
    for case in range(200):
        x, tensors, options, rng = random_case(name, case)
        delta, found = rng.standard_normal(x.shape).astype(x.dtype), []
        for module, function in functions:
            t = mc.Tensor(x)
            out, wanted, running = call(module, function, name, t, tensors, options)
            out.backward(module.tensor(delta))
            results = [out.detach(), *[t.grad for t in wanted if t is not None], *running]
            found.append([np.asarray(r) for r in results if r is not None])
        tolerance = 1e-8 if x.dtype == "float64" else 3e-4
        for theirs in found[1:]:
            assert len(found[0]) == len(theirs)
            for a, b in zip(found[0], theirs, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype, (case, a.dtype, b.dtype)
                text = f"{name}, case {case}: {x.shape} {options}"
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=text)


sizes = st.tuples(
    st.integers(2, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99)
)


@given(sizes, st.sampled_from(["float64", "float32"]), st.integers(0, 3))
def test_batch_norm_equals_the_textbook(case, dtype, layout):
    *shape, seed = case
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal(shape) * 3 + 1).astype(dtype)
    gamma, beta, mean, var = (rng.uniform(0.5, 2, shape[1]).astype(dtype) for _ in range(4))
    delta = rng.standard_normal(shape).astype(dtype)
    tensors = [mc.tensor(a) for a in (gamma, beta, mean, var)]
    t = mc.Tensor(laid_out(x, layout)).requires_grad_()
    tensors[0].requires_grad_(), tensors[1].requires_grad_()
    y = F.batch_norm(t, *tensors[2:], *tensors[:2], training=True, momentum=0.3)
    y.backward(mc.Tensor(laid_out(delta, layout)))
    expected, mu, biased = textbook.batch_norm(x, gamma, beta)
    unbiased = textbook.unbiased_variance(biased, x.size // shape[1])
    back = textbook.batch_norm_gradients(delta, x, gamma)
    moved = [textbook.update_running(old, new, 0.3) for old, new in ((mean, mu), (var, unbiased))]
    found = [y, t.grad, tensors[0].grad, tensors[1].grad, *tensors[2:]]
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    for mine, theirs in zip(found, [expected, *back, *moved], strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine.array, theirs, rtol=tolerance, atol=tolerance)
    y = F.batch_norm(t, *tensors[2:], *tensors[:2])
    expected = textbook.batch_norm_evaluation(x, gamma, beta, *(t.array for t in tensors[2:]))
    np.testing.assert_allclose(y.array, expected, rtol=tolerance, atol=tolerance)


@given(sizes, st.sampled_from([1, 3, 5, 7]), st.sampled_from([1e-4, 0.5]))
def test_local_response_norm_equals_the_textbook_for_odd_n(case, n, alpha):
    *shape, seed = case
    rng = np.random.default_rng(seed)
    x, delta = rng.standard_normal(shape), rng.standard_normal(shape)
    t = mc.tensor(x, requires_grad=True)
    y = F.local_response_norm(t, n, alpha * n, 0.75, 2.0)  # PyTorch's α is divided by n
    y.backward(mc.tensor(delta))
    options = {"n": n, "k": 2.0, "alpha": alpha, "beta": 0.75}
    expected = textbook.local_response_norm(x, **options)
    back = textbook.local_response_norm_gradient(delta, x, **options)
    np.testing.assert_allclose(y.array, expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(t.grad.array, back, rtol=1e-9, atol=1e-12)


GRADIENTS = {
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "batch_norm, evaluation": lambda x, w, b: F.batch_norm(x, b.detach(), w.detach() ** 2, w, b),
    "layer_norm": lambda x, w, b: F.layer_norm(x, (3,), w[:3], b[1:]),
    "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
    "instance_norm": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "local_response_norm": lambda x, w, b: F.local_response_norm(x * w[0] + b[1], 4, 2.0),
    "normalize": lambda x, w, b: F.normalize(x, 3.0, (0, 2)) * w[0] + b[0],
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_by_finite_differences(name, rng):
    tensors = [mc.tensor(rng.standard_normal(s) * 2 + 1) for s in ((2, 4, 3), 4, 4)]
    for t in tensors:
        t.requires_grad_()
    running = (
        mc.tensor([1.0, -2, 0, 3], dtype="float64"),
        mc.tensor([1.0, 2, 3, 4], dtype="float64"),
    )
    function = GRADIENTS[name]
    if "evaluation" in name:
        function = lambda x, w, b: F.batch_norm(x, *running, w, b)  # noqa: E731
    assert mc.gradcheck(function, tensors)


def test_a_large_mean_does_not_drown_the_variance(rng):
    """E[x²] − μ² would lose it all: 1e4² = 1e8 has float32's digits used up."""
    x = rng.standard_normal((8, 2, 16, 16))
    y = F.batch_norm(mc.tensor(x + 1e4, dtype="float32"), None, None, training=True)
    expected = F.batch_norm(mc.tensor(x), None, None, training=True)
    assert abs(y.array - expected.array).max() < 3e-3
    y = F.layer_norm(mc.tensor(x + 1e4, dtype="float32"), (16, 16))
    assert abs(y.array.var(axis=(2, 3)) - 1).max() < 1e-3


@pytest.mark.parity
def test_extreme_inputs(rng):
    torch = pytest.importorskip("torch")
    for scale in (1e4, 1e-4, 1e15, 0.0):
        x = (rng.standard_normal((3, 4, 5)) * scale).astype("float32")
        for name, options in (
            ("batch_norm", {"running_mean": None, "running_var": None, "training": True}),
            ("layer_norm", {"normalized_shape": (5,)}),
            ("group_norm", {"num_groups": 2}),
            ("instance_norm", {}),
            ("local_response_norm", {"size": 3}),
        ):
            found = []
            for m, f in ((mc, F), (torch, torch.nn.functional)):
                t = m.tensor(x).requires_grad_()
                y = getattr(f, name)(t, **options)
                y.backward(m.tensor(x[::-1].copy()))
                found.append((np.asarray(y.detach()), np.asarray(t.grad)))
            for mine, theirs in zip(*found, strict=True):
                assert np.isfinite(mine).all()
                size = max(abs(theirs).max(), 1e-30)
                np.testing.assert_allclose(mine / size, theirs / size, rtol=1e-4, atol=1e-5)


@pytest.mark.parity
def test_float16_is_added_up_with_more_digits(rng):
    torch = pytest.importorskip("torch")
    x = (rng.standard_normal((16, 3, 32, 32)) * 40 + 100).astype("float16")
    delta = rng.standard_normal(x.shape).astype("float16")
    for parameter in ("float16", "float32"):
        found = []
        for m, f in ((mc, F), (torch, torch.nn.functional)):
            t = m.tensor(x).requires_grad_()
            w = m.tensor([1.0, 2, 3], dtype=getattr(m, parameter)).requires_grad_()
            r = [m.tensor([v] * 3, dtype=getattr(m, parameter)) for v in (0.0, 1.0)]
            b = m.tensor([0.5, 0, 1], dtype=getattr(m, parameter))
            y = f.batch_norm(t, *r, w, b, training=True)
            y.backward(m.tensor(delta))
            found.append([np.asarray(a) for a in (y.detach(), t.grad, w.grad, *r)])
        for mine, theirs in zip(*found, strict=True):
            assert mine.dtype == theirs.dtype and np.isfinite(mine).all()
            np.testing.assert_allclose(
                mine.astype("float64"), theirs.astype("float64"), rtol=3e-3, atol=3e-3
            )


def test_empty_batches_pass_through_and_leave_the_running_statistics():
    mean, var = mc.zeros(3), mc.ones(3)
    x, w = mc.zeros(0, 3, 2, 2, requires_grad=True), mc.ones(3, requires_grad=True)
    for y in (
        F.batch_norm(x, mean, var, w, training=True),
        F.instance_norm(x, mean, var, w),
        F.group_norm(x, 3, w),
        F.layer_norm(x, (2, 2)),
        F.local_response_norm(x, 2),
    ):
        assert y.shape == x.shape
        y.sum().backward()
    assert (mean.tolist(), var.tolist()) == ([0.0] * 3, [1.0] * 3)
    assert w.grad.tolist() == [0.0] * 3


def test_running_statistics_may_move_on_before_backward(rng):
    """The evaluation's gradient belongs to the statistics that it used."""
    x = mc.tensor(rng.standard_normal((4, 2)), requires_grad=True)
    mean, var = mc.zeros(2, dtype="float64"), mc.full((2,), 4.0, dtype=mc.float64)
    y = F.batch_norm(x, mean, var, eps=0.0)
    F.batch_norm(x * 100, mean, var, training=True)
    y.backward(mc.ones_like(y))
    np.testing.assert_allclose(x.grad.array, 0.5)


REFUSED = {
    "bn, one value": (
        lambda m, f: f.batch_norm(m.ones(1, 3, 1, 1), None, None, training=True),
        r"batch_norm: expected more than 1 value per channel .* got input of shape \(1, 3, 1, 1\)",
    ),
    "bn, no statistics": (
        lambda m, f: f.batch_norm(m.ones(2, 3), None, None),
        "batch_norm: evaluation needs running_mean and running_var",
    ),
    "bn, half of the statistics": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(3), None, training=True),
        "running_mean and running_var belong together",
    ),
    "bn, other channels": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(4), m.ones(4)),
        r"batch_norm: running_mean must have one number a channel, \(3,\), .* got \(4,\)",
    ),
    "bn, weight": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(3), m.ones(3), m.ones(4)),
        r"batch_norm: weight must have one number a channel",
    ),
    "bn, bias": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(3), m.ones(3), None, m.ones(2)),
        r"batch_norm: bias must have one number a channel",
    ),
    "bn, one dimension": (
        lambda m, f: f.batch_norm(m.ones(3), m.zeros(3), m.ones(3)),
        r"batch_norm: expected input of shape \(N, C\) or \(N, C, …\), got \(3,\)",
    ),
    "bn, integers": (
        lambda m, f: f.batch_norm(m.ones(2, 3, dtype=m.int64), m.zeros(3), m.ones(3)),
        "batch_norm: expected a floating-point input, got int64",
    ),
    "bn, mixed dtypes": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(3), m.ones(3), m.ones(3, dtype=m.float64)),
        "batch_norm: input is float32, but weight is float64",
    ),
    "bn, eps": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(3), m.ones(3), eps=-1.0),
        "batch_norm: eps must be at least 0, got -1.0",
    ),
    "bn, momentum": (
        lambda m, f: f.batch_norm(m.ones(2, 3), m.zeros(3), m.ones(3), momentum=None),
        "batch_norm: momentum must be a number, got None",
    ),
    "bn, statistics that require grad": (
        lambda m, f: f.batch_norm(m.rand(2, 3), m.zeros(3, requires_grad=True), m.ones(3)),
        "batch_norm: running_mean is no parameter and cannot require grad",
    ),
    "ln, shape": (
        lambda m, f: f.layer_norm(m.ones(2, 3), (2,)),
        r"layer_norm: input of shape \(2, 3\) must end in normalized_shape \(2,\)",
    ),
    "ln, too long": (
        lambda m, f: f.layer_norm(m.ones(3), (2, 3)),
        r"must end in normalized_shape \(2, 3\)",
    ),
    "ln, nothing": (lambda m, f: f.layer_norm(m.ones(2, 3), ()), "at least one dimension"),
    "ln, a number": (
        lambda m, f: f.layer_norm(m.ones(2, 3), 3),
        "layer_norm: normalized_shape must be a tuple of integers, got 3",
    ),
    "ln, weight": (
        lambda m, f: f.layer_norm(m.ones(2, 3), (3,), m.ones(2)),
        r"layer_norm: weight must have the shape normalized_shape, \(3,\)",
    ),
    "ln, integers": (lambda m, f: f.layer_norm(m.ones(2, 3, dtype=m.int64), (3,)), "layer_norm: "),
    "gn, groups": (
        lambda m, f: f.group_norm(m.ones(2, 4), 3),
        r"group_norm: num_groups \(3\) must divide the 4 channels of input \(2, 4\)",
    ),
    "gn, negative groups": (
        lambda m, f: f.group_norm(m.ones(2, 4), -1),
        "group_norm: num_groups must be at least 1, got -1",
    ),
    "gn, one value": (
        lambda m, f: f.group_norm(m.ones(1, 4), 4),
        "group_norm: expected more than 1 value per group",
    ),
    "gn, one dimension": (lambda m, f: f.group_norm(m.ones(4), 2), "group_norm: expected input"),
    "gn, weight": (
        lambda m, f: f.group_norm(m.ones(2, 4), 2, m.ones(3)),
        r"group_norm: weight must have one number a channel, \(4,\)",
    ),
    "in, one place": (
        lambda m, f: f.instance_norm(m.ones(2, 3, 1, 1)),
        "instance_norm: expected more than 1 value per channel of a sample",
    ),
    "in, no places": (lambda m, f: f.instance_norm(m.ones(2, 3)), "more than 1 value"),
    "in, no statistics": (
        lambda m, f: f.instance_norm(m.ones(2, 3, 2), use_input_stats=False),
        "use_input_stats=False needs running_mean and running_var",
    ),
    "in, weight": (
        lambda m, f: f.instance_norm(m.ones(2, 3, 2), weight=m.ones(4)),
        "instance_norm: weight must have one number a channel",
    ),
    "lrn, two dimensions": (
        lambda m, f: f.local_response_norm(m.ones(2, 3), 2),
        r"local_response_norm: expected input of shape \(N, C, L\) or \(N, C, H, W\), got \(2, 3\)",
    ),
    "lrn, size": (
        lambda m, f: f.local_response_norm(m.ones(2, 3, 2), 0),
        "local_response_norm: size must be at least 1, got 0",
    ),
    "lrn, a fraction": (
        lambda m, f: f.local_response_norm(m.ones(2, 3, 2), 2.5),
        "size must be an integer",
    ),
    "one_hot, floats": (lambda m, f: f.one_hot(m.ones(2)), "one_hot: expected class numbers as"),
    "one_hot, int32": (lambda m, f: f.one_hot(m.ones(2, dtype=m.int32)), "got int32; use .long"),
    "one_hot, negative": (
        lambda m, f: f.one_hot(m.tensor([-1])),
        "one_hot: class -1 is out of bounds",
    ),
    "one_hot, large": (
        lambda m, f: f.one_hot(m.tensor([5]), 3),
        "one_hot: class 5 is out of bounds: with 3 classes, numbers run from 0 to 2",
    ),
    "one_hot, of nothing": (
        lambda m, f: f.one_hot(m.zeros(0, dtype=m.int64)),
        "does not show how many classes",
    ),
    "one_hot, no classes": (lambda m, f: f.one_hot(m.tensor([0]), 0), "must be positive, or −1"),
    "normalize, dim": (lambda m, f: f.normalize(m.ones(3)), "normalize: dim 1 is out of range"),
    "normalize, integers": (
        lambda m, f: f.normalize(m.ones(2, 3, dtype=m.int64)),
        "normalize: expected a floating-point input",
    ),
    "BatchNorm1d of images": (
        lambda m, f: m.nn.BatchNorm1d(3)(m.ones(2, 3, 2, 2)),
        r"BatchNorm1d: expected input of shape \(N, C\) or \(N, C, L\), got \(2, 3, 2, 2\)",
    ),
    "BatchNorm2d without batch": (
        lambda m, f: m.nn.BatchNorm2d(3)(m.ones(3, 2, 2)),
        r"BatchNorm2d: expected input of shape \(N, C, H, W\), got \(3, 2, 2\)",
    ),
    "BatchNorm2d, channels": (
        lambda m, f: m.nn.BatchNorm2d(3)(m.ones(2, 4, 2, 2)),
        r"BatchNorm2d: input of shape \(2, 4, 2, 2\) has 4 channels, expected 3 \(num_features\)",
    ),
    "BatchNorm2d of less than nothing": (
        lambda m, f: m.nn.BatchNorm2d(-1),
        "BatchNorm2d: num_features must be at least 0, got -1",
    ),
    "InstanceNorm2d, channels": (
        lambda m, f: m.nn.InstanceNorm2d(3, affine=True)(m.ones(2, 4, 2, 2)),
        "InstanceNorm2d: input .* has 4 channels, expected 3",
    ),
    "InstanceNorm2d of a matrix": (
        lambda m, f: m.nn.InstanceNorm2d(3)(m.ones(3, 4)),
        r"InstanceNorm2d: expected input of shape \(N, C, H, W\) or \(C, H, W\), got \(3, 4\)",
    ),
    "GroupNorm, groups": (
        lambda m, f: m.nn.GroupNorm(3, 4),
        r"GroupNorm: num_channels \(4\) must be divisible by num_groups \(3\)",
    ),
    "LayerNorm, a fraction": (
        lambda m, f: m.nn.LayerNorm(2.5),
        "LayerNorm: normalized_shape must be an integer",
    ),
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
