"""What several ranks can do together: the interface, for one rank (`Alone`) and for many."""

import pickle
import sys
import time
import zlib

import numpy as np

from minicnn.arrays import array_module
from minicnn.distributed.notices import LEAVING, OUT_OF_STEP, Notices, likely_cause
from minicnn.distributed.pending import (
    Done,
    Patience,
    Pending,
    PendingNumbers,
    RankLostError,
)

ABORTED = 17  # the exit status of a job that minicnn ended

# Collectives of different kinds may overtake each other (a bucket of gradients is summed while
# layers go on exchanging statistics), so each kind has a communicator of its own.
CONTROL, GRADIENTS, STATISTICS = "control", "gradients", "statistics"


class Alone:
    """One process, which is all there is: each collective is over before it began.

    minicnn's own: what `world` is without mpiexec, with the methods of `Communicator`. It raises
    nothing.

    >>> Alone().size
    1
    """

    rank, size, deadline = 0, 1, 300.0
    is_first = True
    step, busy, failed = 0, False, None

    def start_sum(self, array, what, channel=CONTROL):
        return Done()

    def start_numbers(self, numbers, what):
        return Done(list(numbers))

    def sum(self, numbers, what):
        return list(numbers)

    def gather(self, array, what, channel=CONTROL):
        return array[None]

    def gather_objects(self, value, what):
        return [value]

    def broadcast(self, arrays, what):
        pass

    def broadcast_object(self, value, what):
        return value

    def from_first(self, function, *arguments, what=""):
        return function(*arguments)

    def barrier(self, what=""):
        pass


class Communicator:
    """All ranks of an MPI job.

    Every collective is a non-blocking one with a deadline. All ranks must call the same ones in the
    same order.

    minicnn's own, over MPI.

    Args:
        mpi: an mpi4py communicator.
        deadline: seconds that a collective may take, from the moment this rank waits for it.

    Attributes:
        rank, size: this process's number, from 0, and how many there are.
        is_first: whether this is rank 0, which speaks and writes for all.
        step: how many steps, of the training run or the program, were completed; for messages.
        busy: whether a training run is under way, so that ending now would be too early.
        failed: why a training run ended early (an error, an interruption), a text; else None.

    Raises:
        RankLostError: (in collectives) a rank hangs, has ended, or does something else.
    """

    def __init__(self, mpi, deadline):
        self.rank, self.size, self.is_first = mpi.rank, mpi.size, mpi.rank == 0
        self.deadline = deadline
        self.step, self.busy, self.failed, self.lost = 0, False, None, None
        self._mpi = mpi
        self._channels = {n: self._duplicate() for n in (CONTROL, GRADIENTS, STATISTICS)}
        self.ending = self._duplicate()
        self.notices = Notices(self._duplicate())
        self._gpu = None

    def _duplicate(self):
        """A communicator of the same ranks, whose messages cannot be taken for others'."""
        copy, request = self._mpi.Idup()
        patience = Patience()
        while not request.Test():  # as `Pending`, which needs what is being made here
            time.sleep(1e-4)
            if patience.seconds() > self.deadline:
                raise RankLostError(
                    f"step {self.step + 1}: not all ranks have joined within {self.deadline:g} s: "
                    "one hangs, or is still busy with something else. MINICNN_MPI_DEADLINE=SECONDS "
                    "gives more time"
                )
        return copy

    # ------------------------------------------------------------------ collectives

    def start_sum(self, array, what, channel=CONTROL):
        """Begin to put the sum over all ranks into `array`, on each of them; a `Pending`.

        Args:
            array: a contiguous NumPy array, or one of CuPy's, which goes through NCCL.
            what: what it is, for messages.
            channel: the kind of collective it is.
        """
        if array_module(array) is not np:
            return self._nccl().start_sum(array, what)
        from mpi4py import MPI

        request = self._channels[channel].Iallreduce(MPI.IN_PLACE, array)
        return Pending(self, request.Test, what, array)

    def start_numbers(self, numbers, what):
        """Begin to sum a few numbers over all ranks; its `result` is their list, of floats."""
        from mpi4py import MPI

        stamp = float(zlib.crc32(what.encode()))
        array = np.array([*numbers, stamp], np.float64)
        request = self._channels[CONTROL].Iallreduce(MPI.IN_PLACE, array)
        return PendingNumbers(self, request.Test, what, (array, stamp))

    def sum(self, numbers, what):
        """The sums over all ranks of a few numbers, as floats."""
        return self.start_numbers(numbers, what).result()

    def gather(self, array, what, channel=CONTROL):
        """What all ranks give, of one shape and dtype, as an array (ranks, …)."""
        if array_module(array) is not np:
            return self._nccl().gather(array, what)
        if channel == CONTROL:
            self.sum([], what)  # are all here?
        array = np.ascontiguousarray(array)
        found = np.empty((self.size, *array.shape), array.dtype)
        request = self._channels[channel].Iallgather(array, found)
        Pending(self, request.Test, what, (array, found)).wait()
        return found

    def gather_objects(self, value, what):
        """What all ranks give, anything that can be pickled, as a list."""
        packed = np.frombuffer(pickle.dumps(value), np.uint8)
        sizes = self.gather(np.array([packed.size]), what).ravel()
        padded = np.zeros(sizes.max(), np.uint8)
        padded[: packed.size] = packed
        rows = self.gather(padded, what)
        return [pickle.loads(row[:n].tobytes()) for row, n in zip(rows, sizes, strict=True)]

    def broadcast(self, arrays, what):
        """Overwrite arrays with those of rank 0."""
        for array in arrays:
            if array_module(array) is not np:
                self._nccl().broadcast(array, what)
        arrays = [a for a in arrays if array_module(a) is np]
        packed = np.concatenate(
            [np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in arrays] or [np.empty(0)]
        )
        self._broadcast_bytes(packed, what)
        if not self.is_first:
            start = 0
            for array in arrays:
                part = packed[start : start + array.nbytes]
                array[...] = part.view(array.dtype).reshape(array.shape)
                start += array.nbytes

    def broadcast_object(self, value, what):
        """What rank 0 gives, anything that can be pickled."""
        packed = np.frombuffer(pickle.dumps(value), np.uint8) if self.is_first else None
        size = np.array([packed.size if self.is_first else 0])
        self._broadcast_bytes(size, what)
        packed = packed.copy() if self.is_first else np.empty(size[0], np.uint8)
        self._broadcast_bytes(packed, what)
        return value if self.is_first else pickle.loads(packed.tobytes())

    def _broadcast_bytes(self, array, what):
        self.sum([], what)
        request = self._channels[CONTROL].Ibcast(array, root=0)
        Pending(self, request.Test, what, array).wait()

    def from_first(self, function, *arguments, what="what rank 0 does for all"):
        """The result of a function that rank 0 alone calls; its exception is raised on all."""
        outcome = None
        if self.is_first:
            try:
                outcome = function(*arguments), None
            except Exception as error:
                outcome = None, _portable(error)
        value, error = self.broadcast_object(outcome, what)
        if error is not None:
            raise error
        return value

    def barrier(self, what="a barrier"):
        """Return when all ranks have come here."""
        self.sum([], what)

    def _nccl(self):
        if self._gpu is None:
            from minicnn.distributed.nccl import Nccl

            self._gpu = Nccl(self)
        return self._gpu

    # ------------------------------------------------------------------ when one is missing

    def check_alive(self):
        """Refuse to wait again once a rank is known to be lost."""
        if self.lost:
            raise RankLostError(self.lost)

    def look_around(self, what, waited):
        """Raise if it makes no sense to wait for `what` any longer."""
        left = self.notices.who_left(waited)
        if left is not None:
            rank, how = left
            self._give_up(f"{self._where(what)} cannot be completed: rank {rank} {how}")
        if waited > self.deadline:
            cause = likely_cause(*self.notices.roll_call(self._where(what)))
            self._give_up(
                f"{self._where(what)} was not completed within {self.deadline:g} s. {cause}. "
                "MINICNN_MPI_DEADLINE=SECONDS gives more time"
            )

    def report_failure(self, what, error):
        """Raise for what MPI itself has found wrong: mostly data of different lengths."""
        self._give_up(f"{self._where(what)} has failed ({error}): {OUT_OF_STEP}")

    def report_mismatch(self, what):
        """Raise where the ranks have done different things at the same time."""
        elsewhere, _ = self.notices.roll_call(self._where(what))
        rank, other = next(iter(elsewhere.items()), (None, ""))
        of_whom = "on another rank" if rank is None else f"on rank {rank}, {other}"
        self._give_up(f"{self._where(what)} has met something else {of_whom}: {OUT_OF_STEP}")

    def _where(self, what):
        return f"step {self.step + 1}: {what}"

    def _give_up(self, text):
        self.lost = text
        raise RankLostError(text)

    def tell_leaving(self):
        """Let the neighbours know that this rank takes part in nothing any more."""
        how = "ended its program"
        if self.failed:
            how = f"ended before its work was done: {self.failed}"
        self.notices.tell(LEAVING, f"{how} (step {self.step + 1})")

    def abort(self, status=ABORTED):
        """End all ranks at once; does not return."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._mpi.Abort(status)


def _portable(error):
    """The error itself, or one with its text where it does not survive the way to other ranks."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
