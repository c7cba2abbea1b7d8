"""Losses: equal to PyTorch with all their options, to the textbook and to their expansions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.nn.functional.expansions import EXPANSIONS

REDUCTIONS = ("mean", "sum", "none")


def laid_out(array, choice):
    """The same values in another order of memory."""
    if choice == 1 and array.ndim:
        return np.asfortranarray(array)
    if choice == 2 and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if choice == 3 and array.ndim:
        return array[..., ::-1].copy()[..., ::-1]
    return array


def class_case(name, case):
    """Scores, target, weight and options of one random call."""
    rng = np.random.default_rng(case)
    classes, n = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    places = tuple(int(s) for s in rng.integers(1, 4, rng.choice([0, 0, 1, 2])))
    shape = (n, classes, *places) if case % 6 else (classes,)
    z = rng.standard_normal(shape) * rng.choice([1, 20])
    if name == "nll_loss":
        z = z - np.log(np.exp(z).sum(axis=min(1, z.ndim - 1), keepdims=True))
    options = {"reduction": REDUCTIONS[case % 3]}
    weight = rng.uniform(0.2, 2, classes) if rng.integers(2) else None
    if name == "cross_entropy" and rng.integers(2):
        options["label_smoothing"] = float(rng.choice([0.1, 1.0]))
    if name == "cross_entropy" and rng.integers(3) == 0:
        q = rng.dirichlet(np.ones(classes), (n, *places) if z.ndim > 1 else ())
        return z, np.moveaxis(q, -1, min(1, z.ndim - 1)).copy(), weight, options
    target = rng.integers(0, classes, shape[:1] + shape[2:] if z.ndim > 1 else ())
    if rng.integers(2):
        options["ignore_index"] = ignored = int(rng.choice([-100, 0, 255]))
        if target.size > 1:
            target = np.where(rng.random(target.shape) < 0.3, ignored, target)
            target.flat[0] = classes - 1 if ignored != classes - 1 else 0
    return z, np.asarray(target), weight, options


@pytest.mark.parity
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_losses_of_classes_equal_their_expansion(name):
    functions = [
        (mc, getattr(F, name)),
        (mc, EXPANSIONS[name]),
    ]
    seen = set()
    for case in range(300):
        z, target, weight, options = class_case(name, case)
        dtype = "float32" if case % 10 == 9 else "float64"
        z, layout, found = z.astype(dtype), case % 4, []
        soft = target.dtype == "float64"
        seen.add((soft, weight is None, "label_smoothing" in options, z.ndim > 2))
        for module, function in functions:
            x = mc.Tensor(laid_out(z, layout))
            x.requires_grad_()
            t = module.tensor(target.astype(dtype) if soft else target)
            if soft:
                t.requires_grad_()
            w = None if weight is None else module.tensor(weight.astype(dtype))
            out = function(x, t, w, **options)
            delta = np.random.default_rng(case).standard_normal(tuple(out.shape))
            out.backward(module.tensor(np.asarray(delta, dtype)))
            found.append([out.detach(), x.grad, *([t.grad] if soft else [])])
        tolerance = 1e-9 if dtype == "float64" else 1e-4
        for theirs in found[1:]:
            for a, b in zip(found[0], theirs, strict=True):
                a, b = np.asarray(a), np.asarray(b)
                assert a.shape == b.shape and a.dtype == b.dtype, (case, options)
                np.testing.assert_allclose(
                    a, b, rtol=tolerance, atol=tolerance, err_msg=f"{case} {z.shape} {options}"
                )
    if name == "cross_entropy":
        assert len(seen) == 16  # every combination came up


# name: (reductions, what the target looks like, options drawn at random)
PAIRS = {
    "mse_loss": (REDUCTIONS, "any", {"weight": ("like", None, None)}),
    "l1_loss": (REDUCTIONS, "any", {"weight": ("like", None, None)}),
    "smooth_l1_loss": (REDUCTIONS, "any", {"beta": (1.0, 0.3, 0.0, 2.5)}),
    "binary_cross_entropy_with_logits": (
        REDUCTIONS,
        "probabilities",
        {"weight": ("row", "like", None), "pos_weight": ("row", "like", None)},
    ),
    "kl_div": ((*REDUCTIONS, "batchmean"), "probabilities", {"log_target": (False, True)}),
}


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:kl_div", "ignore:reduction", "ignore:.*target")
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", [n for n in PAIRS if n in EXPANSIONS])
def test_elementwise_losses_equal_their_expansion(name):
    functions = [(mc, getattr(F, name)), (mc, EXPANSIONS[name])]
    reductions, kind, drawn = PAIRS[name]
    for case in range(200):
        rng = np.random.default_rng(case)
        shape = tuple(rng.integers(1, 5, rng.integers(0, 4)))
        y = np.asarray(rng.standard_normal(shape) * rng.choice([1, 10]))
        target = np.asarray(rng.standard_normal(shape))
        options = {k: v[rng.integers(len(v))] for k, v in drawn.items()}
        if kind == "probabilities":
            target = np.asarray(rng.uniform(0.01, 1, shape))
            if options.get("log_target"):
                target = np.log(target)
        elif case % 5 == 0:
            target = np.where(rng.random(shape) < 0.3, y, target)  # differences of 0
        if len(shape) > 1 and case % 7 == 0 and "logits" not in name:
            target = target[:1]  # broadcasts
        for key in ("weight", "pos_weight"):
            if options.get(key) is not None:
                size = shape[-1:] if options[key] == "row" else shape
                options[key] = rng.uniform(0.1, 3, size)
        dtype = "float32" if case % 10 == 9 else "float64"
        found = []
        for module, function in functions:
            x = mc.Tensor(laid_out(y.astype(dtype), case % 4))
            x.requires_grad_()
            t = module.tensor(target.astype(dtype)).requires_grad_()
            given = {
                k: module.tensor(v.astype(dtype)) if isinstance(v, np.ndarray) else v
                for k, v in options.items()
            }
            out = function(x, t, reduction=reductions[case % len(reductions)], **given)
            delta = np.asarray(np.random.default_rng(case).standard_normal(tuple(out.shape)))
            out.backward(module.tensor(delta.astype(dtype)))
            found.append([np.asarray(a) for a in (out.detach(), x.grad, t.grad)])
        tolerance = 1e-9 if dtype == "float64" else 1e-4
        for theirs in found[1:]:
            for a, b in zip(found[0], theirs, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype, case
                text = f"{name}, case {case}: {shape} {options}"
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=text)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99), st.sampled_from([1, 30]))
def test_cross_entropy_equals_the_textbook(n, classes, seed, scale):
    rng = np.random.default_rng(seed)
    z, target = rng.standard_normal((n, classes)) * scale, rng.integers(0, classes, n)
    t = mc.tensor(z, requires_grad=True)
    loss = F.cross_entropy(t, mc.tensor(target))
    loss.backward(mc.tensor(-1.7, dtype=mc.float64))
    np.testing.assert_allclose(
        loss.array, textbook.cross_entropy(z, target), rtol=1e-10, atol=1e-12
    )
    expected = -1.7 * textbook.cross_entropy_gradient(z, target)
    np.testing.assert_allclose(t.grad.array, expected, rtol=1e-9, atol=1e-12)


LABELS = [2, 0, 1, 1]
GRADIENTS = {
    "cross_entropy": lambda z, t: F.cross_entropy(
        z, mc.tensor(LABELS), t[0], ignore_index=2, reduction="none", label_smoothing=0.2
    ),
    "cross_entropy, probabilities": lambda z, t: F.cross_entropy(z, t * 1, label_smoothing=0.2),
    "nll_loss": lambda z, t: F.nll_loss(z, mc.tensor(LABELS)) * 3,
    "mse_loss": lambda z, t: F.mse_loss(z, t, weight=t),
    "l1_loss": lambda z, t: F.l1_loss(z, t, reduction="none"),
    "smooth_l1_loss": lambda z, t: F.smooth_l1_loss(z, t, reduction="none", beta=0.7),
    "binary_cross_entropy_with_logits": lambda z, t: F.binary_cross_entropy_with_logits(
        z, t, reduction="none", pos_weight=mc.tensor([2.0, 0.5, 3.0])
    ),
    "kl_div": lambda z, t: F.kl_div(z, t, reduction="none"),
    "kl_div, logarithms": lambda z, t: F.kl_div(z, t, reduction="none", log_target=True),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_by_finite_differences(name, rng):
    z = mc.tensor(rng.standard_normal((4, 3)) * 2, requires_grad=True)
    t = mc.tensor(rng.uniform(0.1, 1, (4, 3)), requires_grad="probabilities" in name)
    if name.split(",")[0] in PAIRS:
        t.requires_grad_()
    assert mc.gradcheck(GRADIENTS[name], (z, t))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_scores_stay_finite(dtype):
    z = mc.tensor([[1e4, -1e4, 0.0]], dtype=dtype, requires_grad=True)
    value = F.cross_entropy(z, mc.tensor([1]), label_smoothing=0.3)
    value.backward()
    np.testing.assert_allclose(value.item(), 0.7 * 2e4 + 0.1 * 3e4, rtol=1e-6)
    np.testing.assert_allclose(z.grad.array, [[0.9, -0.8, -0.1]], rtol=1e-6)
    q = mc.tensor([[0.0, 0.25, 0.75]], dtype=dtype)
    assert F.cross_entropy(z, q).item() == 0.25 * 2e4 + 0.75 * 1e4
    z = mc.tensor([1e4, -1e4, 1e4, -1e4], dtype=dtype, requires_grad=True)
    t = mc.tensor([1.0, 1.0, 0.0, 0.0], dtype=dtype)
    losses = F.binary_cross_entropy_with_logits(z, t, reduction="none", pos_weight=t.detach() + 2)
    losses.backward(mc.ones_like(losses))
    assert losses.tolist() == [0.0, 3e4, 1e4, 0.0]
    assert z.grad.tolist() == [0.0, -3.0, 1.0, 0.0]
    small = F.binary_cross_entropy_with_logits(
        mc.tensor([-30.0], dtype=dtype), mc.tensor([0.0], dtype=dtype)
    )
    np.testing.assert_allclose(small.item(), np.exp(-30.0), rtol=1e-5)
    d = mc.tensor([1e4, -1e4, 0.0], dtype=dtype, requires_grad=True)
    out = F.smooth_l1_loss(d, mc.zeros(3, dtype=dtype), reduction="none")
    out.backward(mc.ones_like(out))
    assert (out.tolist(), d.grad.tolist()) == ([1e4 - 0.5, 1e4 - 0.5, 0.0], [1.0, -1.0, 0.0])


@pytest.mark.parity
def test_the_class_of_one_sample_may_be_a_batch_of_one():
    torch = pytest.importorskip("torch")
    for reduction in REDUCTIONS:
        found = []
        for m, f in ((mc, F), (torch, torch.nn.functional)):
            z = m.tensor([1.0, 2.0, 0.5])
            found.append(f.cross_entropy(z, m.tensor([1]), reduction=reduction))
            found.append(f.cross_entropy(z, m.tensor(1), reduction=reduction))
        assert [tuple(v.shape) for v in found] == [()] * 4
        np.testing.assert_allclose([v.item() for v in found], found[0].item(), rtol=1e-6)


def test_labels_of_uint8_are_classes_too():
    z, numbers = mc.randn(3, 4), [3, 0, 3]
    for options in ({}, {"ignore_index": 3, "label_smoothing": 0.1}):
        one, other = (
            F.cross_entropy(z, mc.tensor(numbers, dtype=dtype), **options)
            for dtype in (mc.uint8, mc.int64)
        )
        assert mc.equal(one, other)


def test_ignored_samples_may_hold_anything():
    z = mc.tensor([[float("-inf"), 0.0], [1.0, 2.0]], requires_grad=True)
    loss = F.cross_entropy(z, mc.tensor([-100, 0]), mc.tensor([3.0, 1.0]))
    loss.backward()
    expected = np.log1p(np.exp(1.0))
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert z.grad[0].tolist() == [0.0, 0.0]
    for smoothing in (0.0, 0.1):
        none = F.cross_entropy(z[1:], mc.tensor([-100]), label_smoothing=smoothing)
        assert np.isnan(none.item())  # 0/0, as in PyTorch
    assert F.nll_loss(z[1:], mc.tensor([-100]), reduction="sum").item() == 0


def test_changes_after_the_forward_do_not_reach_backward():
    gradients = []
    for changed in (False, True):
        z = mc.tensor([[1.0, 2.0]], requires_grad=True)
        target, weight = mc.tensor([0]), mc.tensor([2.0, 1.0])
        positive = mc.tensor([3.0, 0.5])
        loss = F.cross_entropy(z, target, weight, label_smoothing=0.2)
        both = loss + F.binary_cross_entropy_with_logits(z, z.detach() * 0.1, pos_weight=positive)
        if changed:
            target.fill_(1)
            weight.fill_(99)
            positive.fill_(99)
        both.backward()
        gradients.append(z.grad.tolist())
    assert gradients[0] == gradients[1]
    q = mc.tensor([[0.5, 0.5]])
    loss = F.cross_entropy(z, q)
    q.fill_(0)
    with pytest.raises(RuntimeError, match=r"SoftCrossEntropy: the tensor saved as 'q'.*in place"):
        loss.backward()


@pytest.mark.parity
def test_sums_over_empty_batches():
    torch = pytest.importorskip("torch")
    for m, f in ((mc, F), (torch, torch.nn.functional)):
        labels = m.zeros(0, dtype=m.int64)
        assert f.cross_entropy(m.zeros(0, 3), labels, reduction="sum").item() == 0
        assert tuple(f.nll_loss(m.zeros(0, 3), labels, reduction="none").shape) == (0,)
        assert f.mse_loss(m.zeros(0, 3), m.zeros(0, 3), reduction="sum").item() == 0
    for name in (*PAIRS, "cross_entropy"):
        if name == "kl_div":
            continue
        with pytest.raises(ValueError, match=f"{name}: the batch is empty, and a mean over 0"):
            getattr(F, name)(mc.zeros(0, 3), mc.zeros(0, 3))
    with pytest.raises(ValueError, match="kl_div: the batch is empty"):
        F.kl_div(mc.zeros(0, 3), mc.zeros(0, 3), reduction="batchmean")


@pytest.mark.parity
def test_probabilities_of_0_add_nothing_to_the_divergence(rng):
    torch = pytest.importorskip("torch")
    found = []
    y, t = rng.standard_normal((2, 3)), [[0.0, 0.4, 0.6], [1.0, 0.0, 0.0]]
    for m, f in ((mc, F), (torch, torch.nn.functional)):
        z = m.tensor(y).requires_grad_()
        loss = f.kl_div(z, m.tensor(t, dtype=m.float64), reduction="none")
        loss.backward(m.tensor(y))
        found.append((np.asarray(loss.detach()), np.asarray(z.grad)))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-15)


def test_warnings_as_in_pytorch():
    with pytest.warns(UserWarning, match=r"mse_loss: target has shape \(3,\), input \(3, 1\)"):
        F.mse_loss(mc.zeros(3, 1), mc.zeros(3))
    with pytest.warns(UserWarning, match="kl_div: reduction='mean' .* use 'batchmean'"):
        F.kl_div(mc.zeros(3, 1), mc.zeros(3, 1))


MODULES = [
    ("CrossEntropyLoss", {}, "classes"),
    ("CrossEntropyLoss", {"weight": 3, "ignore_index": 1, "label_smoothing": 0.1}, "classes"),
    ("CrossEntropyLoss", {"weight": 3, "reduction": "none"}, "probabilities"),
    ("NLLLoss", {"weight": 3, "ignore_index": 1, "reduction": "sum"}, "classes"),
    ("MSELoss", {}, "probabilities"),
    ("L1Loss", {"reduction": "sum"}, "probabilities"),
    ("SmoothL1Loss", {"beta": 0.2, "reduction": "none"}, "probabilities"),
    ("BCEWithLogitsLoss", {"weight": 3, "pos_weight": 3}, "probabilities"),
    ("BCEWithLogitsLoss", {"reduction": "sum"}, "probabilities"),
    ("KLDivLoss", {"reduction": "batchmean"}, "probabilities"),
    ("KLDivLoss", {"reduction": "sum", "log_target": True}, "probabilities"),
]


@pytest.mark.parity
@pytest.mark.parametrize("name, options, kind", MODULES)
def test_modules_equal_pytorchs(name, options, kind, rng):
    torch = pytest.importorskip("torch")
    z = rng.standard_normal((5, 3))
    target = rng.integers(0, 3, 5) if kind == "classes" else rng.dirichlet(np.ones(3), 5)
    weights = {k: rng.uniform(0.5, 2, 3) for k in ("weight", "pos_weight") if k in options}
    found = []
    for m in (mc, torch):
        layer = getattr(m.nn, name)(**{**options, **{k: m.tensor(w) for k, w in weights.items()}})
        found.append((repr(layer), list(layer.state_dict()), layer(m.tensor(z), m.tensor(target))))
    (text, keys, mine), (their_text, their_keys, theirs) = found
    assert (text, keys) == (their_text, their_keys)
    np.testing.assert_allclose(mine.array, theirs, rtol=1e-12)


def zeros(m, *shape, dtype="float32"):
    return m.zeros(*shape, dtype=getattr(m, dtype))


def labels(m, *shape):
    return zeros(m, *shape, dtype="int64")


BCE = "binary_cross_entropy_with_logits"
REFUSED = {
    "int32 labels": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), zeros(m, 2, dtype="int32")),
        "cross_entropy: target must hold class numbers as integers, got int32; use .long",
    ),
    "boolean labels": (
        lambda m, f: f.nll_loss(zeros(m, 2, 3), zeros(m, 2, dtype="bool")),
        "nll_loss: target must hold class numbers as integers, got bool",
    ),
    "integer scores": (
        lambda m, f: f.cross_entropy(labels(m, 2, 3), labels(m, 2)),
        "cross_entropy: expected a floating-point input, got int64",
    ),
    "0-d scores": (
        lambda m, f: f.cross_entropy(zeros(m, ()), labels(m, ())),
        r"cross_entropy: expected scores of shape \(N, K\)",
    ),
    "target of probabilities, integers": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), labels(m, 2, 3)),
        r"must be floating point, got int64; class numbers have shape \(2,\)",
    ),
    "ignore_index with probabilities": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), zeros(m, 2, 3), ignore_index=1),
        "ignore_index=1 has no meaning for a target of probabilities",
    ),
    "other places": (
        lambda m, f: f.nll_loss(zeros(m, 2, 3, 4, 5), labels(m, 2, 4, 6)),
        r"nll_loss: input of shape \(2, 3, 4, 5\) needs a target of shape \(2, 4, 5\)",
    ),
    "weights of other classes": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), labels(m, 2), zeros(m, 2)),
        r"weight must hold one number for each of the 3 classes, shape \(3,\), got \(2,\)",
    ),
    "weights of another dtype": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), labels(m, 2), zeros(m, 3, dtype="float64")),
        "cross_entropy: input is float32, but weight is float64",
    ),
    "weights that require grad": (
        lambda m, f: f.nll_loss(zeros(m, 2, 3), labels(m, 2), zeros(m, 3).requires_grad_()),
        r"nll_loss: weight has no gradient and cannot require one; pass weight.detach\(\)",
    ),
    "a label out of range, smoothed": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), m.tensor([0, 3]), label_smoothing=0.1),
        "target 3 is out of bounds: with 3 classes, labels run from 0 to 2",
    ),
    "too much smoothing": (
        lambda m, f: f.cross_entropy(zeros(m, 2, 3), labels(m, 2), label_smoothing=1.1),
        "cross_entropy: label_smoothing must be between 0 and 1, got 1.1",
    ),
    "nll_loss of no such reduction": (
        lambda m, f: f.nll_loss(zeros(m, 2, 3), labels(m, 2), reduction="batchmean"),
        "nll_loss: reduction must be one of",
    ),
    "negative beta": (
        lambda m, f: f.smooth_l1_loss(zeros(m, 2), zeros(m, 2), beta=-1.0),
        "smooth_l1_loss: beta must be at least 0, got -1.0",
    ),
    "weights of another shape": (
        lambda m, f: f.mse_loss(zeros(m, 2), zeros(m, 2), weight=zeros(m, 3)),
        r"mse_loss: weight must have the input's shape \(2,\), got \(3,\)",
    ),
    "logits and targets": (
        lambda m, f: f.binary_cross_entropy_with_logits(zeros(m, 3, 2), zeros(m, 2)),
        rf"{BCE}: target must have the shape of the input \(3, 2\), got \(2,\)",
    ),
    "integer targets of logits": (
        lambda m, f: f.binary_cross_entropy_with_logits(zeros(m, 3), labels(m, 3)),
        f"{BCE}: expected a floating-point input, got int64",
    ),
    "weights larger than the logits": (
        lambda m, f: f.binary_cross_entropy_with_logits(
            zeros(m, 2, 3), zeros(m, 2, 3), weight=zeros(m, 4, 2, 3)
        ),
        r"weight of shape \(4, 2, 3\) must broadcast to the input's \(2, 3\)",
    ),
    "pos_weight that does not fit": (
        lambda m, f: f.binary_cross_entropy_with_logits(
            zeros(m, 2, 3), zeros(m, 2, 3), pos_weight=zeros(m, 2)
        ),
        f"{BCE}: shapes .* do not broadcast",
    ),
    "pos_weight that requires grad": (
        lambda m, f: f.binary_cross_entropy_with_logits(
            zeros(m, 2, 3), zeros(m, 2, 3), pos_weight=zeros(m, 3).requires_grad_()
        ),
        "pos_weight has no gradient",
    ),
    "kl_div of integers": (
        lambda m, f: f.kl_div(zeros(m, 2), labels(m, 2), reduction="sum"),
        "kl_div: expected a floating-point input, got int64",
    ),
    **{
        f"{name}, shapes": (
            lambda m, f, name=name: getattr(f, name)(zeros(m, 3, 2), zeros(m, 3), reduction="sum"),
            f"{name}: shapes",
        )
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "kl_div")
    },
    **{
        f"{name}, reduction": (
            lambda m, f, name=name: getattr(f, name)(zeros(m, 3), zeros(m, 3), reduction="average"),
            f"{name}: reduction must be one of .*; got 'average'",
        )
        for name in PAIRS
    },
    **{
        f"{name} of integers": (
            lambda m, f, name=name: getattr(f, name)(labels(m, 3), labels(m, 3)),
            f"{name}: expected floating-point",
        )
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss")
    },
}


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_with_a_reason(name):
    torch = pytest.importorskip("torch")
    call, text = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)) as theirs:
        call(torch, torch.nn.functional)
    with pytest.raises(RuntimeError, match=text) as mine:
        call(mc, F)
    if theirs.type in (ValueError, IndexError):
        assert issubclass(mine.type, theirs.type)


@pytest.mark.parametrize("argument", ["size_average", "reduce"])
def test_deprecated_arguments_are_refused(argument):
    for name in (*PAIRS, "cross_entropy", "nll_loss"):
        with pytest.raises(ValueError, match=f"{name}: {argument} is deprecated .* use reduction="):
            getattr(F, name)(mc.zeros(2, 2), mc.zeros(2, 2), **{argument: True})
    with pytest.raises(ValueError, match=f"MSELoss: {argument} is deprecated"):
        mc.nn.MSELoss(**{argument: True})


@pytest.mark.parity
def test_signatures_are_pytorchs():
    import inspect

    torch = pytest.importorskip("torch")
    functions = [
        *PAIRS, "cross_entropy", "nll_loss", "relu", "relu6", "leaky_relu", "elu", "silu",
        "hardsigmoid", "hardswish", "softmax", "log_softmax", "batch_norm", "layer_norm",
        "group_norm", "instance_norm", "local_response_norm", "dropout", "dropout2d", "normalize",
    ]  # fmt: skip
    modules = [
        "CrossEntropyLoss", "NLLLoss", "MSELoss", "L1Loss", "SmoothL1Loss", "BCEWithLogitsLoss",
        "KLDivLoss", "ReLU", "ReLU6", "LeakyReLU", "ELU", "GELU", "SiLU", "Hardsigmoid",
        "Hardswish", "Softplus", "Softmax", "LogSoftmax", "BatchNorm1d", "BatchNorm2d",
        "LayerNorm", "GroupNorm", "InstanceNorm2d", "LocalResponseNorm", "Dropout", "Dropout2d",
    ]  # fmt: skip
    pairs = [(getattr(F, n), getattr(torch.nn.functional, n)) for n in functions]
    pairs += [(getattr(mc.nn, n), getattr(torch.nn, n)) for n in modules]
    for mine, theirs in pairs:
        found = [
            [(p.name, p.default, p.kind) for p in inspect.signature(f).parameters.values()]
            for f in (mine, theirs)
        ]
        assert found[0] == found[1], mine
