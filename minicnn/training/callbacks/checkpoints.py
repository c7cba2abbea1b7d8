"""Saving where a run stands, and taking it up again: bit for bit as if it had never stopped."""

import contextlib
import time
import warnings
from pathlib import Path

from minicnn.checks import ArgumentError, integer
from minicnn.serialization.atomic import as_path
from minicnn.training.callbacks.callback import Callback
from minicnn.training.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from minicnn.training.interruption import INTERRUPTED, Interruption

_ABANDONED = 600  # seconds


class Checkpoints(Callback):
    """Save everything to one file, after each epoch and as often as you like in between.

    If the file is there when `fit` begins, the run goes on from it, in the middle of an epoch too.
    Ctrl-C lets the run finish its step, save, and return with ``run.stopped == "interrupted"``; a
    second Ctrl-C ends it at once. Whatever ends a run at whatever moment, ``kill -9`` included,
    the file holds its last save, complete.

    On several ranks the first one reads and writes the file, and the signal USR1 does what Ctrl-C
    does, on any of them. Another number of ranks can go on with the file; only with the same number
    the bits are the same, where there is dropout, say.

    minicnn's own.

    Args:
        path: the file's name; its folder must be there.
        every_steps: save after so many steps of the optimizer.
        every_seconds: save when the last save is so long ago.
        extra: something to keep with it, for example the options of the program.
        resume: go on from the file if it is there; False: begin anew, and overwrite it.

    Raises:
        ArgumentError: (in `fit`) the file is not a checkpoint, is one of another version or of
            another network, optimizer, data size or list of callbacks. It is left as it is.
        OSError: (in `fit`) the last save cannot be written, say for a full disk. One in between
            only gives a warning; the older checkpoint stays, and the next save tries again.
        DtypeError: not a file's name.

    >>> import tempfile
    >>> checkpoints = Checkpoints(tempfile.mkdtemp() + "/run", every_seconds=600)
    """

    def __init__(self, path, *, every_steps=None, every_seconds=None, extra=None, resume=True):
        self.path = Path(as_path("Checkpoints", path))
        if every_steps is not None and integer("Checkpoints", "every_steps", every_steps) < 1:
            raise ArgumentError(f"Checkpoints: every_steps must be at least 1, got {every_steps}")
        if every_seconds is not None and not every_seconds >= 0:
            raise ArgumentError(
                f"Checkpoints: every_seconds must be at least 0, got {every_seconds!r}"
            )
        self.every_steps, self.every_seconds = every_steps, every_seconds
        self.extra, self.resume = extra, resume
        self._interruption = None

    def on_fit_begin(self, run):
        if run.ranks.is_first:
            _remove_remains(self.path.parent)
        if self.resume and run.ranks.from_first(self.path.exists):
            self._load(run)
        self._saved_at = time.monotonic()
        several = run.ranks.size > 1
        self._interruption = Interruption(lambda: run.stop(INTERRUPTED), batch_job=several)
        self._interruption.__enter__()

    def on_safe_point(self, run):
        ends_epoch = run.batch == 0
        by_steps = self.every_steps and run.step % self.every_steps == 0
        age = time.monotonic() - self._saved_at
        by_time = self.every_seconds is not None and age >= self.every_seconds
        if self.every_seconds is not None:  # by the clock of rank 0
            by_time = run.ranks.sum([by_time and run.ranks.is_first], "whether to save")[0] > 0
        is_last = run.ending or (ends_epoch and run.epoch == run.epochs)
        if is_last:
            self.save(run)
        elif ends_epoch or by_steps or by_time:
            try:
                self.save(run)
            except OSError as error:
                if not run.ranks.is_first:
                    return
                warnings.warn(
                    f"Checkpoints: {self.path} was not written ({error}); the one before is as it "
                    "was, and the training goes on",
                    RuntimeWarning,
                    stacklevel=3,
                )

    def close(self, run):
        if self._interruption is not None:
            self._interruption.__exit__()
            self._interruption = None

    def save(self, run):
        """Write the checkpoint now."""
        save_checkpoint(
            self.path,
            **_parts(run),
            generators=run.generators,
            position=run.position(),
            extra=self.extra,
        )
        self._saved_at = time.monotonic()

    def _load(self, run):
        # Looked at before anything is changed.
        run.check_position(self.path, read_checkpoint(self.path)["position"])
        found = load_checkpoint(self.path, **_parts(run), generators=run.generators)
        run.go_to(found["position"])


def _parts(run):
    return {"model": run.model, "optimizer": run.optimizer, "scheduler": run.scheduler}


def _remove_remains(folder):
    """Remove what a process that was killed while it saved has left behind."""
    for path in folder.glob(".minicnn-*.tmp"):
        with contextlib.suppress(OSError):
            # A young one may be another run's, which is just saving.
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
