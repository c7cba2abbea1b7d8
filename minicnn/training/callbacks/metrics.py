"""Measuring: the loss and the share of right answers, in training and on other data."""

import time
from contextlib import nullcontext

from minicnn.training.callbacks.callback import Callback
from minicnn.training.evaluation import count_right, evaluate, tops


class TrainingMetrics(Callback):
    """Mean loss and accuracy over the batches of an epoch, as they were when each was trained on.

    Figures: ``train_loss``, ``train_accuracy`` (for k = 5 in `top` also ``train_top5``), and
    ``images_per_second``. Where targets are not classes, the loss alone.

    minicnn's own.

    Args:
        top: integers k; an answer is right if the class is among the k highest scores, for each k.

    Raises:
        DtypeError: not integers.
        ArgumentError: a k below 1.

    >>> metrics = TrainingMetrics(top=(1, 5))
    """

    def __init__(self, top=(1,)):
        self.top = tops("TrainingMetrics", top)
        self._start()

    def _start(self):
        self.images, self.loss, self.right = 0, 0.0, [0] * len(self.top)

    def on_epoch_begin(self, run):
        if not run.batch:
            self._start()
        self.seen_now = 0  # since the clock started; not what was seen before a resume
        self.clock = time.perf_counter()

    def on_batch_end(self, run):
        n = len(run.targets)
        found = count_right(run.scores, run.targets, self.top)
        # On several ranks: of the whole batch, so that all ranks know the same.
        n, loss, *found_on_all = run.ranks.sum([n, run.loss.item() * n, *(found or ())], "metrics")
        found = None if found is None else [int(k) for k in found_on_all]
        self.images += int(n)
        self.seen_now += int(n)
        self.loss += loss
        if found is None:
            self.right = None
        elif self.right is not None:
            self.right = [a + b for a, b in zip(self.right, found, strict=True)]

    @property
    def rate(self):
        """Images a second in this epoch."""
        return self.seen_now / max(time.perf_counter() - self.clock, 1e-9)

    def so_far(self):
        """The figures of the epoch so far."""
        figures = {"train_loss": self.loss / max(self.images, 1)}
        for k, right in zip(self.top, self.right or (), strict=False):
            name = "train_accuracy" if k == 1 else f"train_top{k}"
            figures[name] = right / max(self.images, 1)
        return figures

    def measure(self, run):
        return {**self.so_far(), "images_per_second": round(self.rate, 1)}

    def state_dict(self):
        return {"images": self.images, "loss": self.loss, "right": self.right}

    def load_state_dict(self, state):
        self.images, self.loss, self.right = state["images"], state["loss"], state["right"]


class Validation(Callback):
    """Loss and accuracy on other data after each epoch: ``val_loss``, ``val_accuracy``, ….

    minicnn's own.

    Args:
        loader: gives batches (inputs, targets) of the validation set.
        loss_function: as in `evaluate`; default: cross-entropy.
        top: for each k above 1 a figure ``val_top5`` (for k = 5).
        name: what the names of the figures begin with.
        averaging: a `WeightAveraging` whose weights are to be measured instead of the model's.
        prepare: a function of the inputs, called with each batch; what ``on_batch_begin`` of other
            callbacks does in training is not done here.

    Raises:
        DtypeError: `top` holds something else than integers.
        ArgumentError: a k below 1; (in `fit`) no batches.

    >>> import minicnn as mc
    >>> validation = Validation([(mc.zeros(4, 2), mc.tensor([0, 1, 1, 0]))])
    """

    def __init__(
        self, loader, loss_function=None, *, top=(1,), name="val", averaging=None, prepare=None
    ):
        self.loader, self.loss_function, self.name = loader, loss_function, name
        self.top = tops("Validation", top)
        self.averaging, self.prepare = averaging, prepare

    def measure(self, run):
        averaged = nullcontext() if self.averaging is None else self.averaging.applied(run.model)
        if hasattr(self.loader, "set_epoch"):
            self.loader.set_epoch(run.epoch)  # as in a run that is resumed
        with averaged:
            found = evaluate(
                run.model, self.loader, self.loss_function, top=self.top, prepare=self.prepare
            )
        figures = {f"{self.name}_loss": found.loss}
        for k, share in found.top.items():
            figures[f"{self.name}_accuracy" if k == 1 else f"{self.name}_top{k}"] = share
        return figures
