"""The linear layer (1.10), dropout, and the residual block."""

import numpy as np

from . import checks
from .activations import relu, relu_gradient
from .convolution import conv2d, conv2d_input_gradient, conv2d_weight_gradient


def linear(x, w, b=None):
    """Eqs. linear, 1.10 without its σ: y_nk = Σ_i w_ki · x_ni + b_k, Y = X·Wᵀ + b.

    x (N, in), w (out, in), b (out,) or None -> (N, out), in the dtype of x. ValueError for
    shapes that do not fit together.

    >>> linear([[1, 2]], [[3, 4], [5, 6], [0, 1]], [100, 0, 0])
    array([[111.,  17.,   2.]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("linear", "x", x, "N in")
    w = checks.array("linear", "w", w, "out in")
    N, inputs = x.shape
    outputs = w.shape[0]
    checks.shape("linear", "w", w, (outputs, inputs))
    b = np.zeros(outputs) if b is None else checks.array("linear", "b", b, "out")
    checks.shape("linear", "b", b, (outputs,))
    y = np.zeros((N, outputs))
    for n in range(N):
        for k in range(outputs):
            y[n, k] = b[k]
            for i in range(inputs):
                y[n, k] += w[k, i] * x[n, i]
    return y.astype(dtype)


def linear_input_gradient(delta, w):
    """Eq. linear: ∂L/∂x_ni = Σ_k δ_nk · w_ki, ∂L/∂X = δ·W.

    delta (N, out), w (out, in) -> (N, in), in the dtype of delta.

    ValueError for shapes that do not fit together.

    >>> linear_input_gradient([[1, 10]], [[3, 4], [5, 6]])
    array([[53., 64.]])
    """
    name = "linear_input_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N out")
    w = checks.array(name, "w", w, "out in")
    N, outputs = delta.shape
    inputs = w.shape[1]
    checks.shape(name, "w", w, (outputs, inputs))
    dx = np.zeros((N, inputs))
    for n in range(N):
        for i in range(inputs):
            for k in range(outputs):
                dx[n, i] += delta[n, k] * w[k, i]
    return dx.astype(dtype)


def linear_weight_gradient(delta, x):
    """Eq. linear: ∂L/∂w_ki = Σ_n δ_nk · x_ni, ∂L/∂W = δᵀ·X.

    delta (N, out), x (N, in) -> (out, in), in the dtype of delta.

    ValueError for shapes that do not fit together.

    >>> linear_weight_gradient([[1, 10]], [[3, 4]])
    array([[ 3.,  4.],
           [30., 40.]])
    """
    name = "linear_weight_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N out")
    x = checks.array(name, "x", x, "N in")
    N, outputs = delta.shape
    inputs = x.shape[1]
    checks.shape(name, "x", x, (N, inputs))
    dw = np.zeros((outputs, inputs))
    for k in range(outputs):
        for i in range(inputs):
            for n in range(N):
                dw[k, i] += delta[n, k] * x[n, i]
    return dw.astype(dtype)


def linear_bias_gradient(delta):
    """Eq. linear: ∂L/∂b_k = Σ_n δ_nk.

    delta (N, out) -> (out,), in the dtype of delta.

    ValueError for a delta that has not two axes.

    >>> linear_bias_gradient([[1, 10], [2, 20]])
    array([ 3., 30.])
    """
    dtype = checks.dtype_of(delta)
    delta = checks.array("linear_bias_gradient", "delta", delta, "N out")
    N, outputs = delta.shape
    db = np.zeros(outputs)
    for k in range(outputs):
        for n in range(N):
            db[k] += delta[n, k]
    return db.astype(dtype)


def dropout(x, mask, p=0.5):
    """Eq. dropout: y_i = m_i·x_i/(1 − p), inverted dropout while training.

    x of any shape, mask of the same with 1 where x is kept and 0 where it is dropped, p the
    probability of dropping, 0 ≤ p ≤ 1 -> like x. Evaluation leaves x as it is.

    ValueError for different shapes, and a p outside of 0 … 1.

    >>> dropout([1, 2, 3], [1, 0, 1], p=0.5)
    array([2., 0., 6.])
    """
    dtype = checks.dtype_of(x)
    x = checks.real("dropout", "x", x)
    mask, keep = _mask("dropout", mask, p, x.shape)
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        if mask[index]:
            y[index] = x[index] / keep
    return y.astype(dtype)


def dropout_gradient(delta, mask, p=0.5):
    """Eq. dropout: ∂L/∂x_i = m_i/(1 − p) · ∂L/∂y_i.

    delta and mask of the same shape, p as in `dropout` -> like delta.

    ValueError for different shapes, and a p outside of 0 … 1.

    >>> dropout_gradient([1, 2, 3], [1, 0, 1], p=0.5)
    array([2., 0., 6.])
    """
    dtype = checks.dtype_of(delta)
    delta = checks.real("dropout_gradient", "delta", delta)
    mask, keep = _mask("dropout_gradient", mask, p, delta.shape)
    dx = np.zeros(delta.shape)
    for index in np.ndindex(delta.shape):
        if mask[index]:
            dx[index] = delta[index] / keep
    return dx.astype(dtype)


def dropout_classic_evaluation(x, p=0.5):
    """Eq. dropout (classic): training leaves what is kept unscaled, evaluation gives (1 − p)·x.

    x of any shape, p the probability of dropping -> like x.

    ValueError for a p outside of 0 … 1.

    >>> dropout_classic_evaluation([10, 20], p=0.2)
    array([ 8., 16.])
    """
    dtype = checks.dtype_of(x)
    x = checks.real("dropout_classic_evaluation", "x", x)
    keep = _keep_probability("dropout_classic_evaluation", p)
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        y[index] = keep * x[index]
    return y.astype(dtype)


def residual(z, a, projection=None):
    """Eq. residual: a^[l+2] = g(z^[l+2] + W_s a^[l]), g = ReLU.

    z (N, F, H, W) and a (N, C, H, W) -> (N, F, H, W), in the dtype of z. projection is W_s as a
    1×1 convolution (F, C, 1, 1); None, if C = F, is the identity.

    ValueError for shapes that do not fit together.

    >>> residual([[[[1, -5]]]], [[[[2, 3]]]])
    array([[[[3., 0.]]]])
    """
    return relu(_add_shortcut("residual", z, a, projection))


def residual_gradient(delta, z, a, projection=None):
    """Eqs. residual, chain-rule: δ passes g once, then goes down both paths.

    delta, z (N, F, H, W), a (N, C, H, W), projection (F, C, 1, 1) or None -> ∂L/∂z (N, F, H, W),
    ∂L/∂a by way of the shortcut (N, C, H, W), and ∂L/∂W_s, or None without projection. The
    other path adds its own share to ∂L/∂a.

    ValueError for shapes that do not fit together.

    >>> residual_gradient([[[[7, 7]]]], [[[[1, -5]]]], [[[[2, 3]]]])
    (array([[[[7., 0.]]]]), array([[[[7., 0.]]]]), None)
    """
    dz = relu_gradient(delta, _add_shortcut("residual_gradient", z, a, projection))
    if projection is None:
        return dz, dz.copy(), None
    da = conv2d_input_gradient(dz, projection, dz.shape[2:])
    return dz, da, conv2d_weight_gradient(dz, a, (1, 1))


def _add_shortcut(name, z, a, projection):
    dtype = checks.dtype_of(z)
    z = checks.array(name, "z", z, "N F H W")
    a = checks.array(name, "a", a, "N C H W")
    if projection is not None:
        projection = checks.array(name, "projection", projection, "F C 1 1")
        checks.shape(name, "projection", projection, (z.shape[1], a.shape[1], 1, 1))
        a = conv2d(a, projection)
    checks.shape(name, "a", a, z.shape)
    total = np.zeros(z.shape)
    for index in np.ndindex(z.shape):
        total[index] = z[index] + a[index]
    return total.astype(dtype)


def _mask(name, mask, p, shape):
    mask = np.asarray(mask)
    checks.shape(name, "mask", mask, shape)
    for index in np.ndindex(mask.shape):
        if mask[index] not in (0, 1):
            raise ValueError(f"{name}: mask must hold 0 and 1, got {mask[index]}")
    return mask, _keep_probability(name, p)


def _keep_probability(name, p):
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be a probability, 0 … 1, got {p}")
    return 1 - p
