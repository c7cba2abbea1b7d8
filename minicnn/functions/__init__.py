"""Functions on tensors, by PyTorch's names; most are methods and operators of `Tensor` too.

Each checks its arguments, brings dtypes together, and runs operations of `minicnn.ops`.
"""

from minicnn.functions import (
    comparisons,
    conversions,
    einsum,
    elementwise,
    in_place,
    logic,
    ordering,
    products,
    rearranging,
    reductions,
    selecting,
    shaping,
    statistics,
)
from minicnn.functions.indexing import getitem, setitem
from minicnn.tensor import Tensor

_METHODS = {
    elementwise: "add sub mul div floor_divide remainder pow neg abs sign exp log sqrt square sin "
    "cos clamp maximum minimum masked_fill sigmoid tanh relu softmax log_softmax",
    reductions: "sum mean prod cumsum amax amin argmax argmin max min",
    statistics: "var std logsumexp",
    ordering: "sort argsort topk",
    products: "matmul",
    shaping: "reshape view flatten permute transpose t squeeze unsqueeze expand flip",
    rearranging: "unflatten repeat chunk roll",
    selecting: "gather index_select",
    comparisons: "eq ne lt le gt ge isnan all any equal allclose",
    logic: "bitwise_and bitwise_or bitwise_xor bitwise_not logical_and logical_or logical_xor "
    "logical_not",
    conversions: "to cpu cuda pin_memory is_pinned type_as clone contiguous item tolist numpy",
    in_place: "copy_ fill_ zero_ add_ sub_ mul_ div_ floor_divide_ remainder_ pow_ neg_ abs_ sign_ "
    "exp_ log_ sqrt_ square_ sin_ cos_ tanh_ sigmoid_ relu_ clamp_ masked_fill_ cumsum_ "
    "bitwise_and_ bitwise_or_ bitwise_xor_ bitwise_not_",
}
_OPERATORS = {
    "__add__": elementwise.add,
    "__radd__": elementwise.add,
    "__sub__": elementwise.sub,
    "__mul__": elementwise.mul,
    "__rmul__": elementwise.mul,
    "__truediv__": elementwise.div,
    "__floordiv__": elementwise.floor_divide,
    "__mod__": elementwise.remainder,
    "__pow__": elementwise.pow,
    "__neg__": elementwise.neg,
    "__pos__": elementwise.pos,
    "__abs__": elementwise.abs,
    "__matmul__": products.matmul,
    "__and__": logic.bitwise_and,
    "__rand__": logic.bitwise_and,
    "__or__": logic.bitwise_or,
    "__ror__": logic.bitwise_or,
    "__xor__": logic.bitwise_xor,
    "__rxor__": logic.bitwise_xor,
    "__invert__": logic.bitwise_not,
    "__iadd__": in_place.add_,
    "__isub__": in_place.sub_,
    "__imul__": in_place.mul_,
    "__itruediv__": in_place.div_,
    "__ifloordiv__": in_place.floor_divide_,
    "__imod__": in_place.remainder_,
    "__ipow__": in_place.pow_,
    "__iand__": in_place.bitwise_and_,
    "__ior__": in_place.bitwise_or_,
    "__ixor__": in_place.bitwise_xor_,
    "__eq__": comparisons.is_equal,
    "__ne__": comparisons.is_not_equal,
    "__lt__": comparisons.lt,
    "__le__": comparisons.le,
    "__gt__": comparisons.gt,
    "__ge__": comparisons.ge,
    "__contains__": comparisons.contains,
    "__array__": conversions.as_array,
    "__dlpack__": conversions.as_dlpack,
    "__dlpack_device__": conversions.as_dlpack_device,
    "__float__": conversions.as_float,
    "__int__": conversions.as_int,
    "__index__": conversions.as_index,
    "__bool__": conversions.as_bool,
    "__iter__": conversions.as_iter,
    "__format__": conversions.as_text,
    "__getitem__": getitem,
    "__setitem__": setitem,
}

for _module, _names in _METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, getattr(_module, _name))
for _name, _function in (_OPERATORS | conversions.DTYPE_METHODS).items():
    setattr(Tensor, _name, _function)
# The operators with the tensor on the right of a number.
Tensor.__rsub__ = lambda x, y: elementwise.sub(y, x)
Tensor.__rtruediv__ = lambda x, y: elementwise.div(y, x)
Tensor.__rfloordiv__ = lambda x, y: elementwise.floor_divide(y, x)
Tensor.__rmod__ = lambda x, y: elementwise.remainder(y, x)
Tensor.__rpow__ = lambda x, y: elementwise.pow(y, x)
Tensor.T = property(
    lambda x: shaping.permute(x, tuple(reversed(range(x.ndim)))),
    doc="The tensor with its dimensions in the opposite order: the transpose of a matrix.",
)


# As methods these have arguments of other names, or in another order.
def split(self, split_size, dim=0):
    """`rearranging.split` as a method.

    Args:
        split_size: an integer, or a list of sizes.
        dim: the dimension.

    Raises:
        ArgumentError: sizes that do not add up.
        IndexRangeError: there is no such dimension.
    """
    return rearranging.split(self, split_size, dim)


def where(self, condition, other):
    """`elementwise.where` as a method: this tensor's values where `condition` holds.

    Args:
        condition: a bool tensor.
        other: a tensor or a number; the three broadcast.

    Raises:
        DtypeError: `condition` is not of bools.
        ShapeError: the shapes do not broadcast.
    """
    return elementwise.where(condition, self, other)


Tensor.split, Tensor.where = split, where
