"""`gradcheck`: backward against central differences.

The derivative of f in one element x is (f(x + h) − f(x − h)) / 2h, up to an error of order h². The
gradient that backward gives for L = Σ δ ⊙ f(x) must be the same. δ is drawn at random: with δ = 1
everywhere (which is what ``f(x).sum()`` amounts to) a kernel that is not rotated, a transposed δ or
a batch in the wrong order go unnoticed.
"""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError
from minicnn.graph import no_grad, run_backward, starting_points
from minicnn.random import numpy_generator
from minicnn.tensor import Tensor


class GradcheckError(AssertionError):
    """backward and the finite differences disagree; the text says where and by how much."""


def _outputs(fn, inputs):
    result = fn(*inputs)
    outputs = result if isinstance(result, tuple) else (result,)
    return [o for o in outputs if o.is_floating_point()]


def gradcheck(fn, inputs, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, generator=None):
    """Compare the gradients of ``fn(*inputs)`` by backward with central finite differences.

    Args:
        fn: a function of tensors that returns a tensor or a tuple of them.
        inputs: the tensors to call it with; those that require grad are checked and must be
            float64, since float32 has too few digits for a difference quotient.
        eps: the step h.
        atol, rtol: |backward − difference| ≤ atol + rtol · |difference| must hold everywhere.
        raise_exception: raise on a disagreement, else return False.
        generator: for the upstream gradient δ.

    Returns:
        True.

    Raises:
        GradcheckError: the first element where they disagree, and how many do.
        DtypeError, ArgumentError: inputs that cannot be checked.

    >>> import minicnn as mc
    >>> x = mc.randn(3, 4, dtype=mc.float64, requires_grad=True)
    >>> gradcheck(mc.tanh, (x,))
    True
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: none of the inputs requires grad, so nothing is checked")
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise DtypeError(
                f"gradcheck: input {i} is {inputs[i].dtype}; finite differences need float64, "
                "use .double()"
            )
    outputs = _outputs(fn, inputs)
    rng = numpy_generator(generator)
    deltas = [rng.standard_normal(o.shape) for o in outputs]
    gradients = _by_backward(outputs, deltas, [inputs[i] for i in checked])
    for i, found in zip(checked, gradients, strict=True):
        expected = _by_differences(fn, inputs, inputs[i], deltas, eps)
        wrong = ~(np.abs(found - expected) <= atol + rtol * np.abs(expected))
        if wrong.any():
            if not raise_exception:
                return False
            place = tuple(int(p) for p in np.argwhere(wrong)[0])
            raise GradcheckError(
                f"gradcheck: the gradient of input {i}, shape {inputs[i].shape}, is wrong in "
                f"{int(wrong.sum())} of {wrong.size} elements. First at {place}: backward says "
                f"{found[place]:.6g}, finite differences say {expected[place]:.6g}"
            )
    return True


def _by_backward(outputs, deltas, inputs):
    """∂L/∂input for L = Σ δ ⊙ output; zeros where the output does not depend on it."""
    pairs = [(o, Tensor(d)) for o, d in zip(outputs, deltas, strict=True) if o.requires_grad]
    if not pairs:
        raise ArgumentError("gradcheck: no output requires grad; does fn detach its inputs?")
    roots, arrays = starting_points("gradcheck", *zip(*pairs, strict=True))
    found = run_backward(roots, arrays, wanted=[t._edge() for t in inputs])
    return [np.zeros(t.shape) if g is None else g for g, t in zip(found, inputs, strict=True)]


def _by_differences(fn, inputs, x, deltas, eps):
    """The same by changing one element of `x` at a time, there and back again."""
    result = np.zeros(x.shape)
    values = x.array
    with no_grad():
        for place in np.ndindex(*x.shape):
            kept = values[place].copy()
            losses = []
            for step in (eps, -eps):
                values[place] = kept + step
                outputs = _outputs(fn, inputs)
                losses.append(
                    sum((o.array * d).sum() for o, d in zip(outputs, deltas, strict=True))
                )
            values[place] = kept
            result[place] = (losses[0] - losses[1]) / (2 * eps)
    return result
