"""`Recording`: what watches a run and writes down what it sees.

It is the `Recorder` of the engine (see `minicnn.modes`): `forward` is called after each operation,
`loss` where a backward begins, `backward` after each node's backward, `accumulate` before a
gradient is added to a leaf.
"""

import numpy as np

from minicnn.device import on_cpu_only
from minicnn.tracing.archive import Archive
from minicnn.tracing.arrivals import Arrivals
from minicnn.tracing.attributes import arrays_of, attributes_of, copy_of
from minicnn.tracing.batches import output_is_batched, saved_is_batched
from minicnn.tracing.leaves import Leaves
from minicnn.tracing.names import Names
from minicnn.tracing.sources import whereabouts
from minicnn.tracing.steps import Result, Run, Step
from minicnn.tracing.symbols import gradient_equation, short_name, symbols_of


class Recording:
    """The steps and values of a run, growing while it goes on.

    Args:
        model: the module whose parts give their names, or None.
        sample: which sample of the batch to keep; None keeps all.
        watch: paths of layers; if not empty, only their arrays are kept whole.
        budget: bytes of arrays to keep; beyond them the rest is left out, and says so.

    Attributes:
        steps: the `Step` objects.
        run: what they share. They refer to this, not to the recording: so there is no cycle.
        archive, names, leaves: the values, what things are called, what the run began with.
    """

    def __init__(self, model, sample, watch, budget):
        self.steps, self.run = [], Run(sample)
        self.archive, self.names = Archive(self.run, watch, budget), Names(model)
        self.leaves = Leaves(self.archive, self.names)
        self._arrivals = Arrivals(self.archive)
        self._begun = None  # number of the node that the backward begins at
        self._of_node = {}  # number of a node → its forward step

    def append(self, step):
        """Add a step at the end."""
        step.run = self.run
        self.steps.append(step)

    def has_seen(self, node):
        """Whether the forward of that node of the graph is among the steps."""
        return node.number in self._of_node

    # ------------------------------------------------------------------ forward

    def forward(self, node, operation, inputs, outputs):
        """An operation has run; `node` is its place in the graph, None without one."""
        on_cpu_only("trace", outputs[:1])
        source, modules = whereabouts()
        layer, module = self.names.layer_of(modules)
        first = outputs[0].array
        step = Step(
            number=len(self.steps),
            phase="forward",
            operation=operation.name,
            layer=layer,
            layer_type="" if module is None else type(module).__name__,
            source=source,
            equations=tuple(operation.equations),
            attributes=attributes_of(operation),
            inputs=tuple(self._input(operation, i, t, first, layer) for i, t in enumerate(inputs)),
        )
        step.outputs = self._outputs(operation, step, outputs, module)
        step.saved = self._saved(operation, step, (*inputs, *outputs))
        symbols = symbols_of(operation, len(inputs))
        step.symbols = (*symbols.inputs[: len(inputs)], symbols.output, *("",) * (len(outputs) - 1))
        self.append(step)
        self.run.operations[step.number] = _without(operation)
        if node is not None:
            self._of_node[node.number] = step

    def _input(self, operation, i, tensor, output, layer):
        """The value of a tensor that an operation reads."""
        version = tensor._version.changes
        value = self.archive.known(tensor.array, version)
        if value is not None:
            return value
        value = self._made(tensor)
        if value is None:
            if tensor.grad_fn is not None:
                name = tensor.grad_fn.operation.name
                self.run.unseen = f"{name} was not recorded, or its result was changed in place"
            value = self.leaves.add(operation, i, tensor, output, layer)
        return self.archive.remember(tensor.array, version, value)

    def _made(self, tensor):
        """The output that the graph says the tensor's values come from, if they are the same.

        After a change in place they lie in another array than the operation gave.
        """
        if tensor.grad_fn is None or not self.has_seen(tensor.grad_fn):
            return None
        value = self._of_node[tensor.grad_fn.number].outputs[tensor._source[1]]
        same = value.shape == tensor.shape and value.agrees_with(tensor.array)
        return value if same else None

    def _outputs(self, operation, step, outputs, module):
        kept = {id(array): name for name, array in arrays_of(operation).items()}
        values = []
        for i, t in enumerate(outputs):
            batched = output_is_batched(operation, step.inputs, t.array, self.run.batch)
            if i and id(t.array) in kept:  # such as the argmax of a max pooling
                name = f"{kept[id(t.array)]} of {step.layer or operation.name}"
            else:
                name = self.names.for_output(operation, step.layer, module)
            value = self.archive.add(t.array, name, batched, step.layer)
            values.append(self.archive.remember(t.array, t._version.changes, value))
        return tuple(values)

    def _saved(self, operation, step, tensors):
        """The values of what the operation keeps: its inputs and outputs again, or others."""
        values = (*step.inputs, *step.outputs)
        known = {id(t.array): v for t, v in zip(tensors, values, strict=True)}
        saved = {}
        for name, array in arrays_of(operation).items():
            if id(array) not in known:
                batched = saved_is_batched(operation, name, array, step.inputs, self.run.batch)
                label = f"{name} of {step.layer or operation.name}"
                known[id(array)] = self.archive.add(array, label, batched, step.layer)
            saved[name] = known[id(array)]
        return saved

    # ------------------------------------------------------------------ backward

    def loss(self, loss, delta):
        """Backpropagation begins: δ enters at the loss."""
        self._arrivals.clear()  # what an earlier one left when it failed
        value = self.archive.known(loss.array, loss._version.changes)
        pair = None if loss.grad_fn is None else self._of_node.get(loss.grad_fn.number)
        self._begin(pair, value, delta)
        self._begun = loss.grad_fn.number

    def _begin(self, pair, value, delta):
        name = "∂L/∂L" if not delta.ndim else "δ that was sent in"
        delta = self.archive.remember(delta, 0, self.archive.add(delta, name, False))
        step = Step(
            number=len(self.steps),
            phase="loss",
            operation="" if pair is None else pair.operation,
            layer="" if pair is None else pair.layer,
            source=None if pair is None else pair.source,
            pair=None if pair is None else pair.number,
            outputs=() if value is None else (value,),
            symbols=("L",),
            deltas=(delta,),
        )
        self.append(step)

    def _begin_unannounced(self, node, deltas, forward):
        """A ``loss.backward()`` in the trace: δ comes in where nothing has sent one."""
        places = [i for i, d in enumerate(deltas) if d is not None]
        if node.number == self._begun or any(self._arrivals.at((node, i)) for i in places):
            return
        if places and forward is not None:
            self._begin(forward, forward.outputs[places[0]], deltas[places[0]])

    def backward(self, node, deltas, gradients):
        """The backward of a node has turned `deltas` into one gradient for each input."""
        forward = self._of_node.get(node.number)
        self._begin_unannounced(node, deltas, forward)
        self._begun = None
        operation = node.operation
        step = Step(
            len(self.steps), "backward", operation.name, equations=tuple(operation.equations)
        )
        if forward is None:
            step.note = (
                "This step's forward was not recorded: it ran before the trace began, or stands "
                "for a view of memory that was changed in place."
            )
        else:
            forward.pair = step.number
            for name in ("layer", "layer_type", "source", "attributes", "inputs", "outputs"):
                setattr(step, name, getattr(forward, name))
            step.saved, step.symbols, step.pair = forward.saved, forward.symbols, forward.number
        step.deltas = tuple(self._delta(node, i, d, forward) for i, d in enumerate(deltas))
        step.results = self._results(step, node, gradients)
        self.append(step)

    def _delta(self, node, i, delta, forward):
        """The value of δ for output i; None for an output that nobody used."""
        if delta is None:
            return None
        batched = forward is not None and forward.outputs[i].batched
        layer = "" if forward is None else forward.layer
        name = f"δ of {layer or node.operation.name}"
        hooked = any(place == i for place, _ in node.hooks or ())
        number = len(self.steps)
        return self._arrivals.gather((node, i), number, delta, name, batched, layer, hooked)

    def _results(self, step, node, gradients):
        symbols = symbols_of(node.operation, len(gradients))
        results = []
        for i, (gradient, edge) in enumerate(zip(gradients, node.edges, strict=True)):
            if gradient is None or edge is None:
                continue
            symbol = symbols.inputs[min(i, len(symbols.inputs) - 1)]
            of = step.inputs[i] if step.inputs else None  # not if its forward was not recorded
            value = self.archive.known(gradient)
            if value is None:
                name = f"∂L/∂{symbol} of {step.layer or step.operation}"
                batched = of is not None and of.batched
                value = self.archive.add(gradient, name, batched, step.layer)
                self.archive.remember(gradient, 0, value)
            result = Result(
                symbol=f"∂L/∂{symbol}",
                short=short_name(symbol),
                equation=gradient_equation(symbols, i, step.attributes),
                input=i,
                destination="" if of is None else of.name,
                contribution=value,
            )
            results.append(result)
            self._arrivals.send(edge, result, gradient)
        return tuple(results)

    def accumulate(self, leaf, delta):
        """`delta` is about to be added to the gradient of a leaf."""
        archive, name = self.archive, self.leaves.name_of(leaf)
        layer, number = name.rpartition(".")[0], len(self.steps)
        seen = archive.known(leaf.array, leaf._version.changes)
        batched = seen is not None and seen.batched
        total = self._arrivals.gather(
            (leaf, 0), number, delta, f"∂L/∂{name}", batched, layer, leaf._hooks
        )
        result = Result(f"∂L/∂{name}", "grad", "", 0, name, total)
        if leaf.grad is not None:
            before = leaf.grad.array
            result.before = archive.add(before, f"{name}.grad before", batched, layer)
            result.after = archive.add(before + delta, f"{name}.grad", batched, layer)
        else:
            result.after = total
        inputs = () if seen is None else (seen,)
        self.append(Step(number, "accumulate", "", layer=layer, inputs=inputs, results=(result,)))


def _copied(value):
    if isinstance(value, tuple):
        return tuple(_copied(v) for v in value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _without(operation):
    """A copy of an operation that does not keep what the graph keeps for it until it is freed.

    What was drawn or given before the forward stays, since it cannot be computed again; a copy of
    it, since its owner may change it later.
    """
    copied = copy_of(operation)
    for part in (copied, getattr(copied, "nll", None)):
        for name, value in list(vars(part).items()) if part is not None else ():
            if name in operation.saves and name not in ("mask", "condition"):
                setattr(part, name, None)
            else:
                setattr(part, name, _copied(value))
    return copied
