"""A schedule that looks at the result."""

import math

from minicnn.checks import ArgumentError, GraphError, one_of, real
from minicnn.optim.lr_scheduler.scheduler import (
    LRScheduler,
    numbers_for_each_group,
    optimizer_only,
    warn_of_epoch,
)


class ReduceLROnPlateau(LRScheduler):
    """Multiply the step size by `factor` when a metric has not improved for `patience` epochs.

    Its ``step(metrics)`` takes the metric, such as the loss on a validation set.

    As ``torch.optim.lr_scheduler.ReduceLROnPlateau``.

    Args:
        optimizer: whose step sizes follow the schedule.
        mode: ``"min"`` where less is better, ``"max"`` where more is.
        factor: < 1.
        patience: how many epochs without improvement are borne.
        threshold: what counts as an improvement: by this share of the best (``"rel"``) or by this
            much (``"abs"``), as `threshold_mode` says.
        cooldown: epochs after a reduction that are not counted.
        min_lr: no less than this; a list has one for each parameter group.
        eps: changes of at most this much are left out.

    Raises:
        ArgumentError: options out of their range. DtypeError: not an optimiser.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(sgd, patience=1)
    >>> for loss in (0.5, 0.4, 0.4, 0.4):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer,
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0,
        eps=1e-8,
    ):
        name = "ReduceLROnPlateau"
        for argument, value in (
            ("factor", factor),
            ("patience", patience),
            ("threshold", threshold),
            ("cooldown", cooldown),
            ("eps", eps),
        ):
            real(name, argument, value)
        if not factor < 1:
            raise ArgumentError(f"{name}: factor must be less than 1, got {factor}")
        self.optimizer = optimizer_only(name, optimizer)
        self.mode = one_of(name, "mode", mode, ("min", "max"))
        self.threshold_mode = one_of(name, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.eps = cooldown, eps
        # A group that is added later gets the same lower bound, unless each had its own.
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = numbers_for_each_group(name, "min_lr", min_lr, optimizer)
        self.last_epoch = 0
        self._last_lr = self._current()
        self._reset()

    def _reset(self):
        self.best = math.inf if self.mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0

    @property
    def in_cooldown(self):
        """Whether epochs are not counted, because the step size was reduced a short time ago."""
        return self.cooldown_counter > 0

    def step(self, metrics, epoch=None):
        """Look at the metric of an epoch, a number or a tensor of one element.

        Args:
            metrics: that number.
            epoch: None; PyTorch's old way to jump is refused.
        """
        current = float(metrics)
        if epoch is not None:
            warn_of_epoch("ReduceLROnPlateau")
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current()

    def _is_better(self, value):
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            limit = self.best * (1 + sign * self.threshold)
        else:
            limit = self.best + sign * self.threshold
        return value > limit if self.mode == "max" else value < limit

    def _reduce(self):
        groups = self.optimizer.param_groups
        if len(self.min_lrs) != len(groups):
            if self.default_min_lr is None:
                raise GraphError(
                    f"ReduceLROnPlateau: min_lr was given for {len(self.min_lrs)} parameter "
                    f"groups, but the optimiser has {len(groups)} now; set min_lrs accordingly"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, least)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
