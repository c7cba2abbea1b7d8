"""Changes in place: right, or refused; and the same as PyTorch's."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import GraphError

torch = pytest.importorskip("torch")

PROGRAMS = {
    "+= on a computed tensor": lambda x, w: _iadd(x * 2, w),
    "*= with a tensor that wants a gradient": lambda x, w: _imul(x * 2, w),
    "/= and -=": lambda x, w: _isub(_idiv(x * 2, w * w + 1), w),
    "x[i] = v": lambda x, w: _set(x * 2, 1, w[0]),
    "x[i] = number": lambda x, w: _set(x * 2, (0, 2), 5.0),
    "x[i, :] += v": lambda x, w: _set_add(x * 2, 1, w[1]),
    "x[:, None-free slice] = v, broadcast": lambda x, w: _set(
        x * 2, (slice(None), slice(1, 3)), 3.0
    ),
    "x[places] = v": lambda x, w: _set(x * 2, ([0, 2], [1, 3]), w[0, :2]),
    "a view is changed, the base is used": lambda x, w: _through_view(x * 2, w),
    "the base is changed, an older view is used": lambda x, w: _old_view(x * 2, w),
    "a view of a view is changed, a sibling is used": lambda x, w: _sibling(x * 2, w),
    "a transposed view is changed": lambda x, w: _transposed(x * 2, w),
    "a reshaped view of a transpose is changed": lambda x, w: _reshaped(x * 2, w),
    "zeros without history receive history": lambda x, w: _filled(x, w),
    "changed twice": lambda x, w: _imul(_iadd(x * 2, w), w),
    "changed, then used, then changed": lambda x, w: _interleaved(x * 2, w),
    "an operation that saves its output, in place on a copy": lambda x, w: _iadd(
        x.sigmoid() * 1, w
    ),
}


def _iadd(y, w):
    y += w
    return y


def _imul(y, w):
    y *= w
    return y


def _isub(y, w):
    y -= w
    return y


def _idiv(y, w):
    y /= w
    return y


def _set(y, index, v):
    y[index] = v
    return y * y


def _set_add(y, index, v):
    y[index] += v
    return y * y


def _through_view(y, w):
    row = y[1]
    row *= w[0]
    return y * y


def _old_view(y, w):
    row = y[1]
    y *= w
    return row * row


def _sibling(y, w):
    first, corner = y[:2], y[:, 1:]
    inner = first[1:]
    inner *= w[:1]
    return corner * corner


def _transposed(y, w):
    flipped = y.permute(1, 0)
    flipped[1] = w[:, 0] * w[:, 0]
    return y * w


def _reshaped(y, w):
    flat = y.reshape(-1)
    flat[2:5] *= w[0, 1]
    return y * y


def _filled(x, w):
    y = (x * 0).detach()
    y[0] = w[0] * x[0]
    y[1] += x[1]
    return y * y


def _interleaved(y, w):
    a = y[0] + 1  # saves nothing
    y[0] = w[1]
    b = y + a
    y += 1
    return b * y


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_give_pytorchs_values_and_gradients(name, rng):
    values = [rng.standard_normal((3, 4)) for _ in range(2)]
    results = []
    for module in (mc, torch):
        x, w = (module.tensor(v, requires_grad=True) for v in values)
        out = PROGRAMS[name](x, w)
        delta = np.random.default_rng(5).standard_normal(tuple(out.shape))
        out.backward(module.tensor(delta))
        results.append([np.asarray(t.detach()) for t in (out, x.grad)])
        results[-1].append(0.0 if w.grad is None else np.asarray(w.grad))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_a_saved_tensor_that_changed_is_caught():
    x = mc.ones(3, requires_grad=True)
    y = x * 2
    z = y * y  # saves y
    y += 1
    with pytest.raises(GraphError, match=r"Mul: the tensor saved as 'x' .* changed in place"):
        z.sum().backward()


def test_a_saved_output_that_changed_is_caught():
    y = mc.sigmoid(mc.ones(3, requires_grad=True))
    y[0] = 7.0
    with pytest.raises(GraphError, match=r"Sigmoid: the tensor saved as 'y'.*version is 1.*was 0"):
        y.sum().backward()


@pytest.mark.parametrize("alias", ["view", "detach"])
def test_a_change_through_an_alias_is_caught_too(alias):
    y = mc.ones(3, requires_grad=True) * 2
    z = y * y
    other = y[1:] if alias == "view" else y.detach()
    with mc.no_grad():
        other.zero_()
    with pytest.raises(GraphError, match="changed in place"):
        z.sum().backward()


def test_what_no_operation_saved_may_change():
    x = mc.ones(3, requires_grad=True)
    y = x + 1
    z = y + y
    y += 1
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_change_after_backward_is_nobodys_business():
    w = mc.ones(3, requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
        with mc.no_grad():
            w -= 0.1 * w.grad
    assert mc.allclose(w.grad, mc.full((3,), 2 + 1.6))


@pytest.mark.parametrize("part", ["the leaf", "a view of it"])
def test_leaves_that_require_grad_are_protected(part):
    w = mc.ones(3, requires_grad=True)
    target = w if part == "the leaf" else w[1:]
    with pytest.raises(GraphError, match="leaf that requires grad cannot be changed in place"):
        target += 1
    with mc.no_grad():
        target += 1
    assert w.tolist()[1:] == [2.0, 2.0]


def test_expanded_memory_is_refused():
    y = mc.ones(3, 1).expand(3, 4)
    with pytest.raises(ValueError, match=r"read-only \(expanded.*clone\(\)"):
        y += 1


def test_results_that_do_not_fit_are_refused_and_change_nothing():
    x = mc.ones(3)
    with pytest.raises(RuntimeError, match="broadcast to a larger shape"):
        x += mc.ones(2, 3)
    whole = mc.tensor([1, 2])
    with pytest.raises(TypeError, match="the result is float32, which does not fit into int64"):
        whole += 0.5
    with pytest.raises(ValueError, match="does not fit into the selected part"):
        x[0:2] = mc.ones(3)
    assert (x.tolist(), whole.tolist()) == ([1.0] * 3, [1, 2])


def test_a_view_made_under_no_grad_cannot_be_followed():
    y = mc.ones(3, requires_grad=True) * 2
    with mc.no_grad():
        row = y[1:]
    with pytest.raises(GraphError, match="made under no_grad"):
        row *= mc.ones(2, requires_grad=True)


def test_in_place_relu_is_in_place():
    y = mc.tensor([-1.0, 2.0], requires_grad=True) * 1
    same = mc.nn.ReLU(inplace=True)(y)
    assert same is y
    y.backward(mc.tensor([5.0, 7.0]))
    assert y.tolist() == [0.0, 2.0]
