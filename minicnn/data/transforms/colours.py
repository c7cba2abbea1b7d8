"""Brightness, contrast, saturation and hue of images."""

import numpy as np

from minicnn.checks import ArgumentError, ShapeError, one_of, real
from minicnn.data.transforms.pixels import (
    channels_first,
    from_channels_first,
    get_dimensions,
    is_pil_image,
    number_type,
)
from minicnn.kernels import find

# How much red, green and blue add to how bright a colour looks (ITU-R BT.601).
LUMA = (0.2989, 0.587, 0.114)


def highest(array):
    """The value of full brightness: 255 of uint8, 1 of floating-point numbers."""
    return 255 if array.dtype == np.uint8 else 1


def colour_planes(operation, img, permitted=(1, 3)):
    """The array or tensor as (N, C, H·W), with as many channels as are `permitted`."""
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        listed = " or ".join(str(n) for n in permitted)
        raise ShapeError(
            f"{operation}: expected an image of {listed} channels, got {channels} in shape "
            f"{tuple(img.shape)}"
        )
    return channels_first(operation, img)


def _luma(planes):
    """How bright the pixels (N, 3, P) are: (N, P), of the same dtype."""
    return find("luma")(planes, np.array(LUMA, number_type(planes)))


def _blended(img, planes, other, factor):
    number = number_type(planes)
    result = find("blend")(planes, other, number(factor), highest(planes))
    return from_channels_first(img, result)


def _factor(operation, argument, value):
    if not real(operation, argument, value) >= 0:
        raise ArgumentError(f"{operation}: {argument} must be at least 0, got {value}")
    return value


def adjust_brightness(img, brightness_factor):
    """The image darker (factor < 1) or brighter (> 1): factor · x; 0 is black.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, C, H, W); of 1 or 3
            channels, of uint8 or of floating-point numbers in [0, 1].
        brightness_factor: a number ≥ 0.

    >>> adjust_brightness(np.array([[10, 100, 200]], "uint8"), 2)
    array([[ 20, 200, 255]], dtype=uint8)
    """
    factor = _factor("adjust_brightness", "brightness_factor", brightness_factor)
    if is_pil_image(img):
        return _enhanced("Brightness", img, factor)
    planes = colour_planes("adjust_brightness", img)
    black = np.zeros((len(planes), 1), number_type(planes))
    return _blended(img, planes, black, factor)


def adjust_contrast(img, contrast_factor):
    """The image with more contrast (factor > 1) or less (< 1): away from or towards its mean grey.

    >>> adjust_contrast(np.array([[50, 150]], "uint8"), 0.5)
    array([[ 75, 125]], dtype=uint8)
    """
    factor = _factor("adjust_contrast", "contrast_factor", contrast_factor)
    if is_pil_image(img):
        return _enhanced("Contrast", img, factor)
    planes = colour_planes("adjust_contrast", img)
    grey = _luma(planes) if planes.shape[1] == 3 else planes[:, 0]
    # Sums of bytes are exact; those of floats are carried out in float64.
    kind = np.uint64 if grey.dtype == np.uint8 else np.float64
    mean = grey.sum(1, dtype=kind, keepdims=True) / grey.shape[1]
    return _blended(img, planes, mean.astype(number_type(planes)), factor)


def adjust_saturation(img, saturation_factor):
    """The image more colourful (factor > 1) or less (< 1); 0 is grey. Grey images stay as they are.

    >>> adjust_saturation(np.array([[[200, 100, 0]]], "uint8"), 0).tolist()
    [[[118, 118, 118]]]
    """
    factor = _factor("adjust_saturation", "saturation_factor", saturation_factor)
    if is_pil_image(img):
        return _enhanced("Color", img, factor)
    planes = colour_planes("adjust_saturation", img)
    if planes.shape[1] == 1:
        return img
    return _blended(img, planes, _luma(planes), factor)


def adjust_hue(img, hue_factor):
    """The image with all colours turned on the colour circle. Grey images stay as they are.

    Args:
        img: as for `adjust_brightness`.
        hue_factor: from −0.5 to 0.5, in full circles: ±0.5 gives the complementary colours.

    >>> adjust_hue(np.array([[[255, 0, 0]]], "uint8"), 1 / 3).tolist()
    [[[0, 255, 0]]]
    """
    if not -0.5 <= real("adjust_hue", "hue_factor", hue_factor) <= 0.5:
        raise ArgumentError(f"adjust_hue: hue_factor must be from -0.5 to 0.5, got {hue_factor}")
    if is_pil_image(img):
        return _hue_shifted(img, hue_factor)
    planes = colour_planes("adjust_hue", img)
    if planes.shape[1] == 1:
        return img
    return from_channels_first(img, find("shift_hue")(planes, hue_factor, highest(planes)))


def rgb_to_grayscale(img, num_output_channels=1):
    """The image in shades of grey, of 1 or of 3 equal channels.

    Args:
        img: as for `adjust_brightness`.
        num_output_channels: 1 or 3.

    >>> rgb_to_grayscale(np.array([[[255, 0, 0]]], "uint8")).tolist()
    [[[76]]]
    """
    one_of("rgb_to_grayscale", "num_output_channels", num_output_channels, (1, 3))
    if is_pil_image(img):
        grey = img.convert("L")
        if num_output_channels == 1:
            return grey
        from PIL import Image

        return Image.merge("RGB", (grey, grey, grey))
    planes = colour_planes("rgb_to_grayscale", img)
    grey = _luma(planes)[:, None] if planes.shape[1] == 3 else planes.copy()
    if img.ndim == 2:
        if num_output_channels == 3:
            raise ShapeError(
                f"rgb_to_grayscale: an image of shape {tuple(img.shape)} has no dimension for 3 "
                "channels"
            )
        return from_channels_first(img, grey)
    return from_channels_first(img, np.repeat(grey, num_output_channels, 1))


def _enhanced(kind, img, factor):
    from PIL import ImageEnhance

    return getattr(ImageEnhance, kind)(img).enhance(factor)


def _hue_shifted(img, hue_factor):
    """Of PIL images the hue is a byte, which goes round from 255 to 0 by itself."""
    from PIL import Image

    if img.mode in ("1", "L", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    shifted = np.asarray(hue) + np.uint8(int(hue_factor * 255) % 256)
    merged = Image.merge("HSV", (Image.fromarray(shifted), saturation, value))
    return merged.convert(img.mode)
