"""Stopping when it gets no better, and keeping the best weights."""

import math
from pathlib import Path

from minicnn.checks import ArgumentError, integer, one_of
from minicnn.serialization import save
from minicnn.serialization.atomic import as_path
from minicnn.training.callbacks.callback import Callback


class EarlyStopping(Callback):
    """End the run when a figure has not improved for some epochs.

    Prechelt, "Early stopping — but when?", 1998.

    Args:
        monitor: the figure's name in the history; one of the training data says nothing here.
        patience: how many epochs in a row may pass without improvement; 0: none.
        min_delta: what counts as an improvement: more than this.
        mode: ``"min"`` where less is better, ``"max"`` where more is; default: max for what is
            called accuracy or top, else min.
        best_path: where to write the weights of the best epoch; default: nowhere.
        averaging: a `WeightAveraging` whose weights are written instead of the model's.

    Attributes:
        best, best_epoch: the best figure so far, and the number of its epoch, from 1.

    Raises:
        ArgumentError: no such figure; options out of range.

    >>> EarlyStopping("val_accuracy", patience=3).mode
    'max'
    """

    def __init__(
        self,
        monitor="val_loss",
        patience=5,
        *,
        min_delta=0.0,
        mode=None,
        best_path=None,
        averaging=None,
    ):
        if mode is None:
            mode = "max" if "accuracy" in monitor or "top" in monitor else "min"
        self.monitor, self.mode = monitor, one_of("EarlyStopping", "mode", mode, ("min", "max"))
        self.patience = integer("EarlyStopping", "patience", patience)
        if self.patience < 0 or not min_delta >= 0:
            raise ArgumentError(
                "EarlyStopping: patience and min_delta must be at least 0, got "
                f"{patience} and {min_delta}"
            )
        self.min_delta = min_delta
        self.best_path = None if best_path is None else Path(as_path("EarlyStopping", best_path))
        self.averaging = averaging
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch = 0

    def on_epoch_end(self, run):
        figure = run.figure("EarlyStopping", self.monitor)
        gain = self.best - figure if self.mode == "min" else figure - self.best
        epoch = run.history[-1]["epoch"]
        if gain > self.min_delta:
            self.best, self.best_epoch = figure, epoch
            if self.best_path is not None and run.ranks.is_first:
                measured = run.model.state_dict() if self.averaging is None else None
                save(measured or self.averaging.weights, self.best_path)
        elif epoch - self.best_epoch > self.patience:
            run.stop(
                f"{self.monitor} has not improved since epoch {self.best_epoch} ({self.best:.4g})"
            )

    def state_dict(self):
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state):
        self.best, self.best_epoch = state["best"], state["best_epoch"]
