"""Which terms an entry is the sum of: one rule for each kind of operation.

All indices are those of whole arrays: (n, c, y, x) for maps. Of a batch only the kept samples can
be looked at, so sums over the batch run over those.
"""

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.tracing.attributes import copy_of, put, restore
from minicnn.tracing.layers import ACTIVATIONS
from minicnn.tracing.terms import Factor, Term, View

# Operations that put entries elsewhere and change none.
MOVING = (
    "View", "Reshape", "Permute", "Expand", "Concatenate", "Flip", "Roll", "Slice", "Gather",
    "Diagonal", "Pad",
)  # fmt: skip

# Operations in which an entry of the output depends on one entry of each input.
ELEMENTWISE = (
    *ACTIVATIONS, "Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Exp", "Log", "Sqrt", "Sin",
    "Cos", "Clamp", "Cast", "Clone", "Where", "Maximum", "Minimum", "Dropout",
)  # fmt: skip


def forward_terms(step, index, sample, operation=None):
    """The terms of entry `index` of the first output."""
    rule = FORWARD.get(step.operation)
    if rule is None:
        raise ArgumentError(f"terms: the output of {step.operation} is not written out as a sum")
    return rule(_Place(step, sample, operation), index)


def backward_terms(step, i, index, sample, operation=None, place=None):
    """The terms of entry `index` of the gradient of input i.

    Who asks for many entries of one step may pass its `place_of`, which keeps what they share.
    """
    if not step.inputs:
        raise ArgumentError(f"terms: {step.note}")
    place = place or _Place(step, sample, operation)
    if step.operation in MOVING:
        return _moved(place, i, index)
    if step.operation in ELEMENTWISE:
        return _each(place, i, index)
    rule = BACKWARD.get(step.operation)
    if rule is None:
        raise ArgumentError(f"terms: the gradients of {step.operation} are not written out as sums")
    return rule(place, i, index)


def place_of(step, sample, operation=None):
    """What `backward_terms` computes for all entries of a step at once, kept."""
    return _Place(step, sample, operation)


def slopes_at(step, i, sample, operation=None):
    """∂output/∂input i at every kept place of an element-wise step's output, as an array."""
    return _slopes(_Place(step, sample, operation))[i]


def moved_numbers(step, sample, operation=None):
    """For each place of the output of a step that moves entries, which entry it shows.

    Returns:
        An array of the output's whole shape, and `starts`: input i's entries have the numbers from
        ``starts[i]`` on, in row-major order; 0 stands for what was filled in.
    """
    return _moved_numbers(_Place(step, sample, operation))


class _Place:
    """A step with its arrays at hand."""

    def __init__(self, step, sample, operation):
        self.step, self.sample = step, sample
        self._operation = operation
        self._kept = {}

    def once(self, name, compute):
        """``compute(self)``, computed at the first use."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        return self._kept[name]

    def input(self, i):
        return View(self.step.inputs[i], self.sample)

    def output(self):
        return View(self.step.outputs[0], self.sample)

    def delta(self):
        return View(self.step.deltas[0], self.sample)

    def saved(self, name):
        return View(self.step.saved[name], self.sample)

    def option(self, name):
        return self.step.attributes[name]

    def operation(self):
        """The operation once more, to be run on other arrays."""
        if self._operation is None:
            return restore(self.step)
        operation = copy_of(self._operation)
        put(operation, {n: v.array for n, v in self.step.saved.items()})
        return operation


# ------------------------------------------------------------------------ convolution


def windows(size, kernel, at, stride, padding, dilation):
    """Pairs (output place, kernel entry) along one axis that look at the input place `at`."""
    for u in range(kernel):
        start = at + padding - u * dilation
        if start % stride == 0 and 0 <= start // stride < size:
            yield start // stride, u


def _conv_at_input(place, source, weight, index, symbols, transposed=False):
    """Σ over the outputs that saw the input place `index`: source[…] · W[…]."""
    stride, padding, dilation = (place.option(o) for o in ("stride", "padding", "dilation"))
    groups = place.option("groups")
    n, d, y, x = index
    _, maps, *size = source.shape
    _, per_group, *kernel = weight.shape
    group, d_in_group = divmod(d, per_group)
    maps_per_group = maps // groups
    for p in range(group * maps_per_group, (group + 1) * maps_per_group):
        for i, u in windows(size[0], kernel[0], y, stride[0], padding[0], dilation[0]):
            for j, v in windows(size[1], kernel[1], x, stride[1], padding[1], dilation[1]):
                yield Term((
                    source.at(symbols[0], (n, p, i, j)),
                    weight.at(symbols[1], (p, d_in_group, u, v)),
                ))  # fmt: skip


def _conv_at_output(place, source, weight, index, symbols):
    """Σ over the window of the output place `index`: W[…] · source[…]."""
    stride, padding, dilation = (place.option(o) for o in ("stride", "padding", "dilation"))
    n, p, i, j = index
    height, width = source.shape[2:]
    f, per_group, *kernel = weight.shape
    first = p // (f // place.option("groups")) * per_group
    for d in range(per_group):
        for u in range(kernel[0]):
            for v in range(kernel[1]):
                y = i * stride[0] - padding[0] + u * dilation[0]
                x = j * stride[1] - padding[1] + v * dilation[1]
                if 0 <= y < height and 0 <= x < width:
                    yield Term((
                        weight.at(symbols[1], (p, d, u, v)),
                        source.at(symbols[0], (n, first + d, y, x)),
                    ))  # fmt: skip


def _conv_weight(place, narrow, wide, index, symbols):
    """Σ over the batch and the places of `narrow`: narrow[n, p, i, j] · wide[n, d, …]."""
    stride, padding, dilation = (place.option(o) for o in ("stride", "padding", "dilation"))
    p, d, u, v = index
    height, width = wide.shape[2:]
    per_group = wide.shape[1] // place.option("groups")
    first = p // (narrow.shape[1] // place.option("groups")) * per_group
    for n in narrow.samples():
        for i in range(narrow.shape[2]):
            y = i * stride[0] - padding[0] + u * dilation[0]
            for j in range(narrow.shape[3]):
                x = j * stride[1] - padding[1] + v * dilation[1]
                if 0 <= y < height and 0 <= x < width:
                    yield Term((
                        narrow.at(symbols[0], (n, p, i, j)),
                        wide.at(symbols[1], (n, first + d, y, x)),
                    ))  # fmt: skip


def _bias(place, _, index):
    delta = place.delta()
    for n in delta.samples():
        for rest in np.ndindex(*delta.shape[2:]):
            yield Term((delta.at("δ", (n, index[0], *rest)),))


def _with_bias(place, terms, p):
    yield from terms
    if len(place.step.inputs) > 2:
        yield Term((place.input(2).at("b", (p,)),))


def _conv_forward(place, index):
    terms = _conv_at_output(place, place.input(0), place.input(1), index, ("X", "W"))
    return list(_with_bias(place, terms, index[1]))


def _conv_backward(place, i, index):
    if i == 0:
        return list(_conv_at_input(place, place.delta(), place.input(1), index, ("δ", "W")))
    if i == 1:
        return list(_conv_weight(place, place.delta(), place.input(0), index, ("δ", "X")))
    return list(_bias(place, i, index))


def _transposed_forward(place, index):
    terms = _conv_at_input(place, place.input(0), place.input(1), index, ("X", "W"))
    return list(_with_bias(place, terms, index[1]))


def _transposed_backward(place, i, index):
    if i == 0:
        return list(_conv_at_output(place, place.delta(), place.input(1), index, ("δ", "W")))
    if i == 1:
        return list(_conv_weight(place, place.input(0), place.delta(), index, ("X", "δ")))
    return list(_bias(place, i, index))


# ------------------------------------------------------------------------ matrix products


def _linear_forward(place, index):
    *row, k = index
    x, w = place.input(0), place.input(1)
    terms = [Term((w.at("W", (k, i)), x.at("x", (*row, i)))) for i in range(w.shape[1])]
    return list(_with_bias(place, terms, k))


def _linear_backward(place, i, index):
    delta = place.delta()
    rows = [(n, *r) for n in delta.samples() for r in np.ndindex(*delta.shape[1:-1])]
    if delta.array.ndim == 1:
        rows = [()]
    if i == 0:
        w = place.input(1)
        *row, d = index
        return [Term((delta.at("δ", (*row, k)), w.at("W", (k, d)))) for k in range(w.shape[0])]
    if i == 1:
        x = place.input(0)
        k, d = index
        return [Term((delta.at("δ", (*r, k)), x.at("x", (*r, d)))) for r in rows]
    return [Term((delta.at("δ", (*r, index[0])),)) for r in rows]


# ------------------------------------------------------------------------ pooling


def _max_pool_backward(place, _, index):
    n, c, y, x = index
    delta, argmax = place.delta(), place.saved("argmax")
    flat = y * place.step.inputs[0].shape[3] + x
    winners = argmax.array[n - argmax.offset, c] == flat
    return [Term((delta.at("δ", (n, c, int(i), int(j))),)) for i, j in np.argwhere(winners)]


def _max_pool_forward(place, index):
    n, c, i, j = index
    argmax, x = place.saved("argmax"), place.input(0)
    flat = int(argmax.array[n - argmax.offset, c, i, j])
    return [Term((x.at("X", (n, c, *divmod(flat, x.shape[3]))),))]


def _share(name, value):
    return Factor(name, None, float(value))


def _mean_pool_backward(place, _, index):
    """A 1 at the place gives each output the share of it that it takes."""
    n, c, y, x = index
    delta = place.delta()
    one = np.zeros((1, 1, *place.step.inputs[0].shape[2:]))
    one[0, 0, y, x] = 1
    shares = np.asarray(place.operation().run(one))[0, 0]
    return [
        Term((delta.at("δ", (n, c, i, j)), _share("1/k²", shares[i, j])))
        for i, j in np.argwhere(shares)
    ]


def _mean_pool_forward(place, index):
    """δ = 1 at the place goes back to each input in its share."""
    n, c, i, j = index
    x, operation = place.input(0), place.operation()
    operation.run(np.zeros((1, 1, *x.shape[2:])))
    one = np.zeros((1, 1, *place.step.outputs[0].shape[2:]))
    one[0, 0, i, j] = 1
    shares = np.asarray(operation.backward(one))[0, 0]
    return [
        Term((x.at("X", (n, c, y, w)), _share("1/k²", shares[y, w])))
        for y, w in np.argwhere(shares)
    ]


# ------------------------------------------------------------------------ element by element


def _whole(shape, ndim):
    """`shape` with 1s in front, to `ndim` dimensions."""
    return (1,) * (ndim - len(shape)) + tuple(shape)


def _outputs_of(place, i, index):
    """The places of the output that an entry of input i is broadcast to; kept samples only."""
    output, value = place.step.outputs[0], place.step.inputs[i]
    ndim = len(output.shape)
    own = (0,) * (ndim - len(index)) + tuple(index)
    sizes = _whole(value.shape, ndim)
    axes = []
    for axis in range(ndim):
        if sizes[axis] == output.shape[axis]:
            kept = axis or not output.batched or own[0] in place.delta().samples()
            axes.append((own[axis],) if kept else ())
        elif axis == 0 and output.batched:
            axes.append(place.delta().samples())
        else:
            axes.append(range(output.shape[axis]))
    grids = np.meshgrid(*axes, indexing="ij")
    return zip(*[g.ravel().tolist() for g in grids], strict=True) if axes else [()]


def _slopes(place):
    """∂output/∂input at every kept place of the output, for each input."""
    delta = place.delta()
    shape, arrays = delta.shape, []
    for k, value in enumerate(place.step.inputs):
        array = place.input(k).array
        own_rows = array.ndim == len(shape) > 0 and len(array) > 1 and not value.batched
        if delta.value.batched and own_rows:  # one for each sample
            array = array[delta.offset : delta.offset + len(delta.array)]
        arrays.append(np.broadcast_to(array, shape).astype(array.dtype))
    operation = place.operation()
    operation.needs = (True,) * 8
    operation.run(*arrays)
    gradients = operation.gradients(np.ones(shape, delta.array.dtype))
    return [np.broadcast_to(g, shape) for g in gradients]


def _each(place, i, index):
    delta, slopes = place.delta(), place.once("slopes", _slopes)[i]
    plain = place.step.operation in ("Add", "Clone", "Cast")
    name = {
        "Mul": place.step.symbols[1 - i] if len(place.step.inputs) == 2 else "c",
        "Dropout": "m/(1 − p)",
    }.get(place.step.operation, "f'")
    terms = []
    for out in _outputs_of(place, i, index):
        factors = [delta.at("δ", out)]
        if not plain:
            at = (out[0] - delta.offset, *out[1:]) if out else ()
            factors.append(Factor(name, tuple(out), float(slopes[at])))
        terms.append(Term(tuple(factors)))
    return terms


# ------------------------------------------------------------------------ moving


def _moved_numbers(place):
    """For every place of the output the number of the entry it shows; where each input's begin."""
    shapes = [v.shape for v in place.step.inputs]
    sizes = [int(np.prod(s)) for s in shapes]
    starts = np.cumsum([1, *sizes])  # 0 stands for what was filled in
    numbers = [
        np.arange(start, start + size).reshape(shape)
        for start, size, shape in zip(starts, sizes, shapes, strict=False)
    ]
    operation = place.operation()
    if place.step.operation == "Pad":
        operation.value = 0
    return np.asarray(operation.run(*numbers)), starts


def _sorted_places(place):
    """The places of the output, flat, in the order of the entries that they show."""
    shown, starts = _moved_numbers(place)
    order = np.argsort(shown, axis=None, kind="stable")
    return shown.ravel()[order], order, starts


def _moved(place, i, index):
    """Every output place that shows the entry: found by moving the places' own numbers."""
    inside, delta = place.step.inputs[i].shape, place.delta()
    number = int(np.ravel_multi_index(index, inside)) if index else 0
    if place.step.operation in ("View", "Reshape"):
        flat = [number]
    else:
        shown, order, starts = place.once("places", _sorted_places)
        wanted = starts[i] + number
        flat = order[slice(*np.searchsorted(shown, [wanted, wanted + 1]))]
    shape = place.step.outputs[0].shape
    found = [tuple(int(k) for k in np.unravel_index(at, shape)) for at in flat]
    if delta.value.batched:
        found = [at for at in found if at[0] in delta.samples()]
    return [Term((delta.at("δ", at),)) for at in found]


# ------------------------------------------------------------------------ sums, norms, losses


def _reduction_backward(place, _, index):
    delta, step = place.delta(), place.step
    dims = step.attributes["dims"]
    kept = tuple(i for axis, i in enumerate(index) if axis not in dims)
    if step.attributes["keepdim"]:
        kept = tuple(0 if axis in dims else i for axis, i in enumerate(index))
    factors = [delta.at("δ", kept)]
    if step.operation == "Mean":
        count = int(np.prod([step.inputs[0].shape[d] for d in dims]))
        factors.append(Factor("1/n", None, 1 / count))
    return [Term(tuple(factors))]


def _batch_norm_backward(place, i, index):
    """The three parts of ``bn-backward``; ∂L/∂γ and ∂L/∂β as sums over the channel."""
    step, delta, normalized = place.step, place.delta(), place.saved("normalized")
    if i:
        terms = []
        for n in delta.samples():
            for rest in np.ndindex(*delta.shape[2:]):
                at = (n, index[0], *rest)
                factors = [delta.at("δ", at)]
                if i == 1:
                    factors.append(Factor("x̂", at, _normalized(normalized, delta, at)))
                terms.append(Term(tuple(factors)))
        return terms
    c = index[1]
    inverse = float(place.saved("inverse_std").array.ravel()[c])
    gamma = place.input(1).at("γ", (c,))
    deviation = Factor("1/√(σ² + ε)", None, inverse)
    first = Term((gamma, deviation, delta.at("δ", index)))
    if step.attributes["running"]:
        return [first]
    count = Factor("1/M", None, 1 / step.attributes["count"])
    minus = Factor("−1", None, -1.0)
    x_hat = Factor("x̂", index, _normalized(normalized, delta, index))
    sums = [
        Factor(f"Σ{name}", (c,), float(value))
        for name, value in zip(("δ", "δx̂"), _channel_sums(place, normalized, c), strict=True)
    ]
    return [
        first,
        Term((minus, gamma, deviation, count, sums[0])),
        Term((minus, gamma, deviation, count, x_hat, sums[1])),
    ]


def _channel_sums(place, normalized, c):
    """Σ δ and Σ δ ⊙ x̂ over a channel and the whole batch: ∂L/∂β and ∂L/∂γ."""
    found = {r.input: r.contribution.array for r in place.step.results if r.input}
    if 1 in found and 2 in found and found[1] is not None and found[2] is not None:
        return found[2][c], found[1][c]
    delta = place.delta()
    if delta.shape != delta.value.shape:
        raise ArgumentError(
            "terms: BatchNorm's ∂L/∂x needs sums over the whole batch, of which one sample is "
            "kept; γ and β want no gradient, which would hold them. Record with sample=None"
        )
    d = delta.array[:, c].astype(np.float64)
    return d.sum(), (d * normalized.array.reshape(delta.shape)[:, c]).sum()


def _normalized(normalized, delta, index):
    """x̂ at a place of x, of what may be stored as (N, C, H·W)."""
    flat = normalized.array.reshape(delta.shape)
    return float(flat[(index[0] - delta.offset, *index[1:])])


def _cross_entropy_backward(place, _, index):
    step = place.step
    if step.attributes.get("smoothing"):
        raise ArgumentError("terms: a cross-entropy with label smoothing is not written out")
    probabilities, delta = place.saved("probabilities"), place.delta()
    target, shares = place.saved("target"), place.saved("shares")
    n, k, *rest = index
    at = (n - target.offset, *rest)
    share = float(shares.array[at])
    if step.attributes["reduction"] == "mean":
        share /= float(_total_share(step))
    upstream = delta.at("δ", (n, *rest) if delta.value.shape else ())
    weight = Factor("1/N", None, share)
    terms = [Term((upstream, weight, probabilities.at("softmax(z)", index)))]
    if int(target.array[at]) == k and share:
        terms.append(Term((upstream, weight, Factor("−onehot(t)", index, -1.0))))
    return terms


def _total_share(step):
    """N, or the sum of the targets' weights: Σ over the whole batch."""
    s = step.saved["shares"].statistics
    return s.mean * int(np.prod(s.shape))


FORWARD = {
    "Conv2d": _conv_forward,
    "ConvTranspose2d": _transposed_forward,
    "Linear": _linear_forward,
    "MaxPool2d": _max_pool_forward,
    "AdaptiveMaxPool2d": _max_pool_forward,
    "AvgPool2d": _mean_pool_forward,
    "AdaptiveAvgPool2d": _mean_pool_forward,
}

BACKWARD = {
    "Conv2d": _conv_backward,
    "ConvTranspose2d": _transposed_backward,
    "Linear": _linear_backward,
    "MaxPool2d": _max_pool_backward,
    "AdaptiveMaxPool2d": _max_pool_backward,
    "AvgPool2d": _mean_pool_backward,
    "AdaptiveAvgPool2d": _mean_pool_backward,
    "Sum": _reduction_backward,
    "Mean": _reduction_backward,
    "BatchNorm": _batch_norm_backward,
    "CrossEntropy": _cross_entropy_backward,
}
