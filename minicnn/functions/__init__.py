"""Functions on tensors, by PyTorch's names; most are methods and operators of `Tensor` too.

Each checks its arguments, brings dtypes together, and runs operations of `minicnn.ops`.
"""

from minicnn.functions import (
    comparisons,
    conversions,
    elementwise,
    in_place,
    products,
    reductions,
    shaping,
)
from minicnn.functions.indexing import getitem, setitem
from minicnn.tensor import Tensor

_METHODS = {
    elementwise: "add sub mul div pow neg abs exp log sqrt square clamp sigmoid tanh relu softmax "
    "log_softmax",
    reductions: "sum mean amax amin argmax argmin max min maximum minimum",
    products: "matmul",
    shaping: "reshape view flatten permute transpose t squeeze unsqueeze expand flip",
    comparisons: "eq ne lt le gt ge isnan all any equal allclose",
    conversions: "to cpu cuda type_as clone contiguous item tolist numpy",
    in_place: "copy_ add_ sub_ mul_ div_ fill_ zero_",
}
_OPERATORS = {
    "__add__": elementwise.add,
    "__radd__": elementwise.add,
    "__sub__": elementwise.sub,
    "__mul__": elementwise.mul,
    "__rmul__": elementwise.mul,
    "__truediv__": elementwise.div,
    "__pow__": elementwise.pow,
    "__neg__": elementwise.neg,
    "__abs__": elementwise.abs,
    "__matmul__": products.matmul,
    "__iadd__": in_place.add_,
    "__isub__": in_place.sub_,
    "__imul__": in_place.mul_,
    "__itruediv__": in_place.div_,
    "__eq__": comparisons.eq,
    "__ne__": comparisons.ne,
    "__lt__": comparisons.lt,
    "__le__": comparisons.le,
    "__gt__": comparisons.gt,
    "__ge__": comparisons.ge,
    "__array__": conversions.as_array,
    "__dlpack__": conversions.as_dlpack,
    "__dlpack_device__": conversions.as_dlpack_device,
    "__float__": conversions.as_float,
    "__int__": conversions.as_int,
    "__index__": conversions.as_index,
    "__bool__": conversions.as_bool,
    "__iter__": conversions.as_iter,
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
Tensor.__rpow__ = lambda x, y: elementwise.pow(y, x)
Tensor.T = property(lambda x: shaping.permute(x, *reversed(range(x.ndim))))
