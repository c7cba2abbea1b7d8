"""`Recording`: what watches a run and writes down what it sees.

It is the `Recorder` of the engine (see `minicnn.modes`): `forward` is called after each operation,
`backward` after each node's backward, `accumulate` before a gradient is added to a leaf. Arrays are
copied at that moment, since an update in place later must not rewrite history; an array that has
been seen and has not changed is not copied again.
"""

import copy
import weakref

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.tracing.attributes import arrays_of, attributes_of
from minicnn.tracing.sources import whereabouts
from minicnn.tracing.steps import Result, Step
from minicnn.tracing.symbols import gradient_equation, short_name, symbols_of
from minicnn.tracing.values import Value, digest, statistics

# Arrays of operations that have one entry a channel or class, whatever their length.
OF_PARAMETERS = ("weight", "gamma", "mean", "var", "inverse_std")


class Recording:
    """The steps and values of a run, growing while it goes on.

    Args:
        model: the module whose parts give their names, or None.
        sample: which sample of the batch to keep; None keeps all.
        watch: paths of layers; if not empty, only their arrays are kept whole.
        budget: bytes of arrays to keep; beyond them the rest is left out, and says so.
    """

    def __init__(self, model, sample, watch, budget):
        self.steps, self.values = [], []
        self.sample, self.watch, self.budget = sample, watch, budget
        self.kept = 0  # bytes
        self.batch = None  # N
        self.operations = {}  # number of a forward step → its operation
        self.whole = {}  # number of a leaf's value → a copy with all samples
        self._seen = {}  # id(array) → (weak reference, version, Value)
        self._of_node = {}  # number of a node → its forward step
        self._arrived = {}  # destination → [(Result, whole array)]
        self._modules, self._names = {}, {}
        self.unseen = ""  # which part of the forward is missing, if one is
        self.wanted = {}  # name of a parameter → requires_grad
        if model is not None:
            for path, module in model.named_modules():
                self._modules.setdefault(id(module), path)
            for path, tensor in (*model.named_parameters(), *model.named_buffers()):
                self._names.setdefault(id(tensor), path)
                self.wanted[path] = tensor.requires_grad

    def _append(self, step):
        step.recording = self
        self.steps.append(step)

    # ------------------------------------------------------------------ values

    def _remember(self, array, version, value):
        self._seen[id(array)] = weakref.ref(array), version, value
        return value

    def _known(self, array, version=0):
        reference, seen, value = self._seen.get(id(array), (None, None, None))
        return value if reference is not None and reference() is array and seen == version else None

    def add(self, array, name, batched, layer="", parameter=False):
        """Record a copy of `array` as a new `Value`."""
        shown = array
        if batched and self.sample is not None:
            shown = array[self.sample : self.sample + 1]
        value = Value(len(self.values), name, None, batched, statistics(array), parameter=parameter)
        value.left_out = self._why_not(shown.nbytes, layer)
        if value.left_out:
            value.digest = digest(shown)
        else:
            value.array = np.array(shown, order="C")
            self.kept += shown.nbytes
        self.values.append(value)
        return value

    def _why_not(self, nbytes, layer):
        watched = any(layer == w or layer.startswith(f"{w}.") for w in self.watch)
        if self.watch and not watched and nbytes > 64:  # a loss costs nothing
            return f"only {', '.join(self.watch)} is watched"
        if self.kept + nbytes > self.budget:
            return (
                f"it takes {nbytes / 2**20:.1f} MiB, and {self.kept / 2**20:.0f} of "
                f"{self.budget / 2**20:.0f} MiB are used; watch= a layer, or raise budget="
            )
        return ""

    def _input(self, tensor, layer):
        """The value of a tensor that an operation reads."""
        known = self._known(tensor.array, tensor._version.changes)
        if known is not None:
            return known
        made = self._made(tensor)
        if made is not None:
            return self._remember(tensor.array, tensor._version.changes, made)
        if tensor.grad_fn is not None:
            name = tensor.grad_fn.operation.name
            self.unseen = f"{name} was not recorded, or its result was changed in place"
        name = self._names.get(id(tensor))
        parameter = name is not None
        batched = not parameter and self._carries_batch(tensor)
        if name is None:
            name = "input" if batched else "a constant"
            if tensor.requires_grad and not batched:
                name = "a leaf"
            taken = sum(v.name.split(" (")[0] == name for v in self.values)
            name += f" ({taken + 1})" if taken else ""
        value = self.add(tensor.array, name, batched, layer, parameter)
        alone = batched or value.array is None
        self.whole[value.number] = tensor.array.copy() if alone else value.array
        return self._remember(tensor.array, tensor._version.changes, value)

    def _made(self, tensor):
        """The output that the graph says the tensor's values come from, if they are the same.

        After a change in place they lie in another array than the operation gave.
        """
        if tensor.grad_fn is None or tensor.grad_fn.number not in self._of_node:
            return None
        value = self._of_node[tensor.grad_fn.number].outputs[tensor._source[1]]
        if value.shape != tensor.shape or value.statistics != statistics(tensor.array):
            return None
        return value

    def _carries_batch(self, tensor):
        """Whether the first axis of a leaf is the batch: so it is for the data that comes in."""
        if tensor.ndim < 2 or (tensor.requires_grad and tensor.ndim < 3):
            return False
        if self.batch is None:
            self.batch = len(tensor.array)
            if self.sample is not None and self.sample >= self.batch:
                raise ArgumentError(
                    f"trace: sample={self.sample}, but the batch has {self.batch} samples "
                    f"(0 to {self.batch - 1})"
                )
        return len(tensor.array) == self.batch

    def _is_batched(self, operation, inputs, array):
        """Whether an output's first axis is the batch, as it is of one of the inputs."""
        if not array.ndim or len(array) != self.batch or not any(v.batched for v in inputs):
            return False
        moved = getattr(operation, "dims", None)
        if operation.name == "Permute":
            return moved[0] == 0
        return not (isinstance(moved, tuple) and 0 in moved)  # a sum over the batch

    # ------------------------------------------------------------------ what the engine tells

    def forward(self, node, operation, inputs, outputs):
        source, modules = whereabouts()
        paths = [self._modules[id(m)] for m in modules if id(m) in self._modules]
        layer = paths[0] if paths else ""
        module = next((m for m in modules if self._modules.get(id(m)) == layer), None)
        step = Step(
            number=len(self.steps),
            phase="forward",
            operation=operation.name,
            layer=layer,
            layer_type="" if module is None else type(module).__name__,
            source=source,
            equations=tuple(operation.equations),
            attributes=attributes_of(operation),
        )
        step.inputs = tuple(self._input(t, layer) for t in inputs)
        outputs_ = []
        for i, t in enumerate(outputs):
            batched = self._is_batched(operation, step.inputs, t.array)
            name = f"{layer or operation.name} (output{f' {i}' if i else ''})"
            value = self.add(t.array, name, batched, layer)
            outputs_.append(self._remember(t.array, t._version.changes, value))
        step.outputs = tuple(outputs_)
        tensors, values = (*inputs, *outputs), (*step.inputs, *step.outputs)
        known = {id(t.array): v for t, v in zip(tensors, values, strict=True)}
        for name, array in arrays_of(operation).items():
            if id(array) not in known:
                batched = array.ndim > 0 and len(array) == self.batch and name not in OF_PARAMETERS
                label = f"{name} of {layer or operation.name}"
                known[id(array)] = self.add(array, label, batched, layer)
            step.saved[name] = known[id(array)]
        symbols = symbols_of(operation, len(inputs))
        step.symbols = (*symbols.inputs[: len(inputs)], symbols.output, *("",) * (len(outputs) - 1))
        self._append(step)
        self.operations[step.number] = _without(operation)
        if node is not None:
            self._of_node[node.number] = step

    def loss(self, loss, delta):
        """Backpropagation begins: δ enters at the loss."""
        value = self._known(loss.array, loss._version.changes)
        pair = None if loss.grad_fn is None else self._of_node.get(loss.grad_fn.number)
        step = Step(
            number=len(self.steps),
            phase="loss",
            operation="" if pair is None else pair.operation,
            layer="" if pair is None else pair.layer,
            source=None if pair is None else pair.source,
            pair=None if pair is None else pair.number,
            outputs=() if value is None else (value,),
            symbols=("L",),
        )
        step.deltas = (self._remember(delta, 0, self.add(delta, "∂L/∂L", False)),)
        self._append(step)

    def backward(self, node, deltas, gradients):
        forward = self._of_node.get(node.number)
        operation = node.operation
        step = Step(
            len(self.steps), "backward", operation.name, equations=tuple(operation.equations)
        )
        if forward is None:
            step.note = (
                "This step's forward was not recorded: it ran before the trace began, or stands "
                "for a view of memory that was changed in place."
            )
            step.inputs = step.outputs = ()
            flags, names = [False] * len(gradients), [""] * len(gradients)
        else:
            forward.pair = step.number
            for name in ("layer", "layer_type", "source", "attributes", "inputs", "outputs"):
                setattr(step, name, getattr(forward, name))
            step.saved, step.symbols, step.pair = forward.saved, forward.symbols, forward.number
            flags = [v.batched for v in forward.inputs]
            names = [v.name for v in forward.inputs]
        step.deltas = tuple(self._delta(node, i, d, forward) for i, d in enumerate(deltas))
        symbols = symbols_of(operation, len(gradients))
        results = []
        for i, (gradient, edge) in enumerate(zip(gradients, node.edges, strict=True)):
            if gradient is None or edge is None:
                continue
            symbol = symbols.inputs[min(i, len(symbols.inputs) - 1)]
            value = self._known(gradient)
            if value is None:
                name = f"∂L/∂{symbol} of {step.layer or step.operation}"
                value = self.add(gradient, name, flags[i], step.layer)
                self._remember(gradient, 0, value)
            result = Result(
                symbol=f"∂L/∂{symbol}",
                short=short_name(symbol),
                equation=gradient_equation(symbols, i, step.attributes),
                input=i,
                destination=names[i],
                contribution=value,
            )
            results.append(result)
            self._arrived.setdefault(_key(edge), []).append((result, gradient))
        step.results = tuple(results)
        self._append(step)

    def _delta(self, node, i, delta, forward):
        """The value of δ for output i, and for each contribution how the sum grew with it."""
        batched = forward is not None and forward.outputs[i].batched
        layer = "" if forward is None else forward.layer
        name = f"δ of {layer or node.operation.name}"
        return self._sum(_key((node, i)), delta, name, batched, layer)

    def _sum(self, key, total, name, batched, layer):
        arrived = self._arrived.pop(key, [])
        known = self._known(total)
        if known is None:
            known = self._remember(total, 0, self.add(total, name, batched, layer))
        running = before = None
        for result, array in arrived:
            result.to = len(self.steps)
            if before is None:
                running, result.after = array, result.contribution
            else:
                result.before, running = before, running + array
                is_last = result is arrived[-1][0]
                result.after = known if is_last else self.add(running, name, batched, layer)
            before = result.after
        return known

    def accumulate(self, leaf, delta):
        name = self._names.get(id(leaf))
        seen = self._known(leaf.array, leaf._version.changes)
        if name is None:
            name = "a leaf" if seen is None else seen.name
        layer = name.rpartition(".")[0]
        batched = seen is not None and seen.batched
        total = self._sum(_key((leaf, 0)), delta, f"∂L/∂{name}", batched, layer)
        step = Step(len(self.steps), "accumulate", "", layer=layer)
        result = Result(f"∂L/∂{name}", "grad", "", 0, name, total)
        if leaf.grad is not None:
            before = leaf.grad.array
            result.before = self.add(before, f"{name}.grad before", batched, layer)
            result.after = self.add(before + delta, f"{name}.grad", batched, layer)
        else:
            result.after = total
        step.inputs = () if seen is None else (seen,)
        step.results = (result,)
        self._append(step)

    @property
    def names(self):
        """The names of the model's parameters and buffers."""
        return self.wanted.keys()

    # ------------------------------------------------------------------ the update

    def update(self, optimizer):
        """Run the optimiser's step and record what it changed."""
        held = []
        for group in optimizer.param_groups:
            held += [(p, p.array.copy(), group) for p in group["params"] if p.grad is not None]
        optimizer.step()
        for p, before, group in held:
            name = self._names.get(id(p), "a leaf")
            layer = name.rpartition(".")[0]
            options = {
                k: v
                for k, v in group.items()
                if k not in ("params", "param_names") and np.ndim(v) == 0
            }
            step = Step(
                len(self.steps), "update", type(optimizer).__name__, layer, attributes=options
            )
            old = self.add(before, f"{name} before", False, layer, True)
            gradient = self.add(p.grad.array, f"{name}.grad", False, layer)
            change = self.add(p.array - before, f"change of {name}", False, layer)
            new = self.add(p.array, name, False, layer, True)
            step.inputs, step.outputs, step.symbols = (old, gradient), (new,), ("θ", "∂L/∂θ", "θ'")
            step.results = (Result("θ' − θ", "change", "", 0, name, change, old, new),)
            for key, value in optimizer.state.get(p, {}).items():
                if isinstance(value, np.ndarray):
                    step.saved[key] = self.add(value, f"{key} of {name}", False, layer)
            self._append(step)


def _key(edge):
    source, i = edge
    return (source.number, i) if hasattr(source, "edges") else (id(source), "leaf")


def _without(operation):
    """A copy of an operation that does not keep what the graph keeps for it until it is freed.

    What was drawn or given before the forward stays, since it cannot be computed again.
    """
    copied = copy.copy(operation)
    for name in operation.saves:
        if name not in ("mask", "condition"):
            setattr(copied, name, None)
    return copied
