"""Convolution layers and their transposes."""

from minicnn.checks import ArgumentError, DtypeError, ShapeError, one_of, truth
from minicnn.creation import empty
from minicnn.nn import functional as F
from minicnn.nn.linear import uniform_by_fan_in
from minicnn.nn.module import Module
from minicnn.nn.parameter import Parameter
from minicnn.shapes import as_number, as_tuple, transposed_output_size

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Layer(Module):
    """What all these layers have: sizes of `axes` dimensions, a weight, perhaps a bias."""

    axes = 2

    def _set_up(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        groups,
        padding_mode,
    ):
        name, n = type(self).__name__, self.axes
        self.in_channels = as_number(name, "in_channels", in_channels, 1)
        self.out_channels = as_number(name, "out_channels", out_channels, 1)
        self.kernel_size = as_tuple(name, "kernel_size", kernel_size, n, 1)
        self.stride = as_tuple(name, "stride", stride, n, 1)
        named = isinstance(padding, str)
        self.padding = padding if named else as_tuple(name, "padding", padding, n, 0)
        self.dilation = as_tuple(name, "dilation", dilation, n, 1)
        self.output_padding = (0,) * n
        self.groups = as_number(name, "groups", groups, 1)
        self.padding_mode = padding_mode
        for argument, channels in (("in", self.in_channels), ("out", self.out_channels)):
            if channels % self.groups:
                raise ArgumentError(
                    f"{name}: {argument}_channels ({channels}) must be divisible by groups "
                    f"({self.groups})"
                )

    def _make_parameters(self, first, second, bias, device, dtype):
        shape = (first, second // self.groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        bias = truth(type(self).__name__, "bias", bias)
        self.register_parameter(
            "bias",
            Parameter(empty(self.out_channels, device=device, dtype=dtype)) if bias else None,
        )
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new initial values."""
        uniform_by_fan_in(self.weight, self.bias)

    def extra_repr(self):
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        usual = {
            "padding": (0,) * self.axes,
            "dilation": (1,) * self.axes,
            "output_padding": (0,) * self.axes,
            "groups": 1,
        }
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class _Convolution(_Layer):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        name = type(self).__name__
        if isinstance(padding, str):
            one_of(name, "padding", padding, ("valid", "same"))
        one_of(name, "padding_mode", padding_mode, PADDING_MODES)
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        if padding == "same" and max(self.stride) > 1:
            raise ArgumentError(f"{name}: padding='same' needs stride 1, got {self.stride}")
        self._make_parameters(self.out_channels, self.in_channels, bias, device, dtype)

    def _border(self):
        """The widths for `pad`: (left, right, top, bottom), the last dimension first."""
        if self.padding == "valid":
            return (0, 0) * self.axes
        if self.padding == "same":
            total = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            pairs = [(t // 2, t - t // 2) for t in total]
        else:
            pairs = [(p, p) for p in self.padding]
        return tuple(width for pair in reversed(pairs) for width in pair)

    def forward(self, input):
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._border(), mode=self.padding_mode), 0
        return self._function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv1d(_Convolution):
    """z = Σ_d w^d ⊗ x^d + b (eq. ``conv1d-layer``): a convolution layer over signals.

    As `Conv2d` with one axis: (N, C, L) or (C, L); weight (F, C/groups, k), bias (F).

    As ``torch.nn.Conv1d``.

    Args:
        in_channels, out_channels: D input maps, P output maps.
        kernel_size, stride, dilation: numbers.
        padding: zeros at each end; a number, ``"same"`` or ``"valid"``.
        groups: divides both numbers of channels.
        bias: whether there is a b.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ArgumentError: channels that `groups` does not divide, sizes < 1.
        ShapeError: called on other dimensions, or other channels.
        DtypeError: sizes that are no integers; called on another dtype than that of the weight.

    >>> import minicnn as mc
    >>> mc.nn.Conv1d(2, 6, 5, padding=2)(mc.ones(3, 2, 28)).shape
    (3, 6, 28)
    """

    axes = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """Z = Σ_d W^d ⊗ X^d + b (eq. 1.11): a convolution layer over images.


    Shapes: (N, C, H, W) or (C, H, W); weight (F, C/groups, kh, kw), bias (F).
    Initial values: uniform in ±1/√(C/groups · kh · kw), as in PyTorch.

    As ``torch.nn.Conv2d``.

    Args:
        in_channels, out_channels: D input maps, P output maps.
        kernel_size, stride, dilation: numbers, or pairs (vertical, horizontal).
        padding: rows and columns at each side; a number, a pair, ``"same"`` or ``"valid"``.
        groups: divides both numbers of channels.
        bias: whether there is a b.
        padding_mode: what the padding holds: ``"zeros"``, or the image continued by
            ``"reflect"``, ``"replicate"`` or ``"circular"`` (see `minicnn.nn.functional.pad`).
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ArgumentError: channels that `groups` does not divide, sizes < 1.
        ShapeError: called on other dimensions, or other channels.
        DtypeError: sizes that are no integers; called on another dtype than that of the weight.

    >>> import minicnn as mc
    >>> mc.nn.Conv2d(1, 6, 5, padding=2)(mc.ones(2, 1, 28, 28)).shape
    (2, 6, 28, 28)
    """

    _function = staticmethod(F.conv2d)


class _Transposed(_Layer):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        name = type(self).__name__
        if isinstance(padding, str):
            raise DtypeError(
                f"{name}: padding must be integers, got {padding!r}: a transposed convolution "
                "takes its padding off the output"
            )
        one_of(name, "padding_mode", padding_mode, ("zeros",))
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        self.output_padding = as_tuple(name, "output_padding", output_padding, self.axes, 0)
        self._make_parameters(self.in_channels, self.out_channels, bias, device, dtype)

    def forward(self, input, output_size=None):
        """The output; `output_size` (of the last dimensions, or of all) replaces output_padding."""
        extra = self.output_padding
        if output_size is not None:
            extra = self._padding_for(input, output_size)
        return self._function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _padding_for(self, input, output_size):
        """The output padding that leads to `output_size`."""
        name, n = type(self).__name__, self.axes
        try:
            sizes = tuple(s.__index__() for s in output_size)
        except (TypeError, AttributeError):
            raise DtypeError(
                f"{name}: output_size must be a tuple of integers, got {output_size!r}"
            ) from None
        if len(sizes) == input.ndim:
            sizes = sizes[-n:]
        if len(sizes) != n:
            raise ShapeError(
                f"{name}: output_size must have {n} or {input.ndim} numbers for an input of shape "
                f"{input.shape}, got {tuple(output_size)}"
            )
        axes = (input.shape[-n:], self.kernel_size, self.stride, self.padding)
        smallest = tuple(
            transposed_output_size(*axis, 0, d)
            for *axis, d in zip(*axes, self.dilation, strict=True)
        )
        largest = tuple(m + s - 1 for m, s in zip(smallest, self.stride, strict=True))
        extra = tuple(s - m for s, m in zip(sizes, smallest, strict=True))
        if any(not 0 <= a < s for a, s in zip(extra, self.stride, strict=True)):
            raise ShapeError(
                f"{name}: output_size {sizes} is out of reach: for an input of shape "
                f"{input.shape} it lies between {smallest} and {largest}"
            )
        return extra


class ConvTranspose1d(_Transposed):
    """The transpose of a `Conv1d` (eq. ``conv-transpose``); as `ConvTranspose2d` with one axis.

    As ``torch.nn.ConvTranspose1d``.

    Args:
        in_channels, out_channels: D input maps, P output maps.
        kernel_size, stride, padding, output_padding, dilation: numbers.
        groups: divides both numbers of channels.
        bias: whether there is a b.
        padding_mode: ``"zeros"``.
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ArgumentError: channels that `groups` does not divide, sizes < 1.
        ShapeError: called on other dimensions, or other channels.
        DtypeError: sizes that are no integers; called on another dtype than that of the weight.

    >>> import minicnn as mc
    >>> mc.nn.ConvTranspose1d(6, 2, 4, stride=2, padding=1)(mc.ones(3, 6, 14)).shape
    (3, 2, 28)
    """

    axes = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """x' = Cᵀ z + b, the transpose of a `Conv2d` z = C x (eq. ``conv-transpose``): it enlarges.


    Shapes: (N, C, H, W) or (C, H, W); weight (C, F/groups, kh, kw), bias (F).
    Initial values: uniform in ±1/√(F/groups · kh · kw), as in PyTorch.

    As ``torch.nn.ConvTranspose2d``.

    Args:
        in_channels, out_channels: input and output maps.
        kernel_size, stride, padding, output_padding, dilation, groups: numbers or pairs, as
            `minicnn.nn.functional.conv_transpose2d` takes them.
        bias: whether there is a b.
        padding_mode: ``"zeros"``.
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ArgumentError: channels that `groups` does not divide, sizes < 1. Called with an
        `output_size` out of reach: ShapeError.
        DtypeError: sizes that are no integers; called on another dtype than that of the weight.

    >>> import minicnn as mc
    >>> up = mc.nn.ConvTranspose2d(6, 3, 3, stride=2, padding=1)
    >>> up(mc.ones(1, 6, 14, 14)).shape, up(mc.ones(1, 6, 14, 14), output_size=(28, 27)).shape
    ((1, 3, 27, 27), (1, 3, 28, 27))
    """

    _function = staticmethod(F.conv_transpose2d)
