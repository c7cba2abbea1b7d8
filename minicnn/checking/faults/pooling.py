"""Wrong backwards of max pooling and mean pooling."""

import numpy as np

from minicnn.checking.faults.fault import Fault, Probe, Subject, few_values, normal, spread
from minicnn.kernels import find
from minicnn.ops.pooling import AvgPool2d, MaxPool2d
from minicnn.shapes import window_output


class MaxAssigned(MaxPool2d):
    def backward(self, delta, _):
        n, c, height, width = self.inputs[0][0]
        dx = np.zeros((n, c, height * width), delta.dtype)
        flat = (n, c, delta.shape[2] * delta.shape[3])
        np.put_along_axis(dx, self.argmax.reshape(flat), delta.reshape(flat), axis=2)
        return dx.reshape(n, c, height, width)


def _entries(options, out):
    """For each entry of the window: its row and column in x, of every window (may lie outside)."""
    kernel, stride, padding, dilation, _ = options
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows = np.arange(out[0]) * stride[0] - padding[0] + i * dilation[0]
            columns = np.arange(out[1]) * stride[1] - padding[1] + j * dilation[1]
            yield rows[:, None], columns


class _ByEntries(MaxPool2d):
    """Asks of each entry of each window whether it receives δ."""

    def forward(self, x):
        self.x = x
        self.y, argmax = super().forward(x)
        return self.y, argmax

    def backward(self, delta, _):
        height, width = self.x.shape[2:]
        dx = np.zeros_like(self.x)
        taken = np.zeros(delta.shape, bool)
        entries = list(_entries(self.options, delta.shape[2:]))
        for rows, columns in reversed(entries):
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            r, c = rows.clip(0, height - 1), columns.clip(0, width - 1)
            receives = self.receives(inside & (self.x[:, :, r, c] == self.y), taken)
            taken |= receives
            r, c = np.broadcast_arrays(r, c)
            np.add.at(dx, (slice(None), slice(None), r, c), np.where(receives, delta, 0))
        return dx


class LastMaximum(_ByEntries):
    def receives(self, is_maximum, taken):
        return is_maximum & ~taken


class AllMaxima(_ByEntries):
    def receives(self, is_maximum, taken):
        return is_maximum


class FirstEntry(MaxPool2d):
    def backward(self, delta, _):
        height, width = self.inputs[0][0][2:]
        _, stride, padding, _, _ = self.options
        rows = np.arange(delta.shape[2]) * stride[0] - padding[0]
        columns = np.arange(delta.shape[3]) * stride[1] - padding[1]
        place = rows.clip(0, height - 1)[:, None] * width + columns.clip(0, width - 1)
        place = np.broadcast_to(place, delta.shape)
        return find("max_pool2d_gradient")(delta, np.ascontiguousarray(place), (height, width))


class MaxDeltaIgnored(MaxPool2d):
    def backward(self, delta, argmax):
        return super().backward(np.ones_like(delta), argmax)


class MeanAssigned(AvgPool2d):
    def backward(self, delta):
        shape, dtype = self.inputs[0]
        kernel, stride, padding = self.options
        share = delta / self.divisors(shape[2:], dtype)
        dx = np.zeros(shape, dtype)
        for row in range(delta.shape[2]):
            for column in range(delta.shape[3]):
                top, left = row * stride[0] - padding[0], column * stride[1] - padding[1]
                window = (
                    slice(max(top, 0), top + kernel[0]),
                    slice(max(left, 0), left + kernel[1]),
                )
                dx[(slice(None), slice(None), *window)] = share[:, :, row, column, None, None]
        return dx


class MeanNotDivided(AvgPool2d):
    def backward(self, delta):
        shape, dtype = self.inputs[0]
        return super().backward(delta * self.divisors(shape[2:], dtype))


class _OtherDivisor(AvgPool2d):
    def backward(self, delta):
        self.count_include_pad = not self.count_include_pad
        try:
            return super().backward(delta)
        finally:
            self.count_include_pad = not self.count_include_pad


class PaddingNotCounted(_OtherDivisor):
    def backward(self, delta):
        return (
            super().backward(delta) if self.count_include_pad else AvgPool2d.backward(self, delta)
        )


class PaddingCounted(_OtherDivisor):
    def backward(self, delta):
        return (
            AvgPool2d.backward(self, delta) if self.count_include_pad else super().backward(delta)
        )


class MeanToFirstEntry(AvgPool2d):
    """Like an up-sampling that puts all of δ into one corner of the window."""

    def backward(self, delta):
        shape, dtype = self.inputs[0]
        _, stride, padding = self.options
        dx = np.zeros(shape, dtype)
        rows = (np.arange(delta.shape[2]) * stride[0] - padding[0]).clip(0, shape[2] - 1)
        columns = (np.arange(delta.shape[3]) * stride[1] - padding[1]).clip(0, shape[3] - 1)
        places = np.broadcast_arrays(rows[:, None], columns)
        np.add.at(dx, (slice(None), slice(None), *places), delta)
        return dx


def _window(x, kernel, stride, padding, dilation=(1, 1), ceil_mode=False):
    out = window_output("probe", x[2:], kernel, stride, padding, dilation, ceil_mode)
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return out, {"window": options}


def _max(title, x, kernel, stride, padding=(0, 0), dilation=(1, 1), ceil=False, ties=False):
    out, options = _window(x, kernel, stride, padding, dilation, ceil)
    if ties:
        options["ties"] = "first"
    inputs = few_values(x) if ties else spread(x)
    return Probe(title, inputs, (kernel, stride, padding, dilation, out), options)


def _mean(title, x, kernel, stride, padding=(0, 0), ceil=False, count_include_pad=True):
    out, options = _window(x, kernel, stride, padding, ceil_mode=ceil)
    return Probe(title, normal(x), (kernel, stride, padding, out, count_include_pad), options)


SUBJECTS = (
    Subject(
        "max_pool2d",
        MaxPool2d,
        (
            _max("overlapping windows", (2, 2, 5, 7), (3, 3), (2, 2)),
            _max("overlapping, padding 1, ceil", (2, 3, 6, 5), (3, 2), (2, 1), (1, 1), ceil=True),
            _max("dilation 2", (2, 2, 6, 7), (2, 2), (1, 2), dilation=(2, 2)),
            _max("ties", (2, 2, 5, 6), (3, 3), (2, 2), (1, 1), ties=True),
        ),
    ),
    Subject(
        "avg_pool2d",
        AvgPool2d,
        (
            _mean("overlapping windows", (2, 2, 5, 7), (3, 3), (2, 2)),
            _mean("padding 1, counted", (2, 3, 6, 5), (3, 2), (2, 1), (1, 1), ceil=True),
            _mean(
                "padding 1, not counted",
                (2, 2, 5, 6),
                (3, 3),
                (2, 2),
                (1, 1),
                count_include_pad=False,
            ),
        ),
    ),
)

FAULTS = (
    Fault("max-pool-assigned", "= for += where windows overlap", "max_pool2d", MaxAssigned),
    Fault("max-pool-last", "the last of several equal maxima", "max_pool2d", LastMaximum),
    Fault("max-pool-all", "δ to every one of several equal maxima", "max_pool2d", AllMaxima),
    Fault("max-pool-corner", "δ to the window's corner, not its maximum", "max_pool2d", FirstEntry),
    Fault("max-pool-delta-ignored", "δ taken for 1", "max_pool2d", MaxDeltaIgnored),
    Fault("mean-pool-assigned", "= for += where windows overlap", "avg_pool2d", MeanAssigned),
    Fault("mean-pool-not-divided", "δ not divided by the window", "avg_pool2d", MeanNotDivided),
    Fault(
        "mean-pool-padding-not-counted",
        "divided by the entries inside the input, where k² is asked for",
        "avg_pool2d",
        PaddingNotCounted,
    ),
    Fault(
        "mean-pool-padding-counted",
        "divided by k², where count_include_pad=False leaves the padding out",
        "avg_pool2d",
        PaddingCounted,
    ),
    Fault("mean-pool-corner", "all of δ to the window's corner", "avg_pool2d", MeanToFirstEntry),
)
