"""From one dtype or kind of image to another."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, MissingPartError, ShapeError
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.pixels import is_pil_image
from minicnn.dtypes import as_dtype, float32, is_floating
from minicnn.tensor import Tensor


def convert_image_dtype(image, dtype=float32):
    """A tensor of another dtype, with its values brought to that dtype's range.

    Floating-point images run from 0 to 1, those of integers from 0 to the dtype's largest number.

    Args:
        image: a tensor.
        dtype: one of minicnn's dtypes.

    Raises:
        DtypeError: not a tensor, a truth value, or a conversion whose numbers the dtype of the
            image cannot tell apart (float32 to int32 or int64, float64 to int64).

    >>> import minicnn as mc
    >>> convert_image_dtype(mc.tensor([0, 51, 255], dtype=mc.uint8))
    tensor([0. , 0.2, 1. ])
    """
    name = "convert_image_dtype"
    if not isinstance(image, Tensor):
        raise DtypeError(
            f"{name}: expected a tensor, got {type(image).__name__}; ToTensor() makes one"
        )
    old, new = image.dtype, as_dtype(dtype, name)
    if old == new:
        return image
    if "b" in (old.kind, new.kind):
        raise DtypeError(f"{name}: an image of bool has no range; got {old} to {new}")
    if is_floating(old) and is_floating(new):
        return image.to(new)
    if is_floating(old):
        if new.itemsize >= old.itemsize:
            raise DtypeError(
                f"{name}: {old} cannot tell all numbers of {new} apart; convert to uint8, or from "
                "float64"
            )
        # Each level gets an equal part of 0 … 1, and 1 belongs to the highest.
        return Tensor((image.array * old.type(np.iinfo(new).max + 1 - 1e-3)).astype(new))
    if is_floating(new):
        wide = np.promote_types(new, np.float32)  # float16 ends at 65,504
        return Tensor((image.array.astype(wide) / wide.type(np.iinfo(old).max)).astype(new))
    old_levels, new_levels = np.iinfo(old).max + 1, np.iinfo(new).max + 1
    if old_levels > new_levels:
        return Tensor((image.array // (old_levels // new_levels)).astype(new))
    return Tensor(image.array.astype(new) * new.type(new_levels // old_levels))


def pil_to_tensor(pic):
    """A PIL image as a tensor (C, H, W) of the same numbers.

    Raises:
        DtypeError: not a PIL image.
    """
    if not is_pil_image(pic):
        raise DtypeError(f"pil_to_tensor: expected a PIL image, got {type(pic).__name__}")
    array = np.atleast_3d(np.asarray(pic)).transpose(2, 0, 1)  # (H, W, C) → (C, H, W)
    as_dtype(array.dtype, "pil_to_tensor")
    return Tensor(np.array(array, order="C"))


def to_pil_image(pic, mode=None):
    """A tensor or an array as a PIL image.

    Args:
        pic: a tensor (C, H, W) or (H, W), or an array (H, W) or (H, W, C); of uint8, or of
            floating-point numbers in [0, 1].
        mode: Pillow's name of the kind of image; default: what the number of channels says, "L",
            "LA", "RGB" or "RGBA". One channel of float32 can be ``"F"``, unchanged.

    Raises:
        ArgumentError: a mode that does not fit.
        DtypeError, ShapeError: no such array or tensor.
        MissingPartError: Pillow is not installed.
    """
    name = "to_pil_image"
    if isinstance(pic, Tensor):
        array = pic.detach().array
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array  # (C, H, W) → (H, W, C)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise DtypeError(f"{name}: expected a tensor or an array, got {type(pic).__name__}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        raise ShapeError(f"{name}: expected one image of 1 to 4 channels, got shape {pic.shape}")
    channels = array.shape[2] if array.ndim == 3 else 1
    array = array[:, :, 0] if array.ndim == 3 and channels == 1 else array
    if is_floating(array.dtype) and mode != "F":
        array = (array * 255).astype(np.uint8)
    if array.dtype == np.uint8:
        fitting = {1: ("L",), 2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
        fitting = fitting[channels]
    else:
        fitting = {"int32": ("I",), "float32": ("F",)}.get(array.dtype.name, ())
        fitting = fitting if channels == 1 else ()
    if not fitting:
        raise DtypeError(
            f"{name}: Pillow has no images of {channels} channels of {array.dtype}; uint8 and "
            "floating-point numbers in [0, 1] will do"
        )
    if mode is not None and mode not in fitting:
        listed = ", ".join(repr(m) for m in fitting)
        raise ArgumentError(
            f"{name}: mode must be one of {listed} for {channels} channels of {array.dtype}; got "
            f"{mode!r}"
        )
    try:
        from PIL import Image
    except ImportError:
        raise MissingPartError(
            f'{name}: Pillow is not installed; pip install "minicnn[examples]"'
        ) from None
    size = array.shape[1::-1]
    return Image.frombytes(mode or fitting[0], size, np.ascontiguousarray(array).tobytes())


class ConvertImageDtype:
    """A tensor of another dtype, with its values brought to that dtype's range.

    As in ``torchvision.transforms``.

    Args:
        dtype: one of minicnn's.

    Raises:
        DtypeError: no dtype of minicnn's, or (on a call) not a tensor.

    >>> import minicnn as mc
    >>> ConvertImageDtype(mc.uint8)(mc.tensor([0.0, 0.5, 1.0]))
    tensor([  0, 127, 255], dtype=uint8)
    """

    def __init__(self, dtype):
        self.dtype = as_dtype(dtype, "ConvertImageDtype")

    def __call__(self, image):
        return convert_image_dtype(image, self.dtype)

    def __repr__(self):
        return f"ConvertImageDtype(dtype={self.dtype})"


class ToDtype:
    """A tensor of another dtype; its values are brought to that dtype's range if `scale`.

    As in ``torchvision.transforms``.

    Args:
        dtype: one of minicnn's.
        scale: False leaves the values as they are.

    Raises:
        DtypeError: no dtype of minicnn's, or (on a call) not a tensor.

    >>> import minicnn as mc
    >>> ToDtype(mc.float32, scale=True)(mc.tensor([0, 255], dtype=mc.uint8))
    tensor([0., 1.])
    """

    def __init__(self, dtype, scale=False):
        self.dtype = as_dtype(dtype, "ToDtype")
        self.scale = checked_flag("ToDtype", "scale", scale)

    def __call__(self, image):
        if self.scale:
            return convert_image_dtype(image, self.dtype)
        if not isinstance(image, Tensor):
            raise DtypeError(
                f"ToDtype: expected a tensor, got {type(image).__name__}; ToTensor() makes one"
            )
        return image.to(self.dtype)

    def __repr__(self):
        return f"ToDtype(dtype={self.dtype}, scale={self.scale})"


class PILToTensor:
    """A PIL image as a tensor (C, H, W) of the same numbers: uint8 stays uint8.

    As in ``torchvision.transforms``.

    Raises:
        DtypeError: not a PIL image.
        MissingPartError: Pillow is not installed.

    >>> from PIL import Image
    >>> PILToTensor()(Image.new("L", (3, 2), 7)).tolist()
    [[[7, 7, 7], [7, 7, 7]]]
    """

    def __call__(self, pic):
        return pil_to_tensor(pic)

    def __repr__(self):
        return "PILToTensor()"


class ToPILImage:
    """A tensor or an array as a PIL image; arguments and errors as of `to_pil_image`.

    As in ``torchvision.transforms``.

    Args:
        mode: Pillow's name of the kind of image; None: what fits the channels.

    Raises:
        MissingPartError: Pillow is not installed.
        DtypeError: (on a call) neither a tensor nor an array.
        ShapeError: (on a call) dimensions or channels that no image has.

    >>> import minicnn as mc
    >>> ToPILImage()(mc.zeros(3, 2, 4)).size
    (4, 2)
    """

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"ToPILImage({'' if self.mode is None else f'mode={self.mode}'})"
