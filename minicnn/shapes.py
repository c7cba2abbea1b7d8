"""Sizes: how large the output of a window that slides is, and how ``3`` becomes ``(3, 3)``."""

from minicnn.checks import ArgumentError, DtypeError, ShapeError, integer


def as_number(operation, argument, value, minimum):
    """`value` as one integer of at least `minimum`.

    >>> as_number("conv2d", "groups", 2, 1)
    2
    """
    found = integer(operation, argument, value)
    if found >= 2**31:
        raise ArgumentError(f"{operation}: {argument} must be below 2³¹, got {value!r}")
    if found < minimum:
        raise ArgumentError(f"{operation}: {argument} must be at least {minimum}, got {value!r}")
    return found


def as_tuple(operation, argument, value, n, minimum, exact=False):
    """`value` as `n` integers of at least `minimum`; a single number stands for all of them.

    So does a sequence of one number, unless all are wanted `exact`-ly.

    >>> as_tuple("conv2d", "stride", 2, 2, 1)
    (2, 2)
    """
    values = value if isinstance(value, (tuple, list)) else (value,) * n
    try:
        integers = tuple(integer(operation, argument, v) for v in values)
    except DtypeError:
        several = f" or {n} integers" if n > 1 else ""
        raise DtypeError(
            f"{operation}: {argument} must be an integer{several}, got {value!r}"
        ) from None
    if len(integers) == 1 and not exact:
        integers *= n
    if len(integers) != n:
        several = f" or {n}" if n > 1 else ""
        raise ArgumentError(
            f"{operation}: {argument} must be one integer{several}, got {len(integers)}: {value!r}"
        )
    if max(integers) >= 2**31:
        raise ArgumentError(f"{operation}: {argument} must be below 2³¹, got {value!r}")
    if min(integers) < minimum:
        raise ArgumentError(f"{operation}: {argument} must be at least {minimum}, got {value!r}")
    return integers


def effective_kernel(kernel, dilation):
    """m' = m + (m − 1)(d − 1): what a kernel of m entries spans when they lie d apart.

    >>> effective_kernel(3, 2)
    5
    """
    return kernel + (kernel - 1) * (dilation - 1)


def output_size(n, kernel, stride=1, padding=0, dilation=1, ceil_mode=False):
    """floor((n + 2p − m')/s) + 1 (equation ``conv-size``): the number of places for a window.

    With `ceil_mode` a last, partly empty window is added where entries would be left over,
    provided that it starts inside the input or its left padding.

    >>> output_size(28, 5), output_size(8, 3, stride=2, padding=1)
    (24, 4)
    """
    span = n + 2 * padding - effective_kernel(kernel, dilation)
    if not ceil_mode:
        return span // stride + 1
    size = -(-span // stride) + 1
    if (size - 1) * stride >= n + padding:
        size -= 1
    return size


def remainder(n, kernel, stride=1, padding=0, dilation=1):
    """r = (n + 2p − m') mod s: the rows at the end that no window reaches (``conv-r``).

    >>> remainder(8, 3, stride=2, padding=1)
    1
    """
    return (n + 2 * padding - effective_kernel(kernel, dilation)) % stride


def window_output(operation, size, kernel, stride, padding, dilation, ceil_mode=False):
    """Output (height, width) of a window over `size`; a `ShapeError` where it does not fit."""
    result = tuple(
        output_size(*axis, ceil_mode=ceil_mode)
        for axis in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    if min(result) < 1:
        padded = " × ".join(str(n + 2 * p) for n, p in zip(size, padding, strict=True))
        spans = " × ".join(
            str(effective_kernel(k, d)) for k, d in zip(kernel, dilation, strict=True)
        )
        raise ShapeError(
            f"{operation}: a kernel of {spans}{' (with its dilation)' if max(dilation) > 1 else ''}"
            f" does not fit into the input of {padded} (with its padding). "
            "Use a larger input, more padding, or a smaller kernel"
        )
    return result


def transposed_output_size(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """(n − 1)s − 2p + m' + a (equation ``conv-transpose-size``), a being `output_padding`.

    >>> transposed_output_size(4, 3, stride=2), transposed_output_size(4, 3, 2, 0, 1)
    (9, 10)
    """
    return (n - 1) * stride - 2 * padding + effective_kernel(kernel, dilation) + output_padding


def adaptive_windows(n, out):
    """(start, end) of the `out` windows that adaptive pooling lays over n entries.

    Window i runs from ⌊i·n/out⌋ to ⌈(i + 1)·n/out⌉ (equation ``adaptive-pool``): together they
    cover everything, and where `out` does not divide n they overlap.

    >>> adaptive_windows(5, 2)
    [(0, 3), (2, 5)]
    """
    return [(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]
