"""One schedule after the other."""

from bisect import bisect_right

from minicnn.checks import ArgumentError, DtypeError, real, sequence
from minicnn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minicnn.optim.lr_scheduler.scheduler import LRScheduler, optimizer_only


class SequentialLR(LRScheduler):
    """`schedulers` one after another; the next one takes over at each of `milestones`.

    As ``torch.optim.lr_scheduler.SequentialLR``.

    Args:
        optimizer: the one that all the schedulers were made for.
        schedulers: at least one; each counts its epochs from its own start.
        milestones: one fewer than schedulers, increasing: the epochs at which the next one starts.
        last_epoch: −1 to start.

    Raises:
        ArgumentError: none, or too few or many milestones, schedulers of other optimisers, or one
        that needs a metric. DtypeError: not schedulers.

    >>> import minicnn as mc
    >>> sgd = mc.optim.SGD([mc.zeros(1, requires_grad=True)], lr=1.0)
    >>> warm_up = mc.optim.lr_scheduler.LinearLR(sgd, 0.5, total_iters=2)
    >>> decay = mc.optim.lr_scheduler.ExponentialLR(sgd, gamma=0.5)
    >>> schedule = SequentialLR(sgd, [warm_up, decay], milestones=[2])
    >>> for _ in range(3):
    ...     print(*schedule.get_last_lr())
    ...     sgd.step()
    ...     schedule.step()
    0.5
    0.75
    1.0
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        name = "SequentialLR"
        optimizer_only(name, optimizer)
        schedulers = sequence(name, "schedulers", schedulers)
        if isinstance(milestones, (set, frozenset)):
            raise DtypeError(f"{name}: milestones came as a set, which has no order; use a list")
        milestones = [
            real(name, "each milestone", m) for m in sequence(name, "milestones", milestones)
        ]
        if len(schedulers) < 1:
            raise ArgumentError(f"{name}: the list of schedulers is empty")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise DtypeError(
                    f"{name}: schedulers[{i}] is a {type(scheduler).__name__}, not a schedule"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name}: schedulers[{i}] is a ReduceLROnPlateau, whose step needs a metric"
                )
            if scheduler.optimizer is not optimizer:
                raise ArgumentError(f"{name}: schedulers[{i}] belongs to another optimiser")
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"{name}: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, got "
                f"{len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch, self.optimizer = last_epoch + 1, optimizer
        # Each scheduler, when it was made, set its first step size: back to before that.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo_first_step(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self):
        """Go on to the next epoch."""
        self.last_epoch += 1
        now = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[now]
        if now and self._milestones[now - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self):
        inner = [s.state_dict() for s in self._schedulers]
        return {**super().state_dict(), "_schedulers": inner}

    def load_state_dict(self, state_dict):
        own = self._schedulers
        super().load_state_dict(state_dict)
        self._schedulers = own
        for scheduler, state in zip(own, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


def _undo_first_step(scheduler):
    if isinstance(scheduler, SequentialLR):
        for inner in scheduler._schedulers:
            _undo_first_step(inner)
    else:
        scheduler.last_epoch -= 1
