"""Images and those that are most like them."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.plot.figure import (
    INK,
    ORANGE,
    SMALL,
    TITLE,
    as_array,
    check_names,
    finish,
    new_figure,
)
from minicnn.plot.images import as_images, displayable, show

_MOST = 12  # rows and columns of a sheet


def neighbours(
    queries,
    images,
    indices,
    distances=None,
    query_classes=None,
    classes=None,
    class_names=None,
    path=None,
):
    """A row for each query: the query itself, then the images that were found for it.

    Above each image stands its class, and its distance. Those of another class than the query have
    an orange caption and frame.

    minicnn's own.

    Args:
        queries: (M, H, W), (M, 1, H, W) or (M, 3, H, W); integers 0 … 255 or floating-point
            numbers.
        images: those to choose from, N of the same kind.
        indices: (M, k) which of them were found for each query, the nearest first.
        distances: (M, k) how far each is.
        query_classes, classes: (M,) and (N,) the classes of both, integers.
        class_names: names of the classes; by default their numbers.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure of at most 12 queries with at most 12 images each.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError: arrays that do not fit together.
        IndexRangeError: an index that is no image's; a negative class.
        ArgumentError: no query, nothing found; one of the two arrays of classes without the other;
            too few names.
        DtypeError: indices or classes that are no integers.

    >>> figure = neighbours(np.zeros((1, 4, 4)), np.ones((5, 4, 4)), [[3, 1]], [[0.5, 2.25]])
    >>> [axes.get_title() for axes in figure.axes]
    ['query', '0.50', '2.25']
    """
    queries = as_images("neighbours", "queries", queries)
    images = as_images("neighbours", "images", images)
    indices = _integers("indices", indices, (2,), "(M, k)")
    if len(indices) != len(queries):
        raise ShapeError(f"neighbours: {len(queries)} queries, but indices {indices.shape}")
    if not indices.size:
        raise ArgumentError("neighbours: there is nothing to show: no query, or none found")
    if not 0 <= indices.min() <= indices.max() < len(images):
        raise IndexRangeError(
            f"neighbours: indices must be 0 to {len(images) - 1}, got {indices.min()} to "
            f"{indices.max()}"
        )
    if distances is not None:
        distances = as_array("neighbours", "distances", distances, 2, "(M, k)")
        if distances.shape != indices.shape:
            raise ShapeError(
                f"neighbours: distances {distances.shape} do not fit indices {indices.shape}"
            )
    names = _names(query_classes, classes, len(queries), len(images), class_names)
    shown = slice(_MOST)
    rows = []
    for m in range(len(queries[shown])):
        rows.append([(queries, m, names[0][m] if names else "query", False)])
        for j, i in enumerate(indices[m][shown]):
            words = [names[1][i]] if names else []
            words += [f"{distances[m, j]:.2f}"] if distances is not None else []
            other = bool(names) and names[1][i] != names[0][m]
            rows[-1].append((images, i, " · ".join(words), other))
    return finish("neighbours", _sheet(rows), path)


def _integers(name, value, ndim, axes):
    array = as_array("neighbours", name, value, ndim, axes)
    if array.dtype.kind not in "iu" and array.size:
        raise DtypeError(f"neighbours: {name} must hold integers, got {array.dtype}")
    return array.astype(np.int64)


def _names(query_classes, classes, of_queries, of_images, class_names):
    """The name of each query's class, and of each image's; None where there are none."""
    if query_classes is None and classes is None:
        return None
    if query_classes is None or classes is None:
        raise ArgumentError("neighbours: give both query_classes and classes, or none of them")
    found = []
    for name, value, count in (
        ("query_classes", query_classes, of_queries),
        ("classes", classes, of_images),
    ):
        found.append(_integers(name, value, (1,), "(N,)"))
        if len(found[-1]) != count:
            raise ShapeError(f"neighbours: {len(found[-1])} {name} for {count} images")
        if found[-1].min() < 0:
            raise IndexRangeError(f"neighbours: {name} holds the class {found[-1].min()}")
    names = check_names("neighbours", class_names, int(max(found[0].max(), found[1].max())) + 1)
    return [[names[k] for k in array] for array in found]


def _sheet(rows):
    longest = max(len(caption) for row in rows for *_, caption, _ in row)
    _, high, wide = rows[0][0][0].shape[:3]
    # A character is at most about 0.62 of the font size wide, and there are 72 points in an inch.
    width = max(0.8, 0.62 * SMALL / 72 * longest + 0.1)
    height = (min(width, 1.2) - 0.1) * high / wide + 0.25
    columns = len(rows[0])
    figure = new_figure(width * (columns + 0.4), len(rows) * height + 0.3, "constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.02, hspace=0)
    heading = "Left the query, then what was found for it"
    figure.suptitle(heading, fontsize=TITLE, color=INK, x=0.01, ha="left")
    # A narrow column without pictures stands between the queries and what was found.
    shares = [1, 0.12, *[1] * (columns - 1)]
    grid = figure.add_gridspec(len(rows), columns + 1, width_ratios=shares)
    for r, row in enumerate(rows):
        for c, (images, i, caption, other) in enumerate(row):
            axes = figure.add_subplot(grid[r, c + (c > 0)])
            show(axes, displayable(images, i))
            colour = ORANGE if other else INK
            axes.set_title(caption, fontsize=SMALL, color=colour, pad=3, parse_math=False)
            if other:
                _frame(axes, high, wide)
    return figure


def _frame(axes, high, wide):
    from matplotlib.patches import Rectangle

    frame = Rectangle((-0.5, -0.5), wide, high, fill=False, edgecolor=ORANGE, linewidth=2)
    axes.add_patch(frame)
