"""Exercise 7: ReLU and a linear layer, backwards. Hand-out: ex07_linear_relu.md.

Only NumPy may be imported.
"""

import numpy as np


def relu_back(z, delta):
    """∂L/∂z of a = max(0, z), element by element (eq. relu); at z = 0 the slope counts as 0.

    Args:
        z: what ReLU was applied to, a float64 array of any shape.
        delta: ∂L/∂a, of the same shape.

    Returns:
        ∂L/∂z, of the same shape.
    """
    # >>> solution
    return np.where(z > 0, delta, 0.0)
    # <<< solution


def linear_dx(delta, weight):
    """∂L/∂X of Y = X·Wᵀ + b (eq. linear).

    Args:
        delta: ∂L/∂Y, a float64 array (N, out).
        weight: W, (out, in).

    Returns:
        ∂L/∂X, a float64 array (N, in).
    """
    # >>> solution
    return delta @ weight
    # <<< solution


def linear_dw(x, delta):
    """∂L/∂W of Y = X·Wᵀ + b (eq. linear).

    Args:
        x: a float64 array (N, in).
        delta: ∂L/∂Y, (N, out).

    Returns:
        ∂L/∂W, a float64 array (out, in).
    """
    # >>> solution
    return delta.T @ x
    # <<< solution


def linear_db(delta):
    """∂L/∂b of Y = X·Wᵀ + b (eq. linear).

    Args:
        delta: ∂L/∂Y, a float64 array (N, out).

    Returns:
        ∂L/∂b, a float64 array (out,).
    """
    # >>> solution
    return delta.sum(axis=0)
    # <<< solution
