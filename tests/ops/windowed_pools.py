"""Poolings, their undoing, and LRN: how their calls are drawn, and their textbook."""

import math

from hypothesis import assume

from minicnn import textbook


def scalars(values, n):
    """Signals' options as the textbook takes them: bare numbers."""
    return values if n == 2 or values is None else values[0]


def pool_window(d, n, padded=True, dilated=False):
    """(sizes, kernel, stride or None, padding, dilation, ceil_mode)."""
    kernel = d.integers(1, 4, n)
    stride = d.integers(1, 4, n) if d.flag() else None
    padding = tuple(d.integer(0, k // 2) if padded else 0 for k in kernel)
    dilation = d.integers(1, 2, n) if dilated else (1,) * n
    axes = zip(kernel, padding, dilation, strict=True)
    # With entries further apart than the image is large, they could all fall outside of it.
    sizes = d.sizes([max(1, e, (k - 1) * e + 1 - 2 * p) for k, p, e in axes])
    return sizes, kernel, stride, padding, dilation, d.flag()


def options_of(d, kernel, stride, ceil_mode):
    options = {"kernel_size": d.short(kernel), "ceil_mode": ceil_mode}
    if stride is not None:
        options["stride"] = d.short(stride)
    return options


def maximum(n):
    forward = getattr(textbook, f"max_pool{n}d")
    gradient = getattr(textbook, f"max_pool{n}d_gradient")

    def describe(d):
        size, kernel, stride, padding, dilation, ceil_mode = pool_window(d, n, dilated=True)
        batch, unbatched = d.batch()
        x = d.values(batch, d.integer(1, 3), *size)
        options = options_of(d, kernel, stride, ceil_mode)
        options |= {"padding": d.short(padding), "dilation": d.short(dilation)}
        options["return_indices"] = d.flag()
        window = [scalars(o, n) for o in (kernel, stride, padding, dilation)]

        def book(x):
            y, argmax = forward(x, *window, ceil_mode)
            indices = argmax if options["return_indices"] else None
            return y, indices, lambda delta: [gradient(delta, argmax, scalars(size, n))]

        return [x], options, book, (0,) if unbatched else ()

    return describe


def average(n):
    forward = getattr(textbook, f"avg_pool{n}d")
    gradient = getattr(textbook, f"avg_pool{n}d_gradient")

    def describe(d):
        size, kernel, stride, padding, _, ceil_mode = pool_window(d, n)
        batch, unbatched = d.batch()
        x = d.values(batch, d.integer(1, 3), *size)
        counted = d.flag()
        options = options_of(d, kernel, stride, ceil_mode)
        options |= {"padding": d.short(padding), "count_include_pad": counted}
        window = [*(scalars(o, n) for o in (kernel, stride, padding)), ceil_mode, counted]
        if n == 2:
            options["divisor_override"] = d.among(None, None, None, 1, 5)
            window.append(options["divisor_override"])

        def book(x):
            def gradients(delta):
                return [gradient(delta, scalars(size, n), *window)]

            return forward(x, *window), None, gradients

        return [x], options, book, (0,) if unbatched else ()

    return describe


def powers(d):
    size, kernel, stride, _, _, ceil_mode = pool_window(d, 2, padded=False)
    p = d.among(1, 2, 3, 4, 2.0, 0.5, 1.5, -1, -2, math.inf, -math.inf)
    batch, unbatched = d.batch()
    # Even powers lose the sign. Odd ones keep it, and sums near 0 need all the digits there are.
    signs = p in (2, 4, -2) or math.isinf(p) or (p in (1, 3) and d.dtype == "float64")
    x = d.away_from_0(batch, d.integer(1, 3), *size, signs=signs)
    options = {"norm_type": p, **options_of(d, kernel, stride, ceil_mode)}
    window = p, kernel, stride, ceil_mode

    def book(x):
        def gradients(delta):
            return [textbook.lp_pool2d_gradient(delta, x, *window)]

        return textbook.lp_pool2d(x, *window), None, gradients

    return [x], options, book, (0,) if unbatched else ()


def adaptive(kind):
    def describe(d):
        size, out = d.sizes([1, 1], 7), d.integers(1, 6, 2)
        given = d.among(out, list(out), out[0], (None, out[1]), (out[0], None))
        out = (given, given) if isinstance(given, int) else given
        out = tuple(n if o is None else o for n, o in zip(size, out, strict=True))
        batch, unbatched = d.batch()
        x, options = d.values(batch, d.integer(1, 3), *size), {"output_size": given}
        if kind == "max":
            options["return_indices"] = d.flag()

        def mean_book(x):
            def gradients(delta):
                return [textbook.adaptive_avg_pool2d_gradient(delta, size)]

            return textbook.adaptive_avg_pool2d(x, out), None, gradients

        def max_book(x):
            y, argmax = textbook.adaptive_max_pool2d(x, out)
            indices = argmax if options["return_indices"] else None
            return y, indices, lambda delta: [textbook.max_pool2d_gradient(delta, argmax, size)]

        book = max_book if kind == "max" else mean_book
        return [x], options, book, (0,) if unbatched else ()

    return describe


def unpooling(d):
    kernel, size = d.integers(1, 3, 2), d.sizes([3, 3])
    stride = kernel if d.flag() else d.integers(1, 3, 2)
    padding = tuple(d.integer(0, k // 2) for k in kernel)
    axes = list(zip(size, kernel, stride, padding, strict=True))
    pooled = [(n + 2 * p - k) // s + 1 for n, k, s, p in axes]
    smallest = [(o - 1) * s + k - 2 * p for o, (_, k, s, p) in zip(pooled, axes, strict=True)]
    options = {"kernel_size": d.short(kernel), "padding": d.short(padding)}
    if stride != kernel or d.flag():
        options["stride"] = d.short(stride)
    (batch, unbatched), channels = d.batch(), d.integer(1, 3)
    if d.flag():
        out = size
        options["output_size"] = d.among(size, (batch, channels, *size))
    else:
        out = tuple(smallest)
    count, places = pooled[0] * pooled[1], out[0] * out[1]
    assume(min(smallest) >= 1 and count <= places)
    indices = d.permuted(places, batch * channels)[:, :count]
    if d.flag():  # windows that overlap find one place several times: the last value stays
        indices = indices // 2
    shape = (batch, channels, *pooled)

    def book(x, indices):
        y = textbook.max_unpool2d(x, indices, out)
        return y, None, lambda delta: [textbook.max_unpool2d_gradient(delta, indices)]

    arrays = [d.values(*shape), indices.reshape(shape)]
    return arrays, options, book, (0, 1) if unbatched else ()


def neighbouring_channels(d):
    size, axes = d.integer(1, 6), d.integer(1, 3)
    shape = (d.batch()[0], d.integer(1, 6), *d.sizes([1] * axes, 2))
    alpha, beta, k = d.among(1e-4, 0.7), d.among(0.75, 1.3), d.among(1.0, 2.0)
    options = {"size": size, "alpha": alpha, "beta": beta, "k": k}
    # The paper's α is not divided by n; an even n has one channel less after than before.
    paper = ((size // 2, (size - 1) // 2), k, alpha / size, beta)

    def as_images(x):
        return x.reshape(*shape[:2], shape[2], math.prod(shape[3:]))

    def book(x):
        def gradients(delta):
            dx = textbook.local_response_norm_gradient(as_images(delta), as_images(x), *paper)
            return [dx.reshape(shape)]

        y = textbook.local_response_norm(as_images(x), *paper)
        return y.reshape(shape), None, gradients

    return [d.values(*shape)], options, book


TABLE = {
    "max_pool1d": maximum(1),
    "max_pool2d": maximum(2),
    "avg_pool1d": average(1),
    "avg_pool2d": average(2),
    "lp_pool2d": powers,
    "adaptive_avg_pool2d": adaptive("avg"),
    "adaptive_max_pool2d": adaptive("max"),
    "max_unpool2d": unpooling,
    "local_response_norm": neighbouring_channels,
}
