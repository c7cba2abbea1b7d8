"""A network on GPUs, several ranks beside one: on stand-ins for CuPy and NCCL, not on GPUs.

    on_gpus.py RESULTS

Arrays are those of tests/gpu, which lie in the host's memory and refuse what a GPU would; NCCL's
calls go through MPI. Each rank has a GPU of its own name.
"""

import ctypes
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

GPU = Path(__file__).resolve().parents[2] / "gpu"
TYPES = {"NCCL_FLOAT32": np.float32, "NCCL_FLOAT64": np.float64}


class Communicator:
    """NCCL's, by MPI, which sees the memory of these arrays as any other."""

    def __init__(self, size, number, rank):
        from mpi4py import MPI

        assert number == "number"  # as rank 0 has drawn it
        self._mpi = MPI.COMM_WORLD.Dup()
        self.calls = 0

    def _memory(self, pointer, count, kind):
        self.calls += 1
        size = count * np.dtype(kind).itemsize
        return np.frombuffer((ctypes.c_char * size).from_address(pointer), kind)

    def allReduce(self, source, target, count, kind, operation, stream):
        assert source == target and operation == "sum"
        given = self._memory(source, count, kind)
        given[...] = self._mpi.allreduce(given)

    def allGather(self, source, target, count, kind, stream):
        found = self._memory(target, count * self._mpi.size, kind)
        found[...] = np.concatenate(self._mpi.allgather(self._memory(source, count, kind)))

    def broadcast(self, source, target, count, kind, root, stream):
        given = self._memory(source, count, kind)
        given[...] = self._mpi.bcast(given, root)


def nccl(rank):
    module = ModuleType("cupy.cuda.nccl")
    names = ("NCCL_FLOAT16", "NCCL_INT32", "NCCL_INT64", "NCCL_UINT8")
    others = {name: getattr(np, name[5:].lower()) for name in names}
    vars(module).update(TYPES, **others, NCCL_SUM="sum", NcclCommunicator=Communicator)
    module.get_unique_id = lambda: "number" if rank == 0 else "another"
    return module


def on_gpus(ranks):
    """As `gradients.compared`, with the network of all ranks on their GPUs."""
    import cupy
    import gradients

    from minicnn import distributed as dist

    model = gradients.network(5 + ranks.rank, "float64").to("cuda")
    dist.SyncBatchNorm.convert_sync_batchnorm(model)
    parallel = dist.DistributedDataParallel(model)
    gradients.train(parallel, ranks, "float64", device="cuda")
    with dist.alone():
        whole = gradients.network(5, "float64")
        gradients.train(whole, dist.world(), "float64")
    on_cpu = [p.cpu() for p in model.parameters()]
    bits = ranks.gather_objects([p.array.tobytes() for p in on_cpu], "bits")
    dist.agreement.check_weights(ranks, model)
    return {
        "on GPUs": all(isinstance(p.array, cupy.ndarray) for p in model.parameters()),
        "parameters": gradients.largest_difference(on_cpu, whole.parameters()),
        "same bits": all(b == bits[0] for b in bits),
        "calls of NCCL": ranks._gpu._communicator.calls,
    }


def main(path):
    sys.path[:0] = [str(GPU), str(GPU / "emulation"), str(GPU.parent / "parity")]
    import checking
    import strict_cupy

    from minicnn.distributed import world

    with strict_cupy.installed():
        cuda = sys.modules["cupy.cuda"]
        cuda.nccl = sys.modules["cupy.cuda.nccl"] = nccl(world().rank)
        cuda.runtime.deviceGetPCIBusId = lambda device: f"0000:0{world().rank}"
        checking.main([on_gpus], path)


if __name__ == "__main__":
    main(sys.argv[1])
