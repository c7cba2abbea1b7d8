"""Images on another grid, written as choices of rows and columns, and as products of matrices."""

from minicnn.creation import arange, zeros
from minicnn.dtypes import float16, float32, float64
from minicnn.functions.elementwise import abs, clamp
from minicnn.functions.products import matmul
from minicnn.functions.selecting import index_select
from minicnn.functions.shaping import reshape, transpose, unsqueeze


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Nearest: rows and columns chosen. Linear: y = A x Bᵀ, A and B hold the shares."""
    grid = _grid(input.shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "nearest":
        for axis, (n, out, scale) in enumerate(grid, 2):
            input = index_select(input, axis, _nearest(n, out, scale, input))
        return input
    # float16 has too few digits for places and shares.
    x = input.to(float32) if input.dtype == float16 else input
    for axis, (n, out, scale) in zip((-2, -1)[-len(grid) :], grid, strict=True):
        shares = _shares(n, out, scale, align_corners, x.dtype)
        x = matmul(shares, x) if axis == -2 else matmul(x, transpose(shares, 0, 1))
    return x.to(input.dtype)


def _grid(sizes, size, scale_factor, recompute):
    """(n, out, scale factor or None) for each axis."""
    given = scale_factor if size is None else size
    given = given if isinstance(given, (tuple, list)) else (given,) * len(sizes)
    if size is not None:
        return [(n, out, None) for n, out in zip(sizes, given, strict=True)]
    scales = [None if recompute else s for s in given]
    return [(n, int(n * g), s) for n, g, s in zip(sizes, given, scales, strict=True)]


def _step(n, out, scale):
    return n / out if scale is None else 1 / scale


def _nearest(n, out, scale, input):
    """⌊i · step⌋ for i = 0 … out − 1, in the precision PyTorch works in (eq. ``nearest``)."""
    image = input.ndim == 4
    # Of images PyTorch ignores the scale factor where the size stays or doubles.
    step = _step(n, out, None if image and out in (n, 2 * n) else scale)
    precise = float64 if input.dtype == float64 and not image else float32
    places = arange(out, dtype=precise) * step
    return clamp(places.to(float32).long(), max=n - 1)


def _shares(n, out, scale, align_corners, dtype):
    """(out, n): how much of each entry of x is in each of y (eq. ``bilinear``)."""
    i = arange(out, dtype=dtype)
    if out == n:
        t = i
    elif align_corners:
        t = i * ((n - 1) / max(out - 1, 1))
    else:
        t = (i + 0.5) * _step(n, out, scale) - 0.5
    t = clamp(t, 0, n - 1)
    # The share falls from 1 at t = k to 0 at the next entries on either side: 1 − λ and λ.
    return clamp(1 - abs(unsqueeze(t, 1) - arange(n, dtype=dtype)), min=0)


def pixel_shuffle(input, upscale_factor):
    """Each of r² channels laid into every r-th row and column (eq. ``pixel-shuffle``)."""
    r = upscale_factor
    *batch, c, h, w = input.shape
    y = zeros(*batch, c // (r * r), h * r, w * r, dtype=input.dtype)
    for i in range(r):
        for j in range(r):
            y[..., i::r, j::r] = input[..., i * r + j :: r * r, :, :]
    return y


def channel_shuffle(input, groups):
    """The first channel of each group, then the second of each, … (eq. ``channel-shuffle``)."""
    channels = arange(input.shape[1]).reshape(groups, input.shape[1] // groups)
    return index_select(input, 1, reshape(transpose(channels, 0, 1), -1))


EXPANSIONS = {
    "interpolate": interpolate,
    "pixel_shuffle": pixel_shuffle,
    "channel_shuffle": channel_shuffle,
}
