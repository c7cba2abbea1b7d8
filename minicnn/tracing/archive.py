"""`Archive`: the arrays of a run, a copy of each, as long as the budget lasts.

They are copied at once, since an update in place later must not rewrite history; an array that has
been seen and has not changed is not copied again.
"""

import weakref

import numpy as np

from minicnn.tracing.values import Value, digest, statistics

SMALL = 64  # bytes: a loss is kept whatever the budget


class Archive:
    """The values of a run, growing while it goes on.

    Args:
        run: the `Run`, which says what sample of the batch is kept.
        watch: paths of layers; if not empty, only their arrays are kept whole.
        budget: bytes of arrays to keep; beyond them the rest is left out, and says so.

    Attributes:
        values: the `Value` objects.
        kept: how many bytes have been kept.
    """

    def __init__(self, run, watch, budget):
        self.run, self.watch, self.budget = run, watch, budget
        self.values, self.kept = [], 0
        self._seen = {}  # id(array) → (weak reference, version, Value)

    def add(self, array, name, batched, layer="", parameter=False):
        """Record a copy of `array` as a new `Value`."""
        shown = array
        if batched and self.run.sample is not None:
            shown = array[self.run.sample : self.run.sample + 1]
        value = Value(len(self.values), name, None, batched, statistics(array), parameter=parameter)
        value.left_out = self._why_not(shown.nbytes, layer)
        if value.left_out:
            value.digest = digest(shown)
        else:
            value.array = np.array(shown, order="C")
            self.count(shown.nbytes)
        self.values.append(value)
        return value

    def remember(self, array, version, value):
        """`value` is what stands in `array`, as long as the version is the same."""
        self._seen[id(array)] = weakref.ref(array), version, value
        return value

    def known(self, array, version=0):
        """The value that stands in `array`, or None if it is new or has changed."""
        reference, seen, value = self._seen.get(id(array), (None, None, None))
        return value if reference is not None and reference() is array and seen == version else None

    def has_room(self, nbytes):
        """Whether so many bytes can still be kept."""
        return nbytes <= SMALL or self.kept + nbytes <= self.budget

    def count(self, nbytes):
        """So many bytes have been kept."""
        self.kept += nbytes if nbytes > SMALL else 0

    def _why_not(self, nbytes, layer):
        """Why an array of a layer is left out, as a clause; empty if it is kept."""
        watched = any(layer == w or layer.startswith(f"{w}.") for w in self.watch)
        if nbytes <= SMALL:
            return ""
        if self.watch and not watched:
            return f"only {', '.join(self.watch)} is watched"
        if not self.has_room(nbytes):
            return (
                f"it takes {nbytes / 2**20:.1f} MiB, and {self.kept / 2**20:.0f} of "
                f"{self.budget / 2**20:.0f} MiB are used; watch= a layer, or raise budget="
            )
        return ""
