"""Dropout, and its relatives that drop whole maps or whole samples.

The random numbers come from the generator that `minicnn.manual_seed` seeds.
"""

import warnings

from minicnn.checks import ShapeError, flag, one_of, truth
from minicnn.device import made
from minicnn.functions.operands import tensor_only
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.options import between_0_and_1
from minicnn.ops.dropout import Dropout
from minicnn.random import default_generator_of
from minicnn.rewriting import write
from minicnn.tensor import apply


def _drop(name, input, p, shape, training, inplace=False):
    """`input` with each value of a mask of `shape` dropped with probability p."""
    training, inplace = truth(name, "training", training), truth(name, "inplace", inplace)
    if not training or p == 0 or not input.numel():
        return input
    same_dtype(name, input)
    draw = default_generator_of(input.device)
    mask = made(name, lambda xp: draw.uniform(shape, "float32") >= p, input.device)
    operation = Dropout(mask, p)
    return write(name, input, operation) if inplace else apply(operation, input)


def dropout(input, p=0.5, training=True, inplace=False):
    """Each element becomes 0 with probability `p`, the others grow by 1/(1 − p) (``dropout``).

    Args:
        input: any shape; floating point.
        p: the probability of *dropping*, 0 … 1.
        training: False returns the input as it is: the inverted form needs no correction.
        inplace: overwrite the input.

    Raises:
        ArgumentError: p outside 0 … 1. DtypeError: integers.

    >>> import minicnn as mc
    >>> _ = mc.manual_seed(0)
    >>> sorted(set(mc.nn.functional.dropout(mc.ones(100), 0.75).tolist()))
    [0.0, 4.0]
    """
    tensor_only("dropout", input)
    p = between_0_and_1("dropout", "p", p)
    flag("dropout", "training", training)
    return _drop("dropout", input, p, input.shape, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Whole maps become 0 with probability `p`, the others grow by 1/(1 − p) (``dropout``).

    Neighbours in a map are alike, so that dropping single pixels hides little. For the arguments
    see `dropout`; `input` is (N, C, H, W). Other inputs of at least two dimensions are taken as
    (N, C, …), with a warning as in PyTorch: (C, H, W) too, whose first dimension then counts as N.

    Args:
        p: the probability of dropping, 0 … 1.
        training: False: nothing happens.
        inplace: overwrite `input`.

    Raises:
        ShapeError: fewer than two dimensions. ArgumentError, DtypeError: as `dropout`.

    >>> import minicnn as mc
    >>> y = mc.nn.functional.dropout2d(mc.ones(4, 3, 2, 2))
    >>> bool((y.amax((2, 3)) == y.amin((2, 3))).all())
    True
    """
    name = "dropout2d"
    tensor_only(name, input)
    p = between_0_and_1(name, "p", p)
    flag(name, "training", training)
    if input.ndim != 4:
        warnings.warn(
            f"{name}: expected input of shape (N, C, H, W), got {input.shape}; its first two "
            "dimensions were taken for N and C, as PyTorch does. For one image without its batch "
            "use .unsqueeze(0)",
            UserWarning,
            stacklevel=2,
        )
    if training and p and input.ndim < 2:
        raise ShapeError(f"{name}: expected at least the dimensions (N, C), got {input.shape}")
    shape = input.shape[:2] + (1,) * (input.ndim - 2)
    return _drop(name, input, p, shape, training, inplace)


def stochastic_depth(input, p, mode, training=True):
    """A residual branch dropped as a whole with probability `p` (``stochastic-depth``).

    Args:
        input: the output of the branch, (N, …); floating point.
        p: the probability of dropping it, 0 … 1; what stays grows by 1/(1 − p).
        mode: ``"row"`` drops it for each sample on its own, ``"batch"`` for all samples at once.
        training: False returns the input as it is.

    Raises:
        ArgumentError: p outside 0 … 1, another `mode`. DtypeError: integers.

    >>> import minicnn as mc
    >>> y = mc.nn.functional.stochastic_depth(mc.ones(8, 3), 0.5, "row")
    >>> set(map(tuple, y.tolist())) <= {(0.0, 0.0, 0.0), (2.0, 2.0, 2.0)}
    True
    """
    name = "stochastic_depth"
    tensor_only(name, input)
    p = between_0_and_1(name, "p", p)
    one_of(name, "mode", mode, ("batch", "row"))
    if mode == "row" and not input.ndim:
        raise ShapeError(f"{name}: a 0-d tensor has no samples; use mode='batch'")
    rows = input.shape[0] if mode == "row" else 1
    shape = (rows,) + (1,) * (input.ndim - 1) if input.ndim else ()
    return _drop(name, input, p, shape, training)
