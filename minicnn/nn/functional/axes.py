"""What operations over one and two axes share.

The work is written once, for images (N, C, H, W). A signal (N, C, L) is an image of height 1, and a
sample without batch dimension a batch of one.
"""

from minicnn.checks import ShapeError
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import reshape
from minicnn.shapes import as_tuple

LETTERS = {1: ("L",), 2: ("H", "W")}


def _shapes(n):
    axes = ", ".join(LETTERS[n])
    return f"(N, C, {axes}), or (C, {axes})"


def as_images(name, input, n, empty_channels=False):
    """(input as (N, C, H, W), whether the batch dimension was added), for `n` axes.

    Only the batch may be empty, as in PyTorch; with `empty_channels` the channels too.
    """
    tensor_only(name, input)
    if input.ndim not in (n + 1, n + 2):
        hint = ". Add the channel with .unsqueeze(-3)" if n == input.ndim == 2 else ""
        raise ShapeError(f"{name}: expected input of shape {_shapes(n)}, got {input.shape}{hint}")
    added = input.ndim == n + 1
    if 0 in input.shape[-n if empty_channels else -n - 1 :]:
        raise ShapeError(
            f"{name}: only the batch may be empty; input of shape {input.shape} has no "
            f"{'entries' if 0 in input.shape[-n:] else 'channels'}"
        )
    shape = (1, *input.shape) if added else input.shape
    if n == 1:  # (N, C, L) → (N, C, 1, L)
        shape = (*shape[:2], 1, shape[2])
    return (input if shape == input.shape else reshape(input, shape)), added


def from_images(output, n, added):
    """The way back: without the height of a signal and the batch dimension that was added."""
    shape = output.shape[1:] if added else output.shape
    if n == 1:  # (…, 1, L) → (…, L)
        shape = (*shape[:-2], shape[-1])
    return output if shape == output.shape else reshape(output, shape)


def per_axis(name, argument, value, n, minimum, height):
    """`value` as a pair (vertical, horizontal); for signals the vertical one is `height`."""
    values = as_tuple(name, argument, value, n, minimum)
    return values if n == 2 else (height, *values)
