"""Convolution, written with borders, windows as columns, and a product.

`unfold` lays the windows of an image side by side; after that a convolution is a matrix product.
`fold` adds the columns back together, which is the transposed convolution. `unfold` and `fold`
themselves are slices of the padded image, one for each entry of the kernel.
"""

from minicnn.creation import zeros
from minicnn.functions.products import matmul
from minicnn.functions.shaping import reshape, stack, unsqueeze
from minicnn.nn.functional.padding import pad
from minicnn.nn.functional.windows import fold as columns_to_image
from minicnn.nn.functional.windows import unfold as image_to_columns
from minicnn.shapes import as_tuple, effective_kernel, output_size


def pair(value):
    """`value` for the vertical and the horizontal axis."""
    return as_tuple("expansion", "size", value, 2, 0)


def with_height(value, height):
    """`value` of a signal's axis, as a pair for an image of height 1."""
    return value if isinstance(value, str) else (height, *as_tuple("", "", value, 1, 0))


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
    kernel, stride, dilation, (ph, pw) = map(pair, (kernel_size, stride, dilation, padding))
    batch, size = input.shape[:-3], input.shape[-2:]
    out = tuple(map(output_size, size, kernel, stride, (ph, pw), dilation))
    x = pad(input, (pw, pw, ph, ph))
    slices = [x[(..., *s)] for s in _slices(kernel, stride, dilation, out)]
    # kh·kw times (…, C, OH, OW) → (…, C, kh·kw, OH, OW) → (…, C·kh·kw, L)
    columns = stack(slices, len(batch) + 1)
    return reshape(columns, (*batch, input.shape[-3] * len(slices), out[0] * out[1]))


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Each kernel entry's row of the columns, added to the slice of the image that it came from."""
    kernel, stride, dilation, (ph, pw) = map(pair, (kernel_size, stride, dilation, padding))
    height, width = pair(output_size)
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
    kernel, stride, dilation = weight.shape[2:], pair(stride), pair(dilation)
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
    else:
        top, left = bottom, right = (0, 0) if padding == "valid" else pair(padding)
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
    kernel, stride, dilation = weight.shape[2:], pair(stride), pair(dilation)
    (ph, pw), (ah, aw) = pair(padding), pair(output_padding)
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

    stride, padding = with_height(stride, 1), with_height(padding, 0)
    if len(others) == 2:  # conv1d: dilation, groups
        others = (with_height(others[0], 1), others[1])
    else:  # conv_transpose1d: output_padding, groups, dilation
        others = (with_height(others[0], 0), others[1], with_height(others[2], 1))
    input, weight = unsqueeze(input, -2), unsqueeze(weight, -2)
    y = function(input, weight, bias, stride, padding, *others)
    return reshape(y, (*y.shape[:-2], y.shape[-1]))


EXPANSIONS = {
    "unfold": unfold,
    "fold": fold,
    "conv1d": conv1d,
    "conv2d": conv2d,
    "conv_transpose1d": conv_transpose1d,
    "conv_transpose2d": conv_transpose2d,
}
