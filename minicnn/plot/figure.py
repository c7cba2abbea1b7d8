"""What all figures share: data as arrays, one look, one way to the file.

Figures are made without pyplot, so none is kept in a global list, and no window system is needed.
"""

from pathlib import Path

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, MissingPartError, ShapeError
from minicnn.serialization.atomic import atomic_write
from minicnn.tensor import Tensor

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, FAINT = "#222222", "#DDDDDD"

TITLE, LABEL, SMALL = 11, 9.5, 8  # font sizes, in points

DOTS_PER_INCH = 150


def as_array(function, name, value, ndim, axes):
    """`value` (a tensor or anything that NumPy takes) as an array of numbers of `ndim` axes."""
    array = value.detach().array if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{function}: {name} must hold numbers, got dtype {array.dtype}")
    if array.ndim not in np.atleast_1d(ndim) or 0 in array.shape[1:]:
        raise ShapeError(f"{function}: {name} must have shape {axes}, got {array.shape}")
    return array


def check_finite(function, name, array):
    if not np.isfinite(array).all():
        raise ArgumentError(
            f"{function}: {name} holds nan or infinity, which have no colour; "
            "find where they come from first"
        )


def check_names(function, class_names, needed):
    """The names of classes 0 … needed − 1 or more as strings; the numbers by default."""
    if class_names is None:
        return [str(k) for k in range(needed)]
    if isinstance(class_names, str) or len(class_names) < needed:
        raise ArgumentError(
            f"{function}: class_names must list {needed} names, got {class_names!r}"
        )
    return [str(name) for name in class_names]


def new_figure(width, height, layout="compressed"):
    """An empty figure of `width` × `height` inches that lays out its parts without overlap.

    The layout "compressed" moves pictures of a fixed shape close together; "constrained" does not,
    which leaves room for captions that are wider than their pictures.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPartError(
            'plot: matplotlib is not installed; pip install "minicnn[examples]"'
        ) from None
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04)
    return figure


def title(axes, text, **options):
    """A title at the left edge; names are shown as they are, ``$`` included."""
    axes.set_title(text, fontsize=TITLE, color=INK, loc="left", parse_math=False, **options)


def finish(function, figure, path):
    """Write the figure to `path` (``.png``, ``.svg``, ``.pdf``) if there is one; return it."""
    if path is not None:
        format = Path(path).suffix[1:].lower()
        known = figure.canvas.get_supported_filetypes()
        if format not in known:
            raise ArgumentError(
                f"{function}: cannot write {str(path)!r}: the name must end in one of "
                + ", ".join(f".{f}" for f in sorted(known))
            )
        with atomic_write(path, function) as file:
            figure.savefig(file, format=format)
    return figure
