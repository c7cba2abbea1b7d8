"""CuPy's functions, computed by NumPy's of the same names; what CuPy has not is not here either."""

import numpy as np
from strict_arrays import INTERFACE, SCALARS, checked, here, ndarray, run, unwrapped, wrapped
from strict_graphs import captured
from strict_machine import Machines

# How long the result is only the GPU knows: the host waits for it.
WAITING = {"nonzero", "unique", "delete", "compress", "argwhere", "flatnonzero", "extract"}
# Functions whose first argument must be an array on the GPU, not a scalar or a list of numbers.
FROM_HOST = {"array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"}
# Without an array among their arguments.
MAKING = {"zeros", "ones", "empty", "full", "arange", "linspace", "eye", "identity", "tri"}


class ufunc:
    """One of CuPy's universal functions."""

    def __init__(self, name, nin):
        self.__name__ = self.name = name
        self.nin, self._numpy = nin, getattr(np, name)

    def __call__(self, *args, **named):
        checked(self.name, ["x1", "x2", "x3", "out", "casting", "dtype", "where"], args, named)
        for value in args:
            if not isinstance(value, (ndarray, *SCALARS)):
                raise TypeError(f"{self.name}: Unsupported type {type(value)}")
        if "out" in named and named["out"] is None:
            del named["out"]
        return run(self.name, self._numpy, args, named)

    def at(self, a, indices, b=None):
        if self.name not in ("add", "subtract", "maximum", "minimum"):
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        if self.name == "add" and a.dtype not in ("float16", "float32", "float64", "int32"):
            raise TypeError(f"scatter_add only supports floating-point and int32, got {a.dtype}")
        assert captured() is None, "strict_cupy: add.at in a graph"
        self._numpy.at(here(a, "at"), a._key(indices), unwrapped(b, "at"))

    def outer(self, a, b, **named):
        return run(self.name, self._numpy.outer, (a, b), named)

    def reduce(self, a, axis=0, dtype=None, out=None, keepdims=False):
        if self.name not in ("add", "multiply", "maximum", "minimum"):
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return run(self.name, self._numpy.reduce, (a, axis, dtype), {"keepdims": keepdims})

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        if self.name != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        return run(self.name, self._numpy.reduceat, (array, indices, axis, dtype), {})


def take_along_axis(a, indices, axis):
    """Places outside of the array wrap around, as on the GPU."""
    return np.take_along_axis(a, indices % max(a.shape[axis], 1), axis)


def put_along_axis(arr, indices, values, axis):
    np.put_along_axis(arr, indices % max(arr.shape[axis], 1), values, axis)


def take(a, indices, axis=None, out=None):
    return np.take(a, indices, axis, mode="wrap")


WRAPPING = {f.__name__: f for f in (take_along_axis, put_along_axis, take)}


def _function(name, known):
    numpy_function = np
    for part in name.split("."):
        numpy_function = getattr(numpy_function, part)
    numpy_function = WRAPPING.get(name, numpy_function)

    def function(*args, **named):
        checked(name, known, args, named)
        if name in WAITING:
            Machines.now.note(name)
        from_host = name not in MAKING and args and isinstance(args[0], (*SCALARS, np.ndarray))
        if from_host and name not in ("where", "result_type", "can_cast", "broadcast_shapes"):
            raise TypeError(f"{name}: Argument must be cupy.ndarray, not {type(args[0])}")
        return run(name, numpy_function, args, named)

    function.__name__ = name
    return function


def _from_host(name):
    def function(obj, dtype=None, **named):
        allowed = {"order", "copy", "ndmin", "blocking"} if name != "ascontiguousarray" else ()
        if set(named) - set(allowed):
            raise TypeError(f"{name}() got an unexpected keyword argument {sorted(named)}")
        named.pop("blocking", None)
        order = named.pop("order", None)
        if name == "ascontiguousarray":
            order = "C"
        copy = named.pop("copy", name == "array") or None
        if not isinstance(obj, ndarray):
            if isinstance(obj, (list, tuple)) and any(isinstance(o, ndarray) for o in obj):
                raise TypeError(f"strict_cupy: {name} of a list of arrays; use stack")
            Machines.now.note("set")
            host = np.array(obj, dtype, order=order or "K", **named)
            if host.dtype.kind not in "biufc":
                raise ValueError(f"Unsupported dtype {host.dtype}")
            return wrapped(host.copy() if not host.flags.owndata else host)
        if named.get("ndmin"):
            raise TypeError(f"strict_cupy: {name} with ndmin")
        return run(name, lambda x: np.array(x, dtype, copy=copy, order=order or "K"), (obj,), {})

    function.__name__ = name
    return function


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def get_array_module(*args):
    import cupy

    return cupy if any(isinstance(a, ndarray) for a in args) else np


def from_dlpack(array, *, device=None, copy=None):
    """Only of one of these arrays, or of what hands one over."""
    array = getattr(array, "array", array)
    if not isinstance(array, ndarray):
        raise TypeError("strict_cupy: from_dlpack of an array that is not on the GPU")
    return ndarray._of(array._host, array._memory)


def elementwise(function):
    """A function of numbers as one of arrays."""
    numbers = np.vectorize(function, otypes=["float64"])
    return lambda x: run(function.__name__, lambda x: numbers(x).astype(x.dtype), (x,), {})


class ogrid:
    def __getitem__(self, key):
        return wrapped(list(np.ogrid[key]))


def namespace():
    """The names of the module `cupy`, but for `cuda`; and those of `cupy.linalg`."""
    top, linalg = {"ndarray": ndarray, "ufunc": ufunc, "newaxis": None}, {}
    for name, nin in INTERFACE["ufuncs"].items():
        if hasattr(np, name) and "." not in name:
            top[name] = ufunc(name, nin)
    top["matmul"] = ufunc("matmul", 2)
    for name, known in INTERFACE["functions"].items():
        space, short = (linalg, name[7:]) if name.startswith("linalg.") else (top, name)
        if short in FROM_HOST:
            space[short] = _from_host(short)
        elif hasattr(np.linalg if space is linalg else np, short):
            space[short] = _function(name, known)
    for name in INTERFACE["others"]:
        value = getattr(np, name, None)
        if name not in top and (isinstance(value, (type, float)) or name == "dtype"):
            top[name] = value
    top |= {
        "asnumpy": asnumpy,
        "get_array_module": get_array_module,
        "from_dlpack": from_dlpack,
        "ogrid": ogrid(),
    }
    return top, linalg
