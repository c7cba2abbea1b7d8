"""Functions that move, pick and join values."""

import math

from drawn import Call


def sizes_for(d, count):
    """A shape for `count` elements, sometimes with a −1."""
    sizes, left = [], count
    for _ in range(d.integer(0, 2)):
        divisors = [k for k in range(1, max(left, 1) + 1) if left and left % k == 0] or [1]
        sizes.append(int(d.rng.choice(divisors)))
        left //= sizes[-1]
    sizes.append(left)
    d.rng.shuffle(sizes)
    if d.chance(0.3) and count:
        sizes[d.integer(0, len(sizes) - 1)] = -1
    return tuple(int(s) for s in sizes)


def reshape(d):
    shape = d.shape()
    return Call(d.t(shape, d.dtype()), sizes_for(d, math.prod(shape)))


def view(d):
    call = reshape(d)
    if d.chance(0.8):  # else what PyTorch cannot view is refused by both
        call.args[0].layout = 0
    return call


def flatten(d):
    shape = d.shape()
    a, b = sorted(d.integer(0, max(len(shape) - 1, 0)) for _ in "ab")
    if d.chance(0.5):
        a, b = (i - max(len(shape), 1) if d.chance(0.5) else i for i in (a, b))
    return Call(d.t(shape, d.dtype()), *d.among((a, b), (a,), ()))


def unflatten(d):
    shape = d.shape(least=1)
    dim = d.dim(len(shape))
    return Call(d.t(shape, d.dtype()), dim, sizes_for(d, shape[dim]))


def permute(d):
    shape = d.shape()
    n = len(shape)
    dims = [int(p) - (n if d.chance(0.3) else 0) for p in d.rng.permutation(n)]
    return Call(d.t(shape, d.dtype()), tuple(dims))


def transpose(d):
    shape = d.shape()
    return Call(d.t(shape, d.dtype()), d.dim(len(shape)), d.dim(len(shape)))


def squeeze(d):
    shape = tuple(1 if d.chance(0.5) else s for s in d.shape())
    dims = d.dims(len(shape))
    return Call(d.t(shape, d.dtype()), *([] if dims is None else [dims]))


def unsqueeze(d):
    shape = d.shape()
    return Call(d.t(shape, d.dtype()), d.dim(len(shape) + 1))


def expand(d):
    shape = tuple(1 if d.chance(0.5) else s for s in d.shape())
    sizes = [d.among(s, -1) if s != 1 else d.among(-1, 0, 1, 2, 3, 4) for s in shape]
    return Call(d.t(shape, d.dtype()), [d.integer(1, 3) for _ in range(d.integer(0, 2))] + sizes)


def flip(d):
    shape = d.shape()
    dims = d.dims(len(shape))
    dims = () if dims is None or not shape else dims
    return Call(d.t(shape, d.dtype()), (dims,) if isinstance(dims, int) else dims)


def repeat(d):
    shape = d.shape()
    times = [d.integer(0 if d.chance(0.1) else 1, 3) for _ in range(len(shape) + d.integer(0, 1))]
    return Call(d.t(shape, d.dtype()), times)


def roll(d):
    shape = d.shape(largest=6)
    x, dims = d.t(shape, d.dtype()), d.dims(len(shape))
    if dims is None or not shape:
        return Call(x, d.integer(-7, 7))
    if isinstance(dims, int):
        return Call(x, d.integer(-7, 7), dims)
    return Call(x, tuple(d.integer(-7, 7) for _ in dims), dims)


def split(d):
    shape = d.shape(largest=6, least=1)
    x, dim = d.t(shape, d.dtype()), d.dim(len(shape))
    if d.chance(0.5):
        return Call(x, d.integer(1, 4), dim)
    first = d.integer(0, shape[dim])
    return Call(x, [first, shape[dim] - first], dim)


def chunk(d):
    shape = d.shape(largest=6, least=1)
    return Call(d.t(shape, d.dtype()), d.integer(1, 5), d.dim(len(shape)))


def cat(d):
    shape = d.shape(least=1)
    dim, tensors = d.dim(len(shape)), []
    for _ in range(d.integer(1, 4)):
        other = list(shape)
        other[dim] = d.integer(0, 3)
        dtype = "float64" if d.chance(0.8) else d.dtype()
        nothing = tensors and d.chance(0.05)  # a list begun with nothing
        tensors.append(d.t((0,) if nothing else tuple(other), dtype))
    return Call(d.among(list, tuple)(tensors), dim)


def stack(d):
    shape = d.shape()
    tensors = [
        d.t(shape, "float64" if d.chance(0.8) else d.dtype()) for _ in range(1 + d.integer(0, 3))
    ]
    return Call(d.among(list, tuple)(tensors), d.dim(len(shape) + 1))


def gather(d):
    shape = d.shape(smallest=1)
    dim = d.dim(len(shape))
    index = [d.integer(s - (s > 1), s) for s in shape]
    if shape:
        index[dim] = d.integer(0, 5)
    top = shape[dim] - 1 if shape else 0
    return Call(d.t(shape, d.dtype()), dim, d.t(tuple(index), "int64", 0, top))


def index_select(d):
    shape = d.shape(smallest=1)
    dim = d.dim(len(shape))
    top, count = (shape[dim] - 1 if shape else 0), ((d.integer(0, 5),) if shape else ())
    return Call(d.t(shape, d.dtype()), dim, d.t(count, d.among("int64", "int32"), 0, top))


CASES = {
    "reshape": reshape,
    "flatten": flatten,
    "unflatten": unflatten,
    "permute": permute,
    "transpose": transpose,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "flip": flip,
    "roll": roll,
    "split": split,
    "chunk": chunk,
    "cat": cat,
    "stack": stack,
    "gather": gather,
    "index_select": index_select,
    "Tensor.view": view,
    "Tensor.expand": expand,
    "Tensor.repeat": repeat,
}
