"""Images turned, shifted, scaled and sheared: each new pixel looks up a place in the old image."""

import math

import numpy as np

from minicnn.checks import ArgumentError, ShapeError, real
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.drawing import checked_numbers
from minicnn.data.transforms.interpolation import WARPING, InterpolationMode, as_mode, pillow_number
from minicnn.data.transforms.pixels import (
    channels_last,
    from_channels_last,
    get_dimensions,
    is_pil_image,
    number_type,
)
from minicnn.kernels import find


def inverse_affine_matrix(center, angle, translate, scale, shear):
    """Where a pixel of the new image comes from: (x, y) → (a x + b y + c, d x + e y + f).

    The new image is made by M = T · C · R · S · C⁻¹: the centre goes to the origin (C⁻¹), then come
    scaling and shear (S) and a rotation (R), the centre goes back (C), and all is shifted (T).
    Every new pixel is looked up in the old image, which needs M⁻¹.

    Args:
        center, translate: pairs (x, y).
        angle: degrees, clockwise as seen (y points down).
        scale: a number > 0.
        shear: degrees along x and along y.

    Returns:
        [a, b, c, d, e, f]
    """
    turn, shear_x, shear_y = (math.radians(x) for x in (angle, *shear))
    # R(turn) · shear along y · shear along x; its determinant is 1.
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -a * math.tan(shear_x) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -c * math.tan(shear_x) + math.cos(turn)
    inverse = [[d / scale, -b / scale], [-c / scale, a / scale]]
    x, y = (-(n + t) for n, t in zip(center, translate, strict=True))
    rows = [[p, q, p * x + q * y + n] for (p, q), n in zip(inverse, center, strict=True)]
    return rows[0] + rows[1]


def warp(operation, img, columns, rows, interpolation, fill):
    """The array or tensor with new pixels from the places (rows, columns), both (H', W').

    Args:
        fill: what is beyond the image: None (0), a number, or one for each channel.
    """
    mode = as_mode(operation, interpolation, WARPING)
    array = channels_last(operation, img)
    number = number_type(array)
    fills = None
    if fill is not None:
        channels = get_dimensions(img)[0]
        values = as_fill(operation, fill, channels)
        # One number for each (image, channel) that the kernel sees.
        images, seen = len(array), array.shape[3]
        fills = np.resize(np.array(values, number), (images, seen))
        low, high = (0, 255) if array.dtype == np.uint8 else (-np.inf, np.inf)
        if not (low <= fills).all() or not (fills <= high).all():
            raise ArgumentError(
                f"{operation}: fill {fill!r} cannot be held by an image of {img.dtype}"
            )
    columns, rows = (np.ascontiguousarray(places, number) for places in (columns, rows))
    nearest = mode is InterpolationMode.NEAREST
    return from_channels_last(img, find("warp")(array, columns, rows, nearest, fills))


def as_fill(operation, fill, channels):
    """`fill` as a list of one number for each channel."""
    values = list(fill) if isinstance(fill, (list, tuple)) else [fill]
    values = [real(operation, "fill", value) for value in values]
    if len(values) not in (1, channels):
        raise ShapeError(
            f"{operation}: fill has {len(values)} numbers, but the image has {channels} channels"
        )
    return values * (channels // len(values))


def pillow_fill(operation, fill, img):
    """What Pillow wants as the colour of what is beyond the image."""
    values = as_fill(operation, 0 if fill is None else fill, len(img.getbands()))
    values = values if img.mode == "F" else [int(value) for value in values]
    return tuple(values) if len(values) > 1 else values[0]


def _affine_warp(operation, img, matrix, size, interpolation, fill):
    """`matrix` and both images' coordinates count from the images' centres."""
    _, height, width = get_dimensions(img)
    a, b, c, d, e, f = matrix
    x = np.arange(size[1]) - (size[1] - 1) / 2
    y = (np.arange(size[0]) - (size[0] - 1) / 2)[:, None]
    columns = (a * x + (c + (width - 1) / 2)) + b * y
    rows = (d * x + (f + (height - 1) / 2)) + e * y
    return warp(operation, img, columns, rows, interpolation, fill)


def _pair(operation, argument, given):
    return checked_numbers(operation, argument, given, (2,))


def affine(
    img,
    angle,
    translate,
    scale,
    shear,
    interpolation=InterpolationMode.NEAREST,
    fill=None,
    center=None,
):
    """The image turned, sheared, scaled and shifted, at its old size.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W).
        angle: degrees, clockwise.
        translate: the shift (x, y) in pixels, to the right and down.
        scale: a number > 0.
        shear: degrees along x, or (along x, along y).
        interpolation: ``NEAREST`` or ``BILINEAR``; for PIL images also ``BICUBIC``.
        fill: what is beyond the image: a number, or one for each channel.
        center: what keeps its place but for the shift, (x, y) from the upper left corner; default:
            the image's centre.

    Raises:
        ArgumentError, DtypeError, ShapeError: wrong arguments or no image.

    >>> affine(np.array([[1, 2, 3]], "uint8"), 0, (1, 0), 1.0, 0)
    array([[0, 1, 2]], dtype=uint8)
    """
    angle = float(real("affine", "angle", angle))
    translate = _pair("affine", "translate", translate)
    if real("affine", "scale", scale) <= 0:
        raise ArgumentError(f"affine: scale must be above 0, got {scale}")
    if isinstance(shear, (list, tuple)):
        shear = checked_numbers("affine", "shear", shear, (1, 2))
        shear = shear * (2 // len(shear))
    else:
        shear = [float(real("affine", "shear", shear)), 0.0]
    _, height, width = get_dimensions(img)
    middle = [width / 2, height / 2]
    center = middle if center is None else _pair("affine", "center", center)
    if is_pil_image(img):
        matrix = inverse_affine_matrix(center, angle, translate, scale, shear)
        number = pillow_number("affine", as_mode("affine", interpolation))
        fill = pillow_fill("affine", fill, img)
        return img.transform(img.size, 0, matrix, number, fillcolor=fill)  # 0: affine
    from_middle = [c - m for c, m in zip(center, middle, strict=True)]
    matrix = inverse_affine_matrix(from_middle, angle, translate, scale, shear)
    return _affine_warp("affine", img, matrix, (height, width), interpolation, fill)


def rotate(
    img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    """The image turned.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W).
        angle: degrees, counter-clockwise (other than `affine`, as in torchvision).
        interpolation, center, fill: as for `affine`.
        expand: make the image as large as the turned one is; only for a turn around the centre.

    >>> rotate(np.array([[1, 2], [3, 4]], "uint8"), 90)
    array([[2, 4],
           [1, 3]], dtype=uint8)
    """
    angle = float(real("rotate", "angle", angle))
    _, height, width = get_dimensions(img)
    checked_flag("rotate", "expand", expand)
    center = None if center is None else _pair("rotate", "center", center)
    if is_pil_image(img):
        number = pillow_number("rotate", as_mode("rotate", interpolation))
        fill = pillow_fill("rotate", fill, img)
        return img.rotate(angle, number, expand, center, fillcolor=fill)
    from_middle = [0, 0] if center is None else [center[0] - width / 2, center[1] - height / 2]
    matrix = inverse_affine_matrix(from_middle, -angle, (0, 0), 1, (0, 0))
    size = _turned_size(matrix, height, width) if expand else (height, width)
    return _affine_warp("rotate", img, matrix, size, interpolation, fill)


def _turned_size(matrix, height, width):
    """The sizes of the smallest upright rectangle of whole pixels around the turned image."""
    corners = np.array([[x * width, y * height, 1] for x in (-0.5, 0.5) for y in (-0.5, 0.5)])
    turned = corners @ np.reshape(matrix, (2, 3)).T + [width / 2, height / 2]
    # What is less than a ten-thousandth is cut off, so that 3.00000001 does not become 4 pixels;
    # nor must 2.9999999999, which should have been 3, lose one.
    lowest, highest = (np.trunc(np.round(t * 1e4, 3)) / 1e4 for t in (turned.min(0), turned.max(0)))
    new_width, new_height = np.ceil(highest) - np.floor(lowest)
    return int(new_height), int(new_width)
