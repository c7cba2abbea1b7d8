"""Exercise 9: softmax and cross-entropy. Hand-out: ex09_softmax_loss.md.

Only NumPy may be imported.
"""

import numpy as np


def mean_loss(scores, labels):
    """L = −(1/N) · Σ_i ln softmax(z_i)_{t_i} (eq. softmax-ce).

    Args:
        scores: z, a float64 array (N, K): a row of scores for each sample. They may be large: ±1000
            must give the right loss, without overflow.
        labels: t, an integer array (N,), each 0 to K − 1.

    Returns:
        L, a float.
    """
    # softmax(z) = softmax(z − max z). Take the logarithm on paper, not of a rounded 0.
    # >>> solution
    z = scores - scores.max(axis=1, keepdims=True)
    log_softmax = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(-log_softmax[np.arange(len(labels)), labels].mean())
    # <<< solution


def loss_gradient(scores, labels, upstream):
    """∂J/∂z of that L, where L is a part of J and ∂J/∂L is given (eq. softmax-ce).

    Args:
        scores, labels: as in `mean_loss`.
        upstream: ∂J/∂L, a number.

    Returns:
        ∂J/∂z, a float64 array (N, K).
    """
    # >>> solution
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(len(labels)), labels] -= 1
    return dz * (upstream / len(labels))
    # <<< solution
