"""Parts cut out of images, at fixed places."""

from minicnn.checks import ShapeError, integer
from minicnn.data.arguments import checked_flag
from minicnn.data.transforms.borders import pad
from minicnn.data.transforms.flips import hflip, vflip
from minicnn.data.transforms.pixels import get_dimensions, is_pil_image, pixels
from minicnn.shapes import as_tuple
from minicnn.tensor import Tensor


def crop(img, top, left, height, width):
    """The part of the image that begins at (top, left); zeros where it goes beyond the image.

    Of arrays and tensors it is a view: their memory, as far as the part lies inside.

    >>> import numpy as np
    >>> crop(np.array([[1, 2, 3], [4, 5, 6]]), 0, 1, 2, 3)
    array([[2, 3, 0],
           [5, 6, 0]])
    """
    top, left, height, width = (
        integer("crop", name, value)
        for name, value in (("top", top), ("left", left), ("height", height), ("width", width))
    )
    if height < 0 or width < 0:
        raise ShapeError(f"crop: the size must be at least 0, got {height} × {width}")
    return _part(img, top, left, height, width)


def _part(img, top, left, height, width):
    if is_pil_image(img):
        return img.crop((left, top, left + width, top + height))
    array, rows = pixels("crop", img)
    old_height, old_width = array.shape[rows : rows + 2]
    # Counted from the nearest pixel of the image where the part lies outside altogether.
    first_row, first_column = min(max(top, 0), old_height), min(max(left, 0), old_width)
    last_row = min(max(top + height, first_row), old_height)
    last_column = min(max(left + width, first_column), old_width)
    window = slice(first_row, last_row), slice(first_column, last_column)
    part = Tensor(array[(..., *window)]) if isinstance(img, Tensor) else array[window]
    missing = height - (last_row - first_row), width - (last_column - first_column)
    if not any(missing):
        return part
    above = min(max(-top, 0), missing[0])
    before = min(max(-left, 0), missing[1])
    return pad(part, (before, above, missing[1] - before, missing[0] - above))


def center_crop(img, output_size):
    """The centre of the image; with borders of zeros where the image is smaller.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W).
        output_size: the size (h, w), or one number for both.

    >>> import numpy as np
    >>> center_crop(np.arange(25).reshape(5, 5), 1)
    array([[12]])
    """
    size = as_tuple("center_crop", "output_size", output_size, 2, 1)
    _, *old = get_dimensions(img)
    missing = [max(n - o, 0) for n, o in zip(size, old, strict=True)]
    if any(missing):
        above, before = (m // 2 for m in missing)
        img = pad(img, (before, above, missing[1] - before, missing[0] - above))
        old = [o + m for o, m in zip(old, missing, strict=True)]
    # Python's round, as in torchvision: of two middles it takes the even one.
    top, left = (round((o - n) / 2) for o, n in zip(old, size, strict=True))
    return _part(img, top, left, *size)


def five_crop(img, size):
    """The four corners and the centre: a tuple (top left, top right, bottom left, bottom right,
    centre).

    Raises:
        ShapeError: the image is smaller than `size`.
    """
    return _five("five_crop", img, as_tuple("five_crop", "size", size, 2, 1))


def _five(operation, img, size):
    (height, width), (_, old_height, old_width) = size, get_dimensions(img)
    if height > old_height or width > old_width:
        raise ShapeError(
            f"{operation}: a crop of {height} × {width} is larger than the image of {old_height} × "
            f"{old_width}; Resize(…) before it makes the image larger"
        )
    down, right = old_height - height, old_width - width
    # Python's round, as in `center_crop`.
    places = [(0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2))]
    return tuple(_part(img, *place, height, width) for place in places)


def ten_crop(img, size, vertical_flip=False):
    """The crops of `five_crop`, then those of the mirror image; of the image upside down where
    `vertical_flip` is True."""
    size = as_tuple("ten_crop", "size", size, 2, 1)
    mirrored = (
        vflip(img) if checked_flag("ten_crop", "vertical_flip", vertical_flip) else hflip(img)
    )
    return _five("ten_crop", img, size) + _five("ten_crop", mirrored, size)


class CenterCrop:
    """The centre of the image, of size (h, w); with borders of zeros where the image is smaller.

    As ``torchvision.transforms.CenterCrop``.

    Args:
        size: (h, w), or one integer for both.

    Raises:
        DtypeError: a size that is no integer, or what is no image.
        ArgumentError: a size below 1.

    >>> import minicnn as mc
    >>> CenterCrop(224)(mc.zeros(3, 256, 341)).shape
    (3, 224, 224)
    """

    def __init__(self, size):
        self.size = as_tuple("CenterCrop", "size", size, 2, 1)

    def __call__(self, img):
        return center_crop(img, self.size)

    def __repr__(self):
        return f"CenterCrop(size={self.size})"


class FiveCrop:
    """The four corners of the image and its centre: a tuple of five images.

    As ``torchvision.transforms.FiveCrop``.

    Args:
        size: (h, w), or one integer for both.

    Raises:
        ShapeError: the image is smaller than `size`.
        DtypeError: a size that is no integer, or (on a call) what is no image.

    >>> import minicnn as mc
    >>> crops = FiveCrop(224)(mc.zeros(3, 256, 256))
    >>> mc.stack(crops).shape
    (5, 3, 224, 224)
    """

    def __init__(self, size):
        self.size = as_tuple("FiveCrop", "size", size, 2, 1)

    def __call__(self, img):
        return _five("FiveCrop", img, self.size)

    def __repr__(self):
        return f"FiveCrop(size={self.size})"


class TenCrop:
    """The corners and the centre of the image and of its mirror image: a tuple of ten images.

    A network's predictions for the ten are averaged when it is tested.


    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 4.1.

    Args:
        size: the size (h, w), or one number for both.
        vertical_flip: take the image upside down instead of its mirror image.

    Raises:
        ShapeError: the image is smaller than `size`.
        DtypeError: a size that is no integer, or (on a call) what is no image.

    >>> import minicnn as mc
    >>> crops = mc.stack(TenCrop(224)(mc.rand(3, 256, 256)))
    >>> crops.shape, mc.equal(crops[5], crops[1].flip(-1))
    ((10, 3, 224, 224), True)
    """

    def __init__(self, size, vertical_flip=False):
        self.size = as_tuple("TenCrop", "size", size, 2, 1)
        self.vertical_flip = checked_flag("TenCrop", "vertical_flip", vertical_flip)

    def __call__(self, img):
        mirrored = vflip(img) if self.vertical_flip else hflip(img)
        return _five("TenCrop", img, self.size) + _five("TenCrop", mirrored, self.size)

    def __repr__(self):
        return f"TenCrop(size={self.size}, vertical_flip={self.vertical_flip})"
