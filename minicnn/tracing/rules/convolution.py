"""Convolution and transposed convolution: sums over windows (eqs. 1.11, 1.9, 1.12, 1.14).

With s, p, d for stride, padding and dilation the window of output place i begins at i·s − p, and
its entry u looks at i·s − p + u·d. All three sums of a convolution run over this one relation: by
output place, by input place, by kernel entry. A transposed convolution swaps input and output.
"""

import numpy as np

from minicnn.tracing.terms import Term


def windows(size, kernel, at, stride, padding, dilation):
    """Pairs (output place, kernel entry) along one axis that look at the input place `at`.

    >>> list(windows(size=3, kernel=3, at=2, stride=2, padding=1, dilation=1))
    [(1, 1)]
    >>> list(windows(size=3, kernel=3, at=3, stride=2, padding=1, dilation=1))
    [(2, 0), (1, 2)]
    """
    for u in range(kernel):
        start = at + padding - u * dilation
        if start % stride == 0 and 0 <= start // stride < size:
            yield start // stride, u


def _at_input(place, source, weight, index, symbols):
    """Σ over the outputs that saw the input place `index`: source[…] · W[…]."""
    stride, padding, dilation = (place.option(o) for o in ("stride", "padding", "dilation"))
    groups = place.option("groups")
    n, d, y, x = index
    _, maps, *size = source.shape
    _, per_group, *kernel = weight.shape
    group, d_in_group = divmod(d, per_group)
    maps_per_group = maps // groups
    for p in range(group * maps_per_group, (group + 1) * maps_per_group):
        for i, u in windows(size[0], kernel[0], y, stride[0], padding[0], dilation[0]):
            for j, v in windows(size[1], kernel[1], x, stride[1], padding[1], dilation[1]):
                yield Term((
                    source.at(symbols[0], (n, p, i, j)),
                    weight.at(symbols[1], (p, d_in_group, u, v)),
                ))  # fmt: skip


def _at_output(place, source, weight, index, symbols):
    """Σ over the window of the output place `index`: W[…] · source[…]."""
    stride, padding, dilation = (place.option(o) for o in ("stride", "padding", "dilation"))
    n, p, i, j = index
    height, width = source.shape[2:]
    f, per_group, *kernel = weight.shape
    first = p // (f // place.option("groups")) * per_group
    for d in range(per_group):
        for u in range(kernel[0]):
            for v in range(kernel[1]):
                y = i * stride[0] - padding[0] + u * dilation[0]
                x = j * stride[1] - padding[1] + v * dilation[1]
                if 0 <= y < height and 0 <= x < width:
                    yield Term((
                        weight.at(symbols[1], (p, d, u, v)),
                        source.at(symbols[0], (n, first + d, y, x)),
                    ))  # fmt: skip


def _at_weight(place, narrow, wide, index, symbols):
    """Σ over the batch and the places of `narrow`: narrow[n, p, i, j] · wide[n, d, …]."""
    stride, padding, dilation = (place.option(o) for o in ("stride", "padding", "dilation"))
    p, d, u, v = index
    height, width = wide.shape[2:]
    per_group = wide.shape[1] // place.option("groups")
    first = p // (narrow.shape[1] // place.option("groups")) * per_group
    for n in narrow.samples():
        for i in range(narrow.shape[2]):
            y = i * stride[0] - padding[0] + u * dilation[0]
            for j in range(narrow.shape[3]):
                x = j * stride[1] - padding[1] + v * dilation[1]
                if 0 <= y < height and 0 <= x < width:
                    yield Term((
                        narrow.at(symbols[0], (n, p, i, j)),
                        wide.at(symbols[1], (n, first + d, y, x)),
                    ))  # fmt: skip


def _at_bias(place, p):
    """Σ of δ over the batch and the places of map p."""
    delta = place.delta()
    for n in delta.samples():
        for rest in np.ndindex(*delta.shape[2:]):
            yield Term((delta.at("δ", (n, p, *rest)),))


def with_bias(place, terms, p):
    """The terms, and b[p] where the layer has a bias."""
    yield from terms
    if len(place.step.inputs) > 2:
        yield Term((place.input(2).at("b", (p,)),))


def convolution_forward(place, index):
    """Eq. 1.11: the window times the kernel, and the bias."""
    terms = _at_output(place, place.input(0), place.input(1), index, ("X", "W"))
    return list(with_bias(place, terms, index[1]))


def convolution_backward(place, i, index):
    """Eq. 1.9 for ∂L/∂X, 1.12 for ∂L/∂W, 1.14 for ∂L/∂b."""
    if i == 0:
        return list(_at_input(place, place.delta(), place.input(1), index, ("δ", "W")))
    if i == 1:
        return list(_at_weight(place, place.delta(), place.input(0), index, ("δ", "X")))
    return list(_at_bias(place, index[0]))


def transposed_forward(place, index):
    """As ∂L/∂X of a convolution, with X in the place of δ."""
    terms = _at_input(place, place.input(0), place.input(1), index, ("X", "W"))
    return list(with_bias(place, terms, index[1]))


def transposed_backward(place, i, index):
    """∂L/∂X as the forward of a convolution, with δ in the place of X; ∂L/∂W with both swapped."""
    if i == 0:
        return list(_at_output(place, place.delta(), place.input(1), index, ("δ", "W")))
    if i == 1:
        return list(_at_weight(place, place.input(0), place.delta(), index, ("X", "δ")))
    return list(_at_bias(place, index[0]))
