"""`DistributedSampler`: the parts of an epoch."""

import itertools

import pytest

from minicnn.checks import ArgumentError
from minicnn.distributed import DistributedSampler

CASES = list(itertools.product((1, 2, 5, 8, 13), (1, 2, 3, 4), (False, True)))


def parts(n, ranks, **options):
    return [list(DistributedSampler(range(n), ranks, r, **options)) for r in range(ranks)]


@pytest.mark.parity
@pytest.mark.parametrize("n, ranks, drop_last", CASES)
def test_the_parts_are_those_of_pytorch(n, ranks, drop_last):
    data = pytest.importorskip("torch.utils.data")
    if drop_last and n < ranks:
        with pytest.raises(ArgumentError, match=f"{n} samples do not suffice for {ranks} ranks"):
            DistributedSampler(range(n), ranks, 0, drop_last=True)
        return
    options = {"shuffle": False, "drop_last": drop_last}
    for rank in range(ranks):
        ours = DistributedSampler(range(n), ranks, rank, **options)
        theirs = data.DistributedSampler(range(n), ranks, rank, **options)
        assert list(ours) == list(theirs) and len(ours) == len(theirs)
        assert (ours.num_samples, ours.total_size) == (theirs.num_samples, theirs.total_size)


@pytest.mark.parametrize("n, ranks", [(12, 3), (13, 4)])
def test_shuffled_parts_hold_all_samples(n, ranks):
    taken = parts(n, ranks)
    assert {index for part in taken for index in part} == set(range(n))
    assert {len(part) for part in taken} == {-(-n // ranks)}
    assert taken != parts(n, ranks, shuffle=False)


def test_seed_and_epoch_decide_the_order():
    sampler = DistributedSampler(range(20), 2, 0, seed=3)
    first = list(sampler)
    assert list(sampler) == first == parts(20, 2, seed=3)[0]
    assert parts(20, 2, seed=4)[0] != first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    sampler.set_epoch(0)
    assert list(sampler) == first


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((range(4), 2, 2), "rank must be 0 … 1 for 2 replicas, got 2"),
        ((range(4), 0), "num_replicas must be at least 1, got 0"),
        ((range(4), 2, -1), "rank must be at least 0, got -1"),
        (([], 2, 0), "0 samples do not suffice for 2 ranks; take fewer ranks$"),
        ((range(4), 2, 0, "yes"), "shuffle must be True or False"),
    ],
)
def test_what_is_refused(arguments, text):
    with pytest.raises(ArgumentError, match=text):
        DistributedSampler(*arguments)


def test_by_default_it_is_for_this_process():
    sampler = DistributedSampler("abc", shuffle=False)
    assert list(sampler) == [0, 1, 2] and sampler.num_replicas == 1
