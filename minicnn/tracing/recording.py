"""`Recording`: what watches a run and writes down what it sees.

It is the `Recorder` of the engine (see `minicnn.modes`): `forward` is called after each operation,
`backward` after each node's backward, `accumulate` before a gradient is added to a leaf. Arrays are
copied at that moment, since an update in place later must not rewrite history; an array that has
been seen and has not changed is not copied again.
"""

import weakref
from collections import Counter

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.tracing.attributes import (
    arrays_of,
    attributes_of,
    copy_of,
    operation_called,
)
from minicnn.tracing.batches import (
    gets_an_axis,
    leaf_carries_batch,
    output_is_batched,
    saved_is_batched,
)
from minicnn.tracing.sources import whereabouts
from minicnn.tracing.steps import Result, Run, Step
from minicnn.tracing.symbols import gradient_equation, short_name, symbols_of
from minicnn.tracing.values import Value, digest, statistics

SMALL = 64  # bytes: a loss is kept whatever the budget


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
        self.watch, self.budget = watch, budget
        # Steps refer to this, not to the recording, which holds them: so there is no cycle.
        self.run = Run(sample)
        self.operations = self.run.operations
        self.kept = 0  # bytes
        self.whole = {}  # number of a leaf's value → a copy with all samples
        self.fixed = set()  # numbers of leaves' values that want no gradient
        self._seen = {}  # id(array) → (weak reference, version, Value)
        self._leaves = {}  # id(tensor) → (weak reference, Value)
        self._begun = None  # number of the node that the backward begins at
        self._named = Counter()  # how many values have a name
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

    @property
    def sample(self):
        return self.run.sample

    @property
    def batch(self):
        return self.run.batch

    def _append(self, step):
        step.run = self.run
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
            self._count(shown.nbytes)
        self.values.append(value)
        return value

    def _count(self, nbytes):
        self.kept += nbytes if nbytes > SMALL else 0

    def _why_not(self, nbytes, layer):
        watched = any(layer == w or layer.startswith(f"{w}.") for w in self.watch)
        if nbytes <= SMALL:
            return ""
        if self.watch and not watched:
            return f"only {', '.join(self.watch)} is watched"
        if self.kept + nbytes > self.budget:
            return (
                f"it takes {nbytes / 2**20:.1f} MiB, and {self.kept / 2**20:.0f} of "
                f"{self.budget / 2**20:.0f} MiB are used; watch= a layer, or raise budget="
            )
        return ""

    def _input(self, operation, i, tensor, output, layer):
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
        batched = not parameter and self._carries_batch(operation, i, tensor, output)
        if name is None:
            data = batched or gets_an_axis(operation, tensor, output)
            name = "input" if data else "a leaf" if tensor.requires_grad else "a constant"
            self._named[name] += 1
            name += f" ({self._named[name]})" if self._named[name] > 1 else ""
        value = self.add(tensor.array, name, batched, layer, parameter)
        self._keep_whole(tensor, value)
        self._leaves[id(tensor)] = weakref.ref(tensor), value
        if not tensor.requires_grad:
            self.fixed.add(value.number)
        return self._remember(tensor.array, tensor._version.changes, value)

    def _keep_whole(self, tensor, value):
        """A leaf with all samples, which the run can be repeated from."""
        array = value.array
        if array is None or array.shape != tensor.shape:
            nbytes = tensor.array.nbytes
            if nbytes > SMALL and self.kept + nbytes > self.budget:
                self.unseen = f"{value.name} did not fit into the budget; raise budget="
                return
            self._count(nbytes)
            array = tensor.array.copy()
        self.whole[value.number] = array

    def name_of(self, leaf):
        """What a leaf is called: its name in the model, or what the trace has called it."""
        reference, value = self._leaves.get(id(leaf), (None, None))
        known = value.name if reference is not None and reference() is leaf else "a leaf"
        return self._names.get(id(leaf), known)

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

    def _carries_batch(self, operation, i, tensor, output):
        """Whether the first axis of a leaf is the batch: so it is for the data that comes in."""
        if not leaf_carries_batch(operation, i, tensor, output):
            return False
        if self.batch is None:
            self.run.batch = len(tensor.array)
            if self.sample is not None and self.sample >= self.batch:
                raise ArgumentError(
                    f"trace: sample={self.sample}, but the batch has {self.batch} samples "
                    f"(0 to {self.batch - 1})"
                )
        return len(tensor.array) == self.batch

    def _output_name(self, operation, layer, module):
        """Such as ``conv1 (output)``; numbered where a layer gives several, or is used again."""
        of = layer
        alone = module is not None and not any(True for _ in module.children())
        other = operation_called(type(module).__name__) and type(module).__name__ != operation.name
        if not layer or not alone or other:
            of = f"{layer} · {operation.name}" if layer else operation.name
        self._named[of] += 1
        return f"{of} (output{f' {self._named[of]}' if self._named[of] > 1 else ''})"

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
        first = outputs[0].array
        step.inputs = tuple(
            self._input(operation, i, t, first, layer) for i, t in enumerate(inputs)
        )
        outputs_ = []
        kept = {id(array): name for name, array in arrays_of(operation).items()}
        for i, t in enumerate(outputs):
            batched = output_is_batched(operation, step.inputs, t.array, self.batch)
            if i and id(t.array) in kept:  # such as the argmax of a max pooling
                name = f"{kept[id(t.array)]} of {layer or operation.name}"
            else:
                name = self._output_name(operation, layer, module)
            value = self.add(t.array, name, batched, layer)
            outputs_.append(self._remember(t.array, t._version.changes, value))
        step.outputs = tuple(outputs_)
        tensors, values = (*inputs, *outputs), (*step.inputs, *step.outputs)
        known = {id(t.array): v for t, v in zip(tensors, values, strict=True)}
        for name, array in arrays_of(operation).items():
            if id(array) not in known:
                batched = saved_is_batched(operation, name, array, step.inputs, self.batch)
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
        self._arrived.clear()  # what an earlier one left when it failed
        value = self._known(loss.array, loss._version.changes)
        pair = None if loss.grad_fn is None else self._of_node.get(loss.grad_fn.number)
        self._begin(pair, value, delta)
        self._begun = loss.grad_fn.number

    def _begin(self, pair, value, delta):
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
        name = "∂L/∂L" if not delta.ndim else "δ that was sent in"
        step.deltas = (self._remember(delta, 0, self.add(delta, name, False)),)
        self._append(step)

    def _begin_unannounced(self, node, deltas, forward):
        """A ``loss.backward()`` in the trace: δ comes in where nothing has sent one."""
        places = [i for i, d in enumerate(deltas) if d is not None]
        if node.number == self._begun or any(_key((node, i)) in self._arrived for i in places):
            return
        if places and forward is not None:
            self._begin(forward, forward.outputs[places[0]], deltas[places[0]])

    def backward(self, node, deltas, gradients):
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
        if delta is None:  # an output that nobody used
            return None
        name = f"δ of {layer or node.operation.name}"
        hooked = any(place == i for place, _ in node.hooks or ())
        return self._sum(_key((node, i)), delta, name, batched, layer, hooked)

    def _sum(self, key, total, name, batched, layer, hooked):
        arrived = self._arrived.pop(key, [])
        known = None if hooked else self._known(total)
        if known is not None and known.batched != batched:
            known = None  # it comes from a step that was not recorded, which cannot know
        running = before = None
        for result, array in arrived:
            result.to = len(self.steps)
            if before is None:
                running, result.after = array, result.contribution
            else:
                result.before, running = before, running + array
                if known is None and result is arrived[-1][0] and _equal(running, total):
                    known = self._remember(total, 0, self.add(total, name, batched, layer))
                is_last = result is arrived[-1][0] and known is not None
                result.after = known if is_last else self.add(running, name, batched, layer)
            before = result.after
        if known is None and before is not None and _equal(running, total):
            # The hook has changed nothing; or it has done so in place, in the very array.
            same = before.batched == batched and before.statistics == statistics(total)
            known = before if same else None
        if known is None:
            name += ", changed by a hook" if hooked and arrived else ""
            known = self._remember(total, 0, self.add(total, name, batched, layer))
        if arrived and not hooked:
            arrived[-1][0].after = known
        return known

    def accumulate(self, leaf, delta):
        name = self.name_of(leaf)
        seen = self._known(leaf.array, leaf._version.changes)
        layer = name.rpartition(".")[0]
        batched = seen is not None and seen.batched
        total = self._sum(_key((leaf, 0)), delta, f"∂L/∂{name}", batched, layer, leaf._hooks)
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
            name = self.name_of(p)
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


def _equal(a, b):
    return a is b or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _key(edge):
    source, i = edge
    return (source.number, i) if hasattr(source, "edges") else (id(source), "leaf")


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
