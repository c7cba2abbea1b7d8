"""Borders: a constant around an array, or the array itself mirrored, repeated or wrapped."""

import numpy as np

from . import checks

MODES = ("constant", "reflect", "replicate", "circular")


def pad(x, widths, mode="constant", value=0.0):
    """Eqs. pad, pad-modes: y_i = x_i inside; outside a constant, or x at the place the mode says.

    x of any shape; widths holds a pair (before, after) for each of its axes, a negative one cuts
    that much off -> y, each axis by before + after longer, in the dtype of x. mode is "constant"
    (value), "reflect", "replicate" or "circular"; with the last, what is cut off goes first.
    ValueError where more is cut off than there is, and where an axis is too short to be mirrored
    (widths up to n − 1) or wrapped (up to n).

    >>> pad([1, 2, 3], [(2, 1)]), pad([1, 2, 3], [(2, -1)], "replicate")
    (array([0., 0., 1., 2., 3., 0.]), array([1., 1., 1., 2.]))
    >>> pad([1, 2, 3], [(2, 1)], "reflect"), pad([1, 2, 3], [(2, 1)], "circular")
    (array([3., 2., 1., 2., 3., 2.]), array([2., 3., 1., 2., 3., 1.]))
    """
    dtype = checks.dtype_of(x)
    x = checks.real("pad", "x", x)
    places = _places("pad", x.shape, widths, mode)
    y = np.zeros([len(axis) for axis in places])
    for index in np.ndindex(y.shape):
        source = _source(places, index)
        y[index] = value if source is None else x[source]
    return y.astype(dtype)


def pad_gradient(delta, input_shape, widths, mode="constant"):
    """Eqs. pad, pad-modes, chain-rule: each δ is added where its y was read; a constant gets none.

    delta of the shape of `pad`'s result -> input_shape, in the dtype of delta; the other arguments
    as there. ValueError for a delta of another shape.

    Those are widths and mode.

    >>> pad_gradient([1, 2, 4, 8], (2,), [(1, 1)]), pad_gradient([1, 2, 4, 8], (2,), [(1, 1)],
    ... "replicate")
    (array([2., 4.]), array([ 3., 12.]))
    """
    dtype = checks.dtype_of(delta)
    delta = checks.real("pad_gradient", "delta", delta)
    places = _places("pad_gradient", input_shape, widths, mode)
    checks.shape("pad_gradient", "delta", delta, [len(axis) for axis in places])
    dx = np.zeros(input_shape)
    for index in np.ndindex(delta.shape):
        source = _source(places, index)
        if source is not None:
            # "+=": an entry can appear in the border, too, and several times.
            dx[source] += delta[index]
    return dx.astype(dtype)


def _source(places, index):
    """Where in x the entry of y at `index` comes from; None for the constant."""
    source = tuple(axis[i] for axis, i in zip(places, index, strict=True))
    return None if None in source else source


def _places(name, shape, widths, mode):
    """For every axis, for each entry of the result: its place in x, None for the constant."""
    if mode not in MODES:
        raise ValueError(f"{name}: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if len(widths) != len(shape):
        raise ValueError(
            f"{name}: widths must hold a pair (before, after) for each of {len(shape)} axes, "
            f"got {widths!r}"
        )
    places = []
    for n, (before, after) in zip(shape, widths, strict=True):
        # Where the rest of what is cut begins and ends.
        first, end = max(0, -before), n - max(0, -after)
        # The widest border that there is something to fill with.
        widest = {"reflect": n - 1, "circular": end - first}.get(mode, max(before, after))
        if first > end or max(before, after) > widest or (mode != "constant" and n < 1):
            raise ValueError(f"{name}: widths {(before, after)} do not fit an axis of {n}: {mode}")
        # i counts the entries of x; those of the border come before 0 and from n on.
        axis = range(-before, n + after)
        if mode == "constant":
            places.append([i if 0 <= i < n else None for i in axis])
        elif mode == "reflect":
            places.append([n - 1 - abs(n - 1 - abs(i)) for i in axis])
        elif mode == "replicate":
            places.append([min(max(i, 0), n - 1) for i in axis])
        else:
            places.append([first + (i - first) % (end - first) for i in axis])
    return places
