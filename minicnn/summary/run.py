"""`summary`: one forward pass, watched."""

import weakref
from collections import Counter
from contextlib import contextmanager

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, one_of
from minicnn.dtypes import float32, is_floating
from minicnn.graph import Node
from minicnn.modes import enable_grad, record
from minicnn.nn.module import Module
from minicnn.random import default_generator
from minicnn.summary.cost import multiplications
from minicnn.summary.field import Field
from minicnn.summary.rows import as_summary
from minicnn.summary.rules import fields_after
from minicnn.tensor import Tensor


def summary(model, input_size, depth=None, order="definition"):
    """What each layer of `model` gives, costs, and sees.

    The model runs once, in ``eval()`` mode, on an input of zeros of its parameters' dtype: that
    takes as long as one forward pass, seconds for large networks on large images, and as much
    memory as one without gradients. Afterwards everything is as before: training flags, buffers,
    hooks, gradients, the stream of random numbers.

    minicnn's own; it counts by the equations ``parameter-count``, ``conv-cost`` and
    ``receptive-field``.

    Args:
        model: a `Module`.
        input_size: the shape of the input with its batch dimension, such as ``(1, 3, 224, 224)``;
            or a tensor; or a sequence of these, for several inputs.
        depth: rows only for modules down to this depth, 1 being those directly in the model; what
            lies deeper is counted where it is. Default: all.
        order: of the modules in one module: ``"definition"`` (as its repr shows them) or ``"run"``.

    Returns:
        A `Summary`. It prints as a table (in colour with rich, as HTML in notebooks); ``rows`` are
        the same as data, one for each module, and ``to_dict()`` and ``to_json()`` give all of it.
        Receptive fields are followed through every operation, branches, shortcuts and functions
        included, on tensors of the shape (N, C, …); not through what only decides, as no gradient
        is: comparisons, and the places of maxima.

    Raises:
        DtypeError: `model` is no module, `input_size` no shape. ArgumentError: a size below 1, a
        negative `depth`, an unknown `order`. Whatever the model raises, with a note where.

    >>> import minicnn as mc
    >>> found = mc.summary(mc.models.lenet5(), (1, 1, 28, 28))
    >>> found.total.parameters, found.total.multiplications
    (61706, 416520)
    >>> row = found["pool2"]
    >>> row.output_shape, row.receptive_field.size
    ((1, 16, 5, 5), (16, 16))
    """
    if not isinstance(model, Module):
        raise DtypeError(f"summary: model must be a Module, got {type(model).__name__}")
    if depth is not None and (isinstance(depth, bool) or not hasattr(depth, "__index__")):
        raise DtypeError(f"summary: depth must be an integer or None, got {depth!r}")
    if depth is not None and depth < 0:
        raise ArgumentError(f"summary: depth must be at least 0, got {depth}")
    one_of("summary", "order", order, ("definition", "run"))
    arrays = _inputs(model, input_size)
    watch = _Watch(model)
    with _left_as_it_was(model), enable_grad():
        watch.run(model, arrays)
    return as_summary(model, arrays, watch, depth, order)


# ---------------------------------------------------------------------------------- the input


def _inputs(model, given):
    """The arrays that the model runs on."""
    floating = [p.dtype for p in model.parameters() if is_floating(p.dtype)]
    dtype = floating[0] if floating else float32
    several = (
        isinstance(given, (tuple, list))
        and len(given) > 0
        and all(isinstance(g, (tuple, list, Tensor)) for g in given)
    )
    return [_input(g, dtype) for g in (given if several else [given])]


def _input(given, dtype):
    if isinstance(given, Tensor):
        return given.array
    if not isinstance(given, (tuple, list)) or not all(
        hasattr(n, "__index__") and not isinstance(n, bool) for n in given
    ):
        raise DtypeError(
            "summary: input_size must be a shape such as (1, 3, 224, 224), a tensor, or a sequence "
            f"of these; got {given!r}"
        )
    shape = tuple(n.__index__() for n in given)
    if not shape or min(shape) < 1:
        raise ArgumentError(f"summary: the sizes in input_size must be at least 1, got {shape}")
    return np.zeros(shape, dtype)


@contextmanager
def _left_as_it_was(model):
    """Whatever runs inside: training flags, buffers and the random stream are put back."""
    flags = [(module, module.training) for module in model.modules()]
    buffers = [
        (module._buffers, name, t, None if t is None else (t.array, t.array.copy()))
        for module in model.modules()
        for name, t in module._buffers.items()
    ]
    state = default_generator.get_state()
    try:
        model.eval()
        yield
    finally:
        for module, training in flags:
            module.training = training
        for home, name, t, arrays in buffers:
            home[name] = t
            if arrays is not None:
                t.array, before = arrays
                if t.array.tobytes() != before.tobytes():
                    t.array[...] = before
        default_generator.set_state(state)


# ---------------------------------------------------------------------------------- watching


class _Living:
    """Something about objects, for as long as they live: a dictionary by identity."""

    def __init__(self):
        self._entries = {}

    def __setitem__(self, thing, value):
        key = id(thing)
        self._entries[key] = (weakref.ref(thing, lambda _: self._entries.pop(key, None)), value)

    def get(self, thing):
        reference, value = self._entries.get(id(thing), (lambda: None, None))
        return value if reference() is thing else None


class _Call:
    """What is known of a module's calls so far."""

    def __init__(self):
        self.calls, self.first = 0, None
        self.outputs, self.field = (), None


class _Watch:
    """A `Recorder` that counts what operations do, and for which module.

    The graph is recorded for the sake of fields, since it knows what changes in place did; but no
    node keeps what it saved, so that no more memory is in use than without gradients.
    """

    def __init__(self, model):
        self.paths = {module: path for path, module in model.named_modules()}
        self.calls = {module: _Call() for module in self.paths}
        self.own = {module: Counter() for module in self.paths}
        self.running = []
        self.finished, self.failed = False, None
        self.fields = _Living()  # of nodes; of tensors that have none
        self.seen = _Living()  # arrays that are counted already, and those that are not to be
        self.kept = _Living()  # the same, for what backward keeps
        self.oldest = None

    def run(self, model, arrays):
        held = [*model.parameters(), *model.buffers()]
        for array in [*(t.array for t in held), *arrays]:
            self.seen[_memory(array)] = self.kept[_memory(array)] = True
        handles = []
        try:
            for module in self.paths:
                handles.append(module.register_forward_pre_hook(self.entered))
                handles.append(module.register_forward_hook(self.returned))
                handles.append(module.register_forward_hook(self.ended, always_call=True))
            inputs = [self.as_input(array) for array in arrays]
            with record(self):
                model(*inputs)
        except Exception as error:
            if self.failed:
                error.add_note(f"in {self.paths[self.failed]}, a {type(self.failed).__name__}")
            raise
        finally:
            for handle in handles:
                handle.remove()

    def as_input(self, array):
        """A tensor that the graph starts from, and that may be changed in place."""
        if not is_floating(array.dtype):
            return Tensor(array.copy())
        x = Tensor(array, requires_grad=True).clone()
        if self.oldest is None:
            self.oldest = x.grad_fn.number
        self.seen[x.array] = self.kept[x.array] = True
        self.fields[x.grad_fn] = (Field.of_images(x.shape),)
        return x

    # ------------------------------------------------------------------ modules

    def entered(self, module, inputs):
        call = self.calls[module]
        if call.first is None:
            call.first = sum(c.first is not None for c in self.calls.values())
        self.running.append(module)
        self.failed = None  # if one did, somebody went on in spite of it

    def returned(self, module, inputs, output):
        call = self.calls[module]
        tensors = list(_tensors(output))
        call.calls += 1
        call.outputs = tuple(t.shape for t in tensors)
        fields = [f for f in map(self.field_of, tensors) if f is not None]
        call.field = max(fields, key=lambda f: f.size(), default=None)
        self.finished = True

    def ended(self, module, inputs, output):
        """After `returned`, and after an error in its place."""
        if not self.finished and self.failed is None and self.paths[module]:
            self.failed = module  # the innermost one is the first to know
        self.finished = False
        self.running.pop()

    # ------------------------------------------------------------------ operations

    def forward(self, node, operation, inputs, outputs):
        before, after = [t.shape for t in inputs], [t.shape for t in outputs]
        fields = fields_after(operation, [self.field_of(t) for t in inputs], before, after)
        if node is not None:
            self.fields[node] = fields
        for output, field in zip(outputs, fields, strict=True):
            if output._edge() is None:
                self.fields[output] = (field,)
        own = self.own.get(self.running[-1]) if self.running else None
        if own is not None:
            own["multiplications"] += multiplications(operation, before, after)
            own["activation_bytes"] += 0 if operation.views else self.made(outputs)
            own["saved_bytes"] += self.saved(operation)
        if node is not None:
            # While its output lives, a node holds neither what it saved nor those before it.
            operation.free()
            node.edges = (None,) * len(node.edges)

    def made(self, outputs):
        new = 0
        for t in outputs:
            if is_floating(t.dtype) and self.seen.get(_memory(t.array)) is None:
                self.seen[_memory(t.array)] = True
                new += t.array.nbytes
        return new

    def saved(self, operation):
        """The bytes of the arrays that `operation` holds and that no other held before it."""
        values = list(vars(operation).values())
        context = getattr(operation, "context", None)
        values += [t.array for t in getattr(context, "saved", ()) if t is not None]
        new = 0
        for value in values:
            if isinstance(value, np.ndarray) and self.kept.get(_memory(value)) is None:
                self.kept[_memory(value)] = True
                new += _memory(value).nbytes
        return new

    def backward(self, node, deltas, gradients):
        pass

    def accumulate(self, leaf, delta):
        pass

    # ------------------------------------------------------------------ fields

    def field_of(self, tensor):
        edge = tensor._edge()
        if edge is not None and isinstance(edge[0], Node):
            return self._field_at(edge)
        return (self.fields.get(tensor) or (None,))[0]

    def _field_at(self, edge):
        """The field at an output of a node, also of one that a change in place has put there."""
        if edge is None or not isinstance(edge[0], Node):
            return None
        node, i = edge
        known = self.fields.get(node)
        if known is None:
            if self.oldest is None or node.number < self.oldest:
                return None  # from before this run
            operation = node.operation
            known = fields_after(
                operation,
                [self._field_at(e) for e in node.edges],
                [shape for shape, _ in operation.inputs],
                [shape for shape, _ in node.outputs],
            )
            self.fields[node] = known
        return known[i]


def _memory(array):
    """The array that owns the memory that `array` looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _tensors(value):
    """All tensors in what a module returned."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from _tensors(v)
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _tensors(v)
