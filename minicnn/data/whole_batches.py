"""Batches of images in memory made in one go, where nothing shows the difference.

Small images go through a loader faster than Python calls functions, so a batch of them is not made
image by image where it need not be. The numbers are those that the images would have one by one:
every image keeps a random stream of its own.
"""

import numpy as np

from minicnn.data.datasets import Subset, TensorDataset
from minicnn.data.labelled_images import LabelledImages
from minicnn.data.sample_random import drawing_from, streams
from minicnn.data.transforms.composition import Compose
from minicnn.tensor import Tensor


def whole_batch(dataset, task):
    """The batch of a `Task`, as `default_collate` would make it of its samples; or None.

    None for data sets that may do something of their own with each sample, and where something is
    wrong: made one by one, the samples show which of them it is.
    """
    whole, indices = dataset, task.indices
    while type(whole) is Subset:
        whole = whole.dataset
    if type(whole) is TensorDataset:
        if any(t.requires_grad for t in whole.tensors):
            return None
    elif not _is_plain(whole) or not _split(whole.transform)[1]:
        return None
    while dataset is not whole:
        indices, dataset = dataset._places(indices), dataset.dataset
    places, n = np.array(indices), len(whole)
    if places.dtype.kind not in "iu" or places.ndim != 1 or not places.size:
        return None
    if places.min() < -n or places.max() >= n:
        return None
    if type(whole) is TensorDataset:
        return [Tensor(t.array.take(places, axis=0)) for t in whole.tensors]
    try:
        images = _changed(whole, places, streams(task.seed, task.epoch, task.first, places.size))
    except Exception:
        return None
    return None if images is None else [images, Tensor(whole.targets.array.take(places))]


def _is_plain(dataset):
    """Whether its samples are what `LabelledImages` makes of images and labels."""
    return (
        isinstance(dataset, LabelledImages)
        and type(dataset).__getitem__ is LabelledImages.__getitem__
        and not hasattr(dataset, "__getitems__")
        and dataset.target_transform is None
    )


def _split(transform):
    """The transforms that take image by image, and those after them, which all take batches."""
    transforms = _in_order(transform)
    # In the class itself: what inherits from it may do something else.
    last = [i for i, t in enumerate(transforms) if "of_batch" not in vars(type(t))]
    end = last[-1] + 1 if last else 0
    return transforms[:end], transforms[end:]


def _in_order(transform):
    if type(transform) is Compose:
        return [inner for outer in transform.transforms for inner in _in_order(outer)]
    return [] if transform is None else [transform]


def _changed(dataset, places, each):
    """A tensor of the changed images; None where their shapes or dtypes differ.

    Args:
        each: the random stream of each image.
    """
    before, together = _split(dataset.transform)
    images = dataset.data.array.take(places, axis=0)  # (N, H, W) or (N, H, W, C)
    if before:
        changed = []
        for image, stream in zip(images, each, strict=True):
            with drawing_from(stream):
                for transform in before:
                    image = transform(image)
            changed.append(image)
        images = _stacked(changed)
    for transform in together:
        if images is None:
            return None
        images = transform.of_batch(images, each)
    return Tensor(images) if isinstance(images, np.ndarray) else images


def _stacked(images):
    """A list of arrays or of tensors as one; None where they are not of one kind."""
    kind = type(images[0])
    if kind not in (np.ndarray, Tensor) or any(type(image) is not kind for image in images):
        return None
    if len({(image.shape, image.dtype) for image in images}) > 1:
        return None
    if kind is np.ndarray:
        return np.stack(images)
    if any(image.requires_grad for image in images):
        return None
    return Tensor(np.stack([image.array for image in images]))
