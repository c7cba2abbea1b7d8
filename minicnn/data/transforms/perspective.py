"""Images as seen from another place: a rectangle becomes a quadrangle."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, real
from minicnn.data.transforms.drawing import checked_probability, happens, numbers
from minicnn.data.transforms.interpolation import InterpolationMode, as_mode, pillow_number
from minicnn.data.transforms.pixels import get_dimensions, is_pil_image
from minicnn.data.transforms.warping import pillow_fill, warp


def perspective_coefficients(startpoints, endpoints):
    """Where a pixel of the new image comes from: eight numbers a … h with

        (x, y) → ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)),

    which brings each of four `endpoints` to its startpoint.

    Args:
        startpoints, endpoints: four corners [x, y] in the old and in the new image.

    Raises:
        ArgumentError: three of the corners lie on a line, so that no such numbers exist.
        ShapeError: not four pairs.

    >>> square, lower_half = [[0, 0], [2, 0], [2, 2], [0, 2]], [[0, 1], [2, 1], [2, 2], [0, 2]]
    >>> found = perspective_coefficients(square, lower_half)
    >>> bool(abs(found - [1, 0, 0, 0, 2, -2, 0, 0]).max() < 1e-6)
    True
    """
    old, new = (
        _corners("perspective", name, given)
        for name, given in (("startpoints", startpoints), ("endpoints", endpoints))
    )
    # Multiplied out, both coordinates of each corner give an equation that is linear in a … h.
    equations = np.zeros((8, 8))
    for i, ((u, v), (x, y)) in enumerate(zip(old, new, strict=True)):
        equations[2 * i] = [x, y, 1, 0, 0, 0, -u * x, -u * y]
        equations[2 * i + 1] = [0, 0, 0, x, y, 1, -v * x, -v * y]
    if np.linalg.matrix_rank(equations) < 8:
        raise ArgumentError(
            "perspective: three of the four corners lie on a line, so that there is no such view; "
            f"got startpoints {startpoints} and endpoints {endpoints}"
        )
    # To float32 and back, as in torchvision: where a place lies between two pixels, it decides.
    return np.linalg.solve(equations, old.reshape(-1)).astype(np.float32).astype(np.float64)


def _corners(operation, argument, given):
    try:
        points = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise DtypeError(
            f"{operation}: {argument} must be four corners [x, y], got {given!r}"
        ) from None
    if points.shape != (4, 2):
        raise ShapeError(f"{operation}: {argument} must be four corners [x, y], got {given!r}")
    return points


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The image as seen from another place.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W).
        startpoints, endpoints: four corners [x, y] (top left, top right, bottom right, bottom left,
            say), and where each of them goes.
        interpolation: ``NEAREST`` or ``BILINEAR``; for PIL images also ``BICUBIC``.
        fill: what is beyond the image: a number, or one for each channel.

    Raises:
        ArgumentError, DtypeError, ShapeError: wrong arguments or no image.

    >>> corners, to_the_right = [[0, 0], [2, 0], [2, 2], [0, 2]], [[1, 0], [3, 0], [3, 2], [1, 2]]
    >>> perspective(np.array([[1, 2, 3], [4, 5, 6]], "uint8"), corners, to_the_right)
    array([[0, 1, 2],
           [0, 4, 5]], dtype=uint8)
    """
    _, height, width = get_dimensions(img)
    a, b, c, d, e, f, g, h = perspective_coefficients(startpoints, endpoints)
    if is_pil_image(img):
        number = pillow_number("perspective", as_mode("perspective", interpolation))
        fill = pillow_fill("perspective", fill, img)
        return img.transform(img.size, 2, [a, b, c, d, e, f, g, h], number, fillcolor=fill)
    # Pixel (0, 0) has its middle at (½, ½).
    x, y = np.arange(width) + 0.5, (np.arange(height) + 0.5)[:, None]
    away = g * x + h * y + 1
    columns, rows = (a * x + b * y + c) / away - 0.5, (d * x + e * y + f) / away - 0.5
    return warp("perspective", img, columns, rows, interpolation, fill)


class RandomPerspective:
    """The image as seen from a random place, with probability `p`.

    As ``torchvision.transforms.RandomPerspective``.

    Args:
        distortion_scale: how far corners move inwards at most, from 0 to 1: a part of half the
            width and height.
        p: the probability.
        interpolation, fill: as for `perspective`.

    Raises:
        ArgumentError, DtypeError, ShapeError: wrong arguments or no image.

    >>> import minicnn as mc
    >>> RandomPerspective(0.3)(mc.zeros(3, 28, 28)).shape
    (3, 28, 28)
    """

    def __init__(
        self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0
    ):
        name = "RandomPerspective"
        self.p = checked_probability(name, p)
        self.interpolation = as_mode(name, interpolation)
        if not 0 <= real(name, "distortion_scale", distortion_scale) <= 1:
            raise ArgumentError(
                f"{name}: distortion_scale must be from 0 to 1, got {distortion_scale}"
            )
        self.distortion_scale = distortion_scale
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(width, height, distortion_scale):
        """The corners of the image, and random places for them: (startpoints, endpoints)."""
        across, down = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))

        def near(most, end):
            """A whole number 0 … most, or as far from the last one, end − 1."""
            drawn = int(numbers().integers(most + 1))
            return drawn if end is None else end - 1 - drawn

        startpoints = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        endpoints = [
            [near(across, None), near(down, None)],
            [near(across, width), near(down, None)],
            [near(across, width), near(down, height)],
            [near(across, None), near(down, height)],
        ]
        return startpoints, endpoints

    def __call__(self, img):
        if not happens(self.p):
            return img
        _, height, width = get_dimensions(img)
        corners = self.get_params(width, height, self.distortion_scale)
        return perspective(img, *corners, self.interpolation, self.fill)

    def __repr__(self):
        return f"RandomPerspective(p={self.p})"
