"""Elements picked by index tensors along one dimension."""

from minicnn.arrays import array_module
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError, dimension
from minicnn.device import first_outside, one_device
from minicnn.dtypes import int32, int64
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import reshape
from minicnn.gpu import beside, copied
from minicnn.ops.shape import Gather
from minicnn.tensor import apply


def gather(input, dim, index, *, sparse_grad=False):
    """z[i][j][k] = x[i][index[i][j][k]][k], here for dim = 1 of three.

    As ``torch.gather``.

    Args:
        input: the tensor x.
        dim: the dimension in which `index` chooses.
        index: int64 or int32, with as many dimensions as x, and none longer but `dim`.
        sparse_grad: False; True is refused.

    Raises:
        IndexRangeError: an index is negative or too large.
        DtypeError: not a tensor, or an index that is not of integers.
        ShapeError: `index` has other dimensions than x, or longer ones.
        ArgumentError: `sparse_grad` is True.

    >>> import minicnn as mc
    >>> scores = mc.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mc.gather(scores, 1, mc.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    tensor_only("gather", input), tensor_only("gather", index)
    if sparse_grad:
        raise ArgumentError("gather: sparse_grad=True is not supported; gradients are dense")
    dim = dimension("gather", dim, input.ndim)
    if not index.numel():
        return apply(Gather(copied(index.array, int64)), reshape(input, -1))
    _index_dtype("gather", index)
    one_device("gather", (input.array, index.array))
    if max(index.ndim, 1) != max(input.ndim, 1):
        raise ShapeError(
            f"gather: index of shape {index.shape} must have as many dimensions as the input of "
            f"shape {input.shape}"
        )
    x = input if input.ndim else reshape(input, 1)
    places = copied(index.array, int64).reshape(index.shape or (1,))
    for d, (size, limit) in enumerate(zip(places.shape, x.shape, strict=True)):
        if d != dim and size > limit:
            raise ShapeError(
                f"gather: index of shape {index.shape} is larger than the input of shape "
                f"{input.shape} in dimension {d}; only dimension {dim} may be"
            )
    _in_range("gather", places, dim, x.shape[dim])
    # For every place of the result, where in x it comes from: its own coordinates but for dim.
    with beside(places):
        grid = array_module(places).ogrid
        where = list(grid[tuple(slice(s) for s in places.shape)])
    where[dim] = places
    result = apply(Gather(tuple(where)), x)
    return result if index.ndim else reshape(result, ())


def index_select(input, dim, index):
    """The slices of x along `dim` at the places `index` (a vector), in that order.

    As ``torch.index_select``.

    Args:
        input: the tensor x, of any shape.
        dim: the dimension.
        index: int64 or int32, (K,).

    Raises:
        DtypeError: not a tensor, or an index that is not of integers.
        IndexRangeError: an index is negative or too large, `index` is not a vector, or there is no
            such dimension.

    >>> import minicnn as mc
    >>> mc.index_select(mc.tensor([5.0, 6.0, 7.0]), 0, mc.tensor([2, 2]))
    tensor([7., 7.])
    """
    tensor_only("index_select", input), tensor_only("index_select", index)
    dim = dimension("index_select", dim, input.ndim)
    _index_dtype("index_select", index)
    one_device("index_select", (input.array, index.array))
    if index.ndim > 1:
        raise IndexRangeError(f"index_select: index must be a vector, got shape {index.shape}")
    places = copied(index.array, int64).reshape(-1)
    if not input.ndim:
        if len(places) != 1:
            raise IndexRangeError(
                f"index_select: a 0-d tensor has 1 place to select, got {len(places)}"
            )
        _in_range("index_select", places, 0, 1)
        return input.clone()
    _in_range("index_select", places, dim, input.shape[dim])
    return apply(Gather((slice(None),) * dim + (places,)), input)


def _index_dtype(name, index):
    if index.dtype not in (int64, int32):
        raise DtypeError(f"{name}: index must be int64 or int32, got {index.dtype}; use .long()")


def _in_range(name, places, dim, size):
    wrong = first_outside(places, 0, size)
    if wrong is not None:
        raise IndexRangeError(
            f"{name}: index {wrong} is out of range for dimension {dim} of size {size}"
        )
