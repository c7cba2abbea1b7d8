"""`trace`: a run of a network, recorded, to be walked through forwards and backwards."""

from minicnn.checks import ArgumentError, DtypeError, GraphError, IndexRangeError, closest
from minicnn.graph import run_backward, starting_points
from minicnn.modes import record
from minicnn.nn.module import Module
from minicnn.optim.optimizer import Optimizer
from minicnn.tensor import Tensor
from minicnn.tracing.compare import compare
from minicnn.tracing.files import read, write
from minicnn.tracing.layers import find_compositions
from minicnn.tracing.perturb import STEP, finite_difference
from minicnn.tracing.readers import find_reader
from minicnn.tracing.recording import Recording
from minicnn.tracing.steps import PHASES, Step
from minicnn.tracing.zeros import why_zero

BUDGET = 256 * 2**20  # bytes


class trace:
    """Records what happens inside ``with trace(model) as tr:``, to be stepped through.

    The forward has to run inside, since names, layers and source lines are gone after it; the
    backward is run by `backward`, and gives the very gradients that ``loss.backward()`` does.

    Args:
        model: the network; its parts give steps and tensors their names. None: without names.
        optimizer: for `update`; None if no update is to be recorded.
        sample: which sample of the batch is kept and shown. The whole batch is computed, and N is
            its size; None keeps every sample.
        watch: the path of a layer, or several (``"layer1.0"``): only their arrays are kept whole;
            of all others there are statistics, a histogram, thumbnails and the largest entries.
        budget: how many bytes of arrays to keep.

    Attributes:
        steps: the `Step` objects, in order.
        values: the `Value` objects that they refer to.
        position: the number of the current step.

    Raises:
        DtypeError: `model` is not a module, `optimizer` not an optimiser.
        ArgumentError: `watch` names no layer; `sample` is not one of the batch.

    >>> import minicnn as mc, minicnn.nn.functional as F
    >>> from minicnn import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    >>> with mc.trace(model, sample=0) as tr:
    ...     loss = F.cross_entropy(model(mc.randn(2, 1, 4, 4)), mc.tensor([0, 1]))
    >>> for step in tr.backward(loss):
    ...     print(step.number, step.phase, step.operation, step.layer)  # doctest: +ELLIPSIS
    5 loss CrossEntropy...
    6 backward CrossEntropy...
    7 backward Linear 3
    8 accumulate  3
    ...
    """

    def __init__(self, model=None, optimizer=None, sample=0, watch=(), budget=BUDGET):
        if model is not None and not isinstance(model, Module):
            raise DtypeError(
                f"trace: model must be a Module or None, got {type(model).__name__}; write "
                "with trace(model) as tr: loss = criterion(model(x), y)"
            )
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise DtypeError(
                f"trace: optimizer must be an optimiser of minicnn.optim, got "
                f"{type(optimizer).__name__}"
            )
        if sample is not None and (
            isinstance(sample, bool) or not hasattr(sample, "__index__") or sample < 0
        ):
            raise ArgumentError(f"trace: sample must be an integer ≥ 0 or None, got {sample!r}")
        watch = (watch,) if isinstance(watch, str) else tuple(watch)
        paths = [] if model is None else [path for path, _ in model.named_modules()]
        for path in watch:
            _check_layer("trace", path, paths)
        self.optimizer = optimizer
        self.watch = watch
        self._recording = Recording(model, None if sample is None else int(sample), watch, budget)
        self._entered = []
        self._breakpoints = []
        self.position = 0

    # ------------------------------------------------------------------ recording

    def __enter__(self):
        recording = record(self._recording)
        recording.__enter__()
        self._entered.append(recording)
        return self

    def __exit__(self, *error):
        self._entered.pop().__exit__(*error)
        # A loss.backward() inside is recorded, too.
        find_compositions(self.steps)
        self._mark_breakpoints()

    @property
    def steps(self):
        return self._recording.steps

    @property
    def values(self):
        return self._recording.values

    @property
    def sample(self):
        """Which sample is kept; None if all are."""
        return self._recording.sample

    @property
    def batch(self):
        """N, the number of samples in the batch; None before the forward."""
        return self._recording.batch

    def backward(
        self,
        loss,
        gradient=None,
        phases=("loss", "backward", "accumulate"),
        retain_graph=False,
    ):
        """Run ``loss.backward()``, recorded, and give its steps.

        All of it runs at once, before the first step is given; the gradients are those of
        ``loss.backward()`` bit for bit. Where breakpoints are set, only the steps at which one of
        them holds are given.

        Args:
            loss: the tensor to begin at: of one element, unless `gradient` is given.
            gradient: the upstream gradient, of the loss's shape.
            phases: which steps to give. With ``"update"`` the optimiser's step is run, too.
            retain_graph: keep what operations saved, so that a backward can run again.

        Raises:
            GraphError: the loss is not a scalar, does not require grad, was computed outside of the
                trace, or its graph was freed by an earlier backward.
        """
        for phase in phases:
            if phase not in PHASES:
                raise ArgumentError(
                    f"trace.backward: no phase is called {phase!r}{closest(phase, PHASES)}; there "
                    f"are {', '.join(PHASES)}"
                )
        start = self._run(loss, gradient, retain_graph)
        if "update" in phases:
            self.update()
        first = 0 if "forward" in phases else start
        return self._given(first, phases)

    def _run(self, loss, gradient, retain_graph):
        if not isinstance(loss, Tensor):
            raise DtypeError(f"trace.backward: loss must be a tensor, got {type(loss).__name__}")
        if loss.grad_fn is None:
            raise GraphError(
                "trace.backward: this loss does not require grad and was computed from nothing "
                "that does, so there is nothing to step through"
            )
        if gradient is None and loss.numel() != 1:
            raise GraphError(
                f"trace.backward: a loss is one number, this tensor has shape {loss.shape}; reduce "
                "it (.mean(), .sum()), or pass gradient= a tensor of its shape"
            )
        if loss.grad_fn.operation.freed:
            raise GraphError(
                "trace.backward: the graph of this loss was freed by an earlier backward; compute "
                "the loss again, inside the trace, or pass retain_graph=True to the earlier one"
            )
        if loss.grad_fn.number not in self._recording._of_node:
            raise GraphError(
                "trace.backward: this loss was computed outside of the trace; compute it inside "
                "with trace(model) as tr:"
            )
        if gradient is not None and not isinstance(gradient, Tensor):
            raise DtypeError(
                f"trace.backward: gradient must be a tensor, got {type(gradient).__name__}"
            )
        roots, deltas = starting_points("trace.backward", (loss,), (gradient,))
        start = len(self.steps)
        self._recording.loss(loss, deltas[0])
        try:
            with record(self._recording):
                run_backward(roots, deltas, bool(retain_graph))
        finally:
            self.position = start
            find_compositions(self.steps)
            self._mark_breakpoints()
        return start

    def update(self):
        """Run ``optimizer.step()`` and record what it changes: one step for each parameter.

        Raises:
            ArgumentError: the trace was made without an optimiser.
        """
        if self.optimizer is None:
            raise ArgumentError("trace.update: no optimiser; pass trace(model, optimizer=…)")
        start = len(self.steps)
        self._recording.update(self.optimizer)
        self._mark_breakpoints()
        return self.steps[start:]

    def _given(self, first, phases):
        for step in self.steps[first:]:
            if step.phase in phases and (step.at_breakpoint or not self._breakpoints):
                self.position = step.number
                yield step

    # ------------------------------------------------------------------ walking

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
        recording = self._recording
        if layer is not None:
            known = {*recording._modules.values(), *(s.layer for s in self.steps)}
            _check_layer("break_on", layer, known)
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

    # ------------------------------------------------------------------ asking

    def operation_of(self, step):
        """The operation that ran in a step's forward; None in a trace read from a file."""
        number = step.number if step.phase == "forward" else step.pair
        return self._recording.operations.get(number)

    def why_zero(self, name, index=()):
        """Why an entry of a gradient is zero; or None, tiny, NaN or infinite.

        Args:
            name: the tensor that the gradient belongs to: a parameter (``"conv1.weight"``), or what
                a layer gave (``"conv1 (output)"``).
            index: which entry.

        Returns:
            The `minicnn.tracing.Explanation`: a sentence, and the causes by frequency.

        >>> import minicnn as mc
        >>> w = mc.tensor([1.0, -2.0], requires_grad=True)
        >>> with mc.trace() as tr:
        ...     loss = mc.relu(w).sum()
        >>> _ = list(tr.backward(loss))
        >>> print(tr.why_zero("a leaf", (1,)).summary)
        ∂L/∂a leaf[1] is 0: ReLU is off: its input is ≤ 0
        """
        return why_zero(self, name, index)

    def finite_difference(self, name, index, h=STEP):
        """The loss with one entry of a parameter or input changed by ±h, and the quotient.

        The recorded operations are run again in float64, with the numbers that dropout drew.

        Args:
            name: a parameter or input of the run.
            index: which entry.
            h: by how much to change it.

        Returns:
            The `minicnn.tracing.Difference`, with a warning where a kink or a tie lies between.

        Raises:
            ArgumentError: there is no such leaf; an operation cannot be run again.
            GraphError: the run cannot be repeated.

        >>> import minicnn as mc
        >>> w = mc.tensor([3.0], requires_grad=True)
        >>> with mc.trace() as tr:
        ...     loss = (w * w).sum()
        >>> _ = list(tr.backward(loss))
        >>> round(tr.finite_difference("a leaf", (0,)).slope, 6)
        6.0
        """
        return finite_difference(self, name, index, h)

    def compare(self, function, step=None):
        """A backward of your own against that of a step, with the first wrong entry and its cause.

        Args:
            function: called with δ and then the forward's inputs, as NumPy arrays, and those of
                the options (stride, padding, …) that it takes by name. It returns one gradient for
                each input, or fewer; None where it has none.
            step: a `Step` or its number; the current one if not given.

        Returns:
            The `minicnn.tracing.Comparison`. A cause is named only if exactly one entry of the
            catalogue of wrong backwards gives the same arrays, here and on every probe.

        >>> import minicnn as mc, minicnn.nn.functional as F
        >>> x, w = mc.randn(2, 3, requires_grad=True), mc.randn(4, 3, requires_grad=True)
        >>> with mc.trace(sample=None) as tr:
        ...     loss = (F.linear(x, w) * mc.randn(2, 4)).sum()
        >>> _ = list(tr.backward(loss))
        >>> step = next(s for s in tr.steps if s.operation == "Linear" and s.phase == "backward")
        >>> print(tr.compare(lambda delta, x, w: (delta @ w, delta.T @ x), step))
        dx, dW of outside of the layers · Linear: right, every entry
        """
        step = self.current if step is None else step
        step = step if isinstance(step, Step) else self.goto(step)
        return compare(step, function, self.operation_of(step))

    # ------------------------------------------------------------------ files

    def save(self, path):
        """Write the trace to a file, which `trace.load` reads back, in this program or another.

        Args:
            path: the file's name; an existing file is replaced.
        """
        write(self, path)

    @classmethod
    def load(cls, path):
        """The trace that `save` wrote.

        It can be walked through and asked for terms and zeros; what needs the program that ran, a
        new backward or a finite difference, it cannot do.

        Raises:
            FileNotFoundError: there is no such file.
            ArgumentError: it is not a trace, or it is damaged.

        >>> import minicnn as mc, os, tempfile
        >>> w = mc.tensor([3.0], requires_grad=True)
        >>> with mc.trace() as tr:
        ...     loss = (w * w).sum()
        >>> path = os.path.join(tempfile.mkdtemp(), "run.trace")
        >>> tr.save(path)
        >>> mc.trace.load(path)
        <trace of 2 steps, without a backward yet>
        """
        data, values, steps, operations = read(path)
        result = cls(sample=data["sample"])
        recording = result._recording
        recording.values, recording.steps = values, steps
        recording.operations.update(operations)
        recording.run.batch, recording.watch = data["batch"], tuple(data["watch"])
        recording.wanted, recording.fixed = dict(data["parameters"]), set(data["fixed"])
        recording.unseen = "it was read from a file, without the program that ran"
        for step in steps:
            step.run = recording.run
        result.watch, result.position = recording.watch, data["position"]
        return result

    def save_html(self, path, **options):
        """Write a page for the browser: one file that needs no network.

        Args:
            path: the file's name; an existing file is replaced.
            options: ``title``, ``note``, ``language`` and ``budget`` of
                `minicnn.stepper.page.build`.

        Returns:
            The path.
        """
        return find_reader("page")(self, path, **options)

    def _repr_html_(self):
        return find_reader("list of steps")(self)

    def __repr__(self):
        done = any(s.phase == "loss" for s in self.steps)
        backward = "with its backward" if done else "without a backward yet"
        return f"<trace of {len(self.steps)} steps, {backward}>"


def _check_layer(operation, path, paths):
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
