"""Ctrl-C as a wish, not an accident."""

import signal
import threading

INTERRUPTED = "interrupted"  # why a run stopped; it is no end that a resumed run would keep


class Interruption:
    """A context in which Ctrl-C calls `ask`; a second one is a KeyboardInterrupt, as ever.

    With `batch_job`, so does the signal USR1, by which the scheduler of a cluster can say that the
    time is nearly over, and which mpiexec passes on to all its processes.

    Only the main thread hears of signals; in another one the context does nothing.
    """

    def __init__(self, ask, batch_job=False):
        self.ask = ask
        self._signals = [signal.SIGINT]
        if batch_job and hasattr(signal, "SIGUSR1"):
            self._signals.append(signal.SIGUSR1)
        self._before = {}
        self._asked = False

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = {n: signal.signal(n, self._heard) for n in self._signals}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            if handler is not None:  # else it was not Python's
                signal.signal(number, handler)
        self._before = {}

    def _heard(self, number, frame):
        if number == signal.SIGINT:
            if self._asked:
                raise KeyboardInterrupt
            self._asked = True
        self.ask()
