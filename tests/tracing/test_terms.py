"""The sums that entries are written out as: they add up to what the run computed."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ArgumentError, IndexRangeError


def traced(function, *tensors, sample=None):
    """The trace of Σ δ ⊙ function(tensors), with a random δ, and the backward step of it."""
    with mc.trace(sample=sample) as tr:
        y = function(*tensors)
        name = tr.steps[-1].operation
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr, [s for s in tr.steps if s.phase == "backward" and s.operation == name][-1]


def check_all(step, gradients=True, output=True, entries=12):
    """Random entries of every array that the step gives: the terms add up to what is recorded."""
    rng, bound = np.random.default_rng(0), dict(step.bindings())
    arrays = [(r.short, r.contribution) for r in step.results] if gradients else []
    arrays += [("out", step.outputs[0])] if output else []
    for short, value in arrays:
        scale = value.abs_max + 1e-6
        for _ in range(entries):
            index = tuple(int(rng.integers(n)) for n in value.shape)
            found = step.terms(short, index)
            assert found.recorded == value.array[index]
            for f in (f for t in found.terms for f in t.factors if f.source is not None):
                assert f.value == f.source.array[f.index]
                assert f.source is bound.get(f.symbol, f.source)
            assert abs(found.total - found.recorded) < 2e-5 * scale, (short, index, str(found))


def leaf(*shape):
    return mc.randn(shape).requires_grad_()


@pytest.mark.parametrize("options", [
    {},
    {"stride": (2, 1), "padding": (1, 2)},
    {"dilation": (2, 1), "padding": 2},
    {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
])  # fmt: skip
def test_convolution(options):
    groups = options.get("groups", 1)
    x, w, b = leaf(2, 4, 8, 7), leaf(6, 4 // groups, 3, 2), leaf(6)
    _, step = traced(lambda *t: F.conv2d(*t, **options), x, w, b)
    assert step.operation == "Conv2d" and len(step.results) == 3
    check_all(step)


@pytest.mark.parametrize("options", [
    {}, {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 2, "groups": 2},
])  # fmt: skip
def test_transposed_convolution(options):
    x, w, b = leaf(2, 4, 4, 5), leaf(4, 3, 3, 2), leaf(3 * options.get("groups", 1))
    _, step = traced(lambda *t: F.conv_transpose2d(*t, **options), x, w, b)
    assert step.operation == "ConvTranspose2d" and len(step.results) == 3
    check_all(step)


@pytest.mark.parametrize("shape", [(3, 5), (5,), (2, 3, 5)])
def test_linear(shape):
    _, step = traced(F.linear, leaf(*shape), leaf(4, 5), leaf(4))
    check_all(step)


@pytest.mark.parametrize("pool", [
    lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.max_pool2d(x, 2, dilation=2, stride=1),
    lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    lambda x: F.adaptive_max_pool2d(x, (3, 2)),
])  # fmt: skip
def test_pooling(pool):
    _, step = traced(pool, leaf(2, 3, 7, 8))
    check_all(step)


@pytest.mark.parametrize("function", [
    mc.relu, mc.tanh, mc.sigmoid, F.silu, F.gelu, F.hardswish, lambda x: F.leaky_relu(x, 0.2),
    mc.exp, lambda x: mc.clamp(x, -0.5, 0.5), lambda x: F.dropout(x, 0.5),
])  # fmt: skip
def test_element_by_element(function):
    _, step = traced(function, leaf(3, 4, 5))
    check_all(step, output=False)


@pytest.mark.parametrize("function", [mc.add, mc.sub, mc.mul, mc.div, mc.maximum])
@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((3, 4), ())]
)
def test_broadcasting(function, shapes):
    _, step = traced(function, *[leaf(*s) for s in shapes])
    check_all(step, output=False)


@pytest.mark.parametrize("function", [
    lambda x: x.reshape(6, 10), lambda x: x.permute(2, 0, 1), lambda x: x[1:, :, ::2],
    lambda x: x[[0, 1, 1]], lambda x: mc.cat([x, x * 1], dim=1), lambda x: x.flip((1,)),
    lambda x: F.pad(x, (1, 2, 0, 1)), lambda x: mc.roll(x, 2, 1),
    lambda x: x[:, :1].expand(3, 4, 5),
])  # fmt: skip
def test_moving(function):
    _, step = traced(function, leaf(3, 4, 5))
    check_all(step, output=False)


@pytest.mark.parametrize("function", [
    lambda x: x.sum(1), lambda x: x.mean((0, 2)), lambda x: x.mean(2, keepdim=True),
])  # fmt: skip
def test_sums(function):
    _, step = traced(function, leaf(3, 4, 5))
    check_all(step, output=False)


@pytest.mark.parametrize("options", [
    {}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 1}, {"weight": True},
])  # fmt: skip
def test_cross_entropy(options):
    if options.get("weight"):
        options = {"weight": mc.rand(5) + 0.5}
    target = mc.tensor([1, 0, 4])
    with mc.trace(sample=None) as tr:
        z = leaf(3, 5)
        loss = F.cross_entropy(z, target, **options)
    upstream = mc.randn(3) if loss.shape else None
    list(tr.backward(loss, upstream))
    step = next(s for s in tr.steps if s.phase == "backward")
    check_all(step, output=False, entries=30)


MATRICES = [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 3, 1, 4), (3, 4, 1)),
    ((4,), (4, 5)),
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (4,)),
]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matrix_products(shapes):
    tr, _ = traced(mc.matmul, *[leaf(*s) for s in shapes])
    step = next(s for s in tr.steps if (s.phase, s.operation) == ("backward", "Matmul"))
    assert step.symbols == ("A", "B", "Y") and [r.short for r in step.results] == ["dA", "dB"]
    check_all(step, entries=20)


@pytest.mark.parametrize("shapes", [s for s in MATRICES if len(s[0]) > 2], ids=str)
def test_matrix_products_of_one_sample_and_the_others(shapes):
    """The parts of the samples add up to the gradient of what they share."""
    a, b = mc.randn(shapes[0]), leaf(*shapes[1])
    parts, mine = [], b.array.shape[:1] == (2,)
    for sample in range(len(a.array)):
        with mc.trace(sample=sample) as tr:
            mc.manual_seed(1)
            y = mc.matmul(a, b)
            loss = (y * mc.randn(y.shape)).sum()
        list(tr.backward(loss))
        step = next(s for s in tr.steps if (s.phase, s.operation) == ("backward", "Matmul"))
        index = (sample if mine else 0, *[0] * (len(step.inputs[1].shape) - 1))
        found = step.terms("dB", index)
        assert found.total + found.rest == pytest.approx(found.recorded, rel=1e-5)
        parts.append(found.total)
    shared = step.outputs[0].batched and not step.inputs[1].batched
    if shared:
        assert sum(parts) == pytest.approx(found.recorded, rel=1e-4)


def test_a_batch_that_lies_along_the_rows_of_a_matrix():
    model = nn.Module()
    model.w = nn.Parameter(mc.randn(4, 5))
    x = mc.randn(3, 4)
    with mc.trace(model, sample=1) as tr:
        y = (x + 0) @ model.w
        loss = (y * mc.randn(3, 5)).sum()
    list(tr.backward(loss))
    step = next(s for s in tr.steps if (s.phase, s.operation) == ("backward", "Matmul"))
    found = step.terms("dB", (2, 4))
    assert [f.index for t in found.terms for f in t.factors] == [(1, 2), (1, 4)]
    assert found.samples == 3
    expected = x.array[1, 2] * step.delta.array[0, 4]
    assert found.total == pytest.approx(expected.item(), rel=1e-6)


def test_the_product_of_two_vectors():
    _, step = traced(mc.matmul, leaf(5), leaf(5))
    assert step.operation == "Dot"
    check_all(step)


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@pytest.mark.parametrize("shape, dim", [((3, 5), 1), ((2, 3, 4), -2), ((2, 3, 4), 0), ((6,), 0)])
def test_softmax(function, shape, dim):
    _, step = traced(lambda z: function(z, dim), leaf(*shape))
    assert step.results[0].short == "dz"
    check_all(step, output=False, entries=20)
    extra = len(step.terms("dz", (0,) * len(shape)).terms) - 1
    assert extra == shape[dim]


@pytest.mark.parametrize("target", ["numbers", "probabilities"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [
    {}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 1},
    {"ignore_index": 1, "reduction": "none"},
])  # fmt: skip
@pytest.mark.parametrize("places", [(), (2,)])
def test_smoothed_cross_entropy(options, weighted, target, places):
    if weighted:
        options = {**options, "weight": mc.rand(5) + 0.5}
    given = mc.randint(0, 5, (3, *places))
    if target == "probabilities":
        options.pop("ignore_index", None)
        given = F.softmax(mc.randn(3, 5, *places), 1).requires_grad_()
    else:
        given.array.ravel()[:2] = 0, 1
    with mc.trace(sample=None) as tr:
        loss = F.cross_entropy(leaf(3, 5, *places), given, label_smoothing=0.2, **options)
    list(tr.backward(loss, mc.randn(loss.shape)))
    step = next(s for s in tr.steps if s.phase == "backward")
    assert {r.equation for r in step.results} == {"soft-ce"}
    check_all(step, output=False, entries=40)


def test_an_ignored_sample_has_no_target():
    with mc.trace(sample=None) as tr:
        loss = F.cross_entropy(
            leaf(2, 3), mc.tensor([0, 2]), ignore_index=0, label_smoothing=0.3, reduction="sum"
        )
    list(tr.backward(loss))
    step = next(s for s in tr.steps if s.phase == "backward")
    for index, count in (((0, 0), 2), ((1, 2), 3), ((1, 0), 2)):
        found = step.terms("dz", index)
        assert len(found.terms) == count and (found.total == 0) == (index[0] == 0)
    assert [c.kind for c in tr.why_zero("a leaf", (0, 0)).causes] == ["ignored"]


def test_one_sample_its_part_and_the_rest():
    x, w, b = leaf(4, 2, 6, 5), leaf(3, 2, 3, 3), leaf(3)
    tr, step = traced(F.conv2d, x, w, b, sample=2)
    found = step.terms("dW", (1, 0, 2, 1))
    delta, pixels = tr.values[step.delta.number].array, step.inputs[0].array
    assert delta.shape[0] == pixels.shape[0] == 1
    part = (delta[0, 1] * pixels[0, 0, 2:6, 1:4]).sum()
    np.testing.assert_allclose(found.total, part, rtol=1e-5)
    assert found.samples == 4
    assert found.total + found.rest == pytest.approx(w.grad.array[1, 0, 2, 1].item(), rel=1e-5)
    assert all(f.index[0] == 2 for t in found.terms for f in t.factors)
    assert "the other 3 samples" in str(found)
    assert step.terms("dX", (2, 1, 3, 3)).samples == 1
    assert step.terms("dX", (2, 1, 3, 3)).total == pytest.approx(
        x.grad.array[2, 1, 3, 3].item(), rel=1e-4
    )


def test_a_pixel_that_nothing_flows_into():
    x = mc.tensor([[[[1.0, 5.0, 2.0, 0.0]]]], requires_grad=True)
    _, step = traced(lambda x: F.max_pool2d(x, (1, 2)), x)
    assert step.terms("dX", (0, 0, 0, 0)).terms == ()
    assert len(step.terms("dX", (0, 0, 0, 1)).terms) == 1


def test_mistakes():
    x, w = leaf(4, 2, 6, 5), leaf(3, 2, 3, 3)
    _, step = traced(F.conv2d, x, w, sample=1)
    for call, error, text in (
        (("dZ", (0,)), ArgumentError, "has no 'dZ'.*it has out, dX, dW"),
        (("dX", (0, 0)), ArgumentError, "has 4 dimensions .* the index .* has 2"),
        (("dX", (1, 0, 9, 0)), IndexRangeError, "is outside of"),
        (("dX", (0, 0, 0, 0)), IndexRangeError, "only sample 1 is kept; .* belongs to sample 0"),
        (("dX", "here"), ArgumentError, "must be a tuple of integers"),
    ):
        with pytest.raises(error, match=text):
            step.terms(*call)
