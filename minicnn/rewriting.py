"""Changes in place: the values of a tensor are overwritten, and the graph behind it with them.

The graph never changes what it holds. A tensor's place in it moves on: from the node that made the
old values to one that makes the new ones. Where the tensor is a view, the new values are a part of
its base, so it is the base that moves to a new node; all other views of that memory see from
``_version.rewritten`` that they have to look up their history anew (`Tensor._follow_base`).
"""

from minicnn.checks import GraphError, ShapeError
from minicnn.gpu import beside, copied
from minicnn.graph import Node
from minicnn.modes import mode
from minicnn.ops.shape import WriteThrough
from minicnn.tensor import Tensor, apply


def write(name, tensor, operation, *others):
    """Change the values of `tensor` to ``operation(tensor, *others)``; returns the tensor.

    `name` is what error messages begin with.
    """
    tensor._writable(name)
    tracked = mode().grad and (tensor.requires_grad or any(o.requires_grad for o in others))
    if tracked:
        refuse_protected(name, tensor)
    overwrites = operation.overwrites and mode().recorder is None
    # The operation may save its input: it is given a copy, which stays as it is. One that saves
    # nothing of it writes to the very memory (but a recorder wants to see what was there).
    before = Tensor(tensor.array if overwrites else copied(tensor.array))
    before._source = tensor._edge()
    if overwrites:
        operation.into = tensor.array
        before._version = tensor._version
        tensor._version.changes += 1
    result = apply(operation, before, *others)
    if overwrites:
        operation.into = None  # the operation is not to keep the memory when the graph is freed
        if tracked:
            move(tensor, result._source)
        return tensor
    if result.shape != tensor.shape:
        raise ShapeError(
            f"{name}: the result has shape {result.shape}, which does not fit into the tensor of "
            f"shape {tensor.shape} that it should be written to"
        )
    with beside(tensor.array):
        tensor.array[...] = result.array
    tensor._version.changes += 1
    if tracked:
        move(tensor, result._source)
    return tensor


def refuse_protected(name, tensor):
    """A `GraphError` where the graph could not follow a change of `tensor`."""
    own_leaf = tensor._source is None and tensor._requires_grad
    root = tensor if tensor._base is None else tensor._base
    if own_leaf or (root._source is None and root._requires_grad):
        what = "a leaf" if root is tensor or own_leaf else "a view of a leaf"
        raise GraphError(
            f"{name}: {what} that requires grad cannot be changed in place while the graph is "
            "recorded; do it under no_grad(), or compute a new tensor"
        )
    if tensor._views is None:
        raise GraphError(
            f"{name}: this view was made under no_grad(), so a change through it cannot be "
            "followed by the graph; make the view outside of no_grad()"
        )


def move(tensor, source):
    """The values now come from `source`; for a view, those of the whole base do in part."""
    before = tensor._source
    if tensor._base is None:
        tensor._source = source
        retained = (before[0].retained or {}) if before else {}
        if retained and retained.get(before[1], lambda: None)() is tensor:
            del retained[before[1]]
            tensor.retain_grad()
    else:
        base = tensor._base
        operation = WriteThrough([view for view, _ in tensor._views])
        operation.inputs = [(base.shape, base.dtype), (tensor.shape, tensor.dtype)]
        operation.gpu = tensor.device.index
        node = Node(operation, (base._edge(), source), ((base.shape, base.dtype),))
        base._source = (node, 0)
    tensor._version.rewritten += 1
    tensor._requires_grad = False
