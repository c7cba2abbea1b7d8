"""Where an array lives, and how it gets elsewhere."""

import re
import sys
from functools import cache

import numpy as np

from minicnn.arrays import as_array
from minicnn.checks import ArgumentError, DeviceError, closest
from minicnn.gpu import beside, device_count, gpu_arrays, number_of, on_gpu


class Device(str):
    """A device as PyTorch writes it, ``"cpu"`` or ``"cuda:0"``; `type` and `index` are its parts.

    As ``torch.device``.

    Raises:
        ArgumentError: there is no such kind of device, or no such number.

    >>> Device("cuda", 1)
    device(type='cuda', index=1)
    >>> Device("cpu").type
    'cpu'
    """

    __slots__ = ()

    def __new__(cls, type, index=None):
        name = str(type) if index is None else f"{type}:{index}"
        if not re.fullmatch(r"(cpu|cuda)(:\d+)?", name):
            kind = name.split(":")[0]
            raise ArgumentError(
                f"device: unknown device {name!r}{closest(kind, ['cpu', 'cuda'])}; there are "
                "'cpu', 'cuda' and 'cuda:0', 'cuda:1', …"
            )
        return super().__new__(cls, name)

    @property
    def type(self):
        """Its kind: ``"cpu"`` or ``"cuda"``."""
        return self.split(":")[0]

    @property
    def index(self):
        """Its number; None for the CPU."""
        return int(self.split(":")[1]) if ":" in self else None

    def __repr__(self):
        number = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{number})"


CPU = Device("cpu")


def as_device(device):
    """`device` as a `Device` that is there, with the number of the GPU.

    Args:
        device: a `Device`, its name, or the number of a GPU. ``"cuda"`` is the current one.

    Raises:
        ArgumentError: no device of that name; `DeviceError`, one of them, where this machine does
            not have it, or no CuPy.
    """
    if device == "cpu":
        return CPU
    if isinstance(device, int) and not isinstance(device, bool):
        device = f"cuda:{device}"
    device = Device(device)
    if device.type == "cpu":
        return CPU
    cupy = gpu_arrays()
    if device.index is None:
        return Device("cuda", cupy.cuda.runtime.getDevice())
    count = device_count()
    if device.index >= count:
        raise DeviceError(
            f"device: {str(device)!r} is not available: this machine has {count} "
            f"GPU{'s' if count > 1 else ''}, 'cuda:0'{f' to cuda:{count - 1}' * (count > 1)}"
        )
    return device


def device_of(array):
    """Where an array lives."""
    if isinstance(array, (np.ndarray, np.generic)):
        return CPU
    return _gpu(number_of(array))


@cache
def _gpu(number):
    return Device("cuda", number)


def is_array(array):
    """Whether `array` is one of NumPy's, or of CuPy's."""
    if isinstance(array, np.ndarray):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(array, cupy.ndarray)


def one_device(name, arrays):
    """The device of all `arrays`; a `DeviceError` where they have several."""
    if all(type(a) is np.ndarray for a in arrays):
        return CPU
    devices = [device_of(a) for a in arrays]
    if len(set(devices)) > 1:
        gpu = next(d for d in devices if d != CPU)
        raise DeviceError(
            f"{name}: expected all tensors on one device, got {', '.join(devices)}. Move the "
            f"others there, x.to({str(gpu)!r}), and a model with model.to({str(gpu)!r})"
        )
    return devices[0]


def on_cpu_only(name, tensors):
    """Refuse tensors on a GPU, for what looks at single numbers one after another."""
    for t in tensors:
        if t.is_cuda:
            raise DeviceError(
                f"{name}: works on the CPU only, and got a tensor on {t.device}; move the model "
                "and its inputs there, model.cpu() and x.cpu()"
            )


def together(name, arrays):
    """(device, arrays): where all arrays are, with single numbers brought there from the host.

    As in PyTorch a 0-d tensor in main memory may stand beside tensors on a GPU.
    """
    homes = [device_of(a) for a in arrays if a.ndim or device_of(a) != CPU]
    if len(set(homes)) > 1:
        one_device(name, arrays)
    if not homes or homes[0] == CPU:
        return CPU, arrays
    return homes[0], [moved(a, homes[0]) if not a.ndim else a for a in arrays]


def computed(name, function, *arrays):
    """``function(*arrays)`` on the device that all of them are on, as an array."""
    for a in arrays:
        if type(a) is not np.ndarray:
            device, arrays = together(name, arrays)
            if device != CPU:
                with on_gpu(device.index):
                    return function(*arrays)
            break
    return as_array(function(*arrays))


def first_outside(numbers, low, high, allowed=None):
    """The first of an array of integers that is not in low … high − 1, nor `allowed`; or None.

    The host waits for a GPU to know: a label out of range must be an error, not another's number.

    >>> first_outside(np.array([0, 7, 9]), 0, 5, allowed=7)
    9
    """

    def outside(numbers):
        found = (numbers < low) | (numbers >= high)
        return found if allowed is None else found & (numbers != allowed)

    with beside(numbers):
        wrong = outside(numbers)
        return int(numbers[wrong].reshape(-1)[0]) if wrong.any() else None


def moved(array, device):
    """`array` on another device, a copy; itself where it lies there already."""
    source = device_of(array)
    if source == device:
        return array
    if device == CPU:
        with on_gpu(source.index):
            return array.get()
    cupy = gpu_arrays()
    with on_gpu(device.index):
        if source != CPU:
            return array.copy()  # copies to the current GPU
        if not array.ndim:
            # A single number travels as the argument of a kernel: nobody waits for a copy.
            return cupy.full((), array.item(), array.dtype)
        return cupy.asarray(array)


def made(name, make, device):
    """``make(xp)`` on a device: an array that is made there, not moved there.

    >>> made("zeros", lambda xp: xp.zeros(2), CPU)
    array([0., 0.])
    """
    if device is None or device == CPU:
        return make(np)
    with on_gpu(device.index):
        return make(gpu_arrays())
