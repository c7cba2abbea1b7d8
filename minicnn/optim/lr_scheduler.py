"""Step sizes that change while training."""

import math

from minicnn.checks import ArgumentError, DtypeError
from minicnn.optim.optimizer import Optimizer


class LRScheduler:
    """The base class. A subclass defines ``lr(initial, epoch)``, a closed formula.

    Args:
        optimizer: whose ``param_groups`` get new step sizes.
        last_epoch: −1 to start; its `step` is called after each epoch (or batch).
    """

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise DtypeError(
                f"{type(self).__name__}: expected an optimiser, got {type(optimizer).__name__}"
            )
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group["initial_lr"] = group["lr"]
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: last_epoch={last_epoch} continues a schedule, but the "
                    "optimiser's groups have no 'initial_lr'"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def lr(self, initial, epoch):
        """The step size in `epoch` of a group that starts at `initial`; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} does not define lr")

    def step(self):
        """Go on to the next epoch."""
        self.last_epoch += 1
        for group, initial in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.lr(initial, self.last_epoch)

    def get_last_lr(self):
        """The step sizes in force, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """Everything but the optimiser."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict):
        """Continue from a `state_dict`."""
        self.__dict__.update(state_dict)


class CosineAnnealingLR(LRScheduler):
    """From the initial step size down to `eta_min` along half a cosine (Loshchilov & Hutter 2017).

    lr(t) = eta_min + (lr₀ − eta_min)(1 + cos(π t / T_max)) / 2

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = CosineAnnealingLR(sgd, T_max=2)
    >>> schedule.step()
    >>> round(sgd.param_groups[0]["lr"], 3)
    0.5
    """

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        if isinstance(T_max, bool) or not hasattr(T_max, "__index__") or T_max < 1:
            raise ArgumentError(f"CosineAnnealingLR: T_max must be an integer ≥ 1, got {T_max!r}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def lr(self, initial, epoch):
        return (
            self.eta_min
            + (initial - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        )
