"""Normalisation: x̂ = (x − μ)/√(σ² + ε), y = γ ⊙ x̂ + β, over whatever shares a μ and a σ².

The M values that share them are a channel of the whole batch in `BatchNorm`, and lie one after the
other in the other norms: the last axes of a sample, a group of its channels, or one channel.
"""

import math

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.tracing.rules.place import MINUS
from minicnn.tracing.terms import Factor, Term


def norm_forward(place, index):
    """γ · (x − μ) / √(σ² + ε) + β as three terms."""
    gamma, beta = _parameters(place, index)
    deviation = _one_over_deviation(place, index)
    number, at = _sharing(place, index)
    mean = Factor("μ", at, float(place.saved("mean").array.ravel()[number]))
    return [
        Term((gamma, deviation, place.input(0).at("x", index))),
        Term((MINUS, gamma, deviation, mean)),
        Term((beta,)),
    ]


def batch_norm_backward(place, i, index):
    """The three parts of ``bn-backward``; ∂L/∂γ and ∂L/∂β as sums over the channel."""
    if i:
        return _parameter_gradient(place, i, index)
    c = index[1]
    gamma, _ = _parameters(place, index)
    deviation = _one_over_deviation(place, index)
    first = Term((gamma, deviation, place.delta().at("δ", index)))
    if place.option("running"):
        return [first]
    over_m = Factor("1/M", None, 1 / place.option("count"))
    sums = [
        Factor(name, (c,), float(value))
        for name, value in zip(("Σδ", "Σδx̂"), _channel_sums(place, c), strict=True)
    ]
    return [
        first,
        Term((MINUS, gamma, deviation, over_m, sums[0])),
        Term((MINUS, gamma, deviation, over_m, _x_hat(place, index), sums[1])),
    ]


def norm_backward(place, i, index):
    """The three parts of ``norm-backward``, g = γ ⊙ δ; ∂L/∂γ and ∂L/∂β as sums."""
    if i:
        return _parameter_gradient(place, i, index)
    gamma, _ = _parameters(place, index)
    deviation = _one_over_deviation(place, index)
    first = Term((gamma, deviation, place.delta().at("δ", index)))
    if place.option("running"):
        return [first]
    over_m = Factor("1/M", None, 1 / place.option("count"))
    number, at = _sharing(place, index)
    numbers, sums_g, sums_gx = place.once("sums", _sums_of_g)
    sum_g, sum_gx = (float(s[number - numbers]) for s in (sums_g, sums_gx))
    return [
        first,
        Term((MINUS, deviation, over_m, Factor("Σg", at, sum_g))),
        Term((MINUS, deviation, over_m, _x_hat(place, index), Factor("Σgx̂", at, sum_gx))),
    ]


def _parameters(place, index):
    """γ and β at a place of x: one for each channel, in LayerNorm for each place of a sample."""
    at = index[1:2]
    if place.step.operation == "LayerNorm":
        at = index[len(index) - len(place.step.inputs[1].shape) :]
    return place.input(1).at("γ", at), place.input(2).at("β", at)


def _sharing(place, index):
    """Which μ and σ² a place of x has: their number in row-major order, and how to write it."""
    step = place.step
    if step.operation == "BatchNorm" or step.attributes["running"]:
        return index[1], index[1:2]
    shape, count = step.inputs[0].shape, step.attributes["count"]
    number = int(np.ravel_multi_index(index, shape)) // count
    if step.operation == "LayerNorm":
        return number, index[: len(index) - len(step.inputs[1].shape)]
    groups = step.attributes["view"][1]  # of one channel each, in InstanceNorm
    return number, (index[0], number % groups)


def _one_over_deviation(place, index):
    number, _ = _sharing(place, index)
    return Factor("1/√(σ² + ε)", None, float(place.saved("inverse_std").array.ravel()[number]))


def _flat_of_x(place, value):
    """The entries of an array that is stored in another shape than x, in order; where they begin.

    Of one sample, where one is kept of it.
    """
    view = place.saved(value)
    return view.array.ravel(), view.offset * math.prod(place.step.inputs[0].shape[1:])


def _x_hat(place, index):
    flat, start = _flat_of_x(place, "normalized")
    number = int(np.ravel_multi_index(index, place.step.inputs[0].shape))
    return Factor("x̂", index, float(flat[number - start]))


def _parameter_gradient(place, i, index):
    """∂L/∂γ = Σ δ ⊙ x̂ and ∂L/∂β = Σ δ, over the kept places that the parameter went to."""
    delta = place.delta()
    shape = delta.value.shape
    samples = delta.samples() if delta.value.batched else range(shape[0])
    if place.step.operation == "LayerNorm":
        lead = shape[: len(shape) - len(index)]
        places = [(*before, *index) for before in np.ndindex(*lead)]
        places = [at for at in places if at[0] in samples]
    else:
        places = [(n, index[0], *rest) for n in samples for rest in np.ndindex(*shape[2:])]
    terms = []
    for at in places:
        factors = [delta.at("δ", at)]
        if i == 1:
            factors.append(_x_hat(place, at))
        terms.append(Term(tuple(factors)))
    return terms


def _channel_sums(place, c):
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
    x_hat = place.saved("normalized").array.reshape(delta.shape)[:, c]
    return d.sum(), (d * x_hat).sum()


def _sums_of_g(place):
    """Σ g and Σ g ⊙ x̂ for all that share a μ, among what is kept; the number of the first."""
    delta, count = place.delta(), place.option("count")
    if delta.array.size % count or not delta.array.size:
        raise ArgumentError(
            f"terms: {place.step.operation}'s ∂L/∂x needs sums over several samples, of which one "
            "is kept. Record with sample=None"
        )
    gamma = place.input(1).array
    if place.step.operation != "LayerNorm":
        gamma = gamma.reshape(-1, *[1] * (delta.array.ndim - 2))
    g = (gamma * delta.array.astype(np.float64)).reshape(-1, count)
    flat, start = _flat_of_x(place, "normalized")
    first = delta.offset * math.prod(delta.shape[1:])  # of what is kept of δ
    x_hat = flat[first - start : first - start + g.size].reshape(-1, count)
    return first // count, g.sum(1), (g * x_hat).sum(1)


def response_norm_forward(place, index):
    """a · s^(−β), with s = k + α Σ a² over neighbouring channels."""
    power = float(place.saved("s").at("s", index).value ** -place.option("beta"))
    return [Term((place.input(0).at("a", index), Factor("s^(−β)", index, power)))]


def response_norm_backward(place, _, index):
    """``lrn-backward``: δ s^(−β), and −2αβ a times a sum over the windows that hold the channel."""
    a, delta, s = place.input(0), place.delta(), place.saved("s")
    alpha, beta = place.option("alpha"), place.option("beta")

    def power(at, exponent, name):
        return Factor(name, at, float(s.at("s", at).value ** exponent))

    terms = [Term((delta.at("δ", index), power(index, -beta, "s^(−β)")))]
    n, i, *rest = index
    # Channel j looks at j − before … j + after.
    first, last = i - place.option("after"), i + place.option("before")
    for j in range(max(first, 0), min(last, a.shape[1] - 1) + 1):
        at = (n, j, *rest)
        terms.append(Term((
            Factor("−2αβ", None, -2 * alpha * beta), a.at("a", index), delta.at("δ", at),
            a.at("a", at), power(at, -beta - 1, "s^(−β−1)"),
        )))  # fmt: skip
    return terms
