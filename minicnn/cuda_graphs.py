"""CUDA graphs: a step that is recorded once, and then repeated by the GPU alone.

In a small network the GPU waits for Python, which has to ask for hundreds of kernels. While a graph
is captured they are only written down, with the places of their arrays; nothing is computed. A
replay is a single call. What a graph cannot write down is refused: answers from the GPU, copies
from or to the host, and steps of which Python would have to count the number.
"""

from contextlib import ExitStack, suppress

import numpy as np

from minicnn.checks import ArgumentError, GraphError, one_of
from minicnn.gpu import capture_into, capturing, gpu_arrays, on_gpu
from minicnn.kernels.plain_random import GAMMA

_MODES = ("global", "thread_local", "relaxed")


class CUDAGraph:
    """What a GPU was asked to do while this was captured; as ``torch.cuda.CUDAGraph``.

    A replay reads and writes the arrays of the capture, wherever their values come from: new
    batches are copied into the tensors that the step was captured with, and these, the model and
    its gradients must live as long as the graph. `minicnn.cuda.graph` captures.

    Args:
        keep_graph: False; True is refused.

    Raises:
        ArgumentError: `keep_graph` is True.

    >>> CUDAGraph().replay()
    Traceback (most recent call last):
    minicnn.checks.GraphError: replay: nothing was captured; see minicnn.cuda.graph
    """

    def __init__(self, keep_graph=False):
        if keep_graph:
            raise ArgumentError("CUDAGraph: keep_graph=True is not supported; leave it out")
        self.reset()

    def reset(self):
        """Forget what was captured, and give its memory back once no tensor is left in it."""
        self._graph = self._pool = self._open = None
        self._random = {}  # stream of random numbers → (a 0-d array on the GPU, how many are drawn)

    def pool(self):
        """The memory of this graph, for another one that is replayed after it."""
        if self._pool is None:
            raise GraphError("pool: nothing was captured; see minicnn.cuda.graph")
        return self._pool

    def capture_begin(self, pool=None, capture_error_mode="global"):
        """Write down what the current GPU is asked for, instead of doing it.

        Args:
            pool: another graph's ``pool()``; None: memory of its own.
            capture_error_mode: "global", "thread_local" or "relaxed"; of no effect, since memory
                may be asked for during the capture, which only "relaxed" allows.
        """
        one_of("capture_begin", "capture_error_mode", capture_error_mode, _MODES)
        if self._graph is not None:
            raise GraphError("capture_begin: this graph has been captured already; take a new one")
        if capturing():
            raise GraphError("capture_begin: a graph is being captured already")
        cuda = gpu_arrays().cuda
        if not isinstance(pool, (cuda.MemoryPool, type(None))):
            raise ArgumentError("capture_begin: pool must be what another graph's pool() gives")
        self.device = cuda.runtime.getDevice()
        cuda.Device().synchronize()
        # What is freed during the capture may be used again in it, but by nobody else ever after:
        # each replay writes there. So the graph has a pool of its own.
        self._pool = cuda.MemoryPool() if pool is None else pool
        with ExitStack() as entered:
            stream = entered.enter_context(cuda.Stream(non_blocking=True))
            entered.enter_context(cuda.using_allocator(self._pool.malloc))
            stream.begin_capture()
            entered.enter_context(capture_into(self))
            self._open = stream, entered.pop_all()

    def capture_end(self):
        """What was captured is ready to be replayed."""
        if self._open is None:
            raise GraphError("capture_end: no capture has begun")
        (stream, entered), self._open = self._open, None
        with entered:
            self._graph = stream.end_capture()

    def _give_up(self):
        """End a capture that has failed; why is known to the caller."""
        with suppress(RuntimeError):  # CUDA says again that it is not valid
            self.capture_end()
        self.reset()

    def replay(self):
        """Do what was captured, on the current stream; returns before the GPU is done.

        Raises:
            GraphError: nothing was captured, or another graph is being captured.
        """
        if self._graph is None:
            raise GraphError("replay: nothing was captured; see minicnn.cuda.graph")
        if capturing():
            raise GraphError("replay: another graph is being captured")
        with on_gpu(self.device):
            for stream, (place, count) in self._random.items():
                place.fill(stream.position())
                stream.drawn += count
            self._graph.launch()

    def random_place(self, stream, count, xp):
        """Where in `stream` a replay is to draw the next `count` numbers: a 0-d array.

        Drawn on the host, the place would be the same in each replay.
        """
        place, before = self._random.get(stream, (None, 0))
        if place is None:
            place = xp.empty((), np.uint64)
        self._random[stream] = place, before + count
        return place + np.uint64(before * GAMMA % 2**64)


class graph:
    """Inside ``with mc.cuda.graph(g):`` what the GPU is asked for is captured in `g`.

    As ``torch.cuda.graph``. Before the capture the step must have been made some times: kernels are
    compiled, and what an optimiser remembers is made, the first time. Inside, shapes are fixed, and
    nothing may wait for the GPU: no ``.item()``, ``print``, ``.cpu()`` or mask as an index, no
    ``GradScaler``, and no tensors from the host. `minicnn.optim.SGD` can be captured, and with
    ``capturable=True`` `Adam`, `AdamW` and `RMSprop`; their options stay what they are at the
    capture. A label out of range makes the loss NaN instead of an error. Random numbers are others
    in each replay.

    Args:
        cuda_graph: the `CUDAGraph`.
        pool: as in `CUDAGraph.capture_begin`.
        stream: None; others are refused.
        capture_error_mode: as in `CUDAGraph.capture_begin`.

    Raises:
        GraphError: something inside cannot be captured. ArgumentError: no graph, or a stream.

    >>> import minicnn as mc
    >>> if mc.cuda.is_available():
    ...     x, g = mc.zeros(3, device="cuda"), mc.cuda.CUDAGraph()
    ...     with mc.cuda.graph(g):
    ...         y = x + 1
    ...     x.fill_(7)
    ...     g.replay()
    ...     assert y.tolist() == [8, 8, 8]
    """

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
        if not isinstance(cuda_graph, CUDAGraph):
            raise ArgumentError(
                f"cuda.graph: expected a minicnn.cuda.CUDAGraph, got {type(cuda_graph).__name__}"
            )
        if stream is not None:
            raise ArgumentError("cuda.graph: a stream is not supported; leave it out")
        self.cuda_graph, self._options = cuda_graph, (pool, capture_error_mode)

    def __enter__(self):
        self.cuda_graph.capture_begin(*self._options)

    def __exit__(self, kind, error, trace):
        if kind is None:
            try:
                self.cuda_graph.capture_end()
            except RuntimeError as failed:
                self.cuda_graph.reset()
                raise _not_captured(failed) from failed
            return
        self.cuda_graph._give_up()
        own = kind.__module__.startswith("minicnn")
        if not own and issubclass(kind, RuntimeError) and "captur" in str(error).lower():
            raise _not_captured(error) from error


def _not_captured(error):
    return GraphError(
        f"cuda.graph: this cannot be captured, since the host would have to wait for the GPU or "
        f"copy from or to it ({error}). Leave .item(), print, .cpu(), masks as indices, checks and "
        "tensors from the host outside, and make the step once before the capture"
    )


def is_current_stream_capturing():
    """Whether a graph is being captured here; as ``torch.cuda.is_current_stream_capturing``.

    Raises nothing.

    >>> is_current_stream_capturing()
    False
    """
    return capturing() is not None
