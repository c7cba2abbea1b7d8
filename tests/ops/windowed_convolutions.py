"""Convolutions and windows as columns: how their calls are drawn, and their textbook."""

from hypothesis import assume

from minicnn import textbook


def spans(kernel, dilation):
    """What a kernel covers with its holes."""
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]


def fitting(d, kernel, padding, dilation):
    """Sizes that the window fits into."""
    whole = zip(spans(kernel, dilation), padding, strict=True)
    return d.sizes([max(1, m - 2 * p) for m, p in whole])


def scalars(values, n):
    """Signals' options as the textbook takes them: bare numbers."""
    return values[0] if n == 1 else values


def convolution(n):
    name = f"conv{n}d"
    forward, input_gradient, weight_gradient, bias_gradient = (
        getattr(textbook, name + end)
        for end in ("", "_input_gradient", "_weight_gradient", "_bias_gradient")
    )

    def describe(d):
        groups = d.integer(1, 3)
        channels, filters = groups * d.integer(1, 2), groups * d.integer(1, 2)
        kernel, dilation = d.integers(1, 3, n), d.integers(1, 3, n)
        named = d.among(None, None, None, "same", "valid")
        stride = (1,) * n if named == "same" else d.integers(1, 3, n)
        padding = (0,) * n if named else d.integers(0, 2, n)
        size = d.sizes([1] * n, 6) if named == "same" else fitting(d, kernel, padding, dilation)
        batch, unbatched = d.batch()
        arrays = [d.values(batch, channels, *size)]
        arrays.append(d.values(filters, channels // groups, *kernel))
        arrays += [d.values(filters)] if d.flag() else []
        options = {
            "stride": d.short(stride),
            "padding": named or d.short(padding),
            "dilation": d.short(dilation),
            "groups": groups,
        }
        # "same": as many zeros as keep the size; an odd number has one more at the end.
        total = [m - 1 if named == "same" else 0 for m in spans(kernel, dilation)]
        border = [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)]
        window = [scalars(o, n) for o in (stride, padding, dilation)]

        def book(x, w, b=None):
            padded = textbook.pad(x, border)
            z = forward(padded, w, b, *window, groups)

            def gradients(delta):
                size = scalars(padded.shape[2:], n)
                dx = input_gradient(delta, w, size, *window, groups)
                dw = weight_gradient(delta, padded, scalars(kernel, n), *window, groups)
                found = [textbook.pad_gradient(dx, x.shape, border), dw]
                return found if b is None else [*found, bias_gradient(delta)]

            return z, None, gradients

        return arrays, options, book, (0,) if unbatched else ()

    return describe


def transposed(n):
    name = f"conv_transpose{n}d"
    forward, input_gradient, weight_gradient = (
        getattr(textbook, name + end) for end in ("", "_input_gradient", "_weight_gradient")
    )
    bias_gradient = getattr(textbook, f"conv{n}d_bias_gradient")

    def describe(d):
        groups = d.integer(1, 3)
        channels, per_group = groups * d.integer(1, 2), d.integer(1, 2)
        kernel, dilation, stride = (d.integers(1, 3, n) for _ in range(3))
        size = d.sizes([1] * n, 3)
        extra = [d.integer(0, max(s, e) - 1) for s, e in zip(stride, dilation, strict=True)]
        extra, padding = tuple(extra), d.integers(0, 2, n)
        axes = zip(size, stride, spans(kernel, dilation), extra, padding, strict=True)
        assume(all((o - 1) * s + m + a - 2 * p >= 1 for o, s, m, a, p in axes))
        batch, unbatched = d.batch()
        arrays = [d.values(batch, channels, *size), d.values(channels, per_group, *kernel)]
        arrays += [d.values(per_group * groups)] if d.flag() else []
        options = {
            "stride": d.short(stride),
            "padding": d.short(padding),
            "output_padding": d.short(extra),
            "groups": groups,
            "dilation": d.short(dilation),
        }
        s, p, a, e = (scalars(o, n) for o in (stride, padding, extra, dilation))

        def book(x, w, b=None):
            def gradients(delta):
                dx = input_gradient(delta, w, scalars(size, n), s, p, e, groups)
                dw = weight_gradient(delta, x, scalars(kernel, n), s, p, e, groups)
                return [dx, dw] if b is None else [dx, dw, bias_gradient(delta)]

            return forward(x, w, b, s, p, a, e, groups), None, gradients

        return arrays, options, book, (0,) if unbatched else ()

    return describe


def window(d):
    kernel, dilation, stride = (d.integers(1, 3, 2) for _ in range(3))
    padding = d.integers(0, 2, 2)
    return fitting(d, kernel, padding, dilation), kernel, dilation, padding, stride


def options_of(d, kernel, dilation, padding, stride):
    return {
        "kernel_size": d.short(kernel),
        "dilation": d.short(dilation),
        "padding": d.short(padding),
        "stride": d.short(stride),
    }


def unfolding(d):
    size, *options = window(d)
    batch, unbatched = d.batch()
    x = d.values(batch, d.integer(1, 3), *size)

    def book(x):
        # The other one is the gradient: each is the other's transpose.
        columns = textbook.unfold(x, *options)
        return columns, None, lambda delta: [textbook.fold(delta, size, *options)]

    return [x], options_of(d, *options), book, (0,) if unbatched else ()


def folding(d):
    size, kernel, *options = window(d)
    batch, unbatched = d.batch()
    axes = zip(size, kernel, *options, strict=True)
    out = [(n + 2 * p - (k - 1) * e - 1) // s + 1 for n, k, e, p, s in axes]
    x = d.values(batch, d.integer(1, 3) * kernel[0] * kernel[1], out[0] * out[1])

    def book(x):
        image = textbook.fold(x, size, kernel, *options)
        return image, None, lambda delta: [textbook.unfold(delta, kernel, *options)]

    options_given = {"output_size": size, **options_of(d, kernel, *options)}
    return [x], options_given, book, (0,) if unbatched else ()


TABLE = {
    "conv1d": convolution(1),
    "conv2d": convolution(2),
    "conv_transpose1d": transposed(1),
    "conv_transpose2d": transposed(2),
    "unfold": unfolding,
    "fold": folding,
}
