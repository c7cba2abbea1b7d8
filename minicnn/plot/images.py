"""Images as figures show them."""

import numpy as np

from minicnn.checks import ShapeError
from minicnn.plot.figure import as_array, check_finite

AXES = "(N, H, W), (N, 1, H, W) or (N, 3, H, W)"


def as_images(function, name, images):
    """Images as an array (N, H, W) or (N, H, W, 3), finite numbers.

    Args:
        function, name: for errors.
        images: (N, H, W), (N, 1, H, W) or (N, 3, H, W).
    """
    images = as_array(function, name, images, (3, 4), AXES)
    if images.ndim == 4:
        if images.shape[1] not in (1, 3):
            raise ShapeError(f"{function}: {name} have 1 or 3 channels, got shape {images.shape}")
        images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    check_finite(function, name, images)
    return images


def displayable(images, chosen=slice(None)):
    """The chosen images with values in 0 … 1.

    Integers are 0 … 255. Floating-point numbers are shown as they are if all are in 0 … 1, else
    from the smallest to the largest of all images.
    """
    if not images.size:
        return images[chosen]
    if images.dtype.kind in "iub":
        low, high = (0, 1) if images.dtype.kind == "b" else (0, 255)
    else:
        low, high = float(images.min()), float(images.max())
        if low >= 0 and high <= 1:
            low, high = 0, 1
    return np.clip((images[chosen].astype(np.float64) - low) / ((high - low) or 1), 0, 1)


def show(axes, image):
    """One image on axes of its own, which show nothing else."""
    axes.set_axis_off()
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
