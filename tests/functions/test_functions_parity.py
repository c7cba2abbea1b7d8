"""Every function against PyTorch: values, dtypes, gradients for a random δ, and refusals."""

import numpy as np
import pytest

import minicnn as mc

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

A = (3, 4)

# name: (function of a module and tensors, shapes of the tensors, range of values)
CASES = {
    "add": (lambda m, x, y: m.add(x, y), (A, (4,)), (-3, 3)),
    "add alpha": (lambda m, x, y: m.add(x, y, alpha=0.3), (A, (1, 4)), (-3, 3)),
    "sub": (lambda m, x, y: m.sub(x, y), ((3, 1), A), (-3, 3)),
    "sub alpha": (lambda m, x, y: x.sub(y, alpha=2), (A, A), (-3, 3)),
    "mul": (lambda m, x, y: m.mul(x, y), ((2, 1, 4), (3, 1)), (-3, 3)),
    "div": (lambda m, x, y: m.div(x, y), (A, (3, 1)), (0.5, 3)),
    "pow tensor": (lambda m, x, y: m.pow(x, y), (A, (4,)), (0.3, 3)),
    "pow number": (lambda m, x: x**3, (A,), (-2, 2)),
    "pow zero": (lambda m, x: x**0, (A,), (-2, 2)),
    "number to the power": (lambda m, x: 2.0**x, (A,), (-2, 2)),
    "number minus": (lambda m, x: 1 - x, (A,), (-2, 2)),
    "number over": (lambda m, x: 1 / x, (A,), (0.5, 2)),
    "neg": (lambda m, x: -x, (A,), (-3, 3)),
    "abs": (lambda m, x: m.abs(x), (A,), (-3, 3)),
    "exp": (lambda m, x: m.exp(x), (A,), (-3, 3)),
    "log": (lambda m, x: m.log(x), (A,), (0.1, 3)),
    "sqrt": (lambda m, x: m.sqrt(x), (A,), (0.1, 3)),
    "square": (lambda m, x: m.square(x), (A,), (-3, 3)),
    "clamp": (lambda m, x: m.clamp(x, -1, 1.5), (A,), (-3, 3)),
    "clamp min": (lambda m, x: x.clamp(min=0.2), (A,), (-3, 3)),
    "where": (lambda m, x, y: m.where(x > y, x, y * 2), (A, (4,)), (-3, 3)),
    "maximum": (lambda m, x, y: m.maximum(x, y), (A, (4,)), (-3, 3)),
    "minimum, with ties": (lambda m, x: m.minimum(x, x.clamp(max=0.5)), (A,), (-3, 3)),
    "sigmoid": (lambda m, x: m.sigmoid(x), (A,), (-30, 30)),
    "tanh": (lambda m, x: m.tanh(x), (A,), (-5, 5)),
    "relu": (lambda m, x: m.relu(x), (A,), (-5, 5)),
    "softmax": (lambda m, x: m.softmax(x, dim=-2), ((2, 3, 4),), (-50, 50)),
    "log_softmax": (lambda m, x: m.log_softmax(x, 1), ((2, 3, 4),), (-50, 50)),
    "sum": (lambda m, x: m.sum(x), (A,), (-3, 3)),
    "sum dims": (lambda m, x: x.sum((0, -1)), ((2, 3, 4),), (-3, 3)),
    "sum keepdim": (lambda m, x: x.sum(1, keepdim=True), ((2, 3, 4),), (-3, 3)),
    "mean": (lambda m, x: m.mean(x), (A,), (-3, 3)),
    "mean dims": (lambda m, x: x.mean((0, 2), keepdim=True), ((2, 3, 4),), (-3, 3)),
    "amax": (lambda m, x: m.amax(x, (0, 1)), ((2, 3, 4),), (-3, 3)),
    "amax, with ties": (lambda m, x: m.amax(x.clamp(max=1), 1), ((2, 3, 4),), (-3, 3)),
    "amin": (lambda m, x: m.amin(x, 1, keepdim=True), ((2, 3, 4),), (-3, 3)),
    "max": (lambda m, x: x.max(), (A,), (-3, 3)),
    "max dim": (lambda m, x: x.max(1)[0], ((2, 3, 4),), (-3, 3)),
    "min dim keepdim": (lambda m, x: m.min(x, -1, keepdim=True)[0], ((2, 3, 4),), (-3, 3)),
    "max of two": (lambda m, x, y: m.max(x, y), (A, A), (-3, 3)),
    "matmul": (lambda m, x, y: x @ y, (A, (4, 5)), (-3, 3)),
    "matmul batches": (lambda m, x, y: m.matmul(x, y), ((2, 1, 3, 4), (5, 4, 2)), (-3, 3)),
    "matrix times vector": (lambda m, x, y: x @ y, ((2, 3, 4), (4,)), (-3, 3)),
    "vector times matrix": (lambda m, x, y: x @ y, ((4,), (2, 4, 3)), (-3, 3)),
    "vector times vector": (lambda m, x, y: x @ y, ((4,), (4,)), (-3, 3)),
    "reshape": (lambda m, x: m.reshape(x, (4, -1)), ((2, 3, 4),), (-3, 3)),
    "reshape of a transpose": (
        lambda m, x: x.permute(2, 0, 1).reshape(8, 3),
        ((2, 3, 4),),
        (-3, 3),
    ),
    "view": (lambda m, x: x.view(-1, 2), (A,), (-3, 3)),
    "flatten": (lambda m, x: m.flatten(x, 1), ((2, 3, 4),), (-3, 3)),
    "flatten 0-d": (lambda m, x: m.flatten(x), ((),), (-3, 3)),
    "transpose": (lambda m, x: m.transpose(x, 0, -1), ((2, 3, 4),), (-3, 3)),
    "permute": (lambda m, x: m.permute(x, (2, 0, 1)), ((2, 3, 4),), (-3, 3)),
    "T": (lambda m, x: x.T, (A,), (-3, 3)),
    "squeeze": (lambda m, x: m.squeeze(x), ((1, 3, 1),), (-3, 3)),
    "squeeze dim": (lambda m, x: m.squeeze(x, 0), ((1, 3, 1),), (-3, 3)),
    "squeeze nothing": (lambda m, x: m.squeeze(x, 1), ((1, 3, 1),), (-3, 3)),
    "unsqueeze": (lambda m, x: m.unsqueeze(x, -1), (A,), (-3, 3)),
    "expand": (lambda m, x: x.expand(2, -1, 4), ((3, 1),), (-3, 3)),
    "cat": (lambda m, x, y: m.cat([x, y, x], dim=1), (A, (3, 2)), (-3, 3)),
    "stack": (lambda m, x, y: m.stack([x, y], dim=-1), (A, A), (-3, 3)),
    "flip": (lambda m, x: m.flip(x, (0, 2)), ((2, 3, 4),), (-3, 3)),
    "clone": (lambda m, x: x.clone(), (A,), (-3, 3)),
    "index number": (lambda m, x: x[1], ((2, 3, 4),), (-3, 3)),
    "index one element": (lambda m, x: x[1, -2, 3], ((2, 3, 4),), (-3, 3)),
    "index slices": (lambda m, x: x[:, 1:, ::2], ((2, 3, 4),), (-3, 3)),
    "index None and dots": (lambda m, x: x[..., None, 1], ((2, 3, 4),), (-3, 3)),
    "index list, repeated": (lambda m, x: x[[0, 1, 1, 0]], ((2, 3, 4),), (-3, 3)),
    "index lists": (lambda m, x: x[:, [0, 2, 2], [1, 1, 3]], ((2, 3, 4),), (-3, 3)),
    "index number, slice, list": (lambda m, x: x[1, :, [0, 3]], ((2, 3, 4),), (-3, 3)),
    "index tensor": (lambda m, x: x[m.tensor([[1, 0], [-1, 1]])], ((2, 3, 4),), (-3, 3)),
    "index mask": (lambda m, x: x[x > 0], ((2, 3, 4),), (-3, 3)),
    "index mask of some dimensions": (lambda m, x: x[:, x[0] > 0], ((2, 3, 4),), (-3, 3)),
    "index 0-d tensor": (lambda m, x: x[m.tensor(1)], ((2, 3, 4),), (-3, 3)),
}


# At a tie there is no derivative; PyTorch's choice is compared above.
@pytest.mark.parametrize("name", [name for name in CASES if "ties" not in name])
def test_gradients_by_finite_differences(name, rng):
    function, shapes, (low, high) = CASES[name]
    # Distinct values, away from the kinks at 0, ±1, 1.5 and 0.2.
    count = sum(int(np.prod(s)) for s in shapes)
    levels = np.linspace(max(low, -4), min(high, 4), count + 2)[1:-1] + 0.0137
    values = rng.permutation(levels)
    inputs = []
    for s in shapes:
        size = int(np.prod(s))
        inputs.append(mc.tensor(values[:size].reshape(s), requires_grad=True))
        values = values[size:]
    assert mc.gradcheck(lambda *t: function(mc, *t), inputs)


DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]
OPERATORS = {
    "+": lambda x, y: x + y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "<": lambda x, y: x < y,
    "==": lambda x, y: x == y,
}


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("first", DTYPES)
def test_result_dtypes(symbol, first):
    operator = OPERATORS[symbol]
    for second in [*DTYPES, "0-d float64", "0-d int64", 2, 2.5, True]:
        names = []
        for module in (mc, torch):
            x = module.ones(3, dtype=getattr(module, first))
            if isinstance(second, str):
                shape = () if second.startswith("0-d") else (3,)
                y = module.ones(shape, dtype=getattr(module, second.split()[-1]))
            else:
                y = second
            names.append(str(operator(x, y).dtype).removeprefix("torch."))
        assert names[0] == names[1], (symbol, first, second)


UNARY = [
    "exp",
    "log",
    "sqrt",
    "sigmoid",
    "tanh",
    "sum",
    "argmax",
    "amax",
    "neg",
    "abs",
    "square",
    "all",
    "any",
]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float32"])
def test_integers_in_unary_functions(name, dtype):
    results = []
    for module in (mc, torch):
        x = module.tensor([[1, 0], [1, 1]], dtype=getattr(module, dtype))
        try:
            out = getattr(module, name)(x)
            results.append((np.asarray(out), str(out.dtype).removeprefix("torch.")))
        except (RuntimeError, TypeError):
            results.append(None)
    mine, theirs = results
    if theirs is None:
        # What PyTorch refuses may work here (argmax of bools), never the other way round.
        return
    assert mine is not None
    assert mine[1] == theirs[1]
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-6)


SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e300, -1e300, 1e-300]


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "log",
        "sqrt",
        "sigmoid",
        "tanh",
        "relu",
        "neg",
        "abs",
        "square",
        "softmax",
        "log_softmax",
        "clamp",
    ],
)
def test_special_values(name):
    results = []
    for module in (mc, torch):
        x = module.tensor(SPECIAL, dtype=module.float64, requires_grad=True)
        extra = {"softmax": (0,), "log_softmax": (0,), "clamp": (-1, 1)}.get(name, ())
        out = getattr(module, name)(x[1:] if "softmax" in name else x, *extra)
        out.backward(module.ones(out.shape, dtype=module.float64) * 2)
        results.append((np.asarray(out.detach()), np.asarray(x.grad)))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


REFUSED = {
    "shapes do not broadcast": (
        lambda m: m.ones(2, 3) + m.ones(4),
        r"add: shapes \(2, 3\) and \(4,\)",
    ),
    "matmul sizes": (lambda m: m.ones(2, 3) @ m.ones(4, 3), r"matmul: .*Did you mean y.T\?"),
    "matmul dtypes": (
        lambda m: m.ones(2, 2) @ m.ones(2, 2, dtype=m.float64),
        "expected both of one",
    ),
    "matmul 0-d": (lambda m: m.tensor(1.0) @ m.ones(2), "at least one dimension"),
    "reshape count": (lambda m: m.ones(2, 3).reshape(4, 2), "6 elements, which do not fit"),
    "reshape two free": (lambda m: m.ones(2, 3).reshape(-1, -1), "at most one −1"),
    "view of a transpose": (
        lambda m: m.ones(2, 3).transpose(0, 1).view(6),
        r"view: .*\.reshape\(\)",
    ),
    "dim out of range": (lambda m: m.ones(2).sum(1), r"sum: dim 1 is out of range"),
    "dim twice": (lambda m: m.ones(2, 3).sum((0, 0)), "more than once"),
    "permute not all": (lambda m: m.ones(2, 3).permute(0, 0), "exactly once"),
    "cat shapes": (lambda m: m.cat([m.ones(2, 3), m.ones(3, 2)]), "tensor 1 has shape"),
    "stack shapes": (lambda m: m.stack([m.ones(2), m.ones(3)]), "stack: tensor 1"),
    "stack nothing": (lambda m: m.stack([]), "stack: expected at least one tensor"),
    "expand": (lambda m: m.ones(2, 3).expand(2, 4), "only sizes of 1 can grow"),
    "index range": (lambda m: m.ones(3)[3], "index: 3 is out of range for dimension 0 of size 3"),
    "index list range": (lambda m: m.ones(3)[[0, 5]], "index: 5 is out of range"),
    "too many indices": (lambda m: m.ones(3)[0, 0], "2 indices for a tensor of 1 dimensions"),
    "mask shape": (lambda m: m.ones(3)[m.tensor([True, False])], r"bool mask of shape \(2,\)"),
    "float index": (lambda m: m.ones(3)[m.ones(1)], "index: expected integers"),
    "negative step": (lambda m: m.ones(3)[::-1], "step must be at least 1"),
    "mean of integers": (lambda m: m.ones(3, dtype=m.int64).mean(), "mean: expected a floating"),
    "softmax of integers": (
        lambda m: m.softmax(m.ones(3, dtype=m.int64), 0),
        "softmax: expected a",
    ),
    "truth of many": (lambda m: bool(m.ones(2)), "ambiguous"),
    "item of many": (lambda m: m.ones(2).item(), "item: only a tensor of one element"),
    "argmax of nothing": (lambda m: m.argmax(m.zeros(0)), "argmax: an empty tensor"),
    "amax of nothing": (lambda m: m.amax(m.zeros(0)), "amax: an empty tensor"),
    "ragged lists": (lambda m: m.tensor([[1, 2], [3]]), "ragged"),
    "clamp without limits": (lambda m: m.ones(2).clamp(), "at least one of min and max"),
    "boolean subtraction": (lambda m: m.tensor([True]) - m.tensor([True]), "sub: booleans"),
    "integer to negative powers": (lambda m: m.tensor([2]) ** -1, "integers to negative powers"),
    "length of a number": (lambda m: len(m.tensor(1.0)), "0-d tensor has no length"),
    "strings": (lambda m: m.tensor(["a"]), "tensor: "),
    "randint range": (lambda m: m.randint(3, 3, (2,)), "expected low < high"),
    "negative size": (lambda m: m.zeros(-1), "sizes must be at least 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_with_a_reason(name):
    call, text = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)) as theirs:
        call(torch)
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError), match=text) as mine:
        call(mc)
    # An `except` clause written for PyTorch's error catches minicnn's.
    if theirs.type in (RuntimeError, IndexError):
        assert issubclass(mine.type, theirs.type)


def test_memory_is_shared_where_pytorch_shares_it():
    array = np.zeros(3, "float32")
    shared, copied = mc.from_numpy(array), mc.tensor(array)
    array[0] = 1
    assert (shared.tolist(), copied.tolist()) == ([1.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    x = mc.zeros(2, 2)
    x.T[0, 1] = 5
    x.view(4)[0] = 7
    x.detach()[0, 1] = 9
    assert x.tolist() == [[7.0, 9.0], [5.0, 0.0]]
    assert mc.flip(x, 0).array.base is None


def test_byte_swapped_and_reversed_arrays_can_be_copied_but_not_shared():
    for array in (np.arange(3, dtype=">f4"), np.arange(3, dtype="f4")[::-1]):
        for function in ("from_numpy", "as_tensor"):
            with pytest.raises(ValueError):
                getattr(torch, function)(array)
            with pytest.raises(ValueError, match=f"{function}: the array"):
                getattr(mc, function)(array)
        copied = mc.tensor(array)
        assert copied.dtype == mc.float32
        assert copied.tolist() == array.tolist()


def test_interoperates_by_dlpack_without_a_copy():
    x = mc.arange(4.0)
    y = torch.from_dlpack(x)
    y[0] = 9
    assert x.tolist() == [9.0, 1.0, 2.0, 3.0]
