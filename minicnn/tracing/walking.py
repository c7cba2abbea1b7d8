"""Walking through the steps of a run: forth, back, and from one breakpoint to the next."""

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, closest
from minicnn.tracing.steps import PHASES


class Walk:
    """The part of `minicnn.trace` that has a current step.

    Attributes:
        position: the number of the current step.
    """

    def __init__(self):
        self.position = 0
        self._breakpoints = []  # (layer, when, phase)

    @property
    def current(self):
        """The step at `position`."""
        if not self.steps:
            raise IndexRangeError("trace: nothing is recorded; run the forward inside the trace")
        return self.steps[self.position]

    def goto(self, number):
        """Make the step with that number the current one, and return it."""
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise DtypeError(f"trace.goto: a step's number is an integer, got {number!r}")
        if not 0 <= number < len(self.steps):
            raise IndexRangeError(
                f"trace.goto: there is no step {number}; steps go from 0 to {len(self.steps) - 1}"
            )
        self.position = int(number)
        return self.current

    def next(self):
        """Go one step on, and return it; the last step stays where it is."""
        return self.goto(min(self.position + 1, len(self.steps) - 1))

    def back(self):
        """Go one step back, and return it; the first step stays where it is."""
        return self.goto(max(self.position - 1, 0))

    def break_on(self, layer=None, when=None, phase=None):
        """Set a breakpoint: `backward` and `run` stop where it holds.

        Args:
            layer: the path of a layer; its parts count, too. None: everywhere.
            when: a function of a step, such as ``lambda s: s.delta.abs_max > 1e3``. It is asked
                only of steps that have a δ.
            phase: a phase to stop in, or None.
        """
        if layer is not None:
            known = {*self._recording.names.layers.values(), *(s.layer for s in self.steps)}
            check_layer("break_on", layer, known)
        if phase is not None and phase not in PHASES:
            raise ArgumentError(f"break_on: no phase is called {phase!r}{closest(phase, PHASES)}")
        self._breakpoints.append((layer, when, phase))
        self._mark_breakpoints()

    def clear_breakpoints(self):
        """Take all breakpoints away."""
        self._breakpoints.clear()
        self._mark_breakpoints()

    def _mark_breakpoints(self):
        for step in self.steps:
            step.at_breakpoint = any(_holds(b, step) for b in self._breakpoints)

    def run(self):
        """Go on to the next breakpoint, and return the step there; to the end if none is left."""
        last = len(self.steps) - 1
        for number in range(self.position + 1, last + 1):
            if self.steps[number].at_breakpoint:
                return self.goto(number)
        return self.goto(last)

    def step_of(self, layer, phase="backward", operation=None):
        """The first step of a layer in a phase.

        Raises:
            ArgumentError: there is none; the message offers the nearest layers.
        """
        found = [s for s in self.steps if s.phase == phase and s.layer == layer]
        found = [s for s in found if operation in (None, s.operation)]
        if not found:
            layers = {s.layer for s in self.steps if s.phase == phase and s.layer}
            raise ArgumentError(
                f"step_of: no {phase} step of a layer called {layer!r}{closest(layer, layers)}"
            )
        return found[0]


def check_layer(operation, path, paths):
    """Refuse the path of a layer that is not among `paths`, and has no parts that are."""
    if path not in paths and not any(p.startswith(f"{path}.") for p in paths):
        raise ArgumentError(
            f"{operation}: no layer is called {path!r}{closest(path, paths)}; "
            "model.named_modules() has all names"
        )


def _holds(breakpoint, step):
    layer, when, phase = breakpoint
    if layer is not None and step.layer != layer and not step.layer.startswith(f"{layer}."):
        return False
    if phase is not None and step.phase != phase:
        return False
    return when is None or (step.delta is not None and bool(when(step)))
