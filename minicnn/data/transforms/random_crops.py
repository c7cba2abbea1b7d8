"""Parts cut out of images, at random places."""

import math

import numpy as np

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.borders import Pad
from minicnn.data.transforms.crops import crop
from minicnn.data.transforms.drawing import checked_range, numbers, uniform
from minicnn.data.transforms.interpolation import RESIZING, InterpolationMode, as_mode
from minicnn.data.transforms.pixels import get_dimensions, is_pil_image
from minicnn.data.transforms.resizing import resampled, resize
from minicnn.shapes import as_tuple
from minicnn.tensor import Tensor


class RandomCrop:
    """A part of the image, of a given size and from a random place.


    No numbers are drawn where the image has the size already.

    As ``torchvision.transforms.RandomCrop``.

    Args:
        size: the size (h, w), or one number for both.
        padding: a border put around the image first, as in `Pad`; None: no border.
        pad_if_needed: widen an image that is smaller than `size`, on both sides.
        fill, padding_mode: of the border, as in `Pad`.

    Raises:
        ShapeError: the image is smaller than `size`.
        ArgumentError, DtypeError: as for `Pad`.

    >>> import minicnn as mc
    >>> RandomCrop(28, padding=4)(mc.zeros(1, 28, 28)).shape
    (1, 28, 28)
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        self.size = as_tuple("RandomCrop", "size", size, 2, 1)
        self.padding = padding
        self.pad_if_needed = checked_flag("RandomCrop", "pad_if_needed", pad_if_needed)
        self.fill, self.padding_mode = fill, padding_mode
        self._pad = Pad(0 if padding is None else padding, fill, padding_mode)

    @staticmethod
    def get_params(img, output_size):
        """A random place for a crop: (top, left, height, width)."""
        (height, width), (_, old_height, old_width) = output_size, get_dimensions(img)
        if height > old_height or width > old_width:
            raise ShapeError(
                f"RandomCrop: a crop of {height} × {width} is larger than the image of {old_height}"
                f" × {old_width}, its padding included; pad_if_needed=True widens it"
            )
        if (height, width) == (old_height, old_width):
            return 0, 0, height, width
        down, right = old_height - height, old_width - width
        return int(numbers().integers(down + 1)), int(numbers().integers(right + 1)), height, width

    def __call__(self, img):
        if self.padding is not None:
            img = self._pad(img)
        if self.pad_if_needed:
            _, *old = get_dimensions(img)
            down, right = (max(n - o, 0) for n, o in zip(self.size, old, strict=True))
            if down or right:
                img = Pad((right, down), self.fill, self.padding_mode)(img)
        return crop(img, *self.get_params(img, self.size))

    def of_batch(self, images, streams):
        """The same for many, (N, H, W) or (N, H, W, C), each with its own random stream.

        None where that takes more care: borders other than constant ones, images that are too
        small.
        """
        if isinstance(images, Tensor) or self.pad_if_needed or self.padding_mode != "constant":
            return None
        if self.padding is not None:
            images = self._pad.of_batch(images)
        (height, width), (old_height, old_width) = self.size, images.shape[1:3]
        down, right = old_height - height, old_width - width
        if down < 0 or right < 0 or not (down or right):
            return images if down == right == 0 else None
        parts = np.empty((len(images), height, width, *images.shape[3:]), images.dtype)
        for part, image, stream in zip(parts, images, streams, strict=True):
            draw = stream.generator().numpy.integers
            top, left = draw(down + 1), draw(right + 1)
            part[...] = image[top : top + height, left : left + width]
        return parts

    def __repr__(self):
        return f"RandomCrop(size={self.size}, padding={self.padding})"


def resized_crop(
    img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """The part of the image that begins at (top, left), at another size.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W).
        top, left, height, width: the part, as for `crop`.
        size, interpolation, antialias: as for `Resize`.
    """
    _, old_height, old_width = get_dimensions(img)
    inside = 0 <= top <= old_height - height and 0 <= left <= old_width - width
    both = isinstance(size, (list, tuple)) and len(size) == 2
    if is_pil_image(img) or not inside or not both or tuple(size) == (height, width):
        part = crop(img, top, left, height, width)
        return resize(part, size, interpolation, antialias=antialias)
    mode = as_mode("resized_crop", interpolation, RESIZING)
    size = as_tuple("resized_crop", "size", size, 2, 1)
    # Without a copy of the part.
    return resampled("resized_crop", img, (top, left, height, width), size, mode, antialias)


class RandomResizedCrop:
    """A random part of the image, at one size: how the Inception networks were trained.

    Args:
        size: the new size (h, w), or one number for both.
        scale: the part's area, (min, max), with the image's as 1.
        ratio: the part's width / height, (min, max), drawn on a logarithmic scale.
        interpolation, antialias: as for `Resize`.

    Raises:
        ArgumentError, DtypeError: wrong arguments, or an image as for `Resize`.

    Ten parts are drawn; if none fits into the image, its centre is taken, as large as `ratio`
    allows.

    Source: C. Szegedy et al., "Going deeper with convolutions", 2015, section 6.

    >>> import minicnn as mc
    >>> RandomResizedCrop(224)(mc.zeros(3, 375, 500)).shape
    (3, 224, 224)
    """

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        name = "RandomResizedCrop"
        self.size = as_tuple(name, "size", size, 2, 1)
        self.scale = checked_range(name, "scale", scale, 0, math.inf)
        self.ratio = checked_range(name, "ratio", ratio, 0, math.inf)
        if not self.ratio[0]:
            raise ArgumentError(f"{name}: ratio must be above 0, got {ratio!r}")
        self.interpolation = as_mode(name, interpolation)
        self.antialias = one_of(name, "antialias", antialias, (True, False, None))

    @staticmethod
    def get_params(img, scale, ratio):
        """A random part of the image: (top, left, height, width)."""
        _, height, width = get_dimensions(img)
        for _ in range(10):
            area = height * width * uniform(*scale)
            aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                top, left = numbers().integers(height - h + 1), numbers().integers(width - w + 1)
                return int(top), int(left), h, w
        h, w = height, width
        if width < height * ratio[0]:
            h = min(round(width / ratio[0]), height)
        elif width > height * ratio[1]:
            w = min(round(height * ratio[1]), width)
        return (height - h) // 2, (width - w) // 2, h, w

    def __call__(self, img):
        part = self.get_params(img, self.scale, self.ratio)
        return resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def __repr__(self):
        scale, ratio = (tuple(round(n, 4) for n in pair) for pair in (self.scale, self.ratio))
        return (
            f"RandomResizedCrop(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )
