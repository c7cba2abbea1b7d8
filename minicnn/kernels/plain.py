"""Every kernel in a few lines of NumPy; of CuPy, where arrays lie on a GPU.

CuPy's arrays answer NumPy's functions: ``np.pad(x)`` is computed where x is. Only what makes an
array out of nothing has to be told where, by ``xp``.

Convolution as one matrix product (*im2col*): each window of x that the kernel W looks at becomes
a column; then W ⊗ X, for all places of all images at once, is the product of a matrix that holds
the kernels as rows with the matrix of columns. Both gradients are products with the same matrix:

    Z = W · col(X)         eq. 1.11
    ∂L/∂W = δ · col(X)ᵀ    eq. 1.12
    ∂L/∂X = im(Wᵀ · δ)     eq. 1.9, where im adds every column back to the window it came from

Shapes: x (N, C, H, W); w (F, C/groups, kh, kw); delta like the output (N, F, OH, OW). Pairs
(kernel, stride, padding, dilation, size) are (vertical, horizontal).
"""

import math

import numpy as np

from minicnn.arrays import array_module
from minicnn.kernels import (  # noqa: F401, they register theirs
    plain_activation,
    plain_images,
    plain_joining,
    plain_losses,
    plain_norm_act,
    plain_optimizers,
    plain_products,
    plain_random,
)
from minicnn.kernels.registry import find, register
from minicnn.shapes import adaptive_windows, output_size

# Columns repeat every input kh·kw times. They are made for as many images at a time as fit here.
WORKSPACE_BYTES = 64 * 2**20


def _places(kernel, stride, dilation, out):
    """For every kernel entry (i, j): the slices of a padded input under it, one place a window."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + stride[0] * (out[0] - 1) + 1, stride[0])
            columns = slice(left, left + stride[1] * (out[1] - 1) + 1, stride[1])
            yield i, j, rows, columns


@register("im2col", "plain")
def im2col(x, kernel, stride, padding, dilation, out):
    """(N, C, H, W) → (C·kh·kw, N·OH·OW): a column holds what one window of one image sees."""
    (n, c, _, _), (ph, pw) = x.shape, padding
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    columns = array_module(x).empty((c, *kernel, n, *out), x.dtype)
    for i, j, rows, cols in _places(kernel, stride, dilation, out):
        columns[:, i, j] = x[:, :, rows, cols].swapaxes(0, 1)
    # (C, kh, kw, N, OH, OW) → (C·kh·kw, N·OH·OW)
    return columns.reshape(c * kernel[0] * kernel[1], n * out[0] * out[1])


@register("col2im", "plain")
def col2im(columns, shape, kernel, stride, padding, dilation, out):
    """The transpose of `im2col`: every entry is *added* to the place it was copied from.

    `shape` is that of the images, (N, C, H, W).
    """
    (n, c, height, width), (ph, pw) = shape, padding
    columns = columns.reshape(c, *kernel, n, *out)
    shape = n, c, height + 2 * ph, width + 2 * pw
    x = array_module(columns).zeros(shape, columns.dtype)
    for i, j, rows, cols in _places(kernel, stride, dilation, out):
        # += : windows overlap, and a pixel seen by several receives from all of them.
        x[:, :, rows, cols] += columns[:, i, j].swapaxes(0, 1)
    return x[:, :, ph : ph + height, pw : pw + width]


def _chunks(images, floats_per_image, itemsize):
    """Slices of the batch whose columns stay within the workspace; at least one image each."""
    step = max(1, WORKSPACE_BYTES // max(1, floats_per_image * itemsize))
    for start in range(0, images, step):
        yield slice(start, min(start + step, images))


def _as_rows(maps, groups):
    """(N, F, OH, OW) → (G, F/G, N·OH·OW): a row holds one map of all images."""
    n, f, height, width = maps.shape
    return maps.swapaxes(0, 1).reshape(groups, f // groups, n * height * width)


def _as_maps(rows, n, out):
    """The way back: (G, F/G, N·OH·OW) → (N, F, OH, OW)."""
    f = rows.shape[0] * rows.shape[1]
    return rows.reshape(f, n, *out).swapaxes(0, 1)


@register("conv2d", "plain")
def conv2d(x, w, stride, padding, dilation, groups, bias=None, norm=None, residual=None, act=None):
    """Z = W · col(X) + b, eq. 1.11, and what `finished` makes of it."""
    (n, c, *size), (f, _, *kernel) = x.shape, w.shape
    out = tuple(map(output_size, size, kernel, stride, padding, dilation))
    k, places = c // groups * kernel[0] * kernel[1], out[0] * out[1]
    w = w.reshape(groups, f // groups, k)
    z = array_module(x).empty((n, f, *out), x.dtype)
    for part in _chunks(n, c * kernel[0] * kernel[1] * out[0] * out[1], x.itemsize):
        columns = find("im2col", x)(x[part], tuple(kernel), stride, padding, dilation, out)
        # (C·kh·kw, n·OH·OW) → (G, K, n·OH·OW): the channels of a group lie together.
        columns = columns.reshape(groups, k, (part.stop - part.start) * places)
        z[part] = _as_maps(find("matmul", w)(w, columns), part.stop - part.start, out)
    return finished(z, bias, norm, residual, act)


def finished(z, bias=None, norm=None, residual=None, act=None):
    """f((z + b − μ) · a + β + r), as far as given; z is (N, F, OH, OW) and may be overwritten.

    Args:
        bias: b, (F). norm: μ, a and β, each (F). residual: r, like z.
        act: the name of f: "relu", "relu6", "silu", "hardswish".
    """
    if bias is not None:
        z += bias.reshape(-1, 1, 1)
    if norm is not None:
        mean, a, shift = (numbers.reshape(-1, 1, 1) for numbers in norm)
        z = (z - mean) * a + shift
    if residual is not None:
        z += residual
    return plain_norm_act.FUNCTIONS[act](z) if act else z


@register("conv2d_input_gradient", "plain")
def conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups):
    """∂L/∂X = im(Wᵀ · δ), eq. 1.9: rot180(W) ⊗~ δ, written as the transpose of the product."""
    (n, f, *out), (_, per_group, *kernel) = delta.shape, w.shape
    c = per_group * groups
    wt = w.reshape(groups, f // groups, -1).swapaxes(1, 2)  # (G, K, F/G)
    dx = array_module(delta).empty((n, c, *size), delta.dtype)
    for part in _chunks(n, c * kernel[0] * kernel[1] * out[0] * out[1], delta.itemsize):
        columns = find("matmul", wt)(wt, _as_rows(delta[part], groups))
        shape = (part.stop - part.start, c, *size)
        dx[part] = find("col2im", columns)(
            columns, shape, tuple(kernel), stride, padding, dilation, tuple(out)
        )
    return dx


@register("conv2d_weight_gradient", "plain")
def conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation, groups):
    """∂L/∂W = Σ over the batch of δ · col(X)ᵀ, eq. 1.12."""
    (n, f, *out), c = delta.shape, x.shape[1]
    k = c // groups * kernel[0] * kernel[1]
    dw = array_module(delta).zeros((groups, f // groups, k), delta.dtype)
    for part in _chunks(n, c * kernel[0] * kernel[1] * out[0] * out[1], x.itemsize):
        columns = find("im2col", x)(x[part], kernel, stride, padding, dilation, tuple(out))
        columns = columns.reshape(groups, k, (part.stop - part.start) * out[0] * out[1])
        dw += find("matmul", delta)(_as_rows(delta[part], groups), columns.swapaxes(1, 2))
    return dw.reshape(f, c // groups, *kernel)


@register("max_pool2d", "plain")
def max_pool2d(x, kernel, stride, padding, dilation, out):
    """The maximum of every window, and its place: a flat index into the H·W plane.

    The first maximum in row-major order wins a tie; places in the padding never win.
    """
    height, width = x.shape[2:]
    xp = array_module(x)
    best = xp.full((*x.shape[:2], *out), -np.inf, x.dtype)
    argmax = xp.full(best.shape, -1, np.int64)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            # Row and column in x of entry (i, j) of each window; possibly outside of x.
            rows = (xp.arange(out[0]) * stride[0] - padding[0] + i * dilation[0])[:, None]
            columns = xp.arange(out[1]) * stride[1] - padding[1] + j * dilation[1]
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            value = x[:, :, rows.clip(0, height - 1), columns.clip(0, width - 1)]
            # NaN is greater than everything, so that it shows; argmax < 0: the first one inside.
            better = inside & ((value > best) | np.isnan(value) | (argmax < 0))
            best = np.where(better, value, best)
            argmax = np.where(better, rows * width + columns, argmax)
    return best, argmax


@register("max_pool2d_gradient", "plain")
def max_pool2d_gradient(delta, argmax, size):
    """up(δ) of eq. 1.17: every δ goes to the place of its window's maximum, and adds up there.

    That of a window that saw no pixel at all (its place is −1) goes nowhere.
    """
    n, c, *out = delta.shape
    xp = array_module(delta)
    dx = xp.zeros((n * c, size[0] * size[1]), delta.dtype)
    planes, flat = xp.arange(n * c)[:, None], (n * c, out[0] * out[1])
    delta = xp.where(argmax < 0, delta.dtype.type(0), delta).reshape(flat)
    xp.add.at(dx, (planes, argmax.reshape(flat).clip(0)), delta)
    return dx.reshape(n, c, *size)


def _pool_padding(size, kernel, stride, padding, out):
    """(before, after) for each axis, so that every window lies inside (`ceil_mode` may pass p)."""
    for n, k, s, p, o in zip(size, kernel, stride, padding, out, strict=True):
        yield p, max(p, (o - 1) * s + k - n - p)


@register("avg_pool2d", "plain")
def avg_pool2d(x, kernel, stride, padding, divisors):
    """The sum of every window over its divisor; `divisors` has the shape (OH, OW)."""
    out = divisors.shape
    widths = _pool_padding(x.shape[2:], kernel, stride, padding, out)
    x = np.pad(x, ((0, 0), (0, 0), *widths))
    y = array_module(x).zeros((*x.shape[:2], *out), x.dtype)
    for _, _, rows, columns in _places(kernel, stride, (1, 1), out):
        y += x[:, :, rows, columns]
    return y / divisors


@register("avg_pool2d_gradient", "plain")
def avg_pool2d_gradient(delta, size, kernel, stride, padding, divisors):
    """up(δ) of eq. 1.17: every δ is spread evenly over its window."""
    (height, width), out = size, divisors.shape
    (top, bottom), (left, right) = _pool_padding(size, kernel, stride, padding, out)
    shape = (*delta.shape[:2], height + top + bottom, width + left + right)
    dx = array_module(delta).zeros(shape, delta.dtype)
    share = delta / divisors
    for _, _, rows, columns in _places(kernel, stride, (1, 1), out):
        dx[:, :, rows, columns] += share
    return dx[:, :, top : top + height, left : left + width]


@register("adaptive_max_pool2d", "plain")
def adaptive_max_pool2d(x, out):
    """The maximum of every window of `adaptive_windows`, and its place, as in `max_pool2d`."""
    n, c, height, width = x.shape
    xp = array_module(x)
    best, argmax = xp.empty((n, c, *out), x.dtype), xp.empty((n, c, *out), np.int64)
    for i, (top, bottom) in enumerate(adaptive_windows(height, out[0])):
        for j, (left, right) in enumerate(adaptive_windows(width, out[1])):
            size = (bottom - top) * (right - left)
            window = x[:, :, top:bottom, left:right].reshape(n, c, size)
            place = window.argmax(axis=2)
            nan = np.isnan(window)
            # The last NaN wins, as in max_pool2d.
            place = np.where(nan.any(axis=2), size - 1 - nan[..., ::-1].argmax(axis=2), place)
            best[:, :, i, j] = np.take_along_axis(window, place[..., None], axis=2)[..., 0]
            row, column = np.divmod(place, right - left)
            argmax[:, :, i, j] = (top + row) * width + left + column
    return best, argmax


@register("adaptive_avg_pool2d", "plain")
def adaptive_avg_pool2d(x, out):
    """The mean of every window of `adaptive_windows`: over its rows, then over its columns."""
    for axis, o in zip((2, 3), out, strict=True):
        lines = np.moveaxis(x, axis, 0)
        means = [lines[start:end].mean(axis=0) for start, end in adaptive_windows(len(lines), o)]
        x = np.stack(means, axis)
    return x


@register("adaptive_avg_pool2d_gradient", "plain")
def adaptive_avg_pool2d_gradient(delta, size):
    """up(δ) of eq. 1.17: every δ is spread evenly over its columns, then over its rows."""
    for axis, n in zip((3, 2), reversed(size), strict=True):
        lines = np.moveaxis(delta, axis, 0)
        dx = array_module(delta).zeros((n, *lines.shape[1:]), delta.dtype)
        for line, (start, end) in zip(lines, adaptive_windows(n, len(lines)), strict=True):
            dx[start:end] += line / (end - start)
        delta = np.moveaxis(dx, 0, axis)
    return delta


@register("add_to_places", "plain")
def add_to_places(delta, places, size, axis):
    """The transpose of ``x.take(places, axis)``: entry i of δ is *added* to place places[i].

    `size` is that of x along `axis`. Entries that go to one place are brought side by side, and
    each such run is summed at once.
    """
    xp = array_module(delta)
    order = np.argsort(places, kind="stable")
    found, starts = np.unique(places[order], return_index=True)
    sums = xp.add.reduceat(delta.take(order, axis), starts, axis)
    shape = list(delta.shape)
    shape[axis] = size
    dx = xp.zeros(shape, delta.dtype)
    np.moveaxis(dx, axis, 0)[found] = np.moveaxis(sums, axis, 0)
    return dx


@register("add_at", "plain")
def add_at(delta, index, shape):
    """The transpose of ``x[index]``, x of that shape: every δ is *added* to where it was taken."""
    dx = array_module(delta).zeros(shape, delta.dtype)
    array_module(delta).add.at(dx, index, delta)
    return dx


@register("normal_cdf", "plain")
def normal_cdf(x):
    """Φ(x) = erfc(−x/√2) / 2 (equation ``gelu``); erfc, unlike 1 + erf, keeps the left tail."""
    if array_module(x) is not np:
        from cupyx.scipy.special import erfc

        return 0.5 * erfc(x * (-1 / math.sqrt(2)))
    values = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x.ravel().tolist()]
    return np.array(values, x.dtype).reshape(x.shape)


# Batch normalisation: arrays (N, C, L), and one number for each of the C channels.


def _of_channels(numbers):
    return numbers.reshape(1, -1, 1)


def _channel_sum(array):
    """Σ over the batch and the places, in float64: a channel may hold millions of values."""
    return array.sum(axis=(0, 2), dtype="float64")


@register("channel_moments", "plain")
def channel_moments(x):
    """The mean and the biased variance of each channel."""
    count = max(1, x.shape[0] * x.shape[2])
    mean = (_channel_sum(x) / count).astype(x.dtype)
    centred = x - _of_channels(mean)
    # Of what is centred: E[x²] − μ² would lose all digits where μ is large against σ.
    return mean, (_channel_sum(centred * centred) / count).astype(x.dtype)


@register("channel_normalize", "plain")
def channel_normalize(x, mean, inverse_std, gamma, beta):
    """x̂ = (x − μ) / √(σ² + ε) and γ x̂ + β (eq. ``bn``)."""
    normalized = (x - _of_channels(mean)) * _of_channels(inverse_std)
    return normalized, _of_channels(gamma) * normalized + _of_channels(beta)


@register("channel_sums", "plain")
def channel_sums(delta, normalized):
    """Σ δ and Σ δ ⊙ x̂, which are ∂L/∂β and ∂L/∂γ."""
    sums = _channel_sum(delta), _channel_sum(delta * normalized)
    return tuple(s.astype(delta.dtype) for s in sums)


@register("channel_gradient", "plain")
def channel_gradient(delta, normalized, scale, mean_delta, mean_both):
    """∂L/∂x = γ/√(σ² + ε) (δ − mean(δ) − x̂ mean(δ ⊙ x̂))  (eq. ``bn-backward``)."""
    inner = delta - _of_channels(mean_delta) - normalized * _of_channels(mean_both)
    return _of_channels(scale) * inner


@register("histogram", "plain")
def histogram(x, edges):
    """How many entries of a flat array lie in each bin e_k ≤ x < e_{k+1}; the last has its end."""
    return np.histogram(x, edges)[0]


@register("largest_entries", "plain")
def largest_entries(x, count):
    """The places of the entries with the largest |x|, NaN as infinity; of equal ones the first."""
    size = np.nan_to_num(np.abs(x.astype(np.float64)), nan=np.inf, posinf=np.inf)
    return np.argsort(-size, kind="stable")[:count]
