"""The graph and its walk."""

import gc
import weakref

import numpy as np
import pytest

import minicnn as mc
from minicnn.autograd import record
from minicnn.checks import DtypeError, GraphError, ShapeError
from minicnn.ops.base import Operation
from minicnn.tensor import apply


def leaf(*shape, rng=None):
    values = (rng or np.random.default_rng(0)).standard_normal(shape)
    return mc.tensor(values, requires_grad=True)


# ------------------------------------------------------------------ the walk


def test_gradients_of_a_fan_out_add_up(rng):
    x = leaf(3, rng=rng)
    y = x * 2
    z = y * y + y  # y is used three times
    delta = rng.standard_normal(3)
    z.backward(mc.tensor(delta))
    np.testing.assert_allclose(x.grad.array, delta * (2 * y.array + 1) * 2)


def test_a_diamond_visits_each_node_once(rng):
    # Twenty doublings: a walk that followed paths instead of nodes would take a million steps.
    visits = []

    class Count(Operation):
        def forward(self, a, b):
            return a + b

        def backward(self, delta):
            visits.append(1)
            return delta, delta

    x = y = leaf(2, rng=rng)
    for _ in range(20):
        y = apply(Count(), y, y)
    y.backward(mc.tensor([1.0, 2.0], dtype=mc.float64))
    assert len(visits) == 20
    np.testing.assert_array_equal(x.grad.array, [2.0**20, 2.0**21])


def test_a_chain_of_100_000_operations():
    x = mc.tensor([1.0], requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_a_long_graph_that_was_never_walked_is_freed_without_recursion():
    y = mc.tensor([1.0], requires_grad=True)
    for _ in range(100_000):
        y = y * 1.0
    del y


def test_backward_accumulates_until_the_gradient_is_dropped():
    w = mc.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (w * w).sum().backward()
    assert w.grad.tolist() == [6.0, 12.0]
    w.grad = None
    (w * w).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_two_leaves_never_share_the_memory_of_their_gradients():
    a, b = (mc.zeros(2, requires_grad=True) for _ in range(2))
    (a + b).backward(mc.tensor([1.0, 2.0]))
    (a * 1).sum().backward()
    assert a.grad.tolist() == [2.0, 3.0]
    assert b.grad.tolist() == [1.0, 2.0]


def test_the_gradient_passed_to_backward_is_not_taken_over():
    x, delta = mc.zeros(2, requires_grad=True), mc.tensor([1.0, 2.0])
    x.backward(delta)
    x.backward(delta)
    assert (x.grad.tolist(), delta.tolist()) == ([2.0, 4.0], [1.0, 2.0])


def test_leaf_and_computed_gradients():
    x = mc.tensor([3.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    z = y * 2
    z.backward()
    assert (x.grad.tolist(), y.grad.tolist(), z.grad) == ([12.0], [2.0], None)
    assert (x.is_leaf, y.is_leaf) == (True, False)
    assert (x.grad_fn, y.grad_fn.name()) == (None, "MulBackward")


def test_broadcasting_sums_over_the_copies(rng):
    a, b = leaf(4, 1, 3, rng=rng), leaf(2, 1, rng=rng)
    delta = rng.standard_normal((4, 2, 3))
    (a * b).backward(mc.tensor(delta))
    np.testing.assert_allclose(a.grad.array, (delta * b.array).sum(1, keepdims=True))
    np.testing.assert_allclose(b.grad.array, (delta * a.array).sum((0, 2))[:, None])


def test_dtype_is_float32_by_default_and_float64_throughout():
    assert mc.tensor([1.0]).dtype == mc.float32
    x = mc.tensor([1.0], dtype=mc.float64, requires_grad=True)
    y = mc.sigmoid(x * 2 + 1).sum()
    y.backward()
    assert (y.dtype, x.grad.dtype) == (mc.float64, mc.float64)


def test_mixed_precision_returns_each_gradient_in_its_own_dtype():
    a = mc.ones(3, requires_grad=True)
    b = mc.ones(3, dtype=mc.float64, requires_grad=True)
    c = a * b
    c.sum().backward()
    assert (c.dtype, a.grad.dtype, b.grad.dtype) == (mc.float64, mc.float32, mc.float64)


# ------------------------------------------------------------------ modes


def test_no_grad_builds_no_graph_and_ends():
    w = mc.ones(2, requires_grad=True)
    with mc.no_grad():
        assert not mc.is_grad_enabled()
        y = w * 2
        with mc.enable_grad():
            z = w * 2
    assert (y.requires_grad, z.requires_grad, (w * 2).requires_grad) == (False, True, True)


def test_no_grad_as_a_decorator_is_fresh_at_each_call():
    w = mc.ones(2, requires_grad=True)

    @mc.no_grad()
    def f(depth):
        return (w * 2) if depth == 0 else f(depth - 1)

    assert not f(3).requires_grad
    assert mc.is_grad_enabled()


def test_the_mode_belongs_to_the_thread():
    from threading import Thread

    seen = []
    with mc.no_grad():
        thread = Thread(target=lambda: seen.append(mc.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# ------------------------------------------------------------------ memory


def test_backward_frees_what_was_saved_and_a_second_one_says_so():
    x = leaf(3)
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(GraphError, match=r"Mul: backward came here a second time.*retain_graph"):
        loss.backward()


def test_retain_graph_allows_another_walk():
    x = mc.tensor([2.0], requires_grad=True)
    loss = (x * x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad.tolist() == [24.0]


def test_a_graph_is_freed_without_the_cyclic_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(4)
        y = mc.relu(x[1:] * 2)
        y.retain_grad()
        y.register_hook(lambda g: None)
        loss = mc.sigmoid(y.reshape(3, 1)).sum()
        nodes = [weakref.ref(loss.grad_fn), weakref.ref(y.grad_fn)]
        arrays = weakref.ref(y.grad_fn.operation)
        del y, loss
        assert [n() for n in nodes] == [None, None]
        assert arrays() is None
    finally:
        gc.enable()


def test_saved_outputs_of_a_function_make_no_cycle():
    class Exp(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, delta):
            return ctx.saved_tensors[0] * delta

    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(leaf(3))
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_an_exception_in_backward_leaves_no_half_gradients_of_later_leaves():
    class Fails(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, delta):
            raise KeyError("user's bug")

    x = leaf(2)
    with pytest.raises(KeyError, match="user's bug"):
        Fails.apply(x).sum().backward()
    assert x.grad is None


# ------------------------------------------------------------------ autograd.grad, hooks


def test_grad_of_leaves_and_computed_tensors_touches_no_grad(rng):
    x = leaf(3, rng=rng)
    y = x * x
    z = y * y
    delta = mc.tensor(rng.standard_normal(3))
    gy, gx = mc.autograd.grad(z, (y, x), delta)
    np.testing.assert_allclose(gy.array, delta.array * 2 * y.array)
    np.testing.assert_allclose(gx.array, delta.array * 4 * x.array**3)
    assert x.grad is None


def test_grad_visits_only_what_leads_to_its_inputs():
    class Never(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, delta):
            raise AssertionError("not on the way")

    x, w = leaf(2), leaf(2)
    y = Never.apply(x) * w
    (g,) = mc.autograd.grad(y.sum(), w)
    np.testing.assert_array_equal(g.array, x.array)


def test_grad_of_an_unused_input():
    x, unused = leaf(2), leaf(2)
    with pytest.raises(GraphError, match="allow_unused=True"):
        mc.autograd.grad((x * 2).sum(), (x, unused))
    found = mc.autograd.grad((x * 2).sum(), (x, unused), allow_unused=True)
    assert found[1] is None


def test_hooks_see_the_complete_gradient_and_may_replace_it():
    x = mc.tensor([1.0], requires_grad=True)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = y.register_hook(lambda g: g * 10)
    (y * 3 + y).sum().backward(retain_graph=True)
    assert (seen, x.grad.tolist()) == ([[4.0]], [80.0])
    handle.remove()
    x.grad = None
    (y * 1).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_a_hook_on_a_leaf_runs_once_with_the_sum():
    x = mc.tensor([1.0], requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [5.0]


def test_a_hook_that_returns_nonsense_is_refused():
    x = mc.tensor([1.0], requires_grad=True)
    x.register_hook(lambda g: mc.zeros(2))
    with pytest.raises(ShapeError, match="register_hook: a hook must return None or a tensor"):
        (x * 2).sum().backward()


# ------------------------------------------------------------------ user operations, recorder


class Scale(mc.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, delta):
        return delta * ctx.factor, None


def test_a_function_with_an_argument_that_is_no_tensor(rng):
    x = leaf(2, 3, rng=rng)
    delta = rng.standard_normal((2, 3))
    Scale.apply(x, 3.0).backward(mc.tensor(delta))
    np.testing.assert_allclose(x.grad.array, 3 * delta)
    assert mc.gradcheck(lambda t: Scale.apply(t, -2.0), (x,))


def test_a_function_with_two_outputs(rng):
    class Split(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1] * 1, x[1:] * 1

        @staticmethod
        def backward(ctx, first, rest):
            return mc.cat([first, rest])

    x = leaf(3, rng=rng)
    _, rest = Split.apply(x)
    rest.backward(mc.tensor([5.0, 7.0], dtype=mc.float64))
    assert x.grad.tolist() == [0.0, 5.0, 7.0]


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (lambda d: (d, d), GraphError, "returned 2 gradients for the 1 arguments"),
        (lambda d: d.reshape(3, 1), ShapeError, r"of shape \(3, 1\) for input 0 of shape \(3,\)"),
        (lambda d: d.float(), DtypeError, "a gradient of float32 for input 0 of float64"),
        (lambda d: d.array, DtypeError, "returned a ndarray for argument 0"),
    ],
)
def test_what_a_backward_returns_is_validated(returned, error, text):
    class Wrong(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, delta):
            return returned(delta)

    with pytest.raises(error, match=f"Wrong: .*{text}"):
        Wrong.apply(leaf(3)).sum().backward()


def test_saved_tensors_of_a_function_are_watched():
    class Square(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, delta):
            return 2 * ctx.saved_tensors[0] * delta

    x = leaf(3) * 1
    y = Square.apply(x)
    x += 1
    with pytest.raises(GraphError, match=r"Square: the tensor saved as 'saved_tensors\[0\]'"):
        y.sum().backward()


def test_the_recorder_sees_forward_backward_and_accumulation():
    class Tape:
        def __init__(self):
            self.lines = []

        def forward(self, node, operation, inputs, outputs):
            self.lines.append(("forward", operation.name, outputs[0].tolist()))

        def backward(self, node, deltas, gradients):
            self.lines.append(("backward", node.name(), deltas[0].tolist()))

        def accumulate(self, leaf, delta):
            self.lines.append(("accumulate", leaf.tolist(), delta.tolist()))

    x, tape = mc.tensor([1.0, 2.0], requires_grad=True), Tape()
    with record(tape):
        (x * x).sum().backward()
    (x * x).sum()
    assert tape.lines == [
        ("forward", "Mul", [1.0, 4.0]),
        ("forward", "Sum", 5.0),
        ("backward", "SumBackward", 1.0),
        ("backward", "MulBackward", [1.0, 1.0]),
        ("accumulate", [1.0, 2.0], [2.0, 4.0]),
    ]


# ------------------------------------------------------------------ misuse


def test_misuse_of_backward_is_a_clear_error():
    x = leaf(3)
    with pytest.raises(RuntimeError, match=r"does not require grad.*no_grad"):
        mc.ones(1).backward()
    with pytest.raises(RuntimeError, match=r"only for scalar outputs; this one has shape \(3,\)"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"gradient has shape \(2,\), the tensor \(3,\)"):
        (x * 2).backward(mc.ones(2))
    with pytest.raises(ValueError, match=r"create_graph=True is not supported.*first-order"):
        (x * 2).sum().backward(create_graph=True)
    with pytest.raises(TypeError, match="gradient must be a tensor, got list"):
        (x * 2).backward([1, 1, 1])


def test_integers_cannot_require_grad():
    with pytest.raises(TypeError, match=r"only floating-point tensors.*int64.*float"):
        mc.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="only floating-point"):
        mc.arange(3).requires_grad_()


def test_numpy_of_a_tensor_with_history_is_refused():
    with pytest.raises(RuntimeError, match=r"detach\(\).numpy\(\)"):
        leaf(2).numpy()
