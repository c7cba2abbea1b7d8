"""A trace in a file says what the trace in memory says."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ArgumentError, GraphError


@pytest.fixture
def both(tmp_path):
    """A trace, and the same one read back."""
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(27, 4),
    )  # fmt: skip
    optimizer = mc.optim.Adam(model.parameters())
    with mc.trace(model, optimizer=optimizer, sample=1, budget=9000) as tr:
        loss = F.cross_entropy(model(mc.randn(3, 1, 12, 12)), mc.tensor([0, 1, 2]))
    list(tr.backward(loss))
    tr.update()
    tr.goto(5)
    tr.save(tmp_path / "run.trace")
    return tr, mc.trace.load(tmp_path / "run.trace")


def test_every_step_and_value_is_the_same(both):
    tr, again = both
    assert len(tr.steps) == len(again.steps) and again.position == 5
    assert [str(s) for s in tr.steps] == [str(s) for s in again.steps]
    assert any(v.array is None for v in tr.values)
    for a, b in zip(tr.values, again.values, strict=True):
        assert (a.array is None) == (b.array is None)
        if a.array is not None:
            assert a.array.dtype == b.array.dtype and np.array_equal(a.array, b.array)
        assert a.statistics == b.statistics and a.left_out == b.left_out
    for a, b in zip(tr.steps, again.steps, strict=True):
        assert a.attributes == b.attributes and a.composition == b.composition
        assert [r.to for r in a.results] == [r.to for r in b.results]


def test_terms_and_zeros_are_the_same(both):
    tr, again = both
    entries = [
        ("0", "dW", (1, 0, 2, 1)), ("3", "dX", (1, 2, 3, 3)), ("6", "db", (2,)),
        ("5", "dx", (1, 4)), ("2", "dx", (1, 0, 1, 1)),
    ]  # fmt: skip
    for name, short, index in entries:
        a, b = (t.step_of(name).terms(short, index) for t in (tr, again))
        assert str(a) == str(b) and a.total == b.total
    assert str(tr.why_zero("0.weight", (0, 0, 0, 0))) == str(
        again.why_zero("0.weight", (0, 0, 0, 0))
    )


def test_what_needs_the_program_says_so(both):
    _, again = both
    with pytest.raises(GraphError, match="it was read from a file, without the program that ran"):
        again.finite_difference("6.bias", (0,))


def test_files_that_are_not_traces(tmp_path, both):
    mc.save({"a": mc.ones(2)}, tmp_path / "other")
    with pytest.raises(ArgumentError, match="is not a trace"):
        mc.trace.load(tmp_path / "other")
    mc.save({"minicnn_trace": 99}, tmp_path / "newer")
    with pytest.raises(ArgumentError, match="a trace of version 99, this minicnn reads 1"):
        mc.trace.load(tmp_path / "newer")
    tree = mc.load(tmp_path / "run.trace")
    tree["steps"][0]["inputs"] = [10**6]
    mc.save(tree, tmp_path / "damaged")
    with pytest.raises(ArgumentError, match="is damaged"):
        mc.trace.load(tmp_path / "damaged")


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


@pytest.mark.parametrize("function", [
    lambda x: x[:, 1:, ::2], lambda x: x[[1, 0, 1]], lambda x: F.pad(x, (1, 0, 2, 1)),
    lambda x: x.double().float(), lambda x: F.pad(x[None], (1, 1, 1, 1), mode="replicate"),
])  # fmt: skip
def test_a_file_keeps_what_operations_were_told(function, tmp_path):
    x = leaf(3, 4, 5)
    tr = run(function, x, sample=None)
    tr.save(tmp_path / "run.trace")
    again = mc.trace.load(tmp_path / "run.trace")
    asked = 0
    for a, b in zip(tr.steps, again.steps, strict=True):
        for result in a.results if a.phase == "backward" else ():
            index = (0,) * len(result.contribution.shape)
            try:
                text = str(a.terms(result.short, index))
            except ArgumentError:
                continue
            asked += 1
            assert str(b.terms(result.short, index)) == text
    assert asked >= 2
    constant = steps_of(tr, "Mul")[0].inputs[1].name
    text = tr.why_zero(constant).summary
    assert "requires_grad=False" in text and again.why_zero(constant).summary == text
