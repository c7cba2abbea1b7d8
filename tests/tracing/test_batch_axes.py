"""Which arrays of a run have the batch as their first axis, and what follows for their sums."""

import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ArgumentError


def leaf(*shape):
    return mc.randn(shape).requires_grad_()


def steps_of(tr, operation, phase="backward"):
    return [s for s in tr.steps if s.phase == phase and s.operation == operation]


def run(function, *tensors, **options):
    """The trace of Σ δ ⊙ function(tensors) with a random δ."""
    with mc.trace(**options) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


def test_weights_as_long_as_the_batch_are_no_batch():
    """Without a model, too: what comes second to a convolution is its kernel."""
    x, w = mc.randn(3, 2, 6, 5), leaf(3, 2, 3, 3)
    tr = run(lambda: F.conv2d(x, w), sample=1)
    step = steps_of(tr, "Conv2d")[0]
    assert [v.batched for v in step.inputs] == [True, False]
    assert step.inputs[1].array.shape == (3, 2, 3, 3)
    assert step.results[0].contribution.array.shape == (3, 2, 3, 3)


@pytest.mark.parametrize("function", [
    lambda x: x.flip((0,)), lambda x: mc.roll(x, 1, 0), lambda x: x[[2, 0, 1]],
    lambda x: x[0], lambda x: x.permute(1, 0, 2), lambda x: x.reshape(9, 4)[:3],
])  # fmt: skip
def test_rows_that_are_no_longer_the_samples(function):
    x = leaf(3, 3, 4)
    tr = run(lambda x: function(x), x, sample=2)
    for step in tr.steps:
        if step.phase == "backward":
            for result in step.results:
                value = result.contribution
                index = (2,) + (0,) * (len(value.shape) - 1) if value.shape else ()
                found = step.terms(result.short, index)
                assert found.total + found.rest == pytest.approx(found.recorded, abs=1e-5)
    moved = next(s for s in tr.steps if s.operation not in ("View", "Reshape"))
    assert not moved.outputs[0].batched and moved.outputs[0].array.shape == moved.outputs[0].shape


def test_an_image_without_a_batch():
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    tr = run(model, mc.randn(3, 6, 6), model=model)
    value = tr.steps[0].inputs[0]
    assert value.name == "input" and not value.batched and value.array.shape == (3, 6, 6)


def test_one_row_of_a_parameter_for_each_sample():
    """Of δ one sample is kept, of the parameter all rows are."""
    x, w = mc.randn(4, 2, 3), nn.Parameter(mc.randn(4, 2, 3))
    model = nn.Module()
    model.w = w
    tr = run(lambda: x * model.w, model=model, sample=2)
    step = next(s for s in steps_of(tr, "Mul") if s.results[0].destination == "w")
    assert step.terms("dx2", (2, 1, 1)).total == pytest.approx(w.grad.array[2, 1, 1].item())
    other = step.terms("dx2", (3, 1, 1))
    assert other.terms == () and other.rest == pytest.approx(w.grad.array[3, 1, 1].item())
    with pytest.raises(ArgumentError, match=r"record with trace.*sample=None"):
        tr.compare(lambda delta, x, w: (delta * w, delta * x), step)


def test_losses_of_scores_whose_first_axis_is_not_the_batch():
    z = leaf(4, 4)
    x = mc.randn(4, 4, 1, 1)
    with mc.trace(sample=3) as tr:
        loss = F.cross_entropy(z + x.mean((0, 2, 3)), mc.tensor([0, 1, 2, 3]))
    list(tr.backward(loss))
    step = steps_of(tr, "CrossEntropy")[0]
    assert not step.inputs[0].batched and not step.saved["target"].batched
    found = step.terms("dz", (0, 2))
    assert found.total == pytest.approx(found.recorded, rel=1e-4)


def test_the_parts_of_the_samples_add_up():
    x, w, b = mc.randn(3, 2, 6, 5), leaf(3, 2, 3, 3), leaf(3)
    delta = mc.randn(3, 3, 4, 3)
    parts = []
    for sample in range(3):
        with mc.trace(sample=sample) as tr:
            loss = (F.relu(F.conv2d(x, w, b)) * delta).sum()
        w.grad = None
        list(tr.backward(loss))
        found = steps_of(tr, "Conv2d")[0].terms("dW", (2, 1, 0, 2))
        parts.append(found.total)
        assert found.total + found.rest == pytest.approx(w.grad.array[2, 1, 0, 2].item(), rel=1e-5)
    assert sum(parts) == pytest.approx(w.grad.array[2, 1, 0, 2].item(), rel=1e-5)


def test_batch_norm_whose_parameters_want_no_gradient():
    x, bn = leaf(3, 2, 4, 3), nn.BatchNorm2d(2, affine=False)
    step = steps_of(run(bn, x, sample=None), "BatchNorm")[0]
    assert step.terms("dx", (1, 1, 2, 0)).total == pytest.approx(
        x.grad.array[1, 1, 2, 0].item(), abs=1e-6
    )
    step = steps_of(run(bn, x, sample=1), "BatchNorm")[0]
    with pytest.raises(ArgumentError, match=r"sums over the whole batch.*sample=None"):
        step.terms("dx", (1, 1, 2, 0))
