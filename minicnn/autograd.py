"""Gradients on request, operations of the user's own, and the search for NaN.

The names are those of `torch.autograd`.
"""

import linecache
import os
import sys
from contextlib import ContextDecorator
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from minicnn.checks import DtypeError, GraphError
from minicnn.graph import (
    enable_grad,
    first_order_only,
    is_grad_enabled,
    mode,
    no_grad,
    record,
    run_backward,
    starting_points,
)
from minicnn.ops.base import Operation
from minicnn.tensor import Tensor, attach

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "is_grad_enabled",
    "no_grad",
    "record",
]


def _sequence(value, operation, argument):
    values = (value,) if isinstance(value, Tensor) or value is None else tuple(value)
    for v in values:
        if v is not None and not isinstance(v, Tensor):
            raise DtypeError(f"{operation}: {argument} must be tensors, got {type(v).__name__}")
    return values


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False):
    """Add ∂(tensors)/∂(leaf) to the ``.grad`` of every leaf, as ``torch.autograd.backward``.

    Args:
        tensors: a tensor or a sequence of them.
        grad_tensors: the upstream gradient δ of each, of its shape; may be omitted for tensors of
            one element, where it is 1.
        retain_graph: keep what operations saved, so that backward can run again.
        create_graph: refused; gradients are first-order.

    Raises:
        GraphError: nothing requires grad, a saved tensor was changed, or the graph was freed.
    """
    first_order_only("backward", create_graph)
    tensors = _sequence(tensors, "backward", "tensors")
    gradients = (
        (None,) * len(tensors)
        if grad_tensors is None
        else _sequence(grad_tensors, "backward", "grad_tensors")
    )
    roots, deltas = starting_points("backward", tensors, gradients)
    run_backward(roots, deltas, bool(retain_graph))


def grad(
    outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, allow_unused=False
):
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no ``.grad`` is touched.

    Args:
        outputs, inputs: a tensor or a sequence of them.
        grad_outputs: the upstream gradient of each output; 1 for outputs of one element.
        retain_graph: keep the graph for another walk.
        create_graph: refused; gradients are first-order.
        allow_unused: return None for an input that the outputs do not depend on; else it raises.

    >>> import minicnn as mc
    >>> x = mc.tensor([1.0, 2.0], requires_grad=True)
    >>> mc.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    first_order_only("grad", create_graph)
    outputs = _sequence(outputs, "grad", "outputs")
    inputs = _sequence(inputs, "grad", "inputs")
    gradients = (
        (None,) * len(outputs)
        if grad_outputs is None
        else _sequence(grad_outputs, "grad", "grad_outputs")
    )
    roots, deltas = starting_points("grad", outputs, gradients)
    wanted = [t._edge() for t in inputs]
    for i, edge in enumerate(wanted):
        if edge is None:
            raise GraphError(f"grad: input {i} does not require grad")
    found = run_backward(roots, deltas, bool(retain_graph), wanted)
    if not allow_unused and any(f is None for f in found):
        raise GraphError(
            "grad: the outputs do not depend on one of the inputs; pass allow_unused=True to "
            "receive None for it"
        )
    return tuple(f if f is None else Tensor(np.array(f)) for f in found)


# ------------------------------------------------------------------------ the search for NaN


class detect_anomaly(ContextDecorator):
    """Inside ``with detect_anomaly():`` a NaN that backward makes is an error.

    The error names the operation and the line of Python that ran its forward, so the forward has
    to run inside too. It costs time: for debugging.

    Args:
        check_nan: False only remembers the lines.

    Raises:
        GraphError: (in backward) an operation answered with a gradient that holds NaN.

    >>> import minicnn as mc
    >>> x = mc.tensor([0.0], requires_grad=True)
    >>> with mc.autograd.detect_anomaly():
    ...     y = mc.sqrt(x) * 0  # δ = 0 meets the slope of √x at 0, which is infinite
    ...     try:
    ...         y.backward()
    ...     except RuntimeError as error:
    ...         print(str(error)[:53])
    Sqrt: backward returned NaN in the gradient for input
    """

    def __init__(self, check_nan=True):
        self.check_nan = check_nan
        self._entered = []

    def _recreate_cm(self):
        return type(self)(self.check_nan)

    def __enter__(self):
        watching = record(_NanWatch(self.check_nan, mode().recorder))
        watching.__enter__()
        self._entered.append(watching)

    def __exit__(self, *error):
        self._entered.pop().__exit__(*error)


class _NanWatch:
    """The `Recorder` of `detect_anomaly`; a recorder that was there before goes on seeing all."""

    def __init__(self, check_nan, before):
        self.check_nan, self.before = check_nan, before
        # Weakly: to watch a graph is not to keep it.
        self.lines = WeakKeyDictionary()

    def forward(self, node, operation, inputs, outputs):
        if node is not None:
            self.lines[node] = _line_of_the_user()
        if self.before is not None:
            self.before.forward(node, operation, inputs, outputs)

    def backward(self, node, deltas, gradients):
        if self.before is not None:
            self.before.backward(node, deltas, gradients)
        if not self.check_nan:
            return
        for i, (edge, gradient) in enumerate(zip(node.edges, gradients, strict=True)):
            if edge is None or gradient is None or not (gradient != gradient).any():
                continue
            arrived = any((delta != delta).any() for delta in deltas)
            raise GraphError(
                f"{node.operation.name}: backward returned NaN in the gradient for input {i}"
                + (" (there was NaN in the δ it received already)" if arrived else "")
                + (
                    f". Its forward ran in {self.lines[node]}"
                    if node in self.lines
                    else ". Where its forward ran is not known: run it under detect_anomaly too"
                )
            )

    def accumulate(self, leaf, delta):
        if self.before is not None:
            self.before.accumulate(leaf, delta)


_PACKAGE = str(Path(__file__).parent) + os.sep


def _line_of_the_user():
    """``file, line n, in function: the line``, of the innermost code outside of minicnn."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line, frame.f_globals).strip()
    where = f"{file}, line {line}, in {frame.f_code.co_name}"
    return f"{where}: {text}" if text else where


# ------------------------------------------------------------- operations of the user's own


class FunctionContext:
    """What a `Function`'s forward and backward share; the ``ctx`` of both."""

    def __init__(self, needs_input_grad):
        self.needs_input_grad = needs_input_grad
        self.saved = ()
        self.without_gradient = ()

    def save_for_backward(self, *tensors):
        """Keep tensors for backward, where they are ``ctx.saved_tensors``."""
        self.saved = tensors

    @property
    def saved_tensors(self):
        return self.saved

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no gradient (index tensors, say)."""
        self.without_gradient = tensors


class _FunctionOperation(Operation):
    """A `Function` as the engine sees it: its inputs are those arguments that are tensors."""

    def __init__(self, function, context, args):
        self.function, self.context = function, context
        self.arguments = len(args)
        self.positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.inputs = [(args[i].shape, args[i].dtype) for i in self.positions]
        self.equations = tuple(function.equations)

    @property
    def name(self):
        return self.function.__name__

    def backward(self, *deltas):
        with no_grad():
            result = self.function.backward(self.context, *[Tensor(d) for d in deltas])
        result = result if isinstance(result, tuple) else (result,)
        if all(g is None for g in result[self.arguments :]):
            result = result[: self.arguments]
        if len(result) != self.arguments:
            raise GraphError(
                f"{self.name}: backward returned {len(result)} gradients for the {self.arguments} "
                "arguments of forward; return one for each, None for those without a gradient"
            )
        for i, g in enumerate(result):
            if g is not None and not isinstance(g, Tensor):
                raise DtypeError(
                    f"{self.name}: backward returned a {type(g).__name__} for argument {i}; "
                    "return tensors, or None"
                )
        found = [result[i] for i in self.positions]
        return tuple(g if g is None else g.array for g in found)


class Function:
    """An operation of the user's own, written as in PyTorch.

    `forward(ctx, …)` and `backward(ctx, *deltas)` are static methods; call ``YourFunction.apply``.
    A gradient must have the shape and dtype of what it belongs to. A class attribute ``equations``
    may name keys of `minicnn.equations`, or lines of its own.

    >>> import minicnn as mc
    >>> class Cube(mc.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, delta):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x * x * delta
    >>> x = mc.tensor([1.0, 2.0], requires_grad=True)
    >>> Cube.apply(x).backward(mc.tensor([1.0, 10.0]))
    >>> x.grad
    tensor([  3., 120.])
    """

    equations = ()

    @staticmethod
    def forward(ctx, *args, **kwargs):
        raise NotImplementedError("a Function needs a static method forward(ctx, …)")

    @staticmethod
    def backward(ctx, *deltas):
        raise NotImplementedError("a Function needs a static method backward(ctx, *deltas)")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run `forward` and put one node into the graph for it."""
        context = FunctionContext(tuple(isinstance(a, Tensor) and a.requires_grad for a in args))
        operation = _FunctionOperation(cls, context, args)
        inputs = [args[i] for i in operation.positions]
        with no_grad():
            result = cls.forward(context, *args, **kwargs)
        outputs = result if isinstance(result, tuple) else (result,)
        for output in outputs:
            if not isinstance(output, Tensor):
                raise DtypeError(
                    f"{cls.__name__}: forward returned a {type(output).__name__}; return a tensor "
                    "or a tuple of tensors"
                )
        without = [id(t) for t in context.without_gradient]
        differentiable = [id(t) not in without for t in outputs]
        # What is saved keeps its memory but not its history: a saved output would lead back to
        # this node, in a circle. And a tensor that is returned but was there before, an input say,
        # must not become its own ancestor.
        context.saved = tuple(t if t is None else t.detach() for t in context.saved)
        outputs = [t.detach() for t in outputs]
        if context.saved:
            operation.saves = ("context",)
        saved = [t for t in context.saved if t is not None]
        attach(operation, inputs, outputs, saved, differentiable)
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]
