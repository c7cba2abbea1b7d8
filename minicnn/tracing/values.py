"""`Value`: one array of a run as it was when it was recorded, and what can be said about it."""

from dataclasses import dataclass, field

import numpy as np

from minicnn.kernels import find

TOP = 8  # how many of the largest entries a digest names
THUMBNAILS, THUMBNAIL_SIZE = 8, 16
BINS = 32


@dataclass(frozen=True)
class Statistics:
    """Numbers about a whole array, all samples of the batch included.

    `minimum`, `maximum`, `mean` and `norm` (the L2 norm) are of the finite entries; None where
    there are none. `zeros` is the share of entries that are exactly 0.

    minicnn's own; it raises nothing. `shape` and `dtype` are the array's; `nan` and `infinite`
    count such entries.
    """

    shape: tuple
    dtype: str
    minimum: float | None
    maximum: float | None
    mean: float | None
    norm: float
    zeros: float
    nan: int
    infinite: int

    @property
    def abs_max(self):
        """The largest absolute value; infinite or NaN if such entries are there."""
        if self.nan:
            return float("nan")
        if self.infinite:
            return float("inf")
        return 0.0 if self.minimum is None else max(abs(self.minimum), abs(self.maximum))


def statistics(array):
    """The `Statistics` of an array.

    >>> statistics(np.array([0.0, 3.0, -4.0])).norm
    5.0
    """
    wide = array.ravel().astype(np.float64)
    size = wide.size
    low, high = (wide.min(), wide.max()) if size else (0.0, 0.0)
    nan = infinite = 0
    # NaN and infinity show in the extremes: no look at every entry where there are none.
    if not (np.isfinite(low) and np.isfinite(high)):
        nan, infinite = int(np.isnan(wide).sum()), int(np.isinf(wide).sum())
        wide = wide[np.isfinite(wide)]
        low, high = (wide.min(), wide.max()) if wide.size else (0.0, 0.0)
    empty = not wide.size
    with np.errstate(over="ignore"):
        norm = float(np.sqrt(np.dot(wide, wide)))
    return Statistics(
        shape=tuple(array.shape),
        dtype=array.dtype.name,
        minimum=None if empty else float(low),
        maximum=None if empty else float(high),
        mean=None if empty else float(wide.mean()),
        norm=norm,
        zeros=(size - int(np.count_nonzero(array))) / size if size else 0.0,
        nan=nan,
        infinite=infinite,
    )


@dataclass(frozen=True)
class Digest:
    """What is kept of an array that is too large to keep.

    minicnn's own; it raises nothing.

    Attributes:
        counts, edges: a histogram of the finite entries.
        thumbnails: the first maps, (maps, rows, columns), every k-th pixel of each.
        stride: that k, down and across.
        top: the entries with the largest absolute values, pairs (index, value).
    """

    counts: tuple
    edges: tuple
    thumbnails: np.ndarray
    stride: tuple
    top: tuple


def digest(array):
    """The `Digest` of an array; of the first sample's maps where there are several.

    >>> digest(np.array([[0.0, 8.0], [-8.0, np.nan]])).top[:2]
    (((1, 1), nan), ((0, 1), 8.0))
    """
    flat = np.ascontiguousarray(array).ravel()
    numbers = flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float64)
    counts, edges = _histogram(numbers)
    maps = array.reshape(-1, *array.shape[-2:]) if array.ndim >= 2 else array.reshape(1, 1, -1)
    stride = tuple(max(1, -(-size // THUMBNAIL_SIZE)) for size in maps.shape[1:])
    with np.errstate(over="ignore"):
        thumbnails = maps[:THUMBNAILS, :: stride[0], :: stride[1]].astype(np.float32, order="C")
    return Digest(
        counts=tuple(int(c) for c in counts),
        edges=tuple(float(e) for e in edges),
        thumbnails=thumbnails,
        stride=stride,
        top=tuple(
            (tuple(int(i) for i in np.unravel_index(k, array.shape)), float(flat[k]))
            for k in find("largest_entries")(numbers, TOP)
        ),
    )


def _histogram(numbers):
    """The counts and edges of equally wide bins between the extremes of the finite entries.

    One bin, where all entries are equal, or the numbers between them are too few or too large.
    """
    low, high = (numbers.min(), numbers.max()) if numbers.size else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = numbers[np.isfinite(numbers)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    with np.errstate(all="ignore"):
        edges = np.linspace(float(low), float(high), BINS + 1)
        bins_per_unit = BINS / np.subtract(high, low, dtype=np.float64)
        distinct = bool((np.diff(edges) > 0).all())
    if not (distinct and np.isfinite(bins_per_unit)):
        return [np.isfinite(numbers).sum()], [low, high]
    return find("histogram")(numbers, edges), edges


@dataclass
class Value:
    """One array of a run.

    minicnn's own; it raises nothing.

    Attributes:
        number: its position in `Trace.values`.
        name: what it is, such as ``"conv1.weight"`` or ``"conv1 (output)"``.
        array: a copy; only the sample that is shown (with a first axis of size 1) where the array
            is `batched`; None where it was left out.
        batched: whether the first axis is the batch.
        statistics: of the whole array.
        left_out: why `array` is None, a sentence; else empty.
        digest: what was kept instead.
        parameter: whether it is a parameter or a buffer of the model.
    """

    number: int
    name: str
    array: np.ndarray | None
    batched: bool
    statistics: Statistics
    left_out: str = ""
    digest: Digest | None = field(default=None, repr=False)
    parameter: bool = False

    @property
    def shape(self):
        """The shape of the whole array."""
        return self.statistics.shape

    def agrees_with(self, array):
        """Whether an array has the same statistics, as it has if its entries are the same."""
        return self.statistics == statistics(array)

    @property
    def abs_max(self):
        """The largest absolute value of the whole array."""
        return self.statistics.abs_max

    def __str__(self):
        s = self.statistics
        size = " × ".join(map(str, s.shape)) or "a number"
        if s.minimum is None:
            return f"{self.name}: {size}, {s.nan} NaN, {s.infinite} infinite"
        text = f"{self.name}: {size}, {s.minimum:.4g} … {s.maximum:.4g}"
        if s.zeros:
            text += f", {s.zeros:.0%} zeros"
        if s.nan or s.infinite:
            text += f", {s.nan} NaN, {s.infinite} infinite"
        return text
