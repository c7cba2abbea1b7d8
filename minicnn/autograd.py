"""Gradients on request, operations of the user's own, and the search for NaN.

The names are those of `torch.autograd`.
"""

import linecache
import os
import sys
import warnings
from contextlib import ContextDecorator
from pathlib import Path
from weakref import WeakKeyDictionary

from minicnn.checks import ArgumentError, DtypeError, GraphError
from minicnn.device import computed, made
from minicnn.gpu import copied
from minicnn.graph import (
    backward_to,
    edges_of,
    first_order_only,
    run_backward,
    starting_points,
    tensors_in,
)
from minicnn.modes import enable_grad, is_grad_enabled, no_grad, record
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


def backward(
    tensors,
    grad_tensors=None,
    retain_graph=None,
    create_graph=False,
    grad_variables=None,
    inputs=None,
):
    """Add ∂(tensors)/∂(leaf) to the ``.grad`` of every leaf, as ``torch.autograd.backward``.

    Args:
        tensors: a tensor or a sequence of them.
        grad_tensors: the upstream gradient δ of each, of its shape; may be omitted for tensors of
            one element, where it is 1.
        retain_graph: keep what operations saved, so that backward can run again.
        create_graph: refused; gradients are first-order.
        grad_variables: the old name of `grad_tensors`.
        inputs: a tensor or a sequence of them, leaves or computed, whose ``.grad`` is to receive
            gradients; all others are left alone.

    Raises:
        GraphError: nothing requires grad, a saved tensor was changed, or the graph was freed; one
            of `inputs` does not require grad.
        ArgumentError: `inputs` is empty; both `grad_tensors` and `grad_variables` are given.
        DtypeError: not tensors.

    >>> import minicnn as mc
    >>> x = mc.tensor([2.0], requires_grad=True)
    >>> backward([x * x])
    >>> x.grad
    tensor([4.])
    """
    if grad_variables is not None:
        warnings.warn(
            "backward: grad_variables is deprecated, use grad_tensors", FutureWarning, stacklevel=2
        )
        if grad_tensors is not None:
            raise ArgumentError("backward: give grad_tensors only, not grad_variables as well")
        grad_tensors = grad_variables
    tensors = tensors_in("backward", "tensors", tensors)
    gradients = _upstream("backward", "grad_tensors", grad_tensors, tensors)
    backward_to(tensors, gradients, retain_graph, create_graph, inputs)


def _upstream(operation, argument, given, outputs):
    return (None,) * len(outputs) if given is None else tensors_in(operation, argument, given)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no leaf's ``.grad`` changes.

    Args:
        outputs, inputs: a tensor or a sequence of them.
        grad_outputs: the upstream gradient of each output; 1 for outputs of one element.
        retain_graph: keep the graph for another walk.
        create_graph: refused; gradients are first-order.
        only_inputs: deprecated and without effect, as in PyTorch.
        allow_unused: return None for an input that the outputs do not depend on; else it raises.
            Default: the value of `materialize_grads`.
        is_grads_batched: refused; call `grad` once for each upstream gradient.
        materialize_grads: return zeros, not None, for an input that the outputs do not depend on.

    Raises:
        GraphError: an input does not require grad, or is unused; what `backward` raises.
        ArgumentError: no inputs; ``materialize_grads=True`` with ``allow_unused=False``.
        DtypeError: not tensors.

    >>> import minicnn as mc
    >>> x = mc.tensor([1.0, 2.0], requires_grad=True)
    >>> mc.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    first_order_only("grad", create_graph)
    if is_grads_batched:
        raise ArgumentError(
            "grad: is_grads_batched=True is not supported; call grad once for each upstream "
            "gradient, with retain_graph=True"
        )
    if not only_inputs:
        warnings.warn(
            "grad: only_inputs is deprecated and has no effect; backward accumulates gradients "
            "for the other parts of the graph",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads and allow_unused is False:
        raise ArgumentError(
            "grad: with materialize_grads=True unused inputs get zeros, so allow_unused must be "
            "True or left out; it is False"
        )
    outputs = tensors_in("grad", "outputs", outputs)
    inputs = tensors_in("grad", "inputs", inputs)
    gradients = _upstream("grad", "grad_outputs", grad_outputs, outputs)
    roots, deltas = starting_points("grad", outputs, gradients)
    found = run_backward(roots, deltas, bool(retain_graph), edges_of("grad", inputs))
    if materialize_grads:
        found = [
            made("grad", lambda xp, t=t: xp.zeros(t.shape, t.dtype), t.device) if f is None else f
            for f, t in zip(found, inputs, strict=True)
        ]
    for i, f in enumerate(found):
        if f is None and not allow_unused:
            raise GraphError(
                f"grad: the outputs do not depend on input {i}; pass allow_unused=True to receive "
                "None for it, or materialize_grads=True to receive zeros"
            )
    return tuple(f if f is None else Tensor(copied(f)) for f in found)


# ------------------------------------------------------------------------ the search for NaN


class detect_anomaly(ContextDecorator):
    """Inside ``with detect_anomaly():`` a NaN that backward makes is an error.

    The error names the operation and the line of Python that ran its forward, so the forward has
    to run inside too. It costs time: for debugging.

    As ``torch.autograd.detect_anomaly``.

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
        watching = record(_NanWatch(self.check_nan))
        watching.__enter__()
        self._entered.append(watching)

    def __exit__(self, *error):
        self._entered.pop().__exit__(*error)


class _NanWatch:
    """The `Recorder` of `detect_anomaly`."""

    def __init__(self, check_nan):
        self.check_nan = check_nan
        # Weakly: to watch a graph is not to keep it.
        self.lines = WeakKeyDictionary()

    def forward(self, node, operation, inputs, outputs):
        if node is not None:
            self.lines[node] = _line_of_the_user()

    def backward(self, node, deltas, gradients):
        if not self.check_nan:
            return
        for i, (edge, gradient) in enumerate(zip(node.edges, gradients, strict=True)):
            if edge is None or gradient is None or not _has_nan(gradient):
                continue
            arrived = any(delta is not None and _has_nan(delta) for delta in deltas)
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
        """Nothing to look for: every δ was looked at when it was computed."""


def _has_nan(array):
    return bool(computed("detect_anomaly", lambda a: (a != a).any(), array))


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
        self.materialize_grads = True

    def save_for_backward(self, *tensors):
        """Keep tensors for backward, where they are ``ctx.saved_tensors``."""
        self.saved = tensors

    @property
    def saved_tensors(self):
        return self.saved

    def set_materialize_grads(self, value):
        """False: backward receives None, not zeros, for an output that nobody used."""
        self.materialize_grads = value

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

    @property
    def materializes(self):
        return self.context.materialize_grads

    def backward(self, *deltas):
        deltas = [d if d is None else Tensor(d) for d in deltas]
        with no_grad():
            result = self.function.backward(self.context, *deltas)
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
    A gradient must have the shape and dtype of what it belongs to: else backward raises
    `ShapeError` or `DtypeError`, and `GraphError` for too few or too many gradients. A class
    attribute ``equations`` may name keys of `minicnn.equations`, or lines of its own.

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
        """The gradient of each input of `forward`, of the error terms `deltas`; None where there is
        none.

        Args:
            ctx: what `forward` was given, with what it kept.
            deltas: tensors, one for each output.
        """
        raise NotImplementedError("a Function needs a static method backward(ctx, *deltas)")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run `forward` and put one node into the graph for it.

        Args:
            args, kwargs: those of `forward`, without ``ctx``.

        Raises:
            DtypeError: `forward` gives something else than tensors.
        """
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
