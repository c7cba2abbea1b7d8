"""Colours changed at random."""

import math

import numpy as np

from minicnn.checks import one_of
from minicnn.data.transforms.colours import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    rgb_to_grayscale,
)
from minicnn.data.transforms.drawing import (
    checked_probability,
    checked_range,
    happens,
    numbers,
    uniform,
)
from minicnn.data.transforms.pixels import get_dimensions
from minicnn.tensor import Tensor


class ColorJitter:
    """Brightness, contrast, saturation and hue changed at random, and in a random order.

    As ``torchvision.transforms.ColorJitter``.

    Args:
        brightness, contrast, saturation: the factors' (min, max), each ≥ 0; one number a stands for
            (max(0, 1 − a), 1 + a). 0: unchanged.
        hue: (min, max) within −0.5 … 0.5; one number a stands for (−a, a).

    Raises:
        ArgumentError, DtypeError: wrong arguments, or an image as for `adjust_brightness`.

    >>> import minicnn as mc
    >>> ColorJitter(0.4, 0.4, 0.4, 0.1)(mc.rand(3, 28, 28)).shape
    (3, 28, 28)
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = _factors("hue", hue, centre=0, low=-0.5, high=0.5)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """A random order of the four changes, and their factors; None where there is no range.

        Returns:
            (order, brightness, contrast, saturation, hue)
        """
        order = numbers().permutation(4).tolist()
        ranges = (brightness, contrast, saturation, hue)
        return order, *(None if pair is None else uniform(*pair) for pair in ranges)

    def __call__(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
        is_colour_array = isinstance(img, np.ndarray) and img.ndim == 3
        if is_colour_array:
            img = Tensor(img.transpose(2, 0, 1))  # (C, H, W) once, not in every change
        for i in order:
            if factors[i] is not None:
                img = changes[i](img, factors[i])
        return np.ascontiguousarray(img.array.transpose(1, 2, 0)) if is_colour_array else img

    def __repr__(self):
        return (
            f"ColorJitter(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _factors(argument, given, centre=1, low=0, high=math.inf):
    """The range of a factor, or None where it would change nothing."""
    if not isinstance(given, (list, tuple)):
        checked_range("ColorJitter", argument, (0, given), 0, math.inf)
        given = max(centre - given, low) if centre else -given, centre + given
    pair = checked_range("ColorJitter", argument, given, low, high)
    return None if pair == (centre, centre) else pair


class Grayscale:
    """The image in shades of grey, of 1 or of 3 equal channels.

    As ``torchvision.transforms.Grayscale``.

    Args:
        num_output_channels: 1 or 3.

    Raises:
        ArgumentError: another number of channels.
        ShapeError: (on a call) an image that has not one or three channels.

    >>> import minicnn as mc
    >>> Grayscale()(mc.rand(3, 28, 28)).shape
    (1, 28, 28)
    """

    def __init__(self, num_output_channels=1):
        self.num_output_channels = one_of(
            "Grayscale", "num_output_channels", num_output_channels, (1, 3)
        )

    def __call__(self, img):
        return rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self):
        return f"Grayscale(num_output_channels={self.num_output_channels})"


class RandomGrayscale:
    """The image in shades of grey with probability `p`, with as many channels as before.

    As ``torchvision.transforms.RandomGrayscale``.

    Args:
        p: the probability, a number from 0 to 1.

    Raises:
        ArgumentError: a probability outside of 0 … 1.
        DtypeError: a probability that is no number.

    >>> import minicnn as mc
    >>> grey = RandomGrayscale(p=1)(mc.rand(3, 28, 28))
    >>> grey.shape, mc.equal(grey[0], grey[2])
    ((3, 28, 28), True)
    """

    def __init__(self, p=0.1):
        self.p = checked_probability("RandomGrayscale", p)

    def __call__(self, img):
        return rgb_to_grayscale(img, get_dimensions(img)[0]) if happens(self.p) else img

    def __repr__(self):
        return f"RandomGrayscale(p={self.p})"
