"""Convolution over signals, and its transpose: every product in the sums, listed by its indices.

z_{f,i} = b_f + Σ w_{f,k,u} · x_{d,i·s+u·d'−p}. Each gradient is the same list of products with δ in
the place of one factor, and the transposed convolution the same list with x and z exchanged.
"""

import numpy as np

from . import checks
from .sizes import output_size_for, transposed_output_size_for


def conv1d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Eqs. conv1d-layer, 1.11: z^(f) = Σ_d w^(f,d) ⊗ x^(d) + b^(f).

    x (N, C, L), w (F, C/groups, m), b (F,) or None -> (N, F, OL), OL by eq. conv-size; in the
    dtype of x. ValueError for shapes that do not fit together.

    stride, padding and dilation are integers; groups divides C and F.

    >>> conv1d([[[1, 2, 4, 8]]], [[[-1, 1]]])
    array([[[1., 2., 4.]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("conv1d", "x", x, "N C L")
    w = checks.array("conv1d", "w", w, "F C/groups m")
    N, C, L = x.shape
    OL, products = _products("conv1d", L, C, w.shape, stride, padding, dilation, groups)
    z = _biases("conv1d", b, N, w.shape[0], OL)
    for n in range(N):
        for f, i, k, u, d, place in products:
            z[n, f, i] += w[f, k, u] * x[n, d, place]
    return z.astype(dtype)


def conv1d_input_gradient(delta, w, length, stride=1, padding=0, dilation=1, groups=1):
    """Eqs. 1.8, chain-rule: every δ_i adds δ_i · w_u to the x it was computed from.

    delta (N, F, OL), w (F, C/groups, m), length L -> (N, C, L), in the dtype of delta.

    stride, padding, dilation and groups as in the forward. ValueError for shapes that do not fit
    together.

    >>> conv1d_input_gradient([[[1, 10, 100]]], [[[-1, 1]]], 4)
    array([[[ -1.,  -9., -90., 100.]]])
    """
    name = "conv1d_input_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OL")
    w = checks.array(name, "w", w, "F C/groups m")
    C = w.shape[1] * checks.integer(name, "groups", groups, 1)
    OL, products = _products(name, length, C, w.shape, stride, padding, dilation, groups)
    checks.shape(name, "delta", delta, (len(delta), w.shape[0], OL))
    dx = np.zeros((len(delta), C, length))
    for n in range(len(delta)):
        for f, i, k, u, d, place in products:
            dx[n, d, place] += delta[n, f, i] * w[f, k, u]
    return dx.astype(dtype)


def conv1d_weight_gradient(delta, x, kernel_size, stride=1, padding=0, dilation=1, groups=1):
    """Eqs. 1.6, 1.12: ∂L/∂w_u = Σ_i δ_i · (the x that w_u is multiplied with in z_i).

    delta (N, F, OL), x (N, C, L), kernel_size m -> (F, C/groups, m), summed over the batch, in the
    dtype of delta.

    stride, padding, dilation and groups as in the forward. ValueError for shapes that do not fit
    together.

    >>> conv1d_weight_gradient([[[1, 10, 100]]], [[[1, 2, 4, 8]]], 2)
    array([[[421., 842.]]])
    """
    name = "conv1d_weight_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OL")
    x = checks.array(name, "x", x, "N C L")
    N, C, L = x.shape
    groups = checks.integer(name, "groups", groups, 1)
    shape = (delta.shape[1], C // groups, checks.integer(name, "kernel_size", kernel_size, 1))
    OL, products = _products(name, L, C, shape, stride, padding, dilation, groups)
    checks.shape(name, "delta", delta, (N, shape[0], OL))
    dw = np.zeros(shape)
    for n in range(N):
        for f, i, k, u, d, place in products:
            dw[f, k, u] += delta[n, f, i] * x[n, d, place]
    return dw.astype(dtype)


def conv1d_bias_gradient(delta):
    """Eq. 1.14 with one axis: ∂L/∂b^(f) = Σ_i δ^(f)_i, summed over the batch.

    delta (N, F, OL) -> (F,), in the dtype of delta. The same for `conv_transpose1d`.

    ValueError for a delta that has not three axes.

    >>> conv1d_bias_gradient([[[1, 2], [10, 20]]])
    array([ 3., 30.])
    """
    dtype = checks.dtype_of(delta)
    delta = checks.array("conv1d_bias_gradient", "delta", delta, "N F OL")
    db = np.zeros(delta.shape[1])
    for n, f, i in np.ndindex(delta.shape):
        db[f] += delta[n, f, i]
    return db.astype(dtype)


def conv_transpose1d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Eq. conv-transpose: every x_i adds x_i · w_u at i·s + u·d − p.

    x (N, C, L), w (C, F/groups, m), b (F,) or None -> (N, F, OL), OL by eq. conv-transpose-size;
    in the dtype of x. ValueError as in `conv_transpose2d`.

    stride, padding, output_padding and dilation are integers.

    >>> conv_transpose1d([[[1, 10]]], [[[1, 2, 3]]], stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]])
    """
    name = "conv_transpose1d"
    dtype = checks.dtype_of(x)
    x = checks.array(name, "x", x, "N C L")
    w = checks.array(name, "w", w, "C F/groups m")
    N, C, L = x.shape
    checks.shape(name, "w", w, (C, *w.shape[1:]))
    F = w.shape[1] * checks.integer(name, "groups", groups, 1)
    OL = transposed_output_size_for(name, L, w.shape[2], stride, padding, output_padding, dilation)
    # The convolution that this is the transpose of leads from OL entries of F maps to x.
    _, products = _products(name, OL, F, w.shape, stride, padding, dilation, groups)
    y = _biases(name, b, N, F, OL)
    for n in range(N):
        for c, i, k, u, f, place in products:
            if i < L:
                y[n, f, place] += w[c, k, u] * x[n, c, i]
    return y.astype(dtype)


def conv_transpose1d_input_gradient(delta, w, length, stride=1, padding=0, dilation=1, groups=1):
    """Eqs. conv-transpose, chain-rule: ∂L/∂x_i = Σ_u w_u · δ_{i·s+u·d−p}, a convolution of δ.

    delta (N, F, OL), w (C, F/groups, m), length L -> (N, C, L), in the dtype of delta.

    stride, padding, dilation and groups as in the forward. ValueError for shapes that do not fit
    together.

    >>> conv_transpose1d_input_gradient([[[1, 10, 100, 1000, 10000]]], [[[1, 2, 3]]], 2, stride=2)
    array([[[  321., 32100.]]])
    """
    name = "conv_transpose1d_input_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OL")
    w = checks.array(name, "w", w, "C F/groups m")
    N, F, OL = delta.shape
    _, products = _products(name, OL, F, w.shape, stride, padding, dilation, groups)
    dx = np.zeros((N, w.shape[0], length))
    for n in range(N):
        for c, i, k, u, f, place in products:
            if i < length:
                dx[n, c, i] += w[c, k, u] * delta[n, f, place]
    return dx.astype(dtype)


def conv_transpose1d_weight_gradient(
    delta, x, kernel_size, stride=1, padding=0, dilation=1, groups=1
):
    """Eqs. conv-transpose, chain-rule: ∂L/∂w_u = Σ_i x_i · δ_{i·s+u·d−p}.

    delta (N, F, OL), x (N, C, L), kernel_size m -> (C, F/groups, m), summed over the batch, in the
    dtype of delta.

    stride, padding, dilation and groups as in the forward. ValueError for shapes that do not fit
    together.

    >>> conv_transpose1d_weight_gradient([[[1, 10, 100, 1000]]], [[[1, 2]]], 2, stride=2)
    array([[[ 201., 2010.]]])
    """
    name = "conv_transpose1d_weight_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OL")
    x = checks.array(name, "x", x, "N C L")
    N, F, OL = delta.shape
    groups = checks.integer(name, "groups", groups, 1)
    shape = (x.shape[1], F // groups, checks.integer(name, "kernel_size", kernel_size, 1))
    _, products = _products(name, OL, F, shape, stride, padding, dilation, groups)
    dw = np.zeros(shape)
    for n in range(N):
        for c, i, k, u, f, place in products:
            if i < x.shape[2]:
                dw[c, k, u] += x[n, c, i] * delta[n, f, place]
    return dw.astype(dtype)


def _biases(name, b, N, F, OL):
    """(N, F, OL), every entry the bias of its map."""
    b = np.zeros(F) if b is None else checks.array(name, "b", b, "F")
    checks.shape(name, "b", b, (F,))
    z = np.zeros((N, F, OL))
    for n, f, i in np.ndindex(z.shape):
        z[n, f, i] = b[f]
    return z


def _products(name, L, C, w_shape, stride, padding, dilation, groups):
    """OL, and [(f, i, k, u, d, place)]: z_{f,i} has the product w_{f,k,u} · x_{d,place} in it.

    k counts the input maps of f's group and d all of them; what lies on the padding is left out.
    """
    stride = checks.integer(name, "stride", stride, 1)
    padding = checks.integer(name, "padding", padding, 0)
    dilation = checks.integer(name, "dilation", dilation, 1)
    groups = checks.integer(name, "groups", groups, 1)
    F, in_group, m = w_shape
    if min(w_shape) < 1 or F % groups or in_group * groups != C:
        raise ValueError(
            f"{name}: w {tuple(w_shape)} does not fit {C} maps in {groups} groups, each of which "
            "reads its part of the maps and has its part of the kernels"
        )
    OL = output_size_for(name, L, m, stride, padding, dilation)
    products = []
    for f, i, k, u in np.ndindex(F, OL, in_group, m):
        place = i * stride + u * dilation - padding
        if 0 <= place < L:
            products.append((f, i, k, u, f // (F // groups) * in_group + k, place))
    return OL, products
