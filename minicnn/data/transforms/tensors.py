"""From an image to numbers that a network can take."""

import math

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.pixels import is_pil_image
from minicnn.dtypes import DTYPES, is_floating
from minicnn.kernels import find
from minicnn.tensor import Tensor


def to_tensor(pic):
    """An image as a tensor (C, H, W); as `ToTensor`, which see."""
    return ToTensor()(pic)


def normalize(tensor, mean, std, inplace=False):
    """(image − mean) / std, channel by channel; as `Normalize`, which see."""
    return Normalize(mean, std, inplace)(tensor)


class ToTensor:
    """An image as a tensor: (H, W) or (H, W, C) becomes (C, H, W); uint8 becomes float32 in [0, 1].

    Takes an array or a PIL image. Only uint8 (and PIL's black-and-white mode "1") is divided by
    255; arrays of another dtype keep it and their values.

    As ``torchvision.transforms.ToTensor``.

    Raises:
        DtypeError: neither an array nor a PIL image, or of a dtype that minicnn does not have.
        ShapeError: not two or three dimensions.

    >>> ToTensor()(np.array([[0, 51, 255]], "uint8"))
    tensor([[[0. , 0.2, 1. ]]])
    """

    def __call__(self, image):
        if is_pil_image(image):
            # Pixels of "1" are truth values; all else has numbers.
            array = np.asarray(image)
            array = array * np.uint8(255) if image.mode == "1" else array
        elif isinstance(image, np.ndarray):
            array = image
        else:
            raise DtypeError(
                f"ToTensor: expected a NumPy array or a PIL image, got {type(image).__name__}"
                + ("; it is a tensor already" if isinstance(image, Tensor) else "")
            )
        if array.ndim not in (2, 3):
            raise ShapeError(
                f"ToTensor: expected an image of shape (H, W) or (H, W, C), got {array.shape}"
            )
        if array.dtype.newbyteorder("=") not in DTYPES:
            raise DtypeError(
                f"ToTensor: the image is of {array.dtype}, expected one of minicnn's dtypes: "
                f"{', '.join(d.name for d in DTYPES)}"
            )
        return Tensor(_planes(array[None])[0])

    def of_batch(self, images, streams):
        """The same for many arrays, (N, H, W) or (N, H, W, C)."""
        fits = isinstance(images, np.ndarray) and images.dtype.newbyteorder("=") in DTYPES
        return Tensor(_planes(images)) if fits else None

    def __repr__(self):
        return "ToTensor()"


def _planes(images):
    """(N, H, W) or (N, H, W, C) → (N, C, H, W); uint8 → float32 in [0, 1]."""
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    # Copied, so that the tensor does not change when the image is written to.
    images = np.array(images, images.dtype.newbyteorder("="), order="C")
    if images.dtype != np.uint8:
        return images
    return np.divide(images, np.float32(255), dtype=np.float32)


class Normalize:
    """(image − mean) / std, channel by channel, for floating-point tensors (…, C, H, W).

    As ``torchvision.transforms.Normalize``.

    Args:
        mean, std: a number, or one for each channel.
        inplace: change the image given instead of making a new one.

    Raises:
        ArgumentError: a standard deviation of 0.
        DtypeError: not a tensor, or not a floating-point one.
        ShapeError: fewer than three dimensions, or not as many channels as numbers.

    >>> import minicnn as mc
    >>> Normalize([0.1307], [0.3081])(mc.full((1, 1, 2), 0.1307))
    tensor([[[0., 0.]]])
    """

    def __init__(self, mean, std, inplace=False):
        self.mean, self.std = mean, std
        self.inplace = checked_flag("Normalize", "inplace", inplace)
        self._mean, self._std = _channel_numbers("mean", mean), _channel_numbers("std", std)
        self._checked_std(np.dtype("float64"))

    def _checked_std(self, dtype):
        std = self._std.astype(dtype)
        if not std.all():
            raise ArgumentError(f"Normalize: std must not be 0 (in {dtype}), got {self.std!r}")
        return std

    def __call__(self, image):
        if not isinstance(image, Tensor):
            raise DtypeError(
                f"Normalize: expected a tensor, got {type(image).__name__}; put ToTensor() before "
                "it"
            )
        if not is_floating(image.dtype):
            raise DtypeError(
                f"Normalize: expected a floating-point tensor, got {image.dtype}; ToTensor() makes "
                "float32 of uint8 images, .float() of tensors"
            )
        if image.ndim < 3:
            raise ShapeError(
                f"Normalize: expected an image of shape (…, C, H, W), got {image.shape}"
            )
        for argument, numbers in (("mean", self._mean), ("std", self._std)):
            if len(numbers) not in (1, image.shape[-3]):
                raise ShapeError(
                    f"Normalize: {argument} has {len(numbers)} numbers, but an image of shape "
                    f"{image.shape} has {image.shape[-3]} channels"
                )
        mean, std = self._mean.astype(image.dtype), self._checked_std(image.dtype)
        if self.inplace:
            return image.sub_(Tensor(mean)).div_(Tensor(std))
        if image.requires_grad or image.dtype == np.float16:
            return (image - Tensor(mean)) / Tensor(std)
        return Tensor(_normalized(image.array, mean, std))

    def of_batch(self, images, streams):
        """The same for many, (N, C, H, W)."""
        return self(images)

    def __repr__(self):
        return f"Normalize(mean={self.mean}, std={self.std})"


def _normalized(array, mean, std):
    """The same in one go, without a graph."""
    channels, pixels = array.shape[-3], array.shape[-2] * array.shape[-1]
    planes = np.ascontiguousarray(array).reshape(math.prod(array.shape[:-3]), channels, pixels)
    # Many small images go through here, for which NumPy's functions take longer than the work.
    mean, std = (n.reshape(-1) if n.size == channels else n.repeat(channels) for n in (mean, std))
    return find("normalize_channels")(planes, mean, std).reshape(array.shape)


def _channel_numbers(argument, given):
    """A number, or one for each channel, in a shape that fits beside (…, C, H, W)."""
    try:
        numbers = np.asarray(given)
    except ValueError:  # ragged
        numbers = np.empty(0)
    if numbers.ndim > 1 or not numbers.size or numbers.dtype.kind not in "biuf":
        raise ArgumentError(
            f"Normalize: {argument} must be a number, or one number for each channel; got {given!r}"
        )
    return numbers.astype(np.float64).reshape(-1, 1, 1)
