"""The graph, and the walk through it that is backpropagation.

While a forward pass runs, every operation on a tensor that wants a gradient leaves a `Node`. A node
has one *edge* for each input, which says where that input came from: another node, or a leaf (a
tensor that the user made, such as a weight). `backward` visits the nodes from the loss to the
leaves and hands δ = ∂L/∂output to each operation, which answers with ∂L/∂input for its edges.

Edges point from outputs to inputs only, so a graph holds no cycle and disappears, without the
garbage collector, together with the tensor it ends in.
"""

import itertools
from contextvars import ContextVar
from operator import attrgetter

import numpy as np

from minicnn.arrays import array_module, as_array
from minicnn.checks import ArgumentError, DtypeError, GraphError, ShapeError, sequence
from minicnn.device import made, one_device
from minicnn.gpu import beside, copied
from minicnn.modes import mode

_created = itertools.count()

_afterwards = ContextVar("minicnn_after_backward", default=None)


class Version:
    """Counts the changes in place of one memory; all tensors that look at it share the counter."""

    changes = 0  # of the values
    rewritten = 0  # of the graph behind them


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

    def keep_retained(self, deltas):
        """Store the gradients of those outputs that were asked to keep theirs."""
        for i, reference in (self.retained or {}).items():
            tensor = reference()
            if tensor is not None and deltas[i] is not None:
                tensor._accumulate(deltas[i], False)

    def materialize(self, deltas):
        """Zeros for the δ of outputs that nobody used, unless the operation prefers None."""
        if not self.operation.materializes:
            return deltas
        # Where the others are: at least one has arrived.
        xp = array_module(next(d for d in deltas if d is not None))
        return [
            xp.zeros(*self.outputs[i]) if delta is None else delta for i, delta in enumerate(deltas)
        ]


def _plus(total, delta):
    """One more gradient for a sum: (array, whether it belongs to nobody else)."""
    array, own = total
    if type(delta) is not np.ndarray:
        with beside(delta):
            return as_array(array + delta), True
    if own and array.ndim:
        array += delta
        return total
    # asarray: the sum of 0-d arrays is a NumPy scalar.
    return np.asarray(array + delta), True


# -------------------------------------------------------------------------------- the walk


def _collect(roots):
    """All nodes that `roots` lead to, the newest first; {id(leaf): how many edges lead there}.

    Newest first is an order in which every node comes before the ones it got its inputs from: a
    result is always made after what it is made of. No recursion: a graph may be very deep.
    """
    found, leaves = set(), {}
    stack = [r for r in roots if type(r) is Node]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found.add(node)
        for edge in node.edges:
            if edge is None:
                continue
            source = edge[0]
            if type(source) is Node:
                stack.append(source)
            else:
                leaves[id(source)] = leaves.get(id(source), 0) + 1
    return sorted(found, key=_number, reverse=True), leaves


_number = attrgetter("number")


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


def after_backward(function):
    """Call ``function()`` when the backward pass that is under way has ended without an error.

    For hooks, which know of their own gradient only: the first that runs asks to be called when all
    gradients are there.
    """
    _afterwards.get().append(function)


def run_backward(roots, deltas, retain_graph=False, wanted=None, accumulate=False):
    """`walk`, and then what hooks have asked for by `after_backward`."""
    functions = []
    token = _afterwards.set(functions)
    try:
        # Infinity and NaN are results like others, as in PyTorch; NumPy would warn.
        with np.errstate(all="ignore"):
            result = walk(roots, deltas, retain_graph, wanted, accumulate)
    finally:
        _afterwards.reset(token)
    for function in functions:
        function()
    return result


def walk(roots, deltas, retain_graph, wanted, accumulate):
    """Backpropagation: send `deltas` into `roots` (edges), through the graph, to the leaves.

    With `wanted` (edges) the walk takes only paths that lead to them, and the sums of the gradients
    that arrive there are returned, None where none did. With `accumulate`, or without `wanted`,
    nothing is returned: the sums are added to the ``.grad`` of the leaves that are reached.
    """
    accumulate = accumulate or wanted is None
    recorder = mode().recorder
    # A leaf's gradient is complete when as many have arrived as edges lead there.
    nodes, pending = _collect([source for source, _ in roots])
    active = None if wanted is None else _leading_to(nodes, wanted)
    asked = {} if wanted is None else {(id(source), i): None for source, i in wanted}
    # (id(source), output number) → (the sum of the gradients so far, whether it is ours alone)
    arrived = {}

    def send(edge, delta, fresh):
        source, i = edge
        key = id(source), i
        if active is not None and source not in active and key not in asked:
            return  # it leads to none of the wanted edges
        before = arrived.get(key)
        arrived[key] = (delta, fresh) if before is None else _plus(before, delta)

    def leaf_complete(leaf):
        total = arrived.pop((id(leaf), 0), None)
        if total is None:
            return
        array, own = total[0], total[1] and recorder is None
        for hook in tuple(leaf._hooks or ()):
            array, own = hook(array), False
        if accumulate:
            if recorder is not None:
                recorder.accumulate(leaf, array)
            leaf._accumulate(array, own)
            for hook in tuple(leaf._hooks_afterwards or ()):
                hook(leaf)
        else:  # a wanted one: to others nothing is sent
            asked[id(leaf), 0] = array

    def received_by(node):
        """The node's δ, one for each output, None where none arrived; None if there are none."""
        key, deltas, some = id(node), [], False
        for i in range(len(node.outputs)):
            total = arrived.pop((key, i), None)
            some = some or total is not None
            deltas.append(total and total[0])
        if not some:
            return None
        if node.hooks:
            for i, hook in tuple(node.hooks):
                if deltas[i] is not None:
                    deltas[i] = hook(deltas[i])
        if node.retained:
            node.keep_retained(deltas)
        if asked:
            for i, delta in enumerate(deltas):
                if delta is not None and (key, i) in asked:
                    asked[key, i] = delta
        return deltas

    for k, edge in enumerate(roots):
        send(edge, deltas[k], False)
    for source, _ in roots:
        if type(source) is not Node and not pending.get(id(source)):
            leaf_complete(source)

    for node in nodes:
        deltas, gradients = received_by(node), None
        # A node whose own gradient was the goal is not run: it can be walked through later.
        runs = deltas is not None and (active is None or node in active)
        if runs:
            if node.versions:
                node.check_versions()
            if len(deltas) > 1:
                deltas = node.materialize(deltas)
            gradients = node.operation.gradients(*deltas)
            if recorder is not None:
                recorder.backward(node, tuple(deltas), gradients)
        # A recorder keeps what it was shown: nobody may add into it.
        fresh = node.operation.fresh and recorder is None
        for k, edge in enumerate(node.edges):
            if edge is None:
                continue
            if gradients is not None and gradients[k] is not None:
                send(edge, gradients[k], fresh)
            source = edge[0]
            if type(source) is not Node:
                pending[id(source)] -= 1
                if not pending[id(source)]:
                    leaf_complete(source)
        if runs and not retain_graph:
            node.operation.free()
    return None if accumulate else [asked[id(source), i] for source, i in wanted]


def tensors_in(operation, argument, value):
    """The tensors (or None) in `value`, which is one or a sequence of them, as a tuple."""
    single = value is None or hasattr(value, "_edge")
    values = (value,) if single else tuple(sequence(operation, argument, value))
    for v in values:
        if v is not None and not hasattr(v, "_edge"):
            raise DtypeError(f"{operation}: {argument} must be tensors, got {type(v).__name__}")
    return values


def backward_to(tensors, gradients, retain_graph, create_graph, inputs):
    """What ``backward`` does, the method and the function: gradients into leaves, or `inputs`."""
    first_order_only("backward", create_graph)
    roots, deltas = starting_points("backward", tensors, gradients)
    if inputs is None:
        run_backward(roots, deltas, bool(retain_graph))
        return
    inputs = tensors_in("backward", "inputs", inputs)
    wanted = edges_of("backward", inputs)
    for t in inputs:
        if not t.is_leaf:
            t.retain_grad()
    run_backward(roots, deltas, bool(retain_graph), wanted, accumulate=True)


def edges_of(operation, inputs):
    """The edges of the tensors that gradients are asked for."""
    if not inputs:
        raise ArgumentError(
            f"{operation}: inputs is empty; name the tensors whose gradients are wanted"
        )
    edges = []
    for i, t in enumerate(inputs):
        edges.append(None if t is None else t._edge())
        if edges[-1] is None:
            raise GraphError(f"{operation}: input {i} does not require grad")
    return edges


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
            delta = made("backward", lambda xp, t=t: xp.ones(t.shape, t.dtype), t.device)
        elif tuple(g.shape) != tuple(t.shape):
            raise ShapeError(
                f"{operation}: the gradient has shape {tuple(g.shape)}, the tensor "
                f"{tuple(t.shape)}; they must be equal"
            )
        else:
            one_device(f"{operation}: the tensor and its gradient", (t.array, g.array))
            delta = g.array if g.dtype == t.dtype else copied(g.array, t.dtype)
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
