"""`why_zero`: the causes that are found, and how they are told."""

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


def test_pixels_outside_of_all_windows_and_weights_over_the_padding():
    x = leaf(1, 1, 1, 5)
    tr = run(lambda x: F.max_pool2d(x, (1, 1), (1, 2)), x)
    found = tr.why_zero("input", (0, 0, 0, 1))
    assert [c.kind for c in found.causes] == ["not reached"] and "no window" in found.summary
    w = leaf(1, 1, 3, 3)
    tr = run(lambda w: F.conv2d(mc.randn(1, 1, 1, 1), w, padding=1), w)
    name = steps_of(tr, "Conv2d")[0].results[0].destination
    assert "lies over the padding only" in tr.why_zero(name, (0, 0, 0, 0)).summary


def test_ignored_targets_are_not_called_saturated():
    z = leaf(2, 3)
    with mc.trace(sample=None) as tr:
        loss = F.cross_entropy(z, mc.tensor([1, 0]), ignore_index=0)
    list(tr.backward(loss))
    found = tr.why_zero("a leaf", (1, 2))
    assert [c.kind for c in found.causes] == ["ignored"]


def test_paths_that_cancel():
    x = leaf(3)
    with mc.trace() as tr:
        loss = (x * 2 - x * 2).sum()
    list(tr.backward(loss))
    found = tr.why_zero("a leaf", (1,))
    assert {c.kind for c in found.causes} == {"cancels"} and "another path" in found.summary


def test_a_bias_in_front_of_batch_norm_is_tiny_because_it_cancels():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    tr = run(model, mc.randn(4, 1, 9, 9), model=model, sample=None)
    assert "products cancel" in tr.why_zero("0.bias", (0,)).summary


def test_a_cause_that_is_not_alone_says_so():
    """Two layers are off, one above the other: to switch one on does not help."""
    x = leaf(1)
    with mc.no_grad():
        x.fill_(-1.0)
    with mc.trace() as tr:
        loss = F.relu(F.relu(x) - 1).sum()
    list(tr.backward(loss))
    found = tr.why_zero("a leaf", (0,))
    assert found.causes[0].kind == "off" and "the δ that meets it is 0 as well" in found.summary


def test_none_for_inputs_losses_and_cuts():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    with mc.trace(model) as tr:
        with mc.no_grad():
            h = model[0](mc.randn(2, 3))
        h = model[1](h).detach()
        loss = model[2](h).sum()
    list(tr.backward(loss))
    assert "input has requires_grad=False" in tr.why_zero("input").summary
    assert "built no graph: it ran under no_grad()" in tr.why_zero("0.weight", (0, 0)).summary
    assert "backpropagation begins" in tr.why_zero("Sum (output)").summary
    with pytest.raises(ArgumentError, match="nothing is called"):
        tr.why_zero("∂L/∂W of 2", (0, 0))
