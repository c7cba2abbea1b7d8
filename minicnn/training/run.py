"""`Run`: where a training run stands."""

from itertools import islice

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, closest
from minicnn.data.datasets import Subset
from minicnn.distributed import DistributedDataParallel, world
from minicnn.distributed.agreement import check_weights
from minicnn.random import default_generator
from minicnn.training.callbacks.callback import Callback
from minicnn.training.interruption import INTERRUPTED
from minicnn.training.ranks import named_generators, own_streams, parts_of, same_streams


class Run:
    """What `fit` works with, and shows its callbacks.

    minicnn's own; `fit` makes it, and checks what it is made of.

    It raises nothing by itself.

    Args:
        generators: a dictionary of names and `minicnn.Generator`, whose states belong to the run's.

    Attributes:
        model, loader, optimizer, scheduler, epochs, callbacks: as given to `fit`.
        epoch: how many epochs are done; while one is under way, its number counted from 0.
        batch: how many batches of this epoch are done.
        step: how many steps the optimizer has made.
        inputs, targets, outputs, loss: of the batch in hand.
        history: a dictionary of figures for each epoch that is done.
        stopped: why the run ends, or ended, before its last epoch; None if it does not.
        ending: the same, once it is final: the run ends at this safe point.
        was_resumed: whether it went on from a checkpoint.
        ranks: the `minicnn.distributed.Communicator` of those that train together.
        network: the `DistributedDataParallel` that was given to `fit`, whose network `model` then
            is; else None.
    """

    def __init__(self, model, loader, optimizer, scheduler, epochs, callbacks, generators=None):
        given = isinstance(model, DistributedDataParallel)
        self.network = model if given else None
        self.ranks = model.ranks if given else world()
        self.model, self.loader = model.module if given else model, loader
        self.optimizer, self.scheduler = optimizer, scheduler
        self.epochs, self.callbacks = epochs, callbacks
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise DtypeError(f"fit: expected a Callback, got {type(callback).__name__}")
        self.generators = named_generators(loader, generators)
        self.epoch = self.batch = self.step = 0
        self.inputs = self.targets = self.outputs = self.loss = None
        self.history = []
        self.stopped = self.ending = None
        self.was_resumed = False
        self._states_at_start = None  # of the generators, when this epoch began
        self._states_at_resume = None

    @property
    def scores(self):
        """The outputs that count: networks with auxiliary heads give them first."""
        return self.outputs[0] if isinstance(self.outputs, tuple) else self.outputs

    def stop(self, reason):
        """End the run after the step it is in."""
        self.stopped = self.stopped or reason

    def tell(self, event):
        """Call a method of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def at_safe_point(self):
        """Tell so; True if the run ends here."""
        # Looked at once: with a Ctrl-C from here on it ends at the next safe point, not unsaved.
        self.ending = self._stopped_on_any_rank()
        self.tell("on_safe_point")
        return self.ending is not None

    def figure(self, who, name):
        """A figure of the last epoch."""
        figures = self.history[-1]
        if name not in figures:
            raise ArgumentError(
                f"{who}: there is no figure {name!r}{closest(name, figures)}; this run measures "
                f"{', '.join(figures)}. A callback such as Validation(loader) measures more"
            )
        return figures[name]

    def _stopped_on_any_rank(self):
        wishes = self.ranks.sum([self.stopped is not None], "whether to stop")
        if wishes[0] and self.ranks.size > 1:
            reasons = self.ranks.gather_objects(self.stopped, "why to stop")
            self.stopped = next(reason for reason in reasons if reason is not None)
        return self.stopped

    def batches(self):
        """The batches of this epoch that are left; of several ranks each has its part of each."""
        for owner in (self.loader, getattr(self.loader, "sampler", None)):
            if hasattr(owner, "set_epoch"):
                owner.set_epoch(self.epoch)
        if not self.batch:
            same_streams(self.ranks, self._all_streams())
            self._states_at_start = self._states()
            batches = self._from_batch(0)
            own_streams(self.ranks, self._all_streams())
            return batches
        # In the middle of an epoch: its order is drawn as it was when it began, and what was drawn
        # since then is taken as drawn. (What callbacks have drawn or seeded just now is not.)
        self._set_states(self._states_at_start)
        rest = self._from_batch(self.batch)
        self._set_states(self._states_at_resume)
        return rest

    def _from_batch(self, number):
        if self.ranks.size > 1:
            return parts_of(self.loader, self.ranks, number)
        if not number:
            return iter(self.loader)
        if hasattr(self.loader, "batches"):
            return self.loader.batches(skip=number)
        return islice(iter(self.loader), number, None)

    def batches_of_step(self, accumulate):
        """How many batches the step in hand is made of, and whether this one is its last.

        The last step of an epoch may have fewer.
        """
        start = self.batch - self.batch % accumulate
        together = min(accumulate, len(self.loader) - start)
        return together, self.batch + 1 == start + together

    def check_labels(self):
        """Refuse labels that the network has no output for."""
        scores, targets = self.scores, self.targets
        if getattr(scores, "ndim", 0) != 2 or getattr(targets, "ndim", 0) != 1:
            return
        known, largest = scores.shape[1], int(targets.max().item())
        if largest >= known:
            classes = classes_of(getattr(self.loader, "dataset", None))
            named = f"; the data set has {len(classes)} classes" if classes else ""
            raise IndexRangeError(
                f"fit: a label is {largest}, but {type(self.model).__name__} gives {known} scores, "
                f"for the labels 0 to {known - 1}{named}. Build it with "
                f"num_classes={len(classes) if classes else largest + 1}"
            )

    def end_epoch(self):
        """Measure, and go on to the next epoch."""
        if self.ranks.size > 1:
            check_weights(self.ranks, self.model)
        figures = {"epoch": self.epoch + 1}
        for callback in self.callbacks:
            figures.update(callback.measure(self) or {})
        self.history.append(figures)
        self.epoch, self.batch = self.epoch + 1, 0

    def close(self):
        """Let callbacks give back what they hold, whatever happened."""
        self.inputs = self.targets = self.outputs = self.loss = None
        for callback in self.callbacks:
            callback.close(self)

    # ------------------------------------------------------------ for checkpoints

    def position(self):
        """Where the run stands, as plain values; on several ranks, all must ask."""
        # Numbers that only one rank draws, for its dropout say, go on from where it stood.
        several = self.ranks.size > 1
        of_ranks = {"ranks": self.ranks.gather_objects(self._states(), "random numbers")}
        return {
            **(of_ranks if several else {}),
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "batches": len(self.loader),
            "history": self.history,
            "stopped": None if self.stopped == INTERRUPTED else self.stopped,
            "generators": list(self.generators),
            "states_at_start": self._states_at_start if self.batch else None,
            "callbacks": [
                [name, callback.state_dict()]
                for name, callback in zip(_names(self.callbacks), self.callbacks, strict=True)
            ],
        }

    def check_position(self, path, position):
        """Refuse the position of a run over other data, or with other callbacks."""
        name = f"fit: the checkpoint {str(path)!r}"
        known = self.position().keys() - {"ranks"}
        if not isinstance(position, dict) or not known <= position.keys():
            raise ArgumentError(f"{name} was not written by fit; load_checkpoint reads it")
        if position["batches"] != len(self.loader):
            raise ArgumentError(
                f"{name} is of a run with {position['batches']} batches an epoch, this one has "
                f"{len(self.loader)}; go on with the same data and batch size"
            )
        own = {
            "callbacks": ([n for n, _ in position["callbacks"]], _names(self.callbacks)),
            "generators": (position["generators"], list(self.generators)),
        }
        for what, (there, here) in own.items():
            if there != here:
                raise ArgumentError(
                    f"{name} is of a run with the {what} {', '.join(there) or 'none'}; this one "
                    f"has {', '.join(here) or 'none'}. Give the same ones in the same order"
                )

    def go_to(self, position):
        """Take up a run at its `position`."""
        for name in ("epoch", "batch", "step", "history", "stopped"):
            setattr(self, name, position[name])
        self.ending = self.stopped
        self.ranks.step = self.step
        self._states_at_start = position["states_at_start"]
        of_ranks = position.get("ranks", [])
        if len(of_ranks) == self.ranks.size > 1:
            self._set_states(of_ranks[self.ranks.rank])
        else:  # another number of ranks goes on with it
            own_streams(self.ranks, self._all_streams())
        self._states_at_resume = self._states()  # which load_checkpoint has put back
        self.was_resumed = True
        for callback, (_, state) in zip(self.callbacks, position["callbacks"], strict=True):
            callback.load_state_dict(state)

    def _all_streams(self):
        return [default_generator, *self.generators.values()]

    def _states(self):
        generators = {"default": default_generator, **self.generators}
        return {name: g.get_state() for name, g in generators.items()}

    def _set_states(self, states):
        generators = {"default": default_generator, **self.generators}
        for name, state in states.items():
            generators[name].set_state(state)


def _names(callbacks):
    return [type(callback).__name__ for callback in callbacks]


def classes_of(dataset):
    """The names of a data set's classes, through subsets of it; an empty tuple if it has none."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return tuple(getattr(dataset, "classes", ()))
