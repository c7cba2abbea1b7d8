"""Pooling: a maximum comes from one entry of its window, a mean from all of them."""

import numpy as np

from minicnn.tracing.terms import Factor, Term


def max_pool_forward(place, index):
    """The entry that has won the window."""
    n, c, i, j = index
    argmax, x = place.saved("argmax"), place.input(0)
    flat = int(argmax.array[n - argmax.offset, c, i, j])
    return [Term((x.at("X", (n, c, *divmod(flat, x.shape[3]))),))]


def max_pool_backward(place, _, index):
    """δ of every window that the entry has won; the argmax says which those are."""
    n, c, y, x = index
    delta, argmax = place.delta(), place.saved("argmax")
    flat = y * place.step.inputs[0].shape[3] + x
    winners = argmax.array[n - argmax.offset, c] == flat
    return [Term((delta.at("δ", (n, c, int(i), int(j))),)) for i, j in np.argwhere(winners)]


def mean_pool_forward(place, index):
    """Every entry of the window times its share: what δ = 1 at the place brings back to each."""
    n, c, i, j = index
    x, operation = place.input(0), place.operation()
    operation.run(np.zeros((1, 1, *x.shape[2:])))
    one = np.zeros((1, 1, *place.step.outputs[0].shape[2:]))
    one[0, 0, i, j] = 1
    shares = np.asarray(operation.backward(one))[0, 0]
    return [Term((x.at("X", (n, c, y, w)), _share(shares[y, w]))) for y, w in np.argwhere(shares)]


def mean_pool_backward(place, _, index):
    """δ of every window that the entry lies in, times its share: what a 1 there gives each."""
    n, c, y, x = index
    delta = place.delta()
    one = np.zeros((1, 1, *place.step.inputs[0].shape[2:]))
    one[0, 0, y, x] = 1
    shares = np.asarray(place.operation().run(one))[0, 0]
    return [
        Term((delta.at("δ", (n, c, i, j)), _share(shares[i, j]))) for i, j in np.argwhere(shares)
    ]


def _share(value):
    return Factor("1/k²", None, float(value))
