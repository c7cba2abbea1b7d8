"""A run of a network as a list of steps, each an operation with what went into it.

The network runs twice, the second time on other numbers and, if the batch is to be of any size, on
more samples. Both runs must be the same operations on values from the same places. So is found
what an export would freeze to what it was for the example: a path taken because of a value, an
array computed past the engine (with NumPy, or on ``.data``), a size that depends on the batch.
"""

from collections import namedtuple

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.graph import Node
from minicnn.modes import enable_grad, record
from minicnn.tensor import Tensor

# Where a value comes from: output `output` of step `step`; input number `index`; the parameter or
# buffer `name`; or an array that the run made itself.
FromStep = namedtuple("FromStep", "step output")
FromInput = namedtuple("FromInput", "index")
FromState = namedtuple("FromState", "name")
Constant = namedtuple("Constant", "array")


class Run:
    """One recorded run; a `Recorder` while it lasts.

    Attributes:
        steps: (operation, sources of its inputs, shapes of its outputs) for each operation.
        outputs: the sources of what the network returned, in order.
        output_shapes: their shapes.
    """

    def __init__(self, model, inputs):
        self.state = {}  # where an array lies in memory → its name and shape
        for name, t in [*model.named_parameters(), *model.named_buffers()]:
            self.state.setdefault(_place(t.array), (name, t.shape))
        self.steps, self.outputs = [], []
        self._nodes, self._known = {}, {}
        # Computed from leaves that want gradients, so that the graph says of every tensor where it
        # comes from, also when it is changed in place.
        with enable_grad():
            tracked = [_computed(x) for x in inputs]
            for i, x in enumerate(tracked):
                self._remember(x, FromInput(i))
                if x.grad_fn is not None:
                    self._nodes[x.grad_fn] = lambda output, i=i: FromInput(i)
            with record(self):
                result = model(*tracked)
            tensors = _flat(result)
            self.outputs = [self.source(t) for t in tensors]
            self.output_shapes = [t.shape for t in tensors]
            self.output_dtypes = [t.dtype for t in tensors]

    def forward(self, node, operation, inputs, outputs):
        number = len(self.steps)
        self.steps.append((operation, [self.source(t) for t in inputs], [t.shape for t in outputs]))
        if node is not None:
            self._nodes[node] = lambda output: FromStep(number, output)
        for i, t in enumerate(outputs):
            self._remember(t, FromStep(number, i))

    def backward(self, node, deltas, gradients):
        pass

    def accumulate(self, leaf, delta):
        pass

    def _remember(self, t, source):
        # The array is kept too, lest another takes its place in memory and its id.
        self._known[id(t.array)] = t.array, t._version, t._version.changes, source

    def source(self, t):
        """Where the values of a tensor come from."""
        edge = t._edge()
        if edge is not None and isinstance(edge[0], Node):
            if edge[0] not in self._nodes:
                raise ArgumentError(
                    f"onnx.export: the network changes a part of a tensor in place "
                    f"({edge[0].operation.name}), which cannot be exported; compute a new tensor, "
                    "for example with where, cat or pad"
                )
            return self._nodes[edge[0]](edge[1])
        # Without a graph (integers, a detached tensor) by its memory, unless that was written to.
        _, version, changes, source = self._known.get(id(t.array), (None,) * 4)
        if source is not None and version is t._version and changes == version.changes:
            return source
        name, shape = self.named(t.array)
        return FromState(name) if shape == t.shape else Constant(t.array.copy())

    def named(self, array):
        """Name and shape of the parameter or buffer whose memory `array` shows, or Nones."""
        found = self.state.get(_place(array))
        return found if found is not None and array.flags.c_contiguous else (None, None)


def _place(array):
    return array.__array_interface__["data"][0], array.nbytes, array.dtype


def _computed(x):
    """A copy of the input that is no leaf: it may be changed in place."""
    x = Tensor(x.array.copy())
    return x.requires_grad_().clone() if x.is_floating_point() else x


def _flat(result):
    """The tensors that a network returned: one, a sequence or a dictionary of them."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        result = list(result.values())
    if not isinstance(result, (list, tuple)):
        raise ArgumentError(
            "onnx.export: the network must return tensors, in lists, tuples or dictionaries; it "
            f"returned {type(result).__name__}"
        )
    return [t for r in result if r is not None for t in _flat(r)]


class Step:
    """One operation of the network, as both runs saw it.

    Attributes:
        operation: that of the first run.
        sources: of its inputs.
        shapes: of its inputs, each a pair: in the first and in the second run.
        output_shapes: of its outputs, likewise.
        dtype: of its first input.
    """

    def __init__(self, first, second, run):
        self.operation, self.sources, outputs = first
        self._second, _, outputs_of_second = second
        self._run = run
        self.output_shapes = list(zip(outputs, outputs_of_second, strict=True))
        self.shapes = [
            (a, b)
            for (a, _), (b, _) in zip(self.operation.inputs, self._second.inputs, strict=True)
        ]
        self.dtype = self.operation.inputs[0][1]

    @property
    def name(self):
        return self.operation.name

    def option(self, name):
        """An attribute of the operation, which must have been the same in both runs."""
        first, second = getattr(self.operation, name), getattr(self._second, name)
        if not _same(first, second):
            raise ArgumentError(
                f"onnx.export: {self.name} ran with {name} = {_short(first)} on the example and "
                f"{_short(second)} on another input, so that it depends on the input or its batch. "
                "If on the batch alone, export with dynamic_batch=False"
            )
        return first

    def both(self, name):
        """An attribute of the operation in the first and in the second run."""
        return getattr(self.operation, name), getattr(self._second, name)

    def vector(self, array):
        """The source of an array that the operation holds, of whatever shape, as a vector."""
        name, shape = self._run.named(array)
        known = name is not None and len(shape) == 1
        return FromState(name) if known else Constant(array.reshape(-1))


def _same(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and isinstance(b, np.ndarray)
            and a.shape == b.shape
            and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        )
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def compare(first, second):
    """The `Step` objects that two runs have in common; refused where the runs differ."""
    names = [[type(operation).__name__ for operation, _, _ in run.steps] for run in (first, second)]
    if names[0] != names[1]:
        pairs = zip([*names[0], "nothing"], [*names[1], "nothing"], strict=False)
        a, b = next((a, b) for a, b in pairs if a != b)
        raise ArgumentError(
            "onnx.export: what the network does depends on the numbers it is given, or on the size "
            f"of the batch: it ran {a} on the example and {b} on another input. Only networks "
            "that always run the same operations can be exported"
        )
    steps = [Step(a, b, first) for a, b in zip(first.steps, second.steps, strict=True)]
    for step, (_, others, _) in zip(steps, second.steps, strict=True):
        _check_sources(f"an input of {step.name}", step.sources, others)
    _check_sources("an output of the network", first.outputs, second.outputs)
    return steps


def _check_sources(what, first, second):
    if len(first) != len(second) or not all(
        type(a) is type(b) and _same(tuple(a), tuple(b)) for a, b in zip(first, second, strict=True)
    ):
        raise ArgumentError(
            f"onnx.export: {what} was computed past minicnn's operations (with NumPy, on .data or "
            ".array, or by a random generator) and differs from run to run, or with the size of "
            "the batch (then dynamic_batch=False helps); it cannot be exported"
        )
