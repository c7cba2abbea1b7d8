"""Layers that are run together, where nothing shows the difference."""

from functools import partial

from minicnn.nn import functional as F
from minicnn.nn.activation import Hardswish, ReLU, ReLU6, SiLU
from minicnn.nn.functional.watched import runs_fused
from minicnn.nn.module import HOOKS
from minicnn.nn.normalization import BatchNorm2d
from minicnn.tensor import Tensor

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


def run_in_order(layers, input):
    """What the layers, one after the other, make of `input`; pairs that fit are run together."""
    position = 0
    while position < len(layers):
        pair = layers[position : position + 2]
        if len(pair) == 2 and _fits(*pair, input, None):
            input = norm_act(*pair, input)
            position += 2
        else:
            input = layers[position](input)
            position += 1
    return input


def _fits(norm, act, input, residual):
    """Whether `F.batch_norm_act` does what the two layers do, and nobody would notice."""
    known = (ReLU,) if residual is not None else tuple(_NAMES)
    layers = [norm] if act is None else [norm, act]
    return (
        type(norm) is BatchNorm2d
        and (act is None or type(act) in known)
        # A recorder learns from the call of a layer which one a step belongs to.
        and isinstance(input, Tensor)
        and runs_fused(input)
        and (residual is None or (residual.shape, residual.dtype) == (input.shape, input.dtype))
        and not any(_is_changed(layer) for layer in layers)
    )


def _is_changed(layer):
    """Whether this one layer does something else than its class: has hooks, or a `forward`."""
    return "forward" in vars(layer) or any(getattr(layer, kind) for kind in HOOKS)
