"""Convolution over signals and images, and its transpose."""

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import unsqueeze
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.axes import LETTERS, as_images, from_images, per_axis
from minicnn.ops.convolution import Conv2d, ConvTranspose2d
from minicnn.ops.shape import Pad
from minicnn.shapes import as_number, transposed_output_size, window_output
from minicnn.tensor import apply


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution over signals: z = Σ_d w ⊗ x + b (eq. ``conv1d-layer``).

    `conv2d` with one axis: input (N, C, L) or (C, L), weight (F, C/groups, k), bias (F); the
    options are numbers, or tuples of one. Returns (N, F, OL). Errors as `conv2d`.

    Args:
        input: (N, C, L) or (C, L).
        weight: (F, C/groups, k).
        bias: (F), or None.
        stride, padding, dilation: numbers, or tuples of one; padding also ``"same"`` or
            ``"valid"``.
        groups: divides C and F.

    Raises:
        ShapeError: shapes that do not fit together.
        DtypeError: different dtypes, or options that are no integers.
        ArgumentError: options out of range.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.conv1d(mc.tensor([[1.0, 2, 4, 8]]), mc.tensor([[[-1.0, 1]]]))
    tensor([[1., 2., 4.]])
    """
    return _convolution("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


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
    return _convolution("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def _convolution(name, n, input, weight, bias, stride, padding, dilation, groups):
    input, added = as_images(name, input, n, empty_channels=True)
    weight = _kernels(name, n, input, weight, bias, "(F, C/groups, {})")
    stride = per_axis(name, "stride", stride, n, 1, 1)
    dilation = per_axis(name, "dilation", dilation, n, 1, 1)
    groups = as_number(name, "groups", groups, 1)
    _check_channels(name, n, input, weight, groups)
    _check_bias(name, bias, weight.shape[0])
    kernel = weight.shape[2:]
    if isinstance(padding, str):
        input, padding = _named_padding(name, n, input, padding, kernel, stride, dilation)
    else:
        padding = per_axis(name, "padding", padding, n, 0, 0)
    axes = (input.shape[2:], kernel, stride, padding, dilation)
    window_output(name, *[axis[-n:] for axis in axes])
    operation = Conv2d(stride, padding, dilation, groups)
    return from_images(_applied(operation, input, weight, bias), n, added)


def _kernels(name, n, input, weight, bias, shape):
    """The weight as kernels over images, (·, ·, kh, kw)."""
    if tensor_only(name, weight).ndim != n + 2:
        axes = ("k",) if n == 1 else ("kh", "kw")
        raise ShapeError(
            f"{name}: expected weight {shape.format(', '.join(axes))}, got {weight.shape}"
        )
    same_dtype(name, input, weight=weight, bias=bias)
    if min(weight.shape[2:]) < 1:
        raise ShapeError(f"{name}: weight of shape {weight.shape} has a kernel without entries")
    if not weight.shape[0]:
        raise ShapeError(f"{name}: weight of shape {weight.shape} holds no kernels")
    return unsqueeze(weight, 2) if n == 1 else weight


def _check_channels(name, n, input, weight, groups):
    channels, (filters, per_group) = input.shape[1], weight.shape[:2]
    if filters % groups or channels % groups:
        raise ArgumentError(
            f"{name}: groups={groups} must divide both the {channels} input channels and the "
            f"{filters} output channels"
        )
    if channels != per_group * groups:
        kernel = weight.shape[-n:]
        raise ShapeError(
            f"{name}: input has {channels} channels, but weight {_given_shape(weight, n)} expects "
            f"{per_group} × groups ({groups}). Did you mean "
            f"Conv{n}d({channels}, {filters}, {kernel[0] if len(set(kernel)) == 1 else kernel})?"
        )


def _given_shape(weight, n):
    """The shape of the weight as the caller gave it."""
    return (*weight.shape[:2], *weight.shape[-n:])


def _check_bias(name, bias, filters):
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"{name}: bias must have shape ({filters},), got {bias.shape}")


def _named_padding(name, n, input, padding, kernel, stride, dilation):
    """(input, padding) for ``"valid"`` and ``"same"``."""
    one_of(name, "padding", padding, ("valid", "same"))
    if padding == "valid":
        return input, (0, 0)
    if stride != (1, 1):
        raise ArgumentError(f"{name}: padding='same' needs stride 1, got {stride[-n:]}")
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    # An odd total cannot be halved: the extra row or column of zeros goes to the end.
    if any(t % 2 for t in total):
        input = apply(Pad(((0, 0), (0, 0), *((0, t % 2) for t in total)), 0), input)
    return input, tuple(t // 2 for t in total)


def _applied(operation, input, weight, bias):
    return apply(operation, *((input, weight) if bias is None else (input, weight, bias)))


def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed convolution over signals (eq. ``conv-transpose``).

    `conv_transpose2d` with one axis: input (N, C, L) or (C, L), weight (C, F/groups, k).

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, F/groups, k).
        bias: (F), or None.
        stride, padding, output_padding, dilation: numbers, or tuples of one.
        groups: divides C and F.

    Raises:
        ShapeError: shapes that do not fit together.
        DtypeError: different dtypes, or options that are no integers.
        ArgumentError: options out of range.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.conv_transpose1d(mc.tensor([[1.0, 10]]), mc.tensor([[[1.0, 2, 3]]]), stride=2)
    tensor([[ 1.,  2., 13., 20., 30.]])
    """
    sizes = (stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose1d", 1, input, weight, bias, *sizes)


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed convolution, x' = Cᵀ z where the convolution is z = C x (eq. ``conv-transpose``).

    Every pixel of the input lays the kernel, times its value, onto the output. It is the input
    gradient of `conv2d` and has its shape, not its values, undone.

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        weight: (C, F/groups, kh, kw): a convolution's weight from F to C channels.
        bias: (F), or None.
        stride: steps between the places the kernel is laid on, ≥ 1.
        padding: rows and columns taken off the output at each side, ≥ 0.
        output_padding: rows and columns added at the bottom and right, to tell apart the sizes
            that a strided convolution maps to one; less than the stride or the dilation.
        groups, dilation: as in `conv2d`. Note that PyTorch has them in this order here.

    Returns:
        (N, F, OH, OW) with OH = (H − 1)s − 2p + m' + output_padding (``conv-transpose-size``).

    Raises:
        ShapeError: channels that do not fit, an output without entries.
        ArgumentError: `groups` does not divide the channels; `output_padding` is too large.
        DtypeError: integer input, or dtypes that differ.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.conv_transpose2d(mc.ones(1, 2, 2), mc.tensor([[[[1.0, 2], [3, 4]]]]), stride=2)
    tensor([[[1., 2., 1., 2.],
             [3., 4., 3., 4.],
             [1., 2., 1., 2.],
             [3., 4., 3., 4.]]])
    """
    sizes = (stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose2d", 2, input, weight, bias, *sizes)


def _transposed(name, n, input, weight, bias, stride, padding, output_padding, groups, dilation):
    input, added = as_images(name, input, n, empty_channels=True)
    weight = _kernels(name, n, input, weight, bias, "(C, F/groups, {})")
    stride = per_axis(name, "stride", stride, n, 1, 1)
    dilation = per_axis(name, "dilation", dilation, n, 1, 1)
    padding = per_axis(name, "padding", padding, n, 0, 0)
    extra = per_axis(name, "output_padding", output_padding, n, 0, 0)
    groups = as_number(name, "groups", groups, 1)
    channels, per_group = input.shape[1], weight.shape[1]
    if weight.shape[0] != channels:
        raise ShapeError(
            f"{name}: input has {channels} channels, but weight {_given_shape(weight, n)} expects "
            f"{weight.shape[0]}; the weight of a transposed convolution is (C, F/groups, …)"
        )
    if channels % groups:
        raise ArgumentError(f"{name}: groups={groups} must divide the {channels} input channels")
    if not per_group:
        raise ShapeError(f"{name}: weight {_given_shape(weight, n)} leads to no output channels")
    _check_bias(name, bias, per_group * groups)
    for a, s, d in zip(extra, stride, dilation, strict=True):
        if a >= max(s, d):
            raise ArgumentError(
                f"{name}: output_padding ({a}) must be smaller than the stride ({s}) or the "
                f"dilation ({d})"
            )
    axes = (input.shape[2:], weight.shape[2:], stride, padding, extra, dilation)
    out = tuple(map(transposed_output_size, *axes))
    if min(out) < 1:
        raise ShapeError(
            f"{name}: padding {padding[-n:]} leaves an output of "
            f"{' × '.join(map(str, out[-n:]))} ({', '.join(LETTERS[n])}); use less"
        )
    operation = ConvTranspose2d(out, stride, padding, dilation, groups)
    return from_images(_applied(operation, input, weight, bias), n, added)
