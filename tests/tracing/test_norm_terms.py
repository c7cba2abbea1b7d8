"""The sums that entries of norms are written out as: they add up to what the run computed."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.checks import ArgumentError


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


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training):
    mean, var = mc.randn(4), mc.rand(4) + 0.5
    _, step = traced(
        lambda x, g, b: F.batch_norm(x, mean, var, g, b, training),
        leaf(3, 4, 5, 2),
        leaf(4),
        leaf(4),
    )
    check_all(step, output=False)
    assert len(step.terms("dX", (0, 0, 0, 0)).terms) == (3 if training else 1)


NORMS = {
    "layer, last axis": (lambda x, g, b: F.layer_norm(x, (4,), g, b), (3, 5, 4), (4,)),
    "layer, two axes": (lambda x, g, b: F.layer_norm(x, (5, 4), g, b), (3, 5, 4), (5, 4)),
    "layer, all axes": (lambda x, g, b: F.layer_norm(x, (5, 4), g, b), (5, 4), (5, 4)),
    "group": (lambda x, g, b: F.group_norm(x, 2, g, b), (3, 6, 2, 3), (6,)),
    "group, no places": (lambda x, g, b: F.group_norm(x, 3, g, b), (4, 6), (6,)),
    "instance": (lambda x, g, b: F.instance_norm(x, None, None, g, b), (3, 2, 4, 3), (2,)),
    "batch": (lambda x, g, b: F.batch_norm(x, None, None, g, b, True), (3, 2, 4, 3), (2,)),
}


@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("function, shape, parameters", NORMS.values(), ids=NORMS)
def test_norms(function, shape, parameters, sample):
    x, gamma, beta = mc.randn(shape) * 2 + 3, leaf(*parameters), leaf(*parameters)
    x.requires_grad_(sample is None or len(shape) > 2)  # a matrix that wants one is no batch
    _, step = traced(function, x, gamma, beta, sample=sample)
    if sample is None:
        check_all(step, entries=20)
    else:
        check_sample(step, sample)
    assert len(step.terms("out", (1,) * len(shape)).terms) == 3


def check_sample(step, sample):
    """Of the arrays that are kept for one sample, random entries of it; of the others, parts."""
    rng = np.random.default_rng(1)
    arrays = [(r.short, r.contribution) for r in step.results] + [("out", step.outputs[0])]
    for short, value in arrays:
        for _ in range(12):
            index = tuple(int(rng.integers(n)) for n in value.shape)
            if value.batched:
                index = (sample, *index[1:])
            found = step.terms(short, index)
            assert found.total + found.rest == pytest.approx(
                found.recorded, abs=2e-5 * (value.abs_max + 1e-6)
            )
            assert value.batched == (found.samples == 1 and found.rest == 0)
            if not value.batched:
                places = {f.index[0] for t in found.terms for f in t.factors if f.symbol == "δ"}
                assert places <= {sample}


def test_sums_are_written_with_what_shares_a_mean():
    """Of sample 2 and channel 4, in the second of two groups; of a row; of a channel."""
    cases = (
        (lambda x: F.group_norm(x, 2), (3, 6, 2), (2, 4, 1), (2, 1)),
        (lambda x: F.layer_norm(x, (2,)), (3, 6, 2), (2, 4, 1), (2, 4)),
        (lambda x: F.instance_norm(x), (3, 6, 2), (2, 4, 1), (2, 4)),
    )
    for function, shape, index, shared in cases:
        tr, step = traced(function, leaf(*shape))
        g = step.terms("dx", index).terms
        assert [f.index for t in g for f in t.factors if f.symbol in ("Σg", "Σgx̂")] == [shared] * 2
        mean = next(
            f for t in tr.steps[step.pair].terms("out", index).terms for f in t.factors
            if f.symbol == "μ"
        )  # fmt: skip
        together = {2: slice(3, 6), 6: slice(4, 5)}[2 if shared == (2, 1) else 6]
        x = step.inputs[0].array[2, together]
        assert mean.index == shared and mean.value == pytest.approx(x.mean(), abs=1e-6)


def test_running_statistics_of_instance_norm_are_constants():
    mean, var = mc.randn(2), mc.rand(2) + 0.5
    _, step = traced(
        lambda x, g, b: F.instance_norm(x, mean, var, g, b, use_input_stats=False),
        leaf(3, 2, 4, 3), leaf(2), leaf(2),
    )  # fmt: skip
    check_all(step)
    assert len(step.terms("dx", (0, 1, 2, 0)).terms) == 1


def test_a_norm_over_the_batch_of_which_one_sample_is_kept():
    x = leaf(3, 2, 4)
    _, step = traced(lambda x: F.layer_norm(x, x.shape), x, sample=1)
    with pytest.raises(ArgumentError, match=r"sums over several samples.*sample=None"):
        step.terms("dx", (1, 1, 2))


@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("size, channels", [(5, 7), (4, 6), (1, 3), (9, 3)])
def test_local_response_norm(size, channels, sample):
    _, step = traced(
        lambda a: F.local_response_norm(a, size, alpha=0.9, beta=0.6, k=1.5),
        leaf(2, channels, 3, 2),
        sample=sample,
    )
    if sample is None:
        check_all(step, entries=30)
    else:
        check_sample(step, sample)
    windows = [len(step.terms("da", (1, i, 2, 0)).terms) - 1 for i in range(channels)]
    before, after = size // 2, (size - 1) // 2
    assert windows == [
        sum(j - before <= i <= j + after for j in range(channels)) for i in range(channels)
    ]
