"""Kernels to show, and what they do to an image."""

import numpy as np

from . import checks


def gaussian_kernel(size, sigma, normalize=True):
    """Eq. gaussian: G(x, y) = exp(−(x² + y²)/2σ²)/(2πσ²), x and y counted from the centre.

    size = (h, w), both odd; sigma > 0 -> (h, w) float64. Sampled values do not sum to 1; with
    normalize they are divided by their sum, so that the image keeps its brightness.

    ValueError for even sizes, and a sigma that is not positive.

    >>> round(float(gaussian_kernel((3, 3), 1, normalize=False).sum()), 3)
    0.779
    >>> round(float(gaussian_kernel((3, 3), 1).sum()), 12)
    1.0
    """
    height, width = checks.pair("gaussian_kernel", "size", size, 1)
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"gaussian_kernel: size must be odd to have a centre, got {size}")
    if not sigma > 0:
        raise ValueError(f"gaussian_kernel: sigma must be positive, got {sigma}")
    kernel = np.zeros((height, width))
    total = 0.0
    for i in range(height):
        for j in range(width):
            y, x = i - height // 2, j - width // 2
            kernel[i, j] = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
            total += kernel[i, j]
    if normalize:
        for i in range(height):
            for j in range(width):
                kernel[i, j] /= total
    return kernel


def _read_only(rows):
    kernel = np.array(rows, dtype=np.float64)
    kernel.flags.writeable = False
    return kernel


# The sum of a kernel is what it does to a flat area: below 1 it darkens (to black at 0), 1 keeps
# the brightness, above 1 brightens.
image_kernels = {
    "identity": _read_only([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "sharpen": _read_only([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]),
    "emboss": _read_only([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]),
    "mean blur": _read_only([[0, 0.2, 0], [0.2, 0.2, 0.2], [0, 0.2, 0]]),
    "gaussian blur": _read_only(gaussian_kernel((3, 3), 1)),
}
