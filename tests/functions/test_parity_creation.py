"""Making tensors, changing them in place, and their methods and attributes, against PyTorch."""

import copy
import math
import pickle

import numpy as np
import pytest

import minicnn as mc

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, OverflowError)


def outcome(call, module):
    """The result's values, dtype and shape; or that it was refused, with which class."""
    try:
        result = call(module)
    except REFUSALS as error:
        return error
    if isinstance(result, (module.Tensor, np.ndarray)):
        return str(result.dtype).removeprefix("torch."), np.asarray(result)
    return type(result).__name__, np.asarray(result)


def same(name, call):
    mine, theirs = outcome(call, mc), outcome(call, torch)
    if isinstance(theirs, BaseException):
        assert isinstance(mine, BaseException), f"{name}: PyTorch refuses ({theirs!r}); got {mine}"
        return
    assert not isinstance(mine, BaseException), f"{name}: {mine!r}, PyTorch gives {theirs}"
    assert mine[0] == theirs[0], name
    assert mine[1].shape == theirs[1].shape, name
    if theirs[1].dtype.kind == "U":
        assert mine[1].tolist() == theirs[1].tolist(), name
    else:
        np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-6, atol=1e-7, err_msg=name)


ODD = {
    "None": lambda m: None,
    "list of None": lambda m: [None],
    "string": lambda m: "a",
    "list of strings": lambda m: ["1"],
    "dictionary": lambda m: {},
    "set": lambda m: {1},
    "complex list with strings": lambda m: [1, "2"],
    "range": lambda m: range(3),
    "empty": lambda m: [],
    "empty lists": lambda m: [[], []],
    "ragged": lambda m: [[1], []],
    "ragged depth": lambda m: [1, [2]],
    "too large": lambda m: 2**70,
    "arrays": lambda m: [np.ones(2), np.zeros(2)],
    "float32 arrays": lambda m: [np.ones(2, "f4"), np.zeros(2, "f4")],
    "0-d array": lambda m: np.array(2.0),
    "NumPy scalar": lambda m: np.float16(2.0),
    "array of objects": lambda m: np.array([None]),
    "array of strings": lambda m: np.array(["a"]),
    "structured array": lambda m: np.zeros(1, [("a", "f4")]),
    "long doubles": lambda m: np.ones(2, "longdouble"),
    "columns": lambda m: np.arange(6.0).reshape(2, 3)[:, ::2],
    "transpose": lambda m: np.arange(6.0).reshape(2, 3).T,
    "tensors": lambda m: [m.tensor(1.0), m.tensor(2)],
    "tensors of one element": lambda m: [m.tensor([1.0]), m.tensor([2.0])],
    "tensors of two elements": lambda m: [m.tensor([1.0, 2.0])] * 2,
    "float64 tensors": lambda m: [m.tensor(1.0, dtype=m.float64), 2.0],
    "a tensor": lambda m: m.tensor([1, 2]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", ["tensor", "as_tensor", "from_numpy"])
@pytest.mark.parametrize("name", ODD)
def test_odd_data(name, function):
    same(name, lambda m: getattr(m, function)(ODD[name](m)))


def test_what_shares_memory():
    array = np.zeros((2, 3))
    for m in (mc, torch):
        array[...] = 0
        shared = [m.from_numpy(array), m.as_tensor(array), m.from_numpy(array.T)]
        copied = [m.tensor(array), m.as_tensor(array, dtype=m.float32), m.tensor(shared[0].numpy())]
        array[0, 1] = 5
        assert [t.sum().item() for t in shared] == [5.0] * 3
        assert [t.sum().item() for t in copied] == [0.0] * 3
        t = m.tensor([1.0])
        assert m.as_tensor(t) is t
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        mc.from_numpy(array).add_(1)


def grown(m, change):
    """Whether a change in place of what has history is seen, and leaves are protected."""
    x = m.ones(3, requires_grad=True)
    change(x)
    return x


PROTECTED = {
    "leaf": lambda m: grown(m, lambda x: x.exp_()),
    "view of a leaf": lambda m: grown(m, lambda x: x[:2].clamp_(0, 1)),
    "expanded": lambda m: m.ones(1).expand(3).exp_(),
    "saved for backward": lambda m: grown(m, lambda x: (lambda y: (y.exp(), y.exp().neg_()))(x)),
    "saved, then changed": lambda m: grown(m, lambda x: saved_then_changed(x * 1)),
}


def saved_then_changed(y):
    z = y.sigmoid()
    z.mul_(2)
    z.sum().backward()


@pytest.mark.parametrize("name", PROTECTED)
def test_what_may_not_be_changed_in_place(name):
    if name == "expanded":
        with pytest.raises(RuntimeError):
            PROTECTED[name](torch)
        with pytest.raises(RuntimeError, match="exp_: this tensor's memory is read-only"):
            PROTECTED[name](mc)
        return
    same(name, lambda m: PROTECTED[name](m).detach())


METHODS = {
    "T": lambda m, x: x.T,
    "size": lambda m, x: list(x.size()),
    "size of one": lambda m, x: x.size(-1),
    "dim, ndim, numel": lambda m, x: [x.dim(), x.ndim, x.numel()],
    "tolist": lambda m, x: x.tolist(),
    "tolist of a number": lambda m, x: x[0, 0].tolist(),
    "item": lambda m, x: x[0, 0].item(),
    "item of many": lambda m, x: x.item(),
    "numpy": lambda m, x: x.numpy(),
    "numpy of what wants gradients": lambda m, x: x.requires_grad_().numpy(),
    "forced": lambda m, x: x.requires_grad_().numpy(force=True),
    "asarray": lambda m, x: np.asarray(x, dtype="float64"),
    "asarray of what wants gradients": lambda m, x: np.asarray(x.requires_grad_()),
    "float": lambda m, x: float(x[0, 0]),
    "int": lambda m, x: int(x[0, 1]),
    "int of nan": lambda m, x: int(x[0, 0] * math.nan),
    "index": lambda m, x: [5, 6, 7][m.tensor(1)],
    "index of one element": lambda m, x: [5, 6, 7][m.tensor([1])],
    "index of a float": lambda m, x: [5, 6, 7][m.tensor(1.0)],
    "bool": lambda m, x: bool(x[0, 0]),
    "bool of many": lambda m, x: bool(x),
    "contains": lambda m, x: [1.5 in x, 9.0 in x],
    "contains a string": lambda m, x: "a" in x,
    "format": lambda m, x: list(f"{x[0, 0]:.3f}|{m.tensor(2)}"),
    "format of many": lambda m, x: f"{x:.3f}",
    "equal to None": lambda m, x: [x == None, x != None, x == "a", x != "a"],  # noqa: E711
    "less than None": lambda m, x: x < None,
    "plus a string": lambda m, x: x + "a",
    "plus None": lambda m, x: x + None,
    "plus": lambda m, x: +x,
    "plus of bools": lambda m, x: +(x > 0),
    "to dtype": lambda m, x: x.to(m.float64),
    "to device": lambda m, x: x.to("cpu"),
    "to device and dtype": lambda m, x: x.to("cpu", m.int64),
    "to like": lambda m, x: x.to(m.tensor([1])),
    "to nothing": lambda m, x: x.to(),
    "to None": lambda m, x: x.to(None),
    "to with flags": lambda m, x: x.to(m.float64, True, True),
    "to 3": lambda m, x: x.to(3),
    "to a device that is not there": lambda m, x: x.to("cuda"),
    "cuda": lambda m, x: x.cuda(),
    "cpu": lambda m, x: x.cpu(),
    "double": lambda m, x: x.double(),
    "long": lambda m, x: x.long(),
    "half": lambda m, x: x.half(),
    "byte": lambda m, x: x.abs().byte(),
    "contiguous": lambda m, x: [x.T.is_contiguous(), x.T.contiguous().is_contiguous()],
    "clone": lambda m, x: x.clone(),
    "detach": lambda m, x: x.requires_grad_().detach(),
    "type_as": lambda m, x: x.type_as(m.tensor([1])),
    "no sizes": lambda m, x: x.reshape(),
    "bool sizes": lambda m, x: m.zeros(True),
    "float sizes": lambda m, x: m.zeros(2.0),
    "missing sizes": lambda m, x: m.zeros(),
    "size by keyword": lambda m, x: m.zeros(size=(2,)),
    "random size as a number": lambda m, x: m.rand(size=2),
    "zeros_like a number": lambda m, x: m.zeros_like(2),
    "full of a bool": lambda m, x: m.full((2,), True),
    "full of a number of dimensions": lambda m, x: m.full(2, 1.0),
    "full of a tensor": lambda m, x: m.full((2,), m.tensor(3.0)),
    "integers from rand": lambda m, x: m.rand(2, dtype=m.int64),
    "integers from randn": lambda m, x: m.randn(2, dtype=m.int64),
    "randint with float limits": lambda m, x: m.randint(0.5, 3, (2,)),
    "randint with a number as size": lambda m, x: m.randint(0, 3, 2),
    "randint beyond uint8": lambda m, x: m.randint(0, 300, (2,), dtype=m.uint8),
    "randint of one number": lambda m, x: m.randint(high=1, size=(2,)),
    "randperm of a float": lambda m, x: m.randperm(2.0),
    "randperm as floats": lambda m, x: m.randperm(1, dtype=m.float32),
    "linspace with tensors": lambda m, x: m.linspace(m.tensor(0.0), m.tensor(1.0), 3),
    "arange by keyword": lambda m, x: m.arange(start=1, end=3),
    "arange to NaN": lambda m, x: m.arange(0, math.nan),
    "arange of a tensor": lambda m, x: m.arange(m.tensor(3)),
    "cat of a tensor": lambda m, x: m.cat(x),
    "cat of numbers": lambda m, x: m.cat([1, 2]),
    "flip by several": lambda m, x: x.flip(0, 1),
    "permute by keyword": lambda m, x: m.permute(x, dims=(1, 0)),
    "sparse gather": lambda m, x: m.gather(x, 0, m.zeros(1, 1, dtype=m.int64), sparse_grad=False),
    "two ways to correct": lambda m, x: m.var(x, unbiased=True, correction=0),
    "unflatten into a number": lambda m, x: x.unflatten(1, 3),
    "repeat nothing": lambda m, x: x.repeat(),
    "split by a float": lambda m, x: x.split(1.5),
    "maximum with a number": lambda m, x: m.maximum(x, 2),
    "abs of a number": lambda m, x: m.abs(-2),
    "exp of an array": lambda m, x: m.exp(np.ones(2)),
    "add of two numbers": lambda m, x: m.add(1, 2),
    "float16 plus number": lambda m, x: x.half() + 1.5,
    "NumPy's float64": lambda m, x: x.int() + np.float64(2.5),
    "pickle": lambda m, x: pickle.loads(pickle.dumps(x)),
    "deepcopy": lambda m, x: copy.deepcopy(x),
    "threads 0": lambda m, x: m.set_num_threads(0),
    "threads 1.5": lambda m, x: m.set_num_threads(1.5),
    "threads True": lambda m, x: m.set_num_threads(True),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_methods_and_edge_cases(name):
    same(name, lambda m: METHODS[name](m, m.tensor([[1.5, -2.0, 0.0], [3.0, 4.5, -0.5]])))


def test_handing_over_what_wants_gradients_is_a_buffer_error():
    for m in (mc, torch):
        with pytest.raises(BufferError, match="detach"):
            m.ones(2, requires_grad=True).__dlpack__()


def test_floor_division_has_no_derivative():
    for m in (mc, torch):
        x = m.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="floor_divide"):
            (x // 2).sum().backward()


def test_numbers_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="tensor: 300 does not fit into uint8"):
        mc.tensor([1, 300], dtype=mc.uint8)
    with pytest.raises(ValueError, match="full: nan does not fit into int64"):
        mc.full((2,), math.nan, dtype=mc.int64)
