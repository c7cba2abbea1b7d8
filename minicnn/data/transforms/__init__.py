"""Changes to images on their way from a data set into a network.

The names, arguments and meanings are torchvision's. An image is an array of shape (H, W) or
(H, W, C), as data sets give it, or a tensor of shape (…, H, W), as networks take it. What is random
draws from minicnn's default generator, or from the one given as `generator`.
"""

from minicnn.data.transforms.borders import Pad, RandomCrop
from minicnn.data.transforms.composition import Compose, Lambda
from minicnn.data.transforms.tensors import Normalize, ToTensor
