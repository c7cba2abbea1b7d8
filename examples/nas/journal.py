"""What a run has done so far, in a file of JSON lines, so that an interrupted run goes on.

Everything here is determined by its seed. A run that starts again therefore asks the same questions
in the same order, and `Evaluations` answers from the journal what it finds there.
"""

import json
import time
from pathlib import Path

from evaluate import BATCH_SIZE, evaluate
from space import Layer

SEEDS_OF_A_RUN = 100_000  # evaluation i of the run with seed s is trained with seed s · this + i


class Journal:
    """Records, dictionaries that JSON can hold, in a file and in `records`.

    Args:
        path: the file; None keeps the records in memory only.
        on_append: called without arguments after each new record.

    A last line that was cut off in the middle of writing is dropped.
    """

    def __init__(self, path=None, on_append=None):
        self.path = None if path is None else Path(path)
        self.on_append = on_append
        self.records = []
        if self.path is not None and self.path.exists():
            self.records, length = read_records(self.path)
            if length < self.path.stat().st_size:
                with open(self.path, "r+b") as file:
                    file.truncate(length)

    def find(self, **wanted):
        """The first record with these entries, or None."""
        for record in self.records:
            if all(key in record and record[key] == value for key, value in wanted.items()):
                return record
        return None

    def append(self, **record):
        """Add a record; it is in the file when this returns."""
        self.records.append(record)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        if self.on_append is not None:
            self.on_append()
        return record


def read_records(path):
    """The records in the whole lines of a journal, and how many bytes those are.

    The file is left as it is, so that this may be called while another process writes.

    Raises:
        OSError: a line that is no record; the message has its number.
    """
    text = Path(path).read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    records = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise OSError(f"{path}, line {number}, is damaged; delete the file to start it again")
        records.append(record)
    return records, len(whole)


def cell_of(record):
    """The cell that a record holds."""
    return tuple(Layer(*layer) for layer in record["cell"])


def as_json(cell):
    """A cell as JSON gives it back."""
    return [list(layer) for layer in cell]


class Evaluations:
    """Calls to `evaluate`, counted and remembered: ``evaluations(cell)`` gives its accuracy.

    Every call counts, also for a cell that was evaluated before: it is trained again, with another
    seed. Only a call that the journal already holds is not done twice.

    Args:
        parts: the images.
        images: how many each training sees.
        seed: of the run; each training gets a seed of its own from it.
        journal: a `Journal`.
    """

    def __init__(self, parts, images, seed, journal):
        self.parts, self.images, self.seed, self.journal = parts, images, seed, journal
        self.count = 0

    def __call__(self, cell):
        key = {
            "number": self.count,
            "cell": as_json(cell),
            "images": self.images,
            "seed": self.seed * SEEDS_OF_A_RUN + self.count,
        }
        self.count += 1
        record = self.journal.find(**key)
        if record is None:
            start = time.perf_counter()
            found = evaluate(cell, self.parts, self.images, key["seed"])
            seconds = round(time.perf_counter() - start, 3)
            record = self.journal.append(**key, accuracy=found, seconds=seconds)
        return record["accuracy"]


def affordable(budget, images):
    """How many cells a search can evaluate: what it finds is trained once more from scratch.

    >>> affordable(80_000, 2_000)
    39
    """
    return budget // images - 1


def smallest_budget(images):
    """The least with which every method can do something and train what it found.

    That is one cell, or one step of DARTS, which takes two batches.
    """
    return images + max(images, 2 * BATCH_SIZE)
