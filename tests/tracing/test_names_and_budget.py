"""Names of arrays, the memory that a trace takes, and statistics."""

import gc
import weakref

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import GraphError
from minicnn.tracing.values import statistics


def steps_of(tr, operation, phase="backward"):
    return [s for s in tr.steps if s.phase == phase and s.operation == operation]


def run(function, *tensors, **options):
    """The trace of Σ δ ⊙ function(tensors) with a random δ."""
    with mc.trace(**options) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


def test_every_output_has_a_name_of_its_own():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            return self.pool(F.relu(self.conv(F.relu(self.conv(x))) + x))

    model = nn.Sequential(Block(), nn.Flatten())
    tr = run(model, mc.randn(2, 2, 4, 4), model=model)
    names = [v.name for s in tr.steps if s.phase == "forward" for v in s.outputs]
    assert names == [
        "0.conv (output)", "0 · ReLU (output)", "0.conv (output 2)", "0 · Add (output)",
        "0 · ReLU (output 2)", "0.pool (output)", "argmax of 0.pool", "1 (output)",
        "Mul (output)", "Sum (output)",
    ]  # fmt: skip
    # The first of the two uses of the convolution, and not both.
    first = steps_of(tr, "ReLU")[-1].deltas[0].array
    place = tuple(int(i) for i in np.argwhere(first)[0])
    value = tr.why_zero("0 · ReLU (output)", place).value
    assert value == first[place]


def test_a_dropped_trace_is_gone_without_the_collector():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())
    gc.collect()
    gc.disable()
    try:
        tr = run(model, mc.randn(2, 1, 5, 5), model=model)
        gone = [weakref.ref(o) for o in (tr, tr._recording, tr.steps[0], tr.values[0])]
        del tr
        assert [r() for r in gone] == [None] * 4
    finally:
        gc.enable()


def test_without_any_budget():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    with mc.trace(model, budget=0) as tr:
        loss = F.cross_entropy(model(mc.randn(2, 1, 5, 5)), mc.tensor([0, 1]))
    list(tr.backward(loss))
    assert tr._recording.archive.kept == 0 and tr.steps[-1] is not None
    assert next(s for s in tr.steps if s.phase == "loss").outputs[0].array is not None
    with pytest.raises(GraphError, match="did not fit into the budget"):
        tr.finite_difference("0.bias", (1,))


def test_statistics_of_what_is_not_finite():
    s = statistics(np.array([np.nan, np.inf, -1.0, 0.0], np.float32))
    assert (s.nan, s.infinite, s.minimum, s.maximum, s.zeros) == (1, 1, -1.0, 0.0, 0.25)
    assert statistics(np.array([np.nan])).minimum is None
    assert statistics(np.zeros((0, 3))).mean is None
