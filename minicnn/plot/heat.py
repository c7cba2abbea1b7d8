"""Images with what is important in them in colour, as Grad-CAM finds it."""

import numpy as np

from minicnn.checks import ArgumentError, ShapeError
from minicnn.plot.figure import INK, SMALL, as_array, check_finite, finish, new_figure
from minicnn.plot.images import as_images, displayable, show

_MOST = 40  # images on a sheet


def heat_maps(images, maps, captions=None, path=None):
    """Each image, and below it the same in grey with its map in colour: the brighter, the higher.

    Each map is divided by its largest value: colours say where, not how much.

    minicnn's own, for Grad-CAM (Selvaraju et al. 2017).

    Args:
        images: (N, H, W), (N, 1, H, W) or (N, 3, H, W); integers 0 … 255 or floating-point numbers.
        maps: (N, h, w) numbers ≥ 0, as from `minicnn.training.grad_cam`; of another size than the
            images they are stretched over them.
        captions: N texts to stand above the images.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure of at most 40 images.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError: not images, or not one map and caption for each.
        ArgumentError: no image; negative numbers, nan or infinity in the maps.
        DtypeError: not numbers.

    >>> figure = heat_maps(np.zeros((2, 8, 8)), np.ones((2, 4, 4)), ["a 3", "a 5"])
    >>> [axes.get_title() for axes in figure.axes]
    ['a 3', '', 'a 5', '']
    """
    images = as_images("heat_maps", "images", images)
    maps = as_array("heat_maps", "maps", maps, 3, "(N, h, w)").astype(np.float64)
    check_finite("heat_maps", "maps", maps)
    count = len(images)
    if len(maps) != count or (captions is not None and len(captions) != count):
        of_captions = "" if captions is None else f" and {len(captions)} captions"
        raise ShapeError(f"heat_maps: {count} images, but {len(maps)} maps{of_captions}")
    if not count:
        raise ArgumentError("heat_maps: there are no images")
    if maps.min() < 0:
        raise ArgumentError(
            f"heat_maps: maps must be at least 0, got {maps.min():.4g}; F.relu keeps what speaks "
            "for a class"
        )
    texts = [""] * count if captions is None else [str(text) for text in captions]
    return finish("heat_maps", _sheet(displayable(images)[:_MOST], maps, texts), path)


def _sheet(images, maps, texts):
    longest = max(len(line) for text in texts for line in text.split("\n"))
    # A character is at most about 0.62 of the font size wide, and there are 72 points in an inch.
    width = max(1.0, 0.62 * SMALL / 72 * longest + 0.1)
    columns = min(len(images), max(1, int(10 / width)))
    rows = -(-len(images) // columns)
    high, wide = images.shape[1:3]
    height = 2 * (min(width, 1.3) - 0.1) * high / wide + 0.25
    figure = new_figure(max(columns * width, 2.0), rows * height, "constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.02, hspace=0)
    grid = figure.add_gridspec(2 * rows, columns)
    for k, image in enumerate(images):
        row, column = divmod(k, columns)
        above = figure.add_subplot(grid[2 * row, column])
        show(above, image)
        above.set_title(texts[k], fontsize=SMALL, color=INK, pad=3, parse_math=False)
        below = figure.add_subplot(grid[2 * row + 1, column])
        grey = image if image.ndim == 2 else image @ (0.299, 0.587, 0.114)
        show(below, 0.15 + 0.5 * grey)  # colours stand out neither on black nor on white
        heat = maps[k] / (maps[k].max() or 1)
        below.imshow(
            heat,
            cmap="autumn",  # red to yellow
            alpha=0.85 * heat,  # where nothing speaks for the class, the image is as it was
            vmin=0,
            vmax=1,
            extent=(-0.5, wide - 0.5, high - 0.5, -0.5),
            interpolation="nearest" if heat.shape == (high, wide) else "bilinear",
        )
    return figure
