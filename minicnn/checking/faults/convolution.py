"""Wrong backwards of a convolution.

`StepByStep` computes both gradients as they are written down for stride, padding, dilation and
groups; most faults leave out one of its steps.
"""

import numpy as np

from minicnn.checking.faults.fault import Fault, Probe, Subject, normal
from minicnn.kernels import find
from minicnn.ops.convolution import Conv2d
from minicnn.shapes import remainder


def _correlate(x, w, padding=(0, 0), groups=1):
    """W ⊗ X for all samples and maps, with zeros around X."""
    return find("conv2d")(x, np.ascontiguousarray(w), (1, 1), padding, (1, 1), groups)


def _with_zeros(a, steps):
    """`a` with steps − 1 zeros between its rows and between its columns."""
    (n, c, h, w), (sh, sw) = a.shape, steps
    result = np.zeros((n, c, (h - 1) * sh + 1, (w - 1) * sw + 1), a.dtype)
    result[:, :, ::sh, ::sw] = a
    return result


class StepByStep(Conv2d):
    """A `Conv2d` whose gradients follow ``conv-dx-stride`` and ``conv-dw-stride`` to the letter."""

    def backward(self, delta):
        stride, padding, dilation, groups = self.options
        (n, _, *size), (f, c, *kernel) = self.inputs[0][0], self.inputs[1][0]
        r = [remainder(*a) for a in zip(size, kernel, stride, padding, dilation, strict=True)]
        spread = self.insert_zeros(delta, stride)

        # ∂L/∂X: rot180(W), dilated, ⊗~ the δ of all output maps of the group
        w = _with_zeros(self.rotate(self.w), dilation)
        reach = tuple(s - 1 for s in w.shape[2:])
        dx = _correlate(self.append_r(spread, r), self.swap(w, groups), reach, groups)
        dx = self.crop(dx, padding, size)

        # ∂L/∂W: δ ⊗ the padded X. Samples take the place of channels, and are summed over.
        ph, pw = padding
        x = np.pad(self.x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        x = x.reshape(n, groups, c, *x.shape[2:])
        d = spread.reshape(n, groups, f // groups, *spread.shape[2:])
        dw = [
            _correlate(x[:, g].swapaxes(0, 1), d[:, g].swapaxes(0, 1)).swapaxes(0, 1)
            for g in range(groups)
        ]
        dw = self.every(np.concatenate(dw), kernel, dilation)
        return (dx, np.ascontiguousarray(dw), *([self.bias(delta)] if len(self.inputs) > 2 else []))

    def insert_zeros(self, delta, stride):
        return _with_zeros(delta, stride)

    def append_r(self, delta, r):
        return np.pad(delta, ((0, 0), (0, 0), (0, r[0]), (0, r[1])))

    def rotate(self, w):
        return w[:, :, ::-1, ::-1]

    def swap(self, w, groups):
        """(F, C/G, …) → (C, F/G, …): what was summed over is now what is computed."""
        f, c, *kernel = w.shape
        w = w.reshape(groups, f // groups, c, *kernel).swapaxes(1, 2)
        return w.reshape(groups * c, f // groups, *kernel)

    def crop(self, dx, padding, size):
        (top, left), (height, width) = padding, size
        return np.ascontiguousarray(dx[:, :, top : top + height, left : left + width])

    def every(self, dw, kernel, dilation):
        (kh, kw), (dh, dw_) = kernel, dilation
        return dw[:, :, : (kh - 1) * dh + 1 : dh, : (kw - 1) * dw_ + 1 : dw_]

    def bias(self, delta):
        return delta.sum(axis=(0, 2, 3))


class NotRotated(StepByStep):
    def rotate(self, w):
        return w


class ChannelsNotSwapped(StepByStep):
    def swap(self, w, groups):
        f, c, *kernel = w.shape
        return w.reshape(groups * c, f // groups, *kernel)


class CroppedAtTheEnd(StepByStep):
    def crop(self, dx, padding, size):
        return super().crop(dx, (0, 0), size)


class WithoutR(StepByStep):
    def append_r(self, delta, r):
        return delta


class ROnTop(StepByStep):
    def append_r(self, delta, r):
        return np.pad(delta, ((0, 0), (0, 0), (r[0], 0), (r[1], 0)))


class WeightNotStepped(StepByStep):
    def every(self, dw, kernel, dilation):
        return dw[:, :, : kernel[0], : kernel[1]]


class WeightNotCut(StepByStep):
    def every(self, dw, kernel, dilation):
        return dw[:, :, :: dilation[0], :: dilation[1]]


class _Kernels(Conv2d):
    """A `Conv2d` that changes what goes into the right gradients, or what comes out of them."""

    def dx_options(self):
        return self.options

    def change(self, dx, dw, db):
        return dx, dw, db

    def backward(self, delta):
        options, size = self.dx_options(), self.inputs[0][0][2:]
        dx = find("conv2d_input_gradient")(delta, self.w, size, *options)
        kernel = self.inputs[1][0][2:]
        dw = find("conv2d_weight_gradient")(delta, self.x, kernel, *self.options)
        dx, dw, db = self.change(dx, dw, delta.sum(axis=(0, 2, 3)))
        found = [dx, dw, db][: len(self.inputs)]
        return tuple(np.ascontiguousarray(g) for g in found)


class WeightRotated(_Kernels):
    def change(self, dx, dw, db):
        return dx, dw[:, :, ::-1, ::-1], db


class DilationIgnored(_Kernels):
    def dx_options(self):
        stride, padding, _, groups = self.options
        return stride, padding, (1, 1), groups


class StrideIgnored(_Kernels):
    def dx_options(self):
        _, padding, dilation, groups = self.options
        return (1, 1), padding, dilation, groups


class GroupsMixedUp(_Kernels):
    def change(self, dx, dw, db):
        return np.roll(dx, dx.shape[1] // self.options[3], axis=1), dw, db


class BatchReversed(_Kernels):
    def change(self, dx, dw, db):
        return dx[::-1], dw, db


class SignFlipped(_Kernels):
    def change(self, dx, dw, db):
        return -dx, dw, db


class WeightMean(_Kernels):
    def change(self, dx, dw, db):
        return dx, dw / len(dx), db


class DeltaIgnored(_Kernels):
    def backward(self, delta):
        return super().backward(np.ones_like(delta))


class DeltaTransposed(_Kernels):
    def backward(self, delta):
        # The numbers of δᵀ in the shape of δ, as a wrong reshape leaves them.
        return super().backward(delta.swapaxes(2, 3).reshape(delta.shape))


class WeightOfOneSample(_Kernels):
    def backward(self, delta):
        dx, _, *db = super().backward(delta)
        only = np.zeros_like(delta)
        only[0] = delta[0]
        return dx, super().backward(only)[1], *db


class BiasMean(_Kernels):
    def change(self, dx, dw, db):
        return dx, dw, db / self.positions

    def backward(self, delta):
        self.positions = delta[:, 0].size
        return super().backward(delta)


class BiasOfOneSample(_Kernels):
    def backward(self, delta):
        dx, dw, *_ = super().backward(delta)
        return dx, dw, delta[0].sum(axis=(1, 2))


def _probe(title, x, w, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    window = {"kernel_size": w[2:], "stride": stride, "padding": padding, "dilation": dilation}
    arguments = (stride, padding, dilation, groups)
    return Probe(title, normal(x, w, w[:1]), arguments, {"window": window})


SUBJECTS = (
    Subject(
        "conv2d",
        Conv2d,
        (
            _probe("C = F, padding 1", (3, 2, 4, 5), (2, 2, 3, 3), padding=(1, 1)),
            _probe("C ≠ F, unequal kernel", (2, 3, 4, 5), (2, 3, 2, 3), padding=(0, 1)),
            _probe(
                "stride 2 that does not divide, padding 1",
                (2, 2, 4, 6),
                (2, 2, 3, 3),
                stride=(2, 2),
                padding=(1, 1),
            ),
            _probe(
                "dilation 2, padding 1", (2, 2, 5, 6), (3, 2, 3, 2), padding=(1, 1), dilation=(2, 2)
            ),
            _probe(
                "dilation 2 and stride 2 that does not divide",
                (2, 2, 6, 5),
                (2, 2, 2, 2),
                stride=(2, 2),
                dilation=(2, 1),
            ),
            _probe("two groups, C = F", (2, 4, 4, 3), (4, 2, 3, 2), padding=(1, 1), groups=2),
        ),
    ),
)

FAULTS = tuple(
    Fault(f"conv-{key}", description, "conv2d", broken)
    for key, description, broken in (
        ("dx-not-rotated", "∂L/∂X without rotating W by 180° (1.9)", NotRotated),
        (
            "dx-channels-not-swapped",
            "∂L/∂X without exchanging the input and output channels of W",
            ChannelsNotSwapped,
        ),
        ("dx-wrong-crop", "∂L/∂X: the padding is cut off at the end only", CroppedAtTheEnd),
        ("dx-without-r", "∂L/∂X without the r rows and columns that no window reaches", WithoutR),
        ("dx-r-on-top", "∂L/∂X with the r rows and columns at the top and left", ROnTop),
        ("dx-dilation-ignored", "∂L/∂X with W as if its dilation were 1", DilationIgnored),
        ("dx-stride-ignored", "∂L/∂X with δ as if the stride were 1", StrideIgnored),
        ("dx-groups-mixed-up", "∂L/∂X goes to the channels of another group", GroupsMixedUp),
        ("dx-batch-reversed", "∂L/∂X in the wrong order of samples", BatchReversed),
        ("dx-sign", "∂L/∂X with the wrong sign", SignFlipped),
        ("dw-rotated", "∂L/∂W rotated by 180°", WeightRotated),
        ("dw-not-every-d", "∂L/∂W takes neighbours instead of every d-th entry", WeightNotStepped),
        ("dw-not-cut", "∂L/∂W keeps the entries beyond the first m'", WeightNotCut),
        ("dw-one-sample", "∂L/∂W without the sum over the batch", WeightOfOneSample),
        ("dw-mean", "∂L/∂W divided by the size of the batch", WeightMean),
        ("delta-ignored", "δ taken for 1", DeltaIgnored),
        ("delta-transposed", "rows and columns of δ exchanged", DeltaTransposed),
        ("db-mean", "∂L/∂b averaged instead of summed", BiasMean),
        ("db-one-sample", "∂L/∂b without the sum over the batch", BiasOfOneSample),
    )
)
