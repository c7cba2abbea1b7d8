"""Mirror images."""

import numpy as np

from minicnn.data.transforms.drawing import checked_probability, happens
from minicnn.data.transforms.pixels import is_pil_image, pixels
from minicnn.kernels import find
from minicnn.tensor import Tensor


def hflip(img):
    """The image with left and right exchanged, a copy.

    >>> hflip(np.array([[1, 2, 3]]))
    array([[3, 2, 1]])
    """
    if is_pil_image(img):
        return img.transpose(0)  # Pillow's FLIP_LEFT_RIGHT
    array, _ = pixels("hflip", img)
    if isinstance(img, Tensor):  # (…, H, W) → rows of one channel
        lines = array.reshape(-1, array.shape[-1], 1) if array.size else None
    else:  # (H, W, C)
        lines = array.reshape(*array.shape[:2], -1) if array.size else None
    if lines is None:
        return Tensor(array.copy()) if isinstance(img, Tensor) else array.copy()
    mirrored = find("mirror")(lines).reshape(array.shape)
    return Tensor(mirrored) if isinstance(img, Tensor) else mirrored


def vflip(img):
    """The image upside down, a copy.

    >>> vflip(np.array([[1], [2]])).tolist()
    [[2], [1]]
    """
    if is_pil_image(img):
        return img.transpose(1)  # Pillow's FLIP_TOP_BOTTOM
    array, rows = pixels("vflip", img)
    flipped = np.ascontiguousarray(np.flip(array, rows))
    return Tensor(flipped) if isinstance(img, Tensor) else flipped


class RandomHorizontalFlip:
    """The image with left and right exchanged, with probability `p`; else as it is.

    As ``torchvision.transforms.RandomHorizontalFlip``.

    Args:
        p: the probability, a number from 0 to 1.

    Raises:
        ArgumentError: a probability outside of 0 … 1.
        DtypeError: a probability that is no number, or (on a call) what is no image.

    >>> RandomHorizontalFlip(p=1)(np.array([[1, 2, 3]]))
    array([[3, 2, 1]])
    """

    def __init__(self, p=0.5):
        self.p = checked_probability(type(self).__name__, p)

    def __call__(self, img):
        return hflip(img) if happens(self.p) else img

    def of_batch(self, images, streams):
        """The same for many, (N, H, W) or (N, H, W, C), each with its own random stream."""
        if isinstance(images, Tensor):
            return None
        flipped = np.array([stream.generator().numpy.random() < self.p for stream in streams])
        images = images.copy()
        images[flipped] = images[flipped, :, ::-1]
        return images

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(RandomHorizontalFlip):
    """The image upside down, with probability `p`; else as it is.

    As ``torchvision.transforms.RandomVerticalFlip``.

    Args:
        p: the probability, a number from 0 to 1.

    Raises:
        ArgumentError: a probability outside of 0 … 1.
        DtypeError: a probability that is no number, or (on a call) what is no image.

    >>> RandomVerticalFlip(p=1)(np.array([[1], [2]])).tolist()
    [[2], [1]]
    """

    def __call__(self, img):
        return vflip(img) if happens(self.p) else img
