"""Random arguments for every fast kernel: `CALLS` leads from its name to a generator of them.

The sizes are small, odd, and near the borders at which a kernel takes another way: one more or one
less than a vector, a tile, or a block. Arrays come in several layouts, as operations hand them on.
"""

import numpy as np

from minicnn.data.transforms.interpolation import InterpolationMode
from minicnn.data.transforms.resizing import taps
from minicnn.shapes import output_size

FLOATS = (np.float32, np.float32, np.float32, np.float64)
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)


class Draw:
    """What a call is drawn with."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def among(self, *options):
        return options[self.rng.integers(len(options))]

    def chance(self, share):
        return self.rng.random() < share

    def size(self):
        return self.among(*EDGES)

    def values(self, shape, dtype=np.float32, layout=True, special=True):
        """Random numbers; sometimes not finite; in rows, or in another layout."""
        array = self.rng.standard_normal(shape).astype(dtype)
        if special and array.size and self.chance(0.05):
            places = self.rng.integers(0, array.size, 1 + array.size // 8)
            with np.errstate(over="ignore"):  # 3e38 is infinite in float16
                array.reshape(-1)[places] = self.among(np.nan, np.inf, -np.inf, 3e38, 1e-45)
        return self.laid_out(array) if layout else array

    def positive(self, shape, dtype=np.float32):
        return self.rng.uniform(0.1, 2, shape).astype(dtype)

    def laid_out(self, array):
        kind = self.among(*["rows"] * 4, "turned", "part", "backwards", "second")
        if not array.size or kind == "rows":
            return array
        if kind == "turned":
            return np.ascontiguousarray(array.T).T
        if kind == "backwards":
            back = (slice(None, None, -1),) * array.ndim
            return np.ascontiguousarray(array[back])[back]
        nothing = np.nan if array.dtype.kind == "f" else -1
        if kind == "part":
            around = np.full([n + 1 for n in array.shape], nothing, array.dtype)
            part = around[tuple(slice(0, n) for n in array.shape)]
        else:
            wide = *array.shape[:-1], 2 * array.shape[-1]
            part = np.full(wide, nothing, array.dtype)[..., ::2]
        part[...] = array
        return part


def convolution(d):
    """x, w, the options, and the sizes of the result."""
    kind = d.among("plain", "plain", "groups", "depthwise", "large")
    groups = 1 if kind in ("plain", "large") else d.integer(2, 4)
    if kind == "large":  # for the ways that only pay for many maps
        per_group, maps = d.among(16, 17, 24, 33), d.among(16, 20, 33, 48)
        kernel = d.among((3, 3), (1, 1), (3, 2))
    else:
        per_group = 1 if kind == "depthwise" else d.integer(1, 5)
        maps = d.integer(1, 2) if kind == "depthwise" else d.among(1, 2, 5, 8, 13)
        kernel = d.integer(1, 5), d.integer(1, 5)
        kernel = d.among(kernel, kernel, (3, 3))
    simple = d.chance(0.4)
    stride, dilation = ((1, 1) if simple else (d.integer(1, 3), d.integer(1, 3)) for _ in "sd")
    padding = (d.integer(0, 2), d.integer(0, 2))
    if kind == "large":
        dilation, stride = (1, 1), d.among((1, 1), (1, 1), (2, 2))
    least = [
        max(1, e * (k - 1) + 1 - 2 * p) for k, p, e in zip(kernel, padding, dilation, strict=True)
    ]
    size = [n + d.among(0, 1, 2, 5, 11, d.integer(0, 20)) for n in least]
    if d.chance(0.1):
        size[1] += d.among(60, 250)
    n = d.integer(1, 3)
    dtype = d.among(*FLOATS)
    x = d.values((n, per_group * groups, *size), dtype)
    w = d.values((maps * groups, per_group, *kernel), dtype)
    out = tuple(map(output_size, size, kernel, stride, padding, dilation))
    return x, w, (stride, padding, dilation, groups), out, dtype


def conv2d(d):
    x, w, options, out, dtype = convolution(d)
    f = len(w)
    bias = d.values((f,), dtype) if d.chance(0.5) else None
    norm = residual = act = None
    if d.chance(0.4):
        norm = tuple(d.values((f,), dtype, layout=False) for _ in range(3))
    if d.chance(0.4):
        residual = d.values((len(x), f, *out), dtype)
    if d.chance(0.5):
        act = d.among("relu", "relu6", "silu", "hardswish")
    return x, w, *options, bias, norm, residual, act


def conv2d_input_gradient(d):
    x, w, options, out, dtype = convolution(d)
    return d.values((len(x), len(w), *out), dtype), w, x.shape[2:], *options


def conv2d_weight_gradient(d):
    x, w, options, out, dtype = convolution(d)
    return d.values((len(x), len(w), *out), dtype), x, w.shape[2:], *options


def columns(d):
    x, w, (stride, padding, dilation, _), out, _ = convolution(d)
    return x, (w.shape[2:], stride, padding, dilation, out)


def im2col(d):
    x, options = columns(d)
    return x, *options


def col2im(d):
    x, options = columns(d)
    (n, c), kernel, out = x.shape[:2], options[0], options[-1]
    shape = (c * kernel[0] * kernel[1], n * out[0] * out[1])
    return d.values(shape, x.dtype), x.shape, *options


def pooling(d, padded=True):
    kernel = d.integer(1, 4), d.integer(1, 4)
    stride = d.integer(1, 4), d.integer(1, 4)
    padding = tuple(d.integer(0, k // 2) for k in kernel)
    dilation = d.among((1, 1), (d.integer(1, 3), d.integer(1, 3)))
    size = [
        max(1, e * (k - 1) + 1 - 2 * p, e) + d.among(0, 1, d.integer(0, 40))
        for k, p, e in zip(kernel, padding, dilation, strict=True)
    ]
    return (d.integer(1, 3), d.integer(1, 3), *size), kernel, stride, padding, dilation


def max_pool2d(d):
    shape, *options = pooling(d)
    out = tuple(map(output_size, shape[2:], *options))
    return d.values(shape, d.among(*FLOATS, np.float16)), *options, out


def max_pool2d_gradient(d):
    n, c, height, width = d.integer(1, 3), d.integer(1, 3), d.integer(1, 12), d.size()
    out = d.integer(1, 9), d.size()
    argmax = d.rng.integers(-1, height * width, (n, c, *out))
    return d.values((n, c, *out), d.among(*FLOATS)), d.laid_out(argmax), (height, width)


def averages(d):
    shape, kernel, stride, padding, _ = pooling(d)
    out = tuple(map(output_size, shape[2:], kernel, stride, padding, (1, 1)))
    dtype = d.among(*FLOATS)
    return shape, kernel, stride, padding, np.full(out, kernel[0] * kernel[1], dtype), dtype


def avg_pool2d(d):
    shape, kernel, stride, padding, divisors, dtype = averages(d)
    return d.values(shape, dtype), kernel, stride, padding, divisors


def avg_pool2d_gradient(d):
    shape, kernel, stride, padding, divisors, dtype = averages(d)
    delta = d.values((*shape[:2], *divisors.shape), dtype)
    return delta, shape[2:], kernel, stride, padding, divisors


def images(d):
    return d.integer(1, 2), d.integer(1, 3), d.integer(1, 9), d.size()


def adaptive(d):
    return d.values(images(d), d.among(*FLOATS)), (d.integer(1, 11), d.integer(1, 18))


def adaptive_avg_pool2d_gradient(d):
    return d.values(images(d), d.among(*FLOATS)), (d.integer(1, 11), d.size())


def element_wise(d):
    shape = d.among((d.size(),), (d.size(), d.size()), (2, 3, d.size()))
    return d.values(shape, d.among(*FLOATS, np.float16)), shape


def activation(d):
    return (element_wise(d)[0],)


def activation_gradient(d):
    x, shape = element_wise(d)
    return d.values(shape, x.dtype), x


def relu(d):
    x, shape = element_wise(d)
    kind = d.integer(0, 2)
    return x, (None, x if kind == 1 else np.empty(shape, x.dtype))[min(kind, 1)]


def channels(d):
    return d.integer(1, 3), d.integer(1, 5), d.size() + d.among(0, 100)


def of_channels(d, shape, dtype, count):
    return [d.values(shape[1:2], dtype, layout=False) for _ in range(count)]


def channel_moments(d):
    return (d.values(channels(d), d.among(*FLOATS)),)


def channel_normalize(d):
    shape, dtype = channels(d), d.among(*FLOATS)
    return d.values(shape, dtype), *of_channels(d, shape, dtype, 4)


def channel_sums(d):
    shape, dtype = channels(d), d.among(*FLOATS)
    return d.values(shape, dtype), d.values(shape, dtype, layout=False)


def channel_gradient(d):
    shape, dtype = channels(d), d.among(*FLOATS)
    normalized = d.values(shape, dtype, layout=False)
    return d.values(shape, dtype), normalized, *of_channels(d, shape, dtype, 3)


def norm_act(d):
    shape = channels(d)
    gamma, beta, mean = of_channels(d, shape, np.float32, 3)
    given = (mean, d.positive(shape[1:2])) if d.chance(0.4) else None
    residual = d.values(shape) if d.chance(0.5) else None
    act = d.among(None, "relu", "relu6", "silu", "hardswish")
    return d.values(shape), gamma, beta, 1e-5, given, act, residual


def norm_act_gradient(d):
    shape = channels(d)
    gamma, beta, mean = of_channels(d, shape, np.float32, 3)
    shortcut, act = d.chance(0.5), d.among(None, "relu", "relu6", "silu", "hardswish")
    if shortcut:  # the only one whose slope can be read from y
        act = d.among(None, "relu")
    y = d.values(shape, layout=False) if shortcut and act else None
    rest = 1e-5, d.chance(0.4), mean, d.positive(shape[1:2]), act, shortcut
    return d.values(shape), d.values(shape), y, gamma, beta, *rest


def linear(d):
    samples, inputs, outputs = d.integer(1, 5), d.among(d.size(), 2049), d.size()
    return samples, inputs, outputs, d.among(*FLOATS)


def linear_forward(d):
    samples, inputs, outputs, dtype = linear(d)
    bias = d.values((outputs,), dtype) if d.chance(0.7) else None
    return d.values((samples, inputs), dtype), d.values((outputs, inputs), dtype), bias


def linear_input_gradient(d):
    samples, inputs, outputs, dtype = linear(d)
    return d.values((samples, outputs), dtype), d.values((outputs, inputs), dtype)


def linear_weight_gradient(d):
    samples, inputs, outputs, dtype = linear(d)
    return d.values((samples, outputs), dtype), d.values((samples, inputs), dtype)


def scale_maps(d):
    shape, dtype = images(d), d.among(*FLOATS)
    return d.values(shape, dtype), d.values((*shape[:2], 1, 1), dtype)


def scale_maps_gradient(d):
    x, scale = scale_maps(d)
    return d.values(x.shape, x.dtype), x, scale


def add_to_places(d):
    shape = [d.integer(1, 4), d.size(), d.integer(1, 5)][: d.integer(1, 3)]
    axis, size = d.integer(0, len(shape) - 1), d.size()
    places = d.rng.integers(0, size, shape[axis])
    return d.values(tuple(shape), d.among(*FLOATS, np.float16)), places, size, axis


def histogram(d):
    x = d.values((d.among(0, 1, d.size(), 3000),), d.among(*FLOATS), layout=False)
    low = d.rng.normal()
    return x, np.linspace(low, low + d.among(1e-3, 1, 5, 1e30), d.integer(2, 50))


def largest_entries(d):
    return d.values((d.among(0, 1, d.size(), 100),), d.among(*FLOATS), layout=False), d.integer(
        1, 9
    )


def pixels(d, dtype, shape):
    if dtype == np.uint8:
        return d.rng.integers(0, 256, shape).astype(np.uint8)
    return d.rng.random(shape).astype(dtype)


def picture(d, kinds=(1, 3)):
    """A picture's dtype, and that of the numbers to compute with."""
    dtype = d.among(np.uint8, np.float32, np.float64)
    number = np.float64 if dtype == np.float64 else np.float32
    return dtype, number, (d.integer(1, 2), d.integer(1, 20), d.size(), d.among(*kinds))


def resample(d):
    dtype, number, shape = picture(d)
    mode = d.among(InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    sides = []
    for old in shape[1:3]:
        start = d.integer(0, old - 1)  # a window of the picture
        first, weights = taps(old - start, d.size(), mode, d.chance(0.5), number)
        sides.append((first + start, weights))
    return pixels(d, dtype, shape), *sides


def warp(d):
    dtype, number, shape = picture(d, (1, 2, 3))
    size = d.integer(1, 12), d.size()
    spread = d.among(1, 3, 1e6)
    places = [
        (spread * old * (d.rng.random(size) - 0.3)).astype(number) for old in (shape[2], shape[1])
    ]
    if d.chance(0.2):
        places[0].flat[0] = d.among(np.nan, np.inf, -np.inf, 3e38)
    fill = d.rng.random((shape[0], shape[3])).astype(number) if d.chance(0.5) else None
    return pixels(d, dtype, shape), *places, d.chance(0.4), fill


def mirror(d):
    dtype, _, shape = picture(d, (1, 2, 3, 4))
    return (pixels(d, dtype, shape[1:]),)


def planes(d, channels):
    dtype, number, (n, _, p, _) = picture(d)
    return pixels(d, dtype, (n, channels, p)), number


def normalize_channels(d):
    n, c, p = d.integer(1, 2), d.integer(1, 4), d.size()
    number = d.among(np.float32, np.float64)
    numbers = d.values((c,), number, layout=False), d.positive((c,), number)
    return d.values((n, c, p), number, layout=False), *numbers


def luma(d):
    x, number = planes(d, 3)
    return x, np.array((0.2989, 0.587, 0.114), number)


def blend(d):
    x, number = planes(d, d.among(1, 3))
    other = pixels(d, x.dtype, (len(x), d.among(1, x.shape[2])))
    return x, other, number(d.rng.random() * 3), 255 if x.dtype == np.uint8 else 1


def shift_hue(d):
    x, _ = planes(d, 3)
    return x, d.rng.random() - 0.5, 255 if x.dtype == np.uint8 else 1


def optimizer(d, lists):
    """`lists` lists of arrays, one array for each parameter."""
    dtype = d.among(*FLOATS)
    shapes = [d.among((d.size(),), (d.size(), d.integer(1, 5)), ()) for _ in range(d.integer(1, 4))]
    return dtype, [
        [np.asarray(d.values(s, dtype, layout=False, special=False)) for s in shapes]
        for _ in range(lists)
    ]


def sgd_update(d):
    _, (weights, gradients, velocities) = optimizer(d, 3)
    momentum = d.among(0, 0.9)
    undamped = [d.among(1, 0.5) for _ in weights]
    rest = 0.1, momentum, d.among(0, 0.01), bool(momentum) and d.chance(0.5), d.chance(0.5)
    return weights, gradients, velocities if momentum else None, undamped, *rest


def adam_update(d):
    _, (weights, gradients, means, squares, largest) = optimizer(d, 5)
    squares, largest = ([np.asarray(abs(v)) for v in some] for some in (squares, largest))
    steps = [d.integer(1, 5) for _ in weights]
    most = largest if d.chance(0.5) else None
    rest = 0.1, (0.9, 0.99), 1e-8, d.among(0, 0.01), d.chance(0.5), d.chance(0.5)
    return weights, gradients, means, squares, most, steps, *rest


def bias_gradient(d):
    return (d.values(images(d), d.among(*FLOATS)),)


def concatenate(d):
    shape, dtype = images(d), d.among(*FLOATS)
    axis, parts = d.integer(0, 3), []
    for _ in range(d.integer(1, 4)):
        size = list(shape)
        size[axis] = d.among(shape[axis], d.integer(1, 17))
        parts.append(d.values(tuple(size), dtype))
    return parts, axis


_ACTIVATIONS = ("logistic", "relu6", "silu", "hardsigmoid", "hardswish")
CALLS = {
    **dict.fromkeys(_ACTIVATIONS, activation),
    **{f"{name}_gradient": activation_gradient for name in (*_ACTIVATIONS, "relu")},
    "relu": relu,
    "normal_cdf": activation,
    "adaptive_avg_pool2d": adaptive,
    "adaptive_max_pool2d": adaptive,
    "linear": linear_forward,
    **{
        f.__name__: f
        for f in (
            conv2d, conv2d_input_gradient, conv2d_weight_gradient, im2col, col2im, max_pool2d,
            max_pool2d_gradient, avg_pool2d, avg_pool2d_gradient, adaptive_avg_pool2d_gradient,
            channel_moments, channel_normalize, channel_sums, channel_gradient, norm_act,
            norm_act_gradient, linear_input_gradient, linear_weight_gradient, scale_maps,
            scale_maps_gradient, add_to_places, histogram, largest_entries, resample, warp, mirror,
            bias_gradient, concatenate, normalize_channels, luma, blend, shift_hue, sgd_update,
            adam_update,
        )
    },
}  # fmt: skip
