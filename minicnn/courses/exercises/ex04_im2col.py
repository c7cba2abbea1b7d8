"""Exercise 4, the grader's side: windows as columns, and back."""

import numpy as np

from minicnn import shapes, textbook
from minicnn.courses.exercise import Call, Derivative, Exercise, Probe, Task, Wrong


def _pairs(kernel_size, stride, padding, dilation):
    """The arguments of the textbook's unfold, fold: kernel, dilation, padding, stride."""
    return kernel_size, (dilation,) * 2, (padding,) * 2, (stride,) * 2


def _places(size, kernel_size, stride, padding, dilation):
    return tuple(
        shapes.output_size(n, k, stride, padding, dilation)
        for n, k in zip(size, kernel_size, strict=True)
    )


def _windows(title, x, kernel_size, stride=1, padding=0, dilation=1):
    def arguments(rng):
        return {
            "x": rng.standard_normal(x),
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }

    return Probe(title, arguments)


def _columns(title, x, kernel_size, stride=1, padding=0, dilation=1):
    def arguments(rng):
        options = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        windows = int(np.prod(_places(x[2:], **options)))
        shape = x[0], x[1] * kernel_size[0] * kernel_size[1], windows
        return {"columns": rng.standard_normal(shape), "size": x[2:], **options}

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _to(x, kernel_size, stride, padding, dilation):
    return textbook.unfold(x, *_pairs(kernel_size, stride, padding, dilation))


def _from(columns, size, kernel_size, stride, padding, dilation):
    return textbook.fold(columns, size, *_pairs(kernel_size, stride, padding, dilation))


def _x(columns, size, kernel_size, **_):
    return np.zeros((len(columns), columns.shape[1] // int(np.prod(kernel_size)), *size))


def _of_x(x, columns, size, **options):
    return _to(x, **options)


# --------------------------------------------------------------------- the wrong answers


def _entries(columns, kernel_size, places):
    """(N, C·kh·kw, L) → (N, C, kh, kw, OH, OW)"""
    return columns.reshape(len(columns), -1, *kernel_size, *places)


def _ordered(axes):
    """`to_columns` with the axes (N, C, kh, kw, OH, OW) in another order."""

    def answer(x, **options):
        places = _places(x.shape[2:], **options)
        columns = _to(x, **options)
        entries = _entries(columns, options["kernel_size"], places)
        return np.ascontiguousarray(entries.transpose(axes)).reshape(columns.shape)

    return answer


def _unordered(axes):
    """`from_columns` that takes the axes to be in another order."""

    def answer(columns, size, **options):
        places = _places(size, **options)
        shape = _entries(columns, options["kernel_size"], places).shape
        entries = columns.reshape([shape[a] for a in axes]).transpose(np.argsort(axes))
        return _from(np.ascontiguousarray(entries).reshape(columns.shape), size, **options)

    return answer


def _kernel_reversed(columns, kernel_size):
    maps = columns.shape[1] // int(np.prod(kernel_size))
    entries = columns.reshape(len(columns), maps, -1, columns.shape[2])[:, :, ::-1]
    return np.ascontiguousarray(entries).reshape(columns.shape)


def _ignoring(name):
    def answer(x, **options):
        height, width = _places(x.shape[2:], **options)
        dense = options | {name: 1}
        columns = _to(x, **dense)
        entries = _entries(columns, options["kernel_size"], _places(x.shape[2:], **dense))
        return entries[..., :height, :width].reshape(*columns.shape[:2], -1)

    return answer


def _padding_at_the_end(x, padding, **options):
    beyond = np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))
    return _to(beyond, padding=0, **options)


def _assigned(columns, size, kernel_size, stride, padding, dilation):
    places = _places(size, kernel_size, stride, padding, dilation)
    entries = _entries(columns, kernel_size, places)
    padded = np.zeros((*entries.shape[:2], size[0] + 2 * padding, size[1] + 2 * padding))
    for u, v in np.ndindex(*kernel_size):
        rows = np.arange(places[0]) * stride + u * dilation
        across = np.arange(places[1]) * stride + v * dilation
        padded[:, :, rows[:, None], across] = entries[:, :, u, v]
    return padded[:, :, padding : padding + size[0], padding : padding + size[1]].copy()


def _mean(columns, size, **options):
    counts = _from(np.ones_like(columns), size, **options)
    return _from(columns, size, **options) / np.maximum(counts, 1)


def _cut_at_the_end(columns, size, padding, **options):
    whole = [n + 2 * padding for n in size]
    dx = _from(columns, whole, padding=0, **options)
    return dx[:, :, : size[0], : size[1]].copy()


# ----------------------------------------------------------------------- the adjoint test


def _pair_of_functions(title, change=None, scale=1.0, shape=(2, 1, 3, 4)):
    """`to_columns` and its right partner, or `change` of that: change(dx, x's shape)."""
    options = {"kernel_size": (3, 2), "stride": 1, "padding": 1, "dilation": 1}

    def arguments(rng):
        x = rng.standard_normal(shape)
        y = rng.standard_normal(_to(x, **options).shape)

        def backward(columns):
            dx = _from(np.asarray(columns), shape[2:], **options)
            return dx if change is None else change(dx, columns)

        # The sign of the difference is that of the left side: both occur.
        return {
            "forward": Call(lambda x: scale * _to(np.asarray(x), **options)),
            "backward": Call(lambda columns: scale * backward(columns)),
            "x": scale * x,
            "y": scale * y,
        }

    return Probe(title, arguments)


def _one_element(dx, columns):
    dx = dx.copy()
    dx[-1, -1, -1, -1] += 0.1 * np.abs(dx).max()
    return dx


def _is_right(forward, backward, x, y):
    """Not by a test of the two numbers: the transpose is known here, element by element."""
    found = backward.function(y)
    if found.shape != x.shape:
        return False
    # forward is linear, so Aᵀy has ⟨A e, y⟩ at the place of every unit vector e.
    expected = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1
        expected[place] = (forward.function(unit) * y).sum()
    return bool(np.allclose(found, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max()))


def _two_sums(forward, backward, x, y):
    """The two sums, or None where backward's result has another shape."""
    found = backward.function(y)
    left = float((forward.function(x) * y).sum())
    return left, float((x * found).sum()), found.shape == x.shape


def _test(accept):
    return lambda **a: bool(accept(*_two_sums(**a)))


def _close(left, right):
    return abs(left - right) <= 1e-9 * (abs(left) + abs(right))


_ORDERS = {
    "maps-last": ("the maps as the last of the three counts in a column, not the first",
                  (0, 2, 3, 1, 4, 5)),
    "kernel-by-columns": ("the kernel counted column by column", (0, 1, 3, 2, 4, 5)),
    "windows-by-columns": ("the windows counted column by column", (0, 1, 2, 3, 5, 4)),
}  # fmt: skip

EXERCISE = Exercise(
    number=4,
    name="ex04_im2col",
    title="im2col, col2im and the adjoint test",
    equations=("im2col", "conv-size"),
    tasks=(
        Task(
            function="to_columns",
            arguments=("x", "kernel_size", "stride", "padding", "dilation"),
            results=("columns",),
            expected=_to,
            probes=(
                _windows("C = 2, 3 × 2 kernel", (3, 2, 4, 6), (3, 2)),
                _windows("stride 2, padding 1", (2, 3, 5, 6), (3, 3), stride=2, padding=1),
                _windows("dilation 2, padding 1", (2, 2, 6, 5), (2, 3), padding=1, dilation=2),
            ),
            hidden=(
                _windows("stride 3 that does not divide", (2, 2, 7, 9), (2, 2), stride=3),
                _windows("1 × 1 kernel", (2, 3, 3, 4), (1, 1)),
            ),
            wrong=(
                *(Wrong(f"columns-{key}", text, _ordered(axes))
                  for key, (text, axes) in _ORDERS.items()),
                Wrong("columns-kernel-reversed", "each window turned by 180°",
                      lambda **a: _kernel_reversed(_to(**a), a["kernel_size"])),
                Wrong("columns-stride-ignored", "windows one pixel apart, whatever the stride is",
                      _ignoring("stride")),
                Wrong("columns-dilation-ignored", "pixels side by side, not dilated",
                      _ignoring("dilation")),
                Wrong("columns-padding-at-the-end", "all of the padding at the bottom and right",
                      _padding_at_the_end),
            ),
            linear_in="x",
        ),
        Task(
            function="from_columns",
            arguments=("columns", "size", "kernel_size", "stride", "padding", "dilation"),
            results=("x",),
            expected=_from,
            probes=(
                _columns("C = 2, 3 × 2 kernel", (3, 2, 4, 6), (3, 2)),
                _columns("stride 2, padding 1", (2, 3, 5, 6), (3, 3), stride=2, padding=1),
                _columns("dilation 2, padding 1", (2, 2, 6, 5), (2, 3), padding=1, dilation=2),
            ),
            hidden=(
                _columns("stride 3 that does not divide", (2, 2, 7, 9), (2, 2), stride=3),
                _columns("stride 2 that does not divide, padding 1", (2, 2, 6, 4), (3, 3),
                         stride=2, padding=1),
            ),
            wrong=(
                *(Wrong(f"col2im-{key}", text, _unordered(axes))
                  for key, (text, axes) in _ORDERS.items()),
                Wrong("col2im-assigned", "= for += where windows overlap", _assigned),
                Wrong("col2im-mean", "the mean of what comes to a pixel, not the sum", _mean),
                Wrong("col2im-cut-at-the-end", "the padding cut off at the end only",
                      _cut_at_the_end),
                Wrong("col2im-kernel-reversed", "each window turned by 180°",
                      lambda columns, kernel_size, **a: _from(
                          _kernel_reversed(columns, kernel_size), kernel_size=kernel_size, **a)),
            ),
            derivatives={"x": Derivative(_of_x, _x, delta="columns", linear=True)},
            linear_in="columns",
        ),
        Task(
            function="are_adjoint",
            arguments=("forward", "backward", "x", "y"),
            results=("answer",),
            expected=_is_right,
            probes=(
                _pair_of_functions("a right pair"),
                _pair_of_functions("a right pair of large numbers", scale=1e5),
                _pair_of_functions("a mean in the place of a sum", lambda dx, _: dx / 2),
                _pair_of_functions("twice too large", lambda dx, _: 2 * dx),
                _pair_of_functions("a wrong sign", lambda dx, _: -dx),
                _pair_of_functions("wrong, tiny numbers", lambda dx, _: 1.5 * dx, scale=1e-4),
                _pair_of_functions("one element is wrong", _one_element),
                _pair_of_functions("an axis too many", lambda dx, _: dx[None]),
            ),
            hidden=(
                _pair_of_functions("samples in the reverse order", lambda dx, _: dx[::-1]),
                _pair_of_functions("y ignored",
                                   lambda dx, columns: dx * 0 + np.asarray(columns).size),
                _pair_of_functions("a right pair of tiny numbers", scale=1e-5, shape=(1, 2, 4, 3)),
            ),
            wrong=(
                Wrong("adjoint-always", "True for every pair, wrong ones too", lambda **_: True),
                Wrong("adjoint-never", "False for every pair, right ones too", lambda **_: False),
                Wrong(
                    "adjoint-without-abs",
                    "the difference without its absolute value",
                    _test(lambda a, b, same: same and a - b <= 1e-9 * (abs(a) + abs(b))),
                ),
                Wrong(
                    "adjoint-absolute",
                    "an absolute tolerance, 1e-8 as in np.isclose: any tiny numbers are close",
                    _test(lambda a, b, same: same and np.isclose(a, b, rtol=1e-9)),
                ),
                Wrong(
                    "adjoint-shape",
                    "broadcasting in the place of a comparison of shapes",
                    _test(lambda a, b, _: _close(a, b)),
                ),
                Wrong(
                    "adjoint-size",
                    "the absolute values of the two sums compared, not the sums",
                    _test(lambda a, b, same: same and _close(abs(a), abs(b))),
                ),
            ),
        ),
    ),
)  # fmt: skip
