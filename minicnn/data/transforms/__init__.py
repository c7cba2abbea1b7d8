"""Changes to images on their way from a data set into a network.

The names, arguments and meanings are torchvision's; `functional` has each as a function. An image
is a PIL image, an array of shape (H, W) or (H, W, C), as data sets give it, or a tensor of shape
(…, C, H, W), as networks take it; what comes out is of the same kind. What is random draws from the
generator of the sample that the loader makes (`minicnn.data.sample_random`), else from minicnn's
default generator.

A wrong option raises `ArgumentError` or `DtypeError` when the transform is made, an image that does
not fit `ShapeError` or `DtypeError` when it is called.
"""

from minicnn.data.transforms import functional
from minicnn.data.transforms.borders import Pad
from minicnn.data.transforms.colour_noise import PCALighting, RGBShift, colour_components
from minicnn.data.transforms.composition import (
    Compose,
    Lambda,
    RandomApply,
    RandomChoice,
    RandomOrder,
)
from minicnn.data.transforms.conversion import ConvertImageDtype, PILToTensor, ToDtype, ToPILImage
from minicnn.data.transforms.crops import CenterCrop, FiveCrop, TenCrop
from minicnn.data.transforms.elastic import ElasticTransform, GaussianBlur
from minicnn.data.transforms.erasing import RandomErasing
from minicnn.data.transforms.flips import RandomHorizontalFlip, RandomVerticalFlip
from minicnn.data.transforms.interpolation import InterpolationMode
from minicnn.data.transforms.jitter import ColorJitter, Grayscale, RandomGrayscale
from minicnn.data.transforms.perspective import RandomPerspective
from minicnn.data.transforms.posterizing import RandomPosterize
from minicnn.data.transforms.random_crops import RandomCrop, RandomResizedCrop
from minicnn.data.transforms.random_warps import RandomAffine, RandomRotation
from minicnn.data.transforms.resizing import Resize
from minicnn.data.transforms.tensors import Normalize, ToTensor
