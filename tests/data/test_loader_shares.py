"""How several processes share what a loader gives."""

from itertools import chain

import pytest

import minicnn as mc
from minicnn import data
from minicnn.checks import ArgumentError
from minicnn.data.sample_random import generator


class Numbers(data.Dataset):
    """Each sample: its index, and a random number."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return index, generator().numpy.random()


def loader(**options):
    return data.DataLoader(Numbers(), 6, shuffle=True, generator=mc.Generator(2), **options)


def as_lists(batches):
    return [[t.tolist() for t in batch] for batch in batches]


@pytest.mark.parametrize("options", [{}, {"num_workers": 2}])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_parts_put_together_are_the_batches(n, options):
    whole = as_lists(loader())
    parts = [as_lists(loader(**options).batches(part=(i, n))) for i in range(n)]
    assert [len(p) for p in parts] == [4] * n
    for number, batch in enumerate(whole):
        for column in (0, 1):  # the random numbers too
            assert list(chain.from_iterable(p[number][column] for p in parts)) == batch[column]
    sizes = [len(p[0][0]) for p in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("options", [{}, {"num_workers": 2}])
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_so_many_batches(n, options):
    whole = as_lists(loader())
    for i in range(n):
        assert as_lists(loader(**options).batches(every=(i, n))) == whole[i::n]


def test_after_a_skip():
    whole = as_lists(loader())
    rest = as_lists(loader().batches(1, part=(1, 2)))
    assert [b[0] for b in rest] == [b[0][len(b[0]) // 2 :] for b in whole[1:]]


def test_more_parts_than_samples():
    batches = loader().batches(part=(0, 6))
    for _ in range(3):
        next(batches)
    with pytest.raises(ArgumentError, match="a batch of 5 cannot be shared by 6 processes"):
        next(batches)
    single = data.DataLoader(Numbers(), None)
    with pytest.raises(ArgumentError, match="a batch of 1 cannot be shared by 2 processes"):
        next(single.batches(part=(0, 2)))
