"""Collectives of arrays on GPUs, through NCCL: from one GPU to the next, not by way of the host.

**Not run**: written for a machine with several GPUs, which was not at hand; tests run it against
stand-ins that check how CuPy is called, and let MPI do what NCCL would. MPI starts it, and does all
that is not on a GPU. It has the deadline that all collectives have: it is waited for by asking an
event, never by a call that blocks.
"""

from minicnn.checks import ArgumentError, DtypeError, MissingPartError
from minicnn.distributed.pending import Pending


class Nccl:
    """The NCCL communicator of all ranks, each of which has a GPU of its own.

    Args:
        ranks: the `Communicator`. CuPy's current device is this rank's GPU.

    Raises:
        MissingPartError: CuPy, or its NCCL, is missing.
        ArgumentError: two ranks have the same GPU.
    """

    def __init__(self, ranks):
        try:
            import cupy
            from cupy.cuda import nccl
        except ImportError as error:
            raise MissingPartError(
                "minicnn.distributed: arrays on GPUs need CuPy with NCCL: pip install "
                '"minicnn[cuda12]" (or cuda13), and nvidia-nccl-cu12 (-cu13)'
            ) from error
        self.ranks, self._cupy, self._nccl = ranks, cupy, nccl
        gpu = cupy.cuda.runtime.deviceGetPCIBusId(cupy.cuda.runtime.getDevice())
        _check_apart(ranks.gather_objects((_machine(), gpu), "GPUs"))
        number = ranks.broadcast_object(nccl.get_unique_id() if ranks.is_first else None, "NCCL")
        self._communicator = nccl.NcclCommunicator(ranks.size, number, ranks.rank)
        # A stream of its own, so that backward computes meanwhile.
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._types = {
            "float16": nccl.NCCL_FLOAT16,
            "float32": nccl.NCCL_FLOAT32,
            "float64": nccl.NCCL_FLOAT64,
            "int32": nccl.NCCL_INT32,
            "int64": nccl.NCCL_INT64,
            "uint8": nccl.NCCL_UINT8,
        }

    def start_sum(self, array, what):
        """As `Communicator.start_sum`."""
        pointer, count, kind = self._described(array)

        def call(stream):
            self._communicator.allReduce(pointer, pointer, count, kind, self._nccl.NCCL_SUM, stream)

        return self._start(call, what, array)

    def gather(self, array, what):
        """As `Communicator.gather`."""
        array = self._cupy.ascontiguousarray(array)
        found = self._cupy.empty((self.ranks.size, *array.shape), array.dtype)
        pointer, count, kind = self._described(array)

        def call(stream):
            self._communicator.allGather(pointer, found.data.ptr, count, kind, stream)

        self._start(call, what, (array, found)).wait()
        return found

    def broadcast(self, array, what):
        """Overwrite one array with that of rank 0."""
        pointer, count, kind = self._described(array)

        def call(stream):
            self._communicator.broadcast(pointer, pointer, count, kind, 0, stream)

        self._start(call, what, array).wait()

    def _described(self, array):
        if not array.flags.c_contiguous or str(array.dtype) not in self._types:
            raise DtypeError(
                f"minicnn.distributed: NCCL takes contiguous arrays of {', '.join(self._types)}; "
                f"got {array.dtype}, contiguous: {array.flags.c_contiguous}"
            )
        return array.data.ptr, array.size, self._types[str(array.dtype)]

    def _start(self, call, what, keep):
        # It waits, on the GPU, for what the program has begun so far: the gradient itself.
        self._stream.wait_event(self._cupy.cuda.get_current_stream().record())
        call(self._stream.ptr)
        ended = self._stream.record()
        return Pending(self.ranks, lambda: ended.done, what, keep)


def _machine():
    from mpi4py import MPI

    return MPI.Get_processor_name()


def _check_apart(gpus):
    for rank, gpu in enumerate(gpus):
        first = gpus.index(gpu)
        if first != rank:
            raise ArgumentError(
                f"minicnn.distributed: ranks {first} and {rank} both use the GPU {gpu[1]} of "
                f"{gpu[0]}; give each its own, for example by cupy.cuda.Device(local_rank).use(), "
                "or srun --gpus-per-task=1"
            )
