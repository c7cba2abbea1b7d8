"""Layers without state: PyTorch's ``torch.nn.functional``.

Each function checks its arguments, then runs one operation of `minicnn.ops`.
"""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError, one_of
from minicnn.dtypes import is_floating
from minicnn.functions.elementwise import log_softmax, sigmoid, softmax, tanh
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.ops.activation import ReLU
from minicnn.ops.convolution import Conv2d
from minicnn.ops.linear import Linear
from minicnn.ops.loss import CrossEntropy, NegativeLogLikelihood
from minicnn.ops.pooling import AvgPool2d, MaxPool2d
from minicnn.ops.shape import Pad
from minicnn.shapes import as_tuple, window_output
from minicnn.tensor import apply

__all__ = [
    "avg_pool2d",
    "conv2d",
    "cross_entropy",
    "linear",
    "log_softmax",
    "max_pool2d",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def _same_dtype(name, input, **others):
    """Refuse mixed or integer dtypes among the arrays of one layer."""
    if not is_floating(input.dtype):
        raise DtypeError(
            f"{name}: expected a floating-point input, got {input.dtype}; "
            "convert it with .float(), and images of 0 … 255 also with / 255"
        )
    for argument, t in others.items():
        if t is not None and tensor_only(name, t).dtype != input.dtype:
            raise DtypeError(
                f"{name}: input is {input.dtype}, but {argument} is {t.dtype}; convert one of "
                f"them, for example the input with .to({argument}.dtype)"
            )


def _images(name, input):
    """(input as (N, C, H, W), whether the batch dimension was added)."""
    tensor_only(name, input)
    if input.ndim == 3:
        return unsqueeze(input, 0), True
    if input.ndim != 4:
        raise ShapeError(
            f"{name}: expected input of shape (N, C, H, W), or (C, H, W), got {input.shape}"
            + (". Add the channel with .unsqueeze(-3)" if input.ndim == 2 else "")
        )
    return input, False


# ---------------------------------------------------------------------------- convolution


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
    input, added = _images(name, input)
    if tensor_only(name, weight).ndim != 4:
        raise ShapeError(f"{name}: expected weight (F, C/groups, kh, kw), got {weight.shape}")
    _same_dtype(name, input, weight=weight, bias=bias)
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


def linear(input, weight, bias=None):
    """Z = X Wᵀ + b: each row of X is a sample (eq. 1.10).

    Args:
        input: X, (…, in), floating point.
        weight: W, (out, in).
        bias: b, (out), or None.

    Returns:
        (…, out).

    Raises:
        ShapeError: sizes that do not fit. DtypeError: dtypes that differ.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.linear(mc.ones(1, 3), mc.ones(2, 3), mc.tensor([0.0, 1.0]))
    tensor([[3., 4.]])
    """
    name = "linear"
    tensor_only(name, input), tensor_only(name, weight)
    _same_dtype(name, input, weight=weight, bias=bias)
    if weight.ndim != 2:
        raise ShapeError(f"{name}: expected weight of shape (out, in), got {weight.shape}")
    if not input.ndim or input.shape[-1] != weight.shape[1]:
        hint = ""
        if input.ndim > 2 and int(np.prod(input.shape[1:])) == weight.shape[1]:
            hint = ". Did you forget to flatten? Try x.flatten(1)"
        raise ShapeError(
            f"{name}: input of shape {input.shape} must end in {weight.shape[1]} features, as "
            f"weight {weight.shape} (out, in) expects{hint}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"{name}: bias must have shape {weight.shape[:1]}, got {bias.shape}")
    return apply(Linear(), *((input, weight) if bias is None else (input, weight, bias)))


def relu(input, inplace=False):
    """max(x, 0), element by element (equation ``relu``); the gradient at 0 is 0.

    >>> import minicnn as mc
    >>> mc.nn.functional.relu(mc.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    tensor_only("relu", input)
    return input._write("relu", ReLU()) if inplace else apply(ReLU(), input)


# ---------------------------------------------------------------------------- pooling


def _pool_arguments(name, input, kernel_size, stride, padding):
    kernel = as_tuple(name, "kernel_size", kernel_size, 2, 1)
    # PyTorch: a stride that is not given (or empty) is the kernel's size.
    given = stride is not None and stride != ()
    stride = as_tuple(name, "stride", stride, 2, 1) if given else kernel
    padding = as_tuple(name, "padding", padding, 2, 0)
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(
            f"{name}: padding {padding} must be at most half of the kernel {kernel}, so that no "
            "window lies in the padding alone"
        )
    _same_dtype(name, input)
    return kernel, stride, padding


def _refuse_windows_of_padding(name, *axes):
    """With dilation the entries of a window may all fall outside, before and behind the input."""
    for n, k, s, p, d, o in zip(*axes, strict=True):
        places = (np.arange(o) * s - p)[:, None] + np.arange(k) * d
        if not ((places >= 0) & (places < n)).any(axis=1).all():
            raise ArgumentError(
                f"{name}: with dilation {d} and padding {p} some windows of {k} lie in the padding "
                f"alone, for an input of size {n}; there is no maximum. Use less of either"
            )


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """The maximum of each window; δ goes to where it was: up(δ) of eq. 1.17.

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        kernel_size: of the window, ≥ 1.
        stride: default: `kernel_size`, so that windows do not overlap.
        padding: with −∞, which never wins; at most half of the kernel.
        dilation: distance between the entries of a window.
        ceil_mode: add a last window where rows or columns would be left over.
        return_indices: also return the place of each maximum, a flat index into H·W (int64).

    Returns:
        (N, C, OH, OW), or a pair of two such tensors. Of equal values the first wins.

    Raises:
        ShapeError: the window is larger than the padded input. ArgumentError, DtypeError.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.max_pool2d(mc.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    name = "max_pool2d"
    input, added = _images(name, input)
    kernel, stride, padding = _pool_arguments(name, input, kernel_size, stride, padding)
    dilation = as_tuple(name, "dilation", dilation, 2, 1)
    out = window_output(name, input.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    if max(dilation) > 1:
        _refuse_windows_of_padding(name, input.shape[2:], kernel, stride, padding, dilation, out)
    output, indices = apply(MaxPool2d(kernel, stride, padding, dilation, out), input)
    if added:
        output, indices = squeeze(output, 0), squeeze(indices, 0)
    return (output, indices) if return_indices else output


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The mean of each window; δ is spread evenly over it: up(δ) of eq. 1.17.

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        kernel_size: of the window, ≥ 1.
        stride: default: `kernel_size`.
        padding: with zeros; at most half of the kernel.
        ceil_mode: add a last window where rows or columns would be left over.
        count_include_pad: divide by k², padding included; else by the entries inside the input.
        divisor_override: divide by this number instead.

    Returns:
        (N, C, OH, OW).

    Raises:
        ShapeError: the window is larger than the padded input. ArgumentError, DtypeError.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.avg_pool2d(mc.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5,  4.5],
             [10.5, 12.5]]])
    """
    name = "avg_pool2d"
    input, added = _images(name, input)
    kernel, stride, padding = _pool_arguments(name, input, kernel_size, stride, padding)
    if divisor_override == 0:
        raise ArgumentError(f"{name}: divisor_override must not be 0")
    out = window_output(name, input.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
    operation = AvgPool2d(kernel, stride, padding, out, count_include_pad, divisor_override)
    output = apply(operation, input)
    return squeeze(output, 0) if added else output


# ---------------------------------------------------------------------------- losses


def _check_classes(name, input, target, ignore_index):
    """The target as an int64 array that names a class for every sample of `input`."""
    tensor_only(name, input), tensor_only(name, target)
    _same_dtype(name, input)
    if input.ndim < 1:
        raise ShapeError(f"{name}: expected scores of shape (N, K), got a 0-d tensor")
    classes = input.shape[1 if input.ndim > 1 else 0]
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    if target.shape != expected:
        raise ShapeError(
            f"{name}: input of shape {input.shape} needs a target of shape {expected} with one "
            f"class number for each sample; got shape {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: target must hold class numbers as integers, got {target.dtype}; use .long()"
        )
    if not target.numel():
        raise ShapeError(
            f"{name}: the batch is empty, and a mean over 0 samples does not exist; leave out "
            "batches without samples"
        )
    # A copy: the caller may change the target before backward needs it.
    labels = target.array.astype(np.int64)
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore_index)
    if wrong.any():
        raise IndexRangeError(
            f"{name}: target {labels[wrong].flat[0]} is out of bounds: with {classes} classes, "
            f"labels run from 0 to {classes - 1}"
        )
    return labels


def _class_loss(name, operation, input, target, ignore_index, reduction):
    one_of(name, "reduction", reduction, ("none", "mean", "sum"))
    labels = _check_classes(name, input, target, ignore_index)
    if input.ndim == 1:  # scores of one sample, (K): a batch of one
        loss = apply(operation(labels.reshape(1), reduction, ignore_index), unsqueeze(input, 0))
        return squeeze(loss, 0) if reduction == "none" else loss
    return apply(operation(labels, reduction, ignore_index), input)


def nll_loss(input, target, ignore_index=-100, reduction="mean"):
    """−(1/N) Σ_n input[n, target_n]: the negative log-likelihood of log-probabilities.

    Args:
        input: log-probabilities, (N, K), (N, K, d₁, …) or (K); floating point.
        target: class numbers 0 … K − 1, (N), (N, d₁, …) or (); integers.
        ignore_index: targets of this value take no part.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss a sample.

    Raises:
        IndexRangeError: a label outside 0 … K − 1. ShapeError: shapes that do not fit, an empty
        batch. DtypeError: a target of fractions.
    """
    return _class_loss("nll_loss", NegativeLogLikelihood, input, target, ignore_index, reduction)


def cross_entropy(input, target, ignore_index=-100, reduction="mean"):
    """−(1/N) Σ_n ln softmax(input_n)[target_n], with ∂L/∂z = (softmax(z) − onehot)/N.

    Arguments, result and errors as `nll_loss`, but `input` holds scores (logits) instead of
    log-probabilities. Equation ``softmax-ce``. Its expansion is ``nll_loss(log_softmax(z, 1))``.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> z = mc.zeros(1, 4, requires_grad=True)
    >>> F.cross_entropy(z, mc.tensor([2])).backward()
    >>> z.grad
    tensor([[ 0.25,  0.25, -0.75,  0.25]])
    """
    return _class_loss("cross_entropy", CrossEntropy, input, target, ignore_index, reduction)
