"""Reductions, statistics and orders, against PyTorch on random arguments."""

import pytest

import minicnn as mc

pytestmark = pytest.mark.parity


def by_name(name, *args, **options):
    """A call of the function, with dtypes translated into the module's own."""

    def call(m, x):
        own = {k: getattr(m, v) if k == "dtype" else v for k, v in options.items()}
        return getattr(m, name)(x, *args, **own)

    return call


def some_dtype(d):
    return {"dtype": d.among("float64", "float32", "int64", "int32")} if d.chance(0.2) else {}


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sum_and_mean(compare, name):
    def draw(d):
        shape = d.shape()
        x = d.array(shape, d.dtype(), ties=d.chance(0.2))
        dims = d.dims(len(shape)) if d.chance(0.95) else ()
        options = some_dtype(d)
        if dims is None:
            return by_name(name, **options), [x]
        return by_name(name, dims, keepdim=d.chance(0.5), **options), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["prod", "cumsum"])
def test_prod_and_cumsum(compare, name):
    def draw(d):
        shape = d.shape()
        # Small integers among the floats: products with one zero, with several, with none.
        x = d.array(shape, d.dtype(), -2, 3, ties=d.chance(0.5))
        options = some_dtype(d)
        if name == "cumsum":
            return by_name(name, d.dim(len(shape)), **options), [x]
        if d.chance(0.3):
            return by_name(name, **options), [x]
        return by_name(name, d.dim(len(shape)), keepdim=d.chance(0.5), **options), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["var", "std"])
def test_var_and_std(compare, name):
    def draw(d):
        shape = d.shape(smallest=2 if d.chance(0.7) else None)
        x = d.array(shape, d.dtype("fi" if d.chance(0.1) else "f"), ties=d.chance(0.1))
        dims, kind = d.dims(len(shape)), d.integer(0, 4)
        if kind == 0:
            return by_name(name, unbiased=d.chance(0.5)), [x]
        if kind == 1:
            dims = dims if dims is not None else 0
            return by_name(name, dims, d.chance(0.5), d.chance(0.5)), [x]
        options = {"keepdim": d.chance(0.5)}
        if kind > 2:
            options["correction"] = d.among(0, 1, 1, 2, 0.5, None)
        return by_name(name, dims, **options), [x]

    compare(name, draw)


def test_logsumexp(compare):
    def draw(d):
        shape = d.shape()
        return by_name("logsumexp", d.dims(len(shape)), keepdim=d.chance(0.5)), [
            d.array(shape, d.dtype(), -60, 60)
        ]

    compare("logsumexp", draw)


@pytest.mark.parametrize("name", ["amax", "amin"])
def test_amax_and_amin(compare, name):
    def draw(d):
        shape = d.shape()
        x = d.array(shape, d.dtype(), ties=d.chance(0.5))
        dims = d.dims(len(shape))
        return by_name(name, () if dims is None else dims, keepdim=d.chance(0.5)), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["max", "min"])
def test_max_and_min(compare, name):
    def draw(d):
        shape = d.shape()
        x = d.array(shape, d.dtype(), ties=d.chance(0.5))
        kind = d.integer(0, 3)
        if kind == 0:
            return by_name(name), [x]
        if kind == 1:
            y = d.array(d.broadcast_to(shape), d.dtype(), ties=True)
            return (lambda m, x, y: getattr(x, name)(y)), [x, y]
        dim, keepdim = d.dim(len(shape)), d.chance(0.5)

        def call(m, x):
            found = getattr(m, name)(x, dim, keepdim)
            return found.values, found.indices

        return call, [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["argmax", "argmin", "all", "any"])
def test_places_and_truth(compare, name):
    def draw(d):
        shape = d.shape()
        x = d.array(shape, d.dtype(), 0, 2, ties=d.chance(0.6))
        dims = d.dims(len(shape)) if "a" + name[1:] in ("all", "any") else d.dim(len(shape))
        if dims is None or d.chance(0.2):
            return by_name(name), [x]
        return by_name(name, dims, keepdim=d.chance(0.5)), [x]

    compare(name, draw)


@pytest.mark.parametrize("name", ["sort", "argsort", "topk"])
def test_orders(compare, name):
    def draw(d):
        shape = d.shape()
        ties = name != "topk" and d.chance(0.5)
        dtype = d.dtype("f" if name == "topk" and d.chance(0.9) else "fi")
        x = d.array(shape, dtype, -3 if ties else -1000, 3 if ties else 1000, ties)
        dim = d.dim(len(shape))
        if name == "topk":
            k, largest = d.integer(-1 if d.chance(0.1) else 0, 5), d.chance(0.5)
            if dtype[0] != "f":  # with equal elements PyTorch's choice of places is open
                return (lambda m, x: m.topk(x, k, dim, largest)[0]), [x]
            return (lambda m, x: tuple(m.topk(x, k, dim, largest))), [x]
        descending = d.chance(0.5)

        def call(m, x):
            found = getattr(m, name)(x, dim=dim, descending=descending, stable=True)
            return tuple(found) if name == "sort" else found

        return call, [x]

    compare(name, draw)


def test_orders_with_nan(compare):
    def draw(d):
        values, _ = d.array((4, 5), layout=False)
        values[d.rng.random((4, 5)) < 0.4] = float("nan")
        kind, descending = d.integer(0, 2), d.chance(0.5)
        if kind == 0:
            # Which of several NaN it takes is open, and so is where δ goes.
            return (lambda m, x: m.topk(x.detach(), 3, 0, descending)[0]), [(values, 0)]
        if kind == 1:
            return (lambda m, x: tuple(m.sort(x, dim=1, descending=descending, stable=True))), [
                (values, 0)
            ]
        name = d.among("max", "min", "amax", "amin")
        if name[0] == "m" and descending:
            return (lambda m, x: tuple(getattr(m, name)(x, 1))), [(values, 0)]
        return (lambda m, x: getattr(m, name)(x)), [(values, 0)]

    compare("nan", draw)


def test_matmul(compare):
    def draw(d):
        n, k, m_, b = (d.integer(0 if d.chance(0.05) else 1, 4) for _ in range(4))
        wrong = 2 if d.chance(0.05) else 0
        left = d.among((n, k), (b, n, k), (k,), (1, b, n, k), () if d.chance(0.2) else (k,))
        right = d.among((k + wrong, m_), (b, k, m_), (k,), (k, m_))
        dtype = d.among(
            "float64", "float64", "float64", "float32", "int64", "bool" if k else "int64"
        )
        other = dtype if d.chance(0.95) else "float32"
        arrays = [d.array(left, dtype), d.array(right, other)]
        return (lambda m, x, y: m.matmul(x, y) if d.rng else x @ y), arrays

    compare("matmul", draw)


def test_allclose_and_equal(compare):
    def draw(d):
        shape = d.shape()
        dtype = d.among("float64", "float32", "int64", "bool", "uint8")
        values, _ = d.array(shape, dtype, layout=False)
        other = values.copy()
        if d.chance(0.5) and values.dtype.kind == "f":
            other = other + d.rng.choice([0, 1e-9, 1e-6, 1e-3, float("inf"), float("nan")], shape)
            other = other.astype(values.dtype)
        if d.chance(0.1):
            other = other.astype("float64")
        if d.chance(0.3):
            values = other.copy()
        options = {"equal_nan": d.chance(0.5)}
        if d.chance(0.4):
            options |= {"rtol": d.among(0.0, 1e-3, -1.0), "atol": d.among(0.0, 1e-2)}
        if d.chance(0.3):
            return (lambda m, x, y: m.equal(x, y)), [(values, 0), (other, 0)]
        return (lambda m, x, y: m.allclose(x, y, **options)), [(values, 0), (other, 0)]

    compare("allclose", draw)


def test_var_of_float16_keeps_its_digits():
    x = mc.tensor([1000.0, 1001.0, 1002.0, 1003.0], dtype=mc.float16)
    assert mc.var(x).dtype == mc.float16
    assert abs(mc.var(x).item() - 5 / 3) < 1e-3
    assert mc.ones(4096, dtype=mc.float16).sum().item() == 4096
    assert mc.ones(4096, dtype=mc.float16).cumsum(0)[-1].item() == 4096
