"""The transforms as functions, with nothing random in them: torchvision's names and arguments."""

from minicnn.data.transforms.borders import pad
from minicnn.data.transforms.colour_noise import add_colour
from minicnn.data.transforms.colours import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    rgb_to_grayscale,
)
from minicnn.data.transforms.conversion import convert_image_dtype, pil_to_tensor, to_pil_image
from minicnn.data.transforms.crops import center_crop, crop, five_crop, ten_crop
from minicnn.data.transforms.elastic import elastic_transform, gaussian_blur
from minicnn.data.transforms.erasing import erase
from minicnn.data.transforms.flips import hflip, vflip
from minicnn.data.transforms.interpolation import InterpolationMode
from minicnn.data.transforms.perspective import perspective
from minicnn.data.transforms.pixels import get_dimensions, get_image_size
from minicnn.data.transforms.posterizing import posterize
from minicnn.data.transforms.random_crops import resized_crop
from minicnn.data.transforms.resizing import resize
from minicnn.data.transforms.tensors import normalize, to_tensor
from minicnn.data.transforms.warping import affine, rotate

__all__ = [
    "InterpolationMode",
    "add_colour",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "ten_crop",
    "to_pil_image",
    "to_tensor",
    "vflip",
]
