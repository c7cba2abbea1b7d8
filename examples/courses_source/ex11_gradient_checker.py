"""Exercise 11: a gradient checker. Hand-out: ex11_gradient_checker.md.

Only NumPy may be imported.
"""

import numpy as np


def numeric_gradient(forward, x, delta, h):
    """∂L/∂x of L = Σ δ ⊙ forward(x) by central differences (eq. finite-difference).

    Args:
        forward: a function: an array like x → an array like delta.
        x: a float64 array of any shape. It must be unchanged in the end, to the last bit.
        delta: δ, a float64 array.
        h: the step, exactly: (L(x + h) − L(x − h)) / 2h for every element of x.

    Returns:
        A float64 array of the shape of x.
    """
    # >>> solution
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[place] += h
        behind[place] -= h
        difference = forward(ahead) - forward(behind)
        gradient[place] = (delta * difference).sum() / (2 * h)
    return gradient
    # <<< solution


def is_right(forward, backward, x):
    """Whether backward gives the gradient of forward at x: a gradient checker.

    Args:
        forward: a smooth function: an array like x → an array y.
        backward: backward(delta, x) → what claims to be ∂L/∂x for L = Σ δ ⊙ forward(x), δ of the
            shape of y.
        x: a float64 array.

    Returns:
        True or False. The functions are arithmetic in float64 with slopes of any size: an error of
        1 % in any element that is not tiny beside the others must be found, rounding and the error
        of the difference itself must not. A result of another shape, NaN or ∞ is wrong.
    """
    # Choose δ so that no mistake can hide: what would δ = 1 everywhere miss?
    # >>> solution
    delta = np.random.default_rng(0).standard_normal(forward(x).shape)
    found = np.asarray(backward(delta, x))
    if found.shape != x.shape or not np.isfinite(found).all():
        return False
    expected = numeric_gradient(forward, x, delta, 1e-5)
    size = np.abs(expected).max()
    return bool((np.abs(found - expected) <= 1e-4 * np.abs(expected) + 1e-6 * size).all())
    # <<< solution
