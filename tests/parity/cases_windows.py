"""Convolutions, pooling, unfold and fold."""

import math

import torch
from drawn import Call, T


def of(value, i):
    return value if isinstance(value, int) else value[i]


def values(d, shape):
    """Distinct values, or, for a quarter of the cases, few ones with many ties."""
    return d.t(shape, "float32" if d.chance(0.1) else "float64", -1, 1, ties=d.chance(0.25))


def like(d, t, shape):
    return d.t(shape, str(t.values.dtype))


def spans(d, n, kernel, padding, dilation):
    """Random sizes that the dilated kernel fits into."""
    least = [of(dilation, i) * (of(kernel, i) - 1) + 1 - 2 * of(padding, i) for i in range(n)]
    return [max(1, s) + d.integer(0, 5) for s in least]


def convolution(n):
    def draw(d):
        groups = d.integer(1, 3)
        c, f = groups * d.integer(1, 2), groups * d.integer(1, 2)
        kernel = tuple(d.integer(1, 3) for _ in range(n))
        options = {
            "stride": d.axes(1, 3, n),
            "padding": d.axes(0, 2, n),
            "dilation": d.axes(1, 3, n),
            "groups": groups,
        }
        sizes = spans(d, n, kernel, options["padding"], options["dilation"])
        if d.chance(0.2):
            options["padding"] = d.among("valid", "same", "same")
            options["stride"] = 1 if options["padding"] == "same" else options["stride"]
            sizes = spans(d, n, kernel, 0, options["dilation"])
        x = values(d, d.batch(c, *sizes))
        call = Call(x, like(d, x, (f, c // groups, *kernel)), **options)
        if d.chance(0.6):
            call.named["bias"] = like(d, x, (f,))
        return call

    return draw


def transposed(n):
    def draw(d):
        groups, per_group = d.integer(1, 3), d.integer(1, 2)
        c = groups * d.integer(1, 2)
        kernel = tuple(d.integer(1, 3) for _ in range(n))
        stride, dilation = d.axes(1, 3, n), d.axes(1, 3, n)
        sizes = [d.integer(1, 5) for _ in range(n)]
        extra, padding = [], []
        for i in range(n):
            extra.append(d.integer(0, max(of(stride, i), of(dilation, i)) - 1))
            whole = (sizes[i] - 1) * of(stride, i) + of(dilation, i) * (kernel[i] - 1) + 1
            padding.append(d.integer(0, min(2, (whole + extra[i] - 1) // 2)))
        options = {"stride": stride, "padding": tuple(padding), "output_padding": tuple(extra)}
        x = values(d, d.batch(c, *sizes))
        weight = like(d, x, (c, per_group, *kernel))
        call = Call(x, weight, **options, groups=groups, dilation=dilation)
        if d.chance(0.6):
            call.named["bias"] = like(d, x, (per_group * groups,))
        return call

    return draw


def pooling(n, kind):
    def draw(d):
        kernel = d.axes(1, 4, n)
        padding = tuple(d.integer(0, of(kernel, i) // 2) for i in range(n))
        options = {"kernel_size": kernel, "padding": padding, "ceil_mode": d.chance(0.5)}
        if d.chance(0.8):
            options["stride"] = d.axes(1, 4, n)
        dilation = 1
        if kind == "max":
            dilation = options["dilation"] = d.axes(1, 2, n)
            if d.chance(0.5):
                options["return_indices"] = True
        if kind == "avg":
            options["count_include_pad"] = d.chance(0.5)
            if n == 2 and d.chance(0.3):
                options["divisor_override"] = d.integer(1, 5)
        sizes = spans(d, n, kernel, padding, dilation)
        # Entries spread wider than the image could all fall outside; that is refused.
        sizes = [max(s, of(dilation, i)) for i, s in enumerate(sizes)]
        if kind == "lp":
            del options["padding"]
            norm = d.among(1, 2, 2.0, 3, 2.5, math.inf, -math.inf)
            x = d.t(d.batch(d.integer(1, 3), *spans(d, n, kernel, 0, 1)), low=0.1, high=2)
            return Call(x, norm, **options)
        return Call(values(d, d.batch(d.integer(1, 3), *sizes)), **options)

    return draw


def adaptive(name):
    def draw(d):
        a, b = d.integer(1, 5), d.integer(1, 5)
        out = d.among((a, b), (a, b), a, (None, b), (a, None), [a, b])
        x = values(d, d.batch(d.integer(1, 3), d.integer(1, 8), d.integer(1, 8)))
        return Call(x, out, **(d.some(return_indices=(True,)) if "max" in name else {}))

    return draw


def unpooling(d):
    kernel = d.axes(2, 3, 2)
    shape = (*d.batch(d.integer(1, 3)), d.integer(4, 8), d.integer(4, 8))
    stride = kernel if d.chance(0.5) else d.axes(1, 3, 2)
    pool = torch.nn.functional.max_pool2d
    y, places = pool(torch.from_numpy(d.t(shape).values), kernel, stride, return_indices=True)
    options = {"stride": stride}
    if d.chance(0.5):
        options["output_size"] = list(shape[-2:] if d.chance(0.5) or y.ndim < 4 else shape)
    else:  # the places, in an output of the smallest size
        sizes = [(n - 1) * of(stride, i) + of(kernel, i) for i, n in enumerate(y.shape[-2:])]
        places = places % (sizes[0] * sizes[1])
    # Overlapping windows can find one place twice, and PyTorch promises no order for writing.
    flat = places.reshape(-1, y.shape[-2] * y.shape[-1])
    if any(len(set(p.tolist())) < len(p) for p in flat):
        return unpooling(d)
    return Call(T(y.numpy(), d.integer(0, 3)), T(places.numpy()), kernel, **options)


def windows(d):
    kernel, dilation, padding = d.axes(1, 3, 2), d.axes(1, 2, 2), d.axes(0, 2, 2)
    stride = d.axes(1, 3, 2)
    sizes = spans(d, 2, kernel, padding, dilation)
    return sizes, {"dilation": dilation, "padding": padding, "stride": stride}, kernel


def unfolding(d):
    sizes, options, kernel = windows(d)
    return Call(values(d, d.batch(d.integer(1, 3), *sizes)), kernel, **options)


def folding(d):
    sizes, options, kernel = windows(d)
    x = torch.zeros(1, d.integer(1, 3), *sizes)
    k, places = torch.nn.functional.unfold(x, kernel, **options).shape[1:]
    return Call(values(d, d.batch(k, places)), tuple(sizes), kernel, **options)


CASES = {
    f"nn.functional.{name}": draw
    for name, draw in {
        "conv1d": convolution(1),
        "conv2d": convolution(2),
        "conv_transpose1d": transposed(1),
        "conv_transpose2d": transposed(2),
        "max_pool1d": pooling(1, "max"),
        "max_pool2d": pooling(2, "max"),
        "avg_pool1d": pooling(1, "avg"),
        "avg_pool2d": pooling(2, "avg"),
        "lp_pool2d": pooling(2, "lp"),
        "adaptive_avg_pool2d": adaptive("avg"),
        "adaptive_max_pool2d": adaptive("max"),
        "max_unpool2d": unpooling,
        "unfold": unfolding,
        "fold": folding,
    }.items()
}
