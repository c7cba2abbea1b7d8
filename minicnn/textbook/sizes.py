"""How large a result is, what is left over, and what a layer costs."""

from . import checks


def output_size(n, kernel, stride=1, padding=0, dilation=1, ceil_mode=False):
    """Eq. conv-size: o = ⌊(n + 2p − m')/s⌋ + 1 with m' = m + (m − 1)(d − 1).

    All arguments are integers for one axis: n ≥ 1 the input's size, kernel m, stride s,
    padding p, dilation d. With ceil_mode ⌈ ⌉ replaces ⌊ ⌋, but a last window that would start
    beyond the input and its left padding is dropped. ValueError if no window fits.

    >>> output_size(227, 11, stride=4), output_size(224, 11, stride=4, padding=2)
    (55, 55)
    >>> output_size(112, 3, stride=2), output_size(112, 3, stride=2, ceil_mode=True)
    (55, 56)
    """
    return output_size_for("output_size", n, kernel, stride, padding, dilation, ceil_mode)


def output_size_for(function, n, kernel, stride, padding, dilation, ceil_mode=False):
    """`output_size`, with errors in the name of the function that asks.

    >>> output_size_for("conv2d", 4, 5, 1, 0, 1)
    Traceback (most recent call last):
    ...
    ValueError: conv2d: a window of size 5 (kernel 5, dilation 1) does not fit into 4 (input 4, \
padding 0 on either side)
    """
    n = checks.integer(function, "n", n, 1)
    kernel = checks.integer(function, "kernel", kernel, 1)
    stride = checks.integer(function, "stride", stride, 1)
    padding = checks.integer(function, "padding", padding, 0)
    dilation = checks.integer(function, "dilation", dilation, 1)
    free = n + 2 * padding - dilated_size(kernel, dilation)
    if ceil_mode:
        size = -(-free // stride) + 1
        if (size - 1) * stride >= n + padding:
            size -= 1
    else:
        size = free // stride + 1
    if size < 1:
        raise ValueError(
            f"{function}: a window of size {dilated_size(kernel, dilation)} (kernel {kernel}, "
            f"dilation {dilation}) does not fit into {n + 2 * padding} (input {n}, "
            f"padding {padding} on either side)"
        )
    return size


def dilated_size(kernel, dilation=1):
    """Eq. conv-size: m' = m + (m − 1)(d − 1), the size of a kernel with its holes.

    kernel = m and dilation = d are integers ≥ 1 -> an integer. ValueError for others.

    >>> dilated_size(3, 1), dilated_size(3, 2)
    (3, 5)
    """
    kernel = checks.integer("dilated_size", "kernel", kernel, 1)
    dilation = checks.integer("dilated_size", "dilation", dilation, 1)
    return kernel + (kernel - 1) * (dilation - 1)


def leftover(n, kernel, stride=1, padding=0, dilation=1):
    """Eq. conv-r: r = (n + 2p − m') mod s, rows (or columns) at the end no window reaches.

    Integers for one axis, as in `output_size`.

    Those are n, kernel = m, stride = s, padding = p and dilation = d. ValueError if no window fits.

    All are integers.

    >>> leftover(8, 3, stride=2, padding=1)
    1
    """
    # Called for its errors: without a single window there is nothing to be left over.
    output_size(n, kernel, stride, padding, dilation)
    return (n + 2 * padding - dilated_size(kernel, dilation)) % stride


def transposed_output_size(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """Eq. conv-transpose-size: o = (n − 1)s − 2p + d(m − 1) + output_padding + 1.

    Integers for one axis. ValueError if nothing is left, or if output_padding is not smaller
    than stride or dilation.

    n is the input's size, kernel m, stride s, padding p, dilation d; all integers.

    >>> transposed_output_size(4, 3, stride=2, padding=1)
    7
    >>> transposed_output_size(4, 3, stride=2, padding=1, output_padding=1)
    8
    """
    name = "transposed_output_size"
    return transposed_output_size_for(name, n, kernel, stride, padding, output_padding, dilation)


def transposed_output_size_for(function, n, kernel, stride, padding, output_padding, dilation):
    """`transposed_output_size`, with errors in the name of the function that asks."""
    n = checks.integer(function, "n", n, 1)
    stride = checks.integer(function, "stride", stride, 1)
    padding = checks.integer(function, "padding", padding, 0)
    output_padding = checks.integer(function, "output_padding", output_padding, 0)
    kernel = checks.integer(function, "kernel", kernel, 1)
    dilation = checks.integer(function, "dilation", dilation, 1)
    reach = dilated_size(kernel, dilation) - 1
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"{function}: output_padding must be smaller than stride ({stride}) or dilation "
            f"({dilation}), got {output_padding}"
        )
    size = (n - 1) * stride - 2 * padding + reach + output_padding + 1
    if size < 1:
        raise ValueError(
            f"{function}: padding {padding} leaves nothing of the result (size {size})"
        )
    return size


def parameter_count(in_channels, kernel_size, out_channels, groups=1, bias=True):
    """Eq. parameter-count: F_in · K² · K_n + K_n; with groups every kernel sees F_in/groups maps.

    kernel_size is a pair (h, w).

    in_channels = F_in and out_channels = K_n are integers; bias=False leaves the last K_n out.
    ValueError for groups that do not divide both.

    >>> parameter_count(1, (5, 5), 6)
    156
    """
    height, width = checks.pair("parameter_count", "kernel_size", kernel_size, 1)
    _check_groups("parameter_count", in_channels, out_channels, groups)
    weights = in_channels // groups * height * width * out_channels
    return weights + out_channels if bias else weights


def multiplication_count(in_channels, kernel_size, out_channels, out_size, groups=1):
    """Eq. conv-cost: H_out · W_out · f² · n_in · n_out; with groups each kernel sees n_in/groups.

    kernel_size and out_size are pairs (h, w).

    The others are integers: in_channels = n_in, out_channels = n_out. ValueError for groups that do
    not divide both.

    >>> multiplication_count(192, (5, 5), 32, (28, 28))
    120422400
    """
    name = "multiplication_count"
    height, width = checks.pair(name, "kernel_size", kernel_size, 1)
    rows, columns = checks.pair(name, "out_size", out_size, 1)
    _check_groups(name, in_channels, out_channels, groups)
    return rows * columns * height * width * (in_channels // groups) * out_channels


def receptive_field(layers):
    """Eq. receptive-field: R_l = R_{l−1} + (m'_l − 1) · Π_{i<l} s_i, R_0 = 1.

    layers: (kernel, stride, dilation) of each layer for one axis, first layer first.

    Integers -> an integer. ValueError for a kernel, a stride or a dilation below 1.

    >>> receptive_field([(3, 1, 1), (3, 1, 1)])
    5
    >>> receptive_field([(3, 1, 1), (2, 2, 1), (3, 1, 2)])
    12
    """
    field = 1
    step = 1  # distance, in input values, of two neighbouring values of this layer's input
    for kernel, stride, dilation in layers:
        field += (dilated_size(kernel, dilation) - 1) * step
        step *= checks.integer("receptive_field", "stride", stride, 1)
    return field


def _check_groups(function, in_channels, out_channels, groups):
    checks.integer(function, "in_channels", in_channels, 1)
    checks.integer(function, "out_channels", out_channels, 1)
    checks.integer(function, "groups", groups, 1)
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{function}: groups ({groups}) must divide in_channels ({in_channels}) and "
            f"out_channels ({out_channels})"
        )
