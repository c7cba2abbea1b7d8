"""Gradients kept small, and parameters as one vector: PyTorch's ``torch.nn.utils``.

Something else than a tensor, or a tensor of the wrong dtype, raises `DtypeError`, a wrong argument
`ArgumentError`, and sizes that do not fit `ShapeError`.
"""

import types
import warnings

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, one_of, real, sequence, truth
from minicnn.device import computed, moved
from minicnn.dtypes import is_floating
from minicnn.functions.shaping import cat, view
from minicnn.gpu import beside
from minicnn.tensor import Tensor


def _gradients(name, parameters, foreach):
    """The gradients of one parameter, or of an iterable of them."""
    if foreach is not None and truth(name, "foreach", foreach):
        raise ArgumentError(
            f"{name}: foreach=True is not supported: minicnn has one implementation. Leave it out"
        )
    found = (
        [parameters] if isinstance(parameters, Tensor) else sequence(name, "parameters", parameters)
    )
    if not found and isinstance(parameters, types.GeneratorType):
        warnings.warn(
            f"{name}: the generator of parameters is empty; was it used up before?", stacklevel=3
        )
    for p in found:
        if not isinstance(p, Tensor):
            raise DtypeError(f"{name}: parameters must be tensors, got {type(p).__name__}")
    return [p.grad for p in found if p.grad is not None]


def _norm(name, array, p):
    """The p-norm of all elements, without float16's overflow."""
    if not array.size and (p < 0 or p == np.inf):
        raise ArgumentError(f"{name}: an empty tensor has no norm of order {p}")

    def norm(array):
        kept = array.astype(np.float32) if array.dtype == np.float16 else array
        return np.linalg.norm(kept.ravel(), p).astype(array.dtype)

    with np.errstate(all="ignore"):
        return computed(name, norm, array)


def _order(name, norm_type):
    if isinstance(norm_type, str):
        one_of(name, "norm_type", norm_type, ("inf", "-inf"))
        return float(norm_type)
    return float(real(name, "norm_type", norm_type))


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all elements of all `tensors`, as if they were one vector.

    As ``torch.nn.utils.get_total_norm``.

    Args:
        tensors: a tensor or an iterable of them.
        norm_type: p of the p-norm; ``"inf"`` for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite.
        foreach: only its default.

    Returns:
        A 0-d tensor.

    Raises:
        ArgumentError: a norm that is not finite, where `error_if_nonfinite` asks for it.
        DtypeError: not tensors.

    >>> import minicnn as mc
    >>> mc.nn.utils.get_total_norm([mc.tensor([3.0]), mc.tensor([4.0])])
    tensor(5.)
    """
    if foreach:
        raise ArgumentError("get_total_norm: foreach=True is not supported. Leave it out")
    return _total("get_total_norm", tensors, norm_type, error_if_nonfinite)


def _total(name, tensors, norm_type, error_if_nonfinite):
    tensors = [tensors] if isinstance(tensors, Tensor) else sequence(name, "tensors", tensors)
    for t in tensors:
        if not isinstance(t, Tensor) or not is_floating(t.dtype):
            kind = t.dtype if isinstance(t, Tensor) else type(t).__name__
            raise DtypeError(f"{name}: expected floating-point tensors, got {kind}")
    p = _order(name, norm_type)
    if not tensors:
        return Tensor(np.zeros((), np.float32))
    home = tensors[0].device
    norms = [moved(_norm(name, t.array, p), home) for t in tensors]
    total = _norm(name, computed(name, lambda *norms: np.stack(norms), *norms), p)
    if error_if_nonfinite and not np.isfinite(total):
        raise ArgumentError(
            f"{name}: the norm of order {p} of the gradients is {total}, so they cannot "
            "be scaled to a length. error_if_nonfinite=False lets this pass"
        )
    return Tensor(total)


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Multiply all gradients by min(1, max_norm / (total_norm + 1e−6)), in place.

    As ``torch.nn.utils.clip_grads_with_norm_``.

    Args:
        parameters: a tensor or an iterable of them.
        max_norm: the length that the gradients may have.
        total_norm: the length that they have: `get_total_norm` of them.
        foreach: only its default.

    Raises:
        DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.zeros(2, requires_grad=True)
    >>> w.grad = mc.tensor([3.0, 4.0])
    >>> mc.nn.utils.clip_grads_with_norm_(w, 1.0, mc.tensor(5.0))
    >>> w.grad
    tensor([0.6, 0.8])
    """
    name = "clip_grads_with_norm_"
    gradients = _gradients(name, parameters, foreach)
    if not isinstance(total_norm, Tensor) or total_norm.ndim:
        raise DtypeError(f"{name}: total_norm must be a 0-d tensor, got {total_norm!r}")
    _scale(gradients, real(name, "max_norm", max_norm), total_norm)


def _scale(gradients, max_norm, total_norm):
    total = total_norm.array
    if total.dtype.kind != "f":
        total = total.astype(np.float32)

    def shortened(norm):
        return np.minimum(float(max_norm) / (norm + norm.dtype.type(1e-6)), 1)

    factor = computed("clip_grad_norm_", shortened, total)
    for g in gradients:
        g._writable("clip_grad_norm_")
        # 0 · ∞, where the norm is infinite, is NaN in PyTorch too.
        with np.errstate(all="ignore"), beside(g.array):
            g.array *= moved(factor, g.device).astype(g.dtype)
        g._version.changes += 1


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Shorten the vector of all gradients to `max_norm`, in place, where it is longer.

    Pascanu et al. 2013, algorithm 1: the direction of the step stays.

    Args:
        parameters: a tensor or an iterable of them; those without a gradient are left out.
        max_norm: the length that the gradients may have.
        norm_type: p of the p-norm; ``"inf"`` for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite.
        foreach: only its default.

    Returns:
        The norm before, a 0-d tensor.

    Raises:
        ArgumentError: a norm that is not finite, where `error_if_nonfinite` asks for it.
        DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.zeros(2, requires_grad=True)
    >>> w.grad = mc.tensor([3.0, 4.0])
    >>> mc.nn.utils.clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6, 0.8])
    """
    gradients = _gradients("clip_grad_norm_", parameters, foreach)
    max_norm = real("clip_grad_norm_", "max_norm", max_norm)
    total = _total("clip_grad_norm_", gradients, norm_type, error_if_nonfinite)
    _scale(gradients, max_norm, total)
    return total


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Limit every element of every gradient to [−clip_value, clip_value], in place.

    As ``torch.nn.utils.clip_grad_value_``.

    Args:
        parameters: a tensor or an iterable of them; those without a gradient are left out.
        clip_value: the limit.
        foreach: only its default.

    Raises:
        DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.zeros(2, requires_grad=True)
    >>> w.grad = mc.tensor([-3.0, 0.5])
    >>> mc.nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([-1. ,  0.5])
    """
    limit = float(real("clip_grad_value_", "clip_value", clip_value))
    for g in _gradients("clip_grad_value_", parameters, foreach):
        g._writable("clip_grad_value_")
        with beside(g.array):
            g.array[...] = np.minimum(np.maximum(g.array, -limit), limit)
        g._version.changes += 1


def parameters_to_vector(parameters):
    """All elements of all parameters in one vector, differentiable.

    As ``torch.nn.utils.parameters_to_vector``.

    Args:
        parameters: an iterable of tensors of one dtype, at least one.

    Raises:
        DtypeError: not tensors.
        ArgumentError: no tensor at all.

    >>> import minicnn as mc
    >>> mc.nn.utils.parameters_to_vector([mc.zeros(1, 2), mc.ones(3)])
    tensor([0., 0., 1., 1., 1.])
    """
    name = "parameters_to_vector"
    parameters = sequence(name, "parameters", parameters)
    if not parameters:
        raise ArgumentError(f"{name}: expected at least one parameter, got none")
    for p in parameters:
        if not isinstance(p, Tensor):
            raise DtypeError(f"{name}: parameters must be tensors, got {type(p).__name__}")
    try:
        return cat([view(p, -1) for p in parameters])
    except ShapeError as error:  # as in PyTorch, of a parameter that is a view of another tensor
        raise ShapeError(f"{name}: {error}") from None


def vector_to_parameters(vec, parameters):
    """Give each parameter its part of `vec`, whose memory and dtype they have from then on.

    As ``torch.nn.utils.vector_to_parameters``.

    Args:
        vec: a vector, as `parameters_to_vector` makes it.
        parameters: an iterable of tensors.

    Raises:
        ShapeError: the vector is too short. DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> w = mc.zeros(1, 2, requires_grad=True)
    >>> mc.nn.utils.vector_to_parameters(mc.tensor([1.0, 2.0]), [w])
    >>> w
    tensor([[1., 2.]], requires_grad=True)
    """
    name = "vector_to_parameters"
    if not isinstance(vec, Tensor):
        raise DtypeError(f"{name}: expected a tensor, got {type(vec).__name__}")
    if vec.ndim != 1:
        raise ShapeError(f"{name}: expected a vector, got shape {vec.shape}")
    start, parts = 0, []
    for p in sequence(name, "parameters", parameters):
        if not isinstance(p, Tensor):
            raise DtypeError(f"{name}: parameters must be tensors, got {type(p).__name__}")
        if p.requires_grad and not is_floating(vec.dtype):
            raise DtypeError(f"{name}: what requires grad is floating point, got {vec.dtype}")
        part = vec.array[start : start + p.numel()]
        start += p.numel()
        if part.ndim != 1 or part.size != p.numel():
            raise ShapeError(
                f"{name}: a vector of {start} elements or more is needed, got shape {vec.shape}"
            )
        parts.append((p, part))
    # Only now, when all are known to fit.
    for p, part in parts:
        p.data = Tensor(part.reshape(p.shape))
