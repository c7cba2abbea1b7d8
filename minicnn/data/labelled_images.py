"""Data sets of images in memory, each with the number of its class."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data.arguments import checked_function
from minicnn.data.datasets import Dataset
from minicnn.tensor import Tensor


class LabelledImages(Dataset):
    """Images and labels in memory; a sample is ``(image, label)``.

    minicnn's own: what `MNIST` and `CIFAR10` are made of.

    Args:
        images: a uint8 array of shape (N, H, W) or (N, H, W, C).
        labels: an array of N integers from 0 to the number of classes − 1.
        transform: called with each image, a uint8 array of its own (so it may be changed); its
            result takes the image's place.
        target_transform: the same for the label, an int.

    Attributes:
        data: the images as a uint8 tensor.
        targets: the labels as an int64 tensor.
        classes: the names of the classes, in the order of their numbers.

    Raises:
        ShapeError: there are not as many images as labels.
        IndexRangeError: a label that is no class; or (on access) an index outside the data set.
        DtypeError: a transform that cannot be called.

    >>> class Signs(LabelledImages):
    ...     classes = ("minus", "plus")
    >>> signs = Signs(np.zeros((3, 5, 5), "uint8"), np.array([0, 1, 1]))
    >>> image, label = signs[2]
    >>> image.shape, signs.classes[label]
    ((5, 5), 'plus')
    """

    classes = ()

    def __init__(self, images, labels, transform=None, target_transform=None):
        name = type(self).__name__
        if len(images) != len(labels):
            raise ShapeError(
                f"{name}: {len(images):,} images but {len(labels):,} labels; they must be as many. "
                "Are both files of the same part, training or test?"
            )
        if not len(images):
            raise ArgumentError(f"{name}: there are no images")
        wrong = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if wrong.size:
            raise IndexRangeError(
                f"{name}: label {wrong[0]} is {labels[wrong[0]]}, expected 0 to "
                f"{len(self.classes) - 1}"
            )
        if transform is not None:
            checked_function(name, "transform", transform)
        if target_transform is not None:
            checked_function(name, "target_transform", target_transform)
        self.data = Tensor(images)
        self.targets = Tensor(labels.astype(np.int64))
        self.transform = transform
        self.target_transform = target_transform

    def __getitem__(self, index):
        if not hasattr(index, "__index__"):
            raise DtypeError(
                f"{type(self).__name__}: an index must be an integer, got {type(index).__name__}; "
                "many images at once are in .data and .targets"
            )
        index = index.__index__()
        if not -len(self) <= index < len(self):
            raise IndexRangeError(
                f"{type(self).__name__}: index {index} is out of range for {len(self):,} images"
            )
        # A copy: a transform that works in place must not change the data set.
        image, label = self.data.array[index].copy(), int(self.targets.array[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __len__(self):
        return len(self.data)

    @property
    def class_to_idx(self):
        """The number of each class by its name."""
        return {name: i for i, name in enumerate(self.classes)}

    def __repr__(self):
        sizes = " × ".join(str(n) for n in self.data.shape[1:])
        return f"{type(self).__name__}({len(self):,} images of {sizes})"
