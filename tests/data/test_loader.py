import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
)


class Squares(Dataset):
    def __init__(self, n=7):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return index, float(index * index)


def lists(loader):
    return [[column.tolist() for column in batch] for batch in loader]


def pairs(n):
    return TensorDataset(mc.arange(n), mc.arange(n, dtype=mc.float32) * 2)


@pytest.mark.parity
@given(
    n=st.integers(0, 20),
    batch_size=st.none() | st.integers(1, 9),
    drop_last=st.booleans(),
    fast=st.booleans(),
)
def test_in_order_it_agrees_with_pytorch(n, batch_size, drop_last, fast):
    torch = pytest.importorskip("torch")
    drop_last = drop_last and batch_size is not None
    theirs = torch.utils.data.TensorDataset(torch.arange(n), torch.arange(n).float() * 2)
    ours = pairs(n) if fast else ConcatDataset([pairs(n)])
    a = DataLoader(ours, batch_size, drop_last=drop_last)
    b = torch.utils.data.DataLoader(theirs, batch_size, drop_last=drop_last)
    assert lists(a) == lists(b) and len(a) == len(b)
    assert [type(x) for x in a] == [type(x) for x in b]
    for x, y in zip(a, b, strict=True):
        assert [t.shape for t in x] == [tuple(t.shape) for t in y]


@pytest.mark.parity
def test_the_arguments_are_pytorchs():
    torch_data = pytest.importorskip("torch").utils.data
    ours, theirs = (inspect.signature(c.__init__) for c in (DataLoader, torch_data.DataLoader))
    *ours, workers = [(p.name, p.kind, p.default) for p in ours.parameters.values()]
    assert ours == [(p.name, p.kind, p.default) for p in theirs.parameters.values()]
    assert workers == ("workers", inspect.Parameter.KEYWORD_ONLY, None)  # minicnn's own


def test_shuffling():
    loader = DataLoader(pairs(50), 8, shuffle=True)
    mc.manual_seed(1)
    first, second = lists(loader), lists(loader)
    for epoch in (first, second):
        assert [len(x) for x, _ in epoch] == [8] * 6 + [2]
        assert sorted(i for x, _ in epoch for i in x) == list(range(50))
        assert all([2 * i for i in x] == y for x, y in epoch)
    assert first != second
    mc.manual_seed(1)
    assert lists(loader) == first
    own = DataLoader(pairs(50), 8, shuffle=True, generator=mc.Generator(1))
    mc.manual_seed(5)
    assert [lists(own), lists(own)] == [first, second]


def test_the_order_is_drawn_when_the_loop_begins():
    def images(generator):
        data = Subset(range(40), range(40))
        loader = DataLoader(data, 4, shuffle=True, generator=generator)
        return loader

    expected = [b.tolist() for b in images(mc.Generator(3))]
    generator = mc.Generator(3)
    batches = iter(images(generator))
    found = []
    generator.numpy.random()
    for batch in batches:
        generator.numpy.random()
        found.append(batch.tolist())
    assert found == expected
    # Two loops at once do not disturb each other.
    one = images(mc.Generator(3))
    a = iter(one)
    next(a)
    list(one)
    assert [b.tolist() for b in a] == expected[1:]


def test_the_quick_way_gives_what_collating_gives():
    whole = TensorDataset(mc.rand(20, 3, 4), mc.arange(20), mc.rand(20) > 0.5)
    part = Subset(Subset(whole, range(19, -1, -2)), [0, 3, 9, -1])
    for data in (whole, part):
        quick = list(DataLoader(data, 3))
        slow = list(DataLoader(data, 3, collate_fn=lambda samples: default_collate(samples)))
        assert len(quick) == len(slow)
        for a, b in zip(quick, slow, strict=True):
            assert type(a) is type(b) is list
            assert all(mc.equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))
            a[0].array[:] = -1  # a copy, not the data set's memory
    assert whole.tensors[0].array.min() >= 0
    assert [b[0].tolist() for b in DataLoader(pairs(5), sampler=[-1, 2])] == [[4], [2]]


def test_the_quick_way_takes_one_index_a_batch(monkeypatch):
    def never(self, index):
        raise AssertionError("samples are taken one by one")

    monkeypatch.setattr(TensorDataset, "__getitem__", never)
    assert len(list(DataLoader(Subset(pairs(9), [1, 2, 3]), 2))) == 2


def test_subclasses_have_their_own_say():
    class Negated(TensorDataset):
        def __getitem__(self, index):
            return tuple(-x for x in super().__getitem__(index))

    class Swapped(Subset):
        def __getitem__(self, index):
            return super().__getitem__(index)[::-1]

    assert lists(DataLoader(Negated(mc.arange(4)), 2)) == [[[0, -1]], [[-2, -3]]]
    assert lists(DataLoader(Subset(Negated(mc.arange(4)), [3]), 2)) == [[[-3]]]
    assert lists(DataLoader(Swapped(pairs(4), [3, 2]), 2)) == [[[6.0, 4.0], [3, 2]]]


def test_gradients_reach_the_data():
    x = mc.rand(6, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), 4):
        (3 * batch).sum().backward()
    assert x.grad.tolist() == [3] * 6


def test_samplers():
    assert lists(DataLoader(Squares(), 2, sampler=[5, 1, 3])) == [
        [[5, 1], [25.0, 1.0]],
        [[3], [9.0]],
    ]
    loader = DataLoader(Squares(), batch_sampler=[[6], [0, 2, 4]])
    assert lists(loader) == [[[6], [36.0]], [[0, 2, 4], [0.0, 4.0, 16.0]]]
    assert len(loader) == 2 and loader.batch_size is None
    for batches in ([np.array([3, 4])], [(3, 4)], [mc.tensor([3, 4])], [iter([3, 4])]):
        assert [b[0].tolist() for b in DataLoader(pairs(5), batch_sampler=batches)] == [[3, 4]]


def test_getitems_is_used():
    class Together(Squares):
        def __getitems__(self, indices):
            return [(i, 0.5) for i in reversed(indices)]

    assert lists(DataLoader(Together(), 3))[0] == [[2, 1, 0], [0.5] * 3]
    assert lists(DataLoader(Subset(Together(), [6, 5]), 3)) == [[[5, 6], [0.5] * 2]]


def test_without_batches():
    samples = list(DataLoader([np.float32(1), np.zeros(2), "a"], batch_size=None))
    assert samples[0].item() == 1 and samples[1].shape == (2,) and samples[2] == "a"
    order = BatchSampler(SequentialSampler(range(5)), 2, False)
    batches = list(DataLoader(pairs(5), batch_size=None, sampler=order))
    assert [x.tolist() for x, _ in batches] == [[0, 1], [2, 3], [4]]
    assert len(DataLoader(pairs(5), batch_size=None)) == 5


def test_collate_fn():
    assert list(DataLoader(Squares(3), 2, collate_fn=len)) == [2, 1]
    assert list(DataLoader("ab", batch_size=None, collate_fn=str.upper)) == ["A", "B"]


def test_an_empty_data_set():
    for data in ([], pairs(0)):
        loader = DataLoader(data, 4)
        assert len(loader) == 0 and list(loader) == []
        with pytest.raises(ArgumentError, match=r"RandomSampler: the data set is empty"):
            DataLoader(data, 4, shuffle=True)


class Broken(Exception):
    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")


def test_errors_of_the_data_set_name_the_sample():
    class Corrupt(Squares):
        def __getitem__(self, index):
            if index == 4:
                raise Broken("cat.png", "truncated")
            return index

    for loader in (DataLoader(Corrupt(), 3), DataLoader(Corrupt(), None)):
        with pytest.raises(Broken, match=r"cat.png: truncated") as raised:
            list(loader)
        assert raised.value.__notes__ == ["DataLoader: while loading sample 4 of Corrupt"]
    with pytest.raises(Broken) as raised:
        list(DataLoader(Subset(Corrupt(), [0, 4]), 3))
    assert raised.value.__notes__ == ["DataLoader: while loading sample 1 of Subset"]

    class Together(Corrupt):
        def __getitems__(self, indices):
            return [self[i] for i in indices]

    with pytest.raises(Broken) as raised:
        list(DataLoader(Subset(Together(), [0, 4]), 3))
    assert raised.value.__notes__ == ["DataLoader: while loading the samples [0, 1] of Subset"]


def test_a_wrong_index_names_the_sample():
    for data in (pairs(5), Subset(pairs(9), [0, 1, 2, 3, 4])):
        for wrong in (5, -6):
            with pytest.raises(IndexRangeError, match=f"{wrong} is out of range") as raised:
                list(DataLoader(data, 4, sampler=[0, wrong]))
            assert str(wrong) in "".join(getattr(raised.value, "__notes__", [str(raised.value)]))


def test_errors_of_collating_name_the_samples():
    images = [np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 3))]
    with pytest.raises(ShapeError, match=r"\(2, 3\) at position 1") as raised:
        list(DataLoader(images, 2, sampler=[1, 2]))
    assert raised.value.__notes__ == ["DataLoader: while making a batch of the samples [1, 2]"]


def test_stop_iteration_in_a_data_set_does_not_end_the_epoch_unseen():
    class Ends(Squares):
        def __getitem__(self, index):
            raise StopIteration

    with pytest.raises(RuntimeError, match=r"StopIteration"):
        list(DataLoader(Ends()))


def test_arguments_that_exclude_each_other():
    with pytest.raises(ArgumentError, match=r"either sampler= or shuffle=True"):
        DataLoader(Squares(), sampler=[1], shuffle=True)
    for other in ({"batch_size": 2}, {"shuffle": True}, {"sampler": [1]}, {"drop_last": True}):
        with pytest.raises(ArgumentError, match=r"batch_sampler= excludes batch_size, shuffle"):
            DataLoader(Squares(), batch_sampler=[[1]], **other)
    with pytest.raises(ArgumentError, match=r"batch_size=None means no batches, .* drop_last"):
        DataLoader(Squares(), batch_size=None, drop_last=True)


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match=r"DataLoader: batch_size must be at least 1, got 0"):
        DataLoader(Squares(), 0)
    with pytest.raises(ArgumentError, match=r"batch_size must be an integer ≥ 1, got 2.5"):
        DataLoader(Squares(), 2.5)
    with pytest.raises(ArgumentError, match=r"DataLoader: shuffle must be True or False, got 'no'"):
        DataLoader(Squares(), shuffle="no")
    with pytest.raises(ArgumentError, match=r"DataLoader: drop_last must be True or False, got 3"):
        DataLoader(Squares(), drop_last=3)
    with pytest.raises(DtypeError, match=r"DataLoader: generator must be a minicnn.Generator"):
        DataLoader(Squares(), generator=0)
    with pytest.raises(DtypeError, match=r"collate_fn must be callable, got list"):
        DataLoader(Squares(), collate_fn=[])
    with pytest.raises(DtypeError, match=r"\(generator\) has no __getitem__; .*list\(dataset\)"):
        DataLoader(i for i in range(3))

    class Endless:
        def __getitem__(self, index):
            return index

    with pytest.raises(DtypeError, match=r"\(Endless\) has no __len__; .* give a sampler"):
        DataLoader(Endless())
    assert [b.tolist() for b in DataLoader(Endless(), sampler=[8])] == [[8]]


def test_nothing_is_changed_afterwards():
    loader = DataLoader(Squares(), 2)
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset"):
        with pytest.raises(ArgumentError, match=f"DataLoader: {name} cannot be changed"):
            setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [2, 2, 2, 1]
