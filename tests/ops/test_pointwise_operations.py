"""Activations, linear and losses: equal to the textbook, right by finite differences."""

import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import equations, ops, textbook
from minicnn.ops import reduction
from minicnn.ops.base import Operation

finite = st.floats(-20, 20, width=32)
matrices = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda s: arrays("float64", s, elements=finite)
)


def deltas(shape):
    return np.random.default_rng(7).standard_normal(shape)


def forward_and_back(function, *values):
    tensors = [mc.tensor(v, requires_grad=True) for v in values]
    out = function(*tensors)
    delta = deltas(out.shape)
    out.backward(mc.tensor(delta))
    return out.array, [t.grad.array for t in tensors], delta


@given(matrices)
def test_activations_equal_the_textbook(x):
    for name in ("sigmoid", "tanh"):
        y, (dx,), delta = forward_and_back(getattr(F, name), x)
        expected = getattr(textbook, name)(x)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-300)
        back = getattr(textbook, f"{name}_gradient")(delta, expected)
        np.testing.assert_allclose(dx, back, rtol=1e-9, atol=1e-15)
    y, (dx,), delta = forward_and_back(F.relu, x)
    np.testing.assert_array_equal(y, textbook.relu(x))
    np.testing.assert_array_equal(dx, textbook.relu_gradient(delta, x))


@given(matrices, st.integers(1, 4))
def test_linear_equals_the_textbook(x, out):
    rng = np.random.default_rng(4)
    w, b = rng.standard_normal((out, x.shape[1])), rng.standard_normal(out)
    z, (dx, dw, db), delta = forward_and_back(F.linear, x, w, b)
    np.testing.assert_allclose(z, textbook.linear(x, w, b), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(dx, textbook.linear_input_gradient(delta, w), atol=1e-10)
    np.testing.assert_allclose(dw, textbook.linear_weight_gradient(delta, x), atol=1e-10)
    np.testing.assert_allclose(db, textbook.linear_bias_gradient(delta), atol=1e-10)


@given(matrices, st.data())
def test_cross_entropy_equals_the_textbook_and_its_expansion(z, data):
    target = np.array(data.draw(st.lists(st.integers(0, z.shape[1] - 1),
                                         min_size=len(z), max_size=len(z))))  # fmt: skip
    labels = mc.tensor(target)
    value, (dz,), delta = forward_and_back(lambda t: F.cross_entropy(t, labels), z)
    np.testing.assert_allclose(value, textbook.cross_entropy(z, target), rtol=1e-10, atol=1e-12)
    expected = delta * textbook.cross_entropy_gradient(z, target)
    np.testing.assert_allclose(dz, expected, rtol=1e-9, atol=1e-12)
    composed, (dz2,), _ = forward_and_back(lambda t: F.nll_loss(F.log_softmax(t, 1), labels), z)
    np.testing.assert_allclose(composed, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dz2, dz, rtol=1e-9, atol=1e-12)
    y, (dz3,), delta = forward_and_back(lambda t: F.log_softmax(t, 1), z)
    np.testing.assert_allclose(y, textbook.log_softmax(z), rtol=1e-10, atol=1e-12)
    back = textbook.log_softmax_gradient(delta, y)
    np.testing.assert_allclose(dz3, back, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2, 3), (5,)])
def test_losses_equal_pytorch_with_all_their_options(reduction, shape, rng):
    torch = pytest.importorskip("torch")
    z = rng.standard_normal(shape)
    classes = shape[1] if len(shape) > 1 else shape[0]
    target_shape = shape[:1] + shape[2:] if len(shape) > 1 else ()
    target = rng.integers(0, classes, target_shape)
    ignored = np.where(target == 1, -100, target)
    for name in ("cross_entropy", "nll_loss"):
        for labels, ignore in ((target, -100), (ignored, -100), (target, 2)):
            results = []
            for module, functional in ((mc, F), (torch, torch.nn.functional)):
                x = module.tensor(z, requires_grad=True)
                out = getattr(functional, name)(
                    x, module.tensor(labels), ignore_index=ignore, reduction=reduction
                )
                out.backward(module.tensor(deltas(tuple(out.shape))))
                results.append((np.asarray(out.detach()), np.asarray(x.grad)))
            for mine, theirs in zip(*results, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


def test_extreme_scores_stay_finite():
    for dtype in ("float32", "float64"):
        z = mc.tensor([[1e4, -1e4, 0.0]], dtype=dtype, requires_grad=True)
        value = F.cross_entropy(z, mc.tensor([1]))
        value.backward()
        assert value.item() == 2e4
        assert z.grad.tolist() == [[1.0, -1.0, 0.0]]
    assert mc.sigmoid(mc.tensor([-1000.0, 1000.0])).tolist() == [0.0, 1.0]
    small = mc.sigmoid(mc.tensor([-40.0], dtype="float64")).item()
    np.testing.assert_allclose(small, np.exp(-40.0), rtol=1e-14)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_reshape_keeps_the_row_major_order_there_and_back(sizes, random):
    target = list(sizes)
    random.shuffle(target)
    x = np.arange(float(np.prod(sizes))).reshape(sizes)
    for values in (x, np.asfortranarray(x)):
        y, (dx,), delta = forward_and_back(
            lambda t: t.permute(*range(t.ndim)).reshape(target), values
        )
        np.testing.assert_array_equal(y, x.reshape(target))
        np.testing.assert_array_equal(dx, delta.reshape(sizes))


def operations():
    """Every operation class of every module of ops/."""
    for found in pkgutil.iter_modules(ops.__path__):
        module = importlib.import_module(f"minicnn.ops.{found.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Operation) and value is not Operation:
                yield value


def test_every_operation_names_equations_that_exist():
    known = set(equations.keys())
    for operation in operations():
        assert set(operation.equations) <= known, operation.__name__
        assert operation.__doc__, operation.__name__
        # The base class of the reductions computes nothing itself.
        assert operation.equations or operation is reduction.Reduction, operation.__name__


EXAMPLES = {
    "Add": lambda x: x + 2 * x,
    "Sub": lambda x: 1 - x,
    "Mul": lambda x: x * x,
    "Div": lambda x: x / (x * x + 1),
    "Pow": lambda x: (x * x) ** (x + 0.5),
    "Abs": mc.abs,
    "Exp": mc.exp,
    "Log": lambda x: mc.log(x * x),
    "Sqrt": lambda x: mc.sqrt(x * x + 1),
    "Clamp": lambda x: x.clamp(-0.5, 0.5),
    "Where": lambda x: mc.where(x > 0, x, -3 * x),
    "Sigmoid": mc.sigmoid,
    "Tanh": mc.tanh,
    "ReLU": mc.relu,
    "Softmax": lambda x: mc.softmax(x, 1),
    "LogSoftmax": lambda x: mc.log_softmax(x, 0),
    "Matmul": lambda x: x @ x.T,
    "Dot": lambda x: x[0] @ x[1],
    "Linear": lambda x: F.linear(x, x, x[:, 0]),
    "Amax": lambda x: x.amax(1),
    "Gather": lambda x: x[[0, 0, 2]],
    "Conv2d": lambda x: F.conv2d(x[None, None], x[None, None, :2, :2]),
    "MaxPool2d": lambda x: F.max_pool2d(x[None, None], 2, 1),
    "AvgPool2d": lambda x: F.avg_pool2d(x[None, None], 2, 1),
    "CrossEntropy": lambda x: F.cross_entropy(x, mc.tensor([0, 2, 1])),
}


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


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_by_finite_differences(name, rng):
    x = mc.tensor(rng.permutation(np.linspace(-1.9, 2, 9)).reshape(3, 3), requires_grad=True)
    assert mc.gradcheck(EXAMPLES[name], (x,))
