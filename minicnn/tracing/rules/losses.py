"""Sums, means, softmax and the losses made of it."""

import math

from minicnn.tracing.rules.place import MINUS
from minicnn.tracing.terms import Factor, Term


def reduction_backward(place, _, index):
    """δ of the sum that the entry went into; 1/n of it for a mean."""
    delta, step = place.delta(), place.step
    dims = step.attributes["dims"]
    kept = tuple(i for axis, i in enumerate(index) if axis not in dims)
    if step.attributes["keepdim"]:
        kept = tuple(0 if axis in dims else i for axis, i in enumerate(index))
    factors = [delta.at("δ", kept)]
    if step.operation == "Mean":
        count = math.prod(step.inputs[0].shape[d] for d in dims)
        factors.append(Factor("1/n", None, 1 / count))
    return [Term(tuple(factors))]


def softmax_backward(place, _, index):
    """y_k δ_k − Σ_j y_k δ_j y_j."""
    y, delta = place.output(), place.delta()
    own = y.at("y", index)
    terms = [Term((own, delta.at("δ", index)))]
    for at in _along(place, index):
        terms.append(Term((MINUS, own, delta.at("δ", at), y.at("y", at))))
    return terms


def log_softmax_backward(place, _, index):
    """δ_k − Σ_j exp(y_k) δ_j."""
    delta = place.delta()
    own = Factor("exp(y)", index, math.exp(place.output().at("y", index).value))
    terms = [Term((delta.at("δ", index),))]
    terms += [Term((MINUS, own, delta.at("δ", at))) for at in _along(place, index)]
    return terms


def _along(place, index):
    """The places that share a softmax with `index`."""
    if not index:
        return [()]
    axis = place.option("dim") % len(index)
    size = place.step.inputs[0].shape[axis]
    return [(*index[:axis], j, *index[axis + 1 :]) for j in range(size)]


def cross_entropy_backward(place, _, index):
    """``softmax-ce``: δ/N (softmax(z) − onehot(t)), weights of the classes in 1/N."""
    if place.step.attributes.get("smoothing"):
        return _smoothed_backward(place, index)
    shares, target = place.saved("shares"), place.saved("target")
    n, k, *rest = index
    share = shares.at("", (n, *rest)).value
    scale = (_upstream(place, n, rest), _over_n(place, share))
    terms = [Term((*scale, place.saved("probabilities").at("softmax(z)", index)))]
    if target.at("t", (n, *rest)).value == k and share:
        terms.append(Term((*scale, Factor("−onehot(t)", index, -1.0))))
    return terms


def _smoothed_backward(place, index):
    """``soft-ce`` with q_k = (1 − ε) onehot(t)_k + ε/K: δ/N (softmax(z) Σ w q − w ⊙ q)."""
    n, k, *rest = index
    epsilon, classes = place.option("smoothing"), place.step.inputs[0].shape[1]
    counted = place.saved("counted").at("", (n, *rest)).value
    scale = (_upstream(place, n, rest), _over_n(place, counted))
    target = int(place.saved("target").at("t", (n, *rest)).value)
    spread = Factor("ε/K", None, epsilon / classes)
    kept = Factor("(1 − ε)", None, 1 - epsilon)
    own_weight, sum_wq = (), ()  # without weights each is 1
    if "weight" in place.step.saved:
        w = place.saved("weight")
        own_weight = (w.at("w", (k,)),)
        total = kept.value * w.array[target] + spread.value * w.array.sum(dtype="float64")
        sum_wq = (Factor("Σwq", (n, *rest), float(total)),)
    terms = [Term((*scale, place.saved("probabilities").at("softmax(z)", index), *sum_wq))]
    if target == k and counted:
        terms.append(Term((*scale, Factor("−onehot(t)", index, -1.0), kept, *own_weight)))
    terms.append(Term((MINUS, *scale, spread, *own_weight)))
    return terms


def soft_cross_entropy_backward(place, i, index):
    """``soft-ce`` for class probabilities q, or with label smoothing (1 − ε) q + ε/K."""
    n, k, *rest = index
    epsilon, shape = place.option("smoothing"), place.step.inputs[0].shape
    over_n = 1.0
    if place.option("reduction") == "mean":
        over_n = shape[1] / math.prod(shape)
    scale = (_upstream(place, n, rest), Factor("1/N", None, over_n))
    weight, own_weight = None, ()
    if "weight" in place.step.saved:
        weight = place.saved("weight").array.ravel()
        own_weight = (Factor("w", (k,), float(weight[k])),)
    kept = (Factor("(1 − ε)", None, 1 - epsilon),) if epsilon else ()
    logarithm = place.saved("y").at("ln softmax(z)", index)
    if i == 1:
        return [Term((MINUS, *scale, *kept, *own_weight, logarithm))]
    q = place.input(1)
    total = 0.0
    for j in range(shape[1]):
        smoothed = (1 - epsilon) * q.at("q", (n, j, *rest)).value + epsilon / shape[1]
        total += smoothed * (1 if weight is None else float(weight[j]))
    softmax = Factor("softmax(z)", index, math.exp(logarithm.value))
    terms = [
        Term((*scale, softmax, Factor("Σwq", (n, *rest), total))),
        Term((MINUS, *scale, *kept, *own_weight, q.at("q", index))),
    ]
    if epsilon:
        terms.append(Term((MINUS, *scale, Factor("ε/K", None, epsilon / shape[1]), *own_weight)))
    return terms


def _upstream(place, n, rest):
    """δ of a sample's loss; the one δ, where the losses were added up or averaged."""
    delta = place.delta()
    return delta.at("δ", (n, *rest) if delta.value.shape else ())


def _over_n(place, share):
    """share/N, N the sum of all samples' shares, the whole batch's; without N if not a mean."""
    if place.option("reduction") == "mean":
        s = place.step.saved["shares"].statistics
        n = s.mean * math.prod(s.shape)
        share = share / n if n else math.nan  # no sample counts: 0/0, as in the run
    return Factor("1/N", None, float(share))
