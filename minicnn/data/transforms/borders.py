"""Borders around images."""

import sys
from functools import lru_cache

import numpy as np

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.data.transforms.pixels import is_pil_image, pixels, through_array
from minicnn.shapes import as_tuple
from minicnn.tensor import Tensor

# What the numbers of PIL images of a mode are; of others a border is made as of arrays.
_PILLOW = {
    "1": "bool",
    "L": "uint8",
    "LA": "uint8",
    "RGB": "uint8",
    "RGBA": "uint8",
    "F": "float32",
}


def pad(img, padding, fill=0, padding_mode="constant"):
    """The image with a border around it; arguments and errors as of `Pad`.

    >>> pad(np.array([[1, 2]], "uint8"), (1, 0), padding_mode="edge")
    array([[1, 1, 2, 2]], dtype=uint8)
    """
    return Pad(padding, fill, padding_mode)(img)


class Pad:
    """The image with a border around it.

    As ``torchvision.transforms.Pad``.

    Args:
        padding: the width of the border: one number for all sides; two for left and right, and top
            and bottom; or four for left, top, right, bottom.
        fill: the value of a constant border; for arrays (H, W, C) and PIL images also one for each
            channel.
        padding_mode: ``"constant"``; ``"edge"`` (the outermost pixels repeated), ``"reflect"`` (a
            mirror image without the outermost pixels) or ``"symmetric"`` (with them).

    Raises:
        ArgumentError: a negative padding (a crop), an unknown mode, a fill that the image's dtype
            cannot hold, or a mirror image wider than the image.
        DtypeError: no image, or a tensor that requires grad.
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
        if is_pil_image(image):
            if self.padding_mode == "constant" and image.mode in _PILLOW:
                return self._filled_pil_image(image)
            return through_array(self, image)
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
        channels = array.shape[2] if array.ndim == 3 and not isinstance(image, Tensor) else 1
        padded = np.empty(shape, array.dtype)
        padded[...] = self._fill_for(array.dtype, channels)
        inside = (slice(self._top, self._top + height), slice(self._left, self._left + width))
        padded[(slice(None),) * rows + inside] = array
        return padded

    def of_batch(self, images, streams=None):
        """A constant border for many, (N, H, W) or (N, H, W, C); None of other kinds."""
        if isinstance(images, Tensor) or self.padding_mode != "constant":
            return None
        height, width = images.shape[1:3]
        left, top = self._left, self._top
        new = height + top + self._bottom, width + left + self._right
        padded = np.empty((len(images), *new, *images.shape[3:]), images.dtype)
        padded[...] = self._fill_for(images.dtype, images.shape[3] if images.ndim == 4 else 1)
        padded[:, top : top + height, left : left + width] = images
        return padded

    def _filled_pil_image(self, image):
        from PIL import Image

        width, height = image.size
        size = self._left + width + self._right, self._top + height + self._bottom
        fill = self._fill_for(np.dtype(_PILLOW[image.mode]), len(image.getbands()))
        fill = tuple(np.resize(fill, len(image.getbands())).tolist())
        padded = Image.new(image.mode, size, fill if len(fill) > 1 else fill[0])
        padded.paste(image, (self._left, self._top))
        return padded

    def _fill_for(self, dtype, channels):
        """The fill as an array (1,) or (C,) of `dtype`."""
        # Not kept in the transform: an attribute would belong to its fingerprint.
        make = _fill_array if np.isscalar(self.fill) else _fill_array.__wrapped__
        return make(self.fill, dtype, channels)

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


@lru_cache(maxsize=128)  # the images of a data set are mostly of one kind
def _fill_array(given, dtype, channels):
    fill = np.atleast_1d(given)
    if fill.shape not in ((1,), (channels,)):
        raise ShapeError(
            f"Pad: fill {given!r} must be one number"
            + (f", or one for each of {channels} channels" if channels > 1 else "")
            + f", for an image of {channels} channel{'s' * (channels > 1)}"
        )
    _check_fill(given, fill, dtype)
    array = fill.astype(dtype)
    array.flags.writeable = False  # others will be given it, too
    return array


def _check_fill(given, fill, dtype):
    """Refuse a fill that would silently become another number, such as 0.5 in uint8."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        fits = np.all((fill >= limits.min) & (fill <= limits.max) & (fill == np.floor(fill)))
    else:
        fits = dtype.kind == "f" or np.all((fill == 0) | (fill == 1))
    if not fits:
        raise ArgumentError(f"Pad: fill {given!r} cannot be held by an image of {dtype}")
