"""What is in the memory of GPUs: as in ``torch.cuda``, where these functions are found."""

import sys

from minicnn.functions.conversions import gpu_named
from minicnn.gpu import device_count, gigabytes, gpu_arrays, on_gpu


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
    return _pool(gpu_named("memory_allocated", device).index)[0]


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
    return _pool(gpu_named("memory_reserved", device).index)[1]


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
    with on_gpu(gpu_named("mem_get_info", device).index):
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
    number = gpu_named("memory_summary", device).index
    used, held = _pool(number)
    free, total = mem_get_info(number)
    name = gpu_arrays().cuda.runtime.getDeviceProperties(number)["name"].decode()
    return (
        f"cuda:{number} ({name})\n"
        f"  held by tensors        {gigabytes(used)}\n"
        f"  kept for later tensors {gigabytes(held - used)}\n"
        f"  free                   {gigabytes(free)}\n"
        f"  in all                 {gigabytes(total)}"
    )
