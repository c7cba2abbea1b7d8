"""`Step`: one thing that happened in a run."""

from dataclasses import dataclass, field

from minicnn.tracing.readers import find_reader
from minicnn.tracing.sums import terms_of
from minicnn.tracing.text import as_text
from minicnn.tracing.values import Value

PHASES = ("forward", "loss", "backward", "accumulate", "update")


@dataclass(frozen=True)
class Source:
    """The line of the user's program that made something happen.

    minicnn's own; it raises nothing. `file`, a string, and `line`, counted from 1, say where;
    `text` is the line itself.
    """

    file: str
    line: int
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}"


@dataclass
class Run:
    """What all steps of a run share: the sample that is kept, N, and the operations.

    `operations` holds, for the number of each forward step, the operation that ran; it is empty in
    a trace that was read from a file. `unseen` says which part of the forward is missing, if any.
    """

    sample: int | None
    batch: int | None = None
    unseen: str = ""
    operations: dict = field(default_factory=dict, repr=False)


@dataclass
class Result:
    """One gradient that a backward step computed, or one parameter that an update changed.

    minicnn's own; it raises nothing.

    Attributes:
        symbol: how the equation writes it, such as ``"∂L/∂W"``.
        short: what to call it in code: ``"dX"``, ``"dW"``, ``"db"``.
        equation: the key of the equation that gives it.
        input: which of the step's inputs it belongs to.
        destination: the name of the tensor that it is a gradient of.
        contribution: what this step computed.
        before, after: the gradient gathered at the destination without and with it; `before` is
            None where it was the first to arrive.
        to: the number of the step that received it; None until that has happened.
    """

    symbol: str
    short: str
    equation: str
    input: int
    destination: str
    contribution: Value
    before: Value | None = None
    after: Value | None = None
    to: int | None = None


@dataclass
class Step:
    """One step of a run: an operation's forward or backward, or a change of a leaf.

    minicnn's own.

    Attributes:
        number: its position in `Trace.steps`.
        phase: one of ``forward``, ``loss`` (where δ = 1 enters), ``backward``, ``accumulate`` (a
            gradient is added to a leaf's ``.grad``) and ``update`` (the optimiser).
        operation: the name of the operation's class, such as ``"Conv2d"``.
        layer: the path of the module that ran it, ``"features.0"``; empty outside of all modules.
        layer_type: the class of that module.
        source: the line of the forward that ran it, for the backward as well.
        pair: the number of the backward's forward step, or of the forward's backward step.
        equations: keys of the equations of the operation.
        attributes: its options: stride, padding and so on.
        inputs, outputs: what the forward read and gave.
        saved: other arrays that the backward reads, by name: argmax, mask, …
        symbols: for each input and then each output, how the equation writes it.
        deltas: for a backward step, δ for each output (None where none arrived).
        results: for a backward step, the gradients; for an update, the change.
        composition: where the step completes eq. 1.16 or 1.17: see `minicnn.tracing.layers`.
        note: a sentence where something has to be said, such as why it cannot be explained.
        at_breakpoint: whether a breakpoint held here.

    Raises:
        ArgumentError: (from `terms`) there is no such array or entry, or it is not written out as a
            sum.
    """

    number: int
    phase: str
    operation: str
    layer: str = ""
    layer_type: str = ""
    source: Source | None = None
    pair: int | None = None
    equations: tuple = ()
    attributes: dict = field(default_factory=dict)
    inputs: tuple = ()
    outputs: tuple = ()
    saved: dict = field(default_factory=dict)
    symbols: tuple = ()
    deltas: tuple = ()
    results: tuple = ()
    composition: object = None
    note: str = ""
    at_breakpoint: bool = False
    run: Run | None = field(default=None, repr=False, compare=False)

    @property
    def delta(self):
        """δ for the first output: the `Value`; None in a forward step."""
        return self.deltas[0] if self.deltas else None

    @property
    def title(self):
        """The layer and the operation, such as ``"conv1 · Conv2d"``."""
        where = self.layer or "outside of the layers"
        return f"{where} · {self.operation}"

    def bindings(self):
        """Pairs (symbol, `Value`): what stands for what in the equations."""
        pairs = list(zip(self.symbols, (*self.inputs, *self.outputs), strict=False))
        pairs += [("δ" if i == 0 else f"δ_{i}", d) for i, d in enumerate(self.deltas) if d]
        return pairs + [(r.symbol, r.contribution) for r in self.results]

    def result(self, short):
        """The result called `short` (``"dW"``; neither capitals nor subscripts count), or None."""
        wanted = _typed(str(short))
        return next((r for r in self.results if _typed(r.short) == wanted), None)

    def terms(self, short, index):
        """One entry of a gradient (``"dX"``, ``"dW"``) or of the output (``"out"``), as a sum.

        Args:
            short: which array; `results` lists the gradients.
            index: the entry, in the indices of the whole array: (n, c, y, x) for maps.

        Returns:
            The `minicnn.tracing.Terms`; printed, it is the sum written out.

        Raises:
            ArgumentError: there is no such array, or its sums cannot be written out.
            IndexRangeError: there is no such entry, or its sample is not kept.

        >>> import minicnn as mc, minicnn.nn.functional as F
        >>> x = mc.tensor([[[[1.0, 2.0, 3.0]]]], requires_grad=True)
        >>> w = mc.tensor([[[[10.0, 100.0]]]])
        >>> with mc.trace() as tr:
        ...     loss = F.conv2d(x, w).sum()
        >>> step = next(s for s in tr.backward(loss) if s.operation == "Conv2d")
        >>> print(step.terms("dX", (0, 0, 0, 1)))
        ∂L/∂X[0,0,0,1] = 110, the sum of 2 terms
            δ[0,0,0,1] · W[0,0,0,0] = 1 · 10 = 10
            δ[0,0,0,0] · W[0,0,0,1] = 1 · 100 = 100
        """
        # The operation of the forward, as long as the trace lives in the program that made it.
        forward = self.number if self.phase == "forward" else self.pair
        operation = self.run.operations.get(forward)
        return terms_of(self, short, index, self.run.sample, operation, self.run.batch)

    def _repr_html_(self):
        return find_reader("card")(self)

    def __str__(self):
        return as_text(self)


def _typed(short):
    """As it can be typed: ``dx₁`` as ``dx1``."""
    return short.lower().translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
