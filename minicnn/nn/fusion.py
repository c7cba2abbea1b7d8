"""Layers that are run together, where nothing shows the difference."""

from functools import partial

import numpy as np

from minicnn.gpu import beside
from minicnn.modes import is_grad_enabled
from minicnn.nn import functional as F
from minicnn.nn.activation import Hardswish, ReLU, ReLU6, SiLU
from minicnn.nn.convolution import Conv2d
from minicnn.nn.functional.watched import runs_fused
from minicnn.nn.module import HOOKS
from minicnn.nn.normalization import BatchNorm2d
from minicnn.ops.convolution import ConvNormAct
from minicnn.shapes import output_size
from minicnn.tensor import Tensor, apply

_NAMES = {ReLU: "relu", ReLU6: "relu6", SiLU: "silu", Hardswish: "hardswish"}


def norm_act(norm, act, input, residual=None):
    """``act(norm(input) + residual)``, for a block that holds both layers.

    A batch normalisation and an activation that `F.batch_norm_act` knows are run by it. Other
    layers, layers with hooks, and all while a recorder watches are called one after the other.

    Args:
        norm: the layer that normalises.
        act: the layer that follows; None: none does.
        input: what comes in, (N, C, H, W).
        residual: what a shortcut adds in between; None: nothing.

    >>> import minicnn as mc
    >>> from minicnn import nn
    >>> bn, relu, x = nn.BatchNorm2d(3), nn.ReLU(), mc.randn(2, 3, 4, 4)
    >>> mc.allclose(norm_act(bn, relu, x), relu(nn.BatchNorm2d(3)(x)), atol=1e-6)
    True
    """
    if _fits(norm, act, input, residual):
        name = _NAMES[type(act)] if act is not None else None
        return norm.run(partial(F.batch_norm_act, act=name, residual=residual), input)
    y = norm(input)
    y = y if residual is None else y + residual
    return y if act is None else act(y)


def conv_norm_act(conv, norm, act, input, residual=None):
    """``act(norm(conv(input)) + residual)``, for a block that holds the three layers.

    In evaluation, where no gradient is wanted, one kernel does all of it and writes the result
    once. Otherwise `norm_act` follows the convolution.

    Args:
        conv: the convolution. The others: see `norm_act`.

    >>> import minicnn as mc
    >>> from minicnn import nn
    >>> conv, bn, relu = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.ReLU()
    >>> x = mc.randn(2, 3, 8, 8)
    >>> with mc.no_grad():
    ...     mc.allclose(conv_norm_act(conv, bn, relu, x), relu(bn(conv(x))), atol=1e-6)
    True
    """
    if _runs_at_once(conv, norm, act, input, residual):
        return _at_once(conv, norm, act, input, residual)
    return norm_act(norm, act, conv(input), residual)


def _at_once(conv, norm, act, input, residual=None):
    operation = ConvNormAct(
        (conv.stride, conv.padding, conv.dilation, conv.groups),
        None if conv.bias is None else conv.bias.array,
        _constants(norm),
        None if act is None else _NAMES[type(act)],
    )
    shortcut = () if residual is None else (residual,)
    return apply(operation, input, conv.weight, *shortcut)


def run_in_order(layers, input):
    """What the layers, one after the other, make of `input`; those that fit are run together."""
    position = 0
    while position < len(layers):
        three = layers[position : position + 3]
        two = three[1:]
        if len(three) == 3 and _runs_at_once(*three, input, None):
            input = _at_once(*three, input)
            position += 3
        elif two and _runs_at_once(three[0], two[0], None, input, None):
            input = _at_once(three[0], two[0], None, input)
            position += 2
        elif two and _fits(*three[:2], input, None):
            input = norm_act(*three[:2], input)
            position += 2
        else:
            input = layers[position](input)
            position += 1
    return input


def _constants(norm):
    """(μ, a, β) of a batch normalisation in evaluation: y = (x − μ) · a + β."""
    mean, var = norm.running_mean.array, norm.running_var.array
    with beside(mean):
        gamma = np.ones_like(mean) if norm.weight is None else norm.weight.array
        beta = np.zeros_like(mean) if norm.bias is None else norm.bias.array
        return mean, gamma / np.sqrt(var + np.float32(norm.eps)), beta


def _runs_at_once(conv, norm, act, input, residual):
    """Whether `ConvNormAct` does what the three layers do, and nobody would notice."""
    if type(conv) is not Conv2d or type(norm) is not BatchNorm2d or norm.training:
        return False
    if is_grad_enabled() or not _fits(norm, act, input, residual, like_output=True):
        return False
    known = (
        isinstance(conv.padding, tuple)
        and conv.padding_mode == "zeros"
        and norm.running_mean is not None
        and norm.num_features == conv.out_channels
        and input.ndim == 4
        and input.shape[1] == conv.in_channels
    )
    tensors = (conv.weight, conv.bias, norm.running_mean, norm.weight, norm.bias)
    if not known or _is_changed(conv):
        return False
    if any(t is not None and t.dtype != "float32" for t in tensors):
        return False
    axes = input.shape[2:], conv.kernel_size, conv.stride, conv.padding, conv.dilation
    out = tuple(map(output_size, *axes))
    shape = (input.shape[0], conv.out_channels, *out)
    return min(out) > 0 and (residual is None or residual.shape == shape)


def _fits(norm, act, input, residual, like_output=False):
    """Whether `F.batch_norm_act` does what the two layers do, and nobody would notice.

    With `like_output` a residual of another shape than the input's is none of its business.
    """
    known = (ReLU,) if residual is not None else tuple(_NAMES)
    layers = [norm] if act is None else [norm, act]
    return (
        type(norm) is BatchNorm2d
        and (act is None or type(act) in known)
        # A recorder learns from the call of a layer which one a step belongs to.
        and isinstance(input, Tensor)
        and runs_fused(input)
        and (residual is None or residual.dtype == input.dtype)
        and (residual is None or like_output or residual.shape == input.shape)
        and not any(_is_changed(layer) for layer in layers)
    )


def _is_changed(layer):
    """Whether this one layer does something else than its class: has hooks, or a `forward`."""
    return "forward" in vars(layer) or any(getattr(layer, kind) for kind in HOOKS)
