"""Operations of activation, normalisation, dropout and loss: their equations and what they save."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import equations
from minicnn.ops import activation, dropout, loss, normalization
from minicnn.ops.base import Operation

MODULES = (activation, dropout, loss, normalization)


def test_every_operation_names_equations_that_exist():
    known, found = set(equations.keys()), 0
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Operation) and value is not Operation:
                assert value.equations and set(value.equations) <= known, value.__name__
                assert value.__doc__, value.__name__
                found += 1
    assert found >= 29


LABELS = mc.tensor([0, 2, 1])
EXAMPLES = {
    "ReLU6": F.relu6,
    "LeakyReLU": F.leaky_relu,
    "ELU": F.elu,
    "GELU": F.gelu,
    "GELUTanh": lambda x: F.gelu(x, "tanh"),
    "SiLU": F.silu,
    "Hardsigmoid": F.hardsigmoid,
    "Hardswish": F.hardswish,
    "Softplus": F.softplus,
    "BatchNorm": lambda x: F.batch_norm(x, None, None, x[0], x[1], training=True),
    "LayerNorm": lambda x: F.layer_norm(x, (3,), x[0], x[1]),
    "GroupNorm": lambda x: F.group_norm(x, 1, x[0], x[1]),
    "InstanceNorm": lambda x: F.instance_norm(x[None], weight=x[0], bias=x[1]),
    "LocalResponseNorm": lambda x: F.local_response_norm(x[None], 3),
    "LpNorm": F.normalize,
    "Dropout": F.dropout,
    "CrossEntropy": lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1),
    "SoftCrossEntropy": lambda x: F.cross_entropy(x, x.sigmoid()),
    "NegativeLogLikelihood": lambda x: F.nll_loss(x, LABELS),
    "SmoothL1": lambda x: F.smooth_l1_loss(x, x.flip(0)),
    "BCEWithLogits": lambda x: F.binary_cross_entropy_with_logits(x, x.sigmoid()),
    "KLDivergence": lambda x: F.kl_div(x, x.sigmoid(), reduction="batchmean"),
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
    nodes = [n for n in seen if n.operation.name == name]
    assert nodes
    out.backward(mc.ones_like(out))
    for node in nodes:
        assert all(getattr(node.operation, saved) is None for saved in node.operation.saves)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_gradients_have_the_dtype_of_the_input(name, dtype, rng):
    x = mc.tensor(rng.standard_normal((3, 3)), dtype=dtype, requires_grad=True)
    out = EXAMPLES[name](x)
    out.backward(mc.ones_like(out))
    assert out.dtype == x.grad.dtype == np.dtype(dtype)
