"""Images made smaller or larger: every new pixel is a weighted mean of old ones.

New pixel i looks at the old ones around its centre c = (i + ½) · scale − ½ (scale: old size / new
size), with weights w_j = w((j − c) / r) that fall with the distance: x̃(i) = Σ_j w_j x(j) / Σ_j w_j.
Where the image shrinks, r = scale: the weights reach as far as the pixels that vanish, which is
called antialiasing; without it and where the image grows, r = 1. Rows and columns take turns.

Source of the cubic w: R. Keys, "Cubic convolution interpolation for digital image processing",
1981; as in PyTorch, a = −½ with antialiasing and a = −¾ without.
"""

from functools import lru_cache

import numpy as np

from minicnn.checks import ArgumentError, one_of
from minicnn.data.transforms.interpolation import (
    RESIZING,
    InterpolationMode,
    as_mode,
    pillow_number,
)
from minicnn.data.transforms.pixels import (
    channels_last,
    from_channels_last,
    get_dimensions,
    is_pil_image,
    number_type,
)
from minicnn.kernels import find
from minicnn.shapes import as_tuple


def _linear(x):
    return np.maximum(1 - abs(x), 0)


def _cubic(x, a):
    x = abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


@lru_cache(maxsize=128)  # a data set's images often have one size
def taps(old, new, mode, antialias, number=np.float64):
    """What each of `new` pixels takes from a row of `old` ones.

    Returns:
        (first, weights): new pixel i is Σ_k weights[i, k] · x[first[i] + k]; shapes (new,) and
        (new, K).

    >>> first, weights = taps(4, 2, InterpolationMode.BILINEAR, False)
    >>> first, weights
    (array([0, 2]), array([[0.5, 0.5],
           [0.5, 0.5]]))
    """
    scale, reach = old / new, 1 if mode is InterpolationMode.BILINEAR else 2
    radius = max(scale, 1.0) if antialias else 1.0
    centre = (np.arange(new) + 0.5) * scale - 0.5
    if antialias:
        # Pixels beyond the image are left out, and the others count for more.
        first = np.maximum((centre - reach * radius + 1).astype(np.int64), 0)
        last = np.minimum((centre + reach * radius + 1).astype(np.int64), old)
    else:
        # The outermost pixels stand for those beyond the image.
        first = np.floor(centre).astype(np.int64) - reach + 1
        last = first + 2 * reach
    places = first[:, None] + np.arange((last - first).max())
    distance = (places - centre[:, None]) / radius
    a = -0.5 if antialias else -0.75
    weights = _linear(distance) if reach == 1 else _cubic(distance, a)
    weights[places >= last[:, None]] = 0
    if not antialias:
        first, weights = _moved_inside(places, weights, old)
    # All rows of the table must lie inside the image, also those that end with zeros.
    excess = np.maximum(first + weights.shape[1] - old, 0)
    for i in np.flatnonzero(excess):
        first[i] -= excess[i]
        weights[i] = np.roll(weights[i], excess[i])
    weights = (weights / weights.sum(1, keepdims=True)).astype(number)
    for table in (first, weights):
        table.flags.writeable = False  # others will be given it, too
    return first, weights


def _moved_inside(places, weights, old):
    """First places, and weights: those beyond the image count for its outermost pixels."""
    inside = places.clip(0, old - 1)
    first = inside[:, 0]
    moved = np.zeros((len(places), min(places.shape[1], old)))
    np.add.at(moved, (np.arange(len(places))[:, None], inside - first[:, None]), weights)
    return first, moved


def _nearest(old, new, mode):
    """The old pixel that each new one repeats."""
    # In float32, as PyTorch: where the quotient is not exact, the rounding decides.
    half = np.float32(0.5 if mode is InterpolationMode.NEAREST_EXACT else 0)
    places = (np.arange(new, dtype=np.float32) + half) * np.float32(old / new)
    return places.astype(np.int64).clip(0, old - 1)


def resampled(operation, img, window, size, mode, antialias):
    """The `window` (top, left, height, width) of an array or a tensor at another `size`."""
    top, left, height, width = window
    array = channels_last(operation, img)
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        rows = top + _nearest(height, size[0], mode)
        columns = left + _nearest(width, size[1], mode)
        return from_channels_last(img, array[:, rows[:, None], columns])
    number = number_type(array)
    sides = []
    for start, old, new in ((top, height, size[0]), (left, width, size[1])):
        first, weights = taps(old, new, mode, bool(antialias), number)
        sides.append((first + start, weights))
    return from_channels_last(img, find("resample")(array, *sides))


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """The image at another size; arguments and errors as of `Resize`.

    >>> resize(np.array([[0, 100]], "uint8"), (1, 4))
    array([[  0,  25,  75, 100]], dtype=uint8)
    """
    return Resize(size, interpolation, max_size, antialias)(img)


class Resize:
    """The image at another size.

    As ``torchvision.transforms.Resize``.

    Args:
        size: the shorter side, an integer, and the longer in proportion; or both, (h, w).
        interpolation: an `InterpolationMode`: ``NEAREST``, ``NEAREST_EXACT``, ``BILINEAR`` or
            ``BICUBIC``; for PIL images also those that only Pillow has.
        max_size: the most that the longer side may get; the shorter becomes less than `size` then.
        antialias: where the image shrinks, every pixel counts. PIL images are always resized so.

    Raises:
        ArgumentError: an unknown interpolation; `max_size` with two sizes or not above `size`.
        DtypeError: not an image of uint8 or of floating-point numbers.
        ShapeError: an image without pixels.

    >>> import minicnn as mc
    >>> Resize(256)(mc.zeros(3, 375, 500)).shape
    (3, 256, 341)
    """

    def __init__(
        self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True
    ):
        whole = isinstance(size, (list, tuple)) and len(size) != 1
        self.size = size
        self._size = as_tuple("Resize", "size", size, 2 if whole else 1, 1)
        self.interpolation = as_mode("Resize", interpolation)
        self.max_size = max_size
        if max_size is not None:
            (largest,) = as_tuple("Resize", "max_size", max_size, 1, 1)
            if whole:
                raise ArgumentError(
                    f"Resize: max_size is for one size, that of the shorter side; got size {size}"
                )
            if largest <= self._size[0]:
                raise ArgumentError(
                    f"Resize: max_size must be greater than size, the shorter side; got {max_size} "
                    f"and {size}"
                )
        self.antialias = one_of("Resize", "antialias", antialias, (True, False, None))

    def __call__(self, img):
        _, height, width = get_dimensions(img)
        size = self._new_size(height, width)
        if size == (height, width):
            return img
        if is_pil_image(img):
            return img.resize(size[::-1], pillow_number("Resize", self.interpolation))
        mode = as_mode("Resize", self.interpolation, RESIZING)
        return resampled("Resize", img, (0, 0, height, width), size, mode, self.antialias)

    def _new_size(self, height, width):
        if len(self._size) == 2 or 0 in (height, width):
            return self._size
        short = self._size[0]
        long = int(short * max(height, width) / min(height, width))
        if self.max_size is not None and long > self.max_size:
            # The whole-number sides, as in torchvision: not the exact proportion.
            short, long = max(int(self.max_size * short / long), 1), self.max_size
        return (long, short) if width <= height else (short, long)

    def __repr__(self):
        return (
            f"Resize(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )
