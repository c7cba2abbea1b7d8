"""The colour of the light changed at random: one shift for all pixels of an image."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, real
from minicnn.data.transforms.colours import colour_planes, highest
from minicnn.data.transforms.drawing import numbers
from minicnn.data.transforms.pixels import (
    channels_first,
    from_channels_first,
    get_dimensions,
    is_pil_image,
    through_array,
)

# Of ImageNet's training images, as the ResNet code of Facebook AI (fb.resnet.torch) gives them.
IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
IMAGENET_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


def add_colour(img, shift):
    """The image with `shift`, three numbers in units of full brightness, added to all pixels.

    >>> add_colour(np.array([[[100, 100, 250]]], "uint8"), (0.1, 0, 0.1)).tolist()
    [[[126, 100, 255]]]
    """
    if is_pil_image(img):
        if img.mode != "RGB":
            raise DtypeError(
                f"add_colour: expected a PIL image of mode 'RGB', got {img.mode!r}; "
                "image.convert('RGB') makes one"
            )
        return through_array(lambda array: add_colour(array, shift), img)
    planes = colour_planes("add_colour", img, permitted=(3,))
    high = highest(planes)
    added = planes + np.asarray(shift, np.float64).astype(np.result_type(planes, np.float32))[
        :, None
    ] * np.float32(high)
    if planes.dtype == np.uint8:
        added = np.rint(added)
    return from_channels_first(img, added.clip(0, high).astype(planes.dtype))


def colour_components(images):
    """In which directions, and how much, the colours of a data set vary.

    The eigenvalues and eigenvectors of the covariance matrix of all pixels' (red, green, blue), in
    units of full brightness: `PCALighting` takes them.

    minicnn's own, for the method of Krizhevsky, Sutskever & Hinton 2012, section 4.1.

    Args:
        images: colour images (arrays, tensors or PIL images), or samples (image, label): a data set
            without random transforms, say. Once through it.

    Returns:
        (eigenvalues, eigenvectors): arrays (3,), the largest first, and (3, 3), a column each.

    Raises:
        ArgumentError: no images.
        ShapeError: an image that has not three channels.

    >>> grey = np.repeat(np.arange(256, dtype="uint8").reshape(16, 16, 1), 3, axis=2)
    >>> eigenvalues, eigenvectors = colour_components([grey])
    >>> eigenvalues.round(4), abs(eigenvectors[:, 0]).round(4)
    (array([0.252, 0.   , 0.   ]), array([0.5774, 0.5774, 0.5774]))
    """
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for i, sample in enumerate(images):
        image = sample[0] if isinstance(sample, (tuple, list)) else sample
        image = np.asarray(image) if is_pil_image(image) else image
        channels = get_dimensions(image)[0]
        if channels != 3:
            raise ShapeError(
                f"colour_components: image {i} has {channels} channels, expected 3 (red, green, "
                "blue)"
            )
        planes = channels_first("colour_components", image)
        values = planes.astype(np.float64).transpose(1, 0, 2).reshape(3, -1) / highest(planes)
        # About ½: numbers that differ little lose few digits.
        values -= 0.5
        count += values.shape[1]
        total += values.sum(1)
        products += values @ values.T
    if not count:
        raise ArgumentError("colour_components: there are no images")
    mean = total / count
    eigenvalues, eigenvectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    return eigenvalues[::-1].clip(0), eigenvectors[:, ::-1].copy()


class PCALighting:
    """Colour noise along the directions in which a data set's colours vary: another light.

    To all pixels of an image Σ_i α_i λ_i p_i is added, with eigenvalues λ_i and eigenvectors p_i of
    the colours' covariance, and α_i from the normal distribution N(0, std), new for each image.

    Args:
        std: 0.1 in the paper.
        eigenvalues, eigenvectors: as `colour_components` gives them, in units of full brightness;
            default: ImageNet's.

    Raises:
        ArgumentError: a negative std, or eigenvalues and -vectors of other shapes.
        ShapeError: (on a call) an image that has not three channels.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 4.1. (There the values run from 0 to 255; taken literally, the
    eigenvalues would be 255² times as large and each shift a thousand levels. Since then everybody
    has computed with values from 0 to 1.)

    >>> PCALighting(std=0)(np.full((1, 1, 3), 7, "uint8")).tolist()
    [[[7, 7, 7]]]
    """

    def __init__(
        self, std=0.1, eigenvalues=IMAGENET_EIGENVALUES, eigenvectors=IMAGENET_EIGENVECTORS
    ):
        self.std = _not_negative("PCALighting", "std", std)
        self.eigenvalues = np.asarray(eigenvalues, np.float64)
        self.eigenvectors = np.asarray(eigenvectors, np.float64)
        if self.eigenvalues.shape != (3,) or self.eigenvectors.shape != (3, 3):
            raise ArgumentError(
                "PCALighting: expected three eigenvalues and a matrix (3, 3) of eigenvectors, a "
                f"column each; got shapes {self.eigenvalues.shape} and {self.eigenvectors.shape}"
            )

    def get_params(self):
        """A random shift of red, green and blue."""
        alpha = numbers().normal(0, self.std, 3)
        return self.eigenvectors @ (alpha * self.eigenvalues)

    def __call__(self, img):
        return add_colour(img, self.get_params())

    def __repr__(self):
        return f"PCALighting(std={self.std}, eigenvalues={self.eigenvalues.tolist()})"


class RGBShift:
    """A random number added to each of the channels red, green and blue.

    minicnn's own.

    Args:
        limit: the most, in units of full brightness: uniform in (−limit, limit).

    Raises:
        ArgumentError: a negative limit.
        ShapeError: (on a call) an image that has not three channels.

    >>> RGBShift(0)(np.full((1, 1, 3), 7, "uint8")).tolist()
    [[[7, 7, 7]]]
    """

    def __init__(self, limit=0.1):
        self.limit = _not_negative("RGBShift", "limit", limit)

    def get_params(self):
        """A random shift of red, green and blue."""
        return numbers().uniform(-self.limit, self.limit, 3)

    def __call__(self, img):
        return add_colour(img, self.get_params())

    def __repr__(self):
        return f"RGBShift(limit={self.limit})"


def _not_negative(operation, argument, value):
    if not 0 <= real(operation, argument, value) < float("inf"):
        raise ArgumentError(f"{operation}: {argument} must be at least 0, got {value}")
    return value
