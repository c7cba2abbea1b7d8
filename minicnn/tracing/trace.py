"""`trace`: a run of a network, recorded, to be walked through forwards and backwards.

Here it is recorded, and saved; `Walk` has what goes from step to step, `Questions` what is asked.
"""

from minicnn.checks import ArgumentError, DtypeError, GraphError, closest
from minicnn.device import on_cpu_only
from minicnn.graph import run_backward, starting_points
from minicnn.modes import record
from minicnn.nn.module import Module
from minicnn.optim.optimizer import Optimizer
from minicnn.tensor import Tensor
from minicnn.tracing.files import read, write
from minicnn.tracing.layers import find_compositions
from minicnn.tracing.questions import Questions
from minicnn.tracing.readers import find_reader
from minicnn.tracing.recording import Recording
from minicnn.tracing.steps import PHASES
from minicnn.tracing.updates import record_update
from minicnn.tracing.walking import Walk, check_layer

BUDGET = 256 * 2**20  # bytes


class trace(Walk, Questions):
    """Records what happens inside ``with trace(model) as tr:``, to be stepped through.

    The forward has to run inside, since names, layers and source lines are gone after it; the
    backward is run by `backward`, and gives the very gradients that ``loss.backward()`` does.

    minicnn's own.

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
        super().__init__()
        if model is not None and not isinstance(model, Module):
            raise DtypeError(
                f"trace: model must be a Module or None, got {type(model).__name__}; write "
                "with trace(model) as tr: loss = criterion(model(x), y)"
            )
        if model is not None:
            on_cpu_only("trace", model.parameters())
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
            check_layer("trace", path, paths)
        self.optimizer = optimizer
        self.watch = watch
        self._recording = Recording(model, None if sample is None else int(sample), watch, budget)
        self._entered = []

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
        """The `Step` objects, in order."""
        return self._recording.steps

    @property
    def values(self):
        """The `Value` objects that the steps refer to."""
        return self._recording.archive.values

    @property
    def sample(self):
        """Which sample is kept; None if all are."""
        return self._recording.run.sample

    @property
    def batch(self):
        """N, the number of samples in the batch; None before the forward."""
        return self._recording.run.batch

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
        if not self._recording.has_seen(loss.grad_fn):
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
        record_update(self._recording, self.optimizer)
        self._mark_breakpoints()
        return self.steps[start:]

    def _given(self, first, phases):
        for step in self.steps[first:]:
            if step.phase in phases and (step.at_breakpoint or not self._breakpoints):
                self.position = step.number
                yield step

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
        recording.archive.values, recording.steps = values, steps
        recording.archive.watch = result.watch = tuple(data["watch"])
        recording.names.wanted = dict(data["parameters"])
        recording.leaves.fixed = set(data["fixed"])
        recording.run.operations.update(operations)
        recording.run.batch = data["batch"]
        recording.run.unseen = "it was read from a file, without the program that ran"
        for step in steps:
            step.run = recording.run
        result.position = data["position"]
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
