"""``cupy.cuda``: devices, memory pools, streams, events, graphs; what is asked of them is noted."""

import threading
from contextlib import contextmanager

import numpy as np
from strict_arrays import ndarray
from strict_graphs import begin_capture, end_capture
from strict_machine import CUDARuntimeError, Machines, OutOfMemoryError

CAPABILITY = "90"


class Device:
    """A GPU by its number; ``with Device(1):`` makes it the current one."""

    def __init__(self, device=None):
        Machines.now.check()
        self.id = Machines.now.current if device is None else int(device)
        self._before = []

    def __enter__(self):
        self._before.append(Machines.now.current)
        Machines.now.current = self.id
        return self

    def __exit__(self, *error):
        Machines.now.current = self._before.pop()

    def use(self):
        Machines.now.current = self.id

    def synchronize(self):
        Machines.now.note("synchronize")

    @property
    def mem_info(self):
        pool = Machines.now.pools[self.id]
        return pool.memory - pool.held, pool.memory

    @property
    def compute_capability(self):
        return CAPABILITY

    @property
    def attributes(self):
        return {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448}

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


class MemoryPool:
    """The pool of the device that is current when it is asked."""

    def _pool(self):
        return Machines.now.pools[Machines.now.current]

    def used_bytes(self):
        return self._pool().used

    def total_bytes(self):
        return self._pool().held

    def free_bytes(self):
        return self._pool().held - self._pool().used

    def malloc(self, size):
        raise NotImplementedError("strict_cupy: memory is asked for by arrays")

    def free_all_blocks(self, stream=None):
        self._pool().held = self._pool().used

    def get_limit(self):
        return 0


@contextmanager
def using_allocator(allocator=None):
    before, Machines.now.allocator = Machines.now.allocator, allocator
    try:
        yield
    finally:
        Machines.now.allocator = before


class Event:
    """A point in a stream."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.stream = None
        self.timed = not disable_timing

    def record(self, stream=None):
        self.stream = (stream or get_current_stream()).number
        Machines.now.events.append(("record", self.stream))

    @property
    def done(self):
        return True

    def synchronize(self):
        Machines.now.note("event")


class Stream:
    """A queue of work. Here all work is done at once, in the order in which it is asked for."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.number = 0 if null else next(Machines.now.streams)
        self.ptr, self.device_id = self.number, Machines.now.current
        self._before = []

    def __enter__(self):
        self._before.append(get_current_stream())
        _local.stream = self
        return self

    def __exit__(self, *error):
        _local.stream = self._before.pop()

    def use(self):
        _local.stream = self

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        Machines.now.events.append(("wait", self.number, event.stream))

    def synchronize(self):
        Machines.now.note("stream")

    def begin_capture(self, mode=None):
        begin_capture(self, mode)

    def end_capture(self):
        return end_capture(self)

    @property
    def done(self):
        return True


_local = threading.local()
Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    return getattr(_local, "stream", Stream.null)


def get_elapsed_time(start, end):
    if not (start.timed and end.timed):
        raise CUDARuntimeError(400, "cudaErrorInvalidResourceHandle: invalid resource handle")
    return 1.0


def is_available():
    return Machines.now.driver is not None and bool(Machines.now.pools)


def get_device_count():
    Machines.now.check()
    return len(Machines.now.pools)


def driver_version():
    """0 where there is no driver, as CUDA says it."""
    return Machines.now.driver or 0


def mem_info():
    return Device().mem_info


def properties(device):
    total = Machines.now.pools[device].memory
    return {"name": b"A stand-in, no GPU", "totalGlobalMem": total, "major": 9, "minor": 0}


def set_device(device):
    Machines.now.current = device


RUNTIME = {
    "CUDARuntimeError": CUDARuntimeError,
    "getDeviceCount": get_device_count,
    "getDevice": lambda: Machines.now.current,
    "setDevice": set_device,
    "deviceSynchronize": lambda: Device().synchronize(),
    "driverGetVersion": driver_version,
    "runtimeGetVersion": lambda: 12090,
    "getDeviceProperties": properties,
    "memGetInfo": mem_info,
    "deviceCanAccessPeer": lambda a, b: int(Machines.now.peer),
}

MEMORY = {"OutOfMemoryError": OutOfMemoryError, "MemoryPool": MemoryPool}


class PinnedMemoryPointer(bytearray):
    """Memory of the host that the GPU reads by itself."""


CUDA = {
    "Device": Device,
    "Event": Event,
    "Stream": Stream,
    "MemoryPool": MemoryPool,
    "PinnedMemoryPointer": PinnedMemoryPointer,
    "get_current_stream": get_current_stream,
    "using_allocator": using_allocator,
    "get_elapsed_time": get_elapsed_time,
    "is_available": is_available,
    "get_device_id": lambda: Machines.now.current,
}


def empty_pinned(shape, dtype=float, order="C"):
    Machines.now.check()
    count = int(np.prod(shape))
    memory = PinnedMemoryPointer(max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape, order=order)


def scatter_add(a, slices, value):
    a.scatter_add(slices, value)


CUPYX = {"empty_pinned": empty_pinned, "scatter_add": scatter_add}


def default_pool():
    return MemoryPool()


__all__ = ["CUDA", "CUPYX", "MEMORY", "RUNTIME", "default_pool", "ndarray"]
