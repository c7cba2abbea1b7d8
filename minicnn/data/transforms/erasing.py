"""Rectangles of images hidden."""

import math

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, real
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.drawing import (
    checked_probability,
    checked_range,
    happens,
    numbers,
    uniform,
)
from minicnn.data.transforms.pixels import get_dimensions, is_pil_image, pixels
from minicnn.tensor import Tensor


def erase(img, i, j, h, w, v, inplace=False):
    """The image with the values `v` in the rectangle that begins at row i and column j.

    Args:
        img: a tensor (…, C, H, W), or an array (H, W) or (H, W, C).
        i, j, h, w: top, left, height and width of the rectangle.
        v: a number, or a tensor or array that fits: (C, 1, 1) or (C, h, w) for tensors; for arrays
            (C,) or (h, w, C).
        inplace: change the image given instead of making a new one.

    Raises:
        DtypeError: a PIL image (ToTensor or numpy.asarray makes something else of it).
        ShapeError: `v` does not fit.

    >>> erase(np.ones((2, 3)), 0, 1, 2, 2, 0).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    _refuse_pil("erase", img)
    array, rows = pixels("erase", img)
    if not checked_flag("erase", "inplace", inplace):
        array = array.copy()
    part = array[(slice(None),) * rows + (slice(i, i + h), slice(j, j + w))]
    values = np.asarray(v.array if isinstance(v, Tensor) else v)
    try:
        part[...] = values
    except ValueError:
        raise ShapeError(
            f"erase: values of shape {values.shape} do not fit into a rectangle of shape "
            f"{part.shape}"
        ) from None
    if inplace:
        return img
    return Tensor(array) if isinstance(img, Tensor) else array


def _refuse_pil(operation, img):
    if is_pil_image(img):
        raise DtypeError(
            f"{operation}: expected a tensor or an array, got a PIL image; put ToTensor() before it"
        )


class RandomErasing:
    """A random rectangle of the image hidden, with probability `p`.

    Args:
        p: the probability.
        scale: the rectangle's area, (min, max), with the image's as 1.
        ratio: the rectangle's height / width, (min, max), drawn on a logarithmic scale.
        value: what is put there: a number, one for each channel, or ``"random"``: numbers from the
            normal distribution N(0, 1), a new one for each pixel.
        inplace: change the image given instead of making a new one.

    Raises:
        ArgumentError, DtypeError: wrong arguments; ``"random"`` for an image of integers.
        ShapeError: another number of values than channels.

    Put it after `Normalize`, where 0 is the mean. Ten rectangles are drawn; if none is smaller than
    the image both ways, the image stays as it is.

    Source: Z. Zhong et al., "Random erasing data augmentation", 2020, algorithm 1.

    >>> import minicnn as mc
    >>> erased = RandomErasing(p=1)(mc.ones(3, 28, 28))
    >>> bool((erased == 0).any())
    True
    """

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        name = "RandomErasing"
        self.p = checked_probability(name, p)
        self.scale = checked_range(name, "scale", scale, 0, 1)
        self.ratio = checked_range(name, "ratio", ratio, 0, math.inf)
        if not self.ratio[0]:
            raise ArgumentError(f"{name}: ratio must be above 0, got {ratio!r}")
        if isinstance(value, str) and value != "random":
            raise ArgumentError(
                f"{name}: value must be a number, numbers or 'random'; got {value!r}"
            )
        if not isinstance(value, str):
            for number in value if isinstance(value, (list, tuple)) else (value,):
                real(name, "value", number)
        self.value = value
        self.inplace = checked_flag(name, "inplace", inplace)

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """A random rectangle and its values: (i, j, h, w, v), for `erase`; None: no rectangle fits.

        Args:
            value: a list of numbers; None: random ones.
        """
        channels, height, width = get_dimensions(img)
        is_tensor = isinstance(img, Tensor)
        for _ in range(10):
            area = height * width * uniform(*scale)
            aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if h < height and w < width:
                if value is None:
                    shape = (h, w) if img.ndim == 2 else (channels, h, w)
                    v = numbers().standard_normal(shape, np.float32)
                    v = v if is_tensor or img.ndim == 2 else v.transpose(1, 2, 0)
                else:
                    v = np.array(value, np.float64)
                    v = v[:, None, None] if is_tensor and img.ndim > 2 else v
                i, j = numbers().integers(height - h + 1), numbers().integers(width - w + 1)
                return int(i), int(j), h, w, v
        return None

    def __call__(self, img):
        _refuse_pil("RandomErasing", img)
        array, _ = pixels("RandomErasing", img)
        value = None
        if self.value != "random":
            value = list(self.value) if isinstance(self.value, (list, tuple)) else [self.value]
            channels = get_dimensions(img)[0]
            if len(value) not in (1, channels):
                raise ShapeError(
                    f"RandomErasing: value has {len(value)} numbers, but the image has {channels} "
                    "channels"
                )
        elif array.dtype.kind != "f":
            raise DtypeError(
                f"RandomErasing: value='random' needs floating-point numbers, got {array.dtype}"
            )
        if not happens(self.p):
            return img
        drawn = self.get_params(img, self.scale, self.ratio, value)
        return img if drawn is None else erase(img, *drawn, self.inplace)

    def __repr__(self):
        return (
            f"RandomErasing(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )
