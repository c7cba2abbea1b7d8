"""The 1-cycle schedule."""

import math

from minicnn.checks import ArgumentError, one_of, real
from minicnn.optim.lr_scheduler.scheduler import (
    LRScheduler,
    numbers_for_each_group,
    optimizer_only,
)


def _cosine(start, end, share):
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def _line(start, end, share):
    return start + (end - start) * share


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down to almost nothing, while the momentum does the opposite.

    Smith & Topin 2017 (super-convergence). `step` is called after each batch.

    Args:
        optimizer: whose step sizes follow the schedule.
        max_lr: the highest step size; a list has one for each parameter group.
        total_steps: the length of the cycle; or `epochs` and `steps_per_epoch`, whose product
            it is.
        pct_start: the share of the cycle that leads up, a float in [0, 1].
        anneal_strategy: ``"cos"`` or ``"linear"``, the curve between two step sizes.
        cycle_momentum: move the momentum (Adam's β₁) from `max_momentum` to `base_momentum` and
            back.
        base_momentum, max_momentum: numbers, or lists with one for each parameter group.
        div_factor: it starts at max_lr / div_factor,
        final_div_factor: and ends at that, divided by final_div_factor.
        three_phase: come down to where it started, as fast as it went up, before the end.
        last_epoch: −1 to start; the number of steps done, to continue.

    Raises:
        ArgumentError: no length, options out of their range, a phase of no length, an optimiser
        without momentum, or more steps than the cycle has.
        DtypeError: not an optimiser.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], momentum=0.9)
    >>> schedule = OneCycleLR(sgd, max_lr=1.0, total_steps=10)
    >>> for _ in range(2):
    ...     sgd.step()
    ...     schedule.step()
    >>> sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]
    (1.0, 0.85)
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
        last_epoch=-1,
    ):
        self.optimizer = optimizer_only("OneCycleLR", optimizer)
        self.total_steps = _length(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ArgumentError(f"OneCycleLR: pct_start must be a float in [0, 1], got {pct_start}")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = one_of(
            "OneCycleLR", "anneal_strategy", anneal_strategy, ("cos", "linear")
        )
        highest = numbers_for_each_group("OneCycleLR", "max_lr", max_lr, optimizer)
        for argument, value in (
            ("div_factor", div_factor),
            ("final_div_factor", final_div_factor),
        ):
            if not real("OneCycleLR", argument, value):
                raise ArgumentError(f"OneCycleLR: {argument} divides, and must not be 0")
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if not {"momentum", "betas"} & set(optimizer.defaults):
                raise ArgumentError(
                    f"OneCycleLR: {type(optimizer).__name__} has neither a momentum nor betas; "
                    "pass cycle_momentum=False"
                )
            self.use_beta1 = "betas" in optimizer.defaults
            momenta = [
                numbers_for_each_group("OneCycleLR", argument, value, optimizer)
                for argument, value in (
                    ("max_momentum", max_momentum),
                    ("base_momentum", base_momentum),
                )
            ]
        if last_epoch == -1:
            for i, group in enumerate(optimizer.param_groups):
                group["initial_lr"] = highest[i] / div_factor
                group["max_lr"] = highest[i]
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = (m[i] for m in momenta)
                    self._set_momentum(group, group["max_momentum"])
        super().__init__(optimizer, last_epoch)

    def _set_momentum(self, group, value):
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value

    def _place(self):
        """(the phase that the present step lies in, how much of it has passed)."""
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if self.last_epoch <= end or phase is self._schedule_phases[-1]:
                if end == start:
                    raise ArgumentError(
                        f"OneCycleLR: step {self.last_epoch} lies in a phase of no length; choose "
                        f"another pct_start for {self.total_steps} steps"
                    )
                return phase, (self.last_epoch - start) / (end - start)
            start = end

    def get_lr(self):
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {self.last_epoch} of a cycle of {self.total_steps} steps; give "
                "total_steps= the number of batches in the whole training"
            )
        phase, share = self._place()
        curve = _cosine if self._anneal_func_type == "cos" else _line
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(curve(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, curve(*ends, share))
        return rates


def _length(total_steps, epochs, steps_per_epoch):
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ArgumentError(
            "OneCycleLR: how long is the cycle? Give total_steps, or epochs and steps_per_epoch"
        )
    given = {"total_steps": total_steps}
    if total_steps is None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for argument, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ArgumentError(f"OneCycleLR: {argument} must be an integer ≥ 1, got {value!r}")
    return math.prod(given.values())


def _phases(total_steps, pct_start, three_phase):
    """Where each phase ends, and between which entries of a parameter group it leads."""

    def phase(end_step, rates, momenta):
        names = ("start_lr", "end_lr", "start_momentum", "end_momentum")
        return {"end_step": end_step, **dict(zip(names, (*rates, *momenta), strict=True))}

    up = float(pct_start * total_steps)
    rise = phase(up - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    back = ("base_momentum", "max_momentum")
    if not three_phase:
        return [rise, phase(total_steps - 1, ("max_lr", "min_lr"), back)]
    return [
        rise,
        phase(float(2 * pct_start * total_steps) - 2, ("max_lr", "initial_lr"), back),
        phase(total_steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
    ]
