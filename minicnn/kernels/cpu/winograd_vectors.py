"""The changes of basis of `winograd.py`, forward and backward, written as vector instructions.

In each, neighbouring tiles (or maps) lie in the lanes of a vector, so that the sums of the formulas
are sums of whole vectors.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels.cpu.vectors import WIDTH, ZERO, Code

_HALF = ir.Constant(ir.VectorType(ir.FloatType(), WIDTH), [0.5] * WIDTH)


def _vectors_of(code, count, body, *values):
    """``body(begin, *values)`` for begin = 0, WIDTH, … below `count`; the last values returned."""
    builder = code.builder
    rounded = builder.add(count, code.constant(WIDTH - 1))

    def one(v, values):
        return body(builder.mul(v, code.constant(WIDTH)), *values) or []

    return code.loop(builder.sdiv(rounded, code.constant(WIDTH)), values, one)


@intrinsic
def split_line(_, count, x, x0, even, e0, odd, o0):
    """``even[e0 + i] = x[x0 + 2 i]`` and ``odd[o0 + i] = x[x0 + 2 i + 1]`` for 2 i < count.

    At `count` pixels the reading ends; up to WIDTH places behind the last are written with zeros.
    """
    index = types.intp
    signature = types.void(index, x, index, even, index, odd, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        count, x, x0, even, e0, odd, o0 = arguments
        x = code.at(code.data(1, x), x0)
        even, odd = code.at(code.data(3, even), e0), code.at(code.data(5, odd), o0)
        kind = ir.VectorType(ir.IntType(32), WIDTH)
        orders = [ir.Constant(kind, [2 * lane + k for lane in range(WIDTH)]) for k in (0, 1)]

        def body(begin):
            first = builder.mul(begin, code.constant(2))
            left = builder.sub(count, first)
            rest = builder.sub(left, code.constant(WIDTH))
            a = code.load_some(code.at(x, first), code.lanes_below(left))
            second = code.at(x, builder.add(first, code.constant(WIDTH)))
            b = code.load_some(second, code.lanes_below(rest))
            for target, order in zip((even, odd), orders, strict=True):
                code.store(builder.shuffle_vector(a, b, order), code.at(target, begin))

        half = builder.sdiv(builder.add(count, code.constant(1)), code.constant(2))
        _vectors_of(code, half, body)
        return context.get_dummy_value()

    return signature, generate


def _differences(builder, d):
    """Bᵀ d for four vectors."""
    return (
        builder.fsub(d[0], d[2]),
        builder.fadd(d[1], d[2]),
        builder.fsub(d[2], d[1]),
        builder.fsub(d[1], d[3]),
    )


@intrinsic
def tiles_in(_, count, rows, r0, row, v, v0, point):
    """V = Bᵀ d B for `count` tiles beside each other.

    `rows` holds, from r0 on, four rows of `row` floats for even columns, then four for odd ones.
    Entry k of V goes to ``v[v0 + k * point]`` and what follows; whole vectors are written.
    """
    index = types.intp
    signature = types.void(index, rows, index, index, v, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        count, rows, r0, row, v, v0, point = arguments
        rows, v = code.at(code.data(1, rows), r0), code.at(code.data(4, v), v0)

        def body(begin):
            def column(parity, shift):
                place = builder.add(begin, code.constant(shift))
                return [
                    code.load(
                        code.at(
                            rows,
                            builder.add(place, builder.mul(row, code.constant(4 * parity + i))),
                        )
                    )
                    for i in range(4)
                ]

            # Columns 0 … 3 of a tile: even, odd, and the next tile's even and odd.
            columns = [column(0, 0), column(1, 0), column(0, 1), column(1, 1)]
            columns = [_differences(builder, d) for d in columns]
            for i in range(4):
                line = _differences(builder, [column[i] for column in columns])
                for j in range(4):
                    place = builder.add(begin, builder.mul(point, code.constant(4 * i + j)))
                    code.store(line[j], code.at(v, place))

        _vectors_of(code, count, body)
        return context.get_dummy_value()

    return signature, generate


def _sums(builder, m):
    """Aᵀ m for four vectors."""
    inner = builder.fadd(m[1], m[2])
    outer = builder.fsub(m[1], m[2])
    return builder.fadd(m[0], inner), builder.fsub(outer, m[3])


@intrinsic
def tiles_out(_, count, m, m0, point, bias, y, y0, below, width, second):
    """Y = Aᵀ M A + b for `count` tiles beside each other: two rows of results, and 0 · Σ Y.

    That sum is NaN if one of the results is infinite or NaN, else 0.

    Entry k of M is at ``m[m0 + k * point]`` and what follows. The rows go to ``y[y0]`` and
    ``y[y0 + below]``, `width` numbers of each; the lower one only if `second` is 1.
    """
    index = types.intp
    signature = types.float32(index, m, index, index, types.float32, y, index, index, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        count, m, m0, point, bias, y, y0, below, width, second = arguments
        m, y = code.at(code.data(1, m), m0), code.at(code.data(5, y), y0)
        b = code.spread(bias)
        kind = ir.VectorType(ir.IntType(32), WIDTH)
        orders = []
        for start in (0, WIDTH // 2):
            lanes = [start + lane // 2 + WIDTH * (lane % 2) for lane in range(WIDTH)]
            orders.append(ir.Constant(kind, lanes))
        # The number of columns, or none of the lower row.
        columns = width, builder.mul(width, second)

        def body(begin, total):
            def entry(i, j):
                place = builder.add(begin, builder.mul(point, code.constant(4 * i + j)))
                return code.load(code.at(m, place))

            lines = [_sums(builder, [entry(i, j) for i in range(4)]) for j in range(4)]
            first = builder.mul(begin, code.constant(2))
            for r in range(2):
                left, right = _sums(builder, [line[r] for line in lines])
                left, right = builder.fadd(left, b), builder.fadd(right, b)
                for half, order in enumerate(orders):
                    place = builder.add(first, code.constant(half * WIDTH))
                    mask = code.lanes_below(builder.sub(columns[r], place))
                    if r:
                        place = builder.add(place, below)
                    result = builder.shuffle_vector(left, right, order)
                    code.store_some(result, code.at(y, place), mask)
                    wanted = builder.select(mask, result, ZERO)
                    total = code.multiply_add(wanted, ZERO, total)
            return [total]

        (total,) = _vectors_of(code, count, body, ZERO)
        return code.sum_of(total)

    return signature, generate


@intrinsic
def kernels_in(_, w, w0, rows, turned, u, u0, point):
    """U = G g Gᵀ for the kernels of up to WIDTH maps, one channel.

    Entry e of the kernels is at ``w[w0 + e * rows]`` and what follows, for `turned` 1 at entry
    8 − e. Entry k of U goes to ``u[u0 + k * point]``; whole vectors are read and written.
    """
    index = types.intp
    signature = types.void(w, index, index, index, u, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        w, w0, rows, turned, u, u0, point = arguments
        w, u = code.at(code.data(0, w), w0), code.at(code.data(4, u), u0)
        # Entry e is at e · rows, or at 8 · rows − e · rows.
        start = builder.mul(builder.mul(turned, code.constant(8)), rows)
        sign = builder.sub(code.constant(1), builder.mul(turned, code.constant(2)))
        step = builder.mul(sign, rows)

        def entry(e):
            place = builder.add(start, builder.mul(step, code.constant(e)))
            return code.load(code.at(w, place))

        def spread(g):
            """G g for three vectors."""
            outer = builder.fadd(g[0], g[2])
            return (
                g[0],
                builder.fmul(_HALF, builder.fadd(outer, g[1])),
                builder.fmul(_HALF, builder.fsub(outer, g[1])),
                g[2],
            )

        columns = [spread([entry(3 * i + j) for i in range(3)]) for j in range(3)]
        for i in range(4):
            line = spread([column[i] for column in columns])
            for j in range(4):
                code.store(line[j], code.at(u, builder.mul(point, code.constant(4 * i + j))))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def deltas_in(_, d, place00, place01, place10, place11, v, v0, point):
    """A δ Aᵀ for the tile whose four δ, with WIDTH maps each, are at these places of d.

    Entry k of the result goes to ``v[v0 + k * point]`` and what follows.
    """
    index = types.intp
    signature = types.void(d, index, index, index, index, v, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        d, *places, v, v0, point = arguments
        d, v = code.data(0, d), code.at(code.data(5, v), v0)
        four = [code.load(code.at(d, place)) for place in places]

        def spread(a, b):
            """A (a, b)."""
            return a, builder.fadd(a, b), builder.fsub(a, b), builder.fsub(ZERO, b)

        columns = [spread(four[j], four[2 + j]) for j in range(2)]
        for i in range(4):
            for j, entry in enumerate(spread(columns[0][i], columns[1][i])):
                code.store(entry, code.at(v, builder.mul(point, code.constant(4 * i + j))))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def kernels_out(_, m, m0, point, parts, part, w, w0, row):
    """Gᵀ M G for one channel and WIDTH maps; M is the sum of `parts` tables. Returns 0 · Σ.

    Entry k of a table is at ``m[m0 + k * point]``, that of the next ``part`` further. Entry e of
    the kernels goes to ``w[w0 + e * row]``. What is returned is NaN if one of them is not finite.
    """
    index = types.intp
    signature = types.float32(m, index, index, index, index, w, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        m, m0, point, parts, part, w, w0, row = arguments
        m, w = code.at(code.data(0, m), m0), code.at(code.data(5, w), w0)

        def add(number, sums):
            table = code.at(m, builder.mul(number, part))
            read = [
                code.load(code.at(table, builder.mul(point, code.constant(k)))) for k in range(16)
            ]
            return [builder.fadd(total, one) for total, one in zip(sums, read, strict=True)]

        sums = code.loop(parts, [ZERO] * 16, add)

        def gather(a, b, c, d):
            """Gᵀ (a, b, c, d)."""
            both = builder.fmul(_HALF, builder.fadd(b, c))
            difference = builder.fmul(_HALF, builder.fsub(b, c))
            return builder.fadd(a, both), difference, builder.fadd(both, d)

        columns = [gather(*[sums[4 * i + j] for i in range(4)]) for j in range(4)]
        total = ZERO
        for i in range(3):
            for j, entry in enumerate(gather(*[column[i] for column in columns])):
                code.store(entry, code.at(w, builder.mul(row, code.constant(3 * i + j))))
                total = code.multiply_add(entry, ZERO, total)
        return code.sum_of(total)

    return signature, generate
