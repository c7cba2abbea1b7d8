"""Schedules that lead from one step size to another along a curve."""

import math

from minicnn.checks import ArgumentError, real
from minicnn.optim.lr_scheduler.scheduler import LRScheduler, at_least_1


class LinearLR(LRScheduler):
    """From `start_factor` to `end_factor` times the step size, in a straight line: a warm-up.

    lr(t) = lr₀ · (start + (end − start) · min(t, total_iters) / total_iters)

    As ``torch.optim.lr_scheduler.LinearLR``.

    Args:
        optimizer: whose step sizes follow the schedule.
        start_factor: in (0, 1]. end_factor: in [0, 1].
        total_iters: how many steps the way takes.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Raises:
        DtypeError: not an optimiser, or not numbers.
        ArgumentError: numbers out of their range.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = LinearLR(sgd, start_factor=0.5, total_iters=4)
    >>> sgd.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.625]
    """

    def __init__(
        self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1
    ):
        name = "LinearLR"
        if not 0 < real(name, "start_factor", start_factor) <= 1:
            raise ArgumentError(f"LinearLR: start_factor must lie in (0, 1], got {start_factor}")
        if not 0 <= real(name, "end_factor", end_factor) <= 1:
            raise ArgumentError(f"LinearLR: end_factor must lie in [0, 1], got {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = real(name, "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return self._scaled(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._current()
        # The quotient of two neighbours on the line, its denominator multiplied by total_iters.
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return self._scaled(1.0 + rise / before)

    def _get_closed_form_lr(self):
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * share
        return [base * factor for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """From the initial step size down to `eta_min` along half a cosine (Loshchilov & Hutter 2017).

    lr(t) = eta_min + (lr₀ − eta_min)(1 + cos(π t / T_max)) / 2

    As ``torch.optim.lr_scheduler.CosineAnnealingLR``.

    Args:
        optimizer: whose step sizes follow the schedule.
        T_max: epochs on the way down, an integer ≥ 1; after that it goes up again.
        eta_min: the lowest step size.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Raises:
        DtypeError: not an optimiser, or not numbers.
        ArgumentError: numbers out of their range.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = CosineAnnealingLR(sgd, T_max=2)
    >>> sgd.step()
    >>> schedule.step()
    >>> round(sgd.param_groups[0]["lr"], 3)
    0.5
    """

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max = at_least_1("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = real("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch):
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def get_lr(self):
        if self._is_initial:
            return self._current()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The epoch before was the lowest point: a quotient would divide by 0.
            rise = 1 - self._height(1)
            pairs = zip(self._current(), self.base_lrs, strict=True)
            return [lr + (base - self.eta_min) * rise for lr, base in pairs]
        factor = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return [factor * (lr - self.eta_min) + self.eta_min for lr in self._current()]

    def _get_closed_form_lr(self):
        height = self._height(self.last_epoch)
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]
