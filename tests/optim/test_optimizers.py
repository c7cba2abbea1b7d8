"""Optimisers: PyTorch's numbers step by step, state, and refusals."""

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
        {"lr": 0.1, "amsgrad": True},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [{"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "maximize": True}],
    "RMSprop": [
        {"lr": 0.1},
        {"lr": 0.1, "alpha": 0.7, "centered": True, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.8, "centered": True, "maximize": True},
    ],
    "Adagrad": [
        {"lr": 0.1},
        {"lr": 0.1, "lr_decay": 0.2, "initial_accumulator_value": 0.5, "weight_decay": 0.1},
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
        (lambda w: optim.SGD({w}), "came as a set"),
        (lambda w: optim.SGD([w]).add_param_group([w]), "must be a dict, got list"),
        (lambda w: optim.SGD([{"lr": 1.0}]), "has no 'params'"),
        (lambda w: optim.SGD([("w", w), mc.zeros(1, requires_grad=True)]), "all parameters have"),
        (
            lambda w: optim.SGD([("w", w)]).add_param_group(
                {"params": mc.zeros(1, requires_grad=True)}
            ),
            "all groups have names",
        ),
        (lambda w: optim.SGD([w], fused=True), "SGD: fused=True is not supported: minicnn has one"),
        (lambda w: optim.Adam([w], foreach=True), "Adam: foreach=True is not supported"),
        (lambda w: optim.RMSprop([w], differentiable=True), "first-order: a step leaves no graph"),
        (lambda w: optim.SGD([{"params": [w], "foreach": True}]), "SGD: foreach=True"),
        (
            lambda w: optim.Adam([w], betas=(1.0, 0.9)),
            r"Adam: betas must be two floats in \[0, 1\)",
        ),
        (lambda w: optim.AdamW([w], betas=(0.9, -0.1)), "AdamW: betas"),
        (lambda w: optim.Adam([w], betas=(0, 0.9)), "betas must be two floats"),
        (lambda w: optim.Adam([w], eps=-1), "Adam: eps"),
        (lambda w: optim.AdamW([w], weight_decay=-1), "AdamW: weight_decay"),
        (lambda w: optim.RMSprop([w], alpha=-1), "RMSprop: alpha"),
        (lambda w: optim.RMSprop([w], momentum=-1), "RMSprop: momentum"),
        (lambda w: optim.Adagrad([w], lr_decay=-1), "Adagrad: lr_decay"),
        (lambda w: optim.Adagrad([w], initial_accumulator_value=-1), "initial_accumulator_value"),
        (lambda w: optim.Adagrad([w], lr=float("nan")), "Adagrad: lr must be a number ≥ 0"),
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


RANGES = {
    "SGD": {
        "lr": (0, 0.5),
        "momentum": (0, 0.95),
        "dampening": (0, 0.5),
        "weight_decay": (0, 0.2),
        "maximize": bool,
    },
    "Adam": {
        "lr": (0, 0.5),
        "betas": ((0, 0.95), (0, 0.999)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.2),
        "amsgrad": bool,
        "maximize": bool,
        "decoupled_weight_decay": bool,
    },
    "RMSprop": {
        "lr": (0, 0.5),
        "alpha": (0.1, 1.0),
        "eps": (1e-3, 1e-2),  # the centred variance may come out as 0, and divides
        "weight_decay": (0, 0.2),
        "momentum": (0, 0.9),
        "centered": bool,
        "maximize": bool,
    },
    "Adagrad": {
        "lr": (0, 0.5),
        "lr_decay": (0, 0.5),
        "weight_decay": (0, 0.2),
        "initial_accumulator_value": (0, 0.5),
        "eps": (1e-10, 1e-2),
        "maximize": bool,
    },
}
RANGES["AdamW"] = {k: v for k, v in RANGES["Adam"].items() if k != "decoupled_weight_decay"}


def draw(rng, kind):
    if kind is bool:
        return bool(rng.integers(2))
    if isinstance(kind[0], tuple):
        return tuple(draw(rng, k) for k in kind)
    return float(rng.uniform(*kind))


@pytest.mark.parity
@pytest.mark.parametrize("name", RANGES)
def test_random_runs_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    for case in range(200):
        rng = np.random.default_rng(case)
        chosen = [{o: draw(rng, k) for o, k in RANGES[name].items() if rng.integers(2)}]
        chosen.append({k: v for k, v in chosen[0].items() if rng.integers(2)})
        if name == "SGD" and case % 4 == 0:
            for options in chosen:
                options.pop("dampening", None)
                options.update(momentum=0.8, nesterov=True)
        # Adagrad takes this from the optimiser, RMSprop's and Adam's groups are free.
        chosen[1].pop("initial_accumulator_value", None)
        dtype = ("float64", "float64", "float32")[case % 3]
        shapes = [
            tuple(rng.integers(0 if case % 5 == 0 else 1, 4, rng.integers(0, 4))) for _ in "ab"
        ]
        values = [rng.standard_normal(s).astype(dtype) for s in shapes]
        steps = [
            [rng.standard_normal(s).astype(dtype) if rng.random() < 0.8 else None for s in shapes]
            for _ in range(5)
        ]
        results = []
        for module in (mc, torch):
            params = [module.tensor(v, requires_grad=True) for v in values]
            pairs = zip(params, chosen, strict=True)
            groups = [{"params": [p], **options} for p, options in pairs]
            optimizer = getattr(module.optim, name)(groups, **chosen[0])
            for step in steps:
                for p, g in zip(params, step, strict=True):
                    p.grad = None if g is None else module.tensor(g)
                optimizer.step()
            results.append([p.detach().numpy() for p in params])
        rtol = 1e-9 if dtype == "float64" else 2e-4
        for mine, theirs in zip(*results, strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=rtol, err_msg=f"case {case}")


@pytest.mark.parity
@pytest.mark.parametrize("name", RANGES)
def test_groups_hold_what_pytorchs_do(name):
    torch = pytest.importorskip("torch")
    groups = []
    for module in (mc, torch):
        w = module.zeros(1, requires_grad=True)
        groups.append(getattr(module.optim, name)([w]).param_groups[0])
    for group in groups:
        group.pop("params")
    assert groups[0] == groups[1]


def test_parameters_may_come_with_their_names():
    a, b = (mc.ones(1, requires_grad=True) for _ in range(2))
    sgd = optim.SGD([("a", a), ("b", b)], lr=0.5)
    assert sgd.param_groups[0]["param_names"] == ["a", "b"]
    (a * 2 + b).sum().backward()
    sgd.step()
    assert (a.item(), b.item()) == (0.0, 0.5)


def test_a_parameter_given_twice_is_warned_of():
    w = mc.zeros(1, requires_grad=True)
    with pytest.warns(UserWarning, match="SGD: a parameter appears more than once in a group"):
        optim.SGD([w, w])


def test_adamw_is_an_adam():
    assert isinstance(optim.AdamW([mc.zeros(1, requires_grad=True)]), optim.Adam)


@pytest.mark.parity
def test_bad_options_are_refused_where_pytorch_does():
    torch = pytest.importorskip("torch")
    for name, ranges in RANGES.items():
        for option, kind in ranges.items():
            if kind is bool or option == "dampening":
                continue
            bad = (-0.1, 0.5) if option == "betas" else -0.1
            for module in (mc, torch):
                w = module.zeros(1, requires_grad=True)
                with pytest.raises(ValueError):
                    getattr(module.optim, name)([w], **{option: bad})


@pytest.mark.parity
@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_run_of_pytorchs_can_be_continued(name, options):
    torch = pytest.importorskip("torch")
    whole, _ = run(torch, name, options, gradients())
    params, first = run(torch, name, options, gradients()[:3])

    def translated(value):
        if isinstance(value, dict):
            return {k: translated(v) for k, v in value.items()}
        return mc.tensor(value.numpy()) if isinstance(value, torch.Tensor) else value

    mine = [mc.tensor(p.detach().numpy(), requires_grad=True) for p in params]
    second = getattr(optim, name)(mine)
    second.load_state_dict(translated(first.state_dict()))
    for step in gradients()[3:]:
        for p, g in zip(mine, step, strict=False):
            p.grad = mc.tensor(g)
        second.step()
    for p, q in zip(mine, whole, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-10)
