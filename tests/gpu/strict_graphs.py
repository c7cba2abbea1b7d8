"""CUDA graphs of the stand-in: while a stream captures nothing is done, and all of it is noted.

As on a GPU the arrays of a capture hold no values before it is replayed: here they hold NaN. What
CuPy refuses during a capture is refused: copies between host and GPU, answers, and its own wrapper
of cuBLAS.
"""

import ctypes

import cublas_on_cpu
import numpy as np
from cuda_on_cpu import EmulatedModule
from strict_machine import CUDARuntimeError, Machines

# CuPy tells the GPU where arrays are by a copy, waits while it sorts, or asks cuBLAS itself.
NOT_IN_GRAPHS = {"concatenate", "stack", "hstack", "vstack", "argsort", "sort", "lexsort"}
NOT_IN_GRAPHS |= {"matmul", "dot", "einsum", "tensordot", "inner", "outer"}


class Capture:
    """What a stream has been asked for since its capture began.

    Attributes:
        device: of the stream.
        work: functions without arguments, in order.
        kept: arrays that were made meanwhile: their memory belongs to the graph.
    """

    def __init__(self, stream, device):
        self.stream, self.device, self.work, self.kept = stream, device, [], []


def captured():
    """The capture under way, or None."""
    capture = Machines.now.capture
    if capture is not None and Machines.now.current != capture.device:
        raise AssertionError("strict_cupy: work for another GPU during a capture")
    return capture


def spoil(host):
    """Nobody knows what is in memory before it is written to."""
    host.fill({"f": np.nan, "b": True}.get(host.dtype.kind, np.iinfo("int8").max))


def note_result(function, args, named, hosts):
    """Leave `hosts`, the results of a call, without values; a replay computes them."""

    def again():
        with np.errstate(all="ignore"):
            found = function(*args, **named)
        found = found if isinstance(found, (tuple, list)) else [found]
        for host, new in zip(hosts, found, strict=True):
            host[...] = new

    Machines.now.capture.work.append(again)
    for host in hosts:
        spoil(host)


class Graph:
    """A capture that has ended."""

    def __init__(self, capture):
        self._capture = capture

    def launch(self, stream=None):
        if Machines.now.current != self._capture.device:
            raise CUDARuntimeError(400, "cudaErrorInvalidResourceHandle: invalid resource handle")
        Machines.now.events.append("launch")
        for work in self._capture.work:
            work()

    def upload(self, stream=None):
        pass


def begin_capture(stream, mode=None):
    machine = Machines.now
    if stream.number == 0:
        raise RuntimeError("cannot capture on the default (legacy) stream")
    if machine.capture is not None or machine.allocator is None:
        raise AssertionError("strict_cupy: a capture needs a memory pool that nobody else uses")
    machine.capture = Capture(stream, machine.current)


def end_capture(stream):
    capture, Machines.now.capture = Machines.now.capture, None
    if capture is None or capture.stream is not stream:
        raise CUDARuntimeError(
            901, "cudaErrorStreamCaptureInvalidated: operation failed due to a previous error"
        )
    return Graph(capture)


class CapturedModule(EmulatedModule):
    """`EmulatedModule`, whose kernels are noted instead of run while a stream captures."""

    def get_function(self, name):
        kernel = super().get_function(name)

        def launch(grid, block, args, **options):
            capture = captured()
            if capture is None:
                return kernel(grid, block, args, **options)
            # The host's numbers are passed now.
            args = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
            capture.work.append(lambda: kernel(grid, block, args, **options))

        return launch


class Cublas:
    """The library itself, which can be captured; CuPy's wrapper cannot."""

    class _Function:
        def __init__(self, function):
            self.function, self.argtypes = function, None

        def __call__(self, *args):
            assert self.argtypes is not None and len(args) == len(self.argtypes)
            return self.function(*args)

    def __init__(self):
        self.cublasSetStream_v2 = self._Function(self._set_stream)
        self.cublasGemmStridedBatchedEx = self._Function(self._product)
        self._stream = None

    def _set_stream(self, handle, stream):
        self._stream = stream
        return 0

    def _product(self, handle, *args):
        capture = captured()
        assert capture is not None and self._stream == capture.stream.ptr
        number = ctypes.c_double if args[-2] == cublas_on_cpu.CUBLAS_COMPUTE_64F else ctypes.c_float
        # alpha and beta, which cuBLAS reads when it is called.
        kept = {i: number(number.from_address(args[i]).value) for i in (5, 14)}

        def product():
            now = [ctypes.addressof(kept[i]) if i in kept else a for i, a in enumerate(args)]
            cublas_on_cpu.gemmStridedBatchedEx(handle, *now)

        capture.work.append(product)
        return 0


def gemm_of_cupy(*args):
    """CuPy's wrapper."""
    if captured() is not None:
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    return cublas_on_cpu.gemmStridedBatchedEx(*args)
