"""Exercise 6, the grader's side: ∂L/∂X of a convolution, in two ways."""

import numpy as np

from minicnn import shapes, textbook
from minicnn.courses.exercise import (
    Call,
    Derivative,
    Exercise,
    Probe,
    Task,
    Wrong,
    faults,
    gradients,
)
from minicnn.ops.convolution import Conv2d


def _probe(title, x, w, stride=1, padding=0, **more):
    """δ has the size of the output; more may hold dilation and groups, or correlate."""

    def arguments(rng):
        dilation = more.get("dilation", 1)
        out = [shapes.output_size(x[i], w[i], stride, padding, dilation) for i in (2, 3)]
        return {
            "delta": rng.standard_normal((x[0], w[0], *out)),
            "weight": rng.standard_normal(w),
            "size": x[2:],
            "stride": stride,
            "padding": padding,
            **more,
        }

    return Probe(title, arguments)


def _scattered(title, x, w, stride=1, padding=0, dilation=1, groups=1):
    return _probe(title, x, w, stride, padding, dilation=dilation, groups=groups)


def _narrow(a, w):
    """What the student's `correlate` computes."""
    return textbook.conv2d(a, w)


def _rotated(title, x, w, stride=1, padding=0):
    return _probe(title, x, w, stride, padding, correlate=Call(_narrow))


# ------------------------------------------------------------------------- the right answer


def _options(stride, padding, dilation=1, groups=1, **_):
    return (stride,) * 2, (padding,) * 2, (dilation,) * 2, groups


def _dx(delta, weight, size, **options):
    return textbook.conv2d_input_gradient_scatter(delta, weight, size, *_options(**options))


def _x(delta, weight, size, groups=1, **_):
    return np.zeros((len(delta), weight.shape[1] * groups, *size))


def _of_x(x, delta, weight, size, **options):
    return textbook.conv2d(x, weight, None, *_options(**options))


def _terms(result, index, delta, weight, size, **options):
    """Which δ come from a window that holds this x, and with which weight."""
    (stride, _), (padding, _), (dilation, _), groups = _options(**options)
    n, c, s, t = index
    maps, depth, kh, kw = weight.shape
    part = maps // groups
    first = c // depth * part
    lines = []
    for p in range(first, first + part):
        for u, v in np.ndindex(kh, kw):
            i, down = divmod(s + padding - u * dilation, stride)
            j, across = divmod(t + padding - v * dilation, stride)
            inside = 0 <= i < delta.shape[2] and 0 <= j < delta.shape[3]
            if inside and not down and not across:
                w, d = weight[p, c % depth, u, v], delta[n, p, i, j]
                lines.append(f"δ[{n},{p},{i},{j}] · w[{p},{c % depth},{u},{v}] = {d:.4g} · {w:.4g}")
    return lines


# --------------------------------------------------------------------- the wrong answers


def _broken(operation, delta, weight, size, groups=1, **options):
    options = _options(groups=groups, **options)
    x = np.zeros((len(delta), weight.shape[1] * groups, *size))
    return gradients(operation(*options), (x, weight), delta)[0]


class _Cut(Conv2d):
    """∂L/∂X of the padded x, from which `cut` takes H × W."""

    def backward(self, delta):
        stride, (ph, pw), dilation, groups = self.options
        height, width = self.inputs[0][0][2:]
        whole = textbook.conv2d_input_gradient(
            delta, self.w, (height + 2 * ph, width + 2 * pw), stride, (0, 0), dilation, groups
        )
        top, left = self.cut(ph, pw)
        return whole[:, :, top : top + height, left : left + width].copy(), np.zeros_like(self.w)


class _CutAtTheEnd(_Cut):
    def cut(self, ph, pw):
        return 0, 0


class _CutAtTheStart(_Cut):
    def cut(self, ph, pw):
        return 2 * ph, 2 * pw


def _assigned(delta, weight, size, stride, padding, dilation=1, groups=1, **_):
    """Window after window, the last one wins; within a window the maps are added up."""
    (height, width), (_, depth, kh, kw) = size, weight.shape
    part = len(weight) // groups
    padded = np.zeros((len(delta), depth * groups, height + 2 * padding, width + 2 * padding))
    for n, i, j in np.ndindex(len(delta), *delta.shape[2:]):
        top, left = i * stride, j * stride
        rows = slice(top, top + (kh - 1) * dilation + 1, dilation)
        columns = slice(left, left + (kw - 1) * dilation + 1, dilation)
        for g in range(groups):
            own = slice(g * part, (g + 1) * part)
            window = np.einsum("p,pduv->duv", delta[n, own, i, j], weight[own])
            padded[n, g * depth : (g + 1) * depth, rows, columns] = window
    return padded[:, :, padding : padding + height, padding : padding + width].copy()


def _one_map(delta, weight, **options):
    weight = weight.copy()
    weight[1:] = 0
    return _dx(delta, weight, **options)


def _exchanged(delta, weight, **options):
    """The axes of W exchanged where it fits, and its numbers in that shape where it does not."""
    return _dx(delta, weight.swapaxes(0, 1).reshape(weight.shape).copy(), **options)


def _transposed(delta, weight, **options):
    return _dx(delta, weight.swapaxes(2, 3).reshape(weight.shape).copy(), **options)


def _delta_repeated(delta, weight, size, stride, padding, **more):
    """δ repeated in the place of the zeros between its rows and columns."""
    n, maps, oh, ow = delta.shape
    spread = delta.repeat(stride, axis=2).repeat(stride, axis=3)
    spread = spread[:, :, : (oh - 1) * stride + 1, : (ow - 1) * stride + 1]
    # The size of δ at stride 1, to which the r rows and columns belong.
    dense = [a + 2 * padding - k + 1 for a, k in zip(size, weight.shape[2:], strict=True)]
    room = np.zeros((n, maps, *dense))
    room[:, :, : spread.shape[2], : spread.shape[3]] = spread
    return _dx(room, weight, size=size, stride=1, padding=padding)


_SHARED = (
    *faults(
        (
            "conv-dx-not-rotated",
            "conv-dx-batch-reversed",
            "conv-dx-sign",
            "conv-delta-ignored",
            "conv-delta-transposed",
        ),
        _broken,
    ),
    Wrong(
        "conv-dx-channels-not-swapped",
        "W's axes of input and output maps exchanged the wrong way",
        _exchanged,
    ),
    Wrong(
        "conv-dx-wrong-crop",
        "the padding cut off at the end only",
        lambda **a: _broken(_CutAtTheEnd, **a),
    ),
    Wrong(
        "conv-dx-cut-at-the-start",
        "the padding cut off at the top and left only",
        lambda **a: _broken(_CutAtTheStart, **a),
    ),
    Wrong("conv-dx-one-map", "δ of the first output map only, no sum over the others", _one_map),
    Wrong("conv-dx-kernel-transposed", "the rows and columns of W exchanged", _transposed),
)

EXERCISE = Exercise(
    number=6,
    name="ex06_input_gradient",
    title="∂L/∂X of a convolution: scattered, and by rot180 and wide correlation",
    equations=("1.8", "1.9", "conv-dx-stride", "conv-r"),
    see="minicnn step lenet5 --layer conv2 --plain",
    seconds=30.0,
    tasks=(
        Task(
            function="dx_by_scattering",
            arguments=("delta", "weight", "size", "stride", "padding", "dilation", "groups"),
            results=("dX",),
            expected=_dx,
            probes=(
                _scattered("C = F, padding 1", (3, 2, 4, 5), (2, 2, 3, 3), padding=1),
                _scattered("C ≠ F, unequal kernel", (2, 3, 4, 5), (2, 3, 2, 3)),
                _scattered("stride 2 that does not divide, padding 1", (2, 2, 4, 6), (2, 2, 3, 3),
                           stride=2, padding=1),
                _scattered("dilation 2, padding 1", (2, 2, 5, 6), (3, 2, 3, 2),
                           padding=1, dilation=2),
                _scattered("two groups, C = F", (2, 4, 3, 4), (4, 2, 2, 2), groups=2),
            ),
            hidden=(
                _scattered("stride 3, padding 2", (2, 2, 7, 5), (2, 2, 3, 3), stride=3, padding=2),
                _scattered("stride 2, dilation 2", (2, 2, 6, 7), (2, 2, 2, 3),
                           stride=2, dilation=2),
                _scattered("three groups of one map", (2, 3, 3, 4), (6, 1, 2, 3), groups=3),
            ),
            wrong=(
                *_SHARED,
                *faults(
                    ("conv-dx-dilation-ignored", "conv-dx-stride-ignored",
                     "conv-dx-groups-mixed-up"),
                    _broken,
                ),
                Wrong("conv-dx-assigned", "= for += where windows overlap", _assigned),
            ),
            derivatives={"dX": Derivative(_of_x, _x, linear=True)},
            linear_in="delta",
            terms=_terms,
        ),
        Task(
            function="dx_by_rotating",
            arguments=("delta", "weight", "size", "stride", "padding", "correlate"),
            results=("dX",),
            expected=_dx,
            probes=(
                _rotated("C = F, padding 1", (3, 2, 4, 5), (2, 2, 3, 3), padding=1),
                _rotated("C ≠ F, unequal kernel", (2, 3, 4, 5), (2, 3, 2, 3)),
                _rotated("stride 2, padding 1", (2, 3, 5, 7), (3, 3, 3, 3), stride=2, padding=1),
                _rotated("stride 2 that does not divide, padding 1", (2, 2, 4, 6), (2, 2, 3, 3),
                         stride=2, padding=1),
            ),
            hidden=(
                _rotated("stride 3 that does not divide", (2, 2, 8, 6), (2, 2, 3, 2), stride=3),
                _rotated("stride 2, padding 2", (2, 3, 4, 5), (3, 3, 3, 3), stride=2, padding=2),
            ),
            wrong=(
                *_SHARED,
                *faults(("conv-dx-r-on-top", "conv-dx-stride-ignored"), _broken),
                Wrong("conv-dx-delta-repeated", "δ repeated, where zeros belong between its rows",
                      _delta_repeated),
            ),
            derivatives={"dX": Derivative(_of_x, _x, linear=True)},
            linear_in="delta",
            terms=_terms,
        ),
    ),
)  # fmt: skip
