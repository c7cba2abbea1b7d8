"""A collective that was begun, and waiting for it: never longer than the deadline."""

import os
import time

# Most collectives end within microseconds. Then the core is offered to others, which may be what is
# waited for: there may be more ranks than cores. And it is left, where the wait becomes a long one.
_POLLS_AT_ONCE = 300
_LONG = 0.1  # seconds
_PAUSE = 200e-6
_GAP = 1.0  # seconds between two looks at the clock: if they were more, the process did not run
_offer_core = getattr(os, "sched_yield", lambda: time.sleep(0))


class RankLostError(RuntimeError):
    """Another rank has ended, hangs, or does something else than this one.

    minicnn's own; a RuntimeError.
    """


class Patience:
    """How long this process has waited, without the time in which it was stopped itself.

    A job may be stopped and go on later: by Ctrl-Z, or by a scheduler with more urgent ones.
    """

    def __init__(self):
        self._seconds, self._last = 0.0, time.monotonic()

    def seconds(self):
        """To be asked more often than once a second."""
        now = time.monotonic()
        self._seconds += min(now - self._last, _GAP)
        self._last = now
        return self._seconds


class Pending:
    """A collective that is under way.

    Args:
        ranks: the `Communicator` it belongs to.
        is_done: a function that lets it go on, and says whether it has ended.
        what: what it is, for the message if it never ends.
        keep: the arrays it works on, which must live as long.
    """

    def __init__(self, ranks, is_done, what, keep=()):
        self.ranks, self.what, self._is_done, self._keep = ranks, what, is_done, keep
        self.done = False

    def poll(self):
        """Let it go on a little; True if it has ended."""
        if not self.done:
            try:
                self.done = self._is_done()
            except RuntimeError as error:  # mpi4py's
                self.ranks.report_failure(self.what, error)
        return self.done

    def wait(self):
        """Return when it has ended.

        Raises:
            RankLostError: it has not after the deadline, or a rank that it needs has ended.
        """
        self.ranks.check_alive()
        polls, patience = 0, Patience()
        while not self.poll():
            polls += 1
            if polls > _POLLS_AT_ONCE:
                waited = patience.seconds()
                if waited < _LONG:
                    _offer_core()
                else:
                    self.ranks.look_around(self.what, waited)
                    time.sleep(_PAUSE)


class PendingNumbers(Pending):
    """The sums of a few numbers; the last of them stands for what they are.

    MPI would add up whatever the ranks give, though one of them is elsewhere in the program.
    """

    def result(self):
        """Wait; the sums, without the last, which must be that of equal numbers."""
        self.wait()
        *sums, stamps = self._keep[0].tolist()
        if stamps != self.ranks.size * self._keep[1]:
            self.ranks.report_mismatch(self.what)
        return sums


class Done:
    """What stands for a collective among one rank."""

    done = True

    def __init__(self, numbers=None):
        self._numbers = numbers

    def result(self):
        return self._numbers

    def poll(self):
        return True

    def wait(self):
        pass
