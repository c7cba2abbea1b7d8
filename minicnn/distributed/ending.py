"""How a job ends: all ranks together, or at once with a message and a status that is not 0.

MPI has no such rule. A rank that raises, or comes to the end of its program early, waits in
MPI_Finalize for the others, which wait for it: the job hangs. And a rank that leaves with status 0
may, with some launchers, end a job that was not finished with status 0.
"""

import atexit
import os
import signal
import sys
import time
from pathlib import Path

from minicnn.distributed.communicator import ABORTED
from minicnn.distributed.pending import Patience, RankLostError

MARKER = "MINICNN_FINISHED_FILE"


def watch_over(ranks):
    """From now on an error on one rank ends all, and so does a rank that ends early.

    The file that the variable MINICNN_FINISHED_FILE names, if it does, is removed now, and written
    when all ranks have come to their end: a sign of success that needs no exit status.
    """
    marker = os.environ.get(MARKER)
    if marker and ranks.is_first:
        Path(marker).unlink(missing_ok=True)
    before = sys.excepthook

    def on_error(kind, error, traceback):
        prefix = f"[rank {ranks.rank} of {ranks.size}] "
        if isinstance(error, RankLostError):
            print(f"{prefix}{error}", file=sys.stderr)
        else:
            print(f"{prefix}step {ranks.step + 1}: all ranks end, for this error:", file=sys.stderr)
            before(kind, error, traceback)
        interrupted = issubclass(kind, KeyboardInterrupt)
        ranks.abort(128 + signal.SIGINT if interrupted else ABORTED)

    sys.excepthook = on_error
    atexit.register(_leave, ranks, marker)


def _leave(ranks, marker):
    """Called when the program has come to its end: wait for the others to come to theirs."""
    prefix = f"[rank {ranks.rank} of {ranks.size}] "
    if ranks.lost:  # somebody has caught the error
        print(f"{prefix}{ranks.lost}", file=sys.stderr)
        ranks.abort()
    if ranks.busy:
        print(
            f"{prefix}step {ranks.step + 1}: the program ended in the middle of a training run",
            file=sys.stderr,
        )
        ranks.abort()
    ranks.tell_leaving()
    together, patience = ranks.ending.Ibarrier(), Patience()
    while not together.Test():
        time.sleep(1e-3)
        if patience.seconds() > ranks.deadline:
            print(
                f"{prefix}has ended, and not all others have, within {ranks.deadline:g} s after "
                "it: they hang, or are still busy; MINICNN_MPI_DEADLINE=SECONDS gives more time",
                file=sys.stderr,
            )
            ranks.abort()
    if marker and ranks.is_first and not ranks.failed:
        Path(marker).write_text("finished\n", encoding="utf-8")
