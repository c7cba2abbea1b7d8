"""Schedules: PyTorch's step sizes, step by step; alone, several of them, continued; refusals."""

import math
import warnings

import numpy as np
import pytest

import minicnn as mc
from minicnn import optim

schedulers = optim.lr_scheduler


def integer(low, high):
    return lambda rng: int(rng.integers(low, high + 1))


def number(low, high):
    return lambda rng: float(rng.uniform(low, high))


def choice(*values):
    return lambda rng: values[rng.integers(len(values))]


def milestones(rng):
    return [int(m) for m in rng.integers(0, 12, rng.integers(0, 5))]


def per_group(draw):
    return lambda rng: [draw(rng), draw(rng)] if rng.integers(2) else draw(rng)


def function(rng):
    a = rng.uniform(0.5, 0.99)
    return (
        [lambda epoch: a**epoch, lambda epoch: 1 / (1 + epoch)]
        if rng.integers(2)
        else (lambda epoch: math.cos(a * epoch))
    )


# name: (required options, options that may be left out)
OPTIONS = {
    "StepLR": ({"step_size": integer(1, 4)}, {"gamma": number(0.1, 1.2)}),
    "MultiStepLR": ({"milestones": milestones}, {"gamma": number(0.1, 1.2)}),
    "ExponentialLR": ({"gamma": number(0.5, 1.1)}, {}),
    "CosineAnnealingLR": ({"T_max": integer(2, 9)}, {"eta_min": number(0, 0.1)}),
    "LinearLR": (
        {},
        {
            "start_factor": number(0.1, 1.0),
            "end_factor": number(0.1, 1.0),
            "total_iters": integer(1, 8),
        },
    ),
    "LambdaLR": ({"lr_lambda": function}, {}),
    "OneCycleLR": (
        {"max_lr": per_group(number(0.1, 1)), "total_steps": integer(12, 30)},
        {
            "pct_start": choice(0.31, 0.5, 0.17),
            "anneal_strategy": choice("cos", "linear"),
            "cycle_momentum": choice(True, False),
            "base_momentum": per_group(number(0.7, 0.8)),
            "max_momentum": per_group(number(0.9, 0.95)),
            "div_factor": number(2, 30),
            "final_div_factor": number(2, 1e4),
            "three_phase": choice(True, False),
        },
    ),
}
OPTIMIZERS = [("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {"momentum": 0.2})]


def draw(name, rng):
    required, optional = OPTIONS[name]
    found = {k: d(rng) for k, d in required.items()}
    return found | {k: d(rng) for k, d in optional.items() if rng.integers(2)}


def optimizer(module, rates=(0.4, 0.07), kind=OPTIMIZERS[0]):
    name, options = kind
    groups = [{"params": [module.zeros(1, requires_grad=True)], "lr": lr} for lr in rates]
    return getattr(module.optim, name)(groups, **options)


def rates(opt):
    """Step sizes and, where a schedule may move them, momenta."""
    keys = ("lr", "momentum", "betas")
    return [float(v) for g in opt.param_groups for k in keys if k in g for v in np.ravel(g[k])]


def follow(opt, schedules, steps):
    found = [rates(opt)]
    for _ in range(steps):
        opt.step()
        for schedule in schedules:
            schedule.step()
        found.append(rates(opt))
    return found


@pytest.mark.parity
@pytest.mark.parametrize("name", OPTIONS)
def test_steps_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    for case in range(200):
        rng = np.random.default_rng(case)
        options, kind = draw(name, rng), OPTIMIZERS[case % 3]
        results = []
        for module in (mc, torch):
            opt = optimizer(module, kind=kind)
            schedule = getattr(module.optim.lr_scheduler, name)(opt, **options)
            results.append(follow(opt, [schedule], 12))
            last = schedule.get_last_lr()
            assert last == [g["lr"] for g in opt.param_groups]
        np.testing.assert_allclose(*results, rtol=1e-10, atol=1e-14, err_msg=f"{case}: {options}")


@pytest.mark.parity
def test_several_schedules_of_one_optimizer_are_pytorchs():
    torch = pytest.importorskip("torch")
    names = [n for n in OPTIONS if n != "OneCycleLR"]
    for case in range(200):
        rng = np.random.default_rng(case)
        chosen = [(n, draw(n, rng)) for n in rng.choice(names, 2 + case % 2)]
        results = []
        for module in (mc, torch):
            opt = optimizer(module)
            several = [getattr(module.optim.lr_scheduler, n)(opt, **o) for n, o in chosen]
            results.append(follow(opt, several, 10))
        np.testing.assert_allclose(*results, rtol=1e-10, atol=1e-14, err_msg=f"{case}: {chosen}")


@pytest.mark.parity
def test_sequences_are_pytorchs():
    torch = pytest.importorskip("torch")
    names = [n for n in OPTIONS if n != "OneCycleLR"]
    for case in range(200):
        rng = np.random.default_rng(case)
        chosen = [(n, draw(n, rng)) for n in rng.choice(names, 1 + case % 4)]
        at = sorted(int(m) for m in rng.choice(np.arange(1, 9), len(chosen) - 1, replace=False))
        results = []
        for module in (mc, torch):
            opt = optimizer(module)
            several = [getattr(module.optim.lr_scheduler, n)(opt, **o) for n, o in chosen]
            schedule = module.optim.lr_scheduler.SequentialLR(opt, several, at)
            results.append(follow(opt, [schedule], 12))
            assert schedule.get_last_lr() == [g["lr"] for g in opt.param_groups]
        np.testing.assert_allclose(*results, rtol=1e-10, atol=1e-14, err_msg=f"{chosen} {at}")


@pytest.mark.parity
def test_a_sequence_in_a_sequence_is_pytorchs():
    torch = pytest.importorskip("torch")
    results = []
    for module in (mc, torch):
        opt, s = optimizer(module), module.optim.lr_scheduler
        inner = s.SequentialLR(opt, [s.LinearLR(opt), s.StepLR(opt, 2)], [3])
        with pytest.warns(UserWarning):  # the inner one is stepped while the outer one is made
            outer = s.SequentialLR(opt, [inner, s.ExponentialLR(opt, 0.9)], [6])
        results.append(follow(opt, [outer], 10))
    np.testing.assert_allclose(*results, rtol=1e-10)


@pytest.mark.parity
def test_plateaus_are_pytorchs():
    torch = pytest.importorskip("torch")
    draws = {
        "mode": choice("min", "max"),
        "factor": number(0.1, 0.9),
        "patience": integer(0, 3),
        "threshold": number(0, 0.2),
        "threshold_mode": choice("rel", "abs"),
        "cooldown": integer(0, 3),
        "min_lr": per_group(number(0, 0.1)),
        "eps": choice(1e-8, 0.05),
    }
    for case in range(200):
        rng = np.random.default_rng(case)
        options = {k: d(rng) for k, d in draws.items() if rng.integers(2)}
        metrics = np.cumsum(rng.normal(-0.05, 0.2, 25)) + 2
        results = []
        for module in (mc, torch):
            opt, found = optimizer(module), []
            schedule = module.optim.lr_scheduler.ReduceLROnPlateau(opt, **options)
            for i, metric in enumerate(metrics):
                schedule.step(module.tensor(metric) if i % 2 else float(metric))
                found.append([*schedule.get_last_lr(), schedule.best, schedule.num_bad_epochs])
            results.append(found)
        np.testing.assert_allclose(*results, rtol=1e-10, err_msg=f"{case}: {options}")


@pytest.mark.parity
@pytest.mark.parametrize("name", [n for n in OPTIONS if n != "OneCycleLR"])
def test_continuing_with_last_epoch_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    for case in range(50):
        rng = np.random.default_rng(case)
        options, epochs = draw(name, rng), int(rng.integers(0, 8))
        results = []
        for module in (mc, torch):
            first, cls = optimizer(module), getattr(module.optim.lr_scheduler, name)
            follow(first, [cls(first, **options)], epochs)
            second = optimizer(module)
            second.load_state_dict(first.state_dict())
            schedule = cls(second, **options, last_epoch=epochs)
            results.append(follow(second, [schedule], 6))
        np.testing.assert_allclose(*results, rtol=1e-10, atol=1e-14, err_msg=f"{case}: {options}")


def made(name, opt, seed=5):
    """A schedule with options drawn from `seed`; also the two that are made differently."""
    if name == "ReduceLROnPlateau":
        return schedulers.ReduceLROnPlateau(opt, patience=1, factor=0.5)
    if name == "SequentialLR":
        parts = [schedulers.LinearLR(opt, 0.2), schedulers.MultiStepLR(opt, [2, 2, 4])]
        return schedulers.SequentialLR(opt, parts, [3])
    return getattr(schedulers, name)(opt, **draw(name, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", [*OPTIONS, "ReduceLROnPlateau", "SequentialLR"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
def test_a_schedule_continued_from_a_file_is_the_same_schedule(name, epochs, tmp_path):
    arguments = (1.0,) if name == "ReduceLROnPlateau" else ()

    def go_on(opt, schedule, steps):
        found = []
        for _ in range(steps):
            opt.step()
            schedule.step(*arguments)
            found.append(rates(opt))
        return found

    opt = optimizer(mc)
    whole = go_on(opt, made(name, opt), 10)
    first = optimizer(mc)
    schedule = made(name, first)
    go_on(first, schedule, epochs)
    state = {"optimizer": first.state_dict(), "schedule": schedule.state_dict()}
    mc.save(state, tmp_path / "state.safetensors")
    state = mc.load(tmp_path / "state.safetensors")
    second = optimizer(mc, rates=(0.001, 77.0))
    again = made(name, second)
    second.load_state_dict(state["optimizer"])
    again.load_state_dict(state["schedule"])
    assert go_on(second, again, 10 - epochs) == whole[epochs:]


def test_a_callable_object_keeps_its_attributes():
    class Decay:
        factor = 0.5

        def __call__(self, epoch):
            return self.factor**epoch

    one, two = Decay(), Decay()
    one.factor = 0.25
    first = schedulers.LambdaLR(optimizer(mc), one)
    second = schedulers.LambdaLR(optimizer(mc), two)
    second.load_state_dict(first.state_dict())
    assert two.factor == 0.25


@pytest.mark.parity
@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ExponentialLR", "LinearLR", "LambdaLR"])
def test_a_jump_to_an_epoch_is_deprecated_and_pytorchs(name):
    torch = pytest.importorskip("torch")
    results = []
    for module in (mc, torch):
        opt = optimizer(module)
        options = draw(name, np.random.default_rng(8))
        schedule = getattr(module.optim.lr_scheduler, name)(opt, **options)
        opt.step()
        with pytest.warns(UserWarning):
            schedule.step(5)
        results.append(rates(opt))
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_a_step_before_the_optimizers_is_warned_of():
    opt = optimizer(mc)
    schedule = schedulers.StepLR(opt, 2)
    with pytest.warns(UserWarning, match="StepLR: step.. was called before the optimiser's"):
        schedule.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()


def test_a_schedule_of_ones_own():
    class Halve(schedulers.LRScheduler):
        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

    opt = optimizer(mc)
    follow(opt, [Halve(opt)], 2)
    assert opt.param_groups[0]["lr"] == 0.1
    with pytest.raises(NotImplementedError, match="LRScheduler does not define get_lr"):
        schedulers.LRScheduler(opt)


def test_a_group_added_later_has_the_same_lower_bound():
    opt = optimizer(mc)
    schedule = schedulers.ReduceLROnPlateau(opt, patience=0, min_lr=0.05)
    opt.add_param_group({"params": mc.zeros(1, requires_grad=True), "lr": 0.2})
    schedule.step(1.0)
    schedule.step(1.0)
    assert schedule.get_last_lr() == [0.05, 0.05, 0.05]
    strict = schedulers.ReduceLROnPlateau(opt, patience=0, min_lr=[0, 0, 0])
    opt.add_param_group({"params": mc.zeros(1, requires_grad=True)})
    strict.step(1.0)
    with pytest.raises(RuntimeError, match=r"given for 3 parameter groups, but .* has 4 now"):
        strict.step(1.0)


# Where PyTorch raises, too: (call of a module's lr_scheduler and an optimiser, error, our text)
ERRORS = [
    (lambda s, o: s.StepLR("sgd", 3), TypeError, "StepLR: expected an optimiser, got str"),
    (lambda s, o: s.LambdaLR(3, abs), Exception, "LambdaLR: expected an optimiser, got int"),
    (lambda s, o: s.OneCycleLR(3, 1), TypeError, "OneCycleLR: expected an optimiser, got int"),
    (lambda s, o: s.ReduceLROnPlateau(3), TypeError, "Plateau: expected an optimiser, got int"),
    (lambda s, o: s.StepLR(o, 2, last_epoch=3), Exception, "group 0 has no 'initial_lr'"),
    (lambda s, o: s.LinearLR(o, start_factor=0), ValueError, r"start_factor must lie in \(0, 1\]"),
    (lambda s, o: s.LinearLR(o, end_factor=1.5), ValueError, r"end_factor must lie in \[0, 1\]"),
    (lambda s, o: s.LambdaLR(o, [abs]), ValueError, "lr_lambda has 1 entries, .* 2 parameter gr"),
    (lambda s, o: s.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be less than 1"),
    (lambda s, o: s.ReduceLROnPlateau(o, mode="mean"), ValueError, "mode must be one of 'min'"),
    (lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode must"),
    (lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0]), ValueError, "min_lr has 1 entries"),
    (lambda s, o: s.OneCycleLR(o, 1.0), ValueError, "how long is the cycle"),
    (lambda s, o: s.OneCycleLR(o, 1.0, epochs=2), ValueError, "how long is the cycle"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 0), ValueError, "total_steps must be an integer ≥ 1, got 0"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 9.5), ValueError, "total_steps must be an integer"),
    (lambda s, o: s.OneCycleLR(o, 1.0, None, 3, 0), ValueError, "steps_per_epoch must be"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 9, pct_start=2.0), ValueError, "pct_start must be a float"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 9, pct_start=1), ValueError, "pct_start must be a float"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 10, pct_start=0.1), Exception, "in a phase of no length"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 9, anneal_strategy="line"), ValueError, "'cos', 'linear'"),
    (lambda s, o: s.OneCycleLR(o, [1.0], 9), ValueError, "max_lr has 1 entries"),
    (lambda s, o: s.OneCycleLR(o, 1.0, 9, max_momentum=[1.0]), ValueError, "max_momentum has 1"),
    (lambda s, o: s.SequentialLR(o, [], []), ValueError, "the list of schedulers is empty"),
    (lambda s, o: s.SequentialLR(o, [3], []), TypeError, r"schedulers\[0\] is a int, not a sched"),
    (
        lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
        ValueError,
        "whose step needs a metric",
    ),
    (
        lambda s, o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]),
        ValueError,
        "1 schedulers need 0 milestones, got 1",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_bad_options_are_refused(call, error, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call(schedulers, optimizer(mc))


@pytest.mark.parity
@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_pytorch_refuses_the_same(call, error, text):
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        call(torch.optim.lr_scheduler, optimizer(torch))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda o: schedulers.StepLR(o, 0), "step_size must be an integer ≥ 1, got 0"),
        (lambda o: schedulers.CosineAnnealingLR(o, 0), "T_max must be an integer ≥ 1, got 0"),
        (
            lambda o: schedulers.SequentialLR(o, [schedulers.StepLR(optimizer(mc), 2)], []),
            r"schedulers\[0\] belongs to another optimiser",
        ),
    ],
)
def test_more_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call(optimizer(mc))


@pytest.mark.parity
def test_a_cycle_ends_where_pytorchs_does():
    torch = pytest.importorskip("torch")
    for module in (mc, torch):
        opt = optimizer(module)
        schedule = module.optim.lr_scheduler.OneCycleLR(opt, 1.0, epochs=2, steps_per_epoch=2)
        follow(opt, [schedule], 4)
        with pytest.raises(ValueError, match=r"cycle of 4 steps|Tried to step 5 times"):
            schedule.step()
    plain = optim.Adagrad([mc.zeros(1, requires_grad=True)])
    with pytest.raises(ValueError, match="Adagrad has neither a momentum nor betas; pass cycle_mo"):
        schedulers.OneCycleLR(plain, 1.0, 9)
