"""The figures of all epochs in a file, for other programs."""

import csv
import io
import json
import warnings
from pathlib import Path

from minicnn.checks import ArgumentError
from minicnn.serialization import atomic_write
from minicnn.serialization.atomic import as_path
from minicnn.training.callbacks.callback import Callback


class Log(Callback):
    """A line of figures for each epoch: as CSV or, in a file called ``….jsonl``, as JSON.

    The file is written anew after each epoch, in one step, from the run's history: so it is never
    half written, and a run that is resumed leaves no line twice. Where it cannot be written, for a
    full disk say, there is a warning, and the next epoch tries again. Of several ranks the first
    writes.

    minicnn's own.

    Args:
        path: the file's name, which ends in ``.csv`` or ``.jsonl``.

    Raises:
        ArgumentError: another ending.
        DtypeError: not a file's name.

    >>> log = Log("metrics.jsonl")
    """

    def __init__(self, path):
        self.path = Path(as_path("Log", path))
        if self.path.suffix not in (".csv", ".jsonl"):
            raise ArgumentError(f"Log: the file's name must end in .csv or .jsonl, got {path}")

    def on_epoch_end(self, run):
        if not run.ranks.is_first:
            return
        try:
            write_log(self.path, run.history)
        except OSError as error:
            warnings.warn(
                f"Log: {self.path} was not written: {error}", RuntimeWarning, stacklevel=2
            )


def write_log(path, lines):
    """Write dictionaries of figures to a ``.csv`` or ``.jsonl`` file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "metrics.csv"
    >>> write_log(path, [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "best": 1}])
    >>> print(path.read_text())
    epoch,loss,best
    1,0.5,
    2,0.25,1
    """
    path = Path(path)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if path.suffix == ".csv":
        names = dict.fromkeys(name for line in lines for name in line)
        file = io.StringIO()
        writer = csv.DictWriter(file, list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        text = file.getvalue()
    with atomic_write(path, "Log") as file:
        file.write(text.encode())
