"""Borders, enlarging, and the shuffles."""

import math

from cases_windows import values
from drawn import Call


def bordering(d):
    mode = d.among("constant", "reflect", "replicate", "circular")
    if mode == "constant":
        shape = d.shape(most=5, smallest=1, least=1)
        axes = d.integer(1, len(shape))
    else:
        axes = d.integer(1, 3)
        shape = d.batch(2, *[d.integer(2, 5) for _ in range(axes)])
        shape = shape if shape[0] else (2, *shape[1:])
    widths = []
    for n in shape[: -axes - 1 : -1]:
        low, high = {"reflect": (1 - n, n - 1), "circular": (0, n)}.get(mode, (-n, 3))
        before, after = d.integer(low, high), d.integer(low, high)
        if d.chance(0.7):
            before, after = abs(before), abs(after)
        if mode == "circular" and d.chance(0.2):
            before, after = (-1, min(after, n - 1)) if d.chance(0.5) else (before // 2, -1)
        if n + min(before, 0) + min(after, 0) < (mode != "constant") or n + before + after < 1:
            before = after = 0
        widths += [before, after]
    options = {"value": float(d.integer(-2, 2))} if mode == "constant" and d.chance(0.5) else {}
    return Call(values(d, shape), tuple(widths), mode, **options)


def resampling(d):
    mode, n = d.among(("nearest", 1), ("nearest", 2), ("linear", 1), ("bilinear", 2))
    sizes = [d.integer(1, 8) for _ in range(n)]
    options = {"mode": mode}
    if mode != "nearest" and d.chance(0.7):
        options["align_corners"] = d.chance(0.5)
    if d.chance(0.5):
        options["size"] = d.axes(1, 17, n)
    else:
        known = (0.5, 1.0, 1.1, 1.5, 2.0, 2.1, 3.0)
        factors = [d.among(*known, d.number(0.3, 3)) for _ in range(n)]
        factors = [factors[0]] * n if d.chance(0.3) else factors
        sizes = [max(s, math.ceil(1 / f)) for s, f in zip(sizes, factors, strict=True)]
        options["scale_factor"] = factors[0] if len(set(factors)) == 1 else tuple(factors)
        if d.chance(0.4):
            options["recompute_scale_factor"] = d.chance(0.5)
        # For signals of once or twice the size, PyTorch's backward of "nearest" forgets the scale
        # factor, which its forward uses: it is then no gradient to compare with.
        copied = any(int(s * f) in (s, 2 * s) for s, f in zip(sizes, factors, strict=True))
        if mode == "nearest" and n == 1 and copied:
            options["recompute_scale_factor"] = True
    batch = 0 if d.chance(0.05) else d.integer(1, 3)
    return Call(values(d, (batch, d.integer(1, 3), *sizes)), **options)


def pixels(d):
    r = d.integer(1, 3)
    front = tuple(d.integer(1, 2) for _ in range(d.integer(0, 2)))
    return Call(values(d, (*front, d.integer(1, 2) * r * r, d.integer(1, 3), d.integer(1, 3))), r)


def channels(d):
    groups = d.integer(1, 3)
    places = [d.integer(1, 3) for _ in range(d.integer(1, 3))]
    return Call(values(d, (d.integer(0, 2), groups * d.integer(1, 3), *places)), groups)


CASES = {
    "nn.functional.pad": bordering,
    "nn.functional.interpolate": resampling,
    "nn.functional.pixel_shuffle": pixels,
    "nn.functional.channel_shuffle": channels,
}
