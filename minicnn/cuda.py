"""GPUs: which there are, what is in their memory, when they are ready: as ``torch.cuda``.

>>> import minicnn as mc
>>> mc.cuda.is_available() == (mc.cuda.device_count() > 0)
True
"""

from minicnn.checks import OutOfMemoryError, one_of
from minicnn.cuda_graphs import CUDAGraph, graph, is_current_stream_capturing
from minicnn.cuda_memory import (
    empty_cache,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_summary,
)
from minicnn.device import as_device
from minicnn.functions.conversions import gpu_named
from minicnn.gpu import device_count, gpu_arrays, on_gpu
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


def current_device():
    """The number of the GPU that ``"cuda"`` means.

    As ``torch.cuda.current_device``.

    Raises:
        DeviceError: there is no such GPU here.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     assert mc.cuda.current_device() >= 0
    """
    return gpu_named("current_device", None).index


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
    number = gpu_named("set_device", device).index
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
        self.idx = gpu_named("device", device).index

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
    number = gpu_named("synchronize", device).index
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
    number = gpu_named("get_device_name", device).index
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
    number = gpu_named("get_device_capability", device).index
    known = gpu_arrays().cuda.runtime.getDeviceProperties(number)
    return known["major"], known["minor"]


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
