"""Optimisers, schedules of the step size, and ``nn.utils``: runs of several steps."""

import math

import numpy as np
from drawn import Call, Entry


class P:
    """A parameter; with a gradient, where one is given."""

    def __init__(self, values, gradient=None):
        self.values, self.gradient = values, gradient

    def build(self, module, built):
        p = module.tensor(self.values, requires_grad=True)
        if self.gradient is not None:
            p.grad = module.tensor(self.gradient)
        return p

    def __repr__(self):
        return f"P{list(self.values.shape)}"


def uniform(d, low, high):
    if isinstance(low, tuple):
        return tuple(d.number(*k) for k in (low, high))
    return d.number(low, high)


RANGES = {
    "SGD": {"lr": (0, 0.5), "momentum": (0, 0.95), "dampening": (0, 0.5), "weight_decay": (0, 0.2)},
    "Adam": {
        "lr": (0, 0.5),
        "betas": ((0, 0.95), (0, 0.999)),
        "eps": (1e-8, 1e-2),
        "weight_decay": (0, 0.2),
    },
    "RMSprop": {
        "lr": (0, 0.5),
        "alpha": (0.1, 1.0),
        "eps": (1e-3, 1e-2),  # the centred variance may come out as 0, and divides
        "weight_decay": (0, 0.2),
        "momentum": (0, 0.9),
    },
    "Adagrad": {
        "lr": (0, 0.5),
        "lr_decay": (0, 0.5),
        "weight_decay": (0, 0.2),
        "initial_accumulator_value": (0, 0.5),
        "eps": (1e-10, 1e-2),
    },
}
RANGES["AdamW"] = RANGES["Adam"]
FLAGS = {
    "SGD": ("maximize",),
    "Adam": ("amsgrad", "maximize", "decoupled_weight_decay"),
    "AdamW": ("amsgrad", "maximize"),
    "RMSprop": ("centered", "maximize"),
    "Adagrad": ("maximize",),
}


def options_of(d, name):
    found = {k: uniform(d, *r) for k, r in RANGES[name].items() if d.chance(0.5)}
    return found | {k: d.chance(0.5) for k in FLAGS[name] if d.chance(0.5)}


def training(name):
    def draw(d):
        own, group = options_of(d, name), options_of(d, name)
        if name == "SGD" and d.chance(0.25):
            for options in (own, group):
                options.pop("dampening", None)
                options.update(momentum=0.8, nesterov=True)
        # Adagrad takes this from the optimiser, the other options belong to the groups.
        group.pop("initial_accumulator_value", None)
        dtype = d.among("float64", "float64", "float32")
        values = [d.t(d.shape(smallest=1), dtype).values for _ in "ab"]
        steps = [
            [
                d.rng.standard_normal(v.shape).astype(v.dtype) if d.chance(0.8) else None
                for v in values
            ]
            for _ in range(5)
        ]
        params = [P(v) for v in values]
        if d.chance(0.5):
            params = [{"params": [params[0]]}, {"params": params[1], **group}]
        return Call(params, **own, extra=steps)

    return draw


def parameters_of(given):
    found = []
    for g in given:
        g = g["params"] if isinstance(g, dict) else g
        found.extend(g if isinstance(g, list) else [g])
    return found


def trained(module, function, built, call):
    optimizer = function(*built.args, **built.named)
    params = parameters_of(built.args[0])
    for step in call.extra:
        for p, g in zip(params, step, strict=False):
            p.grad = None if g is None else module.tensor(g)
        optimizer.step()
    return [p.detach() for p in params]


class Optimizer:
    """An optimiser of two groups."""

    def __init__(self, name, **options):
        self.name, self.options = name, options

    def build(self, module, built):
        rates = (0.4, 0.07)
        groups = [{"params": [module.zeros(1, requires_grad=True)], "lr": lr} for lr in rates]
        return getattr(module.optim, self.name)(groups, **self.options)


class Schedule:
    """A schedule of the optimiser that stands beside it."""

    def __init__(self, name, optimizer, options):
        self.name, self.optimizer, self.options = name, optimizer, options

    def build(self, module, built):
        optimizer = built.made(module, self.optimizer)
        return getattr(module.optim.lr_scheduler, self.name)(optimizer, **self.options)


def per_group(d, low, high):
    return [d.number(low, high), d.number(low, high)] if d.chance(0.5) else d.number(low, high)


def some(d, **options):
    return {k: v for k, v in options.items() if d.chance(0.5)}


def factor(d):
    a = d.number(0.5, 0.99)
    if d.chance(0.5):
        return [lambda epoch: a**epoch, lambda epoch: 1 / (1 + epoch)]
    return lambda epoch: math.cos(a * epoch)


def one_cycle(d):
    return {"max_lr": per_group(d, 0.1, 1), "total_steps": d.integer(12, 30)} | some(
        d,
        pct_start=d.among(0.31, 0.5, 0.17),
        anneal_strategy=d.among("cos", "linear"),
        cycle_momentum=d.chance(0.5),
        base_momentum=per_group(d, 0.7, 0.8),
        max_momentum=per_group(d, 0.9, 0.95),
        div_factor=d.number(2, 30),
        final_div_factor=d.number(2, 1e4),
        three_phase=d.chance(0.5),
    )


SCHEDULES = {
    "StepLR": lambda d: {"step_size": d.integer(1, 4)} | some(d, gamma=d.number(0.1, 1.2)),
    "MultiStepLR": lambda d: (
        {"milestones": [d.integer(0, 12) for _ in range(d.integer(0, 4))]}
        | some(d, gamma=d.number(0.1, 1.2))
    ),
    "ExponentialLR": lambda d: {"gamma": d.number(0.5, 1.1)},
    "CosineAnnealingLR": lambda d: {"T_max": d.integer(2, 9)} | some(d, eta_min=d.number(0, 0.1)),
    "LinearLR": lambda d: some(
        d,
        start_factor=d.number(0.1, 1.0),
        end_factor=d.number(0.1, 1.0),
        total_iters=d.integer(1, 8),
    ),
    "LambdaLR": lambda d: {"lr_lambda": factor(d)},
    "OneCycleLR": one_cycle,
    "ReduceLROnPlateau": lambda d: some(
        d,
        mode=d.among("min", "max"),
        factor=d.number(0.1, 0.9),
        patience=d.integer(0, 3),
        threshold=d.number(0, 0.2),
        threshold_mode=d.among("rel", "abs"),
        cooldown=d.integer(0, 3),
        min_lr=per_group(d, 0, 0.1),
        eps=d.among(1e-8, 0.05),
    ),
}


def optimizer(d):
    kinds = Optimizer("SGD", momentum=0.9), Optimizer("Adam"), Optimizer("RMSprop", momentum=0.2)
    return d.among(*kinds)


def scheduled(name):
    def draw(d):
        metrics = [float(m) for m in np.cumsum(d.rng.normal(-0.05, 0.2, 15)) + 2]
        return Call(optimizer(d), **SCHEDULES[name](d), extra=metrics)

    return draw


def sequence(d):
    opt, names = (
        optimizer(d),
        [n for n in SCHEDULES if n not in ("OneCycleLR", "ReduceLROnPlateau")],
    )
    parts = [Schedule(n, opt, SCHEDULES[n](d)) for n in d.rng.choice(names, d.integer(1, 4))]
    at = sorted(int(m) for m in d.rng.choice(np.arange(1, 9), len(parts) - 1, replace=False))
    return Call(opt, parts, at, extra=[0.0] * 12)


def followed(module, function, built, call):
    opt = built.args[0]
    schedule = function(*built.args, **built.named)
    found = [rates(opt)]
    opt.step()  # before the schedule's; what more of them would change is not the schedule's
    for metric in call.extra[: 12 if "total_steps" in built.named else None]:
        schedule.step(*([metric] if function.__name__ == "ReduceLROnPlateau" else []))
        found.append([rates(opt), [float(r) for r in schedule.get_last_lr()]])
    return found


def rates(opt):
    """Step sizes and, where a schedule may move them, momenta."""
    keys = ("lr", "momentum", "betas")
    return [float(v) for g in opt.param_groups for k in keys if k in g for v in np.ravel(g[k])]


def with_gradients(d, always=False):
    dtype = d.among("float64", "float64", "float32")
    found = []
    for _ in range(d.integer(1, 4)):
        values = np.zeros(d.shape(smallest=1), dtype)
        gradient = np.asarray(d.rng.standard_normal(values.shape) * 3, dtype)
        found.append(P(values, gradient if always or d.chance(0.8) else None))
    return found if d.chance(0.8) else found[0]


NORMS = (2.0, 1, math.inf, "inf", 3.5, 2, 0.5)


def clip_norm(d):
    return Call(with_gradients(d), d.among(0.5, 3, 100.0), *d.among((), (d.among(*NORMS),)))


def clip_value(d):
    return Call(with_gradients(d, always=True), d.among(0.7, 1, 0.0))


def clip_with_norm(d):
    return Call(with_gradients(d), d.among(0.5, 3), d.t((), "float64", 0.1, 9, grad=False))


def norm(d):
    dtype = d.among("float64", "float64", "float32")
    tensors = [d.t(d.shape(smallest=1), dtype, grad=False) for _ in range(d.integer(1, 3))]
    return Call(d.among(tensors, tensors[0]), *d.among((), (d.among(*NORMS),)))


def clipped(module, function, built, call):
    out = function(*built.args, **built.named)
    params = built.args[0] if isinstance(built.args[0], list) else [built.args[0]]
    return [out, *[p.grad for p in params if p.grad is not None]]


def to_vector(d):
    dtype = "float64" if d.chance(0.9) else "float32"
    return Call([d.t(d.shape(smallest=1), dtype) for _ in range(d.integer(1, 4))])


def from_vector(d):
    params = [P(np.zeros(d.shape(smallest=1))) for _ in range(d.integer(1, 4))]
    total = sum(p.values.size for p in params)
    vector = d.t((total + d.integer(0, 1),), "float64", grad=False)
    vector.layout = 0
    return Call(vector, params)


def handed_out(module, function, built, call):
    function(*built.args, **built.named)
    return [(p.detach(), p.requires_grad) for p in built.args[1]]


CASES = {
    **{f"optim.{n}": Entry(training(n), call=trained, gradient=False) for n in RANGES},
    **{
        f"optim.lr_scheduler.{n}": Entry(scheduled(n), call=followed, gradient=False)
        for n in SCHEDULES
    },
    "optim.lr_scheduler.SequentialLR": Entry(sequence, call=followed, gradient=False),
    "nn.utils.clip_grad_norm_": Entry(clip_norm, call=clipped, gradient=False),
    "nn.utils.clip_grad_value_": Entry(clip_value, call=clipped, gradient=False),
    "nn.utils.clip_grads_with_norm_": Entry(clip_with_norm, call=clipped, gradient=False),
    "nn.utils.get_total_norm": Entry(norm, gradient=False),
    "nn.utils.parameters_to_vector": to_vector,
    "nn.utils.vector_to_parameters": Entry(from_vector, call=handed_out, gradient=False),
}
