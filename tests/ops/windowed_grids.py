"""Borders, other grids, and shuffles: how their calls are drawn, and their textbook."""

import math

import numpy as np
from hypothesis import assume

from minicnn import textbook


def bordering(d):
    mode = d.among("constant", "reflect", "replicate", "circular")
    if mode == "constant":
        shape = d.integers(1, 4, d.integer(1, 5))
        axes = d.integer(1, len(shape))
    else:
        axes = d.integer(1, 3)
        shape = (*d.integers(1, 2, d.integer(1, 2)), *d.integers(2, 5, axes))
    widths = []
    for n in shape[-axes:]:
        widest = {"reflect": n - 1, "circular": n}.get(mode, 3)
        before, after = d.integers(0, widest, 2)
        if d.flag():  # cut off instead, at one end; what is left can be wrapped around
            cut = d.integer(1, n - 1) if n > 1 else 0
            after = min(after, n - cut) if mode == "circular" else after
            before, after = d.among((-cut, after), (after, -cut))
        widths.append((before, after))
    value = d.among(None, 0.0, -1.5) if mode == "constant" else None
    # PyTorch counts the axes from the last one.
    options = {"pad": tuple(w for pair in reversed(widths) for w in pair), "mode": mode}
    options |= {} if value is None else {"value": value}
    all_widths = [(0, 0)] * (len(shape) - axes) + widths

    def book(x):
        def gradients(delta):
            return [textbook.pad_gradient(delta, x.shape, all_widths, mode)]

        return textbook.pad(x, all_widths, mode, value or 0.0), None, gradients

    return [d.values(*shape)], options, book


def resampling(d):
    mode, n = d.among(("nearest", 1), ("nearest", 2), ("linear", 1), ("bilinear", 2))
    size, factors = d.sizes([1] * n, 7), (None,) * n
    options, corners = {"mode": mode}, False
    if mode != "nearest":
        options["align_corners"] = d.among(None, False, True)
        corners = bool(options["align_corners"])
    if d.flag():
        out = d.integers(1, 17, n)
        options["size"] = d.short(out)
    else:
        factors = tuple(d.among(0.5, 1.0, 1.1, 1.5, 2.0, 2.1, 3.0, 0.37, 1.77) for _ in range(n))
        out = tuple(int(m * f) for m, f in zip(size, factors, strict=True))
        assume(min(out) >= 1)
        options["scale_factor"] = d.short(factors)
        options["recompute_scale_factor"] = d.among(None, False, True)
        if options["recompute_scale_factor"]:
            factors = (None,) * n
    # PyTorch: the factor is not looked at where the size stays, nor where nearest doubles images.
    same = [1, 2] if (mode, n) == ("nearest", 2) else [] if mode == "nearest" else [1]
    axes = zip(size, out, factors, strict=True)
    factors = tuple(None if o in [m * k for k in same] else f for m, o, f in axes)
    ones = (1,) * (2 - n)  # a signal is an image of height 1
    book_factors = (*((None,) * (2 - n)), *factors)

    def as_images(x):
        return x.reshape(*x.shape[:2], *ones, *x.shape[2:])

    def book(x):
        if mode == "nearest":
            assume(not rounded_in_float32(out, factors))
            forward, backward = textbook.interpolate_nearest, textbook.interpolate_nearest_gradient
            more = (book_factors,)
        else:
            forward = textbook.interpolate_bilinear
            backward, more = textbook.interpolate_bilinear_gradient, (corners, book_factors)

        def gradients(delta):
            return [backward(as_images(delta), (*ones, *size), *more).reshape(x.shape)]

        y = forward(as_images(x), (*ones, *out), *more)
        return y.reshape(*x.shape[:2], *out), None, gradients

    return [d.values(d.batch()[0], d.integer(1, 3), *size)], options, book


def rounded_in_float32(out, factors):
    """Whether ⌊i/s⌋ comes out otherwise in float32, in which PyTorch works it out.

    ⌊i·n/o⌋ does not for small sizes: from 26 → 22 on.
    """
    for o, s in zip(out, factors, strict=True):
        if s is not None:
            i = np.arange(o)
            there = np.floor(i.astype(np.float32) * np.float32(1 / s))
            if (there != np.floor(i / s)).any():
                return True
    return False


def pixels(d):
    r, size = d.integer(1, 3), d.sizes([1, 1], 2)
    front, channels = d.integers(1, 2, d.integer(0, 2)), d.integer(1, 2) * r * r
    shape = (*front, channels, *size)

    def book(x):
        images = x.reshape(math.prod(front), channels, *size)
        y = textbook.pixel_shuffle(images, r)

        def gradients(delta):
            return [textbook.pixel_shuffle_gradient(delta.reshape(y.shape), r).reshape(shape)]

        return y.reshape(*front, *y.shape[1:]), None, gradients

    return [d.values(*shape)], {"upscale_factor": r}, book


def channels(d):
    groups = d.integer(1, 4)
    shape = (d.batch()[0], groups * d.integer(1, 3), *d.sizes([1] * d.integer(1, 3), 2))

    def as_images(x):
        return x.reshape(*shape[:2], shape[2], math.prod(shape[3:]))

    def book(x):
        def gradients(delta):
            return [textbook.channel_shuffle_gradient(as_images(delta), groups).reshape(shape)]

        return textbook.channel_shuffle(as_images(x), groups).reshape(shape), None, gradients

    return [d.values(*shape)], {"groups": groups}, book


TABLE = {
    "pad": bordering,
    "interpolate": resampling,
    "pixel_shuffle": pixels,
    "channel_shuffle": channels,
}
