"""What the transforms of images take: arrays and tensors, seen as arrays."""

import numpy as np

from minicnn.checks import DtypeError, ShapeError
from minicnn.tensor import Tensor


def is_pil_image(image):
    # Told by its module's name, so that Pillow need not be there.
    return type(image).__module__.startswith("PIL.") and hasattr(image, "mode")


def pixels(operation, image):
    """The image's array, and the number of its first spatial dimension."""
    if isinstance(image, Tensor):
        if image.requires_grad:
            raise DtypeError(
                f"{operation}: this tensor requires grad, and the change would not be recorded; "
                "use .detach()"
            )
        if image.ndim < 2:
            raise ShapeError(
                f"{operation}: expected a tensor of shape (…, H, W), got {image.shape}"
            )
        return image.array, image.ndim - 2
    if not isinstance(image, np.ndarray):
        raise DtypeError(
            f"{operation}: expected a NumPy array or a tensor, got {type(image).__name__}"
            + ("; numpy.asarray(image) makes an array of it" if is_pil_image(image) else "")
        )
    if image.ndim not in (2, 3):
        raise ShapeError(
            f"{operation}: expected an array of shape (H, W) or (H, W, C), got {image.shape}; of "
            "tensors the last two dimensions count"
        )
    return image, 0
