"""From a photograph to what a network with published weights was trained on."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, one_of
from minicnn.data.transforms import Normalize
from minicnn.data.transforms.pixels import is_pil_image, pixels
from minicnn.dtypes import is_floating
from minicnn.models.resampling import INTERPOLATIONS, resize, resize_bytes
from minicnn.shapes import as_tuple
from minicnn.tensor import Tensor


class ImageClassification:
    """Resize the shorter side, cut out the centre, rescale to 0 … 1, normalise the channels.

    Called with an image: a PIL image, which Pillow resizes; a NumPy array (H, W, C) of uint8, which
    is treated as Pillow would treat it (`resize_bytes`); or a tensor (…, C, H, W), of uint8 or of
    floating-point numbers in [0, 1], also a batch, which is treated as torchvision treats tensors
    (rounded once, not twice).
    Gives a float32 tensor (…, C, crop_size, crop_size).

    Args:
        crop_size: height and width of the result.
        resize_size: the shorter side before that.
        mean, std: of the channels, which become (x − mean) / std.
        interpolation: ``"bilinear"`` or ``"bicubic"``.
        antialias: True: where an image shrinks, every pixel counts. (Older torchvision could do
            without, for tensors; no weights want it.)

    Raises:
        ArgumentError: another interpolation, or antialias other than True.
        DtypeError: no image of these kinds.
        ShapeError: another number of channels than `mean` has.

    Source: torchvision's ``transforms`` of its published weights.

    >>> import numpy as np
    >>> transform = ImageClassification(crop_size=224)
    >>> transform(np.zeros((300, 400, 3), "uint8")).shape
    (3, 224, 224)
    """

    def __init__(
        self,
        *,
        crop_size,
        resize_size=256,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation="bilinear",
        antialias=True,
    ):
        name = "ImageClassification"
        self.crop_size = list(as_tuple(name, "crop_size", crop_size, 1, 1))
        self.resize_size = list(as_tuple(name, "resize_size", resize_size, 1, 1))
        self.mean, self.std = list(mean), list(std)
        interpolation = getattr(interpolation, "value", interpolation)  # torchvision's enumeration
        self.interpolation = one_of(name, "interpolation", interpolation, tuple(INTERPOLATIONS))
        if antialias is not True:
            raise ArgumentError(f"{name}: antialias must be True, got {antialias!r}")
        self.antialias = antialias
        self._normalize = Normalize(self.mean, self.std)

    def __call__(self, img):
        images = self._cropped(self._resized(img))
        if images.dtype == np.uint8:
            images = images.astype(np.float32) / np.float32(255)
        return self._normalize(Tensor(np.ascontiguousarray(images, np.float32)))

    def _resized(self, img):
        """The image as an array (…, C, H, W) whose shorter side is `resize_size`."""
        if is_pil_image(img):
            self._check_channels(len(img.getbands()), f"an image of mode {img.mode!r}")
            size = self._size(img.height, img.width)[::-1]
            resampling = {"bilinear": 2, "bicubic": 3}[self.interpolation]  # Pillow's numbers
            array = np.asarray(img.resize(size, resampling))
            if array.dtype != np.uint8:
                raise DtypeError(
                    f"ImageClassification: the image has mode {img.mode!r}; "
                    "image.convert('RGB') gives one that it takes"
                )
            return array.reshape(*array.shape[:2], -1).transpose(2, 0, 1)  # (H, W, C) → (C, H, W)
        array, _ = pixels("ImageClassification", img)
        if not array.size:
            raise ShapeError(f"ImageClassification: the image of shape {img.shape} has no pixels")
        if isinstance(img, np.ndarray):
            array = array.reshape(*array.shape[:2], -1).transpose(2, 0, 1)
        if array.ndim < 3:
            raise ShapeError(
                f"ImageClassification: expected a tensor (…, C, H, W), got shape {img.shape}"
            )
        self._check_channels(array.shape[-3], f"shape {tuple(img.shape)}")
        size = self._size(*array.shape[-2:])
        if array.dtype == np.uint8:
            if isinstance(img, np.ndarray):
                return resize_bytes(array, *size, self.interpolation)
            resized = resize(array.astype(np.float32), *size, self.interpolation)
            return resized.round().clip(0, 255).astype(np.uint8)
        if isinstance(img, np.ndarray) or not is_floating(array.dtype):
            raise DtypeError(
                "ImageClassification: expected an array of uint8, or a tensor of uint8 or of "
                f"floating-point numbers in [0, 1]; got {array.dtype}"
            )
        return resize(array, *size, self.interpolation)

    def _check_channels(self, channels, what):
        if channels != len(self.mean):
            raise ShapeError(
                f"ImageClassification: expected {len(self.mean)} channels, got {what}; "
                "image.convert('RGB') gives a PIL image three"
            )

    def _size(self, height, width):
        """The sizes whose shorter one is `resize_size`, in the same proportion."""
        (short,) = self.resize_size
        long = int(short * max(height, width) / min(height, width))
        return (short, long) if height <= width else (long, short)

    def _cropped(self, images):
        """The centre of (…, H, W); black borders where the image is smaller than that."""
        (size,) = self.crop_size
        for axis in (-2, -1):
            missing = max(size - images.shape[axis], 0)
            border = [(0, 0)] * images.ndim
            border[axis] = missing // 2, (missing + 1) // 2
            images = np.pad(images, border) if missing else images
            first = round((images.shape[axis] - size) / 2)
            images = np.moveaxis(np.moveaxis(images, axis, 0)[first : first + size], 0, axis)
        return images

    def __repr__(self):
        options = ("crop_size", "resize_size", "mean", "std", "interpolation")
        lines = [f"    {name}={getattr(self, name)!r}" for name in options]
        return "\n".join(["ImageClassification(", *lines, ")"])

    def describe(self):
        """What is done, in words."""
        return (
            f"The shorter side of the image becomes {self.resize_size[0]} ({self.interpolation} "
            f"interpolation), its centre of {self.crop_size[0]} × {self.crop_size[0]} is cut out, "
            f"its values are rescaled to 0 … 1 and normalised with mean={self.mean} and "
            f"std={self.std}."
        )
