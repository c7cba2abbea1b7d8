"""Images with fewer levels of brightness."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, integer
from minicnn.data.transforms.drawing import checked_probability, happens
from minicnn.data.transforms.pixels import is_pil_image, pixels, through_array
from minicnn.tensor import Tensor


def _checked_bits(operation, bits):
    if not 0 <= integer(operation, "bits", bits) <= 8:
        raise ArgumentError(f"{operation}: bits must be from 0 to 8, got {bits}")
    return int(bits)


def posterize(img, bits):
    """The image with only the highest `bits` of the 8 bits of each number.

    Args:
        img: a PIL image, an array (H, W) or (H, W, C), or a tensor (…, H, W); of uint8.
        bits: 0 to 8.

    Raises:
        ArgumentError: other bits.
        DtypeError: not an image of uint8.

    >>> posterize(np.array([[3, 130, 255]], "uint8"), 2)
    array([[  0, 128, 192]], dtype=uint8)
    """
    bits = _checked_bits("posterize", bits)
    if is_pil_image(img):
        if img.mode not in ("L", "RGB"):
            raise DtypeError(f"posterize: expected a PIL image of mode L or RGB, got {img.mode}")
        return through_array(lambda array: posterize(array, bits), img)
    array, _ = pixels("posterize", img)
    if array.dtype != np.uint8:
        raise DtypeError(
            f"posterize: expected an image of uint8, got {array.dtype}; put it before ToTensor()"
        )
    kept = array & np.uint8(256 - 2 ** (8 - bits) if bits else 0)
    return Tensor(kept) if isinstance(img, Tensor) else kept


class RandomPosterize:
    """The image with only the highest `bits` of the 8 bits of each number, with probability `p`.

    As ``torchvision.transforms.RandomPosterize``.

    Args:
        bits: how many, an integer from 0 to 8.
        p: the probability, a number from 0 to 1.

    Raises:
        ArgumentError: bits or a probability out of range.
        DtypeError: (on a call) an image that is not of uint8.

    >>> RandomPosterize(1, p=1)(np.array([[3, 130, 255]], "uint8"))
    array([[  0, 128, 128]], dtype=uint8)
    """

    def __init__(self, bits, p=0.5):
        self.bits = _checked_bits("RandomPosterize", bits)
        self.p = checked_probability("RandomPosterize", p)

    def __call__(self, img):
        return posterize(img, self.bits) if happens(self.p) else img

    def __repr__(self):
        return f"RandomPosterize(bits={self.bits}, p={self.p})"
