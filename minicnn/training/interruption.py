"""Ctrl-C as a wish, not an accident."""

import signal
import threading

INTERRUPTED = "interrupted"  # why a run stopped; it is no end that a resumed run would keep


class Interruption:
    """A context in which Ctrl-C calls `ask`; a second one is a KeyboardInterrupt, as ever.

    Only the main thread hears of signals; in another one the context does nothing.
    """

    def __init__(self, ask):
        self.ask = ask
        self._before = None
        self._asked = False

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._heard)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _heard(self, number, frame):
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self.ask()
