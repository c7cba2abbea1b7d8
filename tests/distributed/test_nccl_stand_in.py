"""How `minicnn.distributed.nccl` calls CuPy, seen by a stand-in: no GPU has run it."""

import ctypes
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minicnn.checks import ArgumentError, DtypeError, MissingPartError
from minicnn.distributed import nccl
from minicnn.distributed.pending import Pending


class GpuArray:
    """What a CuPy array is to NCCL: an address, a size, a dtype."""

    def __init__(self, values):
        self.values = np.array(values)
        self.dtype, self.size, self.shape = self.values.dtype, self.values.size, self.values.shape
        self.flags = self.values.flags
        self.data = SimpleNamespace(ptr=self.values.ctypes.data)


class Ranks:
    """Two ranks, of which the other one always does the same."""

    rank, size, is_first = 0, 2, True
    gpus = (("here", "0000:01"), ("here", "0000:02"))

    def gather_objects(self, value, what):
        return list(self.gpus)

    def broadcast_object(self, value, what):
        return value

    def check_alive(self):
        pass


@pytest.fixture
def cupy(monkeypatch):
    calls = []

    class Communicator:
        """Sums, gathers and broadcasts as if the other rank had the same values; of float32."""

        def __init__(self, size, number, rank):
            calls.append(("join", size, number, rank))

        def _at(self, pointer, count):
            return np.ctypeslib.as_array((ctypes.c_float * count).from_address(pointer))

        def allReduce(self, source, target, count, kind, operation, stream):
            calls.append(("sum", kind, operation, stream))
            self._at(target, count)[:] = 2 * self._at(source, count)

        def allGather(self, source, target, count, kind, stream):
            calls.append(("gather", kind, stream))
            self._at(target, 2 * count)[:] = np.tile(self._at(source, count), 2)

        def broadcast(self, source, target, count, kind, root, stream):
            calls.append(("broadcast", kind, root, stream))

    class Event:
        polls = 0

        @property
        def done(self):
            self.polls += 1
            return self.polls > 2

    class Stream:
        ptr = 77

        def __init__(self, non_blocking=False):
            assert non_blocking

        def wait_event(self, event):
            calls.append("waits for the gradient")

        def record(self):
            return Event()

    library = SimpleNamespace(
        NcclCommunicator=Communicator, get_unique_id=lambda: "number", NCCL_SUM="+",
        **{f"NCCL_{t}": t for t in ["FLOAT16", "FLOAT32", "FLOAT64", "INT32", "INT64", "UINT8"]},
    )  # fmt: skip
    runtime = SimpleNamespace(getDevice=lambda: 0, deviceGetPCIBusId=lambda device: "0000:01")
    module, cuda = ModuleType("cupy"), ModuleType("cupy.cuda")
    vars(cuda).update(
        nccl=library, Stream=Stream, runtime=runtime,
        get_current_stream=lambda: SimpleNamespace(record=lambda: "event"),
    )  # fmt: skip
    vars(module).update(
        cuda=cuda, ascontiguousarray=lambda a: a,
        empty=lambda shape, dtype: GpuArray(np.empty(shape, dtype)),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setitem(sys.modules, "cupy.cuda", cuda)
    monkeypatch.setattr(nccl, "_machine", lambda: "here")
    return calls


def test_the_calls(cupy):
    gpu = nccl.Nccl(Ranks())
    array = GpuArray(np.array([1, 2, 3], np.float32))
    pending = gpu.start_sum(array, "gradients")
    assert isinstance(pending, Pending) and not pending.done
    pending.wait()
    assert array.values.tolist() == [2, 4, 6]
    assert gpu.gather(array, "all").values.tolist() == [[2, 4, 6]] * 2
    gpu.broadcast(array, "parameters")
    waits = "waits for the gradient"
    assert cupy == [
        ("join", 2, "number", 0),
        waits, ("sum", "FLOAT32", "+", 77),
        waits, ("gather", "FLOAT32", 77),
        waits, ("broadcast", "FLOAT32", 0, 77),
    ]  # fmt: skip


def test_two_ranks_on_one_gpu_are_refused(cupy):
    class Crowded(Ranks):
        gpus = (("here", "0000:01"), ("there", "0000:01"), ("here", "0000:01"))

    with pytest.raises(ArgumentError, match="ranks 0 and 2 both use the GPU 0000:01 of here"):
        nccl.Nccl(Crowded())


def test_what_nccl_does_not_take(cupy):
    gpu = nccl.Nccl(Ranks())
    for values in (np.ones(3, bool), np.ones((3, 2), np.float32).T):
        array = GpuArray(values)
        array.flags = values.flags
        with pytest.raises(DtypeError, match="NCCL takes contiguous arrays of float16, float32"):
            gpu.start_sum(array, "gradients")


def test_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingPartError, match=r'pip install "minicnn\[cuda12\]"'):
        nccl.Nccl(Ranks())


def test_two_ranks_on_gpus_train_as_one_on_the_host(mpi, tmp_path):
    """Arrays of tests/gpu, and NCCL's calls by way of MPI: no GPU has run this either."""
    result = mpi.finish(mpi.start(2, mpi.jobs / "on_gpus.py", tmp_path / "results.json"))
    assert result.status == 0, result.err
    for found in json.loads((tmp_path / "results.json").read_text())["on_gpus"]:
        assert found["on GPUs"] and found["same bits"], found
        assert 0 <= found["parameters"] <= 1e-12
        # In each of 4 steps: gradients, statistics forward and backward, two for the buffers.
        assert found["calls of NCCL"] >= 4 * 5
