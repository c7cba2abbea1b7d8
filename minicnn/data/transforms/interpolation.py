"""Ways to find the values between pixels."""

from enum import Enum

from minicnn.checks import ArgumentError, one_of


class InterpolationMode(Enum):
    """How values between pixels are found. Arrays and tensors know the first four, PIL images all
    but ``NEAREST_EXACT``.

    The names as strings, ``"bilinear"``, and Pillow's numbers, ``Image.BILINEAR``, will do, too.

    As ``torchvision.transforms.InterpolationMode``.

    Raises:
        ValueError: called with another value than those.

    >>> InterpolationMode("bilinear").name
    'BILINEAR'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of them.
PILLOW = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}

ALL = tuple(InterpolationMode)
RESIZING = ALL[:4]
WARPING = (InterpolationMode.NEAREST, InterpolationMode.BILINEAR)


def as_mode(operation, given, allowed=ALL):
    """`given`, a mode, its name or Pillow's number, as an `InterpolationMode` among `allowed`."""
    given = getattr(given, "value", given)
    if isinstance(given, int):
        given = {number: mode.value for mode, number in PILLOW.items()}.get(given, given)
    one_of(operation, "interpolation", given, tuple(mode.value for mode in allowed))
    return InterpolationMode(given)


def pillow_number(operation, mode):
    """Pillow's number of `mode`."""
    if mode not in PILLOW:
        raise ArgumentError(
            f"{operation}: Pillow has no interpolation {mode.value!r}; its 'nearest' does the same"
        )
    return PILLOW[mode]
