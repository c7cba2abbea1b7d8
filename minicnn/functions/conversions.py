"""A tensor in another dtype, elsewhere, or as Python's and NumPy's kinds of numbers."""

import numpy as np

from minicnn.arrays import on_host
from minicnn.checks import ArgumentError, DeviceError, DtypeError, GraphError
from minicnn.device import as_device
from minicnn.dtypes import as_dtype, is_floating
from minicnn.functions.operands import tensor_only
from minicnn.gpu import is_pinned_memory, pinned
from minicnn.ops.arithmetic import Cast, Clone, ToDevice
from minicnn.tensor import Tensor, apply


class ExportError(GraphError, BufferError):
    """A tensor that cannot be handed over; a BufferError too, which is DLPack's word for it."""


def to(input, *args, dtype=None, device=None, non_blocking=False, copy=False):
    """The tensor in another dtype or on another device; itself where nothing changes.

    The arguments, all optional: ``to(device, dtype, non_blocking, copy)``,
    ``to(dtype, non_blocking, copy)`` or ``to(other, non_blocking, copy)``, where `other` is a
    tensor whose dtype and device are taken.

    Args:
        args: a dtype, a device, or another tensor, whose dtype and device are taken.

    >>> import minicnn as mc
    >>> mc.tensor([1, 2]).to(mc.float64).dtype
    dtype('float64')
    """
    device, dtype, copy = target("to", args, dtype, device, non_blocking, copy)
    found = input
    if dtype is not None and dtype != input.dtype:
        found = apply(Cast(dtype), found)
    if device is not None and device != input.device:
        found = apply(ToDevice(input.device, device), found)
    return input.clone() if copy and found is input else found


def target(operation, args, dtype, device, non_blocking, copy=None):
    """(device or None, dtype or None, copy) that the arguments of `to` ask for, in any order.

    With ``copy=None`` there is no such argument: a module is never copied.
    """
    args = list(args)
    if args and isinstance(args[0], Tensor):
        other = args.pop(0)
        dtype, device = other.dtype, other.device
    elif args and (args[0] is None or _names_a_device(args[0])):
        device = args.pop(0)
        if args and not isinstance(args[0], bool):
            dtype = args.pop(0)
    elif args:
        dtype = args.pop(0)
    if args:
        non_blocking, *args = args
    if args and copy is not None:
        copy, *args = args
    if args or not isinstance(non_blocking, bool) or not isinstance(copy, (bool, type(None))):
        raise DtypeError(
            f"{operation}: expected (device, dtype), (dtype) or (other), each once, then flags"
        )
    if isinstance(dtype, (bool, int)):
        raise DtypeError(f"{operation}: expected a dtype, a device or a tensor, got {dtype!r}")
    try:
        device = None if device is None else as_device(device)
    except ArgumentError as error:
        raise type(error)(f"{operation}: {error}") from error
    return device, (None if dtype is None else as_dtype(dtype, operation)), copy


def _names_a_device(value):
    if isinstance(value, str):
        return value.split(":")[0] in ("cpu", "cuda")
    return isinstance(value, int) and not isinstance(value, bool)  # the number of a GPU


def cpu(input):
    """The tensor in the computer's main memory."""
    return to(input, "cpu")


def cuda(input, device=None, non_blocking=False):
    """The tensor on a GPU: the current one, or `device`, its name or number.

    Args:
        non_blocking: do not wait for a copy from pinned memory.

    Raises:
        MissingDeviceError: there is no such GPU here.
    """
    return to(input, gpu_named("cuda", device), non_blocking=non_blocking)


def gpu_named(operation, device):
    """`device` (a name, a number, or None for the current one), which must be a GPU."""
    device = as_device("cuda" if device is None else device)
    if device.type != "cuda":
        raise ArgumentError(f"{operation}: expected a GPU such as 'cuda:0', got {str(device)!r}")
    return device


def _converter(name, dtype):
    def convert(input):
        return to(input, dtype)

    convert.__name__ = name
    convert.__doc__ = f"The tensor as {dtype.name}; itself where it is that already."
    return convert


DTYPE_METHODS = {
    name: _converter(name, np.dtype(dtype))
    for name, dtype in {
        "half": "float16",
        "float": "float32",
        "double": "float64",
        "byte": "uint8",
        "int": "int32",
        "long": "int64",
        "bool": "bool",
    }.items()
}


def type_as(input, other):
    """The tensor in the dtype of another one.

    Args:
        other: a tensor.

    Raises:
        DtypeError: not a tensor.
    """
    return input.to(tensor_only("type_as", other).dtype)


def clone(input):
    """A copy in memory of its own, which gradients pass through."""
    return apply(Clone(), input)


def contiguous(input):
    """The tensor itself if its memory is in row-major order, else a copy that is."""
    return input if input.is_contiguous() else input.clone()


def item(input):
    """The value of a tensor of one element, as a Python number.

    Raises:
        ArgumentError: more or fewer elements than one.
    """
    if input.numel() != 1:
        raise ArgumentError(
            f"item: only a tensor of one element is a number; this one has shape {input.shape}"
        )
    return input.array.item()


def tolist(input):
    """The values as nested lists of Python numbers; a number for a 0-d tensor."""
    return input.array.tolist()


def numpy(input, *, force=False):
    """The NumPy array on the same memory; refused where gradients would be lost unseen.

    With `force` it is as ``detach().cpu().numpy()``.

    Raises:
        GraphError: the tensor requires gradients, and `force` is False.
    """
    if input.requires_grad and not force:
        raise GraphError(
            "numpy: this tensor requires grad, and NumPy would not carry its history; "
            "use x.detach().numpy()"
        )
    if input.is_cuda and not force:
        raise DtypeError(
            f"numpy: this tensor is on {input.device}, and NumPy's arrays are in main memory; copy "
            "it there first, x.cpu().numpy()"
        )
    return on_host(input.array)


def pin_memory(input, device=None):
    """A copy in memory of the host that a GPU reads by itself, while the host does something else.

    Such memory is locked; there should be a few batches of it, not a data set. Itself where it is
    pinned already.

    Args:
        device: None, or a GPU; all GPUs read such memory.

    Raises:
        DeviceError: the tensor is on a GPU, or there is none.
    """
    if input.is_cuda:
        raise DeviceError(
            f"pin_memory: only tensors in main memory are pinned, this one is on {input.device}"
        )
    return input if is_pinned(input) else Tensor(pinned(input.array))


def is_pinned(input, device=None):
    """Whether the tensor is in memory of the host that a GPU reads by itself, whichever GPU.

    Args:
        device: None, or a GPU; all GPUs read such memory.
    """
    return is_pinned_memory(input.array)


def of_tensors(function, value):
    """`value`, nested dictionaries, lists and tuples, with ``function(t)`` for each tensor t."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: of_tensors(function, v) for key, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[of_tensors(function, v) for v in value])
    if type(value) in (list, tuple):
        return type(value)(of_tensors(function, v) for v in value)
    return value


def as_array(input, dtype=None, copy=None):
    """What ``numpy.asarray(x)`` calls."""
    array = input.numpy()
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"array: {array.dtype} becomes {np.dtype(dtype)} only in a copy")
        return array.astype(dtype)
    return array.copy() if copy else array


def as_dlpack(input, **options):
    """What ``from_dlpack(x)`` of another library calls."""
    if input.requires_grad:
        raise ExportError("dlpack: this tensor requires grad; hand over x.detach()")
    return input.array.__dlpack__(**options)


def as_dlpack_device(input):
    return input.array.__dlpack_device__()


def as_float(input):
    return float(input.item())


def as_int(input):
    return int(input.item())


def as_index(input):
    if is_floating(input.dtype) or input.numel() != 1:
        raise DtypeError(
            f"a tensor of {input.dtype} and shape {input.shape} cannot be used as an index: "
            "that takes one integer"
        )
    return int(input.item())


def as_bool(input):
    if input.numel() != 1:
        raise ArgumentError(
            f"the truth of a tensor with {input.numel()} elements is ambiguous; "
            "use .any() or .all()"
        )
    return bool(input.item())


def as_iter(input):
    if not input.ndim:
        raise DtypeError("a 0-d tensor cannot be iterated over")
    return (input[i] for i in range(len(input)))


def as_text(input, form):
    """``f"{x:.2f}"``: a 0-d tensor is formatted as the number that it holds."""
    if input.ndim or type(input) is not Tensor:
        return object.__format__(input, form)
    return format(input.item(), form)
