"""Showing where a run stands."""

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from minicnn.training.callbacks.callback import Callback
from minicnn.training.callbacks.metrics import TrainingMetrics


class Progress(Callback):
    """A bar on a terminal, and everywhere a line for each epoch.

    What it shows of the training is measured by a `TrainingMetrics` among the callbacks. Of several
    ranks only the first shows anything.

    minicnn's own.

    Args:
        console: of rich; default: standard output.
        plain: True: no bar; default: where the console is no terminal.

    Raises:
        ArgumentError: (in `fit`) no `TrainingMetrics` among the callbacks.

    >>> progress = Progress(plain=True)
    """

    # How the figures of an epoch are named in its line, and written; others are left to the log.
    _SHOWN = (
        ("train_loss", "loss", "{:.4f}"),
        ("train_accuracy", "accuracy", "{:.4f}"),
        ("val_accuracy", "validation", "{:.4f}"),
    )

    def __init__(self, console=None, plain=None):
        self.console = console or Console(soft_wrap=True)
        self.plain = not self.console.is_terminal if plain is None else plain
        self._bar = self._task = self._metrics = None
        self._shows = True

    def on_fit_begin(self, run):
        found = (c for c in run.callbacks if isinstance(c, TrainingMetrics))
        self._metrics = next(found, None)
        self._shows = run.ranks.is_first
        if self._shows and not self.plain:
            columns = (TextColumn("{task.description}"), BarColumn())
            columns += (TextColumn("{task.fields[figures]}"), TimeRemainingColumn())
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._bar.start()
            total = run.epochs * len(run.loader)
            self._task = self._bar.add_task("compiling kernels (once)", total=total, figures="")

    def on_batch_end(self, run):
        if self._bar is None:
            return
        figures = ""
        if self._metrics is not None:
            figures = "  ".join([*_parts(self._metrics.so_far(), self._SHOWN), self._speed()])
        self._bar.update(
            self._task,
            description=f"epoch {run.epoch + 1}/{run.epochs}",
            completed=run.epoch * len(run.loader) + run.batch,
            figures=figures,
        )

    def _speed(self):
        return f"{self._metrics.rate:,.0f} images/s"

    def on_epoch_end(self, run):
        if not self._shows:
            return
        figures = run.history[-1]
        text = f"epoch {figures['epoch']:>{len(str(run.epochs))}}/{run.epochs}"
        parts = [text, *_parts(figures, self._SHOWN)]
        if "images_per_second" in figures:
            parts.append(f"{figures['images_per_second']:,.0f} images/s")
        self.console.print("  ".join(parts), highlight=False)

    def close(self, run):
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _parts(figures, shown):
    return [f"{name} {form.format(figures[key])}" for key, name, form in shown if key in figures]
