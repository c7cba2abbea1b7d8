"""What can be looked at in a step: its arrays, and each as grids of cells with a place for each.

An array of maps, (N, C, H, W), is looked at map by map: the last two axes are the grid, the axes
before them say which map. What has one row only, such as 120 numbers of a linear layer, is broken
into rows of `WRAP` cells.
"""

from dataclasses import dataclass

import numpy as np

from minicnn.tracing.values import Value

WRAP = 10  # cells in a row of an array that has one row


@dataclass(frozen=True)
class Item:
    """One array of a step.

    Attributes:
        symbol: how the equation writes it.
        value: the `Value`.
        part: ``"input"``, ``"output"``, ``"delta"``, ``"result"``, ``"arrived"`` (gradients that
            are gathered at one place) or ``"saved"``.
        place: its number among the inputs, outputs, deltas or results.
        about: what it is, where the value's own name does not say it.
    """

    symbol: str
    value: Value
    part: str
    place: int = 0
    about: str = ""


def items_of(step):
    """The arrays of a step that have a symbol or a name, in the order of the equation."""
    items = []
    if step.phase in ("forward", "loss", "backward"):
        symbols = step.symbols or ("L",) * (step.phase == "loss")
        symbols += ("",) * (len(step.inputs) + len(step.outputs) - len(symbols))
        for i, value in enumerate(step.inputs):
            items.append(Item(symbols[i] or f"input {i}", value, "input", i))
        for i, value in enumerate(step.outputs):
            symbol = symbols[len(step.inputs) + i]
            items.append(Item(symbol or f"output {i}", value, "output", i))
        for i, value in enumerate(step.deltas):
            # None: nobody used this output; where the maxima were has no gradient either.
            if value is not None and not _counts(step.outputs[i : i + 1]):
                items.append(Item("δ" if i == 0 else f"δ_{i}", value, "delta", i))
    for i, result in enumerate(step.results):
        items += _items_of_result(step, i, result)
    known = {item.value.number for item in items}
    for name, value in step.saved.items():
        if value.number not in known:
            items.append(Item(name, value, "saved"))
    return items


def _counts(outputs):
    return any(value.statistics.dtype.startswith(("int", "uint", "bool")) for value in outputs)


def _items_of_result(step, i, result):
    change = result.contribution
    if step.phase == "update":
        values = [("θ", result.before), (result.symbol, change), ("θ'", result.after)]
        return [Item(s, v, "arrived", i) for s, v in values if v is not None]
    target = f"→ {result.destination}" if result.destination else ""
    part = "result" if step.phase == "backward" else "arrived"
    items = [Item(result.symbol, change, part, i, target)]
    if result.before is not None:
        items.append(Item("before", result.before, "arrived", i, "what had arrived already"))
        items.append(Item("together", result.after, "arrived", i, "both added"))
    return items


def first_item(step, items):
    """The number of the item that is looked at first: what the step computes."""
    wanted = {"forward": "output", "loss": "delta", "backward": "result"}.get(step.phase, "arrived")
    drawn = [k for k, item in enumerate(items) if item.value.array is not None]
    computed = [k for k in drawn if items[k].part == wanted]
    if step.phase == "update":
        computed = [k for k in computed if items[k].symbol == step.results[0].symbol]
    return next(iter(computed or drawn), 0)


class Grid:
    """The kept part of a `Value` as maps of cells.

    Places are (lead, row, column), where `lead` counts the maps; an index is that of the whole
    array, the batch's axis included, as `terms` and `why_zero` take it.
    """

    def __init__(self, value, sample):
        self.value = value
        self.array = np.asarray(value.array)
        self.offset = (sample or 0) if value.batched else 0
        shape = self.array.shape
        self._leads = shape[:-2] if len(shape) > 2 else ()
        self._plane = shape[-2:] if len(shape) > 1 else (1, *shape) if shape else (1, 1)
        self.wrapped = self._plane[0] == 1 and self._plane[1] > WRAP
        self.maps = int(np.prod(self._leads, dtype=int))
        self.columns = WRAP if self.wrapped else self._plane[1]
        self.rows = -(-self._plane[1] // WRAP) if self.wrapped else self._plane[0]

    def cells(self, lead):
        """One map as a (rows, columns) array of float64; masked where no entry is."""
        plane = self.array.reshape(-1, *self._plane)[lead].astype(np.float64)
        if not self.wrapped:
            return np.ma.array(plane, mask=np.zeros(plane.shape, bool))
        missing = self.rows * WRAP - self._plane[1]
        line = np.pad(plane.ravel(), (0, missing))
        mask = np.arange(line.size) >= self._plane[1]
        return np.ma.array(line, mask=mask).reshape(self.rows, WRAP)

    def index(self, lead, row, column):
        """The index of a place; None where no entry is."""
        if self.wrapped:
            row, column = 0, row * WRAP + column
        if not (0 <= row < self._plane[0] and 0 <= column < self._plane[1]):
            return None
        place = (*np.unravel_index(lead, self._leads), row, column)
        place = place[len(place) - self.array.ndim :]
        return self._whole(place)

    def place(self, index):
        """(lead, row, column) of an index; None if its sample is not kept."""
        index = list(index)
        if self.value.batched and index:
            index[0] -= self.offset
        if any(not 0 <= i < n for i, n in zip(index, self.array.shape, strict=True)):
            return None
        *lead, row, column = [0] * (2 - len(index)) + index
        lead = int(np.ravel_multi_index(lead, self._leads)) if lead else 0
        if self.wrapped:
            row, column = divmod(column, WRAP)
        return lead, row, column

    def at(self, index):
        """The entry at an index, as it was recorded."""
        place = list(index)
        if self.value.batched and place:
            place[0] -= self.offset
        return self.array[tuple(place)].item()

    def largest(self):
        """The index of the entry with the largest absolute value; NaN counts as larger."""
        size = np.abs(self.array.astype(np.float64).ravel())
        at = int(np.argmax(np.nan_to_num(size, nan=np.inf, posinf=np.inf)))
        return self._whole(np.unravel_index(at, self.array.shape))

    def _whole(self, place):
        place = [int(i) for i in place]
        if self.value.batched and place:
            place[0] += self.offset
        return tuple(place)

    def which_map(self, lead):
        """Which map of the array it is, in words; empty where there is one only.

        ``(0…5)`` says which there are. The sample is named where several are kept.
        """
        if not self._leads:
            return ""
        index = self._whole((*np.unravel_index(lead, self._leads), 0, 0))
        parts = []
        for name, i, n in zip(self._axes()[:-2], index[:-2], self._leads, strict=True):
            if n > 1:
                parts.append(f"{name} {i} (0…{n - 1})")
            elif name != "sample":
                parts.append(f"{name} {i}")
        return ", ".join(parts)

    def where(self, index):
        """An index in words: ``"sample 0, map 2, row 3, column 4"``."""
        return ", ".join(f"{name} {i}" for name, i in zip(self._axes(), index, strict=True))

    def _axes(self):
        n = self.array.ndim
        if self.value.batched:
            names = {1: ("sample",), 2: ("sample", "entry")}
            return names.get(n) or (
                "sample", *(["map"] if n > 3 else []), *[f"axis {i}" for i in range(2, n - 2)],
                "row", "column",
            )  # fmt: skip
        names = {0: (), 1: ("entry",), 2: ("row", "column"), 4: ("output map", "input map")}
        return names.get(n, tuple(f"axis {i}" for i in range(n - 2))) + (
            ("row", "column") if n > 2 else ()
        )


def made_by(tr, step, item):
    """Pairs (step, short): the sums that an entry of the item is, here or in earlier steps."""
    number = item.value.number
    if item.part == "result":
        return [(step, step.results[item.place].short)]
    if item.part == "delta":
        return _sent_to(tr, step, step.outputs[item.place].name if step.outputs else None)
    if item.part == "arrived" and step.phase == "accumulate" and item.symbol != "before":
        return _sent_to(tr, step)
    if item.part in ("input", "output"):
        return [
            (s, "out") for s in tr.steps
            if s.phase == "forward" and s.outputs and s.outputs[0].number == number
        ]  # fmt: skip
    return []


def _sent_to(tr, step, name=None):
    return [
        (s, r.short)
        for s in tr.steps[: step.number]
        if s.phase == "backward"
        for r in s.results
        if r.to == step.number and name in (None, r.destination)
    ]


def gradient_name(step, item):
    """The name of the tensor whose gradient `why_zero` is asked about; None if there is none."""
    if item.part in ("result", "arrived") or step.phase in ("accumulate", "update"):
        return step.results[item.place].destination
    if item.part == "delta":
        return step.outputs[item.place].name if step.outputs else None
    return item.value.name if item.part in ("input", "output") else None
