"""Images made larger or smaller, and channels moved about."""

import math
import numbers

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, flag, one_of, truth
from minicnn.device import moved
from minicnn.dtypes import is_floating, uint8
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import permute, reshape
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.axes import as_images, from_images
from minicnn.ops.resampling import Interpolate, SelectPlaces
from minicnn.shapes import as_number, as_tuple
from minicnn.tensor import apply

# The number of axes each mode works on.
MODES = {"nearest": (1, 2), "linear": (1,), "bilinear": (2,)}


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """The input on a grid of another size (eqs. ``nearest``, ``bilinear``).

    Args:
        input: (N, C, H, W), or (N, C, L) for ``"nearest"`` and ``"linear"``; floating point, for
            ``"nearest"`` also uint8.
        size: of the output: (OH, OW), or one number for all axes.
        scale_factor: instead of `size`: output over input, a number or one for each axis.
        mode: ``"nearest"``, ``"linear"`` or ``"bilinear"``.
        align_corners: for the linear modes: lay the centres of the corner pixels of both grids on
            each other, instead of the corners themselves (the default).
        recompute_scale_factor: with `scale_factor`: use output size over input size, which differs
            where the output size was rounded down.
        antialias: not supported; must be False.

    Returns:
        (N, C, OH, OW) or (N, C, OL).

    Raises:
        ArgumentError: neither or both of `size` and `scale_factor`, another mode, options of other
            modes. ShapeError: an output without entries, another number of axes. DtypeError.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> x = mc.tensor([[[[1.0, 3.0]]]])
    >>> F.interpolate(x, scale_factor=2)
    tensor([[[[1., 1., 3., 3.],
              [1., 1., 3., 3.]]]])
    >>> F.interpolate(x, size=(1, 4), mode="bilinear")
    tensor([[[[1. , 1.5, 2.5, 3. ]]]])
    """
    name = "interpolate"
    tensor_only(name, input)
    one_of(name, "mode", mode, tuple(MODES))
    if antialias:
        raise ArgumentError(f"{name}: antialias=True is not supported")
    n = input.ndim - 2
    if n not in MODES[mode]:
        shapes = " or ".join("(N, C, H, W)" if m == 2 else "(N, C, L)" for m in MODES[mode])
        raise ShapeError(f"{name}: mode {mode!r} needs input {shapes}, got shape {input.shape}")
    if not (mode == "nearest" and input.dtype == uint8):
        same_dtype(name, input)
    if align_corners is not None:
        flag(name, "align_corners", align_corners)
    if mode == "nearest" and align_corners is not None:
        raise ArgumentError(f"{name}: align_corners is an option of the linear modes")
    recompute = recompute_scale_factor is not None and truth(
        name, "recompute_scale_factor", recompute_scale_factor
    )
    sizes, scales = _sizes(name, input.shape[2:], size, scale_factor, recompute)
    input, _ = as_images(name, input, n)
    axes = []
    for axis, out, scale in zip(range(4 - n, 4), sizes, scales, strict=True):
        found = input.shape[axis], out, scale
        if mode == "nearest":
            places = (_nearest(*found, n, input.dtype),)
        else:
            places = _neighbours(*found, align_corners, input.dtype)
        axes.append((axis, *[moved(p, input.device) for p in places]))
    operation = SelectPlaces(axes) if mode == "nearest" else Interpolate(axes)
    return from_images(apply(operation, input), n, False)


def _sizes(name, sizes, size, scale_factor, recompute):
    """(output sizes, scale factors or Nones), one for each axis."""
    n = len(sizes)
    if (size is None) == (scale_factor is None):
        raise ArgumentError(f"{name}: give either size or scale_factor")
    if size is not None:
        if recompute:
            raise ArgumentError(f"{name}: recompute_scale_factor goes with scale_factor, not size")
        if isinstance(size, (tuple, list)) and len(size) != n:
            raise ShapeError(f"{name}: size must be one integer or {n}, got {size!r}")
        out, scales = as_tuple(name, "size", size, n, 1), (None,) * n
    else:
        scales = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
        if not all(isinstance(s, numbers.Real) for s in scales):
            raise DtypeError(f"{name}: scale_factor must be numbers, got {scale_factor!r}")
        if len(scales) != n:
            raise ShapeError(
                f"{name}: scale_factor must be one number or {n}, got {scale_factor!r}"
            )
        if not all(math.isfinite(s) for s in scales):
            raise ArgumentError(f"{name}: scale_factor must be finite, got {scale_factor!r}")
        # int(), not floor: a factor of no size is refused just below.
        out = tuple(int(n * s) for n, s in zip(sizes, scales, strict=True))
        if recompute:
            scales = (None,) * n
    if max(out) >= 2**31:
        raise ShapeError(f"{name}: an output of {out} does not fit into memory")
    if min(out) < 1 or min(sizes) < 1:
        raise ShapeError(
            f"{name}: input and output must have entries; the sizes are {tuple(sizes)} and {out}"
        )
    return out, scales


def _step(n, out, scale, dtype):
    """How far apart in the input two neighbours of the output lie: n/out, or 1/scale."""
    # Worked out in the precision PyTorch uses, so that places on an edge fall to the same side.
    return dtype.type(1 / scale) if scale is not None else dtype.type(n) / dtype.type(out)


def _precision(dtype):
    return np.result_type(dtype, np.float32) if is_floating(dtype) else np.dtype(np.float32)


def _nearest(n, out, scale, axes, dtype):
    """The place in the input for each place of the output: ⌊i · step⌋."""
    i = np.arange(out)
    # What PyTorch does to images (in its backward always, in its forward unless they are large):
    # it works in float32, and where the size stays or doubles it does not look at the scale factor.
    if axes == 2 and out in (n, 2 * n):
        return i * n // out
    precision = _precision(dtype) if axes == 1 else np.dtype(np.float32)
    places = np.floor((i.astype(precision) * _step(n, out, scale, precision)).astype(np.float32))
    return places.astype(np.int64).clip(max=n - 1)


def _neighbours(n, out, scale, align_corners, dtype):
    """(lower neighbour, upper neighbour, share of the upper one) for each place of the output."""
    precision = _precision(dtype)
    i = np.arange(out).astype(precision)
    if out == n:  # PyTorch copies, whatever the scale factor
        return i.astype(np.int64), i.astype(np.int64), np.zeros(out)
    if align_corners:
        at = i * (precision.type(n - 1) / precision.type(max(out - 1, 1)) if out > 1 else 0)
    else:
        step = _step(n, out, scale, precision)
        at = ((i + precision.type(0.5)) * step - precision.type(0.5)).clip(min=0)
    low = np.floor(at).astype(np.int64).clip(max=n - 1)
    high = (low + 1).clip(max=n - 1)
    return low, high, (at - low).clip(0, 1)


def pixel_shuffle(input, upscale_factor):
    """(…, C·r², H, W) → (…, C, H·r, W·r): r² channels become r × r pixels, r = `upscale_factor`.

    Shi et al. 2016 (ESPCN), section 3.2: output (c, h, w) is input channel
    c·r² + (h mod r)·r + w mod r at (⌊h/r⌋, ⌊w/r⌋).

    Raises:
        ShapeError: less than 3 dimensions, channels that r² does not divide. ArgumentError: r < 1.
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.pixel_shuffle(mc.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    name = "pixel_shuffle"
    if tensor_only(name, input).ndim < 3:
        raise ShapeError(f"{name}: expected input (…, C·r², H, W), got shape {input.shape}")
    r = as_number(name, "upscale_factor", upscale_factor, 1)
    *batch, c, h, w = input.shape
    if c % (r * r):
        raise ShapeError(
            f"{name}: the {c} channels of {input.shape} must be divisible by r² = {r * r}"
        )
    b = len(batch)
    # (…, C·r², H, W) → (…, C, r, r, H, W) → (…, C, H, r, W, r) → (…, C, H·r, W·r)
    x = reshape(input, (*batch, c // (r * r), r, r, h, w))
    x = permute(x, *range(b + 1), b + 3, b + 1, b + 4, b + 2)
    return reshape(x, (*batch, c // (r * r), h * r, w * r))


def channel_shuffle(input, groups):
    """The channels of all groups in turn: the first of each, the second of each, and so on.

    Zhang et al. 2018 (ShuffleNet), section 3.1: (N, C, …) seen as (N, g, C/g, …), those two axes
    swapped, and flattened again, so that grouped convolutions mix.

    Args:
        input: (N, C, …), at least 3 dimensions.
        groups: g, an integer that divides C.

    Raises:
        ShapeError: less than 3 dimensions, channels that `groups` does not divide. ArgumentError:
        `groups` < 1.
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.channel_shuffle(mc.arange(6).reshape(1, 6, 1), 2).flatten()
    tensor([0, 3, 1, 4, 2, 5])
    """
    name = "channel_shuffle"
    if tensor_only(name, input).ndim < 3:
        raise ShapeError(f"{name}: expected input (N, C, …) with places, got shape {input.shape}")
    groups = as_number(name, "groups", groups, 1)
    n, c, *places = input.shape
    if not c:
        raise ShapeError(f"{name}: input of shape {input.shape} has no channels")
    if c % groups:
        raise ShapeError(
            f"{name}: the {c} channels of {input.shape} must be divisible by groups={groups}"
        )
    # (N, C, …) → (N, g, C/g, …) → (N, C/g, g, …) → (N, C, …)
    x = reshape(input, (n, groups, c // groups, *places))
    x = permute(x, 0, 2, 1, *range(3, x.ndim))
    return reshape(x, input.shape)
