"""Equations 1.11 to 1.16: a convolution layer over a batch, and its gradients.

Each gradient stands here twice: as the cross-correlation the equation says, and as the sum over
indices it stands for. D input maps are counted by d, F output maps by p (as P in the equations).
With groups the maps fall into `groups` equal parts, and each part is a layer of its own.
"""

import numpy as np

from . import checks
from .signals import append_zeros, crop, cross_correlate, insert_zeros, pad_zeros, rot180
from .sizes import leftover, output_size_for


def conv2d(x, w, b=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Eqs. 1.11, 1.15: Z^(p) = Σ_d W^(p,d) ⊗ X^(d) + b^(p).

    x (N, C, H, W), w (F, C/groups, kh, kw), b (F,) or None -> (N, F, OH, OW), OH and OW by
    eq. conv-size; in the dtype of x. stride, padding and dilation are pairs (h, w).
    ValueError for shapes that do not fit together.

    >>> x = np.arange(9).reshape(1, 1, 3, 3)
    >>> conv2d(x, [[[[0, 1], [2, 3]]]])
    array([[[[19., 25.],
             [37., 43.]]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("conv2d", "x", x, "N C H W")
    w = checks.array("conv2d", "w", w, "F C/groups kh kw")
    layer = _Layer("conv2d", x.shape[2:], w.shape, stride, padding, dilation, groups)
    N = x.shape[0]
    checks.shape("conv2d", "x", x, (N, layer.D, *x.shape[2:]))
    b = np.zeros(layer.F) if b is None else checks.array("conv2d", "b", b, "F")
    checks.shape("conv2d", "b", b, (layer.F,))

    y = np.zeros((N, layer.F, layer.OH, layer.OW))
    for n in range(N):
        padded = [pad_zeros(x[n, d], layer.padding) for d in range(layer.D)]
        for p in range(layer.F):
            for i in range(layer.OH):
                for j in range(layer.OW):
                    y[n, p, i, j] = b[p]
                    for d in layer.maps_read_by(p):
                        for u in range(layer.kh):
                            for v in range(layer.kw):
                                row = i * layer.sh + u * layer.dh
                                column = j * layer.sw + v * layer.dw
                                weight = w[p, d - layer.first_map_of(p), u, v]
                                y[n, p, i, j] += weight * padded[d][row, column]
    return y.astype(dtype)


def conv2d_input_gradient(
    delta, w, input_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eqs. conv-dx-stride, 1.9: ∂L/∂X^(d) = crop( Σ_p rot180(↑W^(p,d)) ⊗~ append_r(↑δ^(p)) ).

    The gather view: each ∂L/∂x collects what it needs. delta (N, F, OH, OW),
    w (F, C/groups, kh, kw), input_size = (H, W) -> (N, C, H, W), in the dtype of delta.
    ValueError for shapes that do not fit together.

    stride, padding, dilation and groups as in `conv2d`.

    >>> conv2d_input_gradient([[[[1, 10]]]], [[[[1, 2], [3, 4]]]], (2, 3))
    array([[[[ 1., 12., 20.],
             [ 3., 34., 40.]]]])
    """
    name = "conv2d_input_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OH OW")
    w = checks.array(name, "w", w, "F C/groups kh kw")
    layer = _Layer(name, input_size, w.shape, stride, padding, dilation, groups)
    N = delta.shape[0]
    checks.shape(name, "delta", delta, (N, layer.F, layer.OH, layer.OW))

    dx = np.zeros((N, layer.D, layer.H, layer.W))
    for n in range(N):
        for p in range(layer.F):
            spread = insert_zeros(delta[n, p], layer.stride)
            spread = append_zeros(spread, layer.leftover)
            for d in layer.maps_read_by(p):
                kernel = insert_zeros(w[p, d - layer.first_map_of(p)], layer.dilation)
                wide = cross_correlate(rot180(kernel), spread, "wide")
                dx[n, d] += crop(wide, layer.padding)
    return dx.astype(dtype)


def conv2d_input_gradient_scatter(
    delta, w, input_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eqs. 1.8, chain-rule: every δ_ij adds δ_ij · w_uv to each x that it was computed from.

    The scatter view of `conv2d_input_gradient`: same arguments, same result.

    Those are delta, w, input_size, stride, padding, dilation and groups; ValueError as there.

    >>> conv2d_input_gradient_scatter([[[[1, 10]]]], [[[[1, 2], [3, 4]]]], (2, 3))
    array([[[[ 1., 12., 20.],
             [ 3., 34., 40.]]]])
    """
    name = "conv2d_input_gradient_scatter"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OH OW")
    w = checks.array(name, "w", w, "F C/groups kh kw")
    layer = _Layer(name, input_size, w.shape, stride, padding, dilation, groups)
    N = delta.shape[0]
    checks.shape(name, "delta", delta, (N, layer.F, layer.OH, layer.OW))

    dx = np.zeros((N, layer.D, layer.H, layer.W))
    for n in range(N):
        for p in range(layer.F):
            for i in range(layer.OH):
                for j in range(layer.OW):
                    for d in layer.maps_read_by(p):
                        for u in range(layer.kh):
                            for v in range(layer.kw):
                                row = i * layer.sh + u * layer.dh - layer.ph
                                column = j * layer.sw + v * layer.dw - layer.pw
                                weight = w[p, d - layer.first_map_of(p), u, v]
                                # What lies on the padding has no ∂L/∂x.
                                if 0 <= row < layer.H and 0 <= column < layer.W:
                                    dx[n, d, row, column] += delta[n, p, i, j] * weight
    return dx.astype(dtype)


def conv2d_weight_gradient(
    delta, x, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eqs. 1.12, conv-dw-stride: ∂L/∂W^(p,d) = [ (↑δ^(p)) ⊗ pad(X^(d)) ], every k-th of m'.

    delta (N, F, OH, OW), x (N, C, H, W), kernel_size = (kh, kw) -> (F, C/groups, kh, kw), summed
    over the batch, in the dtype of delta. k is the dilation, m' the dilated kernel size.
    ValueError for shapes that do not fit together.

    stride, padding, dilation and groups as in `conv2d`.

    >>> x = np.arange(9).reshape(1, 1, 3, 3)
    >>> conv2d_weight_gradient([[[[1, 0], [0, 10]]]], x, (2, 2))
    array([[[[40., 51.],
             [73., 84.]]]])
    """
    name = "conv2d_weight_gradient"
    dtype = checks.dtype_of(delta)
    delta, x, layer = _weight_gradient_arguments(
        name, delta, x, kernel_size, stride, padding, dilation, groups
    )
    dw = np.zeros((layer.F, layer.D // groups, layer.kh, layer.kw))
    for n in range(x.shape[0]):
        for p in range(layer.F):
            spread = insert_zeros(delta[n, p], layer.stride)
            for d in layer.maps_read_by(p):
                # The result has m' + r rows; the r last ones belong to no weight.
                all_shifts = cross_correlate(spread, pad_zeros(x[n, d], layer.padding))
                for u in range(layer.kh):
                    for v in range(layer.kw):
                        shift = all_shifts[u * layer.dh, v * layer.dw]
                        dw[p, d - layer.first_map_of(p), u, v] += shift
    return dw.astype(dtype)


def conv2d_weight_gradient_direct(
    delta, x, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eqs. 1.6, 1.12: ∂L/∂w_uv = Σ_i Σ_j δ_ij · (the x that w_uv is multiplied with in z_ij).

    Same arguments and result as `conv2d_weight_gradient`.

    Those are delta, x, kernel_size, stride, padding, dilation and groups; ValueError as there.

    >>> x = np.arange(9).reshape(1, 1, 3, 3)
    >>> conv2d_weight_gradient_direct([[[[1, 0], [0, 10]]]], x, (2, 2))
    array([[[[40., 51.],
             [73., 84.]]]])
    """
    name = "conv2d_weight_gradient_direct"
    dtype = checks.dtype_of(delta)
    delta, x, layer = _weight_gradient_arguments(
        name, delta, x, kernel_size, stride, padding, dilation, groups
    )
    dw = np.zeros((layer.F, layer.D // groups, layer.kh, layer.kw))
    for p in range(layer.F):
        for d in layer.maps_read_by(p):
            for u in range(layer.kh):
                for v in range(layer.kw):
                    total = 0.0
                    for n in range(x.shape[0]):
                        for i in range(layer.OH):
                            for j in range(layer.OW):
                                row = i * layer.sh + u * layer.dh - layer.ph
                                column = j * layer.sw + v * layer.dw - layer.pw
                                if 0 <= row < layer.H and 0 <= column < layer.W:
                                    total += delta[n, p, i, j] * x[n, d, row, column]
                    dw[p, d - layer.first_map_of(p), u, v] = total
    return dw.astype(dtype)


def conv2d_bias_gradient(delta):
    """Eq. 1.14: ∂L/∂b^(p) = Σ_i Σ_j [δ^(p)]_ij, summed over the batch.

    delta (N, F, OH, OW) -> (F,), in the dtype of delta.

    ValueError for a delta that has not four axes.

    >>> conv2d_bias_gradient([[[[1, 2]], [[10, 20]]], [[[3, 4]], [[30, 40]]]])
    array([ 10., 100.])
    """
    dtype = checks.dtype_of(delta)
    delta = checks.array("conv2d_bias_gradient", "delta", delta, "N F OH OW")
    N, F, OH, OW = delta.shape
    db = np.zeros(F)
    for p in range(F):
        for n in range(N):
            for i in range(OH):
                for j in range(OW):
                    db[p] += delta[n, p, i, j]
    return db.astype(dtype)


def error_below_convolution(
    delta, w, slope, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eq. 1.16: δ^(l,d) = f_l'(Z^(l,d)) ⊙ Σ_p ( rot180(W^(l+1,p,d)) ⊗~ δ^(l+1,p) ).

    delta (N, F, OH, OW) of layer l + 1, its w (F, C/groups, kh, kw), slope (N, C, H, W) holding
    f_l'(Z^(l)) -> δ^(l) (N, C, H, W), in the dtype of delta.

    stride, padding, dilation and groups as in `conv2d`.

    ValueError for shapes that do not fit together.

    >>> error_below_convolution([[[[1, 10]]]], [[[[2]]]], [[[[1, 0]]]])
    array([[[[2., 0.]]]])
    """
    name = "error_below_convolution"
    slope = checks.array(name, "slope", slope, "N C H W")
    error = conv2d_input_gradient(delta, w, slope.shape[2:], stride, padding, dilation, groups)
    checks.shape(name, "slope", slope, error.shape)
    for index in np.ndindex(error.shape):
        error[index] = slope[index] * error[index]
    return error


def _weight_gradient_arguments(name, delta, x, kernel_size, stride, padding, dilation, groups):
    """Checked arrays, and the layer that w would belong to."""
    delta = checks.array(name, "delta", delta, "N F OH OW")
    x = checks.array(name, "x", x, "N C H W")
    kernel_size = checks.pair(name, "kernel_size", kernel_size, 1)
    groups = checks.integer(name, "groups", groups, 1)
    N, F = delta.shape[:2]
    D = x.shape[1]
    if D % groups:
        raise ValueError(f"{name}: groups ({groups}) must divide the {D} channels of x")
    w_shape = (F, D // groups, *kernel_size)
    layer = _Layer(name, x.shape[2:], w_shape, stride, padding, dilation, groups)
    checks.shape(name, "x", x, (N, D, layer.H, layer.W))
    checks.shape(name, "delta", delta, (N, F, layer.OH, layer.OW))
    return delta, x, layer


class _Layer:
    """The sizes of one layer, checked, under short names."""

    def __init__(self, name, input_size, w_shape, stride, padding, dilation, groups):
        self.H, self.W = checks.pair(name, "input_size", tuple(input_size), 1)
        self.stride = self.sh, self.sw = checks.pair(name, "stride", stride, 1)
        self.padding = self.ph, self.pw = checks.pair(name, "padding", padding, 0)
        self.dilation = self.dh, self.dw = checks.pair(name, "dilation", dilation, 1)
        groups = checks.integer(name, "groups", groups, 1)
        self.F, self.D_in_group, self.kh, self.kw = w_shape
        self.D = self.D_in_group * groups
        if min(w_shape) < 1:
            raise ValueError(f"{name}: w must not be empty, got shape {w_shape}")
        if self.F % groups:
            raise ValueError(f"{name}: groups ({groups}) must divide the {self.F} kernels of w")
        self.F_in_group = self.F // groups
        down = (self.H, self.kh, self.sh, self.ph, self.dh)
        across = (self.W, self.kw, self.sw, self.pw, self.dw)
        self.OH = output_size_for(name, *down)
        self.OW = output_size_for(name, *across)
        self.leftover = leftover(*down), leftover(*across)

    def first_map_of(self, p):
        """The first input map of the group that output map p belongs to."""
        return p // self.F_in_group * self.D_in_group

    def maps_read_by(self, p):
        """The input maps that output map p is computed from: without groups, all of them."""
        first = self.first_map_of(p)
        return range(first, first + self.D_in_group)
