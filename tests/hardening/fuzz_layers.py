"""Every module of `minicnn.nn`, made and called: cases for the fuzzer, beside PyTorch's module.

Positional arguments of a `Call` are the inputs, named ones those of the constructor.
"""

import inspect

import numpy as np
import torch
from drawn import Call, Entry, T
from table import TABLE

import minicnn as mc


def run_layer(module, layer_class, built, call):
    """The layer with parameters that both libraries share, applied: what comes out, and buffers."""
    layer = layer_class(**built.named)
    layer = layer.to(module.float64)
    rng = np.random.default_rng(5)
    with module.no_grad():
        for _, p in sorted(layer.named_parameters()):
            p.copy_(module.tensor(rng.standard_normal(tuple(p.shape))))
            built.leaves.append(p)
    if "ropout" in layer_class.__name__ or layer_class.__name__ == "StochasticDepth":
        layer.eval()
    out = layer(*built.args)
    return [out, *[b for _, b in sorted(layer.named_buffers())]]


def of_function(class_name, function):
    """The cases of a function, sorted into inputs and what the constructor takes."""
    base = TABLE[f"nn.functional.{function}"]
    taken = set(inspect.signature(getattr(mc.nn, class_name)).parameters)
    names = list(inspect.signature(getattr(mc.nn.functional, function)).parameters)

    def draw(d):
        call = base.draw(d)
        inputs, options = [], {}
        for name, value in [*zip(names, call.args, strict=False), *call.named.items()]:
            if name in taken:
                options[name] = value
            elif isinstance(value, T):
                inputs.append(value)
        return Call(*inputs, **options)

    return Entry(draw, call=run_layer, gradient=base.gradient, tolerance=max(base.tolerance, 1e-8))


def convolution(n, transposed=""):
    base = TABLE[f"nn.functional.conv{transposed}{n}d"]

    def draw(d):
        call = base.draw(d)
        (x, w), options = call.args, dict(call.named)
        options["bias"] = "bias" in options
        sides = w.shape[0], w.shape[1] * options["groups"]
        if transposed:
            sides = w.shape[1] * options["groups"], w.shape[0]
        options |= {"in_channels": sides[1], "out_channels": sides[0], "kernel_size": w.shape[2:]}
        if not transposed and d.chance(0.3):
            options["padding_mode"] = d.among("zeros", "reflect", "replicate", "circular")
        x.values = x.values.astype("float64")
        return Call(x, **options)

    return Entry(draw, call=run_layer, tolerance=1e-8)


def own(draw):
    return Entry(draw, call=run_layer, tolerance=1e-8)


def linear(d):
    a, b = d.integer(1, 5), d.integer(1, 5)
    return Call(d.t((*d.shape(2), a)), in_features=a, out_features=b, **d.some(bias=(True, False)))


def batch_norm(n):
    def draw(d):
        c = d.integer(1, 4)
        places = tuple(d.integer(2, 4) for _ in range(n if n == 2 else d.integer(0, 1)))
        options = d.some(
            eps=(1e-5, 1e-2), momentum=(0.1, None, 0.3), affine=(True, False),
            track_running_stats=(True, False),
        )  # fmt: skip
        return Call(d.t((d.integer(2, 3), c, *places)), num_features=c, **options)

    return draw


def instance_norm(d):
    c = d.integer(1, 4)
    options = d.some(eps=(1e-2,), affine=(True, False), track_running_stats=(True, False))
    x = d.t(d.among((d.integer(1, 3), c, 3, 4), (c, 3, 4)))
    return Call(x, num_features=c, **options)


def group_norm(d):
    groups = d.integer(1, 3)
    c = groups * d.integer(1, 3)
    x = d.t((d.integer(1, 3), c, 3, 2))
    return Call(x, num_groups=groups, num_channels=c, **d.some(eps=(1e-2,), affine=(True, False)))


def layer_norm(d):
    shape = tuple(d.integer(1, 4) for _ in range(d.integer(1, 4)))
    last = shape[-d.integer(1, len(shape)) :]
    options = d.some(eps=(1e-2,), elementwise_affine=(True, False), bias=(True, False))
    return Call(d.t(shape), normalized_shape=d.among(tuple, list)(last), **options)


def response_norm(d):
    options = d.some(alpha=(1e-4, 0.3), beta=(0.75, 0.5), k=(1.0, 2.0))
    return Call(d.t((2, d.integer(1, 6), 3, 3)), size=d.integer(1, 5), **options)


def any_input(**options):
    return lambda d: Call(d.t(d.shape()), **d.some(**options))


def zero_pad(d):
    padding = d.among(d.integer(0, 3), tuple(d.integer(-1, 3) for _ in range(4)))
    return Call(d.t((d.integer(1, 2), 2, 4, 5)), padding=padding)


def flatten(d):
    shape = tuple(d.integer(1, 3) for _ in range(d.integer(2, 4)))
    start = d.integer(0, len(shape) - 1)
    return Call(d.t(shape), start_dim=start, end_dim=d.integer(start, len(shape) - 1))


def unflatten(d):
    a, b = d.integer(1, 3), d.integer(1, 3)
    return Call(d.t((2, a * b, 3)), dim=1, unflattened_size=d.among((a, b), (a, -1), [a, b]))


OF_FUNCTIONS = {
    "ReLU": "relu", "ReLU6": "relu6", "LeakyReLU": "leaky_relu", "ELU": "elu", "GELU": "gelu",
    "SiLU": "silu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish", "Softplus": "softplus", "Softmax": "softmax",
    "LogSoftmax": "log_softmax", "Upsample": "interpolate", "PixelShuffle": "pixel_shuffle",
    "Unfold": "unfold", "Fold": "fold", "ChannelShuffle": "channel_shuffle",
    "MaxPool1d": "max_pool1d", "MaxPool2d": "max_pool2d", "MaxUnpool2d": "max_unpool2d",
    "AvgPool1d": "avg_pool1d", "AvgPool2d": "avg_pool2d", "LPPool2d": "lp_pool2d",
    "AdaptiveAvgPool2d": "adaptive_avg_pool2d", "AdaptiveMaxPool2d": "adaptive_max_pool2d",
    "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "MSELoss": "mse_loss",
    "L1Loss": "l1_loss", "SmoothL1Loss": "smooth_l1_loss", "KLDivLoss": "kl_div",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}  # fmt: skip

LAYERS = {
    **{name: of_function(name, function) for name, function in OF_FUNCTIONS.items()},
    "Conv1d": convolution(1),
    "Conv2d": convolution(2),
    "ConvTranspose1d": convolution(1, "_transpose"),
    "ConvTranspose2d": convolution(2, "_transpose"),
    "Linear": own(linear),
    "BatchNorm1d": own(batch_norm(1)),
    "BatchNorm2d": own(batch_norm(2)),
    "InstanceNorm2d": own(instance_norm),
    "GroupNorm": own(group_norm),
    "LayerNorm": own(layer_norm),
    "LocalResponseNorm": own(response_norm),
    "Dropout": own(any_input(p=(0.0, 0.3, 1.0), inplace=(False,))),
    "Dropout2d": own(lambda d: Call(d.t((2, 3, 2, 2)), **d.some(p=(0.0, 0.3, 1.0)))),
    "Identity": own(any_input()),
    "ZeroPad2d": own(zero_pad),
    "Flatten": own(flatten),
    "Unflatten": own(unflatten),
}
# What has no forward of its own, or no namesake in torch.nn: among the other functions.
ELSEWHERE = {"Module", "ModuleDict", "ModuleList", "Parameter", "Sequential", "StochasticDepth"}


def missing():
    """Modules without an entry, and entries without a module."""
    known = {n for n in dir(mc.nn) if inspect.isclass(getattr(mc.nn, n)) and n[0] != "_"}
    return known ^ set(LAYERS) ^ (ELSEWHERE & known)


assert torch.nn.Conv2d  # the oracle
