from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import data
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_a_sampler_must_define_iter():
    with pytest.raises(NotImplementedError, match=r"Sampler must define __iter__"):
        iter(Sampler[int]())


def test_sequential_sampler():
    assert list(SequentialSampler("abcd")) == [0, 1, 2, 3]
    assert len(SequentialSampler("abcd")) == 4 and list(SequentialSampler("")) == []


@given(n=st.integers(1, 20), num_samples=st.integers(1, 50))
def test_random_sampler_without_replacement(n, num_samples):
    sampler = RandomSampler(range(n), num_samples=num_samples)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == num_samples
    # Whole rounds through all, and a part of one: counts differ by at most 1.
    counts = [drawn.count(i) for i in range(n)]
    assert set(drawn) <= set(range(n)) and max(counts) - min(counts) <= 1
    assert sorted(drawn[:n]) == (list(range(n)) if num_samples >= n else sorted(set(drawn)))


def test_random_sampler_with_replacement():
    drawn = list(RandomSampler(range(4), replacement=True, num_samples=4000))
    counts = Counter(drawn)
    assert set(counts) == {0, 1, 2, 3} and all(850 < c < 1150 for c in counts.values())
    assert len(list(RandomSampler(range(5), replacement=True))) == 5


def test_the_order_depends_on_the_generators_state_alone():
    for make in (
        lambda g: RandomSampler(range(50), generator=g),
        lambda g: RandomSampler(range(50), True, generator=g),
        lambda g: SubsetRandomSampler(list(range(50)), generator=g),
        lambda g: WeightedRandomSampler(np.arange(50), 50, generator=g),
    ):
        sampler = make(mc.Generator(7))
        first, second = list(sampler), list(sampler)
        assert first != second
        assert list(make(mc.Generator(7))) == first
        mc.manual_seed(7)
        default = make(None)
        assert [list(default), list(default)] == [first, second]


def test_the_order_is_drawn_when_iteration_starts():
    generator = mc.Generator(0)
    expected = list(BatchSampler(RandomSampler(range(30), generator=mc.Generator(0)), 4, False))
    batches = iter(BatchSampler(RandomSampler(range(30), generator=generator), 4, False))
    mc.rand(100, generator=generator)
    found = []
    for batch in batches:
        found.append(batch)
        mc.rand(3, generator=generator)
    assert found == expected


def test_random_sampler_refuses():
    with pytest.raises(ArgumentError, match=r"RandomSampler: the data set is empty, .* shuffle"):
        RandomSampler([])
    with pytest.raises(ArgumentError, match=r"num_samples must be at least 1, got 0"):
        RandomSampler([1], num_samples=0)
    with pytest.raises(ArgumentError, match=r"num_samples must be an integer ≥ 1, got 2.0 \(float"):
        RandomSampler([1], num_samples=2.0)
    with pytest.raises(ArgumentError, match=r"replacement must be True or False, got 1"):
        RandomSampler([1], replacement=1)
    with pytest.raises(DtypeError, match=r"RandomSampler: generator must be a minicnn.Generator"):
        RandomSampler([1], generator=np.random.default_rng(0))


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([5, 9, 2, 2])
    assert len(sampler) == 4 and sorted(sampler) == [2, 2, 5, 9]
    assert len({tuple(sampler) for _ in range(20)}) > 1
    assert list(SubsetRandomSampler([])) == []


def test_weighted_random_sampler_draws_in_proportion():
    sampler = WeightedRandomSampler([1, 0, 3], 4000)
    counts = Counter(sampler)
    assert len(sampler) == 4000 and set(counts) == {0, 2} and 850 < counts[0] < 1150
    tensor = WeightedRandomSampler(mc.tensor([0.0, 5.0]), 3)
    assert list(tensor) == [1, 1, 1]
    assert sorted(WeightedRandomSampler([1e308, 0, 1e308, 0], 2, False)) == [0, 2]


def test_weighted_random_sampler_without_replacement():
    for _ in range(20):
        assert sorted(WeightedRandomSampler([1, 0, 5, 2], 3, replacement=False)) == [0, 2, 3]
    first = Counter(next(iter(WeightedRandomSampler([1, 3], 2, False))) for _ in range(800))
    assert 130 < first[0] < 270


def test_weighted_random_sampler_refuses():
    for weights in ([-1, 2], [np.nan, 1], [np.inf, 1], [0, 0], []):
        with pytest.raises(ArgumentError, match=r"finite, at least 0, and not all 0"):
            WeightedRandomSampler(weights, 1)
    with pytest.raises(ArgumentError, match=r"3 samples cannot be drawn .* from 2 weights above 0"):
        WeightedRandomSampler([1, 0, 1], 3, replacement=False)
    with pytest.raises(ShapeError, match=r"of shape \(N,\), got the shape \(1, 2\)"):
        WeightedRandomSampler([[1, 2]], 1)
    with pytest.raises(DtypeError, match=r"weights must be numbers, got 'ab'"):
        WeightedRandomSampler("ab", 1)
    with pytest.raises(ArgumentError, match=r"num_samples must be an integer ≥ 1, got True"):
        WeightedRandomSampler([1], True)
    with pytest.raises(ArgumentError, match=r"replacement must be True or False, got None"):
        WeightedRandomSampler([1], 1, None)
    with pytest.raises(DtypeError, match=r"WeightedRandomSampler: generator must be"):
        WeightedRandomSampler([1], 1, generator=3)


def test_batch_sampler_refuses():
    with pytest.raises(ArgumentError, match=r"BatchSampler: batch_size must be at least 1, got 0"):
        BatchSampler(range(3), 0, False)
    with pytest.raises(ArgumentError, match=r"batch_size must be an integer ≥ 1, got 1.5"):
        BatchSampler(range(3), 1.5, False)
    with pytest.raises(ArgumentError, match=r"drop_last must be True or False, got 'no'"):
        BatchSampler(range(3), 2, "no")


@pytest.mark.parity
@given(n=st.integers(0, 30), batch_size=st.integers(1, 12), drop_last=st.booleans())
def test_batch_sampler_agrees_with_pytorch(n, batch_size, drop_last):
    torch_data = pytest.importorskip("torch").utils.data
    ours = BatchSampler(SequentialSampler(range(n)), batch_size, drop_last)
    theirs = torch_data.BatchSampler(range(n), batch_size, drop_last)
    assert list(ours) == list(theirs) and len(ours) == len(theirs)


@pytest.mark.parity
def test_bad_arguments_are_value_errors_in_pytorch_too():
    torch_data = pytest.importorskip("torch").utils.data
    for module in (torch_data, data):
        for wrong in (
            lambda m: m.RandomSampler([]),
            lambda m: m.RandomSampler([1], num_samples=0),
            lambda m: m.WeightedRandomSampler([1.0], 0),
            lambda m: m.WeightedRandomSampler([1.0], 1, None),
            lambda m: m.WeightedRandomSampler([[1.0]], 1),
            lambda m: m.BatchSampler([1], 0, False),
            lambda m: m.BatchSampler([1], 1, 0),
        ):
            with pytest.raises(ValueError):
                wrong(module)
