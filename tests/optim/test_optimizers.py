"""Optimisers and schedules: PyTorch's numbers step by step, state, and refusals."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import optim, textbook

OPTIONS = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.5, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.1},
        {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.1},
        {"lr": 0.1, "maximize": True},
    ],
}
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]


def gradients(steps=6):
    rng = np.random.default_rng(11)
    return [[rng.standard_normal((3, 2)), rng.standard_normal(4)] for _ in range(steps)]


def parameters(module):
    rng = np.random.default_rng(12)
    return [module.tensor(rng.standard_normal(s), requires_grad=True) for s in ((3, 2), (4,), (2,))]


def run(module, name, options, steps):
    params = parameters(module)  # the third never receives a gradient
    optimizer = getattr(module.optim, name)(params, **options)
    for step in steps:
        for p, g in zip(params, step, strict=False):
            p.grad = module.tensor(g)
        optimizer.step()
    return params, optimizer


@pytest.mark.parity
@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps_are_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    mine, _ = run(mc, name, options, gradients())
    theirs, _ = run(torch, name, options, gradients())
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-10)


def test_steps_are_the_textbooks():
    rng = np.random.default_rng(0)
    w, gs = rng.standard_normal(5), rng.standard_normal((4, 5))
    p = mc.tensor(w, requires_grad=True)
    sgd, velocity = optim.SGD([p], lr=0.1, momentum=0.9), np.zeros(5)
    for g in gs:
        p.grad = mc.tensor(g)
        sgd.step()
        w, velocity = textbook.sgd_momentum_step(w, g, velocity, 0.1, 0.9)
    np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-12)
    w, m, v = rng.standard_normal(5), np.zeros(5), np.zeros(5)
    p = mc.tensor(w, requires_grad=True)
    adam = optim.Adam([p], lr=0.1)
    for t, g in enumerate(gs, 1):
        p.grad = mc.tensor(g)
        adam.step()
        w, m, v = textbook.adam_step(w, g, m, v, t, 0.1)
    np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-12)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_run_continued_from_its_state_is_the_same_run(name, options, tmp_path):
    steps = gradients()
    whole, _ = run(mc, name, options, steps)
    params, first = run(mc, name, options, steps[:3])
    mc.save(first.state_dict(), tmp_path / "optimizer.safetensors")
    second = getattr(optim, name)(params, lr=77.0)
    second.load_state_dict(mc.load(tmp_path / "optimizer.safetensors"))
    for step in steps[3:]:
        for p, g in zip(params, step, strict=False):
            p.grad = mc.tensor(g)
        second.step()
    for p, q in zip(whole, params, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_groups_have_options_of_their_own():
    a, b = (mc.ones(1, requires_grad=True) for _ in range(2))
    sgd = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    (a + b).sum().backward()
    sgd.step()
    np.testing.assert_allclose([a.item(), b.item()], [0.9, 0.0], atol=1e-7)
    sgd.zero_grad()
    assert a.grad is None


def test_closure_runs_with_gradients():
    a = mc.ones(1, requires_grad=True)
    sgd = optim.SGD([a], lr=0.1)

    def closure():
        sgd.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with mc.no_grad():
        assert sgd.step(closure).item() == 1.0
    np.testing.assert_allclose(a.item(), 0.8, rtol=1e-6)


def test_a_step_between_forward_and_backward_is_caught():
    a = mc.ones(1, requires_grad=True)
    sgd = optim.SGD([a], lr=0.1)
    loss = (a * a).sum()
    a.grad = mc.ones(1)
    sgd.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parity
def test_the_cosine_schedule_is_pytorchs_and_continues():
    torch = pytest.importorskip("torch")
    rates = []
    for module in (mc, torch):
        sgd = module.optim.SGD([module.zeros(1, requires_grad=True)], lr=0.4)
        schedule = module.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=7, eta_min=0.01)
        rates.append([])
        for _ in range(7):
            rates[-1].append(schedule.get_last_lr()[0])
            sgd.step()
            schedule.step()
    np.testing.assert_allclose(*rates, rtol=1e-12)
    sgd = optim.SGD([mc.zeros(1, requires_grad=True)], lr=0.4)
    schedule = optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=7, eta_min=0.01)
    for _ in range(3):
        schedule.step()
    again = optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=99)
    again.load_state_dict(schedule.state_dict())
    again.step()
    np.testing.assert_allclose(again.get_last_lr()[0], rates[0][4])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda w: optim.SGD([w], lr=-1), "SGD: lr must be a number ≥ 0, got -1"),
        (lambda w: optim.SGD([w], lr="fast"), "lr must be a number ≥ 0, got 'fast'"),
        (lambda w: optim.SGD([w], momentum=-0.1), "SGD: momentum"),
        (lambda w: optim.SGD([w], nesterov=True), "nesterov needs a momentum > 0"),
        (lambda w: optim.SGD([]), "SGD: the list of parameters is empty"),
        (lambda w: optim.SGD(w), "got a single tensor"),
        (lambda w: optim.SGD([w * 2]), "a computed tensor cannot be optimised"),
        (lambda w: optim.SGD([{"params": [w]}, {"params": [w]}]), "in more than one group"),
        (lambda w: optim.SGD(["w"]), "parameters must be tensors, got str"),
        (lambda w: optim.Adam([w], betas=(1.0, 0.9)), "betas must be two numbers in"),
        (lambda w: optim.Adam([w], eps=-1), "Adam: eps"),
        (lambda w: optim.lr_scheduler.CosineAnnealingLR(w, 3), "expected an optimiser, got Tensor"),
        (
            lambda w: optim.lr_scheduler.CosineAnnealingLR(optim.SGD([w]), 0),
            "T_max must be an integer ≥ 1, got 0",
        ),
    ],
)
def test_bad_options_are_refused(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call(mc.zeros(1, requires_grad=True))


def test_a_state_of_another_network_changes_nothing():
    w, v = mc.zeros(2, requires_grad=True), mc.zeros(3, requires_grad=True)
    one, two = optim.SGD([w], lr=0.5), optim.SGD([w, v], lr=0.1)
    with pytest.raises(ValueError, match=r"groups of \[1\] parameters, this optimiser of \[2\]"):
        two.load_state_dict(one.state_dict())
    other = optim.SGD([v], lr=0.1, momentum=0.9)
    v.grad = mc.ones(3)
    other.step()
    with pytest.raises(ValueError, match=r"has shape \(3,\), the parameter \(2,\)"):
        one.load_state_dict(other.state_dict())
    assert one.param_groups[0]["lr"] == 0.5
