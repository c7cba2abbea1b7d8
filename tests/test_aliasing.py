"""Memory that must not be shared: what a caller changes later must not reach into what was kept."""

import numpy as np

import minicnn as mc
import minicnn.nn.functional as F


def test_an_index_may_change_before_backward():
    x, places = mc.zeros(4, requires_grad=True), mc.tensor([1, 2])
    mask = mc.tensor([True, False, False, False])
    y = x[places].sum() + 10 * x[mask].sum()
    places[0] = 3
    mask[3] = True
    y.backward()
    assert x.grad.tolist() == [10.0, 1.0, 1.0, 0.0]


def test_a_condition_may_change_before_backward():
    x, condition = mc.zeros(2, requires_grad=True), mc.tensor([True, False])
    y = mc.where(condition, x, 0.0).sum()
    condition[1] = True
    y.backward()
    assert x.grad.tolist() == [1.0, 0.0]


def test_a_target_may_change_before_backward():
    z, target = mc.zeros(1, 2, requires_grad=True), mc.tensor([0])
    loss = F.cross_entropy(z, target)
    target[0] = 1
    loss.backward()
    assert z.grad.tolist() == [[-0.5, 0.5]]


def test_gradients_asked_for_are_the_callers_own():
    x, y = (mc.zeros(2, requires_grad=True) for _ in range(2))
    delta = mc.tensor([1.0, 2.0])
    gx, gy = mc.autograd.grad(x + y, (x, y), delta)
    gx += 5
    assert (gy.tolist(), delta.tolist()) == ([1.0, 2.0], [1.0, 2.0])


def test_the_velocity_is_not_the_gradients_memory():
    w = mc.zeros(1, requires_grad=True)
    sgd = mc.optim.SGD([w], lr=1.0, momentum=0.5)
    for _ in range(2):
        sgd.zero_grad(set_to_none=False)  # so that backward adds into the same memory
        (w * 3).sum().backward()
        sgd.step()
    np.testing.assert_allclose(w.item(), -3 - (1.5 + 3))


def test_a_loaded_state_is_left_as_it_was():
    w = mc.zeros(2, requires_grad=True)
    sgd = mc.optim.SGD([w], lr=1.0, momentum=0.5)
    w.grad = mc.ones(2)
    sgd.step()
    state = sgd.state_dict()
    other = mc.optim.SGD([mc.zeros(2, requires_grad=True)], lr=1.0, momentum=0.5)
    other.load_state_dict(state)
    for optimizer in (sgd, other):
        optimizer.param_groups[0]["params"][0].grad = mc.ones(2)
        optimizer.step()
    assert state["state"][0]["momentum_buffer"].tolist() == [1.0, 1.0]
