import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data import ConcatDataset, Dataset, Subset, TensorDataset


class Squares(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return index * index


class Batched(Squares):
    def __getitems__(self, indices):
        return [("together", i) for i in indices]


def test_a_dataset_must_define_getitem():
    class Nothing(Dataset[int]):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define __getitem__"):
        Nothing()[0]
    assert not hasattr(Nothing, "__len__")  # as in PyTorch


def test_tensor_dataset():
    x, y = mc.rand(5, 2, 3), mc.arange(5)
    data = TensorDataset(x, y)
    assert len(data) == 5 and data.tensors == (x, y)
    sample = data[-2]
    assert isinstance(sample, tuple)
    assert mc.equal(sample[0], x[3]) and sample[1].item() == 3
    several = data[[4, 0]]
    assert several[0].shape == (2, 2, 3) and several[1].tolist() == [4, 0]
    assert len(TensorDataset(mc.zeros(0, 3))) == 0
    with pytest.raises(IndexRangeError, match=r"index: 5 is out of range"):
        data[5]


def test_tensor_dataset_refuses():
    with pytest.raises(ArgumentError, match=r"TensorDataset: expected at least one tensor"):
        TensorDataset()
    with pytest.raises(DtypeError, match=r"argument 1 is a ndarray, .* minicnn.as_tensor\(data\)"):
        TensorDataset(mc.zeros(2), np.zeros(2))
    with pytest.raises(ShapeError, match=r"one first size, .*; got the shapes \(2, 3\), \(3,\)"):
        TensorDataset(mc.zeros(2, 3), mc.zeros(3))
    with pytest.raises(ShapeError, match=r"got the shapes \(\)"):
        TensorDataset(mc.tensor(1.0))


def test_subset():
    part = Subset(Squares(), [5, 1, 3])
    assert len(part) == 3 and list(part) == [25, 1, 9] and part[-1] == 9
    assert Subset(part, [2])[0] == 9
    assert Subset("abcdef", range(1, 6, 2))[2] == "f"
    several = Subset(TensorDataset(mc.arange(10) * 10), [7, 8, 9])
    assert several[[0, 2]][0].tolist() == [70, 90]
    assert several[1:][0].tolist() == [80, 90]
    for wrong in (3, -4):
        with pytest.raises(IndexRangeError, match=f"Subset: index {wrong} is out of .* 3 samples"):
            part[wrong]
    with pytest.raises(IndexRangeError, match=r"Subset: index 7 is out of range"):
        part.__getitems__([0, 7])


def test_subset_fetches_together_where_the_whole_can():
    assert Subset(Batched(), [5, 1]).__getitems__([1, 0]) == [("together", 1), ("together", 5)]
    assert Subset(Squares(), [5, 1]).__getitems__([1, 0]) == [1, 25]


def test_a_subclass_of_subset_has_its_own_say():
    class Negated(Subset):
        def __getitem__(self, index):
            return -super().__getitem__(index)

    assert Negated(Batched(), [5, 1]).__getitems__([0, 1]) == [-25, -1]


def test_concat_dataset():
    both = ConcatDataset([Squares(), "", "abc"])
    assert len(both) == 9 and both.cumulative_sizes == [6, 6, 9]
    assert list(both) == [0, 1, 4, 9, 16, 25, "a", "b", "c"]
    assert both[-1] == "c" and both[-9] == 0
    added = Squares() + "ab"
    assert isinstance(added, ConcatDataset) and added[6] == "a"
    for wrong in (9, -10):
        with pytest.raises(IndexRangeError, match=f"index {wrong} is out of range for 9 samples"):
            both[wrong]
    with pytest.raises(ArgumentError, match=r"ConcatDataset: expected at least one data set"):
        ConcatDataset([])
    with pytest.raises(DtypeError, match=r"data set 1 \(generator\) has no length"):
        ConcatDataset(["ab", (i for i in "c")])


@pytest.mark.parity
def test_concat_and_subset_agree_with_pytorch():
    torch_data = pytest.importorskip("torch").utils.data
    parts = ["ab", "", "cde", "f"]
    ours, theirs = ConcatDataset(parts), torch_data.ConcatDataset(parts)
    assert ours.cumulative_sizes == theirs.cumulative_sizes
    for i in range(-6, 6):
        assert ours[i] == theirs[i]
    assert list(Subset(ours, [4, 0, -1])) == list(torch_data.Subset(theirs, [4, 0, -1]))
