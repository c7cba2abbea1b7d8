"""CuPy: found, asked whether it can compute, and its errors said in words that help.

minicnn imports CuPy when the first array is to go to a GPU, and not before.
"""

import sys
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from importlib import metadata

import numpy as np

from minicnn.checks import DeviceError, GraphError, MissingDeviceError, OutOfMemoryError

# The names that CuPy is packed under; two of them at once overwrite each other's files.
_PACKAGES = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x", "cupy-rocm-7-0")

_INSTALL = 'pip install "minicnn[cuda12]" (or "minicnn[cuda13]", for a driver of CUDA 13)'


# A context variable: other threads go on while one of them captures.
_capture = ContextVar("minicnn_capture", default=None)


def capturing():
    """The `minicnn.cuda.CUDAGraph` that is being captured here, or None."""
    return _capture.get()


@contextmanager
def capture_into(graph):
    """Inside, `graph` is the one that is being captured."""
    token = _capture.set(graph)
    try:
        yield
    finally:
        _capture.reset(token)


def gpu_arrays():
    """The module `cupy`; an error that says what is missing.

    Raises:
        MissingDeviceError: CuPy is not installed, or does not load.
        DeviceError: several CuPy packages; no driver, or one that is too old; no GPU.
    """
    _one_package()
    try:
        import cupy
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
        why = "it needs CuPy" if missing else f"CuPy does not load ({error})"
        raise MissingDeviceError(f"device: 'cuda' is not available: {why}: {_INSTALL}") from error
    _check_driver(cupy)
    return cupy


@cache
def _installed():
    """The CuPy packages that are installed."""
    found = []
    for package in _PACKAGES:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        found.append(package)
    return found


def _one_package():
    found = _installed()
    if len(found) > 1:
        raise DeviceError(
            f"device: 'cuda' is not available: {' and '.join(found)} are both installed and "
            f"overwrite each other. Remove them, pip uninstall {' '.join(found)}, then {_INSTALL}"
        )


def _check_driver(cupy):
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        why, driver = str(error), runtime.driverGetVersion()
        if "NoDevice" in why:
            count = 0
        elif not driver:
            raise DeviceError(
                "device: 'cuda' is not available: this machine has no NVIDIA driver. Install one, "
                "or use device 'cpu'"
            ) from error
        elif "InsufficientDriver" in why:
            raise DeviceError(
                f"device: 'cuda' is not available: the NVIDIA driver knows CUDA "
                f"{_version(driver)}, CuPy was made for {_version(runtime.runtimeGetVersion())}. "
                "Install a newer driver or a CuPy for the older CUDA, or use device 'cpu'"
            ) from error
        else:
            raise DeviceError(f"device: 'cuda' is not available: {why}") from error
    if not count:
        raise DeviceError(
            "device: 'cuda' is not available: the driver shows no GPU (does the environment "
            "variable CUDA_VISIBLE_DEVICES hide them?). Use device 'cpu'"
        )
    return count


def _version(number):
    """12080 → "12.8", as CUDA counts."""
    return f"{number // 1000}.{number % 1000 // 10}"


def device_count():
    """How many GPUs there are; 0 where CuPy or the driver is missing.

    As ``torch.cuda.device_count``. Raises nothing.

    >>> device_count() >= 0
    True
    """
    try:
        return _check_driver(gpu_arrays())
    except DeviceError:
        return 0


def gigabytes(size):
    return f"{size / 2**30:.2f} GiB" if size >= 2**28 else f"{size / 2**20:.1f} MiB"


class on_gpu:
    """Inside, GPU `number` is the current one, and running out of its memory says what to do."""

    def __init__(self, number):
        self.number = number

    def __enter__(self):
        graph = _capture.get()
        if graph is not None and graph.device != self.number:
            raise GraphError(
                f"cuda.graph: a graph of cuda:{graph.device} is being captured, and this is to "
                f"run on cuda:{self.number}: what one graph does, one GPU does"
            )
        self._device = sys.modules["cupy"].cuda.Device(self.number)
        self._device.__enter__()
        return self

    def __exit__(self, kind, error, trace):
        self._device.__exit__(kind, error, trace)
        cupy = sys.modules["cupy"]
        if kind is not None and issubclass(kind, cupy.cuda.memory.OutOfMemoryError):
            raise _out_of_memory(cupy, self.number, error) from None


def _out_of_memory(cupy, number, error):
    with cupy.cuda.Device(number):
        used = cupy.get_default_memory_pool().used_bytes()
        free, total = cupy.cuda.runtime.memGetInfo()
        kept = cupy.get_default_memory_pool().free_bytes()
    asked = getattr(error, "_size", None)
    return OutOfMemoryError(
        f"cuda:{number}: out of memory: {'more' if asked is None else gigabytes(asked)} asked for, "
        f"{gigabytes(used)} used by tensors, {gigabytes(free + kept)} free of {gigabytes(total)}. "
        "Lower the batch size or the image size first; predict under no_grad(); train in float16; "
        "or delete tensors that are no longer needed"
    )


def copied(array, dtype=None):
    """A copy of an array, or of it in another dtype, where it is: in row-major order.

    CuPy's own copy goes to the current GPU, whichever that is.
    """
    with beside(array):
        return array.copy(order="C") if dtype is None else array.astype(dtype, order="C")


def pinned(array):
    """A copy of a NumPy array in memory that is locked, so that a GPU reads it by itself."""
    gpu_arrays()
    import cupyx

    copy = cupyx.empty_pinned(array.shape, array.dtype)
    copy[...] = array
    return copy


def is_pinned_memory(array):
    """Whether a NumPy array is one of `pinned`, or a view of one."""
    cupy = sys.modules.get("cupy")
    if cupy is None or not isinstance(array, np.ndarray):
        return False
    owner = array
    while owner is not None and isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return isinstance(owner, cupy.cuda.PinnedMemoryPointer)


def number_of(array):
    """The number of the GPU that an array of CuPy lies on."""
    return array.data.device_id


def beside(array):
    """A context in which the GPU that `array` lies on, if it does, is the current one."""
    return (
        nullcontext() if isinstance(array, (np.ndarray, np.generic)) else on_gpu(number_of(array))
    )
