"""`finite_difference`: kinks, detached parts, samples, and the graph it leaves alone."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.checks import ArgumentError


def leaf(*shape):
    return mc.randn(shape).requires_grad_()


def run(function, *tensors, **options):
    """The trace of Σ δ ⊙ function(tensors) with a random δ."""
    with mc.trace(**options) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


def test_kinks_beside_zero_and_ties():
    for function, at in ((F.relu6, 6.0), (F.hardswish, 3.0), (lambda x: mc.clamp(x, -1, 2), 2.0)):
        x = mc.tensor([at], requires_grad=True)
        tr = run(function, x)
        assert "a kink" in tr.finite_difference("a leaf", (0,)).warning
        x = mc.tensor([0.5], requires_grad=True)
        tr = run(function, x)
        assert tr.finite_difference("a leaf", (0,)).warning == ""
    tr = run(lambda x: mc.maximum(x, x * 1), mc.tensor([1.0], requires_grad=True))
    assert tr.finite_difference("a leaf", (0,)).warning == ""


def test_what_was_detached_is_said():
    w = mc.tensor([3.0], requires_grad=True)
    with mc.trace() as tr:
        loss = (w * w.detach()).sum()
    list(tr.backward(loss))
    found = tr.finite_difference("a leaf", (0,))
    assert found.slope == pytest.approx(6) and found.gradient == 3
    assert "was detached" in found.warning
    with pytest.raises(ArgumentError, match="h must be a number > 0"):
        tr.finite_difference("a leaf", (0,), h=0)


def test_every_sample_has_its_gradient():
    x = leaf(3, 2, 2)
    tr = run(mc.tanh, x, sample=None)
    found = tr.finite_difference("input", (2, 1, 0))
    assert found.gradient == x.grad.array[2, 1, 0]


def test_questions_leave_the_graph_alone():
    z = leaf(4, 3)
    with mc.trace(sample=1) as tr:
        loss = F.cross_entropy(z, mc.tensor([0, 1, 2, 0]))
    list(tr.backward(loss, retain_graph=True))
    before = z.grad.array.copy()
    tr.finite_difference("a leaf", (1, 1))
    z.grad = None
    loss.backward()
    assert np.array_equal(z.grad.array, before)
