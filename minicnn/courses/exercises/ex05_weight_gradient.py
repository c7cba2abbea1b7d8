"""Exercise 5, the grader's side: ∂L/∂W and ∂L/∂b of a convolution."""

import numpy as np

from minicnn import textbook
from minicnn.courses.exercise import Derivative, Exercise, Probe, Task, Wrong, faults, gradients


def _pair(n):
    return (n, n)


def _probe(title, x, w, stride=1, padding=0):
    """δ has the size of the output: computed here, so that no probe can be inconsistent."""

    def arguments(rng):
        out = [(x[i] + 2 * padding - w[i]) // stride + 1 for i in (2, 3)]
        return {
            "delta": rng.standard_normal((x[0], w[0], *out)),
            "x": rng.standard_normal(x),
            "kernel_size": w[2:],
            "stride": stride,
            "padding": padding,
        }

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answer


def _dw(delta, x, kernel_size, stride, padding):
    return textbook.conv2d_weight_gradient(delta, x, kernel_size, _pair(stride), _pair(padding))


def _db(delta):
    return textbook.conv2d_bias_gradient(delta)


# What the results are derivatives of: the convolution as a function of W, and of b.


def _w(delta, x, kernel_size, **_):
    return np.zeros((delta.shape[1], x.shape[1], *kernel_size))


def _of_w(w, delta, x, stride, padding, **_):
    return textbook.conv2d(x, w, None, _pair(stride), _pair(padding))


def _b(delta):
    return np.zeros(delta.shape[1])


def _of_b(b, delta):
    return np.zeros(delta.shape) + b.reshape(1, -1, 1, 1)


def _terms(result, index, delta, x, stride, padding, **_):
    """dW[p,d,u,v] = Σ δ[n,p,i,j] · x[n,d,i·s+u−q,j·s+v−q]: which is what a message can show."""
    p, d, u, v = index
    lines = []
    for n, i, j in np.ndindex(delta.shape[0], *delta.shape[2:]):
        row, column = i * stride + u - padding, j * stride + v - padding
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            a, b = delta[n, p, i, j], x[n, d, row, column]
            lines.append(f"δ[{n},{p},{i},{j}] · x[{n},{d},{row},{column}] = {a:.4g} · {b:.4g}")
    return lines


# --------------------------------------------------------------------- the wrong answers


def _both(operation, delta, x, kernel_size, stride, padding):
    pairs = _pair(stride), _pair(padding), (1, 1), 1
    w = np.zeros((delta.shape[1], x.shape[1], *kernel_size))
    return gradients(operation(*pairs), (x, w, np.zeros(len(w))), delta)


def _wrong_dw(operation, **arguments):
    return _both(operation, **arguments)[1]


def _wrong_db(operation, delta):
    # Every δ comes from some convolution: here from one of 1 × 1.
    return _both(operation, delta, np.zeros_like(delta), (1, 1), 1, 0)[2]


def _padding_ignored(delta, x, kernel_size, stride, padding):
    """As `_dw`, but x is read where it stands, and what lies beyond it counts as 0."""
    beyond = [(0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)]
    return _dw(delta, np.pad(x, beyond), kernel_size, stride, 0)


def _maps_exchanged(**arguments):
    right = _dw(**arguments)
    return np.ascontiguousarray(right.swapaxes(0, 1)).reshape(right.shape)


EXERCISE = Exercise(
    number=5,
    name="ex05_weight_gradient",
    title="∂L/∂W and ∂L/∂b of a convolution",
    equations=("1.12", "conv-dw-stride", "1.14"),
    see="minicnn step lenet5 --layer conv2 --plain",
    tasks=(
        Task(
            function="conv_weight_gradient",
            arguments=("delta", "x", "kernel_size", "stride", "padding"),
            results=("dW",),
            expected=_dw,
            probes=(
                _probe("C = F, padding 1", (3, 2, 7, 9), (2, 2, 3, 3), padding=1),
                _probe("C ≠ F, unequal kernel", (2, 3, 5, 6), (2, 3, 2, 3)),
                _probe("stride 2, padding 1", (2, 3, 7, 9), (3, 3, 3, 3), stride=2, padding=1),
            ),
            hidden=(
                _probe("stride 2 that does not divide", (2, 2, 6, 8), (3, 2, 3, 2), stride=2),
                _probe("kernel 1 × 1", (3, 3, 4, 5), (2, 3, 1, 1)),
                _probe("stride 3, padding 2", (2, 2, 5, 6), (2, 2, 3, 2), stride=3, padding=2),
            ),
            wrong=(
                *faults(
                    ("conv-dw-rotated", "conv-dw-one-sample", "conv-dw-mean",
                     "conv-delta-ignored", "conv-delta-transposed"),
                    _wrong_dw,
                ),
                Wrong("conv-dw-sign", "∂L/∂W with the wrong sign", lambda **a: -_dw(**a)),
                Wrong("conv-dw-padding-ignored", "x read without its padding", _padding_ignored),
                Wrong(
                    "conv-dw-maps-exchanged",
                    "the axes of input and output maps exchanged in ∂L/∂W",
                    _maps_exchanged,
                ),
            ),
            derivatives={"dW": Derivative(_of_w, _w, linear=True)},
            linear_in="delta",
            terms=_terms,
        ),
        Task(
            function="conv_bias_gradient",
            arguments=("delta",),
            results=("db",),
            expected=_db,
            probes=(
                Probe("N = 3", lambda rng: {"delta": rng.standard_normal((3, 2, 4, 5))}),
                Probe("N = 2, one row", lambda rng: {"delta": rng.standard_normal((2, 3, 1, 6))}),
            ),
            wrong=faults(("conv-db-mean", "conv-db-one-sample"), _wrong_db),
            derivatives={"db": Derivative(_of_b, _b, linear=True)},
            linear_in="delta",
        ),
    ),
)  # fmt: skip
