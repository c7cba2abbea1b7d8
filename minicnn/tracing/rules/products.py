"""Products of matrices and vectors: every entry is a row times a column."""

import numpy as np

from minicnn.tracing.rules.convolution import with_bias
from minicnn.tracing.rules.place import broadcast_places, shown_at
from minicnn.tracing.terms import Term


def linear_forward(place, index):
    """Σ_i W[k, i] · x[…, i] + b[k]."""
    *row, k = index
    x, w = place.input(0), place.input(1)
    terms = [Term((w.at("W", (k, i)), x.at("x", (*row, i)))) for i in range(w.shape[1])]
    return list(with_bias(place, terms, k))


def linear_backward(place, i, index):
    """∂L/∂x: a row of δ times a column of W; ∂L/∂W and ∂L/∂b: sums over the rows of δ."""
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


def matmul_forward(place, index):
    """Σ_k A[…, r, k] · B[…, k, c]; of a smaller batch of matrices the one that is broadcast."""
    *batch, r, c = index
    a, b = place.input(0), place.input(1)
    of_a, of_b = (shown_at(v.shape[:-2], batch) for v in place.step.inputs)
    return [Term((a.at("A", (*of_a, r, k)), b.at("B", (*of_b, k, c)))) for k in range(a.shape[-1])]


def matmul_backward(place, i, index):
    """δ Bᵀ or Aᵀ δ; summed over the matrices of the batch that the entry was broadcast to."""
    delta, (a_value, b_value) = place.delta(), place.step.inputs
    shape = delta.value.shape
    samples = delta.samples() if delta.value.batched else None
    terms = []
    if i == 0:
        # δ has the rows of A, and so of a batch that lies along them, too.
        b, k = place.input(1), index[-1]
        for out in broadcast_places(shape[:-1], a_value.shape[:-1], index[:-1], samples):
            at = shown_at(b_value.shape[:-2], out[:-1])
            for c in range(shape[-1]):
                terms.append(Term((delta.at("δ", (*out, c)), b.at("B", (*at, k, c)))))
        return terms
    a, (k, c) = place.input(0), index[-2:]
    along_rows = samples is not None and len(shape) == 2
    rows = samples if along_rows else range(shape[-2])
    matrices = None if along_rows else samples
    for out in broadcast_places(shape[:-2], b_value.shape[:-2], index[:-2], matrices):
        at = shown_at(a_value.shape[:-2], out)
        for r in rows:
            terms.append(Term((a.at("A", (*at, r, k)), delta.at("δ", (*out, r, c)))))
    return terms


def dot_forward(place, _):
    """Σ_k A[k] · B[k]."""
    a, b = place.input(0), place.input(1)
    return [Term((a.at("A", (k,)), b.at("B", (k,)))) for k in range(a.shape[0])]


def dot_backward(place, i, index):
    """δ times the other vector's entry."""
    other = place.input(1 - i)
    return [Term((place.delta().at("δ", ()), other.at("BA"[i], index)))]
