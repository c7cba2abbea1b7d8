"""Exercise 12: batch normalisation, backwards. Hand-out: ex12_batch_norm.md.

Only NumPy may be imported. In training, for each channel, with μ and σ² over its M = N·H·W values:

    x̂ = (x − μ)/√(σ² + ε)      y = γ·x̂ + β      σ² = mean of (x − μ)²
"""

import numpy as np


def norm_dbeta(delta):
    """∂L/∂β (eq. bn-backward).

    Args:
        delta: ∂L/∂y, a float64 array (N, C, H, W).

    Returns:
        ∂L/∂β, a float64 array (C,).
    """
    # >>> solution
    return delta.sum(axis=(0, 2, 3))
    # <<< solution


def norm_dgamma(x, delta, eps):
    """∂L/∂γ (eq. bn-backward).

    Args:
        x: a float64 array (N, C, H, W).
        delta: ∂L/∂y, of the same shape.
        eps: ε, a number.

    Returns:
        ∂L/∂γ, a float64 array (C,).
    """
    # >>> solution
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    variance = x.var(axis=(0, 2, 3), keepdims=True)
    return (delta * (x - mean) / np.sqrt(variance + eps)).sum(axis=(0, 2, 3))
    # <<< solution


def norm_dx(x, gamma, delta, eps):
    """∂L/∂x (eq. bn-backward). μ and σ² depend on x, too.

    Args:
        x: a float64 array (N, C, H, W).
        gamma: γ, (C,).
        delta: ∂L/∂y, of the shape of x.
        eps: ε, a number.

    Returns:
        ∂L/∂x, a float64 array (N, C, H, W).
    """
    # >>> solution
    axes = (0, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    x_hat = (x - mean) / deviation
    through_mean = delta.mean(axis=axes, keepdims=True)
    through_variance = x_hat * (delta * x_hat).mean(axis=axes, keepdims=True)
    # (C,) → (1, C, 1, 1): one γ a channel
    return gamma.reshape(1, -1, 1, 1) / deviation * (delta - through_mean - through_variance)
    # <<< solution
