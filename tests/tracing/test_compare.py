"""`compare`: what a function may ask for, and which causes are named."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checking.faults import FAULTS
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


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_a_function_may_ask_for_targets_and_masks():
    z = leaf(4, 3)
    with mc.trace(sample=None) as tr:
        loss = F.cross_entropy(z, mc.tensor([0, 1, 2, 0]))
    list(tr.backward(loss))
    step = steps_of(tr, "CrossEntropy")[0]

    def backward(delta, z, target):
        return delta * (softmax(z) - np.eye(z.shape[1])[target]) / len(z)

    assert tr.compare(backward, step).right
    found = tr.compare(lambda delta, z, target: len(z) * backward(delta, z, target), step)
    assert found.cause == "ce-not-divided"
    assert not tr.compare(lambda delta, z, target: 2 * backward(delta, z, target), step).cause
    with pytest.raises(
        ArgumentError, match=r"asks for nonsense as well; by name it can have .*tar"
    ):
        tr.compare(lambda delta, z, nonsense: z, step)


@pytest.mark.parametrize("key", ["linear-delta-transposed", "linear-weight-transposed"])
def test_faults_of_a_wrong_shape_are_named(key):
    tr = run(F.linear, leaf(3, 4), leaf(4, 4), leaf(4), sample=None)

    def backward(delta, x, w, b):
        operation = FAULTS[key].broken()
        operation.run(x, w, b)
        return operation.backward(delta)

    assert tr.compare(backward, steps_of(tr, "Linear")[0]).cause == key


def test_a_cause_is_named_in_the_first_layer_too():
    """The images want no gradient, which a fault's ∂L/∂X must not hide."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3))
    tr = run(model, mc.randn(3, 2, 6, 5), model=model, sample=None)

    def backward(delta, x, w, b, stride, padding, dilation, groups):
        operation = FAULTS["conv-dw-rotated"].broken(stride, padding, dilation, groups)
        operation.run(x, w, b)
        return operation.backward(delta)

    found = tr.compare(backward, steps_of(tr, "Conv2d")[0])
    assert (found.short, found.cause) == ("dW", "conv-dw-rotated")


def test_infinite_entries_hide_nothing():
    x = mc.tensor([0.0, 4.0], requires_grad=True)
    tr = run(mc.sqrt, x)
    step = steps_of(tr, "Sqrt")[0]
    assert tr.compare(lambda delta, x: delta / (2 * np.sqrt(x)), step).right
    assert not tr.compare(lambda delta, x: delta / np.sqrt(x), step).right
