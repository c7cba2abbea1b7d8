"""The names that a pickle may use, and what stands for each.

A name is compared as text; nothing is imported, looked up or run. What stands for a function of
PyTorch's gets the `Unpickler` and the arguments that the pickle gives, which may be anything.
"""

import numpy as np

from minicnn.checks import DtypeError
from minicnn.dtypes import DTYPES
from minicnn.serialization.pickled_values import (
    MOST_TENSORS,
    WHAT_IS_TAKEN,
    Known,
    Refused,
    Storage,
    View,
    checked_key,
    is_size,
    kind_of,
    shown,
)
from minicnn.tensor import Tensor

_EMPTY = np.empty(0, "float32")


def _tensor(reader, storage, offset, size, stride, *_):
    """torch._utils._rebuild_tensor and _rebuild_tensor_v2: requires_grad and hooks are not kept."""
    if not isinstance(storage, Storage):
        raise Refused(f"is damaged: a tensor has {kind_of(storage)} for a storage")
    return _describe(reader, storage, storage.dtype, storage.itemsize, offset, size, stride)


def _tensor_v2(reader, storage, offset, size, stride, requires_grad, hooks, metadata=None):
    if metadata:
        raise Refused(
            "holds a conjugate or negative view of a tensor; save tensor.resolve_neg() instead"
        )
    return _tensor(reader, storage, offset, size, stride)


def _tensor_v3(reader, storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    if not isinstance(storage, Storage) or not isinstance(dtype, np.dtype) or metadata:
        raise Refused("is damaged: a tensor is not described rightly")
    return _describe(reader, storage, dtype.name, dtype.itemsize, offset, size, stride)


def _describe(reader, storage, dtype, itemsize, offset, size, stride):
    if (
        not is_size(offset)
        or type(size) is not tuple
        or type(stride) is not tuple
        or len(size) != len(stride)
        or not all(map(is_size, size + stride))
    ):
        raise Refused("is damaged: a tensor's offset, size or stride is not right")
    if len(size) > 64:
        raise Refused(f"holds a tensor of {len(size)} dimensions; NumPy has no more than 64")
    elements, last = 1, offset
    for n, step in zip(size, stride, strict=True):
        elements *= n or 1
        last += (n - 1) * step
    if elements * itemsize >= 2**63:
        raise Refused("is damaged: a tensor has more elements than any memory")
    if 0 not in size and (last + 1) * itemsize > storage.nbytes:
        raise Refused(
            f"is damaged: a tensor of size {size} goes beyond the end of storage "
            f"'{shown(storage.key)}', which has {storage.nbytes // itemsize} elements"
        )
    if len(reader.views) == MOST_TENSORS:
        raise Refused(f"holds more than {MOST_TENSORS:,} tensors")
    tensor = Tensor(_EMPTY)
    reader.views.append(View(tensor, storage, dtype, offset, size, stride))
    return tensor


def _parameter(reader, tensor, *_):
    if not isinstance(tensor, Tensor):
        raise Refused(f"is damaged: a parameter is made of {kind_of(tensor)}")
    return tensor


def _with_attributes(reader, function, kind, arguments, state):
    """A tensor on which somebody set attributes: the tensor without them."""
    if (
        type(function) is not Known
        or function.call not in (_tensor, _tensor_v2, _tensor_v3, _parameter)
        or type(kind) is not Known
        or not kind.name.endswith((".Tensor", ".Parameter", ".Buffer"))
        or type(arguments) is not tuple
    ):
        raise Refused(f"holds a tensor of a class of its own; {WHAT_IS_TAKEN}")
    return reader.call(function, arguments)


def _dictionary(reader, items=()):
    if type(items) is dict:  # of a Counter
        return items
    if type(items) not in (list, tuple):
        raise Refused(f"is damaged: a dictionary is made of {kind_of(items)}")
    reader.count(len(items))
    result = {}
    for item in items:
        if type(item) not in (list, tuple) or len(item) != 2:
            raise Refused("is damaged: a dictionary's item is not a pair")
        result[checked_key(item[0])] = item[1]
    return result


def _size(reader, numbers):
    if type(numbers) is tuple:
        reader.count(len(numbers))
    if type(numbers) is not tuple or not all(map(is_size, numbers)):
        raise Refused("is damaged: a torch.Size does not hold sizes")
    return numbers


def _device(reader, kind, index=None):
    if type(kind) is not str or not (index is None or is_size(index)):
        raise Refused("is damaged: a torch.device is not described rightly")
    return kind if index is None else f"{kind}:{index}"


_CALLS = {
    "collections.OrderedDict": _dictionary,
    "collections.Counter": _dictionary,
    "torch.Size": _size,
    "torch.device": _device,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _with_attributes,
    "torch.Tensor": None,
    "torch.nn.parameter.Parameter": None,
    "torch.nn.parameter.Buffer": None,
}
_STORAGES = {
    "Float": ("float32", 4),
    "Double": ("float64", 8),
    "Half": ("float16", 2),
    "BFloat16": ("bfloat16", 2),
    "Long": ("int64", 8),
    "Int": ("int32", 4),
    "Byte": ("uint8", 1),
    "Bool": ("bool", 1),
    "Untyped": ("uint8", 1),
}
_KNOWN = {name: Known(name, call) for name, call in _CALLS.items()} | {
    f"{module}.{kind}Storage": Known(f"{module}.{kind}Storage", dtype=dtype)
    for kind, dtype in _STORAGES.items()
    for module in ("torch", "torch.cuda", "torch.storage")
}
_DTYPES = {f"torch.{dtype.name}": dtype for dtype in DTYPES}

# What PyTorch has and minicnn has not.
_OTHER_STORAGES = {
    f"torch.{kind}Storage": dtype
    for kind, dtype in {
        "Short": "int16",
        "Char": "int8",
        "ComplexFloat": "complex64",
        "ComplexDouble": "complex128",
        "QInt8": "qint8",
        "QUInt8": "quint8",
        "QInt32": "qint32",
        "QUInt4x2": "quint4x2",
        "QUInt2x4": "quint2x4",
    }.items()
}
_OTHER_DTYPES = (
    "int8 int16 uint16 uint32 uint64 bfloat16 complex32 complex64 complex128 float8_e4m3fn "
    "float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 qint8 quint8 "
    "qint32 quint4x2 quint2x4 bits8 bits16 bits1x8 bits2x4 bits4x2"
)
_OTHER_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor; save tensor.to_dense() instead",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor; save tensor.to_dense() instead",
    "torch._utils._rebuild_qtensor": "a quantised tensor; save tensor.dequantize() instead",
    "torch._utils._rebuild_nested_tensor": "a nested tensor; save the list of its parts instead",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor of the device 'meta', which has a "
    "shape and no values; save a model that has been given its weights",
}


def known(module, name):
    """What stands for the name `module.name`; a name is compared as text and never imported."""
    full = f"{module}.{name}"
    if full in _KNOWN:
        return _KNOWN[full]
    if full in _DTYPES:
        return _DTYPES[full]
    dtype = _OTHER_STORAGES.get(full.replace("torch.cuda.", "torch."))
    if dtype is None and module == "torch" and name in _OTHER_DTYPES.split():
        dtype = name
    if dtype is not None:
        raise Refused(
            f"holds a tensor of dtype {dtype} ({full}), which minicnn does not have; convert it to "
            f"one of {', '.join(d.name for d in DTYPES)} where the file was made",
            DtypeError,
        )
    if full in _OTHER_TENSORS:
        raise Refused(f"holds {_OTHER_TENSORS[full]}")
    raise Refused(
        f"needs {shown(full)}, which minicnn does not run: {WHAT_IS_TAKEN}. If the file holds a "
        "whole model, or options beside the weights, then where it can be trusted and PyTorch is "
        "installed, torch.save(model.state_dict(), 'weights.pth') writes one that can be read"
    )
