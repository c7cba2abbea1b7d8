"""What once went wrong in the engine and its nearest neighbours."""

import enum

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.autograd import record
from minicnn.checks import GraphError


def test_a_replaced_module_keeps_its_place():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
    net[0] = nn.Linear(2, 3)
    assert net(mc.ones(1, 2)).shape == (1, 4)
    layer = nn.Linear(2, 3)
    with mc.no_grad():
        layer.weight -= 1
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_a_hook_may_remove_itself():
    x, log, handles = mc.ones(2, requires_grad=True), [], []
    handles.append(x.register_hook(lambda g: (log.append("a"), handles[0].remove())[0]))
    x.register_hook(lambda g: log.append("b"))
    (x * 2).sum().backward()
    assert log == ["a", "b"]


def test_indices_of_a_maximum_may_be_changed():
    x = mc.tensor([[1.0, 2, 3], [3, 2, 1]], requires_grad=True)
    values, indices = x.max(1)
    indices.zero_()
    values.sum().backward()
    assert x.grad.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_retain_grad_twice_with_hooks_and_after_a_change():
    x = mc.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.tolist() == [10.0, 10.0]
    y = x * 2
    y.retain_grad()
    y *= 3
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]


def test_what_a_recorder_was_shown_stays_as_it_was():
    seen = []

    class Keep:
        def forward(self, *_):
            pass

        def backward(self, node, deltas, gradients):
            seen.extend((g, g.copy()) for g in gradients if g is not None)

        def accumulate(self, leaf, delta):
            seen.append((delta, delta.copy()))

    w = mc.tensor([1.0, 2.0], requires_grad=True)
    with record(Keep()):
        for _ in range(2):
            y = w.exp() + (-w)
            ((w.exp() * 2).sum() + y.sum()).backward()
    assert seen
    for shown, then in seen:
        np.testing.assert_array_equal(shown, then)


def test_uint8_indices_are_masks_as_in_pytorch():
    mask = mc.tensor([0, 1, 1], dtype=mc.uint8)
    assert mc.tensor([1.0, 2, 3])[mask].tolist() == [2.0, 3.0]


def test_numbers_that_do_not_fit_are_refused():
    x = mc.ones(2, dtype=mc.uint8)
    with pytest.raises(RuntimeError, match="300 does not fit into uint8"):
        x[0] = 300


def test_no_grad_around_generators_and_without_brackets():
    w = mc.ones(2, requires_grad=True)

    @mc.no_grad()
    def several():
        received = yield (w * 2).requires_grad
        yield (w * 2).requires_grad, received

    steps = several()
    assert next(steps) is False
    assert (w * 2).requires_grad
    assert steps.send(7) == (False, 7)

    @mc.no_grad
    def plain():
        return (w * 2).requires_grad

    assert plain() is False


def test_modules_stay_floating_point():
    with pytest.raises(TypeError, match="floating-point numbers"):
        nn.Linear(1, 1).to(mc.int64)


def test_a_parameter_in_place_of_an_unsaved_buffer_is_saved():
    module = nn.Module()
    module.register_buffer("b", mc.ones(1), persistent=False)
    del module.b
    module.b = nn.Parameter(mc.ones(1))
    assert list(module.state_dict()) == ["b"]


def test_a_view_that_is_a_leaf_is_protected():
    view = mc.zeros(3)[0:2].requires_grad_()
    with pytest.raises(GraphError, match="leaf that requires grad"):
        view += 1


def test_0d_tensors_fan_out():
    a = mc.tensor(2.0, requires_grad=True)
    assert mc.autograd.grad(a * a, a)[0].item() == 4.0
    y = a * 1
    y.register_hook(lambda g: None)
    (y * y).backward()
    assert a.grad.item() == 4.0
    y = a * 1
    y.fill_(3.0)
    (y + y).backward()
    assert a.grad.item() == 4.0


def test_grad_leaves_alone_what_it_does_not_need():
    a, b = (mc.ones(1, requires_grad=True) for _ in range(2))
    calls = []
    b.register_hook(lambda g: calls.append(1))
    loss = a.exp() + b.exp()
    mc.autograd.grad(loss, a)
    assert calls == []
    mc.autograd.grad(loss, b)
    assert calls == [1]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_linear_with_a_size_of_0(shape):
    w = mc.ones(*shape, requires_grad=True)
    F.linear(mc.ones(2, shape[1]), w).sum().backward()
    assert w.grad.shape == shape


def test_grad_takes_only_what_is_like_its_tensor():
    x = mc.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="expected a tensor or None, got int"):
        x.grad = 5
    with pytest.raises(RuntimeError, match=r"\(2,\) float32; got \(3,\) float32"):
        x.grad = mc.ones(3)


def test_gradients_lie_in_row_major_order():
    w = mc.ones(2, 3, requires_grad=True)
    (w.T * mc.ones(3, 2)).sum().backward()
    assert w.grad.view(-1).shape == (6,)


def test_strange_operands():
    x = mc.ones(2)
    member = enum.IntEnum("E", {"TWO": 2}).TWO
    assert (x * member).tolist() == [2.0, 2.0]
    for wrong in (np.array(["a", "b"]), np.ones(2, complex), np.ones(2, object), np.ones(2, "u2")):
        with pytest.raises(TypeError, match="is not a dtype of minicnn"):
            x + wrong


def test_the_state_of_another_kind_of_optimiser_is_refused():
    w = mc.ones(1, requires_grad=True)
    state = mc.optim.SGD([w], lr=0.1, momentum=0.9).state_dict()
    adam = mc.optim.Adam([w])
    with pytest.raises(ValueError, match=r"has no .*betas.*another kind of optimiser"):
        adam.load_state_dict(state)
    for wrong in ({}, None):
        with pytest.raises(ValueError, match="expected what state_dict"):
            adam.load_state_dict(wrong)


def test_functions_with_none_and_with_constants():
    constant = mc.ones(2)

    class Odd(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            return constant

        @staticmethod
        def backward(ctx, delta):
            assert ctx.saved_tensors[1] is None
            return delta, None, None

    x = mc.zeros(2, requires_grad=True)
    Odd.apply(x).backward(mc.tensor([1.0, 2.0]))
    assert x.grad.tolist() == [1.0, 2.0]
    assert constant.grad_fn is None


def test_a_step_that_overflows_warns_nobody():
    w = mc.tensor([1e30], requires_grad=True)
    w.grad = mc.tensor([1e30])
    mc.optim.SGD([w], lr=1e30).step()
    assert w.item() == -float("inf")


def test_names_that_a_module_cannot_give():
    layer = nn.Linear(1, 1)
    with pytest.raises(KeyError, match="has a 'weight' already"):
        layer.register_buffer("weight", mc.ones(1))
    with pytest.raises(KeyError, match="must not be empty or hold a"):
        layer.add_module("a.b", nn.ReLU())
    with pytest.raises(TypeError, match="expected a dictionary, got NoneType"):
        layer.load_state_dict(None)
    with pytest.raises(TypeError, match="'weight' must be a tensor, got float"):
        layer.load_state_dict({"weight": 1.0})


def test_long_chains_of_views_follow_a_change():
    x = mc.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    y = x * 1
    inner = y.permute(2, 0, 1)[1:].reshape(3, 6)[1]
    y *= 2
    inner.backward(mc.tensor([1.0, 2, 3, 4, 5, 6], dtype=mc.float64))
    expected = np.zeros((2, 3, 4))
    expected[:, :, 2] = 2 * np.arange(1.0, 7).reshape(2, 3)
    np.testing.assert_array_equal(x.grad.array, expected)


@pytest.mark.parametrize("wrong", ["nonsense", 3, None, "complex64", "int16"])
def test_dtypes_that_do_not_exist_are_refused(wrong):
    from minicnn.dtypes import as_dtype

    with pytest.raises(TypeError, match="is not a dtype of minicnn"):
        as_dtype(wrong)


def test_size_of_a_dimension_that_is_not_there():
    x = mc.zeros(2, 3)
    assert (x.size(), x.size(-1)) == ((2, 3), 3)
    with pytest.raises(IndexError, match="size: dim 5 is out of range"):
        x.size(5)
