"""What holds for a stretch of code: whether a graph is built, and who watches.

Both are context variables, so that each thread and each asynchronous task has its own.
"""

import functools
import inspect
import threading
from contextvars import ContextVar
from typing import NamedTuple, Protocol


class Recorder(Protocol):
    """What a tracer implements to watch a run. Without one, each node costs an ``is None``."""

    def forward(self, node, operation, inputs, outputs):
        """`operation` ran on arrays; `node` is None when no gradient is wanted."""

    def backward(self, node, deltas, gradients):
        """`node` received `deltas`, one for each output, and answered with `gradients`.

        Both may hold None: for an output that nobody used, an input that wants no gradient.
        """

    def accumulate(self, leaf, delta):
        """`delta` is about to be added to ``leaf.grad``."""


class _Mode(NamedTuple):
    """What holds for a stretch of code: is a graph built, and who watches."""

    grad: bool
    recorder: Recorder | None


_BUILDING = _Mode(grad=True, recorder=None)
_mode = ContextVar("minicnn_mode", default=_BUILDING)


# What holds here, a `_Mode`. Asked for by every operation: no Python function around it.
mode = _mode.get


class _ModeSwitch:
    """A context manager that is also a decorator, for the `_Mode` that `change` gives."""

    def __init__(self):
        self._entered = threading.local()  # one object may serve several threads

    def __enter__(self):
        if not hasattr(self._entered, "tokens"):
            self._entered.tokens = []
        self._entered.tokens.append(_mode.set(self.change(_mode.get())))
        return self

    def __exit__(self, *_):
        _mode.reset(self._entered.tokens.pop())

    def __call__(self, function):
        if inspect.isgeneratorfunction(function):
            return self._around_each_step(function)

        @functools.wraps(function)
        def inside(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return inside

    def _around_each_step(self, function):
        """A generator runs inside the mode, but not the code that it yields to."""

        @functools.wraps(function)
        def stepping(*args, **kwargs):
            generator = function(*args, **kwargs)
            step, value = generator.send, None
            while True:
                with self:
                    try:
                        result = step(value)
                    except StopIteration as stop:
                        return stop.value
                try:
                    step, value = generator.send, (yield result)
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    step, value = generator.throw, error

        return stepping


class _GradSwitch(_ModeSwitch):
    """Usable without brackets too: ``@no_grad``."""

    def __new__(cls, orig_func=None):
        switch = super().__new__(cls)
        if orig_func is None:
            return switch
        switch.__init__()
        return switch(orig_func)

    def __init__(self, orig_func=None):
        super().__init__()


class no_grad(_GradSwitch):
    """Inside ``with no_grad():`` no graph is built; results have ``requires_grad=False``.

    As a decorator, ``@no_grad()``, it holds for a whole function.

    As ``torch.no_grad``.

    Args:
        orig_func: a function that never builds a graph: as a decorator.

    Raises nothing.

    >>> import minicnn as mc
    >>> w = mc.ones(2, requires_grad=True)
    >>> with mc.no_grad():
    ...     (w * 2).requires_grad
    False
    """

    def change(self, now):
        """What holds inside, made of what holds outside (`now`)."""
        return _Mode(False, now.recorder)


class enable_grad(_GradSwitch):
    """The opposite of `no_grad`, inside it.

    As ``torch.enable_grad``.

    Args:
        orig_func: a function that always builds a graph: as a decorator.

    Raises nothing.

    >>> import minicnn as mc
    >>> w = mc.ones(2, requires_grad=True)
    >>> with mc.no_grad(), mc.enable_grad():
    ...     (w * 2).requires_grad
    True
    """

    def change(self, now):
        """What holds inside, made of what holds outside (`now`)."""
        return _Mode(True, now.recorder)


class _Several:
    """A `Recorder` that shows everything to several."""

    def __init__(self, *recorders):
        self.recorders = recorders

    def forward(self, *what):
        for recorder in self.recorders:
            recorder.forward(*what)

    def backward(self, *what):
        for recorder in self.recorders:
            recorder.backward(*what)

    def accumulate(self, *what):
        for recorder in self.recorders:
            recorder.accumulate(*what)


class record(_ModeSwitch):
    """Inside ``with record(recorder):`` the `Recorder` sees every operation of this thread.

    Recorders that were there before go on seeing everything, and see it first. A recorder is shown
    arrays; an error that it raises, such as a `GraphError`, reaches whoever ran the operation.

    minicnn's own: `minicnn.trace` and `minicnn.summary` are such recorders.

    Args:
        recorder: an object with the methods of `minicnn.modes.Recorder`.

    >>> import minicnn as mc
    >>> class Names:
    ...     def forward(self, node, operation, inputs, outputs):
    ...         print(type(operation).__name__)
    >>> with mc.autograd.record(Names()):
    ...     y = mc.exp(mc.ones(2))
    Exp
    """

    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def change(self, now):
        """What holds inside, made of what holds outside (`now`)."""
        if now.recorder is None:
            return _Mode(now.grad, self.recorder)
        watching = getattr(now.recorder, "recorders", (now.recorder,))
        if self.recorder in watching:
            return now
        return _Mode(now.grad, _Several(*watching, self.recorder))


def is_grad_enabled():
    """Whether operations build a graph here.

    As ``torch.is_grad_enabled``.

    Raises nothing.

    >>> import minicnn as mc
    >>> with mc.no_grad():
    ...     mc.is_grad_enabled()
    False
    """
    return _mode.get().grad
