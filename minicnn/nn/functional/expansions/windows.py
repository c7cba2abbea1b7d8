"""Convolution and pooling, written with borders, windows as columns, and a product.

`unfold` lays the windows of an image side by side; after that a convolution is a matrix product,
and pooling is a maximum or a mean of each column. `fold` adds the columns back together, which is
the transposed convolution. `unfold` and `fold` themselves are slices of the padded image, one for
each entry of the kernel.
"""

from minicnn.creation import arange, ones_like, zeros
from minicnn.dtypes import float64
from minicnn.functions.products import matmul
from minicnn.functions.shaping import flatten, reshape, stack, unsqueeze
from minicnn.nn.functional.padding import pad
from minicnn.nn.functional.windows import fold as columns_to_image
from minicnn.nn.functional.windows import unfold as image_to_columns
from minicnn.shapes import adaptive_windows, as_tuple, effective_kernel, output_size


def _pair(value):
    return as_tuple("expansion", "size", value, 2, 0)


def _slices(kernel, stride, dilation, out):
    """For each kernel entry: the rows and columns of the padded image under it."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            yield tuple(
                slice(d * first, d * first + s * (o - 1) + 1, s)
                for first, d, s, o in zip((i, j), dilation, stride, out, strict=True)
            )


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Slices, stacked: for each kernel entry the pixels that lie under it, window by window."""
    kernel, stride, dilation, (ph, pw) = map(_pair, (kernel_size, stride, dilation, padding))
    batch, size = input.shape[:-3], input.shape[-2:]
    out = tuple(map(output_size, size, kernel, stride, (ph, pw), dilation))
    x = pad(input, (pw, pw, ph, ph))
    slices = [x[(..., *s)] for s in _slices(kernel, stride, dilation, out)]
    # kh·kw times (…, C, OH, OW) → (…, C, kh·kw, OH, OW) → (…, C·kh·kw, L)
    columns = stack(slices, len(batch) + 1)
    return reshape(columns, (*batch, input.shape[-3] * len(slices), out[0] * out[1]))


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Each kernel entry's row of the columns, added to the slice of the image that it came from."""
    kernel, stride, dilation, (ph, pw) = map(_pair, (kernel_size, stride, dilation, padding))
    height, width = _pair(output_size)
    batch, entries = input.shape[:-2], kernel[0] * kernel[1]
    room = (height + 2 * ph, width + 2 * pw)
    spans = map(effective_kernel, kernel, dilation)
    out = tuple((n - m) // s + 1 for n, m, s in zip(room, spans, stride, strict=True))
    channels = input.shape[-2] // entries
    # (…, C·kh·kw, L) → (…, C, kh·kw, OH, OW)
    columns = reshape(input, (*batch, channels, entries, *out))
    x = zeros((*batch, channels, *room), dtype=input.dtype)
    for k, s in enumerate(_slices(kernel, stride, dilation, out)):
        x[(..., *s)] += columns[..., k, :, :]
    return x[..., ph : ph + height, pw : pw + width]


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Z = W · col(X) + b, a product for each group (eq. ``im2col``)."""
    kernel, stride, dilation = weight.shape[2:], _pair(stride), _pair(dilation)
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
    else:
        top, left = bottom, right = (0, 0) if padding == "valid" else _pair(padding)
    x = pad(input, (left, right, top, bottom))
    out = tuple(map(output_size, x.shape[-2:], kernel, stride, (0, 0), dilation))
    columns = image_to_columns(x, kernel, dilation, 0, stride)
    # (…, C·kh·kw, L) → (…, G, C/G·kh·kw, L), and the weight (F, C/G, kh, kw) → (G, F/G, C/G·kh·kw)
    batch, (rows, places) = columns.shape[:-2], columns.shape[-2:]
    columns = reshape(columns, (*batch, groups, rows // groups, places))
    kernels = reshape(weight, (groups, weight.shape[0] // groups, rows // groups))
    z = reshape(matmul(kernels, columns), (*batch, weight.shape[0], *out))
    return z if bias is None else z + reshape(bias, (-1, 1, 1))


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv2d` over an image of height 1."""
    return _one_axis(conv2d, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """im(Wᵀ · X) + b, a product for each group, cut and enlarged at the border."""
    kernel, stride, dilation = weight.shape[2:], _pair(stride), _pair(dilation)
    (ph, pw), (ah, aw) = _pair(padding), _pair(output_padding)
    *batch, channels, height, width = input.shape
    filters = weight.shape[1] * groups
    # W (C, F/G, kh, kw) → (G, F/G·kh·kw, C/G); X (…, C, H, W) → (…, G, C/G, L)
    rows = weight.shape[1] * kernel[0] * kernel[1]
    kernels = reshape(weight, (groups, channels // groups, rows)).transpose(1, 2)
    x = reshape(input, (*batch, groups, channels // groups, height * width))
    columns = reshape(matmul(kernels, x), (*batch, groups * rows, height * width))
    # The size that holds exactly these windows; then p less at each side, a more at the end.
    spans = map(effective_kernel, kernel, dilation)
    sizes = ((n - 1) * s + m for n, s, m in zip((height, width), stride, spans, strict=True))
    y = columns_to_image(columns, tuple(sizes), kernel, dilation, 0, stride)
    y = pad(y, (-pw, aw - pw, -ph, ah - ph))
    return y if bias is None else y + reshape(bias, (filters, 1, 1))


def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """`conv_transpose2d` over an image of height 1."""
    return _one_axis(
        conv_transpose2d, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _one_axis(function, input, weight, bias, stride, padding, *others):
    """A function over images, for a signal (…, L) as an image (…, 1, L)."""

    def pair(value, height):
        return value if isinstance(value, str) else (height, *as_tuple("", "", value, 1, 0))

    stride, padding = pair(stride, 1), pair(padding, 0)
    if len(others) == 2:  # conv1d: dilation, groups
        others = (pair(others[0], 1), others[1])
    else:  # conv_transpose1d: output_padding, groups, dilation
        others = (pair(others[0], 0), others[1], pair(others[2], 1))
    input, weight = unsqueeze(input, -2), unsqueeze(weight, -2)
    y = function(input, weight, bias, stride, padding, *others)
    return reshape(y, (*y.shape[:-2], y.shape[-1]))


def _windows(x, kernel, stride, dilation, out, value):
    """The entries of the first `out` windows of x, (…, C, kh·kw, OH·OW).

    What no window sees at the end is cut off; where `ceil_mode` lets the last windows look beyond
    the end, they see `value`.
    """
    seen = [
        (o - 1) * s + effective_kernel(k, d)
        for k, s, d, o in zip(kernel, stride, dilation, out, strict=True)
    ]
    more = [m - n for m, n in zip(seen, x.shape[-2:], strict=True)]
    columns = image_to_columns(
        pad(x, (0, more[1], 0, more[0]), value=value), kernel, dilation, 0, stride
    )
    # (…, C·kh·kw, L) → (…, C, kh·kw, L)
    return reshape(columns, (*x.shape[:-2], kernel[0] * kernel[1], columns.shape[-1]))


def _pool_arguments(input, kernel_size, stride, padding, dilation, ceil_mode):
    """(border for `pad`, (kernel, stride, dilation, (OH, OW)))."""
    kernel, padding, dilation = _pair(kernel_size), _pair(padding), _pair(dilation)
    stride = kernel if stride is None else _pair(stride)
    axes = zip(input.shape[-2:], kernel, stride, padding, dilation, strict=True)
    out = tuple(output_size(*axis, ceil_mode) for axis in axes)
    return (padding[1], padding[1], padding[0], padding[0]), (kernel, stride, dilation, out)


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """The maximum of each column, in a border of −∞; the first of equal ones has the gradient."""
    border, options = _pool_arguments(input, kernel_size, stride, padding, dilation, ceil_mode)
    nothing = -float("inf")
    windows = _windows(pad(input, border, value=nothing), *options, nothing)
    values, which = windows.max(-2)
    shape = (*input.shape[:-2], *options[-1])
    if not return_indices:
        return reshape(values, shape)
    # The places of the pixels, pooled along with them.
    height, width = input.shape[-2:]
    places = arange(height * width, dtype=float64).reshape(1, height, width)
    places = _windows(pad(places, border), *options, 0)
    found = places[0, which, arange(which.shape[-1])]
    return reshape(values, shape), reshape(found.long(), shape)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The sum of each column over the number of its entries, counted by pooling ones likewise."""
    border, options = _pool_arguments(input, kernel_size, stride, padding, 1, ceil_mode)
    total = _windows(pad(input, border), *options, 0).sum(-2)
    if divisor_override is not None:
        count = divisor_override
    else:
        ones = ones_like(input[..., :1, :, :])
        ones = pad(ones, border, value=1 if count_include_pad else 0)
        count = _windows(ones, *options, 0).sum(-2)
    return reshape(total / count, (*input.shape[:-2], *options[-1]))


def adaptive_avg_pool2d(input, output_size):
    """The mean of each window, cut out of the image one after another."""
    return _adaptive(input, output_size, lambda window: window.mean((-2, -1)))


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The maximum of each window, cut out of the image one after another."""
    width = input.shape[-1]
    values = _adaptive(input, output_size, lambda window: flatten(window, -2).max(-1)[0])
    if not return_indices:
        return values

    places = arange(input.shape[-2] * width).reshape(input.shape[-2:])

    def place(window, found):
        return flatten(found)[flatten(window, -2).argmax(-1)]

    return values, _adaptive(input, output_size, place, places)


def _adaptive(input, output_size, function, *others):
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * 2
    sizes = [n if o is None else o for o, n in zip(sizes, input.shape[-2:], strict=True)]
    rows, columns = map(adaptive_windows, input.shape[-2:], sizes)
    lines = []
    for top, bottom in rows:
        cut = [[x[..., top:bottom, a:b] for x in (input, *others)] for a, b in columns]
        lines.append(stack([function(*window) for window in cut], -1))
    return stack(lines, -2)


EXPANSIONS = {
    "unfold": unfold,
    "fold": fold,
    "conv1d": conv1d,
    "conv2d": conv2d,
    "conv_transpose1d": conv_transpose1d,
    "conv_transpose2d": conv_transpose2d,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "adaptive_max_pool2d": adaptive_max_pool2d,
}
