"""The convolution layer."""

from minicnn.checks import ArgumentError, one_of
from minicnn.creation import empty
from minicnn.nn import functional as F
from minicnn.nn.linear import uniform_by_fan_in
from minicnn.nn.module import Module
from minicnn.nn.parameter import Parameter
from minicnn.shapes import as_tuple


class Conv2d(Module):
    """Z = Σ_d W^d ⊗ X^d + b (eq. 1.11): a convolution layer over images.

    Args:
        in_channels, out_channels: D input maps, P output maps.
        kernel_size, stride, dilation: numbers, or pairs (vertical, horizontal).
        padding: zeros at each side; a number, a pair, ``"same"`` or ``"valid"``.
        groups: divides both numbers of channels.
        bias: whether there is a b.
        padding_mode: ``"zeros"``.

    Shapes: (N, C, H, W) or (C, H, W); weight (F, C/groups, kh, kw), bias (F).
    Initial values: uniform in ±1/√(C/groups · kh · kw), as in PyTorch.

    Raises:
        ArgumentError: channels that `groups` does not divide, sizes < 1.

    >>> import minicnn as mc
    >>> mc.nn.Conv2d(1, 6, 5, padding=2)(mc.ones(2, 1, 28, 28)).shape
    (2, 6, 28, 28)
    """

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
        self.in_channels = as_tuple(name, "in_channels", in_channels, 1, 1)[0]
        self.out_channels = as_tuple(name, "out_channels", out_channels, 1, 1)[0]
        self.kernel_size = as_tuple(name, "kernel_size", kernel_size, 2, 1)
        self.stride = as_tuple(name, "stride", stride, 2, 1)
        self.dilation = as_tuple(name, "dilation", dilation, 2, 1)
        self.groups = as_tuple(name, "groups", groups, 1, 1)[0]
        if isinstance(padding, str):
            self.padding = one_of(name, "padding", padding, ("valid", "same"))
            if padding == "same" and self.stride != (1, 1):
                raise ArgumentError(f"{name}: padding='same' needs stride 1, got {self.stride}")
        else:
            self.padding = as_tuple(name, "padding", padding, 2, 0)
        self.padding_mode = one_of(name, "padding_mode", padding_mode, ("zeros",))
        for argument, channels in (("in", self.in_channels), ("out", self.out_channels)):
            if channels % self.groups:
                raise ArgumentError(
                    f"{name}: {argument}_channels ({channels}) must be divisible by groups "
                    f"({self.groups})"
                )
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty(shape[0], device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new initial values."""
        uniform_by_fan_in(self.weight, self.bias)

    def forward(self, input):
        return F.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self):
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0, 0):
            text += (
                f", padding={self.padding!r}"
                if isinstance(self.padding, tuple)
                else (f", padding={self.padding}")
            )
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text if self.bias is not None else f"{text}, bias=False"
