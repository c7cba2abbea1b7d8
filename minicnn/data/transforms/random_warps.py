"""Images turned, shifted, scaled and sheared at random."""

import math

from minicnn.checks import ArgumentError
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.drawing import (
    checked_angles,
    checked_numbers,
    checked_range,
    uniform,
)
from minicnn.data.transforms.interpolation import InterpolationMode, as_mode
from minicnn.data.transforms.pixels import get_dimensions
from minicnn.data.transforms.warping import affine, rotate


def _as_center(operation, center):
    return None if center is None else checked_numbers(operation, "center", center, (2,))


class RandomRotation:
    """The image turned by a random angle.

    As ``torchvision.transforms.RandomRotation``.

    Args:
        degrees: (min, max), counter-clockwise; one number a stands for (−a, a).
        interpolation, expand, center, fill: as for `rotate`.

    Raises:
        ArgumentError, DtypeError, ShapeError: wrong arguments or no image.

    >>> import minicnn as mc
    >>> RandomRotation(15)(mc.zeros(3, 28, 28)).shape
    (3, 28, 28)
    """

    def __init__(
        self,
        degrees,
        interpolation=InterpolationMode.NEAREST,
        expand=False,
        center=None,
        fill=0,
    ):
        self.degrees = checked_angles("RandomRotation", "degrees", degrees)
        self.interpolation = as_mode("RandomRotation", interpolation)
        self.expand = checked_flag("RandomRotation", "expand", expand)
        self.center = _as_center("RandomRotation", center)
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(degrees):
        """A random angle."""
        return uniform(*degrees)

    def __call__(self, img):
        angle = self.get_params(self.degrees)
        return rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self):
        return (
            f"RandomRotation(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}"
            + (f", center={self.center}" if self.center is not None else "")
            + f", fill={self.fill})"
        )


class RandomAffine:
    """The image turned, shifted, scaled and sheared at random.

    As ``torchvision.transforms.RandomAffine``.

    Args:
        degrees: of the turn, (min, max), clockwise; one number a stands for (−a, a).
        translate: the largest shifts as parts of width and height, (x, y), each from 0 to 1.
        scale: (min, max).
        shear: degrees along x, (min, max), and where there are four numbers along y; one number a
            stands for (−a, a).
        interpolation, fill, center: as for `affine`.

    Raises:
        ArgumentError, DtypeError, ShapeError: wrong arguments or no image.

    >>> import minicnn as mc
    >>> RandomAffine(10, translate=(0.1, 0.1), shear=5)(mc.zeros(1, 28, 28)).shape
    (1, 28, 28)
    """

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        name = "RandomAffine"
        self.degrees = checked_angles(name, "degrees", degrees)
        self.translate, self.scale, self.shear = translate, scale, shear
        if translate is not None:
            self.translate = checked_numbers(name, "translate", translate, (2,))
            if not all(0 <= t <= 1 for t in self.translate):
                raise ArgumentError(
                    f"{name}: translate must be two numbers from 0 to 1, the largest shifts as "
                    f"parts of width and height; got {translate!r}"
                )
        if scale is not None:
            self.scale = checked_range(name, "scale", scale, 0, math.inf)
            if not self.scale[0]:
                raise ArgumentError(f"{name}: scale must be above 0, got {scale!r}")
        if shear is not None:
            self.shear = checked_angles(name, "shear", shear, (2, 4))
        self.interpolation = as_mode(name, interpolation)
        self.fill = 0 if fill is None else fill
        self.center = _as_center(name, center)

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """Random arguments for `affine`: (angle, (x, y), scale, (shear x, shear y)).

        Args:
            img_size: (width, height).
        """
        angle, shift, scale, shear = uniform(*degrees), (0, 0), 1.0, (0.0, 0.0)
        if translate is not None:
            most = [t * n for t, n in zip(translate, img_size, strict=True)]
            shift = tuple(round(uniform(-m, m)) for m in most)
        if scale_ranges is not None:
            scale = uniform(*scale_ranges)
        if shears is not None:
            shear = uniform(*shears[:2]), uniform(*shears[2:]) if len(shears) == 4 else 0.0
        return angle, shift, scale, shear

    def __call__(self, img):
        _, height, width = get_dimensions(img)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, (width, height)
        )
        return affine(img, *drawn, self.interpolation, self.fill, self.center)

    def __repr__(self):
        given = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear", "center"):
            if getattr(self, name) is not None:
                given.append(f"{name}={getattr(self, name)}")
        if self.interpolation is not InterpolationMode.NEAREST:
            given.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            given.append(f"fill={self.fill}")
        return f"RandomAffine({', '.join(given)})"
