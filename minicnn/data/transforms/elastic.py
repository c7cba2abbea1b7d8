"""Blurred images, and images warped as if drawn on rubber."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, real
from minicnn.data.transforms.drawing import checked_numbers, checked_range, numbers, uniform
from minicnn.data.transforms.interpolation import WARPING, InterpolationMode, as_mode
from minicnn.data.transforms.pixels import (
    channels_last,
    from_channels_last,
    get_dimensions,
    is_pil_image,
    number_type,
    through_array,
)
from minicnn.data.transforms.warping import warp
from minicnn.kernels import find
from minicnn.shapes import as_tuple
from minicnn.tensor import Tensor


def gaussian_blur(img, kernel_size, sigma=None):
    """The image blurred: each pixel a mean of those around it, weighted by exp(−½ (distance/σ)²).

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W); beyond its edges it
            goes on as its mirror image.
        kernel_size: how many pixels across count, odd: one number or (across, down).
        sigma: σ > 0, one number or (across, down); default: 0.15 · kernel_size + 0.35.

    Raises:
        ArgumentError: an even kernel size, or a σ that is not above 0.
        ShapeError: the kernel reaches further than the image.

    >>> gaussian_blur(np.array([[0, 0, 240, 0, 0]], "uint8"), (3, 1), 1.0)
    array([[  0,  66, 108,  66,   0]], dtype=uint8)
    """
    kernel_size = as_tuple("gaussian_blur", "kernel_size", kernel_size, 2, 1)
    if not all(n % 2 for n in kernel_size):
        raise ArgumentError(f"gaussian_blur: kernel_size must be odd, got {kernel_size}")
    if sigma is None:
        sigma = [0.15 * n + 0.35 for n in kernel_size]
    if not isinstance(sigma, (list, tuple)):
        sigma = [real("gaussian_blur", "sigma", sigma)]
    sigma = checked_numbers("gaussian_blur", "sigma", sigma, (1, 2)) * (3 - len(sigma))
    if not all(s > 0 for s in sigma):
        raise ArgumentError(f"gaussian_blur: sigma must be above 0, got {sigma}")
    if is_pil_image(img):
        return through_array(lambda array: _blurred(array, kernel_size, sigma), img)
    return _blurred(img, kernel_size, sigma)


def _blurred(img, kernel_size, sigma):
    array = channels_last("gaussian_blur", img)
    height, width = array.shape[1:3]
    across, down = (n // 2 for n in kernel_size)
    if across >= width or down >= height:
        raise ShapeError(
            f"gaussian_blur: a kernel of {kernel_size[0]} × {kernel_size[1]} (across × down) "
            f"reaches beyond the mirror image of an image of height {height} and width {width}"
        )
    padded = np.pad(array, [(0, 0), (down, down), (across, across), (0, 0)], "reflect")
    rows, columns = (
        (np.arange(n), np.tile(_gaussian(k, s, number_type(array)), (n, 1)))
        for n, k, s in ((height, kernel_size[1], sigma[1]), (width, kernel_size[0], sigma[0]))
    )
    return from_channels_last(img, find("resample")(padded, rows, columns))


def _gaussian(size, sigma, number):
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return (weights / weights.sum()).astype(number)


class GaussianBlur:
    """The image blurred by a random amount.

    As ``torchvision.transforms.GaussianBlur``.

    Args:
        kernel_size: as for `gaussian_blur`.
        sigma: (min, max) of σ, or σ itself.

    Raises:
        ArgumentError, ShapeError: as for `gaussian_blur`.
        DtypeError: sizes or σ that are no numbers, or (on a call) what is no image.

    >>> import minicnn as mc
    >>> GaussianBlur(5)(mc.zeros(3, 28, 28)).shape
    (3, 28, 28)
    """

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        self.kernel_size = as_tuple("GaussianBlur", "kernel_size", kernel_size, 2, 1)
        if not isinstance(sigma, (list, tuple)):
            sigma = (sigma, sigma)
        self.sigma = checked_range("GaussianBlur", "sigma", sigma, 0, float("inf"))
        if not self.sigma[0]:
            raise ArgumentError(f"GaussianBlur: sigma must be above 0, got {sigma!r}")
        if not all(n % 2 for n in self.kernel_size):
            raise ArgumentError(f"GaussianBlur: kernel_size must be odd, got {kernel_size!r}")

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A random σ."""
        return uniform(sigma_min, sigma_max)

    def __call__(self, img):
        return gaussian_blur(img, self.kernel_size, self.get_params(*self.sigma))

    def __repr__(self):
        return f"GaussianBlur(kernel_size={self.kernel_size}, sigma={self.sigma})"


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The image with every pixel from a place beside its own.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W).
        displacement: how far beside, a tensor (1, H, W, 2): across and down, with 2 for the whole
            width and height.
        interpolation: ``BILINEAR`` or ``NEAREST``.
        fill: what is beyond the image: a number, or one for each channel.

    Raises:
        ShapeError: `displacement` does not fit the image.
    """
    name = "elastic_transform"
    if not isinstance(displacement, Tensor):
        raise DtypeError(
            f"{name}: displacement must be a tensor, got {type(displacement).__name__}"
        )
    _, height, width = get_dimensions(img)
    if displacement.shape != (1, height, width, 2):
        raise ShapeError(
            f"{name}: displacement must have shape (1, H, W, 2) = {(1, height, width, 2)}, got "
            f"{displacement.shape}"
        )
    across, down = np.moveaxis(displacement.array[0], -1, 0).astype(np.float64)
    columns = np.arange(width) + across * width / 2
    rows = np.arange(height)[:, None] + down * height / 2
    if is_pil_image(img):
        return through_array(
            lambda array: warp(name, array, columns, rows, interpolation, fill), img
        )
    return warp(name, img, columns, rows, interpolation, fill)


class ElasticTransform:
    """The image warped as if drawn on rubber: near pixels are moved alike, far ones differently.

    Every pixel gets a random shift, uniform in (−1, 1) both ways; the shifts are blurred with σ, so
    that neighbours agree, and multiplied by α/2.

    Args:
        alpha: α, how far pixels are moved; one number or (across, down).
        sigma: σ, in pixels, how smooth the movement is; one number or (across, down).
        interpolation, fill: as for `elastic_transform`.

    Raises:
        ArgumentError, DtypeError: wrong arguments.
        ShapeError: σ is too large for the image: 4 σ must be less than its sides.

    Source: P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
    applied to visual document analysis", 2003, section 2.

    >>> import minicnn as mc
    >>> ElasticTransform(alpha=30.0, sigma=3.0)(mc.zeros(1, 28, 28)).shape
    (1, 28, 28)
    """

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        self.alpha, self.sigma = _two("alpha", alpha), _two("sigma", sigma)
        if min(self.sigma) < 0:
            raise ArgumentError(f"ElasticTransform: sigma must be at least 0, got {sigma!r}")
        self.interpolation = as_mode("ElasticTransform", interpolation, WARPING)
        self.fill = fill

    @staticmethod
    def get_params(alpha, sigma, size):
        """A random displacement (1, H, W, 2) for images of `size` (H, W)."""
        shifts = []
        for a, s, side in zip(alpha, sigma, size[::-1], strict=True):
            shift = 2 * numbers().random(tuple(size), np.float32) - 1
            if s > 0:
                kernel = int(8 * s + 1) | 1  # odd
                if kernel // 2 >= min(size):
                    raise ShapeError(
                        f"ElasticTransform: sigma {s} is too large for an image of {size[0]} × "
                        f"{size[1]}; 4 · sigma must be less than its sides"
                    )
                shift = gaussian_blur(shift, kernel, sigma)
            shifts.append(shift * np.float32(a / side))
        return Tensor(np.stack(shifts, -1)[None])

    def __call__(self, img):
        _, *size = get_dimensions(img)
        displacement = self.get_params(self.alpha, self.sigma, size)
        return elastic_transform(img, displacement, self.interpolation, self.fill)

    def __repr__(self):
        return (
            f"ElasticTransform(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation.value}, fill={self.fill})"
        )


def _two(argument, given):
    if not isinstance(given, (list, tuple)):
        given = [given]
    return checked_numbers("ElasticTransform", argument, given, (1, 2)) * (3 - len(given))
