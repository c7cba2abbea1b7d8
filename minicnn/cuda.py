"""GPUs: which there are, what is in their memory, when they are ready: as ``torch.cuda``.

>>> import minicnn as mc
>>> mc.cuda.is_available() == (mc.cuda.device_count() > 0)
True
"""

import sys

from minicnn.checks import ArgumentError, OutOfMemoryError, one_of
from minicnn.cuda_graphs import CUDAGraph, graph, is_current_stream_capturing
from minicnn.device import as_device
from minicnn.gpu import device_count, gigabytes, gpu_arrays, on_gpu
from minicnn.random import default_generator_of, seed_gpus

__all__ = [
    "CUDAGraph",
    "OutOfMemoryError",
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_float32_matmul_precision",
    "get_rng_state",
    "graph",
    "is_available",
    "is_current_stream_capturing",
    "manual_seed",
    "manual_seed_all",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_summary",
    "set_device",
    "set_float32_matmul_precision",
    "set_rng_state",
    "synchronize",
]


def is_available():
    """Whether there is a GPU that minicnn can compute on.

    As ``torch.cuda.is_available``.

    Raises nothing.

    >>> import minicnn as mc
    >>> mc.cuda.is_available() == (mc.cuda.device_count() > 0)
    True
    """
    return device_count() > 0


def _number(operation, device):
    """The number of a GPU named by its number, its name, or None for the current one."""
    found = as_device("cuda" if device is None else device)
    if found.type != "cuda":
        raise ArgumentError(f"{operation}: expected a GPU such as 'cuda:0', got {str(device)!r}")
    return found.index


def current_device():
    """The number of the GPU that ``"cuda"`` means.

    As ``torch.cuda.current_device``.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     assert mc.cuda.current_device() >= 0
    """
    return _number("current_device", None)


def set_device(device):
    """Make a GPU the one that ``"cuda"`` means, for this thread.

    As ``torch.cuda.set_device``.

    Args:
        device: the GPU, its name or number.

    Raises:
        DeviceError: there is no such GPU here. ArgumentError: it is no GPU.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     mc.cuda.set_device("cuda:0")
    """
    number = _number("set_device", device)
    gpu_arrays().cuda.runtime.setDevice(number)


class device:
    """Inside ``with mc.cuda.device(1):`` that GPU is the one that ``"cuda"`` means.

    As ``torch.cuda.device``.

    Args:
        device: the GPU, its name or number.

    Raises:
        DeviceError: there is no such GPU here. ArgumentError: it is no GPU.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     with mc.cuda.device(0):
    ...         assert mc.zeros(1, device="cuda").device == "cuda:0"
    """

    def __init__(self, device):
        self.idx = _number("device", device)

    def __enter__(self):
        self._place = on_gpu(self.idx)
        self._place.__enter__()

    def __exit__(self, *error):
        self._place.__exit__(*error)


def synchronize(device=None):
    """Wait until a GPU has done all that it was asked: for measuring times.

    As ``torch.cuda.synchronize``.

    Operations return when the GPU knows what to do, not when it is done.

    Args:
        device: the GPU, its name or number; None: the current one.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     mc.cuda.synchronize()
    """
    number = _number("synchronize", device)
    gpu_arrays().cuda.Device(number).synchronize()


def get_device_name(device=None):
    """What the maker calls a GPU.

    As ``torch.cuda.get_device_name``.

    Args:
        device: the GPU, its name or number; None: the current one.

    Returns:
        A string.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     assert mc.cuda.get_device_name()
    """
    number = _number("get_device_name", device)
    return gpu_arrays().cuda.runtime.getDeviceProperties(number)["name"].decode()


def get_device_capability(device=None):
    """The compute capability of a GPU, which says what it can do.

    As ``torch.cuda.get_device_capability``.

    Args:
        device: the GPU, its name or number; None: the current one.

    Returns:
        (major, minor), integers.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     assert mc.cuda.get_device_capability() >= (5, 0)
    """
    number = _number("get_device_capability", device)
    known = gpu_arrays().cuda.runtime.getDeviceProperties(number)
    return known["major"], known["minor"]


# ------------------------------------------------------------------------------ its memory


def _pool(number):
    cupy = gpu_arrays()
    with cupy.cuda.Device(number):
        pool = cupy.get_default_memory_pool()
        return pool.used_bytes(), pool.total_bytes()


def memory_allocated(device=None):
    """The bytes of a GPU's memory that tensors hold.

    As ``torch.cuda.memory_allocated``.

    Args:
        device: the GPU, its name or number; None: the current one.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     assert mc.cuda.memory_allocated() <= mc.cuda.memory_reserved()
    """
    return _pool(_number("memory_allocated", device))[0]


def memory_reserved(device=None):
    """The bytes of a GPU's memory that minicnn holds: those of tensors, and some kept for later.

    As ``torch.cuda.memory_reserved``.

    The memory of a captured step (`CUDAGraph`) is its own, and not counted here.

    Args:
        device: the GPU, its name or number; None: the current one.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     assert mc.cuda.memory_reserved() >= 0
    """
    return _pool(_number("memory_reserved", device))[1]


def mem_get_info(device=None):
    """(free, total) bytes of a GPU's memory, whoever holds it.

    As ``torch.cuda.mem_get_info``.

    Args:
        device: the GPU, its name or number; None: the current one.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     free, total = mc.cuda.mem_get_info()
    """
    with on_gpu(_number("mem_get_info", device)):
        return gpu_arrays().cuda.runtime.memGetInfo()


def empty_cache():
    """Give the memory that no tensor uses back to the GPUs, for other programs.

    As ``torch.cuda.empty_cache``.

    Raises nothing.

    >>> import minicnn as mc
    >>> mc.cuda.empty_cache()
    """
    cupy = sys.modules.get("cupy")
    if cupy is None:
        return  # nothing was ever taken
    for number in range(device_count()):
        with cupy.cuda.Device(number):
            cupy.get_default_memory_pool().free_all_blocks()


def memory_summary(device=None, abbreviated=False):
    """What is in a GPU's memory, as a text of a few lines.

    As ``torch.cuda.memory_summary``.

    Args:
        device: the GPU, its name or number; None: the current one.
        abbreviated: taken, and of no effect: there are five lines.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     print(mc.cuda.memory_summary())  # doctest: +SKIP
    """
    number = _number("memory_summary", device)
    used, held = _pool(number)
    free, total = mem_get_info(number)
    return (
        f"cuda:{number} ({get_device_name(number)})\n"
        f"  held by tensors        {gigabytes(used)}\n"
        f"  kept for later tensors {gigabytes(held - used)}\n"
        f"  free                   {gigabytes(free)}\n"
        f"  in all                 {gigabytes(total)}"
    )


# ----------------------------------------------------------------------- its random numbers


def manual_seed(seed):
    """Seed the random numbers that are drawn on GPUs; ``minicnn.manual_seed`` does so, too.

    As ``torch.cuda.manual_seed``.

    Args:
        seed: an integer ≥ 0.

    Raises:
        ArgumentError: it is no such integer.

    >>> import minicnn as mc
    >>> mc.cuda.manual_seed(0)
    """
    seed_gpus(seed)


manual_seed_all = manual_seed


def get_rng_state(device="cuda"):
    """The state of the stream of random numbers of a GPU: a dictionary of integers.

    As ``torch.cuda.get_rng_state``.

    Args:
        device: the GPU, its name or number.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     state = mc.cuda.get_rng_state()
    """
    return default_generator_of(as_device(device)).get_state()


def set_rng_state(new_state, device="cuda"):
    """Continue where `get_rng_state` was called.

    As ``torch.cuda.set_rng_state``.

    Args:
        new_state: what it gave, a dictionary.
        device: the GPU, its name or number.

    Raises:
        DeviceError: there is no such GPU here. KeyError: it is no such state.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     mc.cuda.set_rng_state(mc.cuda.get_rng_state())
    """
    default_generator_of(as_device(device)).set_state(new_state)


# ------------------------------------------------------------------------------ its precision

_PRECISIONS = ("highest", "high", "medium")


def set_float32_matmul_precision(precision):
    """How exactly a GPU multiplies float32 matrices, also those that convolutions are made of.

    As ``torch.set_float32_matmul_precision``.

    Args:
        precision: ``"highest"`` (the default): all 24 bits of float32. ``"high"`` and ``"medium"``:
            the factors with 11 bits, TF32, which GPUs from 2020 on do several times faster; results
            then agree with the CPU's to three digits instead of six.

    Raises:
        ArgumentError: another precision.

    >>> import minicnn as mc
    >>> mc.set_float32_matmul_precision("high")
    >>> mc.get_float32_matmul_precision()
    'high'
    >>> mc.set_float32_matmul_precision("highest")
    """
    one_of("set_float32_matmul_precision", "precision", precision, _PRECISIONS)
    from minicnn.kernels.cuda.products import allow_tf32

    allow_tf32(precision != "highest")


def get_float32_matmul_precision():
    """``"high"`` where TF32 is allowed, else ``"highest"``.

    As ``torch.get_float32_matmul_precision``.

    Raises nothing.

    >>> import minicnn as mc
    >>> mc.get_float32_matmul_precision()
    'highest'
    """
    from minicnn.kernels.cuda.products import tf32_allowed

    return "high" if tf32_allowed() else "highest"
