"""One step of an optimiser for one parameter array. Nothing is changed in place."""

import numpy as np

from . import checks


def weight_decay(grad, w, decay):
    """Eq. weight-decay: g ← g + λ·w.

    grad and w of the same shape, decay = λ -> like grad.

    ValueError for arrays of different shapes.

    >>> weight_decay([1.0], [10.0], 0.5)
    array([6.])
    """
    dtype = checks.dtype_of(grad)
    grad, w = _same_shape("weight_decay", grad=grad, w=w)
    decayed = np.zeros(grad.shape)
    for index in np.ndindex(grad.shape):
        decayed[index] = grad[index] + decay * w[index]
    return decayed.astype(dtype)


def sgd_step(w, grad, lr):
    """Eq. sgd: w ← w − η·g.

    w and grad of the same shape, lr = η -> the new w.

    ValueError for arrays of different shapes.

    >>> sgd_step([1.0], [10.0], 0.05)
    array([0.5])
    """
    dtype = checks.dtype_of(w)
    w, grad = _same_shape("sgd_step", w=w, grad=grad)
    stepped = np.zeros(w.shape)
    for index in np.ndindex(w.shape):
        stepped[index] = w[index] - lr * grad[index]
    return stepped.astype(dtype)


def sgd_momentum_step(w, grad, velocity, lr, momentum=0.9, dampening=0.0, nesterov=False):
    """Eqs. sgd-momentum, nesterov: v ← μ·v + (1 − τ)·g, w ← w − η·v, or w − η·(g + μ·v).

    w and grad of the same shape, velocity v too, or None before the first step, which sets
    v = g; lr = η, momentum = μ, dampening = τ -> the new w, the new velocity.

    ValueError for arrays of different shapes.

    >>> w, v = sgd_momentum_step([1.0], [1.0], None, lr=0.25, momentum=0.5)
    >>> w, v
    (array([0.75]), array([1.]))
    >>> sgd_momentum_step(w, [1.0], v, lr=0.25, momentum=0.5)
    (array([0.375]), array([1.5]))
    """
    dtype = checks.dtype_of(w)
    w, grad = _same_shape("sgd_momentum_step", w=w, grad=grad)
    first = velocity is None
    velocity = np.zeros(w.shape) if first else velocity
    w, velocity = _same_shape("sgd_momentum_step", w=w, velocity=velocity)
    new_w, new_velocity = np.zeros(w.shape), np.zeros(w.shape)
    for index in np.ndindex(w.shape):
        g = grad[index]
        v = g if first else momentum * velocity[index] + (1 - dampening) * g
        new_velocity[index] = v
        new_w[index] = w[index] - lr * (g + momentum * v if nesterov else v)
    return new_w.astype(dtype), new_velocity.astype(dtype)


def adam_step(w, grad, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    """Eq. adam: w ← w − η · (m/(1 − β₁ᵗ))/(√(v/(1 − β₂ᵗ)) + ε).

    w and grad of the same shape; m and v, too: 0 before the first step; t ≥ 1 the number of this
    step; lr = η -> the new w, m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g².

    betas = (β₁, β₂), eps = ε. ValueError for arrays of different shapes, and for t < 1.

    >>> w, m, v = adam_step([1.0], [7.0], [0.0], [0.0], t=1, lr=0.25)
    >>> w.round(6)  # the first step is η long, whatever g is
    array([0.75])
    """
    dtype = checks.dtype_of(w)
    w, grad, m, v = _same_shape("adam_step", w=w, grad=grad, m=m, v=v)
    t = checks.integer("adam_step", "t", t, 1)
    beta1, beta2 = betas
    new_w, new_m, new_v = np.zeros(w.shape), np.zeros(w.shape), np.zeros(w.shape)
    for index in np.ndindex(w.shape):
        g = grad[index]
        new_m[index] = beta1 * m[index] + (1 - beta1) * g
        new_v[index] = beta2 * v[index] + (1 - beta2) * g**2
        m_hat = new_m[index] / (1 - beta1**t)
        v_hat = new_v[index] / (1 - beta2**t)
        new_w[index] = w[index] - lr * m_hat / (np.sqrt(v_hat) + eps)
    return new_w.astype(dtype), new_m.astype(dtype), new_v.astype(dtype)


def _same_shape(function, **arrays):
    checked = {name: checks.real(function, name, value) for name, value in arrays.items()}
    shape = next(iter(checked.values())).shape
    for name, value in checked.items():
        checks.shape(function, name, value, shape)
    return list(checked.values())
