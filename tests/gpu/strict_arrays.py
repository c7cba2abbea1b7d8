"""`ndarray`: CuPy's, kept in the host's memory, and stricter.

As CuPy's it does not mix with NumPy's arrays, nor with those of another GPU. Beyond that it refuses
what CuPy takes and copies unseen: NumPy arrays and lists as indices or values.
"""

import json
from pathlib import Path

import numpy as np
from strict_graphs import NOT_IN_GRAPHS, captured, note_result
from strict_machine import Machines

INTERFACE = json.loads(Path(__file__).with_name("cupy_interface.json").read_text("utf-8"))
SCALARS = (bool, int, float, complex, np.generic)


class Flags:
    """Memory layout. CuPy knows nothing of read-only memory."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata
        self.forc = flags.forc


class Pointer:
    """Where an array begins."""

    def __init__(self, array):
        self.ptr, self.device_id = array._host.ctypes.data, array._memory.device
        self.mem = array._memory


def wrapped(result, *sources):
    """What NumPy gave, as device arrays; views share the memory of the array they look at."""
    if isinstance(result, (tuple, list)):
        return type(result)(wrapped(r, *sources) for r in result)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    host = np.asarray(result)
    for source in sources:
        # Fresh memory never overlaps that of another array.
        if isinstance(result, np.ndarray) and np.may_share_memory(host, source._host):
            return ndarray._of(host, source._memory)
    return ndarray._of(host, Machines.now.memory(host.nbytes))


def here(array, what):
    """The array in the host's memory; refused unless it lies on the current GPU."""
    own, current = array._memory.device, Machines.now.current
    if own != current and not Machines.now.peer:
        raise ValueError(
            f"{what}: Array device must be same as the current device: array device = {own} "
            f"while current = {current}"
        )
    return array._host


def unwrapped(value, what):
    """Device arrays as NumPy's; NumPy's own are refused."""
    if isinstance(value, ndarray):
        return here(value, what)
    if isinstance(value, np.ndarray):
        raise TypeError(f"{what}: Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)(unwrapped(v, what) for v in value)
    return value


def arrays_in(values):
    for value in values:
        if isinstance(value, ndarray):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from arrays_in(value)


IN_PLACE = {"fill", "sort", "partition", "put", "put_along_axis"}

# What only looks at memory in another way runs no kernel, and may be done from any device.
VIEWING = {
    *("reshape", "transpose", "swapaxes", "squeeze", "ravel", "diagonal", "view", "moveaxis"),
    *("expand_dims", "broadcast_to"),
}


def run(name, function, args, named):
    """``function(*args, **named)`` of NumPy on device arrays."""
    out = named.get("out")
    sources = list(arrays_in([*args, *named.values()]))
    if name in VIEWING and isinstance(args[0], ndarray):
        found = function(args[0]._host, *args[1:], **named)
        if np.may_share_memory(found, args[0]._host) or not found.size:
            return ndarray._of(found, args[0]._memory)
    args = unwrapped(list(args), name)
    named = {k: unwrapped(v, name) for k, v in named.items()}
    capture = captured()
    if capture is not None and name in NOT_IN_GRAPHS:
        Machines.now.note(name)
    if capture is not None and (isinstance(out, ndarray) or name in IN_PLACE):
        capture.work.append(lambda: quiet(function, args, named))
        return out
    result = quiet(function, args, named)
    found = out if isinstance(out, ndarray) else wrapped(result, *sources)
    if capture is not None:
        fresh = [a._host for a in arrays_in([found]) if not any(_shared(a, s) for s in sources)]
        if fresh and not name.startswith("empty"):  # memory alone: nothing is done
            note_result(function, args, named, fresh)
    return found


def quiet(function, args, named):
    with np.errstate(all="ignore"):
        return function(*args, **named)


def _shared(a, b):
    return np.may_share_memory(a._host, b._host)


def _is_mask(entry):
    return isinstance(entry, ndarray) and entry.dtype.kind == "b"


class ndarray:
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("strict_cupy: an array on memory that is there already")
        self._host = np.empty(shape, dtype, order)
        self._memory = Machines.now.memory(self._host.nbytes)
        if Machines.now.capture is not None:
            Machines.now.capture.kept.append(self._host)

    @classmethod
    def _of(cls, host, memory):
        array = object.__new__(cls)
        array._host, array._memory = host, memory
        if Machines.now.capture is not None:
            Machines.now.capture.kept.append(host)
        return array

    # ------------------------------------------------------------------ to and from the host

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def get(self, stream=None, order="C", out=None, blocking=True):
        Machines.now.note("get")
        if out is None:
            return np.array(self._host, order=order)
        out[...] = self._host
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.shape != self.shape or arr.dtype != self.dtype:
            raise ValueError(f"{arr.dtype} array of {arr.shape} set to {self.dtype} {self.shape}")
        Machines.now.note("set")
        self._host[...] = arr

    def _read(self, what):
        Machines.now.note(what)
        return self._host

    def item(self):
        return self._read("item").item()

    def tolist(self):
        return self._read("tolist").tolist()

    def __bool__(self):
        return bool(self._read("bool"))

    def __int__(self):
        return int(self._read("int"))

    def __float__(self):
        return float(self._read("float"))

    def __index__(self):
        return self._read("index").__index__()

    def __repr__(self):
        return repr(self._read("repr"))

    def __str__(self):
        return str(self._read("str"))

    def __format__(self, form):
        return format(self._read("format"), form)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self._host.__dlpack__(copy=copy)

    def __dlpack_device__(self):
        return 2, self._memory.device  # kDLCUDA

    def __deepcopy__(self, memo):
        return self.copy()

    # ------------------------------------------------------------------ what it is

    @property
    def host(self):
        """Where the emulated kernels find the values."""
        return here(self, "a kernel's argument")

    @property
    def data(self):
        return Pointer(self)

    @property
    def flags(self):
        return Flags(self._host.flags)

    @property
    def device(self):
        from strict_cuda import Device

        return Device(self._memory.device)

    @property
    def base(self):
        return None if self._host.flags.owndata else self

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # ------------------------------------------------------------------ elements

    def _key(self, key):
        """An index for NumPy. Places outside of the array wrap around, as on the GPU."""
        entries = key if isinstance(key, tuple) else (key,)
        spans = [e.ndim if _is_mask(e) else e is not None for e in entries]
        used = sum(s for s, e in zip(spans, entries, strict=True) if e is not Ellipsis)
        found, axis = [], 0
        for entry, span in zip(entries, spans, strict=True):
            if isinstance(entry, (np.ndarray, list, tuple)):
                raise TypeError(f"strict_cupy: an index of {type(entry).__name__} is copied unseen")
            if entry is Ellipsis:
                found.append(entry)
                axis += self.ndim - used
                continue
            if isinstance(entry, ndarray):
                host = here(entry, "index")
                if host.dtype == bool:
                    Machines.now.note("mask")  # how long the result is only the GPU knows
                else:
                    host = np.asarray(host % max(self.shape[axis], 1))
                entry = host
            found.append(entry)
            axis += span
        return tuple(found)

    def __getitem__(self, key):
        key = self._key(key)
        if not any(isinstance(k, np.ndarray) for k in key):
            return ndarray._of(self._host[(*key, ...)] if ... not in key else self._host[key],
                               self._memory)  # fmt: skip
        host = here(self, "index")
        found = wrapped(np.asarray(host[key]), self)
        if captured() is not None:
            note_result(host.__getitem__, (key,), {}, [found._host])
        return found

    def __setitem__(self, key, value):
        if isinstance(value, (list, tuple)):
            raise TypeError("strict_cupy: values of a list are copied unseen")
        host, key = here(self, "index"), self._key(key)
        value = unwrapped(value, "x[index] = value")
        if captured() is None:
            host[key] = value
        else:
            captured().work.append(lambda: host.__setitem__(key, value))

    # ------------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc, method, *inputs, **named):
        if method != "__call__" or ufunc.__name__ not in INTERFACE["ufuncs"]:
            return NotImplemented
        return run(ufunc.__name__, ufunc, inputs, named)

    def __array_function__(self, function, types, args, named):
        import cupy

        space = cupy.linalg if function.__module__ == "numpy.linalg" else cupy
        own = getattr(space, function.__name__, None)
        if own is None or not all(issubclass(t, ndarray) for t in types):
            return NotImplemented
        return own(*args, **named)


def _property(name):
    return property(lambda self: getattr(self._host, name))


for _name in ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides"):
    setattr(ndarray, _name, _property(_name))
for _name in ("T", "mT", "real", "imag"):
    setattr(ndarray, _name, property(lambda self, n=_name: wrapped(getattr(self._host, n), self)))


def checked(name, known, args, named):
    """Refuse arguments that CuPy's function of that name does not take."""
    if any(k.startswith("**") for k in known):
        return
    unknown = set(named) - set(known)
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(unknown)}")
    if not any(k.startswith("*") for k in known) and len(args) > len(known):
        raise TypeError(f"{name}() takes at most {len(known)} arguments ({len(args)} given)")


def _method(name, known):
    def method(self, *args, **named):
        checked(f"ndarray.{name}", known, args, named)
        if name in ("nonzero", "repeat", "compress"):
            Machines.now.note(name)
        if name == "repeat" and any(isinstance(a, ndarray) for a in args):
            raise ValueError("repeat: repeats must be an integer")
        return run(name, lambda x, *a, **k: getattr(x, name)(*a, **k), (self, *args), named)

    method.__name__ = name
    return method


for _name, _known in INTERFACE["methods"].items():
    if _known is not None and _name not in vars(ndarray) and hasattr(np.ndarray, _name):
        setattr(ndarray, _name, _method(_name, _known))


def _astype(self, dtype, order="K", casting=None, subok=None, copy=True):
    if casting is not None or subok is not None:
        raise TypeError("astype: only dtype, order and copy")
    return run("astype", lambda x: x.astype(dtype, order, copy=copy), (self,), {})


def _scatter_add(self, slices, value):
    assert captured() is None, "strict_cupy: scatter_add in a graph"
    here(self, "scatter_add")
    np.add.at(self._host, self._key(slices), unwrapped(value, "scatter_add"))


def _diagonal(self, offset=0, axis1=0, axis2=1):
    found = run("diagonal", lambda x: x.diagonal(offset, axis1, axis2), (self,), {})
    found._host.flags.writeable = self._host.flags.writeable  # NumPy protects it, CuPy does not
    return found


def _copy(self, order="C"):
    # The one thing that may be done to an array of another GPU.
    host = np.array(self._host, order=order)
    if captured() is not None:
        note_result(np.asarray, (self._host,), {}, [host])
    return ndarray._of(host, Machines.now.memory(host.nbytes))


ndarray.astype, ndarray.scatter_add = _astype, _scatter_add
ndarray.diagonal, ndarray.copy = _diagonal, _copy

_OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
    "rshift": np.right_shift,
}  # fmt: skip
_COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def _binary(name, ufunc, order):
    def operator(self, other):
        if not isinstance(other, (ndarray, np.ndarray, *SCALARS)):
            return NotImplemented
        return run(name, ufunc, (self, other)[::order], {})

    return operator


def _in_place(name, ufunc):
    def operator(self, other):
        return run(name, ufunc, (self, other), {"out": self})

    return operator


for _name, _ufunc in (_OPERATORS | _COMPARISONS).items():
    setattr(ndarray, f"__{_name}__", _binary(_name, _ufunc, 1))
    if _name in _OPERATORS:
        setattr(ndarray, f"__r{_name}__", _binary(_name, _ufunc, -1))
        setattr(ndarray, f"__i{_name}__", _in_place(_name, _ufunc))
for _name, _ufunc in _UNARY.items():
    setattr(ndarray, f"__{_name}__", lambda self, u=_ufunc, n=_name: run(n, u, (self,), {}))
