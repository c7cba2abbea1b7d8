"""Small pictures side by side: kernels and feature maps."""

import math

import numpy as np

from minicnn.checks import ShapeError
from minicnn.plot.figure import (
    INK,
    LABEL,
    SMALL,
    as_array,
    check_finite,
    finish,
    new_figure,
    title,
)

_MOST = 256  # tiles in one figure

# Red and blue, equally dark at equal distance from white, and no green beside the red.
_SIGNED = "RdBu_r"
_POSITIVE = "viridis"


def kernels(weight, path=None):
    """The kernels of a convolution, usually the first one's, as a grid of small pictures.

    Red is positive, blue is negative, white is 0; the scale is the same for all of them. With three
    input channels, each kernel is shown in colour, with 0 as middle grey.

    minicnn's own.

    Args:
        weight: (F, C, kh, kw), for example ``model.conv1.weight``. For C other than 1 and 3 there
            is a row for each of the F filters and a column for each channel. Of large layers the
            first filters and channels are shown, and the title says so.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError, DtypeError: not four axes of numbers.
        ArgumentError: nan or infinity among the weights.

    >>> import minicnn as mc
    >>> kernels(mc.randn(6, 1, 5, 5)).axes[0].get_title(loc="left")
    'Kernels: 6 filters of 1 × 5 × 5'
    """
    weight = as_array("kernels", "weight", weight, 4, "(F, C, kh, kw)")
    weight = _not_empty("kernels", "weight", weight).astype(np.float64)
    filters, channels, height, width = weight.shape
    heading = f"Kernels: {filters} {_plural('filter', filters)} of {channels} × {height} × {width}"
    largest = np.abs(weight).max() or 1.0
    if channels in (1, 3):
        shown = weight[:_MOST]
        columns = _columns(len(shown), height, width)
        tiles = shown[:, 0] if channels == 1 else shown.transpose(0, 2, 3, 1)
        labels = None
    else:
        shown = weight[:32, :32]
        columns = shown.shape[1]
        tiles = shown.reshape(-1, height, width)  # filters and their channels, row by row
        labels = ("input channel", "filter")
    if shown.shape[:2] != (filters, channels):
        heading += f" (first {len(shown)}" + (f", {columns} channels)" if labels else ")")
    if channels == 3:
        # Weights have no colour of their own: −largest … largest becomes 0 … 1.
        note = f"grey is 0; black −{largest:.3g}, white {largest:.3g} in each of red, green, blue"
        return _picture("kernels", 0.5 + tiles / (2 * largest), columns, heading, path, note=note)
    scale = {"cmap": _SIGNED, "vmin": -largest, "vmax": largest}
    return _picture("kernels", tiles, columns, heading, path, scale, "weight", labels)


def feature_maps(activations, path=None):
    """What a layer computed for one image: its channels as a grid of small pictures.

    If any value is negative, red is positive, blue negative and white 0; else dark is the smallest
    value and bright the largest. The scale is the same for all channels.

    minicnn's own.

    Args:
        activations: (C, H, W), one image's activations; of a batch, take ``activations[0]``.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError, DtypeError: not three axes of numbers.
        ArgumentError: nan or infinity among the activations.

    >>> import minicnn as mc
    >>> feature_maps(mc.rand(6, 24, 24)).axes[0].get_title(loc="left")
    'Feature maps: 6 channels of 24 × 24'
    """
    maps = as_array("feature_maps", "activations", activations, 3, "(C, H, W), those of one image")
    maps = _not_empty("feature_maps", "activations", maps).astype(np.float64)
    channels, height, width = maps.shape
    heading = f"Feature maps: {channels} {_plural('channel', channels)} of {height} × {width}"
    if channels > _MOST:
        heading += f" (first {_MOST})"
    largest = np.abs(maps).max() or 1.0
    if maps.min() < 0:
        scale = {"cmap": _SIGNED, "vmin": -largest, "vmax": largest}
    else:
        scale = {"cmap": _POSITIVE, "vmin": 0, "vmax": largest}
    columns = _columns(min(channels, _MOST), height, width)
    return _picture("feature_maps", maps[:_MOST], columns, heading, path, scale, "activation")


def _not_empty(function, name, array):
    if not array.size:
        raise ShapeError(f"{function}: {name} is empty, its shape is {array.shape}")
    check_finite(function, name, array)
    return array


def _plural(noun, count):
    return noun if count == 1 else noun + "s"


def _columns(count, height, width):
    """So many that the whole is about 1.6 times as wide as high."""
    return min(count, max(1, round(math.sqrt(1.6 * count * height / width))))


def _picture(
    function, tiles, columns, heading, path, scale=None, unit=None, labels=None, note=None
):
    """One image with all tiles on it: (n, h, w) by the colours of `scale`, or (n, h, w, 3)."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    gap = max(1, round(max(height, width) / 12))
    # nan is transparent: between the tiles the page shows through. In colour, white does the same.
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, *tiles.shape[3:]),
        np.nan if scale else 1.0,
    )
    corners = [(k // columns * (height + gap), k % columns * (width + gap)) for k in range(count)]
    for (top, left), tile in zip(corners, tiles, strict=True):
        sheet[top : top + height, left : left + width] = tile

    inches = min(0.9, 9 / columns, 12 / rows)  # a tile's longer side
    per_pixel = inches / max(height, width)
    wide, high = sheet.shape[1] * per_pixel, sheet.shape[0] * per_pixel
    figure = new_figure(max(wide + (1.5 if scale or labels else 0.2), 4.6), high + 0.8)
    axes = figure.add_subplot()
    image = axes.imshow(sheet, interpolation="nearest", **(scale or {}))
    _outline(axes, corners, height, width)
    title(axes, heading)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    if labels:
        _number_tiles(axes, labels, rows, columns, height + gap, width + gap, gap)
    if note:
        axes.set_xlabel(note, fontsize=SMALL, color=INK, loc="left")
    if scale:
        bar = figure.colorbar(image, ax=axes, fraction=0.06, aspect=25, pad=0.03)
        bar.set_label(unit, fontsize=LABEL, color=INK)
        bar.ax.tick_params(labelsize=SMALL, colors=INK, length=3)
        bar.outline.set_visible(False)
    return finish(function, figure, path)


def _outline(axes, corners, height, width):
    """A thin line around every tile: white parts would run into the page."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    frames = [Rectangle((left - 0.5, top - 0.5), width, height) for top, left in corners]
    lines = PatchCollection(frames, facecolor="none", edgecolor="#999999", linewidth=0.5)
    lines.set_clip_on(False)  # else the outermost lines would be cut to half their width
    axes.add_collection(lines)


def _number_tiles(axes, labels, rows, columns, high, wide, gap):
    for axis, label, count, step in (
        (axes.xaxis, labels[0], columns, wide),
        (axes.yaxis, labels[1], rows, high),
    ):
        every = max(1, count // 16)
        shown = range(0, count, every)
        axis.set_ticks([k * step + (step - gap - 1) / 2 for k in shown], [str(k) for k in shown])
        axis.set_label_text(label, fontsize=LABEL, color=INK)
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
