"""Schedules that multiply the step size by a factor now and then."""

from bisect import bisect_right
from collections import Counter
from types import FunctionType

from minicnn.checks import DtypeError, real, sequence
from minicnn.optim.lr_scheduler.scheduler import (
    LRScheduler,
    at_least_1,
    one_for_each_group,
    optimizer_only,
)


class StepLR(LRScheduler):
    """Multiply by `gamma` every `step_size` epochs: lr(t) = lr₀ · γ^⌊t / step_size⌋.

    As ``torch.optim.lr_scheduler.StepLR``.

    Args:
        optimizer: whose step sizes follow the schedule.
        step_size: epochs between two changes, an integer ≥ 1.
        gamma: the factor γ.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Raises:
        DtypeError: not an optimiser.
        ArgumentError: a `step_size` below 1.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = StepLR(sgd, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     sgd.step()
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size = at_least_1("StepLR", "step_size", step_size)
        self.gamma = real("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        now = self.last_epoch and self.last_epoch % self.step_size == 0
        return self._scaled(self.gamma) if now else self._current()

    def _get_closed_form_lr(self):
        factor = self.gamma ** (self.last_epoch // self.step_size)
        return [base * factor for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply by `gamma` when an epoch of `milestones` is reached.

    As ``torch.optim.lr_scheduler.MultiStepLR``.

    Args:
        optimizer: whose step sizes follow the schedule.
        milestones: numbers of epochs; one that occurs twice multiplies twice.
        gamma: the factor γ.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Raises:
        DtypeError: not an optimiser.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = MultiStepLR(sgd, [1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     sgd.step()
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        name = "MultiStepLR"
        epochs = [real(name, "each milestone", m) for m in sequence(name, "milestones", milestones)]
        self.milestones, self.gamma = Counter(epochs), real(name, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        times = self.milestones[self.last_epoch]
        return self._scaled(self.gamma**times) if times else self._current()

    def _get_closed_form_lr(self):
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]

    def state_dict(self):
        # A file knows dictionaries, but no Counter.
        return {**super().state_dict(), "milestones": dict(self.milestones)}

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self.milestones = Counter(state_dict["milestones"])


class ExponentialLR(LRScheduler):
    """Multiply by `gamma` in every epoch: lr(t) = lr₀ · γ^t.

    As ``torch.optim.lr_scheduler.ExponentialLR``.

    Args:
        optimizer: whose step sizes follow the schedule.
        gamma: the factor γ.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Raises:
        DtypeError: not an optimiser.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = ExponentialLR(sgd, gamma=0.5)
    >>> for _ in range(3):
    ...     sgd.step()
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.125]
    """

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = real("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return self._current() if self._is_initial else self._scaled(self.gamma)

    def _get_closed_form_lr(self):
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class LambdaLR(LRScheduler):
    """lr(t) = lr₀ · f(t), for a function f of the epoch.


    A `state_dict` holds no functions; of callable objects it holds the attributes.

    As ``torch.optim.lr_scheduler.LambdaLR``.

    Args:
        optimizer: whose step sizes follow the schedule.
        lr_lambda: f, or a list with one for each parameter group.
        last_epoch: −1 to start; the number of epochs done, to continue.

    Raises:
        DtypeError: not an optimiser.
        ArgumentError: not one function for each parameter group.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = LambdaLR(sgd, lambda epoch: 1 / (1 + epoch))
    >>> sgd.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        optimizer_only("LambdaLR", optimizer)
        self.lr_lambdas = one_for_each_group("LambdaLR", "lr_lambda", lr_lambda, optimizer)
        for f in self.lr_lambdas:
            if not callable(f):
                raise DtypeError(f"LambdaLR: lr_lambda must be a function of the epoch, got {f!r}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * f(self.last_epoch) for base, f in pairs]

    def state_dict(self):
        kept = [
            None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {}))
            for f in self.lr_lambdas
        ]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict):
        own = self.lr_lambdas
        super().load_state_dict(state_dict)
        self.lr_lambdas = own
        for f, attributes in zip(own, state_dict["lr_lambdas"], strict=True):
            if attributes:
                f.__dict__.update(attributes)
