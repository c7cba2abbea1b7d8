"""Borders around images, and parts cut out of them."""

import sys

import numpy as np

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.data.arguments import checked_flag, checked_generator, random_numbers
from minicnn.data.transforms.pixels import pixels
from minicnn.shapes import as_tuple
from minicnn.tensor import Tensor


class Pad:
    """The image with a border around it.

    Args:
        padding: the width of the border: one number for all sides; two for left and right, and top
            and bottom; or four for left, top, right, bottom.
        fill: the value of a constant border; for arrays (H, W, C) also one for each channel.
        padding_mode: ``"constant"``; ``"edge"`` (the outermost pixels repeated), ``"reflect"`` (a
            mirror image without the outermost pixels) or ``"symmetric"`` (with them).

    Raises:
        ArgumentError: a negative padding (a crop), an unknown mode, a fill that the image's dtype
            cannot hold, or a mirror image wider than the image.
        DtypeError: neither an array nor a tensor, or a tensor that requires grad.
        ShapeError: too few or too many dimensions, or `fill` does not fit the channels.

    >>> Pad((1, 0), fill=9)(np.array([[1, 2]], "uint8"))
    array([[9, 1, 2, 9]], dtype=uint8)
    """

    def __init__(self, padding, fill=0, padding_mode="constant"):
        self.padding = padding
        self.fill = 0 if fill is None else fill
        self.padding_mode = one_of(
            "Pad", "padding_mode", padding_mode, ("constant", "edge", "reflect", "symmetric")
        )
        n = len(padding) if isinstance(padding, (list, tuple)) else 1
        if n not in (1, 2, 4):
            raise ArgumentError(f"Pad: padding must be 1, 2 or 4 integers, got {padding!r}")
        sides = as_tuple("Pad", "padding", padding, n, 0)
        self._left, self._top, self._right, self._bottom = (sides * 4)[:4]

    def __call__(self, image):
        array, rows = pixels("Pad", image)
        border = [(0, 0)] * array.ndim
        border[rows : rows + 2] = (self._top, self._bottom), (self._left, self._right)
        if self.padding_mode == "constant":
            padded = self._filled(image, array, rows)
        else:
            self._check_mirror(array.shape[rows : rows + 2])
            padded = np.pad(array, border, self.padding_mode)
        return Tensor(padded) if isinstance(image, Tensor) else padded

    def _filled(self, image, array, rows):
        height, width = array.shape[rows : rows + 2]
        shape = list(array.shape)
        shape[rows] += self._top + self._bottom
        shape[rows + 1] += self._left + self._right
        fill = np.asarray(self.fill)
        channels = array.shape[2] if array.ndim == 3 and not isinstance(image, Tensor) else 1
        if fill.ndim and fill.shape not in ((1,), (channels,)):
            raise ShapeError(
                f"Pad: fill {self.fill!r} must be one number"
                + (f", or one for each of {channels} channels" if channels > 1 else "")
                + f", for an image of shape {array.shape}"
            )
        _check_fill(self.fill, fill, array.dtype)
        padded = np.empty(shape, array.dtype)
        padded[...] = fill.astype(array.dtype)
        inside = (slice(self._top, self._top + height), slice(self._left, self._left + width))
        padded[(slice(None),) * rows + inside] = array
        return padded

    def _check_mirror(self, sizes):
        for size, *widths in zip(
            sizes, (self._top, self._left), (self._bottom, self._right), strict=True
        ):
            most = {"edge": sys.maxsize if size else 0, "reflect": size - 1, "symmetric": size}
            if max(widths) > max(most[self.padding_mode], 0):
                raise ArgumentError(
                    f"Pad: a border of {max(widths)} is too wide for padding_mode="
                    f"{self.padding_mode!r} and an image of {sizes[0]} × {sizes[1]}; at most "
                    f"{max(most[self.padding_mode], 0)}"
                )

    def __repr__(self):
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode!r})"


class RandomCrop:
    """A part of the image, of a given size and from a random place.

    Args:
        size: the size (h, w), or one number for both.
        padding: a border put around the image first, as in `Pad`; None: no border.
        pad_if_needed: widen an image that is smaller than `size`, on both sides.
        fill, padding_mode: of the border, as in `Pad`.
        generator: a `minicnn.Generator`; default: minicnn's own. No numbers are drawn where the
            image has the size already.

    Raises:
        ShapeError: the image is smaller than `size`.
        ArgumentError, DtypeError: as for `Pad`.

    >>> import minicnn as mc
    >>> RandomCrop(28, padding=4)(mc.zeros(1, 28, 28)).shape
    (1, 28, 28)
    """

    def __init__(
        self,
        size,
        padding=None,
        pad_if_needed=False,
        fill=0,
        padding_mode="constant",
        generator=None,
    ):
        self.size = as_tuple("RandomCrop", "size", size, 2, 1)
        self.padding = padding
        self.pad_if_needed = checked_flag("RandomCrop", "pad_if_needed", pad_if_needed)
        self.fill, self.padding_mode = fill, padding_mode
        self.generator = checked_generator("RandomCrop", generator)
        self._pad = Pad(0 if padding is None else padding, fill, padding_mode)

    def __call__(self, image):
        if self.padding is not None:
            image = self._pad(image)
        array, rows = pixels("RandomCrop", image)
        if self.pad_if_needed:
            lacking = [max(s - n, 0) for s, n in zip(self.size, array.shape[rows:], strict=False)]
            image = Pad(lacking[::-1], self.fill, self.padding_mode)(image)
        height, width = pixels("RandomCrop", image)[0].shape[rows : rows + 2]
        h, w = self.size
        if h > height or w > width:
            raise ShapeError(
                f"RandomCrop: a crop of {h} × {w} is larger than the image of {height} × {width}"
                f"{' with its padding' if self.padding is not None else ''}; "
                "pad_if_needed=True widens it"
            )
        if (h, w) == (height, width):
            return image
        numbers = random_numbers("RandomCrop", self.generator)
        top, left = numbers.integers(height - h + 1), numbers.integers(width - w + 1)
        window = slice(top, top + h), slice(left, left + w)
        return image[(..., *window)] if isinstance(image, Tensor) else image[window]

    def __repr__(self):
        return f"RandomCrop(size={self.size}, padding={self.padding})"


def _check_fill(given, fill, dtype):
    """Refuse a fill that would silently become another number, such as 0.5 in uint8."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        fits = np.all((fill >= limits.min) & (fill <= limits.max) & (fill == np.floor(fill)))
    else:
        fits = dtype.kind == "f" or np.all((fill == 0) | (fill == 1))
    if not fits:
        raise ArgumentError(f"Pad: fill {given!r} cannot be held by an image of {dtype}")
