"""Maps on another grid: values repeated, mixed, or moved between channels and places."""

import numpy as np

from . import checks


def interpolate_nearest(x, output_size, scale_factor=None):
    """Eq. nearest: y_ij = x at row ⌊i·H/OH⌋ and column ⌊j·W/OW⌋, indices from 0.

    x (N, C, H, W), output_size = (OH, OW) -> (N, C, OH, OW), in the dtype of x. scale_factor, a
    pair (h, w), takes the place of OH/H and OW/W (where it is None, they stay), which differ from
    it where OH or OW was rounded.

    ValueError for an x of other dimensions, or sizes below 1.

    >>> interpolate_nearest([[[[1, 2]]]], (1, 5))
    array([[[[1., 1., 1., 2., 2.]]]])
    >>> interpolate_nearest([[[[1, 2]]]], (1, 5), scale_factor=(1, 4))
    array([[[[1., 1., 1., 1., 2.]]]])
    """
    name = "interpolate_nearest"
    dtype = checks.dtype_of(x)
    x = checks.array(name, "x", x, "N C H W")
    rows, columns = _nearest_places(name, x.shape[2:], output_size, scale_factor)
    y = np.zeros((*x.shape[:2], len(rows), len(columns)))
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = x[n, c, rows[i], columns[j]]
    return y.astype(dtype)


def interpolate_nearest_gradient(delta, input_size, scale_factor=None):
    """Eqs. nearest, chain-rule: each δ_ij is added where y_ij was read.

    delta (N, C, OH, OW), input_size = (H, W) -> (N, C, H, W), in the dtype of delta; scale_factor
    as in `interpolate_nearest`.

    ValueError for a delta of other dimensions.

    >>> interpolate_nearest_gradient([[[[1, 2, 3, 4, 5]]]], (1, 2))
    array([[[[6., 9.]]]])
    """
    name = "interpolate_nearest_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OH OW")
    input_size = checks.pair(name, "input_size", input_size, 1)
    rows, columns = _nearest_places(name, input_size, delta.shape[2:], scale_factor)
    dx = np.zeros((*delta.shape[:2], *input_size))
    for n, c, i, j in np.ndindex(delta.shape):
        dx[n, c, rows[i], columns[j]] += delta[n, c, i, j]
    return dx.astype(dtype)


def interpolate_bilinear(x, output_size, align_corners=False, scale_factor=None):
    """Eq. bilinear: y_ij = Σ over 2×2 neighbours of x, each by its share 1 − λ or λ of both axes.

    x (N, C, H, W), output_size = (OH, OW) -> (N, C, OH, OW), in the dtype of x. align_corners lays
    the centres of the corner pixels on each other; scale_factor, as in `interpolate_nearest`, takes
    the place of OH/H and OW/W in the other case. With H = OH = 1 it is that of a signal.

    ValueError for an x of other dimensions, or sizes below 1.

    >>> interpolate_bilinear([[[[1, 3]]]], (1, 4))
    array([[[[1. , 1.5, 2.5, 3. ]]]])
    >>> interpolate_bilinear([[[[1, 3]]]], (1, 3), align_corners=True)
    array([[[[1., 2., 3.]]]])
    """
    name = "interpolate_bilinear"
    dtype = checks.dtype_of(x)
    x = checks.array(name, "x", x, "N C H W")
    rows, columns = _shares(name, x.shape[2:], output_size, align_corners, scale_factor)
    y = np.zeros((*x.shape[:2], len(rows), len(columns)))
    for n, c, i, j in np.ndindex(y.shape):
        for row, of_row in rows[i]:
            for column, of_column in columns[j]:
                y[n, c, i, j] += of_row * of_column * x[n, c, row, column]
    return y.astype(dtype)


def interpolate_bilinear_gradient(delta, input_size, align_corners=False, scale_factor=None):
    """Eqs. bilinear, chain-rule: each δ_ij goes to the neighbours of y_ij, in the same shares.

    delta (N, C, OH, OW), input_size = (H, W) -> (N, C, H, W), in the dtype of delta; the other
    arguments as in `interpolate_bilinear`.

    Those are align_corners and scale_factor. ValueError for a delta of other dimensions.

    >>> interpolate_bilinear_gradient([[[[1, 4, 8, 16]]]], (1, 2))
    array([[[[ 6., 23.]]]])
    """
    name = "interpolate_bilinear_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OH OW")
    input_size = checks.pair(name, "input_size", input_size, 1)
    rows, columns = _shares(name, input_size, delta.shape[2:], align_corners, scale_factor)
    dx = np.zeros((*delta.shape[:2], *input_size))
    for n, c, i, j in np.ndindex(delta.shape):
        for row, of_row in rows[i]:
            for column, of_column in columns[j]:
                dx[n, c, row, column] += of_row * of_column * delta[n, c, i, j]
    return dx.astype(dtype)


def pixel_shuffle(x, upscale_factor):
    """Eq. pixel-shuffle: y_{c,h,w} = x_{c·r² + (h mod r)·r + (w mod r), ⌊h/r⌋, ⌊w/r⌋}.

    x (N, C·r², H, W), r = upscale_factor -> (N, C, H·r, W·r), in the dtype of x. ValueError if r²
    does not divide the channels.

    >>> pixel_shuffle([[[[1]], [[2]], [[3]], [[4]]]], 2)
    array([[[[1., 2.],
             [3., 4.]]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("pixel_shuffle", "x", x, "N C·r² H W")
    r = checks.integer("pixel_shuffle", "upscale_factor", upscale_factor, 1)
    N, channels, H, W = x.shape
    if channels % (r * r):
        raise ValueError(f"pixel_shuffle: r² = {r * r} must divide the {channels} channels of x")
    y = np.zeros((N, channels // (r * r), H * r, W * r))
    for n, c, h, w in np.ndindex(y.shape):
        y[n, c, h, w] = x[n, c * r * r + h % r * r + w % r, h // r, w // r]
    return y.astype(dtype)


def pixel_shuffle_gradient(delta, upscale_factor):
    """Eqs. pixel-shuffle, rearrange: each δ goes back to where its y came from.

    delta (N, C, H·r, W·r), r = upscale_factor -> (N, C·r², H, W), in the dtype of delta.

    ValueError for sizes that r does not divide.

    >>> pixel_shuffle_gradient([[[[1, 2], [3, 4]]]], 2).reshape(4)
    array([1., 2., 3., 4.])
    """
    name = "pixel_shuffle_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C H·r W·r")
    r = checks.integer(name, "upscale_factor", upscale_factor, 1)
    N, C, height, width = delta.shape
    if height % r or width % r:
        raise ValueError(f"{name}: r = {r} must divide the sizes of delta, {(height, width)}")
    dx = np.zeros((N, C * r * r, height // r, width // r))
    for n, c, h, w in np.ndindex(delta.shape):
        dx[n, c * r * r + h % r * r + w % r, h // r, w // r] = delta[n, c, h, w]
    return dx.astype(dtype)


def channel_shuffle(x, groups):
    """Eq. channel-shuffle: y_{j·g + i} = x_{i·C/g + j}: the first of each group, the second, …

    x (N, C, H, W), g = groups; i = 0 … g − 1 counts the groups, j = 0 … C/g − 1 the channels of
    one -> (N, C, H, W), in the dtype of x. ValueError if g does not divide the channels.

    >>> channel_shuffle(np.arange(6).reshape(1, 6, 1, 1), 2).reshape(6)
    array([0., 3., 1., 4., 2., 5.])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("channel_shuffle", "x", x, "N C H W")
    y = np.zeros(x.shape)
    for source, target in _channels("channel_shuffle", x.shape[1], groups):
        y[:, target] = x[:, source]
    return y.astype(dtype)


def channel_shuffle_gradient(delta, groups):
    """Eqs. channel-shuffle, rearrange: each δ goes back to where its y came from.

    delta (N, C, H, W), groups as in `channel_shuffle` -> (N, C, H, W), in the dtype of delta.

    ValueError for groups that do not divide C.

    >>> channel_shuffle_gradient(np.arange(6).reshape(1, 6, 1, 1), 2).reshape(6)
    array([0., 2., 4., 1., 3., 5.])
    """
    dtype = checks.dtype_of(delta)
    delta = checks.array("channel_shuffle_gradient", "delta", delta, "N C H W")
    dx = np.zeros(delta.shape)
    for source, target in _channels("channel_shuffle_gradient", delta.shape[1], groups):
        dx[:, source] = delta[:, target]
    return dx.astype(dtype)


def _grid(name, input_size, output_size, scale_factor):
    """(n, o, scale factor or None) for both axes."""
    output_size = checks.pair(name, "output_size", output_size, 1)
    scale_factor = (None, None) if scale_factor is None else scale_factor
    return list(zip(input_size, output_size, scale_factor, strict=True))


def _nearest_places(name, input_size, output_size, scale_factor):
    """For both axes: the place in x of every row (column) of y."""
    places = []
    for n, o, s in _grid(name, input_size, output_size, scale_factor):
        # Without a scale factor in whole numbers: no rounding can put i·n/o below a whole one.
        found = [i * n // o if s is None else int(np.floor(i / s)) for i in range(o)]
        places.append([min(place, n - 1) for place in found])
    return places


def _shares(name, input_size, output_size, align_corners, scale_factor):
    """For both axes, for every row (column) of y: [(k, 1 − λ), (k + 1, λ)], places in x."""
    shares = []
    for n, o, s in _grid(name, input_size, output_size, scale_factor):
        axis = []
        for i in range(o):
            if align_corners:
                t = i * (n - 1) / (o - 1) if o > 1 else 0.0
            else:
                step = n / o if s is None else 1 / s
                t = max((i + 0.5) * step - 0.5, 0.0)
            # Beyond the last entry there is none to mix with.
            t = min(t, float(n - 1))
            k = int(np.floor(t))
            axis.append([(k, 1 - (t - k)), (min(k + 1, n - 1), t - k)])
        shares.append(axis)
    return shares


def _channels(name, channels, groups):
    """[(channel of x, channel of y)]"""
    groups = checks.integer(name, "groups", groups, 1)
    if channels % groups:
        raise ValueError(f"{name}: groups ({groups}) must divide the {channels} channels")
    size = channels // groups
    return [(i * size + j, j * groups + i) for i in range(groups) for j in range(size)]
