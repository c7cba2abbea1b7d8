"""Exercise 8, the grader's side: max pooling and mean pooling, backwards."""

import numpy as np

from minicnn import shapes, textbook
from minicnn.courses.exercise import (
    Derivative,
    Exercise,
    Probe,
    Task,
    Wrong,
    apart,
    faults,
    gradients,
)
from minicnn.ops.pooling import AvgPool2d, MaxPool2d


def _out(size, kernel_size, stride, padding):
    return tuple(
        shapes.output_size(n, k, stride, padding, 1) for n, k in zip(size, kernel_size, strict=True)
    )


def _max(title, x, kernel_size, stride, padding=0, ties=False):
    def arguments(rng):
        values = rng.integers(-1, 2, x).astype(np.float64) if ties else apart(*x)(rng)
        return {
            "x": values,
            "delta": rng.standard_normal((*x[:2], *_out(x[2:], kernel_size, stride, padding))),
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
        }

    return Probe(title, arguments)


def _mean(title, x, kernel_size, stride, padding=0):
    def arguments(rng):
        return {
            "size": x[2:],
            "delta": rng.standard_normal((*x[:2], *_out(x[2:], kernel_size, stride, padding))),
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
        }

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _max_back(x, delta, kernel_size, stride, padding):
    _, argmax = textbook.max_pool2d(x, kernel_size, (stride,) * 2, (padding,) * 2)
    return textbook.max_pool2d_gradient(delta, argmax, x.shape[2:])


def _of_max(x, delta, kernel_size, stride, padding):
    return textbook.max_pool2d(x, kernel_size, (stride,) * 2, (padding,) * 2)[0]


def _mean_back(size, delta, kernel_size, stride, padding):
    return textbook.avg_pool2d_gradient(delta, size, kernel_size, (stride,) * 2, (padding,) * 2)


def _of_mean(x, size, delta, kernel_size, stride, padding):
    return textbook.avg_pool2d(x, kernel_size, (stride,) * 2, (padding,) * 2)


def _windows(place, delta, kernel_size, stride, padding):
    """The windows (i, j) in which the pixel `place` lies."""
    _, _, row, column = place
    for i, j in np.ndindex(*delta.shape[2:]):
        top, left = i * stride - padding, j * stride - padding
        if 0 <= row - top < kernel_size[0] and 0 <= column - left < kernel_size[1]:
            yield i, j


def _max_terms(result, index, x, delta, **window):
    n, c, row, column = index
    _, argmax = textbook.max_pool2d(
        x, window["kernel_size"], (window["stride"],) * 2, (window["padding"],) * 2
    )
    lines = []
    for i, j in _windows(index, delta, **window):
        s, t = divmod(int(argmax[n, c, i, j]), x.shape[3])
        gets = f"δ = {delta[n, c, i, j]:.4g}" if (s, t) == (row, column) else "nothing"
        lines.append(f"window ({i},{j}): its maximum is x[{n},{c},{s},{t}], so this x gets {gets}")
    return lines


def _mean_terms(result, index, size, delta, kernel_size, **window):
    n, c = index[:2]
    area = kernel_size[0] * kernel_size[1]
    return [
        f"δ[{n},{c},{i},{j}] / {area} = {delta[n, c, i, j]:.4g} / {area}"
        for i, j in _windows(index, delta, kernel_size, **window)
    ]


# --------------------------------------------------------------------- the wrong answers


def _broken_max(operation, x, delta, kernel_size, stride, padding):
    out = delta.shape[2:]
    options = kernel_size, (stride,) * 2, (padding,) * 2, (1, 1), out
    return gradients(operation(*options), (x,), delta)[0]


class _SharedByMaxima(MaxPool2d):
    """δ divided among equal maxima."""

    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, delta, _):
        kernel, (stride, _), (padding, _), *_ = self.options
        around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        x = np.pad(self.x, around, constant_values=-np.inf)
        dx = np.zeros(x.shape)
        for n, c, i, j in np.ndindex(delta.shape):
            top, left = i * stride, j * stride
            place = n, c, slice(top, top + kernel[0]), slice(left, left + kernel[1])
            largest = x[place] == x[place].max()
            dx[place] += delta[n, c, i, j] * largest / largest.sum()
        height, width = self.x.shape[2:]
        return dx[:, :, padding : padding + height, padding : padding + width].copy()


class _Smallest(MaxPool2d):
    def backward(self, delta, _):
        kernel, stride, padding, *_ = self.options
        _, argmin = textbook.max_pool2d(-self.kept, kernel, stride, padding)
        return textbook.max_pool2d_gradient(delta, argmin, self.kept.shape[2:])

    def forward(self, x):
        self.kept = x
        return super().forward(x)


def _zero_padding(x, delta, kernel_size, stride, padding):
    """Zeros around x, not −∞: among negative x a zero wins, and δ is lost."""
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx = _max_back(wide, delta, kernel_size, stride, 0)
    return dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]].copy()


def _broken_mean(operation, size, delta, kernel_size, stride, padding):
    x = np.zeros((*delta.shape[:2], *size))
    options = kernel_size, (stride,) * 2, (padding,) * 2, delta.shape[2:], True
    return gradients(operation(*options), (x,), delta)[0]


class _DividedByStride(AvgPool2d):
    def backward(self, delta):
        kernel, stride, _ = self.options
        return super().backward(delta * (kernel[0] * kernel[1] / (stride[0] * stride[1])))


EXERCISE = Exercise(
    number=8,
    name="ex08_pooling",
    title="max pooling (overlap, ties) and mean pooling, backwards",
    equations=("1.17", "max-pool", "mean-pool"),
    see="minicnn step lenet5 --layer pool1 --plain",
    tasks=(
        Task(
            function="max_pool_back",
            arguments=("x", "delta", "kernel_size", "stride", "padding"),
            results=("dX",),
            expected=_max_back,
            probes=(
                _max("overlapping windows", (2, 2, 5, 7), (3, 3), 2),
                _max("overlapping, padding 1", (2, 3, 6, 5), (3, 2), 1, padding=1),
                _max("windows side by side that do not divide", (3, 2, 5, 7), (2, 2), 2),
                _max("ties", (2, 2, 5, 6), (3, 3), 2, padding=1, ties=True),
            ),
            hidden=(
                _max("ties, windows side by side", (3, 2, 4, 6), (2, 2), 2, ties=True),
                _max("stride larger than the window", (2, 2, 7, 8), (2, 2), 3),
            ),
            wrong=(
                *faults(("max-pool-assigned", "max-pool-last", "max-pool-all", "max-pool-corner",
                         "max-pool-delta-ignored"), _broken_max),
                Wrong("max-pool-shared", "δ divided among several equal maxima",
                      lambda **a: _broken_max(_SharedByMaxima, **a)),
                Wrong("max-pool-smallest", "δ to the smallest entry of the window",
                      lambda **a: _broken_max(_Smallest, **a)),
                Wrong("max-pool-zero-padding", "zeros in the padding, where −∞ belongs",
                      _zero_padding),
                Wrong("max-pool-value", "δ times the maximum",
                      lambda x, delta, **a: _max_back(x, delta * _of_max(x, delta, **a), **a)),
            ),
            linear_in="delta",
            terms=_max_terms,
        ),
        Task(
            function="mean_pool_back",
            arguments=("size", "delta", "kernel_size", "stride", "padding"),
            results=("dX",),
            expected=_mean_back,
            probes=(
                _mean("overlapping windows", (2, 2, 5, 7), (3, 3), 2),
                _mean("stride 1, padding 1", (2, 3, 6, 5), (3, 2), 1, padding=1),
                _mean("windows side by side that do not divide", (3, 2, 5, 7), (2, 2), 2),
            ),
            hidden=(_mean("stride 3, padding 2", (2, 2, 7, 8), (5, 4), 3, padding=2),),
            wrong=(
                *faults(("mean-pool-assigned", "mean-pool-not-divided", "mean-pool-corner",
                         "mean-pool-padding-not-counted"), _broken_mean),
                Wrong("mean-pool-divided-by-stride", "δ divided by s², not by the window's size",
                      lambda **a: _broken_mean(_DividedByStride, **a)),
                Wrong("mean-pool-delta-ignored", "δ taken for 1",
                      lambda delta, **a: _mean_back(delta=np.ones_like(delta), **a)),
            ),
            derivatives={
                "dX": Derivative(
                    _of_mean,
                    lambda size, delta, **_: np.zeros((*delta.shape[:2], *size)),
                    linear=True,
                )
            },
            linear_in="delta",
            terms=_mean_terms,
        ),
    ),
)  # fmt: skip
