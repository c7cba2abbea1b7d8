"""One rank speaks and writes for all."""

import os
import sys
import time
from contextlib import contextmanager

from minicnn.distributed.joining import is_initialized, world
from minicnn.distributed.launch import launched
from minicnn.distributed.notices import MISTAKE

_PATIENCE = 2.0  # seconds: how long a rank waits for rank 0 to make the same complaint


def from_first(function, *arguments):
    """The result of a function that rank 0 alone calls; its exception is raised on all ranks.

    minicnn's own.

    Args:
        function, arguments: what to call, and with what.

    Raises:
        RankLostError: a rank hangs, has ended, or does something else.

    >>> from_first(max, 3, 5)
    5
    """
    return world().from_first(function, *arguments)


def is_first():
    """Whether this is rank 0, which writes files for all.

    minicnn's own.

    It raises nothing on one rank.

    >>> is_first()
    True
    """
    return world().is_first


@contextmanager
def first_goes_first():
    """A block that rank 0 goes through before the others: it downloads, say, what they then find.

    minicnn's own.

    Raises:
        RankLostError: a rank hangs, has ended, or does something else.

    >>> with first_goes_first():
    ...     pass
    """
    ranks = world()
    if not ranks.is_first:
        ranks.barrier("what rank 0 does first")
    try:
        yield
    finally:  # after an error too, which the others will come upon themselves
        if ranks.is_first:
            ranks.barrier("what rank 0 does first")


def one_voice():
    """From now on only rank 0 writes to the standard output.

    minicnn's own.

    It raises nothing on one rank.
    """
    if not world().is_first:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 until the end


def complain(text):
    """Write a line to the standard error: once, where all ranks complain of the same.

    What only one rank has to complain of is shown with its number. The job counts as failed.

    minicnn's own.

    Args:
        text: what there is to say, a string.

    Raises:
        RankLostError: a rank hangs, has ended, or does something else.
    """
    if not is_initialized():
        launch = launched()  # started by mpiexec, and MPI not yet: all have the same arguments
        if launch is None or launch.rank == 0:
            print(text, file=sys.stderr)
        return
    ranks = world()
    ranks.failed = ranks.failed or text
    if ranks.lost:
        return  # which will be said at the end of the program
    if ranks.is_first:
        ranks.notices.tell(MISTAKE, text, range(1, ranks.size))
        print(text, file=sys.stderr)
    elif not _rank_0_says(ranks, text):
        print(f"[rank {ranks.rank} of {ranks.size}] {text}", file=sys.stderr)


def _rank_0_says(ranks, text):
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if ranks.notices.heard(MISTAKE).get(0) == text:
            return True
        time.sleep(0.01)
    return False
