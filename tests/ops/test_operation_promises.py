"""What operations promise the engine, their defaults, and corners of a few of them.

Every test here notices a change that no other test noticed (docs/hardening_mutation.md).
"""

import inspect

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.autograd import Function, detect_anomaly
from minicnn.ops import convolution, loss, pooling
from minicnn.ops.base import Operation
from minicnn.ops.normalization import LpNorm
from minicnn.ops.shape import Diagonal
from minicnn.tensor import apply


def tensor(*shape, seed=0, positive=False):
    values = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return mc.tensor(np.abs(values) + 0.5 if positive else values, requires_grad=True)


# ------------------------------------------------------------------ gradients of their own


def _written(x):
    y = x * 1
    y[1:].mul_(2)
    return y


def _unpooled(x):
    y, places = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(y, places, 2)


CALLS = {
    "sigmoid": (mc.sigmoid, (3, 4)),
    "tanh": (mc.tanh, (3, 4)),
    "relu": (mc.relu, (3, 4)),
    "silu": (F.silu, (3, 4)),
    "elu": (F.elu, (3, 4)),
    "gelu": (F.gelu, (3, 4)),
    "mul": (lambda x: x * 2.5, (3, 4)),
    "neg": (lambda x: -x, (3, 4)),
    "abs": (mc.abs, (3, 4)),
    "exp": (mc.exp, (3, 4)),
    "log": (mc.log, (3, 4)),
    "sqrt": (mc.sqrt, (3, 4)),
    "sin": (mc.sin, (3, 4)),
    "cos": (mc.cos, (3, 4)),
    "clamp": (lambda x: mc.clamp(x, -0.5, 0.5), (3, 4)),
    "maximum": (lambda x: mc.maximum(x, mc.zeros_like(x)), (3, 4)),
    "sign": (mc.sign, (3, 4)),
    "slice": (lambda x: x[1:], (3, 4)),
    "gather": (lambda x: x[mc.tensor([0, 2, 2])], (3, 4)),
    "roll": (lambda x: mc.roll(x, 1, 0), (3, 4)),
    "amax": (lambda x: mc.amax(x, 1), (3, 4)),
    "max": (lambda x: mc.max(x), (3, 4)),
    "prod": (lambda x: mc.prod(x, 1), (3, 4)),
    "cumsum": (lambda x: mc.cumsum(x, 1), (3, 4)),
    "take along": (lambda x: mc.sort(x)[0], (3, 4)),
    "write through": (_written, (3, 4)),
    "var": (lambda x: mc.var(x, 1), (3, 4)),
    "logsumexp": (lambda x: mc.logsumexp(x, 1), (3, 4)),
    "softmax": (lambda x: F.softmax(x, 1), (3, 4)),
    "log_softmax": (lambda x: F.log_softmax(x, 1), (3, 4)),
    "cross_entropy": (lambda x: F.cross_entropy(x, mc.tensor([0, 1, 3])), (3, 4)),
    "nll_loss": (lambda x: F.nll_loss(x, mc.tensor([0, 1, 3])), (3, 4)),
    "soft targets": (lambda x: F.cross_entropy(x, mc.full((3, 4), 0.25, dtype=x.dtype)), (3, 4)),
    "bce": (
        lambda x: F.binary_cross_entropy_with_logits(x, mc.ones_like(x), reduction="none"),
        (3, 4),
    ),
    "smooth_l1": (lambda x: F.smooth_l1_loss(x, mc.ones_like(x), reduction="none"), (3, 4)),
    "kl_div": (lambda x: F.kl_div(x, mc.ones_like(x), reduction="sum"), (3, 4)),
    "dropout": (lambda x: F.dropout(x, 0.5), (3, 4)),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), (3, 2, 4, 4)),
    "batch_norm_act": (
        lambda x: F.batch_norm_act(x.float(), None, None, training=True, act="relu"),
        (3, 2, 4, 4),
    ),
    "layer_norm": (lambda x: F.layer_norm(x, (4,)), (3, 4)),
    "group_norm": (lambda x: F.group_norm(x, 2), (3, 4, 2)),
    "instance_norm": (F.instance_norm, (3, 2, 4, 4)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), (3, 4, 2, 2)),
    "lp norm": (lambda x: apply(LpNorm(2, (1,)), x), (3, 4)),
    "conv2d": (lambda x: F.conv2d(x, mc.ones(2, 2, 3, 3, dtype=x.dtype)), (1, 2, 4, 5)),
    "conv_transpose2d": (
        lambda x: F.conv_transpose2d(x, mc.ones(2, 2, 3, 3, dtype=x.dtype)),
        (1, 2, 4, 5),
    ),
    "linear": (lambda x: F.linear(x, mc.ones(2, 4, dtype=x.dtype)), (3, 4)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), (1, 2, 4, 4)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), (1, 2, 4, 4)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (2, 2)), (1, 2, 5, 4)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (2, 2)), (1, 2, 5, 4)),
    "max_unpool2d": (_unpooled, (1, 2, 4, 4)),
    "unfold": (lambda x: F.unfold(x, 2), (1, 2, 4, 4)),
    "interpolate": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        (1, 2, 4, 4),
    ),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), (1, 2, 4, 4)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_new_gradient_is_said_to_be_new(name):
    """`fresh` spares the engine a copy, and is right only for memory that nobody else has."""
    call, shape = CALLS[name]
    y = call(tensor(*shape, positive=name in ("log", "sqrt")))
    operation = y.grad_fn.operation
    delta = np.random.default_rng(1).standard_normal(y.shape).astype(y.array.dtype)
    saved = [v for v in vars(operation).values() if isinstance(v, np.ndarray)]
    others = [None] * (len(y.grad_fn.outputs) - 1)  # the places of a maximum have no gradient
    gradients = [g for g in operation.gradients(delta, *others) if g is not None]
    shared = any(np.shares_memory(g, a) for g in gradients for a in (delta, *saved))
    assert operation.fresh == (not shared)


def test_an_operation_wants_all_gradients_unless_told_otherwise():
    assert Operation.needs == (True,) * 8
    assert Operation.materializes is True


def defaults(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def test_defaults_of_operations_are_those_of_their_functions():
    windows = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    assert defaults(convolution.Conv2d.__init__) == windows
    assert defaults(convolution.ConvTranspose2d.__init__) == windows
    assert defaults(pooling.AvgPool2d.__init__) == {"count_include_pad": True, "divisor": None}
    smooth = defaults(loss.SoftCrossEntropy.__init__)
    assert smooth == {"weight": None, "label_smoothing": 0.0}


# ------------------------------------------------------------------ the walk


class Without(Function):
    """x + y, with a gradient for y only."""

    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, delta):
        return None, delta


def test_a_node_that_no_gradient_reaches_does_not_run():
    x, y = tensor(3), tensor(3, seed=1)
    Without.apply(x * 2, y).backward(mc.ones(3, dtype=mc.float64))
    assert x.grad is None
    assert y.grad.tolist() == [1, 1, 1]


def test_the_search_for_nan_passes_by_what_has_no_gradient():
    x, y = tensor(3), tensor(3, seed=1)
    with detect_anomaly():
        Without.apply(x * 2, y).backward(mc.ones(3, dtype=mc.float64))
    assert y.grad.tolist() == [1, 1, 1]


def test_a_function_that_saved_something_runs_backward_once():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, delta):
            return delta * 2

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, delta):
            return delta * 2 * ctx.saved_tensors[0]

    x, delta = mc.tensor([3.0], requires_grad=True), mc.tensor([1.0])
    y = Twice.apply(x)
    y.backward(delta)
    y.backward(delta)  # as in PyTorch: nothing was freed
    assert x.grad.tolist() == [4]
    y = Square.apply(x)
    y.backward(delta)
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward(delta)
    assert x.grad.tolist() == [10]


def test_nan_that_goes_nowhere_is_no_anomaly():
    class Both(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, delta):
            return delta, delta * float("nan")

    x, constant = tensor(3), mc.ones(3, dtype=mc.float64)
    with detect_anomaly():
        Both.apply(x, constant).backward(mc.ones(3, dtype=mc.float64))
    assert x.grad.tolist() == [1, 1, 1]


def test_grad_variables_are_not_given_twice():
    x = tensor(2)
    delta = mc.ones(2, dtype=mc.float64)
    with pytest.warns(FutureWarning, match="use grad_tensors"):
        mc.autograd.backward(x * 3, grad_variables=delta)
    assert x.grad.tolist() == [3, 3]
    with (
        pytest.warns(FutureWarning, match="use grad_tensors"),
        pytest.raises(ValueError, match="give grad_tensors only"),
    ):
        mc.autograd.backward(x * 3, delta, grad_variables=delta)


# ------------------------------------------------------------------ arithmetic


def test_a_square_batch_of_signals_is_not_taken_for_maps():
    # (3, 3, 5) · (3, 3, 1, 1): the first two sizes are equal, but x has no maps.
    x, y = tensor(3, 3, 5), tensor(3, 3, 1, 1, seed=1)
    z = x * y
    np.testing.assert_array_equal(z.array, x.array * y.array)
    delta = np.random.default_rng(2).standard_normal(z.shape)
    z.backward(mc.tensor(delta))
    np.testing.assert_allclose(x.grad.array, (delta * y.array).sum(0))
    expected = (delta * x.array).sum((2, 3), keepdims=True)
    np.testing.assert_allclose(y.grad.array, expected)


def test_maps_and_their_numbers_have_a_kernel():
    x, y = tensor(2, 3, 4, 5), tensor(2, 3, 1, 1, seed=1)
    assert (x * y).grad_fn.operation.scales
    assert not (x * tensor(2, 3, 4, 1)).grad_fn.operation.scales
    assert not (x * tensor(1, 3, 1, 1)).grad_fn.operation.scales


def test_a_power_of_0_has_the_slope_0():
    x = mc.tensor([0.0, 2.0, float("nan")], requires_grad=True)
    mc.pow(x, mc.tensor([0.0, 0.0, 0.0])).backward(mc.tensor([2.0, 3.0, 4.0]))
    assert x.grad.tolist() == [0, 0, 0]


def test_negative_powers_of_integers():
    x = mc.tensor([1, -1, -1, 2, -3, 2, -3, 0])
    y = mc.tensor([-2, -2, -3, -1, -2, 3, 3, 4])
    assert mc.pow(x, y).tolist() == [1, 1, -1, 0, 0, 8, -27, 0]


@pytest.mark.parametrize("dtype", [mc.float32, mc.int64])
def test_quotients_are_cut_or_rounded_down(dtype):
    x = mc.tensor([7, -7, 7, -7, 6, -6], dtype=dtype)
    y = mc.tensor([2, 2, -2, -2, 3, 3], dtype=dtype)
    cut, down = (mc.div(x, y, rounding_mode=mode) for mode in ("trunc", "floor"))
    assert cut.tolist() == [3, -3, -3, 3, 2, -2]
    assert down.tolist() == [3, -4, -4, 3, 2, -2]
    assert cut.dtype == down.dtype == dtype


def test_a_quotient_cut_to_0_keeps_its_sign():
    z = mc.div(mc.tensor([-1.0, 1.0]), 2.0, rounding_mode="trunc")
    assert np.signbit(z.array).tolist() == [True, False]


@pytest.mark.parametrize("mode", ["trunc", "floor"])
def test_rounded_quotients_have_the_gradient_0_for_who_wants_one(mode):
    x, y = tensor(2, 3), tensor(3, seed=1)
    mc.div(x, y, rounding_mode=mode).backward(mc.ones(2, 3, dtype=mc.float64))
    assert x.grad.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert y.grad.tolist() == [0, 0, 0]
    alone = tensor(2)
    z = mc.div(alone, mc.ones(2, dtype=mc.float64), rounding_mode=mode)
    found = z.grad_fn.operation.gradients(np.ones(2))
    assert found[0].tolist() == [0, 0]
    assert found[1] is None


# ------------------------------------------------------------------ bounds


def test_equal_values_share_and_nan_gives_to_both():
    x = mc.tensor([1.0, 2.0, 3.0, float("nan")], requires_grad=True)
    y = mc.tensor([1.0, 3.0, 2.0, 1.0], requires_grad=True)
    mc.maximum(x, y).backward(mc.tensor([4.0, 5.0, 6.0, 7.0]))
    assert x.grad.tolist() == [2, 0, 6, 7]
    assert y.grad.tolist() == [2, 5, 0, 7]


def test_bounds_that_are_tensors():
    values = [-2.0, 0.0, 2.0, -2.0, 2.0, 0.5]
    delta = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]

    def gradients(low, high):
        x = mc.tensor(values, requires_grad=True)
        bounds = [b and mc.tensor(b, requires_grad=True) for b in (low, high)]
        mc.clamp(x, *bounds).backward(mc.tensor(delta))
        return [x.grad.tolist(), *(b.grad.tolist() for b in bounds if b is not None)]

    low, high = [-1.0] * 6, [1.0] * 6
    assert gradients(low, high) == [[0, 2, 0, 0, 0, 6], [1, 0, 0, 4, 0, 0], [0, 0, 3, 0, 5, 0]]
    assert gradients(low, None) == [[0, 2, 3, 0, 5, 6], [1, 0, 0, 4, 0, 0]]
    assert gradients(None, high) == [[1, 2, 0, 4, 0, 6], [0, 0, 3, 0, 5, 0]]
    # Where they cross, high wins: also above it.
    crossed = gradients([1.0] * 6, [-1.0] * 6)
    assert crossed == [[0] * 6, [0] * 6, delta]


# ------------------------------------------------------------------ reductions


def test_the_largest_of_all_is_shared_by_nan():
    x = mc.tensor([1.0, float("nan"), 3.0, float("nan")], requires_grad=True)
    mc.max(x).backward(mc.tensor(6.0))
    assert x.grad.tolist() == [0, 3, 0, 3]
    x = mc.tensor([3.0, 1.0, 3.0], requires_grad=True)
    mc.max(x).backward(mc.tensor(6.0))
    assert x.grad.tolist() == [3, 0, 3]


def test_products_with_zeros():
    x = mc.tensor([[0.0, 2.0, 3.0], [4.0, 0.0, 5.0]], requires_grad=True)
    mc.prod(x, 1).backward(mc.tensor([2.0, 3.0]))
    assert x.grad.tolist() == [[12, 0, 0], [0, 60, 0]]
    x = mc.tensor([[0.0, 2.0, 3.0], [4.0, 1.0, 5.0]], requires_grad=True)
    mc.prod(x, 0).backward(mc.tensor([2.0, 3.0, 4.0]))
    assert x.grad.tolist() == [[8, 3, 20], [0, 6, 12]]
    mc.prod(x.detach().requires_grad_()).backward()
    x.grad = None
    mc.prod(x).backward(mc.tensor(2.0))
    assert x.grad.tolist() == [[240, 0, 0], [0, 0, 0]]


def test_variance_with_fewer_values_than_the_correction():
    x = mc.tensor([1.0, 2.0], requires_grad=True)
    assert mc.var(x, correction=3).item() == np.inf
    y = mc.var(x, correction=2)
    y.backward()
    assert x.grad.tolist() == [np.inf, np.inf]
    one = mc.tensor([3.0], requires_grad=True)
    with np.errstate(all="ignore"):
        z = mc.var(one)
    z.backward()
    assert np.isnan(z.item())
    assert np.isnan(one.grad.array).all()


def test_the_deviation_of_equal_values_has_the_slope_0():
    x = mc.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], requires_grad=True)
    mc.std(x, 1).backward(mc.tensor([5.0, 2.0]))
    np.testing.assert_allclose(x.grad.array, [[0, 0, 0], [-1, 0, 1]], atol=1e-6)


def test_variance_of_float16_is_computed_with_more_digits():
    values = np.arange(2000, 2064, dtype=np.float16)
    x = mc.tensor(values)
    expected = np.var(values.astype(np.float64), ddof=1).astype(np.float16)
    assert mc.var(x).item() == float(expected)


# ------------------------------------------------------------------ norms


@pytest.mark.parametrize("p", [0, 1, 1.5, 2, 3, float("inf"), -float("inf")])
def test_lp_norms_of_signed_values_and_zeros(p):
    values = np.array([[3.0, -4.0, 0.0], [-1.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    x = mc.tensor(values, requires_grad=True)
    r = apply(LpNorm(p, (1,)), x)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(r.array[:, 0], np.linalg.norm(values, p, axis=1))
    delta = np.array([[2.0], [3.0], [5.0]])
    r.backward(mc.tensor(delta))
    size = np.abs(values)
    if p == 0:
        expected = np.zeros_like(values)
    elif np.isinf(p):
        reached = size == r.array
        expected = np.sign(values) * reached / reached.sum(1, keepdims=True) * delta
    else:
        with np.errstate(all="ignore"):
            expected = delta * np.sign(values) * (size / r.array) ** (p - 1)
        expected[values == 0] = 0
    np.testing.assert_allclose(x.grad.array, expected)


# ------------------------------------------------------------------ others


def test_gelu_by_tanh_and_its_slope():
    x = np.linspace(-4, 4, 33)
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    du = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    given = mc.tensor(x, requires_grad=True)
    y = F.gelu(given, approximate="tanh")
    np.testing.assert_allclose(y.array, x / 2 * (1 + np.tanh(u)), atol=1e-15)
    delta = np.random.default_rng(3).standard_normal(33)
    y.backward(mc.tensor(delta))
    slope = (1 + np.tanh(u)) / 2 + x / 2 * (1 - np.tanh(u) ** 2) * du
    np.testing.assert_allclose(given.grad.array, delta * slope, atol=1e-14)


def test_soft_targets_receive_a_gradient_of_their_own():
    q = mc.tensor(np.full((2, 3), 1 / 3), requires_grad=True)
    scores = mc.tensor(np.random.default_rng(4).standard_normal((2, 3)))
    F.cross_entropy(scores, q, label_smoothing=0.25).backward()
    log = scores.array - np.log(np.exp(scores.array).sum(1, keepdims=True))
    np.testing.assert_allclose(q.grad.array, -0.75 * log / 2)
    # And the scores alone: no gradient is computed for targets that want none.
    both = F.cross_entropy(scores.detach().requires_grad_(), q.detach())
    assert both.grad_fn.operation.gradients(np.ones(()))[1] is None


def test_a_diagonal_is_a_view():
    """As one that `WriteThrough` can follow: values written to it are in the whole."""
    x = np.arange(9.0).reshape(3, 3)
    diagonal = Diagonal(0, 1)
    assert diagonal.views
    diagonal.run(x)[...] = 0
    assert np.trace(x) == 0
