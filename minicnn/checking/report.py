"""`GradcheckError`, and what it says."""

import numpy as np

from minicnn.shapes import as_tuple, output_size


class GradcheckError(AssertionError, RuntimeError):
    """backward is wrong; the text says where and by how much.

    Attributes, None where they do not apply:
        input: which input's gradient it is, counted from 0.
        index: the first wrong element.
        got, expected: backward's value there, and the finite difference.
        share: the share of wrong elements, in (0, 1].
        window: what the first wrong element has to do with, where a layer's options were given.

    As in PyTorch a RuntimeError; `gradcheck` raises it.
    """

    def __init__(self, text, **attributes):
        super().__init__(text)
        names = ("input", "index", "got", "expected", "share", "window")
        for name in names:
            setattr(self, name, attributes.get(name))


class NotDifferentiableError(GradcheckError):
    """Nothing can be said about backward: the function has no derivative at this input.

    As in PyTorch a RuntimeError; `gradcheck` raises it.
    """


def wrong_gradient(i, found, expected, wrong, options=None, kinks=0):
    """The error for an input `i` whose gradient `found` is `wrong` (a mask) somewhere."""
    place = tuple(int(p) for p in np.argwhere(wrong)[0])
    lines = [
        f"gradcheck: the gradient of input {i}, shape {found.shape}, is wrong in "
        f"{int(wrong.sum())} of {wrong.size} elements ({wrong.mean():.0%}). First at {place}: "
        f"backward says {found[place]:.6g}, finite differences say {expected[place]:.6g}"
    ]
    window = None if options is None else seen_by(i, place, found.shape, options)
    if window:
        lines.append(window)
    ratio = _constant_ratio(found, expected)
    if ratio is not None:
        lines.append(f"backward is {ratio:.6g} times what it should be, everywhere")
    if kinks:
        lines.append(
            f"({kinks} elements where the function has no derivative were left out of this)"
        )
    return GradcheckError(
        "\n".join(lines),
        input=i,
        index=place,
        got=float(found[place]),
        expected=float(expected[place]),
        share=float(wrong.mean()),
        window=window,
    )


def _constant_ratio(found, expected):
    """backward over the finite difference, where that is the same number everywhere."""
    large = np.abs(expected) > 1e-3 * max(np.abs(expected).max(initial=0), 1e-30)
    if large.sum() < 2 or not np.isfinite(found).all():
        return None
    ratios = found[large] / expected[large]
    same = np.allclose(ratios, ratios.flat[0], rtol=1e-3) and np.allclose(
        found, ratios.flat[0] * expected, rtol=1e-2, atol=1e-4 * np.abs(found).max()
    )
    return float(ratios.flat[0]) if same else None


def no_derivative(i, place, left, right, count, size):
    return NotDifferentiableError(
        f"gradcheck: not differentiable here: with respect to input {i} at {place} the slope is "
        f"{left:.6g} to the left and {right:.6g} to the right, a kink or a tie (in {count} of "
        f"{size} elements). This says nothing about backward: choose inputs away from such places, "
        'for example random ones; ties="first" compares what is wanted at ties',
        input=i,
        index=place,
        share=count / size,
    )


def seen_by(i, place, shape, options):
    """In which windows the element `place` of input `i` of a windowed layer lies, as a text.

    `options` is a layer, or a dictionary with ``kernel_size``, ``stride``, ``padding`` and
    ``dilation``.
    Input 0 is the layer's input (N, C, H, W); one that ends in the kernel's size is the weight.
    """
    kernel, stride, padding, dilation = _window_options(options)
    if len(shape) < len(kernel):
        return None
    axes = list(zip(place[-len(kernel) :], kernel, stride, padding, dilation, strict=True))
    sizes = shape[-len(kernel) :]
    if i == 0:
        seen = []
        for (p, k, s, pad, d), n in zip(axes, sizes, strict=True):
            count = output_size(n, k, s, pad, d, _option(options, "ceil_mode", False))
            # Entry u of the window at o lies on p where o·s + u·d − pad = p.
            outputs = [(p + pad - u * d) // s for u in range(k) if (p + pad - u * d) % s == 0]
            seen.append(sorted(o for o in outputs if 0 <= o < count))
        if not all(seen):
            return f"{place} lies in no window"
        return f"{place} lies in the windows of output rows " + " and columns ".join(
            map(_run, seen)
        )
    if tuple(sizes) == tuple(kernel):
        starts = [
            f"{'·' if s == 1 else f'{s}·'}{name}{u * d - pad:+d}".lstrip("·")
            for name, (u, _, s, pad, d) in zip("ij", axes, strict=False)
        ]
        return f"{place} meets input row {' and column '.join(starts)} in the window of output i, j"
    return None


def _run(numbers):
    if numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 2:
        return f"{numbers[0]} … {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _option(options, name, default=None):
    if isinstance(options, dict):
        return options.get(name, default)
    return getattr(options, name, default)


def _window_options(options):
    """Kernel, stride, padding and dilation, a tuple with one number for each axis."""
    kernel = _option(options, "kernel_size")
    axes = len(kernel) if isinstance(kernel, (tuple, list)) else 2
    kernel = as_tuple("gradcheck", "kernel_size", kernel, axes, 1)
    stride, dilation = _option(options, "stride", 1), _option(options, "dilation", 1)
    stride = as_tuple("gradcheck", "stride", kernel if stride is None else stride, axes, 1)
    dilation = as_tuple("gradcheck", "dilation", dilation, axes, 1)
    padding = _option(options, "padding", 0)
    if isinstance(padding, str):
        same = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
        padding = same if padding == "same" else 0
    return kernel, stride, as_tuple("gradcheck", "padding", padding, axes, 0), dilation
