"""Functions that move and pick values, and einsum, against PyTorch on random arguments."""

import math

import pytest

import minicnn as mc

pytestmark = pytest.mark.parity


def sizes_for(d, count):
    """A shape for `count` elements, sometimes with a −1, sometimes one that does not fit."""
    sizes, left = [], count
    for _ in range(d.integer(0, 2)):
        divisors = [k for k in range(1, max(left, 1) + 1) if left and left % k == 0] or [1]
        sizes.append(int(d.rng.choice(divisors)))
        left //= sizes[-1]
    sizes.append(left)
    d.rng.shuffle(sizes)
    if d.chance(0.3):
        sizes[d.integer(0, len(sizes) - 1)] = -1
    if d.chance(0.1):
        sizes[d.integer(0, len(sizes) - 1)] += d.among(1, -1)
    return tuple(int(s) for s in sizes)


@pytest.mark.parametrize("name", ["reshape", "view", "unflatten", "flatten"])
def test_other_shapes(compare, name):
    def draw(d):
        shape = d.shape()
        x = d.array(shape, d.dtype())
        if name == "flatten":
            start, end = d.dim(len(shape)), d.dim(len(shape))
            return (lambda m, x: m.flatten(x, start, end)), [x]
        if name == "unflatten":
            dim = d.dim(len(shape))
            size = shape[dim] if shape and -len(shape) <= dim < len(shape) else 1
            sizes = sizes_for(d, size) if d.chance(0.95) else ()
            return (lambda m, x: m.unflatten(x, dim, sizes)), [x]
        sizes = sizes_for(d, math.prod(shape))
        if d.chance(0.5):
            return (lambda m, x: getattr(x, name)(sizes)), [x]
        return (lambda m, x: getattr(x, name)(*sizes)), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["permute", "transpose", "squeeze", "unsqueeze", "expand", "flip"])
def test_dimensions(compare, name):
    def draw(d):
        shape = d.shape()
        if name in ("squeeze", "expand"):
            shape = tuple(1 if d.chance(0.5) else s for s in shape)
        n = len(shape)
        x = d.array(shape, d.dtype())
        if name == "permute":
            dims = [int(p) - (n if d.chance(0.3) else 0) for p in d.rng.permutation(n)]
            dims = dims if d.chance(0.9) else [d.dim(n) for _ in dims]
            return (lambda m, x: m.permute(x, tuple(dims))), [x]
        if name == "transpose":
            a, b = d.dim(n), d.dim(n)
            return (lambda m, x: m.transpose(x, a, b)), [x]
        if name == "unsqueeze":
            dim = d.dim(n + 1)
            return (lambda m, x: m.unsqueeze(x, dim)), [x]
        if name == "expand":
            sizes = [d.among(s, -1) if s != 1 else d.integer(-1, 4) for s in shape]
            sizes = [d.integer(1, 3) for _ in range(d.integer(0, 2))] + sizes
            if d.chance(0.1) and sizes:
                sizes[0] = d.among(-1, 5)
            return (lambda m, x: x.expand(sizes)), [x]
        dims = d.dims(n)
        if dims is None:
            return (lambda m, x: m.squeeze(x) if name == "squeeze" else m.flip(x, ())), [x]
        if name == "flip" and isinstance(dims, int):
            dims = (dims,)
        return (lambda m, x: getattr(m, name)(x, dims)), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["repeat", "roll", "split", "chunk"])
def test_parts(compare, name):
    def draw(d):
        shape = d.shape(largest=6)
        n = len(shape)
        x, dim = d.array(shape, d.dtype()), d.dim(n)
        if name == "repeat":
            times = [d.integer(0 if d.chance(0.1) else 1, 3) for _ in range(n + d.integer(0, 1))]
            times = times[1:] if d.chance(0.05) else times
            return (lambda m, x: x.repeat(times)), [x]
        if name == "roll":
            dims = d.dims(n)
            if dims is None:
                shifts = d.integer(-7, 7)
                return (lambda m, x: m.roll(x, shifts)), [x]
            count = (1 if isinstance(dims, int) else len(dims)) + (d.chance(0.05))
            shifts = tuple(d.integer(-7, 7) for _ in range(count))
            return (lambda m, x: m.roll(x, shifts, dims)), [x]
        if name == "chunk":
            chunks = d.integer(0 if d.chance(0.2) else 1, 5)
            return (lambda m, x: m.chunk(x, chunks, dim)), [x]
        size = shape[dim] if shape and -n <= dim < n else 3
        if d.chance(0.5):
            each = d.integer(-1 if d.chance(0.1) else 1, 4)
            return (lambda m, x: x.split(each, dim)), [x]
        first = d.integer(0, size)
        sections = [first, size - first + (1 if d.chance(0.1) else 0)]
        return (lambda m, x: m.split(x, sections, dim)), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["cat", "stack"])
def test_joining(compare, name):
    def draw(d):
        shape = d.shape()
        n = len(shape) + (name == "stack")
        dim, arrays = d.dim(n), []
        for _ in range(d.integer(1, 4)):
            other = list(shape)
            if name == "cat" and -len(other) <= dim < len(other):
                other[dim] = d.integer(0, 3)
            if other and d.chance(0.03):
                other[0] += 1
            other = (0,) if name == "cat" and d.chance(0.05) else tuple(other)
            arrays.append(d.array(other, "float64" if d.chance(0.8) else d.dtype()))
        return (lambda m, *tensors: getattr(m, name)(tensors, dim)), arrays

    compare(name, draw)


@pytest.mark.parametrize("name", ["gather", "index_select"])
def test_picking(compare, name):
    def draw(d):
        shape = d.shape()
        n, dim = len(shape), d.dim(len(shape))
        x = d.array(shape, d.dtype())
        known = bool(n) and -n <= dim < n
        top = shape[dim] - 1 if known else 0
        low, high = (-1 if d.chance(0.05) else 0), max(top, 0) + (1 if d.chance(0.05) else 0)
        kind = d.among("int64", "int64", "int32", "int64") if d.chance(0.95) else "uint8"
        if name == "gather":
            index = [s + d.integer(-1, 0) if s > 1 else s for s in shape]
            if known:
                index[dim] = d.integer(0, 5)
            if d.chance(0.05):
                index = [*index, 1]
            places = d.array(tuple(index), kind, low, high)
        else:
            places = d.array(d.among((3,), (1,), (5,), (0,), ()), kind, low, high)
            if d.chance(0.05):
                places = d.array((2, 2), kind, low, high)
        return (lambda m, x, places: getattr(m, name)(x, dim, places)), [x, places]

    compare(name, draw)


def random_equation(d):
    """(equation, shapes): one to three operands over up to five letters, with all the syntax."""
    letters = list("ijkAb")[: d.integer(1, 5)]
    sizes = {c: d.integer(0 if d.chance(0.03) else 1, 3) for c in letters}
    dots = [d.integer(1, 3) for _ in range(d.integer(0, 2))]
    terms, shapes, ellipsis_used = [], [], False
    for _ in range(d.integer(1, 3)):
        term = [d.among(*letters) for _ in range(d.integer(0, 3))]
        shape = [sizes[c] for c in term]
        if len(set(term)) == len(term):  # a size of 1 broadcasts, but not within a diagonal
            shape = [1 if d.chance(0.1) else s for s in shape]
        if d.chance(0.35):
            at, own = d.integer(0, len(term)), dots[d.integer(0, len(dots)) :]
            term.insert(at, "...")
            shape[at:at] = [1 if d.chance(0.2) else s for s in own]
            ellipsis_used = True
        if d.chance(0.03) and shape:
            shape[0] += 1
        terms.append("".join(term))
        shapes.append(tuple(shape))
    equation = ",".join(terms)
    used = [c for c in letters if c in equation]
    if d.chance(0.7):
        chosen = [c for c in used if d.chance(0.6)]
        d.rng.shuffle(chosen)
        if ellipsis_used and d.chance(0.8):
            chosen.insert(d.integer(0, len(chosen)), "...")
        if d.chance(0.03):
            chosen.append(d.among("z", "1", ".", "i"))
        equation += d.among("->", " -> ") + "".join(chosen)
    return equation, shapes


def test_einsum(compare):
    def draw(d):
        equation, shapes = random_equation(d)
        dtype = d.among("float64", "float64", "float64", "float32", "int64")
        arrays = [d.array(s, dtype) for s in shapes]
        if d.chance(0.2):
            return (lambda m, *tensors: m.einsum(equation, list(tensors))), arrays
        return (lambda m, *tensors: m.einsum(equation, *tensors)), arrays

    for part in range(2):
        compare(f"einsum {part}", draw)


def test_einsum_with_numbers_for_letters(compare):
    def draw(d):
        n, k, m_ = (d.integer(1, 3) for _ in range(3))
        arrays = [d.array((n, k)), d.array((k, m_))]
        numbers = [d.integer(0, 53) for _ in range(3)]
        i, j, k = numbers
        out = d.among([i, k], [k, i], [i], [], [..., k, i], [i, j])
        if d.chance(0.3):
            return (lambda m, x, y: m.einsum(x, [i, j], y, [j, k])), arrays
        return (lambda m, x, y: m.einsum(x, [i, j], y, [j, k], out)), arrays

    compare("einsum numbers", draw)


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        ("ij,jk", "describes 2 operands, but 1 were given"),
        ("i", "has 2 dimensions, its term 'i' names 1"),
        ("ijk", "has 2 dimensions, its term 'ijk' names 3"),
        ("ij->ik", "output letter 'k' of 'ij->ik' is in no operand"),
        ("ij->ii", "'i' stands twice in the output"),
        ("i.j", "cannot read '.' in 'i.j'"),
        ("i1", "cannot read '1'"),
        ("ii", "'i' is repeated in operand 0 of shape \\(2, 3\\), but stands for sizes 2 and 3"),
    ],
)
def test_einsum_says_what_is_wrong(equation, text):
    with pytest.raises(ValueError, match=text):
        mc.einsum(equation, mc.ones(2, 3))


def test_views_are_views_and_copies_are_copies():
    torch = pytest.importorskip("torch")
    results = []
    for m in (mc, torch):
        x = m.arange(6.0).reshape(2, 3)
        parts = (*x.split(1), *x.chunk(2, 1), x.unflatten(1, (3, 1)), m.einsum("ii->i", x[:, :2]))
        for i, view in enumerate(parts, start=1):
            view += 10**i
        for copy in (x.repeat(1, 1), x.roll(1), x.gather(0, m.zeros(2, 3, dtype=m.int64))):
            copy.zero_()
        results.append(x.tolist())
    assert results[0] == results[1]
