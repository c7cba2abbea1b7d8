"""What the transforms of images take, and how they see it: as arrays in one of two layouts.

An image is a PIL image, an array of shape (H, W) or (H, W, C), or a tensor of shape (…, C, H, W),
which may be a batch. PIL images are handed to Pillow, or to NumPy where that gives the same.
"""

import math

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
            f"{operation}: expected a PIL image, a NumPy array or a tensor, got "
            f"{type(image).__name__}"
        )
    if image.ndim not in (2, 3):
        raise ShapeError(
            f"{operation}: expected an array of shape (H, W) or (H, W, C), got {image.shape}; of "
            "tensors the last two dimensions count"
        )
    return image, 0


def get_dimensions(img):
    """Channels, height and width of an image: [C, H, W].

    >>> get_dimensions(np.zeros((5, 7, 3)))
    [3, 5, 7]
    """
    if is_pil_image(img):
        return [len(img.getbands()), img.height, img.width]
    array, rows = pixels("get_dimensions", img)
    if isinstance(img, Tensor):
        return [array.shape[-3] if rows else 1, *array.shape[-2:]]
    return [array.shape[2] if array.ndim == 3 else 1, *array.shape[:2]]


def get_image_size(img):
    """Width and height of an image: [W, H]."""
    return get_dimensions(img)[:0:-1]


def through_array(function, img):
    """What `function` makes of the array of a PIL image, as a PIL image of the same mode."""
    from PIL import Image

    result = function(np.asarray(img))
    if img.mode in ("1", "L", "LA", "RGB", "RGBA"):
        return Image.fromarray(result)  # which sees these modes by itself
    made = Image.frombytes(img.mode, result.shape[1::-1], np.ascontiguousarray(result).tobytes())
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


# Numbers that the kernels compute with.
_COMPUTED = {"uint8": np.uint8, "float16": np.float32, "float32": np.float32, "float64": np.float64}


def _computable(operation, array):
    dtype = _COMPUTED.get(array.dtype.name)
    if dtype is None:
        raise DtypeError(
            f"{operation}: expected an image of uint8 or of floating-point numbers, got "
            f"{array.dtype}; .astype or ConvertImageDtype makes one"
        )
    if not array.size and 0 in array.shape[-3:]:
        raise ShapeError(f"{operation}: the image of shape {array.shape} has no pixels")
    return array.astype(dtype, copy=False)  # float16, or another order of bytes


def number_type(array):
    """The type of the numbers that images like `array` are computed with."""
    return np.float64 if array.dtype == np.float64 else np.float32


def channels_last(operation, image):
    """The image as (N, H, W, C) for kernels that move pixels: a tensor's planes become images."""
    array = _computable(operation, pixels(operation, image)[0])
    if isinstance(image, Tensor):
        return array.reshape(math.prod(array.shape[:-2]), *array.shape[-2:], 1)
    return array.reshape(1, *array.shape[:2], math.prod(array.shape[2:]))


def from_channels_last(image, array):
    """(N, H, W, C), with other H and W perhaps, as an image of the kind of `image`."""
    array = array.astype(image.dtype, copy=False)
    if isinstance(image, Tensor):
        return Tensor(array.reshape(*image.shape[:-2], *array.shape[1:3]))
    return array.reshape(*array.shape[1:3], *image.shape[2:])


def channels_first(operation, image):
    """The image as (N, C, H·W), one run of memory a channel, for kernels that mix channels."""
    array = _computable(operation, pixels(operation, image)[0])
    if not isinstance(image, Tensor):
        array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    channels = array.shape[-3] if array.ndim > 2 else 1
    shape = math.prod(array.shape[:-3]), channels, array.shape[-2] * array.shape[-1]
    return np.ascontiguousarray(array).reshape(shape)


def from_channels_first(image, array):
    """(N, C, H·W), with another C perhaps, as an image of the kind of `image`."""
    array = array.astype(image.dtype, copy=False)
    channels = array.shape[1]
    if isinstance(image, Tensor):
        shape = image.shape if image.ndim == 2 else (*image.shape[:-3], channels, *image.shape[-2:])
        return Tensor(array.reshape(shape))
    if image.ndim == 2 and channels == 1:
        return array.reshape(image.shape)
    # (C, H·W) → (H, W, C)
    return np.ascontiguousarray(array[0].T).reshape(*image.shape[:2], channels)
