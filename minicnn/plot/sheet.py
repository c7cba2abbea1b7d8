"""The images that a network got wrong."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.plot.figure import (
    INK,
    SMALL,
    as_array,
    check_names,
    finish,
    new_figure,
    title,
)
from minicnn.plot.images import as_images, displayable, show

_MOST = 40  # images on a sheet

_MOST_CLASSES = 1_000_000  # each has a name


def mistakes(images, truth, predicted, class_names=None, confidence=None, path=None):
    """A sheet of wrongly read images, each with a caption such as "5 read as 3 (0.87)".

    minicnn's own.

    Args:
        images: (N, H, W), (N, 1, H, W) or (N, 3, H, W); integers 0 … 255 or any floating-point
            numbers (0 … 1 as they are, others from the smallest to the largest).
        truth: (N,) the true classes, integers.
        predicted: (N,) the predicted classes, integers.
        class_names: names of the classes; by default their numbers.
        confidence: (N,) the probability that each prediction was given; the surest mistakes come
            first then. Without it they are in the order of the images.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure with at most 40 of the images where `truth` and `predicted` differ.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError: not images, or not one class and confidence for each.
        DtypeError: classes that are not integers.
        IndexRangeError: a negative class.
        ArgumentError: too few names, or a confidence outside 0 … 1.

    >>> images = np.zeros((3, 8, 8))
    >>> mistakes(images, [5, 1, 2], [3, 1, 2]).axes[0].get_title()
    '5 read as 3'
    """
    images = as_images("mistakes", "images", images)
    truth = _classes("truth", truth, len(images))
    predicted = _classes("predicted", predicted, len(images))
    needed = int(max(truth.max(initial=-1), predicted.max(initial=-1))) + 1
    if needed > _MOST_CLASSES:
        raise IndexRangeError(f"mistakes: {needed - 1} is no number of a class")
    names = check_names("mistakes", class_names, needed)
    wrong = np.flatnonzero(truth != predicted)
    if confidence is not None:
        confidence = _one_for_each("confidence", confidence, len(images))
        if not ((confidence >= 0) & (confidence <= 1)).all():
            raise ArgumentError("mistakes: confidence must be probabilities in 0 … 1")
        wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    captions = []
    for i in wrong[:_MOST]:
        sure = "" if confidence is None else f" ({confidence[i]:.2f})"
        captions.append((names[truth[i]], f"read as {names[predicted[i]]}{sure}"))
    heading = f"{len(wrong)} of {len(images)} images read wrongly"
    if len(wrong) > _MOST:
        heading += f", {_MOST} of them shown"
    if confidence is not None and len(wrong) > 1:
        heading += ", the surest first"
    figure = _sheet(displayable(images, wrong[:_MOST]), captions, heading)
    return finish("mistakes", figure, path)


def _one_for_each(name, value, count):
    array = as_array("mistakes", name, value, 1, "(N,)")
    if len(array) != count:
        raise ShapeError(f"mistakes: {len(array)} entries in {name} for {count} images")
    return array


def _classes(name, value, count):
    array = _one_for_each(name, value, count)
    if array.dtype.kind not in "iu":
        if array.size:
            raise DtypeError(f"mistakes: {name} must hold integers, got {array.dtype}")
        array = array.astype(np.int64)  # an empty list
    if (array < 0).any():
        raise IndexRangeError(f"mistakes: {name} holds the class {array.min()}; classes start at 0")
    # Unsigned labels could not be compared with signed ones.
    return array.astype(np.int64)


def _sheet(images, captions, heading):
    if not captions:
        return _nothing_wrong(heading)
    # Short names fit on one line, "5 read as 3 (0.87)"; long ones take two.
    short = max(len(f"{true} {rest}") for true, rest in captions) <= 20
    texts = [f"{true} {rest}" if short else f"{true}\n{rest}" for true, rest in captions]
    longest = max(len(line) for text in texts for line in text.split("\n"))
    # A character is at most about 0.62 of the font size wide, and there are 72 points in an inch.
    width = max(1.0, 0.62 * SMALL / 72 * longest + 0.2)
    columns = min(len(images), max(1, int(10 / width)))
    rows = -(-len(images) // columns)
    height = 1.0 * images.shape[1] / images.shape[2] + (0.25 if short else 0.4)
    figure = new_figure(max(columns * width, 4.6), rows * min(height, 3) + 0.5, "constrained")
    figure.suptitle(heading, fontsize=11, color=INK, x=0.01, ha="left", parse_math=False)
    grid = figure.subplots(rows, columns, squeeze=False)
    for k, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if k < len(images):
            show(axes, images[k])
            axes.set_title(texts[k], fontsize=SMALL, color=INK, pad=3, parse_math=False)
    return figure


def _nothing_wrong(heading):
    figure = new_figure(4.6, 1.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    title(axes, heading)
    axes.text(
        0,
        0.5,
        "No image was read wrongly: there is nothing to show.",
        fontsize=9.5,
        color=INK,
        va="center",
        transform=axes.transAxes,
    )
    return figure
