"""The kernels of images in a few lines of NumPy.

Images are (N, H, W, C): a tensor's planes count as images of one channel, (N·C, H, W, 1), and an
array (H, W, C) as one image.
"""

import numpy as np

from minicnn.kernels.registry import register


def _as(dtype, values):
    """`values` in `dtype`: for uint8 rounded to the nearest level."""
    return values.clip(0, 255).round().astype(dtype) if dtype == np.uint8 else values.astype(dtype)


@register("resample", "plain")
def resample(x, rows, columns):
    """Σ_k Σ_l v[r, k] · w[q, l] · x[first_v[r] + k, first_w[q] + l]: a smaller or larger image.

    `rows` and `columns` are pairs (first, weights): new row r is the sum of the old rows from
    first[r] on, with the weights[r].
    """
    dtype = x.dtype
    for axis, (first, weights) in ((1, rows), (2, columns)):
        shape = [1, 1, 1, 1]
        shape[axis] = len(first)
        terms = [
            np.take(x, first + k, axis) * weights[:, k].reshape(shape)
            for k in range(weights.shape[1])
        ]
        x = sum(terms)
    return _as(dtype, x)


@register("warp", "plain")
def warp(x, columns, rows, nearest, fill):
    """New pixel (r, q) is what is at the place (rows[r, q], columns[r, q]) of the image.

    Between four pixels it is their mean, weighted by nearness; or, if `nearest`, the nearest one.
    Beyond the image there is `fill` (N, C), or 0 where that is None: at the rim a place counts by
    the share of its weights that lies inside, as in torchvision.
    """
    height, width = x.shape[1:3]
    fills = 0 if fill is None else fill[:, None, None]
    # Far away, and NaN, is like just outside.
    rows, columns = (
        np.nan_to_num(places.clip(-2, size + 1), nan=-2)
        for places, size in ((rows, height), (columns, width))
    )
    if nearest:
        corners = [(np.rint(rows), np.rint(columns), np.ones_like(rows))]
    else:
        top, left = np.floor(rows), np.floor(columns)
        v, u = rows - top, columns - left
        corners = [
            (top, left, (1 - v) * (1 - u)),
            (top, left + 1, (1 - v) * u),
            (top + 1, left, v * (1 - u)),
            (top + 1, left + 1, v * u),
        ]
    total, share = 0, 0
    for row, column, weight in corners:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        weight = np.where(inside, weight, 0)[None, :, :, None]
        row, column = (np.where(inside, place, 0).astype(int) for place in (row, column))
        total = total + weight * x[:, row, column]
        share = share + weight
    return _as(x.dtype, total if fill is None else total * share + (1 - share) * fills)


@register("mirror", "plain")
def mirror(x):
    """Rows (M, W, C) of pixels from right to left."""
    return np.ascontiguousarray(x[:, ::-1])


@register("normalize_channels", "plain")
def normalize_channels(x, mean, std):
    """(x − mean) / std for x (N, C, P) and numbers (C,)."""
    return (x - mean[:, None]) / std[:, None]


@register("luma", "plain")
def luma(x, weights):
    """How bright the pixels (N, 3, P) are: Σ_c weights[c] · x[c], of shape (N, P)."""
    red, green, blue = weights
    return (red * x[:, 0] + green * x[:, 1] + blue * x[:, 2]).astype(x.dtype)


@register("blend", "plain")
def blend(x, other, factor, high):
    """factor · x + (1 − factor) · other, within 0 … high; x (N, C, P), other (N, P) or (N, 1)."""
    one = factor.dtype.type(1)
    return (factor * x + (one - factor) * other[:, None]).clip(0, high).astype(x.dtype)


@register("shift_hue", "plain")
def shift_hue(x, shift, high):
    """Colours (N, 3, P) turned by `shift` of a full circle; 0 … high is the range of values.

    With v = max(r, g, b) and chroma c = v − min(r, g, b), the hue h in sixths of the circle is
    (g − b)/c from red, 2 + (b − r)/c from green or 4 + (r − g)/c from blue, whichever is the
    largest; and back, a channel is v − c · max(0, min(k, 4 − k, 1)) with k = (5, 3, 1) + h mod 6.
    """
    red, green, blue = np.moveaxis(x, 1, 0).astype(np.float32) / np.float32(high)
    v = np.maximum(np.maximum(red, green), blue)
    c = v - np.minimum(np.minimum(red, green), blue)
    d = np.where(c > 0, c, 1)
    h = np.where(
        v == red,
        (green - blue) / d,
        np.where(v == green, 2 + (blue - red) / d, 4 + (red - green) / d),
    )
    h = 6 * ((h / 6 + np.float32(shift)) % 1)
    result = np.empty(x.shape, x.dtype)
    for channel, start in enumerate((5, 3, 1)):
        k = (start + h) % 6
        part = np.minimum(np.minimum(k, 4 - k), 1).clip(0)
        value = np.where(part > 0, (v - c * part).clip(0, 1), v)
        # Each of the 256 levels gets an equal part of 0 … 1.
        result[:, channel] = value * np.float32(255.999) if x.dtype == np.uint8 else value
    return result
