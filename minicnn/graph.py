"""The graph, and the walk through it that is backpropagation.

While a forward pass runs, every operation on a tensor that wants a gradient leaves a `Node`. A node
has one *edge* for each input, which says where that input came from: another node, or a leaf (a
tensor that the user made, such as a weight). `backward` visits the nodes from the loss to the
leaves and hands δ = ∂L/∂output to each operation, which answers with ∂L/∂input for its edges.

Edges point from outputs to inputs only, so a graph holds no cycle and disappears, without the
garbage collector, together with the tensor it ends in.
"""

import functools
import inspect
import itertools
import threading
from contextvars import ContextVar
from typing import NamedTuple, Protocol

import numpy as np

from minicnn.checks import ArgumentError, GraphError, ShapeError

# ---------------------------------------------------------------------------- ambient state


class Recorder(Protocol):
    """What a tracer implements to watch a run. Without one, each node costs an ``is None``."""

    def forward(self, node, operation, inputs, outputs):
        """`operation` ran on arrays; `node` is None when no gradient is wanted."""

    def backward(self, node, deltas, gradients):
        """`node` received `deltas`, one for each output, and answered with `gradients`."""

    def accumulate(self, leaf, delta):
        """`delta` is about to be added to ``leaf.grad``."""


class _Mode(NamedTuple):
    """What holds for a stretch of code: is a graph built, and who watches."""

    grad: bool
    recorder: Recorder | None


_BUILDING = _Mode(grad=True, recorder=None)
_mode = ContextVar("minicnn_mode", default=_BUILDING)


def mode():
    return _mode.get()


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

    def __new__(cls, function=None):
        switch = super().__new__(cls)
        if function is None:
            return switch
        switch.__init__()
        return switch(function)

    def __init__(self, function=None):
        super().__init__()


class no_grad(_GradSwitch):
    """Inside ``with no_grad():`` no graph is built; results have ``requires_grad=False``.

    As a decorator, ``@no_grad()``, it holds for a whole function.

    >>> import minicnn as mc
    >>> w = mc.ones(2, requires_grad=True)
    >>> with mc.no_grad():
    ...     (w * 2).requires_grad
    False
    """

    def change(self, now):
        return _Mode(False, now.recorder)


class enable_grad(_GradSwitch):
    """The opposite of `no_grad`, inside it."""

    def change(self, now):
        return _Mode(True, now.recorder)


class record(_ModeSwitch):
    """Inside ``with record(recorder):`` the `Recorder` sees every operation of this thread."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def change(self, now):
        return _Mode(now.grad, self.recorder)


def is_grad_enabled():
    """Whether operations build a graph here."""
    return _mode.get().grad


# ------------------------------------------------------------------------------- the graph

_created = itertools.count()


class Version:
    """Counts the changes in place of one memory; all tensors that look at it share the counter."""

    __slots__ = ("changes", "rewritten")

    def __init__(self):
        self.changes = 0  # of the values
        self.rewritten = 0  # of the graph behind them


class Node:
    """One operation that ran, and where its inputs came from.

    Attributes:
        operation: the `minicnn.ops.Operation`, holding what it saved.
        edges: for each input a pair (source, output number), or None if it wants no gradient. The
            source is a `Node`, or the leaf tensor itself (with number 0).
        number: nodes are numbered as they are made, so every edge leads to a smaller number.
    """

    __slots__ = (
        "__weakref__",
        "edges",
        "hooks",
        "number",
        "operation",
        "outputs",
        "retained",
        "versions",
    )

    def __init__(self, operation, edges, outputs=(), versions=()):
        self.number = next(_created)
        self.operation = operation
        self.edges = edges
        self.outputs = outputs  # (shape, dtype) of each
        self.versions = versions  # (name, Version, changes when it was saved)
        self.hooks = None  # pairs (output number, function array → array)
        self.retained = None  # {output number: weak reference to a tensor that keeps its gradient}

    def name(self):
        """The operation's name with "Backward", as PyTorch names its nodes."""
        return f"{self.operation.name}Backward"

    @property
    def next_functions(self):
        return tuple(e if e is None else e[0] for e in self.edges)

    def __repr__(self):
        return f"<{self.name()}>"

    def check_versions(self):
        for name, version, changes in self.versions:
            if version.changes != changes:
                raise GraphError(
                    f"{self.operation.name}: the tensor saved as {name!r} for backward was changed "
                    f"in place afterwards (its version is {version.changes}, it was {changes} when "
                    "saved), so its gradient would be wrong. Replace the in-place change (+=, "
                    "x[i] = v, a method ending in _) by one that makes a new tensor, or work on "
                    "x.clone()"
                )

    def keep_retained(self, arrays):
        """Store the gradients of those outputs that were asked to keep theirs."""
        for i, reference in (self.retained or {}).items():
            tensor = reference()
            if tensor is not None and i in arrays:
                tensor._accumulate(arrays[i], False)

    def deltas(self, received):
        """The node's δ for each output; an output that nobody used receives zeros."""
        for i, (shape, dtype) in enumerate(self.outputs):
            delta = received.get(i)
            yield np.zeros(shape, dtype) if delta is None else delta


class _Sum:
    """The gradients that arrive at one place, added up."""

    __slots__ = ("array", "own")

    def __init__(self):
        self.array, self.own = None, False

    def add(self, delta, fresh):
        if self.array is None:
            self.array, self.own = delta, fresh
        elif self.own and self.array.ndim:
            self.array += delta
        else:
            # asarray: the sum of 0-d arrays is a NumPy scalar.
            self.array, self.own = np.asarray(self.array + delta), True


# -------------------------------------------------------------------------------- the walk


def _collect(roots):
    """All nodes that `roots` lead to, the newest first.

    Newest first is an order in which every node comes before the ones it got its inputs from: a
    result is always made after what it is made of. No recursion: a graph may be very deep.
    """
    found, stack = set(), [r for r in roots if isinstance(r, Node)]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(e[0] for e in node.edges if e is not None and isinstance(e[0], Node))
    return sorted(found, key=lambda node: node.number, reverse=True)


def _leading_to(nodes, targets):
    """The nodes among `nodes` from which a path leads to one of `targets` (edges)."""
    keys = {(id(source), i) for source, i in targets}
    leading = set()
    for node in reversed(nodes):
        for edge in node.edges:
            if edge is not None and ((id(edge[0]), edge[1]) in keys or edge[0] in leading):
                leading.add(node)
                break
    return leading


def run_backward(roots, deltas, retain_graph=False, wanted=None):
    """Backpropagation: send `deltas` into `roots` (edges), through the graph, to the leaves.

    With `wanted` (edges) nothing is accumulated into leaves; the sums of the gradients that arrive
    at those edges are returned, None where none did.
    """
    recorder = _mode.get().recorder
    nodes = _collect([source for source, _ in roots])
    active = None if wanted is None else _leading_to(nodes, wanted)
    asked = {} if wanted is None else {(id(source), i): None for source, i in wanted}

    # How many gradients each leaf will receive: it is complete with the last of them.
    pending = {}
    for node in nodes:
        for edge in node.edges:
            if edge is not None and not isinstance(edge[0], Node):
                pending[id(edge[0])] = pending.get(id(edge[0]), 0) + 1

    received = {}  # node → {output number: _Sum}
    at_leaf = {}  # id(leaf) → _Sum

    def leaf_complete(leaf):
        total = at_leaf.pop(id(leaf), None)
        if total is None:
            return
        array, own = total.array, total.own and recorder is None
        for hook in tuple(leaf._hooks or ()):
            array, own = hook(array), False
        if wanted is None:
            if recorder is not None:
                recorder.accumulate(leaf, array)
            leaf._accumulate(array, own)
        elif (id(leaf), 0) in asked:
            asked[id(leaf), 0] = array

    def send(edge, delta, fresh):
        source, i = edge
        if active is not None and source not in active and (id(source), i) not in asked:
            return  # it leads to none of the wanted edges
        if isinstance(source, Node):
            received.setdefault(source, {}).setdefault(i, _Sum()).add(delta, fresh)
        else:
            at_leaf.setdefault(id(source), _Sum()).add(delta, fresh)

    for edge, delta in zip(roots, deltas, strict=True):
        send(edge, delta, False)
    for source, _ in roots:
        if not isinstance(source, Node) and not pending.get(id(source)):
            leaf_complete(source)

    for node in nodes:
        sums = received.pop(node, None)
        gradients = ()
        if sums is not None:
            arrays = {i: s.array for i, s in sums.items()}
            for i, hook in tuple(node.hooks or ()):
                if i in arrays:
                    arrays[i] = hook(arrays[i])
            if wanted is None:
                node.keep_retained(arrays)
            for i, array in arrays.items():
                if (id(node), i) in asked:
                    asked[id(node), i] = array
            if active is None or node in active:
                node.check_versions()
                node_deltas = tuple(node.deltas(arrays))
                gradients = node.operation.gradients(*node_deltas)
                if recorder is not None:
                    recorder.backward(node, node_deltas, gradients)
        # A recorder keeps what it was shown: nobody may add into it.
        fresh = node.operation.fresh and recorder is None
        for k, edge in enumerate(node.edges):
            if edge is None:
                continue
            if gradients and gradients[k] is not None:
                send(edge, gradients[k], fresh)
            if not isinstance(edge[0], Node):
                pending[id(edge[0])] -= 1
                if not pending[id(edge[0])]:
                    leaf_complete(edge[0])
        if sums is not None and not retain_graph:
            node.operation.free()
    return None if wanted is None else [asked[id(source), i] for source, i in wanted]


def starting_points(operation, tensors, gradients):
    """The edges to start from, and the δ for each."""
    roots, deltas = [], []
    if len(gradients) != len(tensors):
        raise ArgumentError(
            f"{operation}: {len(tensors)} tensors but {len(gradients)} gradients; give one for each"
        )
    for t, g in zip(tensors, gradients, strict=True):
        edge = t._edge()
        if edge is None:
            raise GraphError(
                f"{operation}: this tensor does not require grad and was not computed from one "
                "that does, so there is nothing to differentiate. Was it made under no_grad(), "
                "detached, or from tensors without requires_grad=True?"
            )
        if g is None:
            if t.numel() != 1:
                raise GraphError(
                    f"{operation}: grad can be implicitly created only for scalar outputs; this "
                    f"one has shape {tuple(t.shape)}. Reduce it (.sum(), .mean()) or pass "
                    "gradient= a tensor of its shape"
                )
            delta = np.ones(t.shape, t.dtype)
        elif tuple(g.shape) != tuple(t.shape):
            raise ShapeError(
                f"{operation}: the gradient has shape {tuple(g.shape)}, the tensor "
                f"{tuple(t.shape)}; they must be equal"
            )
        else:
            delta = g.array.astype(t.dtype, copy=False)
        roots.append(edge)
        deltas.append(delta)
    return roots, deltas


def first_order_only(operation, create_graph):
    """Refuse ``create_graph=True``."""
    if create_graph:
        raise ArgumentError(
            f"{operation}: create_graph=True is not supported: minicnn's backward works on arrays "
            "and builds no graph of its own, so gradients are first-order"
        )
