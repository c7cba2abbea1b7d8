"""Borders, written as pieces of tensors joined together."""

from minicnn.creation import full
from minicnn.functions.rearranging import split
from minicnn.functions.shaping import cat, expand, flip


def pad(input, pad, mode="constant", value=None):
    """One axis after the other: cut, then joined with a border on either side (``pad-modes``)."""
    x = input.clone()
    for i in range(len(pad) // 2):
        x = BORDERED[mode](x, input.ndim - 1 - i, pad[2 * i], pad[2 * i + 1], value or 0)
    return x


def _piece(x, axis, start, end):
    """x[…, start:end, …] along `axis`."""
    return split(x, [start, end - start, x.shape[axis] - end], axis)[1]


def _cut(x, axis, before, after):
    """x without what negative widths cut off."""
    return _piece(x, axis, max(0, -before), x.shape[axis] - max(0, -after))


def _constant(x, axis, before, after, value):
    x = _cut(x, axis, before, after)
    pieces = [x]
    if before > 0:
        pieces.insert(0, full(_resized(x, axis, before), value, dtype=x.dtype))
    if after > 0:
        pieces.append(full(_resized(x, axis, after), value, dtype=x.dtype))
    return cat(pieces, axis)


def _reflect(x, axis, before, after, value):
    n, left, right = x.shape[axis], max(0, before), max(0, after)
    # Neighbours of the edges, the edge itself not among them, in reversed order.
    first = flip(_piece(x, axis, 1, 1 + left), axis)
    last = flip(_piece(x, axis, n - 1 - right, n - 1), axis)
    return _cut(cat([first, x, last], axis), axis, before, after)


def _replicate(x, axis, before, after, value):
    n = x.shape[axis]
    first = expand(_piece(x, axis, 0, 1), _resized(x, axis, max(0, before)))
    last = expand(_piece(x, axis, n - 1, n), _resized(x, axis, max(0, after)))
    return _cut(cat([first, x, last], axis), axis, before, after)


def _circular(x, axis, before, after, value):
    # Here what is cut off goes first: what is left is wrapped around.
    x = _cut(x, axis, before, after)
    n = x.shape[axis]
    first = _piece(x, axis, n - max(0, before), n)
    last = _piece(x, axis, 0, max(0, after))
    return cat([first, x, last], axis)


def _resized(x, axis, size):
    """The shape of x with another size along `axis`."""
    return (*x.shape[:axis], size, *x.shape[axis + 1 :])


BORDERED = {
    "constant": _constant,
    "reflect": _reflect,
    "replicate": _replicate,
    "circular": _circular,
}
EXPANSIONS = {"pad": pad}
