"""The GPUs that are not there: their memory, which of them is current, and what was copied.

A `Machine` counts the bytes that arrays hold, as CuPy's memory pools do, and runs out of them at a
limit. `copies` notes whatever makes a real GPU wait for the host or the host for it.
"""

import itertools
import threading
import weakref

BLOCK = 512  # a pool hands out memory in multiples of so many bytes


class OutOfMemoryError(MemoryError):
    """CuPy's, with its words."""

    def __init__(self, size, total, limit=0):
        self._size, self._total, self._limit = size, total, limit
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes)."
        )


class CUDARuntimeError(RuntimeError):
    """An error of the driver, with its number in `status`."""

    def __init__(self, status, text):
        self.status = status
        super().__init__(text)


class Pool:
    """The memory of one GPU; what was given back stays with the pool until it is freed."""

    def __init__(self, memory):
        self.memory, self.used, self.held = memory, 0, 0
        self.peak = 0

    def take(self, size):
        size = -(-size // BLOCK) * BLOCK
        if self.used + size > self.memory:
            raise OutOfMemoryError(size, self.held)
        self.used += size
        self.held = max(self.held, self.used)
        self.peak = max(self.peak, self.used)
        return size

    def give_back(self, size):
        self.used -= size


class Memory:
    """A piece of a GPU's memory; views of one array share it."""

    def __init__(self, machine, device, size):
        self.device = device
        pool = machine.pools[device]
        weakref.finalize(self, pool.give_back, pool.take(size))


class Machine:
    """Some GPUs.

    Args:
        devices: how many.
        memory: bytes each.
        driver: the version of the driver, as CUDA writes it; None: there is none.
        too_old: it is too old for CuPy.
        peer: the GPUs may read each other's memory.
    """

    def __init__(self, devices=2, memory=2**28, driver=12080, too_old=False, peer=False):
        self.pools = [Pool(memory) for _ in range(devices)]
        self.driver, self.too_old, self.peer = driver, too_old, peer
        self.copies = []
        self.capture, self.allocator = None, None  # see `strict_graphs`
        self.streams = itertools.count(1)
        self.events = []  # what streams were asked to do, in order
        self._local = threading.local()

    @property
    def current(self):
        """The number of the current device, each thread's own."""
        return getattr(self._local, "device", 0)

    @current.setter
    def current(self, device):
        if not 0 <= device < len(self.pools):
            raise CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")
        self._local.device = device

    def check(self):
        """The error of a machine that cannot compute."""
        if self.driver is None or self.too_old:
            raise CUDARuntimeError(
                35,
                "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA "
                "runtime version",
            )
        if not self.pools:
            raise CUDARuntimeError(100, "cudaErrorNoDevice: no CUDA-capable device is detected")

    def memory(self, size, device=None):
        self.check()
        return Memory(self, self.current if device is None else device, size)

    def note(self, what):
        """A copy between host and GPU, or something for which one waits for the other."""
        if self.capture is not None:
            raise RuntimeError(f"the current stream is capturing, so this is disallowed ({what})")
        self.copies.append(what)


class Machines:
    """The `Machine` in use; tests put in another."""

    now = Machine()
