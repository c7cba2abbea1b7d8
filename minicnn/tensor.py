"""`Tensor`: an array, and its place in the graph."""

import weakref

import numpy as np

from minicnn import graph
from minicnn.arrays import as_array, is_writeable, on_host
from minicnn.checks import (
    ArgumentError,
    DtypeError,
    GraphError,
    IndexRangeError,
    ShapeError,
    dimension,
    flag,
)
from minicnn.device import CPU, device_of, is_array, one_device
from minicnn.dtypes import is_floating
from minicnn.gpu import beside, copied
from minicnn.graph import Node, Version
from minicnn.modes import mode


class Tensor:
    """A multi-dimensional array that remembers how it was computed.

    Made by `minicnn.tensor`, `minicnn.zeros` and the like, or by operations on other tensors.

    Attributes:
        array: the array that holds the values, NumPy's or, on a GPU, CuPy's. Changes made through
            it are not seen by the checks that protect gradients.
        grad: after ``backward()``, the sum of all gradients that reached this leaf; else None.
        shape, dtype, device, ndim: as in PyTorch; a dtype is NumPy's, a shape a tuple.

    Raises:
        DtypeError: not an array, or one of a dtype that minicnn does not have; gradients for
            integers.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> w.grad
    tensor([2., 4.])
    """

    # What a new tensor has until it is set. Most are made inside a network, and soon forgotten.
    _grad = None
    _requires_grad = False
    _source = None  # (node, output number), unless this is a leaf
    _base = None  # the tensor that this one is a view of
    _views = ()  # the (operation, output) pairs that lead from there to here
    _follows = 0  # the rewrite of the base's graph that _source belongs to
    _hooks = None
    _hooks_afterwards = None  # run once the gradient is in `grad`

    # NumPy leaves `array * tensor` to the tensor, instead of multiplying element by element.
    __array_priority__ = 1000

    def __init__(self, array, requires_grad=False):
        if not isinstance(array, np.ndarray) and not is_array(array):
            raise DtypeError(
                f"Tensor: expected a NumPy or CuPy array, got {type(array).__name__}; "
                "minicnn.tensor(data) makes a tensor from numbers, lists and arrays"
            )
        self.array = array
        self._version = Version()
        if requires_grad:
            self.requires_grad_()

    # ------------------------------------------------------------------ what it is

    @property
    def shape(self):
        """The sizes of all dimensions, a tuple of integers."""
        return self.array.shape

    @property
    def dtype(self):
        """The dtype of the elements."""
        return self.array.dtype

    @property
    def ndim(self):
        """The number of dimensions."""
        return self.array.ndim

    @property
    def device(self):
        """Where the memory is: `minicnn.device`."""
        return device_of(self.array)

    @property
    def is_cuda(self):
        """Whether it lives on a GPU."""
        return self.device != CPU

    def size(self, dim=None):
        """The shape, or the size of one dimension.

        Args:
            dim: the dimension; an integer, or None for all.

        Raises:
            IndexRangeError: there is no such dimension.
        """
        if dim is None:
            return self.shape
        if not self.ndim:
            raise IndexRangeError("size: a 0-d tensor has no dimensions")
        return self.shape[dimension("size", dim, self.ndim)]

    def dim(self):
        """The number of dimensions."""
        return self.array.ndim

    def numel(self):
        """The number of elements."""
        return self.array.size

    def __len__(self):
        if not self.ndim:
            raise DtypeError("len(): a 0-d tensor has no length")
        return self.shape[0]

    def is_floating_point(self):
        """Whether the elements are floating-point numbers, which alone can have gradients."""
        return is_floating(self.dtype)

    def is_contiguous(self):
        """Whether the memory is in row-major order."""
        return self.array.flags.c_contiguous

    # ------------------------------------------------------------------ its place in the graph

    def _edge(self):
        """Where a gradient for this tensor goes: (node, i), (self, 0) for a leaf, or None."""
        if self._base is not None and self._follows != self._version.rewritten:
            self._follow_base()
        if self._source is not None:
            return self._source
        return (self, 0) if self._requires_grad else None

    def _follow_base(self):
        """The memory this view looks at was rewritten: its history is now the base's, viewed."""
        self._follows = self._version.rewritten
        if self._views is None:
            return
        edge = self._base._edge()
        if edge is not None:
            for operation, output in self._views:
                edge = (Node(operation, (edge,), (output,)), 0)
            self._source = edge

    @property
    def requires_grad(self):
        """Whether gradients are wanted for this tensor, or for one that it was computed from."""
        return self._edge() is not None

    @requires_grad.setter
    def requires_grad(self, value):
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad=True):
        """Want gradients for this leaf, or no longer; returns the tensor itself.

        Args:
            requires_grad: True or False.

        Raises:
            DtypeError: gradients for integers.
            GraphError: gradients no longer wanted for what an operation computed.
        """
        flag("requires_grad_", "requires_grad", requires_grad)
        if requires_grad and not is_floating(self.dtype):
            raise DtypeError(
                f"requires_grad_: only floating-point tensors can require gradients, this one is "
                f"{self.dtype}; convert it first, for example with .float()"
            )
        if not requires_grad and not self.is_leaf:
            raise GraphError(
                "requires_grad_: only for leaves can it be switched off, and this tensor was "
                "computed; use .detach() for one without history"
            )
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self):
        """True for tensors that were not computed by an operation that the graph recorded."""
        self._edge()
        return self._source is None

    @property
    def grad_fn(self):
        """The node that computed this tensor; None for a leaf."""
        self._edge()
        return None if self._source is None else self._source[0]

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Add ∂(this tensor)/∂(leaf) to the ``.grad`` of every leaf it was computed from.

        Args:
            gradient: the upstream gradient δ, a tensor of this one's shape; may be omitted for a
                tensor of one element (a loss), where it is 1.
            retain_graph: keep what operations saved, so that backward can run again.
            create_graph: refused; gradients are first-order.
            inputs: a tensor or a sequence of them, leaves or computed, whose ``.grad`` is to
                receive gradients; all others are left alone.

        Raises:
            GraphError: nothing requires grad, the graph was freed by an earlier backward, or a
                saved tensor was changed in place; one of `inputs` does not require grad.
            ShapeError: `gradient` has another shape.

        >>> import minicnn as mc
        >>> x = mc.tensor([1.0, 2.0], requires_grad=True)
        >>> (3 * x).backward(mc.tensor([1.0, 10.0]))
        >>> x.grad
        tensor([ 3., 30.])
        """
        if gradient is not None and not isinstance(gradient, Tensor):
            raise DtypeError(f"backward: gradient must be a tensor, got {type(gradient).__name__}")
        graph.backward_to((self,), (gradient,), retain_graph, create_graph, inputs)

    @property
    def grad(self):
        """The sum of the gradients that reached this leaf, a tensor like it; or None."""
        return self._grad

    @grad.setter
    def grad(self, gradient):
        if gradient is not None:
            if not isinstance(gradient, Tensor):
                raise DtypeError(f"grad: expected a tensor or None, got {type(gradient).__name__}")
            if (gradient.shape, gradient.dtype) != (self.shape, self.dtype):
                raise ShapeError(
                    f"grad: a gradient has the shape and dtype of its tensor, {self.shape} "
                    f"{self.dtype}; got {gradient.shape} {gradient.dtype}"
                )
            one_device("grad", (self.array, gradient.array))
        self._grad = gradient

    def _accumulate(self, delta, own):
        if type(delta) is not np.ndarray:
            self._accumulate_elsewhere(delta)
        elif self._grad is None:
            # In row-major order, however δ lies in memory.
            own = own and delta.ndim and delta.flags.c_contiguous
            self._grad = Tensor(delta if own else delta.copy(order="C"))
        else:
            self._grad.array += delta
            self._grad._version.changes += 1

    def _accumulate_elsewhere(self, delta):
        with beside(delta):
            if self._grad is None:
                self._grad = Tensor(delta.copy(order="C"))
            else:
                self._grad.array += delta
                self._grad._version.changes += 1

    def register_hook(self, hook):
        """Call ``hook(gradient)`` whenever a gradient for this tensor has been computed.

        The hook may return a tensor that takes the gradient's place. Returns a handle; its
        ``remove()`` takes the hook away.

        Raises:
            GraphError: the tensor requires no gradients.
            DtypeError: `hook` cannot be called.
        """
        edge = self._edge()
        if edge is None:
            raise GraphError("register_hook: this tensor does not require grad")

        def on_array(array):
            changed = hook(Tensor(array))
            if changed is None:
                return array
            if not isinstance(changed, Tensor) or changed.shape != array.shape:
                raise ShapeError(
                    "register_hook: a hook must return None or a tensor of the gradient's shape "
                    f"{array.shape}; it returned {changed!r}"
                )
            if changed.dtype != array.dtype:
                raise DtypeError(
                    f"register_hook: the gradient is {array.dtype}, a hook returned {changed.dtype}"
                )
            return changed.array

        return self._add_hook(edge, on_array)

    def register_post_accumulate_grad_hook(self, hook):
        """Call ``hook(tensor)`` whenever a backward pass has added to this leaf's ``.grad``.

        Returns a handle; its ``remove()`` takes the hook away.

        Raises:
            GraphError: the tensor was computed, or does not require grad.

        >>> import minicnn as mc
        >>> w = mc.ones(2, requires_grad=True)
        >>> _ = w.register_post_accumulate_grad_hook(lambda t: print(t.grad))
        >>> (3 * w).sum().backward()
        tensor([3., 3.])
        """
        name = "register_post_accumulate_grad_hook"
        if not self.requires_grad:
            raise GraphError(f"{name}: this tensor does not require grad")
        if not self.is_leaf:
            raise GraphError(f"{name}: only leaves accumulate gradients, and this one was computed")
        self._hooks_afterwards = hooks = self._hooks_afterwards or _Hooks()
        hooks.append(hook)
        return HookHandle(hooks, hook)

    def _add_hook(self, edge, on_array):
        source, i = edge
        if source is self:
            self._hooks = hooks = self._hooks or _Hooks()
            entry = on_array
        else:
            source.hooks = hooks = source.hooks or _Hooks()
            entry = (i, on_array)
        hooks.append(entry)
        return HookHandle(hooks, entry)

    def retain_grad(self):
        """Have ``backward()`` keep the gradient of this computed tensor in ``.grad`` too."""
        edge = self._edge()
        if edge is None:
            raise GraphError("retain_grad: this tensor does not require grad")
        source, i = edge
        if source is not self:
            # Weakly: the node must not keep alive the tensor that it was made for.
            source.retained = {**(source.retained or {}), i: weakref.ref(self)}

    def detach(self):
        """A tensor on the same memory, without history."""
        result = Tensor(self.array)
        result._version = self._version
        return result

    @property
    def data(self):
        """As `detach`, and changes made through it go unnoticed by the graph, as in PyTorch."""
        return Tensor(self.array)

    @data.setter
    def data(self, other):
        if other.shape != self.shape and self._source is not None:
            raise ShapeError(f"data: shape {other.shape} cannot replace {self.shape}")
        self.array = other.array

    # ------------------------------------------------------------------ changes in place

    def _writable(self, name):
        if not is_writeable(self.array):
            raise ArgumentError(
                f"{name}: this tensor's memory is read-only (expanded, or made from a read-only "
                "array); change a copy: x.clone()"
            )

    # ------------------------------------------------------------------ Python's protocols

    def __hash__(self):
        return id(self)

    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise GraphError(
                "deepcopy: only leaves can be copied with their graph; use .detach().clone()"
            )
        result = type(self)(copied(self.array), requires_grad=self._requires_grad)
        if self.grad is not None:
            result.grad = Tensor(copied(self.grad.array))
        memo[id(self)] = result
        return result

    def __repr__(self):
        return self._text("tensor")

    def _text(self, name):
        prefix = f"{name}("
        values = np.array2string(
            on_host(self.array), separator=", ", prefix=prefix, precision=4, threshold=1000
        )
        if not self.numel():
            values = f"[], size={self.shape}" if self.ndim > 1 else "[]"
        notes = ""
        if self.device != CPU:
            notes += f", device={str(self.device)!r}"
        if self.dtype.name not in ("float32", "int64", "bool"):
            notes += f", dtype={self.dtype.name}"
        if self.grad_fn is not None:
            notes += f", grad_fn={self.grad_fn!r}"
        elif self._requires_grad:
            notes += ", requires_grad=True"
        return f"{prefix}{values}{notes})"


class _Hooks(list):
    """A list that a `HookHandle` can refer to weakly."""

    __slots__ = ("__weakref__",)


class HookHandle:
    """What `register_hook` returns; `remove()` takes the hook away."""

    def __init__(self, hooks, entry):
        self._hooks, self._entry = weakref.ref(hooks), entry

    def remove(self):
        hooks = self._hooks()
        if hooks is not None and self._entry in hooks:
            hooks.remove(self._entry)


def apply(operation, *inputs):
    """Run `operation` on tensors; where gradients are wanted, leave a node in the graph."""
    # Every operation of every step passes here: plain loops, which cost less than comprehensions.
    grad, recorder = mode()
    edges, needs, arrays = [], [], []
    for t in inputs:
        edge = t._edge() if grad else None
        edges.append(edge)
        needs.append(edge is not None)
        arrays.append(t.array)
    operation.needs = tuple(needs)
    result = operation.run(*arrays)
    several = type(result) is tuple
    outputs = []
    for array in result if several else (result,):
        # Arithmetic on 0-d arrays gives NumPy scalars.
        outputs.append(Tensor(array if type(array) is np.ndarray else as_array(array)))
    if operation.views:
        _link_view(operation, inputs[0], outputs[0], grad)
    node = None
    if True in needs:
        versions = []
        for name in operation.saves:
            array = getattr(operation, name)
            for t in (*inputs, *outputs):
                if t.array is array:
                    versions.append((name, t._version, t._version.changes))
                    break
        node = _attach_node(operation, edges, outputs, versions)
    if recorder is not None:
        recorder.forward(node, operation, inputs, outputs)
    return tuple(outputs) if several else outputs[0]


def _link_view(operation, source, view, followed):
    view._version = source._version
    view._follows = source._version.rewritten
    view._base = source if source._base is None else source._base
    if followed and source._views is not None:
        view._views = (*source._views, (operation, (view.shape, view.dtype)))
    else:
        view._views = None


def _attach_node(operation, edges, outputs, versions):
    node = Node(operation, edges, [], versions)
    for i, t in enumerate(outputs):
        array = t.array
        node.outputs.append((array.shape, array.dtype))
        if array.dtype.kind == "f":
            t._source = (node, i)
    return node


def attach(operation, inputs, outputs, saved, differentiable):
    """Make tensors that someone else computed the `outputs` of `operation` on `inputs`."""
    now = mode()
    edges = [t._edge() for t in inputs] if now.grad else [None] * len(inputs)
    operation.needs = tuple([e is not None for e in edges])
    node = None
    if any(operation.needs):
        versions = [
            (f"saved_tensors[{i}]", t._version, t._version.changes) for i, t in enumerate(saved)
        ]
        node = _attach_node(operation, edges, outputs, versions)
        for t, wanted in zip(outputs, differentiable, strict=True):
            if not wanted:
                t._source = None
    if now.recorder is not None:
        now.recorder.forward(node, operation, inputs, outputs)
