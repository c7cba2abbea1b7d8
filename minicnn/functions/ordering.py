"""Sorting, and the greatest few."""

import numpy as np

from minicnn.checks import ArgumentError, dimension, flag, integer
from minicnn.device import computed
from minicnn.functions.operands import not_bool, tensor_only
from minicnn.functions.reductions import ValuesAndIndices, no_place
from minicnn.gpu import copied
from minicnn.ops.reduction import TakeAlong
from minicnn.tensor import Tensor, apply


def sort(input, dim=-1, descending=False, *, stable=False):
    """The pair (values, indices): x in ascending order along `dim`, and where each came from.

    NaN counts as greater than all numbers. The order is always stable: equal elements stay in the
    order they were in, whatever `stable` says. δ returns to where the values came from.

    As ``torch.sort``.

    Args:
        input: the tensor x, of any shape.
        dim: the dimension to sort along.
        descending: the greatest first.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.sort(mc.tensor([3.0, 1.0, 2.0]), descending=True).indices
    tensor([0, 2, 1])
    """
    flag("sort", "descending", descending)
    if stable is not None:
        flag("sort", "stable", stable)
    return _take("sort", input, dim, lambda array, axis: _order(array, axis, descending))


def argsort(input, dim=-1, descending=False, *, stable=False):
    """The indices of `sort`.

    As ``torch.argsort``.

    Args:
        input: a tensor of any shape.
        dim, descending, stable: as for `sort`.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.argsort(mc.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    dimension("argsort", dim, tensor_only("argsort", input).ndim)
    flag("argsort", "descending", descending), flag("argsort", "stable", stable)
    return sort(input, dim, descending, stable=stable).indices


def topk(input, k, dim=-1, largest=True, sorted=True):
    """The pair (values, indices) of the k greatest (or smallest) elements along `dim`, in order.

    Of equal elements the first come first.

    As ``torch.topk``.

    Args:
        input: a tensor of any shape.
        k: an integer from 0 to the size of `dim`.
        largest: False: the smallest.
        sorted: whether in order; here they always are.

    Raises:
        DtypeError: not a tensor, or `k` no integer.
        IndexRangeError: there is no such dimension.
        ArgumentError: more elements are asked for than there are.

    >>> import minicnn as mc
    >>> mc.topk(mc.tensor([3.0, 1.0, 2.0]), 2)
    ValuesAndIndices(values=tensor([3., 2.]), indices=tensor([0, 2]))
    """
    tensor_only("topk", input)
    not_bool("topk", input)
    axis = dimension("topk", dim, input.ndim)
    flag("topk", "largest", largest), flag("topk", "sorted", sorted)
    k, size = integer("topk", "k", k), input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise ArgumentError(f"topk: k must lie between 0 and the size {size} of dim, got {k}")

    def first(array, axis):
        order = _order(array, axis, largest)
        return order[(slice(None),) * axis + (slice(k),)]

    return _take("topk", input, dim, first)


def _take(name, input, dim, find):
    """x at the places that `find` gives for its array and an axis."""
    axis = dimension(name, dim, tensor_only(name, input).ndim)
    if not input.ndim:
        return ValuesAndIndices(input.clone(), Tensor(no_place(input)))
    # Copied: the operation keeps the indices for backward, and the caller may change these.
    indices = computed(name, lambda array: find(array, axis), input.array)
    return ValuesAndIndices(apply(TakeAlong(indices, axis), input), Tensor(copied(indices)))


def _order(array, axis, descending):
    """The places of the elements in ascending or descending order, equal ones as they stood."""
    if not descending:
        return np.argsort(array, axis, kind="stable")
    # The ascending order of the reversed elements, read backwards: what was last of equal ones in
    # the reversed array, and so comes last in its stable order, is now first.
    backwards = np.argsort(np.flip(array, axis), axis, kind="stable")
    return np.flip(array.shape[axis] - 1 - backwards, axis)
