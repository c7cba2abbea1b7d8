"""The names of the interface; gradients by finite differences; what operations may save."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import equations
from minicnn.ops import bounds, rounding, statistics
from minicnn.ops.base import Operation

NAMES = (
    "Tensor tensor as_tensor from_numpy zeros ones full empty zeros_like ones_like arange linspace "
    "eye rand randn randint randperm manual_seed no_grad enable_grad is_grad_enabled "
    "set_num_threads get_num_threads show_config save load kernels float32 float64 float16 int64 "
    "int32 uint8 bool"
)
FUNCTIONS = (
    "add sub mul div pow neg abs exp log sqrt square sin cos tanh sigmoid relu clamp maximum "
    "minimum where sign matmul einsum sum mean var std amax amin max min argmax argmin prod cumsum "
    "logsumexp softmax log_softmax topk sort allclose reshape view flatten unflatten transpose "
    "permute squeeze unsqueeze expand repeat cat stack split chunk flip roll gather index_select "
    "masked_fill"
)
NO_METHODS = {"einsum", "cat", "stack"}
METHODS = (
    "array data grad shape size dim ndim numel dtype device requires_grad requires_grad_ is_leaf "
    "grad_fn T item tolist numpy detach clone contiguous to cpu cuda float double long backward "
    "register_hook retain_grad zero_ copy_ __array__ __dlpack__ add_ sub_ mul_ div_ pow_ clamp_ "
    "fill_ neg_ abs_ exp_ log_ sqrt_ square_ sin_ cos_ tanh_ sigmoid_ relu_ sign_ masked_fill_"
)


def test_every_name_of_the_interface_is_there():
    names, functions = NAMES.split(), FUNCTIONS.split()
    assert [n for n in names + functions if not hasattr(mc, n)] == []
    methods = METHODS.split() + [n for n in functions if n not in NO_METHODS]
    assert [n for n in methods if not hasattr(mc.ones(1), n)] == []
    for name in ("grad", "Function", "detect_anomaly"):
        assert hasattr(mc.autograd, name)


MASK = mc.tensor([[True, False, True]])
EXAMPLES = {
    "Sin": mc.sin,
    "Cos": mc.cos,
    "Maximum": lambda x: mc.maximum(x, x[:1] * 2),
    "Minimum": lambda x: mc.minimum(x[:, :1], x * x),
    "ClampBetween": lambda x: x.clamp(x[0] - 0.3, x[1] + 2),
    "Remainder": lambda x: x % (x[0] + 5.3),
    "Prod": lambda x: x.prod(1),
    "CumSum": lambda x: x.cumsum(0),
    "Var": lambda x: x.var(1, correction=0.5),
    "Std": lambda x: x.std((0, 1)),
    "LogSumExp": lambda x: x.logsumexp(0),
    "Max": lambda x: x.max(),
    "Min": lambda x: x.min(),
    "TakeAlong": lambda x: x.sort(1, descending=True).values,
    "Roll": lambda x: x.roll((1, -1), (0, 1)),
    "Diagonal": lambda x: mc.einsum("ii->i", x),
    "Gather": lambda x: x.gather(1, mc.tensor([[0, 0, 2, 0]])),
    "Where": lambda x: x.masked_fill(MASK, x[0, 0] * 2),
    "Expand": lambda x: x.repeat(2, 1, 2),
    "Matmul": lambda x: mc.einsum("ij,kj,k->i", x, x, x[0]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_by_finite_differences(name, rng):
    x = mc.tensor(rng.permutation(np.linspace(-1.9, 2, 9)).reshape(3, 3), requires_grad=True)
    assert mc.gradcheck(EXAMPLES[name], (x,))


@pytest.mark.parametrize("name", EXAMPLES)
def test_saved_arrays_are_watched_and_never_views_of_a_tensor(name, rng):
    """Otherwise a change in place of the tensor would slip past the version counter."""
    x = mc.tensor(rng.standard_normal((3, 3)), requires_grad=True)
    y = x * 1
    out = EXAMPLES[name](y)
    stack, seen, tensors = [out.grad_fn], set(), [y.array, out.array]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        watched = {n for n, _, _ in node.versions}
        for saved in node.operation.saves:
            array = getattr(node.operation, saved)
            if isinstance(array, np.ndarray) and saved not in watched:
                assert not any(np.shares_memory(array, t) for t in tensors), (name, saved)
        stack += [e[0] for e in node.edges if e is not None and e[0] is not x]
    assert any(n.operation.name == name for n in seen)


def test_operations_name_equations_that_exist():
    for module in (bounds, rounding, statistics):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Operation):
                assert set(value.equations) <= set(equations.keys())
                assert value.__doc__


@pytest.mark.parametrize(
    "name", ["amax", "max", "prod", "logsumexp", "var", "std", "cumsum", "sin"]
)
def test_float16_gives_float16_gradients(name):
    x = mc.tensor([[0.5, 1.0], [2.0, 1.5]], dtype=mc.float16, requires_grad=True)
    out = getattr(x, name)(*([0] if name in ("logsumexp", "cumsum") else []))
    assert out.dtype == mc.float16
    out.backward(mc.ones(out.shape, dtype=mc.float16))
    assert x.grad.dtype == mc.float16


def test_fancy_in_place_changes_are_followed_like_pytorchs(rng):
    torch = pytest.importorskip("torch")
    values, results = rng.standard_normal((3, 4)), []
    for m in (mc, torch):
        x = m.tensor(values, requires_grad=True)
        y = x * 2
        y[1].add_(x[2]).mul_(x[0])
        y.t()[2].clamp_(-0.5, 0.5)
        y **= 2
        y %= 0.7
        y[:, :2].masked_fill_(y[:, :2] > 0.4, 1.5)
        z = (y * x).cumsum(1)
        z.backward(m.tensor(np.arange(12.0).reshape(3, 4)))
        results.append((np.asarray(z.detach()), np.asarray(x.grad)))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
