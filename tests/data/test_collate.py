from collections import OrderedDict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import default_collate, default_convert
from minicnn.tensor import Tensor

Point = namedtuple("Point", "x y")

# Samples in terms of `t`, which makes a tensor of minicnn or of PyTorch.
BATCHES = [
    lambda t: [t([1.0, 2.0]), t([3.0, 4.0])],
    lambda t: [t(1), t(2)],
    lambda t: [t([1, 2]), t([3.0, 4.0])],
    lambda t: [np.ones((2, 3), "uint8"), np.zeros((2, 3), "uint8")],
    lambda t: [np.ones(2, "int64"), np.zeros(2, "float32")],
    lambda t: [np.array(2.5), np.array(3.5)],
    lambda t: [np.float32(1), np.float32(2)],
    lambda t: [np.float64(1), np.float64(2)],
    lambda t: [np.int32(1), np.int32(2)],
    lambda t: [np.bool_(True), np.bool_(False)],
    lambda t: [1, 2, 3],
    lambda t: [1.5, 2, 3],
    lambda t: [1, 2.5],
    lambda t: [True, False],
    lambda t: ["a", "bc"],
    lambda t: [b"a", b"bc"],
    lambda t: [(t([1.0]), 3, "a"), (t([2.0]), 4, "b")],
    lambda t: [[1, 2.0], [3, 4.0]],
    lambda t: [(1, (2, [3])), (4, (5, [6]))],
    lambda t: [{"x": 1, "y": (t([1.0]), 2)}, {"y": (t([2.0]), 3), "x": 0, "z": 5}],
    lambda t: [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
    lambda t: [Point(1, "a"), Point(2, "b")],
    lambda t: [()],
]


def same(ours, theirs):
    if type(theirs).__name__ == "Tensor":
        assert isinstance(ours, Tensor)
        assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
        assert ours.shape == tuple(theirs.shape) and ours.tolist() == theirs.tolist()
        return
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours == theirs


@pytest.mark.parity
@pytest.mark.parametrize("batch", BATCHES)
def test_agrees_with_pytorch(batch):
    torch = pytest.importorskip("torch")
    from torch.utils.data import default_collate as theirs

    same(default_collate(batch(mc.tensor)), theirs(batch(torch.tensor)))


@pytest.mark.parity
@pytest.mark.parametrize("batch", BATCHES)
def test_default_convert_agrees_with_pytorch(batch):
    torch = pytest.importorskip("torch")
    from torch.utils.data import default_convert as theirs

    for ours, other in zip(batch(mc.tensor), batch(torch.tensor), strict=True):
        same(default_convert(ours), theirs(other))


def test_a_batch_is_in_memory_of_its_own():
    for samples in ([np.zeros(3), np.ones(3)], [mc.zeros(3), mc.ones(3)]):
        batch = default_collate(samples)
        batch.array[:] = 7
        assert samples[0].tolist() == [0, 0, 0]
    first = {"x": 1}
    default_collate([first, {"x": 2}])
    assert first == {"x": 1}


def test_gradients_reach_the_samples():
    a, b = mc.tensor([1.0, 2.0], requires_grad=True), mc.tensor([3.0, 4.0])
    default_collate([a, b])[0].backward(mc.tensor([5.0, 6.0]))
    assert a.grad.tolist() == [5, 6]


def test_a_mapping_that_cannot_change():
    batch = default_collate([MappingProxyType({"x": 1}), MappingProxyType({"x": 2})])
    assert isinstance(batch, MappingProxyType) and batch["x"].tolist() == [1, 2]
    assert isinstance(default_convert(batch), MappingProxyType)


def test_different_shapes_are_named_by_position():
    images = [np.zeros((28, 28)), np.zeros((28, 28)), np.zeros((28, 27))]
    expected = (
        r"default_collate: sample has shape \(28, 28\) at position 0 of the batch, but "
        r"\(28, 27\) at position 2; .*batch_size=1 or a collate_fn"
    )
    for batch in (images, [mc.tensor(i) for i in images]):
        with pytest.raises(ShapeError, match=expected):
            default_collate(batch)
    with pytest.raises(ShapeError, match=r"sample\[0\]\['image'\] has shape .* at position 2"):
        default_collate([({"image": i}, 3) for i in images])
    with pytest.raises(ShapeError, match=r"sample has length 2 at position 0 .* 3 at position 1"):
        default_collate([(1, 2), (1, 2, 3)])


def test_different_kinds():
    with pytest.raises(DtypeError, match=r"is a Tensor at position 0 .*, but a ndarray at pos.* 1"):
        default_collate([mc.zeros(2), np.zeros(2)])
    with pytest.raises(DtypeError, match=r"sample\[1\] is a int at .* but a NoneType at pos.* 1"):
        default_collate([("a", 1), ("b", None)])
    with pytest.raises(ArgumentError, match=r"sample has a key 'y' at position 0 .* position 1"):
        default_collate([{"y": 1}, {"x": 1}])


def test_what_no_batch_can_be_made_of():
    with pytest.raises(DtypeError, match=r"sample\[0\] is a NoneType. .*collate_fn"):
        default_collate([(None, 1), (None, 2)])
    with pytest.raises(DtypeError, match=r"sample is a set"):
        default_collate([{1}, {2}])
    with pytest.raises(DtypeError, match=r"sample is of uint16, expected one of minicnn's dtypes"):
        default_collate([np.zeros(2, "uint16"), np.zeros(2, "uint16")])
    with pytest.raises(DtypeError, match=r"sample is of complex64, expected"):
        default_collate([np.complex64(1)])
    with pytest.raises(DtypeError, match=r"is of <U1, expected"):
        default_collate([np.array(["a"])])
    with pytest.raises(ArgumentError, match=r"default_collate: expected at least one sample"):
        default_collate([])
    with pytest.raises(DtypeError, match=r"tensor"):
        default_collate([2**70])


def test_convert_leaves_what_is_no_number():
    names = np.array(["a", "b"])
    assert default_convert(names) is names and default_convert(None) is None
    assert default_convert(np.float32(2.5)).item() == 2.5
