"""Which arrays of a run have the batch as their first axis, so that one sample can be shown."""

import copy

import numpy as np

# Of these the first input is the data, and the others are parameters.
WITH_PARAMETERS = (
    "Conv2d", "ConvTranspose2d", "Linear", "BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm",
)  # fmt: skip

# These may put samples elsewhere; whether they do is found out by moving the samples' numbers.
REARRANGING = ("Permute", "Slice", "Gather", "Expand", "Flip", "Roll", "Diagonal")

# Arrays of operations that have one entry a channel, class or place, whatever their length.
OF_PARAMETERS = ("weight", "gamma", "mean", "var", "inverse_std")


def leaf_carries_batch(operation, i, tensor, output):
    """Whether the first axis of a leaf, input `i` of `operation`, can be that of a batch."""
    if tensor.ndim < 2 or (tensor.requires_grad and tensor.ndim < 3):
        return False
    return not (is_parameter(operation, i, tensor.ndim) or gets_an_axis(operation, tensor, output))


def is_parameter(operation, i, ndim):
    """Whether input `i` is a weight by its place."""
    matrix = operation.name == "Matmul" and ndim == 2
    return i > 0 and (operation.name in WITH_PARAMETERS or matrix)


def gets_an_axis(operation, tensor, output):
    """Whether the operation puts an axis in front, as layers do with a sample that is alone."""
    return operation.name == "View" and output.shape == (1, *tensor.shape)


def output_is_batched(operation, inputs, output, n):
    """Whether the first axis of `output`, an array, is the batch of `n`, as it is of an input."""
    if not output.ndim or len(output) != n:
        return False
    carrying = [
        v for i, v in enumerate(inputs)
        if v.batched and not is_parameter(operation, i, len(v.shape))
    ]  # fmt: skip
    if len(inputs) > 1:  # by broadcasting, the first axis of a smaller one is another
        carrying = [v for v in carrying if len(v.shape) >= output.ndim]
    if not carrying:
        return False
    if operation.name in REARRANGING:
        return _keeps_samples(operation, inputs[0].shape, n)
    along = getattr(operation, "dims", getattr(operation, "dim", None))
    along = along if isinstance(along, tuple) else (along,)
    return not any(d is not None and d % len(carrying[0].shape) == 0 for d in along)


def _keeps_samples(operation, shape, n):
    numbers = np.arange(n).reshape(-1, *[1] * (len(shape) - 1))
    moved = np.asarray(copy.copy(operation).forward(np.broadcast_to(numbers, shape)))
    return bool((moved.reshape(n, -1) == np.arange(n)[:, None]).all())


def saved_is_batched(operation, name, array, inputs, n):
    """Whether the first axis of an array that the operation keeps is the batch."""
    if name in OF_PARAMETERS or operation.name == "SelectPlaces":
        return False
    return array.ndim > 0 and len(array) == n and inputs[0].batched
