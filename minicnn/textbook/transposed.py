"""Transposed convolution: as a sum over indices, and as Cᵀ for the matrix C of a convolution."""

import numpy as np

from . import checks
from .sizes import transposed_output_size_for


def conv_transpose2d(
    x,
    w,
    b=None,
    stride=(1, 1),
    padding=(0, 0),
    output_padding=(0, 0),
    dilation=(1, 1),
    groups=1,
):
    """Eq. conv-transpose: every x_ij adds x_ij · w_uv at (i·s + u·d − p, j·s + v·d − p).

    x (N, C, H, W), w (C, F/groups, kh, kw), b (F,) or None -> (N, F, OH, OW), OH and OW by
    eq. conv-transpose-size; in the dtype of x. The other arguments but groups are pairs (h, w).
    (The position is written for indices from 0.) ValueError for shapes that do not fit together
    and for output_padding that is not smaller than stride or dilation.

    Those pairs: stride, padding, output_padding, dilation.

    >>> conv_transpose2d([[[[1, 10]]]], [[[[1, 2, 3]]]])
    array([[[[ 1., 12., 23., 30.]]]])
    >>> conv_transpose2d([[[[1, 10]]]], [[[[1, 2, 3]]]], stride=(1, 2))
    array([[[[ 1.,  2., 13., 20., 30.]]]])
    """
    name = "conv_transpose2d"
    dtype = checks.dtype_of(x)
    x = checks.array(name, "x", x, "N C H W")
    w = checks.array(name, "w", w, "C F/groups kh kw")
    sh, sw = checks.pair(name, "stride", stride, 1)
    ph, pw = checks.pair(name, "padding", padding, 0)
    ah, aw = checks.pair(name, "output_padding", output_padding, 0)
    dh, dw = checks.pair(name, "dilation", dilation, 1)
    groups = checks.integer(name, "groups", groups, 1)
    N, C, H, W = x.shape
    checks.shape(name, "w", w, (C, *w.shape[1:]))
    if C % groups:
        raise ValueError(f"{name}: groups ({groups}) must divide the {C} channels of x")
    _, F_in_group, kh, kw = w.shape
    C_in_group = C // groups
    F = F_in_group * groups
    b = np.zeros(F) if b is None else checks.array(name, "b", b, "F")
    checks.shape(name, "b", b, (F,))
    OH = transposed_output_size_for(name, H, kh, sh, ph, ah, dh)
    OW = transposed_output_size_for(name, W, kw, sw, pw, aw, dw)

    y = np.zeros((N, F, OH, OW))
    for n in range(N):
        for f in range(F):
            for row in range(OH):
                for column in range(OW):
                    y[n, f, row, column] = b[f]
        for c in range(C):
            group = c // C_in_group
            for k in range(F_in_group):
                for i in range(H):
                    for j in range(W):
                        for u in range(kh):
                            for v in range(kw):
                                row = i * sh + u * dh - ph
                                column = j * sw + v * dw - pw
                                if 0 <= row < OH and 0 <= column < OW:
                                    f = group * F_in_group + k
                                    y[n, f, row, column] += x[n, c, i, j] * w[c, k, u, v]
    return y.astype(dtype)


def conv_transpose2d_input_gradient(
    delta, w, input_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eqs. conv-transpose, chain-rule: ∂L/∂x_ij = Σ_uv w_uv · δ_{i·s+u·d−p, j·s+v·d−p}.

    What x_ij was laid onto sends its error back: the convolution that is transposed here, applied
    to δ. delta (N, F, OH, OW), w (C, F/groups, kh, kw), input_size = (H, W) -> (N, C, H, W), in
    the dtype of delta. The other arguments as in `conv_transpose2d`.

    stride, padding, dilation and groups as there. ValueError for shapes that do not fit together.

    >>> conv_transpose2d_input_gradient([[[[1, 10, 100, 1000]]]], [[[[1, 2, 3]]]], (1, 2))
    array([[[[ 321., 3210.]]]])
    """
    name = "conv_transpose2d_input_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OH OW")
    w = checks.array(name, "w", w, "C F/groups kh kw")
    size = checks.pair(name, "input_size", tuple(input_size), 1)
    places = _places(name, delta, size, w.shape, (stride, padding, dilation), groups)
    dx = np.zeros((delta.shape[0], w.shape[0], *size))
    for n in range(delta.shape[0]):
        for c, k, u, v, i, j, f, row, column in places:
            dx[n, c, i, j] += w[c, k, u, v] * delta[n, f, row, column]
    return dx.astype(dtype)


def conv_transpose2d_weight_gradient(
    delta, x, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    """Eqs. conv-transpose, chain-rule: ∂L/∂w_uv = Σ_ij x_ij · δ_{i·s+u·d−p, j·s+v·d−p}.

    delta (N, F, OH, OW), x (N, C, H, W), kernel_size = (kh, kw) -> (C, F/groups, kh, kw), summed
    over the batch, in the dtype of delta. ∂L/∂b is `conv2d_bias_gradient`.

    stride, padding, dilation and groups as there. ValueError for shapes that do not fit together.

    >>> conv_transpose2d_weight_gradient([[[[1, 10, 100, 1000]]]], [[[[1, 2]]]], (1, 3))
    array([[[[  21.,  210., 2100.]]]])
    """
    name = "conv_transpose2d_weight_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N F OH OW")
    x = checks.array(name, "x", x, "N C H W")
    kh, kw = checks.pair(name, "kernel_size", kernel_size, 1)
    groups = checks.integer(name, "groups", groups, 1)
    shape = (x.shape[1], delta.shape[1] // groups, kh, kw)
    places = _places(name, delta, x.shape[2:], shape, (stride, padding, dilation), groups)
    dw = np.zeros(shape)
    for n in range(x.shape[0]):
        for c, k, u, v, i, j, f, row, column in places:
            dw[c, k, u, v] += x[n, c, i, j] * delta[n, f, row, column]
    return dw.astype(dtype)


def convolution_matrix(w, input_size):
    """Eq. conv-transpose: the sparse matrix C with Z = W ⊗ X written as z = C x.

    In 1-D: w (m,), input_size n -> (n − m + 1, n).
    In 2-D: w (m, n), input_size (M, N) -> ((M − m + 1)(N − n + 1), M·N), x and z row by row.
    One map, stride 1, no padding. In the dtype of w. ValueError if w is larger than the input.

    >>> convolution_matrix([1, 2, 3], 5)
    array([[1., 2., 3., 0., 0.],
           [0., 1., 2., 3., 0.],
           [0., 0., 1., 2., 3.]])
    """
    name = "convolution_matrix"
    dtype = checks.dtype_of(w)
    w = np.asarray(w)
    if w.ndim == 1:
        w = checks.array(name, "w", w, "m")
        m = len(w)
        n = checks.integer(name, "input_size", input_size, max(m, 1))
        matrix = np.zeros((n - m + 1, n))
        for i in range(n - m + 1):
            for u in range(m):
                matrix[i, i + u] = w[u]
        return matrix.astype(dtype)
    w = checks.array(name, "w", w, "m n")
    m, n = w.shape
    M, N = checks.pair(name, "input_size", input_size, 1)
    if m > M or n > N:
        raise ValueError(f"{name}: w {w.shape} is larger than the input {(M, N)}")
    rows, columns = M - m + 1, N - n + 1
    matrix = np.zeros((rows * columns, M * N))
    for i in range(rows):
        for j in range(columns):
            for u in range(m):
                for v in range(n):
                    # Position (i, j) of a map with N columns is number i·N + j of its values.
                    matrix[i * columns + j, (i + u) * N + (j + v)] = w[u, v]
    return matrix.astype(dtype)


def multiply(matrix, x):
    """Eq. conv-transpose: z = C x, z_a = Σ_b c_ab · x_b.

    matrix (A, B), x (B,) -> (A,), in the dtype of x.

    ValueError for shapes that do not fit together.

    >>> multiply(convolution_matrix([1, 2], 3), [1, 10, 100])
    array([ 21., 210.])
    """
    dtype = checks.dtype_of(x)
    matrix = checks.array("multiply", "matrix", matrix, "A B")
    x = checks.array("multiply", "x", x, "B")
    A, B = matrix.shape
    checks.shape("multiply", "x", x, (B,))
    z = np.zeros(A)
    for a in range(A):
        for b in range(B):
            z[a] += matrix[a, b] * x[b]
    return z.astype(dtype)


def multiply_transposed(matrix, z):
    """Eq. conv-transpose: x' = Cᵀ z, x'_b = Σ_a c_ab · z_a.

    matrix (A, B), z (A,) -> (B,), in the dtype of z. It has the shape of x again, not its values.

    ValueError for shapes that do not fit together.

    >>> multiply_transposed(convolution_matrix([1, 2], 3), [1, 10])
    array([ 1., 12., 20.])
    """
    dtype = checks.dtype_of(z)
    matrix = checks.array("multiply_transposed", "matrix", matrix, "A B")
    z = checks.array("multiply_transposed", "z", z, "A")
    A, B = matrix.shape
    checks.shape("multiply_transposed", "z", z, (A,))
    x = np.zeros(B)
    for b in range(B):
        for a in range(A):
            x[b] += matrix[a, b] * z[a]
    return x.astype(dtype)


def _places(name, delta, size, w_shape, window, groups):
    """[(c, k, u, v, i, j, f, row, column)]: x_{c,i,j} · w_{c,k,u,v} went to y_{f,row,column}."""
    (sh, sw), (ph, pw), (dh, dw) = (
        checks.pair(name, argument, value, least)
        for argument, value, least in zip(
            ("stride", "padding", "dilation"), window, (1, 0, 1), strict=True
        )
    )
    C, F_in_group, kh, kw = w_shape
    N, _, OH, OW = delta.shape
    groups = checks.integer(name, "groups", groups, 1)
    if C % groups:
        raise ValueError(f"{name}: groups ({groups}) must divide the {C} channels of x")
    checks.shape(name, "delta", delta, (N, F_in_group * groups, OH, OW))
    places = []
    for c, k, u, v, i, j in np.ndindex(C, F_in_group, kh, kw, *size):
        row, column = i * sh + u * dh - ph, j * sw + v * dw - pw
        if 0 <= row < OH and 0 <= column < OW:
            places.append((c, k, u, v, i, j, c // (C // groups) * F_in_group + k, row, column))
    return places
