"""Convolution over images."""

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import squeeze
from minicnn.nn.functional.arguments import images, same_dtype
from minicnn.ops.convolution import Conv2d
from minicnn.ops.shape import Pad
from minicnn.shapes import as_tuple, window_output
from minicnn.tensor import apply


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution, as every framework calls cross-correlation: Z = Σ_d W ⊗ X + b (eq. 1.11).

    Args:
        input: X, (N, C, H, W) or (C, H, W); floating point.
        weight: W, (F, C/groups, kh, kw), of the input's dtype.
        bias: b, (F), or None.
        stride: steps of the window (vertical, horizontal), or one number for both; ≥ 1.
        padding: rows and columns of zeros at each side, ≥ 0; ``"valid"`` (none) or ``"same"``
            (as many as keep the size; only with stride 1).
        dilation: distance between the entries of the kernel, ≥ 1.
        groups: channels are cut into this many groups, convolved separately.

    Returns:
        Z, (N, F, OH, OW) with OH = floor((H + 2p − m')/s) + 1 (``conv-size``).

    Raises:
        ShapeError: channels do not fit, or the kernel is larger than the padded input.
        ArgumentError: `groups` does not divide the channels; a stride or dilation < 1.
        DtypeError: integer input, or dtypes that differ.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> x = mc.arange(9.0).reshape(1, 1, 3, 3)
    >>> F.conv2d(x, mc.tensor([[[[0.0, 1], [2, 3]]]]))
    tensor([[[[19., 25.],
              [37., 43.]]]])
    """
    name = "conv2d"
    input, added = images(name, input)
    if tensor_only(name, weight).ndim != 4:
        raise ShapeError(f"{name}: expected weight (F, C/groups, kh, kw), got {weight.shape}")
    same_dtype(name, input, weight=weight, bias=bias)
    stride = as_tuple(name, "stride", stride, 2, 1)
    dilation = as_tuple(name, "dilation", dilation, 2, 1)
    groups = as_tuple(name, "groups", groups, 1, 1)[0]
    _check_channels(name, input, weight, bias, groups)
    kernel = weight.shape[2:]
    if min(kernel) < 1:
        raise ShapeError(f"{name}: weight of shape {weight.shape} has a kernel without entries")
    if isinstance(padding, str):
        input, padding = _named_padding(name, input, padding, kernel, stride, dilation)
    padding = as_tuple(name, "padding", padding, 2, 0)
    window_output(name, input.shape[2:], kernel, stride, padding, dilation)
    operation = Conv2d(stride, padding, dilation, groups)
    inputs = (input, weight) if bias is None else (input, weight, bias)
    output = apply(operation, *inputs)
    return squeeze(output, 0) if added else output


def _check_channels(name, input, weight, bias, groups):
    channels, (filters, per_group) = input.shape[1], weight.shape[:2]
    if filters % groups or channels % groups:
        raise ArgumentError(
            f"{name}: groups={groups} must divide both the {channels} input channels and the "
            f"{filters} output channels"
        )
    if channels != per_group * groups:
        raise ShapeError(
            f"{name}: input has {channels} channels, but weight {weight.shape} expects "
            f"{per_group} × groups ({groups}). Did you mean "
            f"Conv2d({channels}, {filters}, {_kernel_text(weight.shape[2:])})?"
        )
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"{name}: bias must have shape ({filters},), got {bias.shape}")


def _kernel_text(kernel):
    return kernel[0] if kernel[0] == kernel[1] else tuple(kernel)


def _named_padding(name, input, padding, kernel, stride, dilation):
    """(input, padding) for ``"valid"`` and ``"same"``."""
    one_of(name, "padding", padding, ("valid", "same"))
    if padding == "valid":
        return input, 0
    if stride != (1, 1):
        raise ArgumentError(f"{name}: padding='same' needs stride 1, got {stride}")
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    # An odd total cannot be halved: the extra row or column of zeros goes to the end.
    if any(t % 2 for t in total):
        input = apply(Pad(((0, 0), (0, 0), *((0, t % 2) for t in total)), 0), input)
    return input, tuple(t // 2 for t in total)
