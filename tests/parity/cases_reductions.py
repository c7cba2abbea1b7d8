"""Reductions, statistics, orders, products."""

import numpy as np
from drawn import Call, D, Entry, entries


def some_dtype(d):
    return {"dtype": D(d.among("float64", "float32"))} if d.chance(0.15) else {}


def total(d):
    shape = d.shape()
    x, options = d.t(shape, d.dtype(), special=0.1), some_dtype(d)
    dims = d.dims(len(shape)) if d.chance(0.95) else ()
    if dims is None:
        return Call(x, **options)
    return Call(x, dims, **d.some(keepdim=(True, False)), **options)


def product(d):
    # Small integers among the floats: products with one zero, with several, with none.
    shape = d.shape()
    x, options = d.t(shape, d.dtype(), -2, 3, ties=d.chance(0.5)), some_dtype(d)
    if d.chance(0.3):
        return Call(x, **options)
    return Call(x, d.dim(len(shape)), **d.some(keepdim=(True, False)), **options)


def cumsum(d):
    shape = d.shape()
    return Call(d.t(shape, d.dtype()), d.dim(len(shape)), **some_dtype(d))


def variance(d):
    shape = d.shape(smallest=2 if d.chance(0.9) else None, least=d.among(0, 1))
    x = d.t(shape, d.dtype("f"), ties=d.chance(0.1))
    dims, kind = d.dims(len(shape)), d.integer(0, 4)
    if kind == 0:
        return Call(x, unbiased=d.chance(0.5))
    if kind == 1:
        return Call(x, 0 if dims is None else dims, d.chance(0.5), d.chance(0.5))
    options = {"keepdim": d.chance(0.5)}
    if kind > 2:
        options["correction"] = d.among(0, 1, 1, 2, 0.5, None)
    return Call(x, dims, **options)


def logsumexp(d):
    shape = d.shape()
    dims = d.dims(len(shape), none=False)
    return Call(d.t(shape, d.dtype(), -60, 60), dims, **d.some(keepdim=(True, False)))


def extreme(d):
    shape = d.shape(smallest=1)
    x, dims = d.t(shape, d.dtype(), ties=d.chance(0.5), special=0.1), d.dims(len(shape))
    return Call(x, () if dims is None else dims, **d.some(keepdim=(True, False)))


def max_or_min(d):
    shape = d.shape(smallest=1)
    x, kind = d.t(shape, d.dtype(), ties=d.chance(0.5), special=0.1), d.integer(0, 3)
    if kind == 0:
        return Call(x)
    if kind == 1:
        return Call(x, d.t(d.broadcast_to(shape), d.dtype(), ties=True))
    return Call(x, d.dim(len(shape)), **d.some(keepdim=(True, False)))


def place(d):
    shape = d.shape(smallest=1)
    x = d.t(shape, "int64" if d.chance(0.1) else d.dtype("f"), 0, 2, d.chance(0.6), 0.1)
    if d.chance(0.2):
        return Call(x)
    return Call(x, d.dim(len(shape)), **d.some(keepdim=(True, False)))


def truth(d):
    shape = d.shape()
    x, dims = d.t(shape, d.dtype(), 0, 2, ties=d.chance(0.6)), d.dims(len(shape))
    if dims is None:
        return Call(x)
    return Call(x, dims, **d.some(keepdim=(True, False)))


def order(d):
    shape, ties = d.shape(), d.chance(0.5)
    # Distinct values, since PyTorch promises no order among equals; or a stable order.
    x = d.t(shape, d.dtype() if ties else "float64", -3 if ties else -1e3, 3 if ties else 1e3, ties)
    if ties or d.chance(0.5):
        return Call(x, dim=d.dim(len(shape)), descending=d.chance(0.5), stable=True)
    return Call(x, d.dim(len(shape)), d.chance(0.5))


def largest(d):
    shape = d.shape(smallest=1)
    dim = d.dim(len(shape))
    k = d.integer(0, shape[dim] if shape else 1)
    x = d.t(shape, "float64" if d.chance(0.9) else "float32", -1e3, 1e3)
    # Unsorted, only the set of values is promised.
    return Call(x, k, dim, d.chance(0.5), **({"sorted": True} if d.chance(0.3) else {}))


def matmul(d):
    n, k, m, b = (d.integer(0 if d.chance(0.03) else 1, 4) for _ in range(4))
    left = d.among((n, k), (b, n, k), (k,), (1, b, n, k))
    right = d.among((k, m), (b, k, m), (k,), (k, m))
    dtype = d.among(*["float64"] * 7, "float32", "int64")
    return Call(d.t(left, dtype), d.t(right, dtype))


def random_equation(d):
    """(equation, shapes): one to three operands over up to five letters, with all the syntax."""
    letters = list("ijkAb")[: d.integer(1, 5)]
    sizes = {c: d.integer(0 if d.chance(0.03) else 1, 3) for c in letters}
    dots = [d.integer(1, 3) for _ in range(d.integer(0, 2))]
    terms, shapes, dotted = [], [], False
    for _ in range(d.integer(1, 3)):
        term = [d.among(*letters) for _ in range(d.integer(0, 3))]
        shape = [sizes[c] for c in term]
        if len(set(term)) == len(term):  # a size of 1 broadcasts, but not within a diagonal
            shape = [1 if d.chance(0.1) else s for s in shape]
        if d.chance(0.35):
            at, own = d.integer(0, len(term)), dots[d.integer(0, len(dots)) :]
            term.insert(at, "...")
            shape[at:at] = [1 if d.chance(0.2) else s for s in own]
            dotted = True
        terms.append("".join(term))
        shapes.append(tuple(shape))
    equation = ",".join(terms)
    if d.chance(0.7):
        chosen = [c for c in letters if c in equation and d.chance(0.6)]
        d.rng.shuffle(chosen)
        if dotted and d.chance(0.8):
            chosen.insert(d.integer(0, len(chosen)), "...")
        equation += d.among("->", " -> ") + "".join(chosen)
    return equation, shapes


def einsum(d):
    if d.chance(0.15):  # numbers instead of letters
        n, k, m = (d.integer(1, 3) for _ in range(3))
        i, j, k_ = (d.integer(0, 51) for _ in range(3))
        x, y = d.t((n, k)), d.t((k, m))
        out = d.among([i, k_], [k_, i], [i], [])
        return Call(x, [i, j], y, [j, k_], *([out] if d.chance(0.7) else []))
    equation, shapes = random_equation(d)
    dtype = d.among(*["float64"] * 8, "float32", "int64")
    tensors = [d.t(s, dtype) for s in shapes]
    return Call(equation, tensors) if d.chance(0.2) else Call(equation, *tensors)


def mean(d):
    call = total(d)
    if call.args[0].values.dtype.kind != "f":
        call.named["dtype"] = D(d.among("float64", "float32"))
    return call


def with_nan(d, shape=(4, 5)):
    x = d.t(shape)
    x.values = np.where(d.rng.random(shape) < 0.4, np.nan, x.values)
    return x


def order_with_nan(d):
    return Call(with_nan(d), dim=d.dim(2), descending=d.chance(0.5), stable=True)


def largest_with_nan(d):
    # Which of several NaN it takes is open, and so is where δ goes.
    return Call(with_nan(d), 3, d.dim(2), d.chance(0.5))


def values_alone(module, function, built, call):
    return function(*built.args, **built.named)[0].detach()


CASES = {
    "sort (NaN)": order_with_nan,
    "topk (NaN)": Entry(largest_with_nan, call=values_alone, gradient=False),
    "max (NaN)": lambda d: Call(with_nan(d), d.dim(2)),
    "min (NaN)": lambda d: Call(with_nan(d), d.dim(2)),
    "sum": total,
    "mean": mean,
    "prod": product,
    "cumsum": cumsum,
    "var": variance,
    "std": variance,
    "logsumexp": logsumexp,
    "amax": extreme,
    "amin": extreme,
    "max": max_or_min,
    "min": max_or_min,
    "sort": order,
    "topk": largest,
    "matmul": matmul,
    "einsum": einsum,
    **entries({"argmax": place, "argmin": place}, gradient=False),
    **entries({"all": truth, "any": truth, "argsort": order}, gradient=False),
}
