"""The arrays of a run as base64, each once, and as few of them as the budget allows.

An array whose bytes came before is stored once. One that follows exactly from others, as what a
ReLU gives does from what it reads, is stored as the recipe, after the recipe has been tried here:
only if every bit agrees is it used. What does not fit into the budget is left out, and the page
says so.
"""

import base64

import numpy as np

from minicnn.tracing.values import digest

SMALL = 64  # entries; below it a recipe is not worth its text
DIGEST = 4000  # bytes that the digest of an array takes at most


class Arrays:
    """Collects the arrays of a page.

    Args:
        budget: how many bytes all arrays and digests may take.

    Attributes:
        reserved: bytes of the budget that are kept free for what has not been put yet.
        stored: base64 texts, in the order of their numbers.
        values: for each value of the page its data, see `put`.
    """

    def __init__(self, budget):
        self.budget, self.used, self.reserved = budget, 0, 0
        self.stored, self.values = [], {}
        self._known = {}
        self._kept = {}  # number of a value → its array in the type that the page has

    def describe(self, value, sample):
        """What the page needs to know of a `Value`, without its entries."""
        s = value.statistics
        kept = s.shape if value.array is None else value.array.shape
        return {
            "name": value.name,
            "shape": list(s.shape),
            "kept": list(kept),
            "offset": sample if value.batched and sample is not None else 0,
            "batched": value.batched,
            "parameter": value.parameter,
            "stats": {
                "min": plain(s.minimum),
                "max": plain(s.maximum),
                "mean": plain(s.mean),
                "norm": plain(s.norm),
                "zeros": plain(s.zeros),
                "nan": s.nan,
                "infinite": s.infinite,
                "dtype": s.dtype,
            },
        }

    def put(self, number, description, array, recipes=(), left_out=None, digested=None):
        """Add one value.

        Args:
            number: the value's number.
            description: of `describe`.
            array: its entries, or None if the trace left them out.
            recipes: candidates (name, operands …) that may give the same entries.
            left_out: where `array` is None, why: a dictionary with ``why``.
            digested: the `Digest` that was kept instead.
        """
        self.values[number] = entry = dict(description)
        if array is None:
            entry["leftOut"] = left_out
            self._digest(entry, digested)
            return
        numbers, kind = page_type(array)
        self._kept[number] = numbers
        entry["type"] = kind
        recipe = None if numbers.size < SMALL else self._matching(numbers, recipes)
        if recipe is not None:
            entry["recipe"] = recipe
            return
        place = self._store(numbers.tobytes())
        if place is None:
            del self._kept[number]
            entry["leftOut"] = {"why": "page", "size": numbers.nbytes}
            self._digest(entry, digest(array))
            return
        entry["at"] = place

    def _store(self, data, always=False):
        key = hash(data), len(data)
        if key in self._known and self._known[key][0] == data:
            return self._known[key][1]
        length = _length(len(data))
        if self.used + length + self.reserved > self.budget and not always:
            return None
        self.used += length
        self._known[key] = data, len(self.stored)
        self.stored.append(base64.b64encode(data).decode("ascii"))
        return len(self.stored) - 1

    def _digest(self, entry, digested):
        if digested is None:
            return
        self.used += 1100  # its histogram and largest entries, as text
        # A byte a pixel, as it is only looked at: −127 … 127 of the largest, −128 where not finite.
        pictures = np.asarray(digested.thumbnails, np.float64)
        finite = np.isfinite(pictures)
        largest = float(np.abs(pictures[finite]).max(initial=0)) or 1.0
        levels = np.full(pictures.shape, -128, np.int8)
        levels[finite] = np.round(pictures[finite] / largest * 127)
        entry["digest"] = {
            "at": self._store(levels.tobytes(), always=True),
            "largest": largest,
            "shape": list(pictures.shape),
            "stride": list(digested.stride),
            "counts": list(digested.counts),
            "edges": [plain(e) for e in digested.edges],
            "top": [[list(index), plain(value)] for index, value in digested.top],
        }

    def _matching(self, wanted, recipes):
        for name, *operands in recipes:
            arrays = [self._kept.get(o) if isinstance(o, int) else o for o in operands]
            if any(a is None for a in arrays):
                continue
            if any(isinstance(a, np.ndarray) and a.shape != wanted.shape for a in arrays):
                continue
            with np.errstate(all="ignore"):
                made = RECIPES[name](*arrays)
            if made.dtype == wanted.dtype and np.array_equal(made, wanted, equal_nan=True):
                return [name, *operands]
        return None


def least(value):
    """The fewest bytes that a value takes: its entries, or else its digest."""
    if value.array is None:
        return 0 if value.digest is None else DIGEST
    return min(DIGEST, _length(4 * value.array.size))


def _length(size):
    """How many characters of base64 so many bytes are."""
    return 4 * -(-size // 3)


# Each has a twin in js/arrays.js; all compute in float32, step by step.
RECIPES = {
    "relu": lambda x: np.where((x > 0) | np.isnan(x), x, np.float32(0)),
    "where": lambda delta, y: np.where(y > 0, delta, np.float32(0)),
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "step": lambda w, g, rate: w - np.float32(float(rate)) * g,
}


def recipes_of(steps):
    """{number of a value: the recipes that might give it}."""
    found = {}

    def offer(value, name, *operands):
        numbers = [o.number if hasattr(o, "number") else o for o in operands]
        if value.number not in numbers:
            found.setdefault(value.number, []).append((name, *numbers))

    for step in steps:
        if step.phase == "forward" and step.operation == "ReLU":
            offer(step.outputs[0], "relu", step.inputs[0])
        if step.phase == "forward" and step.operation == "Add" and len(step.inputs) == 2:
            offer(step.outputs[0], "add", *step.inputs)
        if step.phase == "backward" and step.operation == "ReLU" and step.outputs:
            offer(step.results[0].contribution, "where", step.deltas[0], step.outputs[0])
        for result in step.results if step.phase != "update" else ():
            if result.before is not None:
                offer(result.after, "add", result.before, result.contribution)
        if step.phase == "update":
            result = step.results[0]
            offer(result.contribution, "subtract", result.after, result.before)
            rate = step.attributes.get("lr")
            if isinstance(rate, (int, float)):
                for direction in (*step.saved.values(), step.inputs[1]):
                    # The rate as text: an integer would be taken for the number of a value.
                    offer(result.after, "step", result.before, direction, repr(float(rate)))
    return found


def page_type(array):
    """(array, type) as the page holds it: ``"f"`` float32, ``"i"`` int32, ``"u"`` uint8."""
    if array.dtype == bool:
        return np.asarray(array, np.uint8, order="C"), "u"
    if array.dtype.kind in "iu" and (
        not array.size or (np.abs(array.astype(np.float64)).max() < 2**31)
    ):
        return np.asarray(array, np.int32, order="C"), "i"
    with np.errstate(over="ignore"):
        return np.asarray(array, "<f4", order="C"), "f"


def plain(value):
    """A number as JSON can hold it: NaN and the infinities as their names."""
    if value is None or isinstance(value, (bool, str)):
        return value
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")}
    return value
