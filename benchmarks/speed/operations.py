"""Single operations at shapes of the networks: what is measured, and its multiplications.

A case's parts are measured one by one: ``forward`` without a graph, ``dX`` the backward pass if
only the input wants a gradient, ``dW`` if only the weight does, ``backward`` if all do.
"""

import math
from typing import NamedTuple


class Case(NamedTuple):
    """An operation on tensors of given shapes.

    Attributes:
        shapes: of the inputs, in the order in which the function takes them.
        function: of a library, its functional module, and the tensors.
        parts: those of forward, dX, dW, backward that are measured.
        multiplications: of one part; None where memory rules.
    """

    shapes: list
    function: object
    parts: tuple
    multiplications: int | None = None


def convolution(n, c, size, f, kernel, stride=1, padding=None, dilation=1, groups=1):
    """conv2d on n × c × size × size, with f maps and kernels of kernel × kernel."""
    padding = dilation * (kernel // 2) if padding is None else padding
    out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes = [(n, c, size, size), (f, c // groups, kernel, kernel)]
    return Case(
        shapes,
        lambda m, F, x, w: F.conv2d(x, w, **options),
        ("forward", "dX", "dW"),
        n * out * out * math.prod(shapes[1]),
    )


def transposed(n, c, size, f, kernel, stride, padding):
    return Case(
        [(n, c, size, size), (c, f, kernel, kernel)],
        lambda m, F, x, w: F.conv_transpose2d(x, w, stride=stride, padding=padding),
        ("forward", "dX", "dW"),
        n * size * size * c * f * kernel * kernel,
    )


def other(shapes, function):
    return Case(shapes, function, ("forward", "backward"))


BOTH = ("forward", "backward")
CASES = {
    "3×3, 64→64, 56²": convolution(8, 64, 56, 64, 3),
    "3×3, 128→128, 28²": convolution(8, 128, 28, 128, 3),
    "3×3, 256→256, 14²": convolution(8, 256, 14, 256, 3),
    "3×3, 512→512, 7²": convolution(8, 512, 7, 512, 3),
    "3×3 stride 2, 128→256, 28²": convolution(8, 128, 28, 256, 3, stride=2),
    "3×3, 256→256, 56² (VGG)": convolution(2, 256, 56, 256, 3),
    "7×7 stride 2, 3→64, 224²": convolution(4, 3, 224, 64, 7, stride=2),
    "11×11 stride 4, 3→64, 224² (AlexNet)": convolution(16, 3, 224, 64, 11, stride=4, padding=2),
    "5×5, 64→192, 27² (AlexNet)": convolution(16, 64, 27, 192, 5),
    "5×5, 1→6, 28² (LeNet)": convolution(64, 1, 28, 6, 5),
    "5×5, 6→16, 14² (LeNet)": convolution(64, 6, 14, 16, 5, padding=0),
    "1×1, 64→256, 56²": convolution(4, 64, 56, 256, 1),
    "1×1, 256→64, 56²": convolution(4, 256, 56, 64, 1),
    "1×1, 1024→256, 14²": convolution(4, 1024, 14, 256, 1),
    "1×1, 116→116, 28² (ShuffleNet)": convolution(8, 116, 28, 116, 1),
    "1×1, 96→24, 56² (MobileNetV2)": convolution(8, 96, 56, 24, 1),
    "depthwise 3×3, 144, 56²": convolution(8, 144, 56, 144, 3, groups=144),
    "depthwise 3×3 stride 2, 96, 112²": convolution(8, 96, 112, 96, 3, stride=2, groups=96),
    "depthwise 5×5, 480, 14²": convolution(4, 480, 14, 480, 5, groups=480),
    "depthwise 3×3, 960, 7²": convolution(8, 960, 7, 960, 3, groups=960),
    "groups 32, 3×3, 128→128, 56²": convolution(4, 128, 56, 128, 3, groups=32),
    "dilation 2, 3×3, 64→64, 56²": convolution(8, 64, 56, 64, 3, dilation=2),
    "transposed 4×4 stride 2, 64→32, 28²": transposed(8, 64, 28, 32, 4, 2, 1),
    "linear 4096→4096, b16": Case(
        [(16, 4096), (4096, 4096), (4096,)],
        lambda m, F, x, w, b: F.linear(x, w, b),
        BOTH,
        16 * 4096 * 4096,
    ),
    "max_pool2d 3 stride 2, 64, 112²": other(
        [(8, 64, 112, 112)], lambda m, F, x: F.max_pool2d(x, 3, 2, 1)
    ),
    "max_pool2d 2, 64, 112²": other([(4, 64, 112, 112)], lambda m, F, x: F.max_pool2d(x, 2)),
    "avg_pool2d 2, 64, 56²": other([(8, 64, 56, 56)], lambda m, F, x: F.avg_pool2d(x, 2)),
    "adaptive_avg_pool2d 1, 512, 7²": other(
        [(8, 512, 7, 7)], lambda m, F, x: F.adaptive_avg_pool2d(x, 1)
    ),
    "batch_norm, 64, 56²": other(
        [(8, 64, 56, 56), (64,), (64,)],
        lambda m, F, x, w, b: F.batch_norm(x, None, None, w, b, True),
    ),
    "layer_norm, 512": other(
        [(64, 49, 512), (512,), (512,)], lambda m, F, x, w, b: F.layer_norm(x, (512,), w, b)
    ),
    "group_norm 8, 64, 56²": other(
        [(8, 64, 56, 56), (64,), (64,)], lambda m, F, x, w, b: F.group_norm(x, 8, w, b)
    ),
    "local_response_norm 5, 96, 55²": other(
        [(4, 96, 55, 55)], lambda m, F, x: F.local_response_norm(x, 5)
    ),
    "relu, 64, 56²": other([(8, 64, 56, 56)], lambda m, F, x: F.relu(x)),
    "relu6, 144, 56²": other([(8, 144, 56, 56)], lambda m, F, x: F.relu6(x)),
    "silu, 96, 112²": other([(4, 96, 112, 112)], lambda m, F, x: F.silu(x)),
    "sigmoid, 64, 56²": other([(8, 64, 56, 56)], lambda m, F, x: m.sigmoid(x)),
    "gelu, 64, 56²": other([(8, 64, 56, 56)], lambda m, F, x: F.gelu(x)),
    "hardswish, 64, 56²": other([(8, 64, 56, 56)], lambda m, F, x: F.hardswish(x)),
    "add, 256, 56²": other([(4, 256, 56, 56)] * 2, lambda m, F, x, y: x + y),
    "cat, 4 × 58, 28²": other([(8, 58, 28, 28)] * 4, lambda m, F, *x: m.cat(x, 1)),
    "channel_shuffle 2, 116, 28²": other(
        [(8, 116, 28, 28)], lambda m, F, x: F.channel_shuffle(x, 2)
    ),
    "softmax, 1000": other([(256, 1000)], lambda m, F, x: F.softmax(x, 1)),
    "cross_entropy, 1000": other([(256, 1000)], lambda m, F, x: F.cross_entropy(x, m.arange(256))),
    "dropout, 4096": other([(64, 4096)], lambda m, F, x: F.dropout(x, 0.5)),
    "matmul 512²": Case([(512, 512)] * 2, lambda m, F, x, y: x @ y, BOTH, 512**3),
    "sum over a dimension": other([(8, 64, 56, 56)], lambda m, F, x: x.sum(1)),
    "unfold 3×3, 32, 28²": other([(8, 32, 28, 28)], lambda m, F, x: F.unfold(x, 3, padding=1)),
    "interpolate bilinear ×2, 32, 28²": other(
        [(8, 32, 28, 28)], lambda m, F, x: F.interpolate(x, scale_factor=2, mode="bilinear")
    ),
    "relu of one element": other([(1,)], lambda m, F, x: F.relu(x)),
    "mul of one element": other([(1,), (1,)], lambda m, F, x, y: x * y),
}

# Optimisers on the parameters of a ResNet-18: name → (class, options).
OPTIMIZERS = {
    "SGD, momentum": ("SGD", {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4}),
    "Adam": ("Adam", {"lr": 1e-3}),
    "RMSprop": ("RMSprop", {"lr": 1e-3}),
}


def prepare(library, name, part, format_):
    """A function that does the thing once and returns its seconds."""
    if name in OPTIMIZERS:
        return library.optimizer_step(*OPTIMIZERS[name])
    case = CASES[name]
    wanting = {"forward": (), "dX": (0,), "dW": (1,), "backward": range(len(case.shapes))}[part]
    tensors = library.tensors(case.shapes, wanting, format_)
    if part == "forward":
        return library.forward(case.function, tensors)
    return library.backward(case.function, tensors, format_)
