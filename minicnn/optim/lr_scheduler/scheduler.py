"""`LRScheduler`: what all schedules share."""

import numbers
import warnings

from minicnn.checks import ArgumentError, DtypeError, real
from minicnn.optim.optimizer import Optimizer


def optimizer_only(name, optimizer):
    """Refuse anything that is not an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise DtypeError(f"{name}: expected an optimiser, got {type(optimizer).__name__}")
    return optimizer


def one_for_each_group(name, argument, value, optimizer):
    """`value` as a list with an entry for each parameter group; one number stands for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ArgumentError(
            f"{name}: {argument} has {len(value)} entries, the optimiser {groups} parameter groups"
        )
    return list(value)


def at_least_1(name, argument, value):
    """`value`, an integer ≥ 1, as it is."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name}: {argument} must be an integer ≥ 1, got {value!r}")
    return value


def numbers_for_each_group(name, argument, value, optimizer):
    """As `one_for_each_group`, of numbers."""
    return [real(name, argument, v) for v in one_for_each_group(name, argument, value, optimizer)]


def warn_of_epoch(name):
    """As PyTorch does, when `step` is given an epoch."""
    warnings.warn(f"{name}: step(epoch) is deprecated; call step() once an epoch", stacklevel=3)


class LRScheduler:
    """The base class. A subclass defines ``get_lr()``, the step sizes of ``self.last_epoch``.

    As ``torch.optim.lr_scheduler.LRScheduler``.

    Args:
        optimizer: whose ``param_groups`` get new step sizes.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Attributes:
        base_lrs: the step sizes that the groups started with.
        last_epoch: how often `step` was called.

    Raises:
        DtypeError: not an optimiser. ArgumentError: `last_epoch` continues a schedule that the
        optimiser's groups know nothing of.

    >>> import minicnn as mc
    >>> class Halving(LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = Halving(sgd)
    >>> sgd.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    # True inside the constructor, where no epoch has passed.
    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        name = type(self).__name__
        self.optimizer = optimizer_only(name, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                # A second schedule of the same optimiser has the first one's base.
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{name}: last_epoch={last_epoch} continues a schedule, but parameter group "
                    f"{i} has no 'initial_lr'; load the optimiser's state first, or start with "
                    "last_epoch=-1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            del self._is_initial

    def get_lr(self):
        """The step sizes of ``self.last_epoch``, from those of the epoch before; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr")

    def get_last_lr(self):
        """The step sizes that the last `step` set, one for each group."""
        return self._last_lr

    def step(self, epoch=None):
        """Go on to the next epoch; call it after the optimiser's ``step()``.

        Args:
            epoch: go to this one instead (deprecated, as in PyTorch).
        """
        if self._step_count == 1 and not self.optimizer._has_stepped:
            warnings.warn(
                f"{type(self).__name__}: step() was called before the optimiser's step(); the "
                "first step size of the schedule is never used. Call optimizer.step() first",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch(type(self).__name__)
        self._update_lr(epoch)

    def _update_lr(self, epoch=None):
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            # A jump: from the start, where there is a formula for that.
            self.last_epoch = epoch
            rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def _scaled(self, factor):
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self):
        """Everything but the optimiser: what `mc.save` takes."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict):
        """Continue from a `state_dict`."""
        self.__dict__.update(state_dict)
