"""Hooks, several backward passes, and passes that go wrong."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, GraphError, ShapeError
from minicnn.stepper.cards import card


def leaf(*shape):
    return mc.randn(shape).requires_grad_()


def steps_of(tr, operation, phase="backward"):
    return [s for s in tr.steps if s.phase == phase and s.operation == operation]


@pytest.mark.parametrize("in_place", [True, False])
def test_hooks_that_change_a_gradient(in_place):
    x = leaf(4)
    with mc.trace() as tr:
        y = x * 3
        y.register_hook(lambda g: g.mul_(0) if in_place else g * 0)
        loss = (y * y).sum()
    list(tr.backward(loss))
    assert x.grad.tolist() == [0, 0, 0, 0]
    step = steps_of(tr, "Mul")[-1]
    assert step.delta.array.tolist() == [0, 0, 0, 0] and "changed by a hook" in step.delta.name
    arrived = [r for s in tr.steps for r in s.results if r.to == step.number]
    assert np.all(arrived[-1].after.array != 0)
    text = tr.why_zero(step.outputs[0].name, (1,)).summary
    assert "is 0: a hook made it so" in text


def test_two_losses_and_two_passes():
    w = leaf(3)
    with mc.trace() as tr:
        y = w * w
        first, second = y.sum(), (y * 2).sum()
    list(tr.backward(first, retain_graph=True))
    list(tr.backward(second))
    np.testing.assert_allclose(w.grad.array, 6 * w.array, rtol=1e-6)
    accumulated = [s for s in tr.steps if s.phase == "accumulate"]
    np.testing.assert_array_equal(accumulated[1].results[0].after.array, w.grad.array)
    found = tr.finite_difference("a leaf", (1,))  # of the last one
    assert found.gradient == pytest.approx(4 * w.array[1].item())
    assert found.slope == pytest.approx(found.gradient, rel=1e-5)
    with pytest.raises(GraphError, match="Pass retain_graph=True"):
        tr.backward(first)


def test_a_backward_that_failed_leaves_nothing_behind():
    class Fails(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, delta):
            raise ValueError("on purpose")

    w = leaf(3)
    with mc.trace() as tr:
        y = w * w
        broken, fine = (Fails.apply(y) + y).sum(), (y + y * 5).sum()
    with pytest.raises(ValueError, match="on purpose"):
        tr.backward(broken, retain_graph=True)
    list(tr.backward(fine))
    np.testing.assert_allclose(w.grad.array, 12 * w.array, rtol=1e-6)
    last = [s for s in steps_of(tr, "Mul") if s.inputs[0].name == "a leaf"][-1]
    arrived = [r for s in tr.steps for r in s.results if r.to == last.number]
    assert len(arrived) == 2 and arrived[-1].after.array.tolist() == [6, 6, 6]


def test_a_plain_backward_inside_the_trace():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 2, 2))
    with mc.trace(model) as tr:
        loss = (model(mc.randn(2, 1, 6, 6)) ** 2).mean()
        loss.backward()
    assert [s.phase for s in tr.steps].count("loss") == 1
    assert [s.composition.equation for s in tr.steps if s.composition] == ["1.16"]
    found = tr.finite_difference("0.bias", (1,))
    assert found.slope == pytest.approx(found.gradient, rel=1e-3, abs=1e-6)


def test_gradients_that_do_not_fit():
    x = leaf(2, 3)
    with mc.trace() as tr:
        y = x * 2
    with pytest.raises(ShapeError, match=r"shape \(3,\), the tensor \(2, 3\)"):
        tr.backward(y, mc.ones(3))
    with pytest.raises(DtypeError, match="gradient must be a tensor, got ndarray"):
        tr.backward(y, np.ones((2, 3)))
    list(tr.backward(y, mc.ones(2, 3)))
    with pytest.raises(ArgumentError, match="needs a loss of one number"):
        tr.finite_difference("a leaf", (0, 0))


def test_an_output_that_nobody_used():
    class Two(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            assert a is None
            return b * 3

    x = leaf(1, 2)
    with mc.trace() as tr:
        loss = Two.apply(x)[1].sum()
    list(tr.backward(loss))
    step = steps_of(tr, "Two")[0]
    assert step.deltas[0] is None and "nobody used this output" in str(step)
    card(step)
    with pytest.raises(ArgumentError, match="an operation of your own"):
        tr.compare(lambda delta: delta, step)
