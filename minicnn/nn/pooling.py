"""Pooling layers."""

from minicnn.nn import functional as F
from minicnn.nn.functional.options import number
from minicnn.nn.module import Module
from minicnn.shapes import as_tuple


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        dilation=1,
        return_indices=False,
        ceil_mode=False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window (equation 1.17).

    As ``torch.nn.MaxPool1d``.

    (N, C, L) or (C, L) → (N, C, OL), or (C, OL).

    Args:
        kernel_size: a number, or one an axis.
        stride: the same; None: the windows lie side by side.
        padding: the same, at most half a window: at each end, zeros for the mean, −∞ for the
            maximum.
        dilation: the distance of neighbours in a window.
        return_indices: return (maxima, where they were): the places in a map, for `MaxUnpool2d`.
        ceil_mode: also the windows that reach over the end.

    Raises:
        DtypeError: called on what is not a tensor of a supported dtype.
        ShapeError: called on other dimensions, or on maps smaller than a window.
        ArgumentError: called, where padding, stride or sizes are out of range.

    >>> import minicnn as mc
    >>> mc.nn.MaxPool1d(3, stride=2)(mc.ones(1, 6, 13)).shape
    (1, 6, 6)
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of each window (equation 1.17).

    As ``torch.nn.MaxPool2d``.

    (N, C, H, W) or (C, H, W) → (N, C, OH, OW), or (C, OH, OW).

    Args:
        kernel_size: a number, or one an axis.
        stride: the same; None: the windows lie side by side.
        padding: the same, at most half a window: at each end, zeros for the mean, −∞ for the
            maximum.
        dilation: the distance of neighbours in a window.
        return_indices: return (maxima, where they were): the places in a map, for `MaxUnpool2d`.
        ceil_mode: also the windows that reach over the end.

    Raises:
        DtypeError: called on what is not a tensor of a supported dtype.
        ShapeError: called on other dimensions, or on maps smaller than a window.
        ArgumentError: called, where padding, stride or sizes are out of range.

    >>> import minicnn as mc
    >>> mc.nn.MaxPool2d(3, stride=2)(mc.ones(1, 6, 13, 13)).shape
    (1, 6, 6, 6)
    """

    _function = staticmethod(F.max_pool2d)


class AvgPool1d(Module):
    """The mean of each window (equation 1.17).

    As ``torch.nn.AvgPool1d``.

    (N, C, L) or (C, L) → (N, C, OL), or (C, OL).

    Args:
        kernel_size: a number, or one an axis.
        stride: the same; None: the windows lie side by side.
        padding: the same, at most half a window: at each end, zeros for the mean, −∞ for the
            maximum.
        ceil_mode: also the windows that reach over the end.
        count_include_pad: count the padding's zeros in the mean.

    Raises:
        DtypeError: called on what is not a tensor of a supported dtype.
        ShapeError: called on other dimensions, or on maps smaller than a window.
        ArgumentError: called, where padding, stride or sizes are out of range.

    >>> import minicnn as mc
    >>> mc.nn.AvgPool1d(2)(mc.ones(1, 6, 28)).shape
    (1, 6, 14)
    """

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
    ):
        super().__init__()
        self.kernel_size = as_tuple("AvgPool1d", "kernel_size", kernel_size, 1, 1)
        stride = kernel_size if stride is None else stride
        self.stride = as_tuple("AvgPool1d", "stride", stride, 1, 1)
        self.padding = as_tuple("AvgPool1d", "padding", padding, 1, 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input):
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window (equation 1.17).

    As ``torch.nn.AvgPool2d``.

    (N, C, H, W) or (C, H, W) → (N, C, OH, OW), or (C, OH, OW).

    Args:
        kernel_size: a number, or one an axis.
        stride: the same; None: the windows lie side by side.
        padding: the same, at most half a window: at each end, zeros for the mean, −∞ for the
            maximum.
        ceil_mode: also the windows that reach over the end.
        count_include_pad: count the padding's zeros in the mean.
        divisor_override: divide by this instead.

    Raises:
        DtypeError: called on what is not a tensor of a supported dtype.
        ShapeError: called on other dimensions, or on maps smaller than a window.
        ArgumentError: called, where padding, stride or sizes are out of range.

    >>> import minicnn as mc
    >>> mc.nn.AvgPool2d(2)(mc.ones(1, 6, 28, 28)).shape
    (1, 6, 14, 14)
    """

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input):
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The mean of each of `output_size` windows that cover the input (eq. ``adaptive-pool``).

    `output_size`: (OH, OW) or one number; None keeps the input's size. 1: global average pooling.

    As ``torch.nn.AdaptiveAvgPool2d``.

    Raises:
        DtypeError: called on what is not a floating-point tensor, or sizes that are no integers.
        ShapeError: called on other shapes than (N, C, H, W) or (C, H, W).
        ArgumentError: sizes < 0.

    >>> import minicnn as mc
    >>> mc.nn.AdaptiveAvgPool2d(1)(mc.ones(2, 6, 7, 5)).shape
    (2, 6, 1, 1)
    """

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool2d(Module):
    """The maximum of each of `output_size` windows that cover the input (eq. ``adaptive-pool``).

    As ``torch.nn.AdaptiveMaxPool2d``.

    Args:
        output_size: (OH, OW) or one number; None keeps the input's size.
        return_indices: return (maxima, where they were), as `MaxPool2d` does.

    Raises:
        DtypeError: called on what is not a floating-point tensor, or sizes that are no integers.
        ShapeError: called on other shapes than (N, C, H, W) or (C, H, W).
        ArgumentError: sizes < 0.

    >>> import minicnn as mc
    >>> mc.nn.AdaptiveMaxPool2d((None, 2))(mc.ones(2, 6, 7, 5)).shape
    (2, 6, 7, 2)
    """

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input):
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class LPPool2d(Module):
    """(Σ x^p)^(1/p) over each window (equation ``lp-pool``).

    As ``torch.nn.LPPool2d``.

    Args:
        norm_type: p, a number.
        kernel_size: a number, or a pair.
        stride: the same; None: the windows lie side by side.
        ceil_mode: also the windows that reach over the end.

    Raises:
        DtypeError: called on what is not a floating-point tensor.
        ShapeError: called on other shapes than (N, C, H, W) or (C, H, W), or maps smaller than a
            window.

    >>> import minicnn as mc
    >>> mc.nn.LPPool2d(2, 2)(mc.ones(1, 1, 2, 2)).item()
    2.0
    """

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = stride, ceil_mode

    def forward(self, input):
        # PyTorch's layer takes the power for a fraction, its function for what it is given.
        power = number("LPPool2d", "norm_type", self.norm_type)
        return F.lp_pool2d(input, power, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxUnpool2d(Module):
    """What `MaxPool2d` found, back at its place, 0 elsewhere (eq. ``max-unpool``).

    Called with (input, indices, output_size=None), as `minicnn.nn.functional.max_unpool2d`.

    As ``torch.nn.MaxUnpool2d``.

    Args:
        kernel_size, stride, padding: those of the `MaxPool2d`.

    Raises:
        DtypeError: called on what is not a tensor, or with indices that are not int64.
        ShapeError: called with indices of another shape, or an `output_size` out of reach.

    >>> import minicnn as mc
    >>> pool, unpool = mc.nn.MaxPool2d(2, return_indices=True), mc.nn.MaxUnpool2d(2)
    >>> unpool(*pool(mc.tensor([[[1.0, 2], [4, 3]]])))
    tensor([[[0., 0.],
             [4., 0.]]])
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.kernel_size = as_tuple("MaxUnpool2d", "kernel_size", kernel_size, 2, 1)
        self.stride = as_tuple("MaxUnpool2d", "stride", stride, 2, 1)
        self.padding = as_tuple("MaxUnpool2d", "padding", padding, 2, 0)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
