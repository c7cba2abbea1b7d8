"""Where an array lives."""

from minicnn.checks import ArgumentError, closest


class Device(str):
    """A device as PyTorch writes it, ``"cpu"``; `type` and `index` are its two parts.

    >>> Device("cpu").type
    'cpu'
    """

    __slots__ = ()

    @property
    def type(self):
        return self.split(":")[0]

    @property
    def index(self):
        return int(self.split(":")[1]) if ":" in self else None

    def __repr__(self):
        return f"device(type={self.type!r})"


CPU = Device("cpu")


def as_device(device):
    """`device` as a `Device`; an `ArgumentError` where there is none of that name."""
    name = str(device)
    if name == "cpu":
        return CPU
    if name.split(":")[0] == "cuda":
        raise ArgumentError(
            f"device: {name!r} is not available: this version of minicnn computes on the CPU. "
            "Use device 'cpu'"
        )
    raise ArgumentError(f"device: unknown device {name!r}{closest(name, ['cpu', 'cuda'])}")


def device_of(array):
    return CPU
