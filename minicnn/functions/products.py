"""Products of matrices and vectors."""

from minicnn.checks import DtypeError, ShapeError, broadcastable
from minicnn.functions.operands import not_bool, tensor_only
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.ops import linear
from minicnn.tensor import apply


def matmul(input, other):
    """The matrix product; a vector is a row on the left, a column on the right; batches broadcast.

    Shapes: (…, n, k) and (…, k, m) → (…, n, m); (k) and (k) → ().

    As ``torch.matmul``.

    Args:
        input, other: tensors of one dtype.

    Raises:
        DtypeError: not two tensors, or of different dtypes.
        ShapeError: the sizes do not match, or one has no dimension at all.

    >>> import minicnn as mc
    >>> mc.matmul(mc.tensor([[1.0, 2.0]]), mc.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    x, y = input, other
    for t in (x, y):
        not_bool("matmul", tensor_only("matmul", t))
        if not t.ndim:
            raise ShapeError("matmul: both arguments need at least one dimension; use * for 0-d")
    if x.dtype != y.dtype:
        raise DtypeError(
            f"matmul: expected both of one dtype, got {x.dtype} and {y.dtype}; convert with .to()"
        )
    inner = (x.shape[-1], y.shape[-2] if y.ndim > 1 else y.shape[0])
    if inner[0] != inner[1]:
        raise ShapeError(
            f"matmul: shapes {x.shape} and {y.shape} do not fit: {inner[0]} columns on the left, "
            f"{inner[1]} rows on the right"
            + (". Did you mean y.T?" if y.ndim == 2 and y.shape[1] == inner[0] else "")
        )
    if x.ndim == 1 and y.ndim == 1:
        return apply(linear.Dot(), x, y)
    if x.ndim == 1:
        return squeeze(matmul(unsqueeze(x, 0), y), -2)
    if y.ndim == 1:
        return squeeze(matmul(x, unsqueeze(y, 1)), -1)
    broadcastable("matmul (batch dimensions)", x.shape[:-2], y.shape[:-2])
    return apply(linear.Matmul(), x, y)
