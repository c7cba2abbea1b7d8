"""Inner loops of products of matrices, in vector instructions (see `vectors.py`).

`tile` computes a small rectangle of Z = W · X, `rows` × `vectors`·`WIDTH` numbers, from two tables:

    Z[i, v] = start[i] + Σ_k a[k, i] · x[offset[k] + v]

The rectangle is held in registers during the whole sum. Each step k reads `vectors` vectors of x
from wherever `offset[k]` says, and multiplies them with `rows` weights.

`dots` computes a rectangle of δ · Xᵀ, in which the sum runs along the vectors:

    D[i, j] = Σ_n Σ_v d[n, first_d[i] + v] · x[n, first_x[j] + v]

`outer` computes a rectangle of (δ · Xᵀ)ᵀ when δ has been turned round, so that the maps of a place
lie side by side: for each place a few numbers of x, times vectors of maps.

    D[i, v] += Σ_n Σ_r Σ_q x[first[i] + place(n, r, q)] · d[place'(n, r, q), v]
"""

from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels.cpu.vectors import REGISTERS, WIDTH, ZERO, Code

# (rows, vectors) of the rectangles: rows · vectors sums, `vectors` vectors of x and a weight fit
# into the registers. Which one wastes least depends on how many maps there are.
TILES = ((14, 2), (8, 3), (6, 4)) if REGISTERS == 32 else ((6, 2), (4, 2), (2, 4))
DOTS = (4, 6) if REGISTERS == 32 else (2, 4)
# `tile` asks for the vectors of x so many steps before it needs them: what has to come from the
# second cache is there in time then.
AHEAD = 8
# Where each map has a channel of its own, there is a single row.
ALONE_TILE, ALONE_DOTS = (1, 8), (1, 9)
OUTERS = ((14, 2), (28, 1), (9, 3)) if REGISTERS == 32 else ((6, 2), (12, 1), (4, 3))


def make_tile(rows, vectors):
    """The inner loop `tile` for rectangles of `rows` × `vectors` vectors.

    It is called in a Numba kernel as ``tile(steps, a, a0, offset, k0, x, x0, start, s0, z, z0,
    pitch)``: arrays, each followed by where in it to begin; row i of the rectangle is written to
    ``z[z0 + i * pitch]`` and what follows.
    """

    @intrinsic
    def tile(_, steps, a, a0, offset, k0, x, x0, start, s0, z, z0, pitch):
        index = types.intp
        signature = types.void(
            index, a, index, offset, index, x, index, start, index, z, index, index
        )

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            steps, a, a0, offset, k0, x, x0, start, s0, z, z0, pitch = arguments
            a = code.at(code.data(1, a), a0)
            offset = code.at(code.data(3, offset), k0)
            x = code.at(code.data(5, x), x0)
            start = code.at(code.data(7, start), s0)
            z = code.at(code.data(9, z), z0)
            last = builder.sub(steps, code.constant(1))
            sums = []
            for i in range(rows):
                first = code.spread(builder.load(code.at(start, code.constant(i))))
                sums += [first] * vectors

            def step(k, sums):
                source = code.at(x, builder.load(code.at(offset, k)))
                read = [
                    code.load(code.at(source, code.constant(j * WIDTH))) for j in range(vectors)
                ]
                weights = code.at(a, builder.mul(k, code.constant(rows)))
                if rows > 1:  # else there is little to do with what is read
                    later = builder.add(k, code.constant(AHEAD))
                    later = builder.select(builder.icmp_signed("<", later, last), later, last)
                    source = code.at(x, builder.load(code.at(offset, later)))
                    for j in range(vectors + 1):  # one more: vectors begin in the middle of a line
                        code.prefetch(code.at(source, code.constant(j * WIDTH)))
                new = []
                for i in range(rows):
                    weight = code.spread(builder.load(code.at(weights, code.constant(i))))
                    for j in range(vectors):
                        new.append(code.multiply_add(weight, read[j], sums[i * vectors + j]))
                return new

            sums = code.loop(steps, sums, step)
            for i in range(rows):
                row = code.at(z, builder.mul(pitch, code.constant(i)))
                for j in range(vectors):
                    code.store(sums[i * vectors + j], code.at(row, code.constant(j * WIDTH)))
            return context.get_dummy_value()

        return signature, generate

    return tile


def make_dots(rows, columns):
    """The inner loop `dots` for rectangles of `rows` × `columns` sums.

    It is called in a Numba kernel as ``dots(images, length, d, d0, first_d, i0, d_image, x, x0,
    first_x, j0, x_image, out, o0)``: row i of d begins at ``d0 + first_d[i0 + i]``, what column j
    multiplies it with at ``x0 + first_x[j0 + j]``; from one image to the next it is ``d_image`` and
    ``x_image`` further. The sums, one after the other, are *added* to ``out[o0]`` and what follows.
    """

    @intrinsic
    def dots(_, images, length, d, d0, d_rows, r0, d_image, x, x0, offset, k0, x_image, out, o0):
        index = types.intp
        signature = types.void(
            index, index, d, index, d_rows, index, index, x, index, offset, index, index, out, index
        )

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            images, length, d, d0, d_rows, r0, d_image = arguments[:7]
            x, x0, offset, k0, x_image, out, o0 = arguments[7:]
            d = code.at(code.data(2, d), d0)
            d_rows = code.at(code.data(4, d_rows), r0)
            x = code.at(code.data(7, x), x0)
            offset = code.at(code.data(9, offset), k0)
            out = code.at(code.data(12, out), o0)
            left = [builder.load(code.at(d_rows, code.constant(i))) for i in range(rows)]
            right = [builder.load(code.at(offset, code.constant(j))) for j in range(columns)]
            whole = builder.sdiv(length, code.constant(WIDTH))
            done = builder.mul(whole, code.constant(WIDTH))
            tail = code.lanes_below(builder.srem(length, code.constant(WIDTH)))

            def add(sums, load, d, x, place):
                d, x = code.at(d, place), code.at(x, place)
                ours = [load(code.at(d, start)) for start in left]
                theirs = [load(code.at(x, start)) for start in right]
                pairs = [(i, j) for i in range(rows) for j in range(columns)]
                return [
                    code.multiply_add(ours[i], theirs[j], total)
                    for (i, j), total in zip(pairs, sums, strict=True)
                ]

            def image(n, sums):
                here = code.at(d, builder.mul(n, d_image)), code.at(x, builder.mul(n, x_image))
                sums = code.loop(
                    whole,
                    sums,
                    lambda v, s: add(s, code.load, *here, builder.mul(v, code.constant(WIDTH))),
                )
                return add(sums, lambda p: code.load_some(p, tail), *here, done)

            sums = code.loop(images, [ZERO] * (rows * columns), image)
            for k, total in enumerate(sums):
                place, one = code.at(out, code.constant(k)), code.sum_of(total)
                builder.store(builder.fadd(builder.load(place), one), place)
            return context.get_dummy_value()

        return signature, generate

    return dots


def make_outer(rows, vectors):
    """The inner loop `outer` for rectangles of `rows` × `vectors` vectors.

    It is called in a Numba kernel as ``outer(images, lines, length, x, x0, first, i0, x_image,
    x_line, d, d0, d_image, out, o0)``. What row i multiplies with begins at ``x0 + first[i0 + i]``;
    from one image to the next it is ``x_image`` further, from one of its `lines` to the next
    ``x_line``, and within a line the `length` places follow each other. In d all places of an image
    follow each other, each with its vectors; the next image is ``d_image`` further. The rectangle
    is *added* to ``out[o0]`` and what follows, row after row.
    """

    @intrinsic
    def outer(_, images, lines, length, x, x0, first, i0, x_image, x_line, d, d0, d_image, out, o0):
        index = types.intp
        signature = types.void(
            index, index, index, x, index, first, index, index, index, d, index, index, out, index
        )

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            images, lines, length, x, x0, first, i0, x_image, x_line = arguments[:9]
            d, d0, d_image, out, o0 = arguments[9:]
            x = code.at(code.data(3, x), x0)
            first = code.at(code.data(5, first), i0)
            d = code.at(code.data(9, d), d0)
            out = code.at(code.data(12, out), o0)
            pairs = [(i, j) for i in range(rows) for j in range(vectors)]
            targets = [code.at(out, code.constant((i * vectors + j) * WIDTH)) for i, j in pairs]
            starts = [
                code.at(x, builder.load(code.at(first, code.constant(i)))) for i in range(rows)
            ]
            step = code.constant(vectors * WIDTH)

            def image(n, sums):
                x_n, d_n = builder.mul(n, x_image), code.at(d, builder.mul(n, d_image))

                def line(r, sums):
                    x_r = builder.add(x_n, builder.mul(r, x_line))
                    d_r = code.at(d_n, builder.mul(builder.mul(r, length), step))

                    def place(q, sums):
                        d_q, x_q = code.at(d_r, builder.mul(q, step)), builder.add(x_r, q)
                        read = [
                            code.load(code.at(d_q, code.constant(j * WIDTH)))
                            for j in range(vectors)
                        ]
                        pixels = [
                            code.spread(builder.load(code.at(start, x_q))) for start in starts
                        ]
                        return [
                            code.multiply_add(pixels[i], read[j], total)
                            for (i, j), total in zip(pairs, sums, strict=True)
                        ]

                    return code.loop(length, sums, place)

                return code.loop(lines, sums, line)

            sums = code.loop(images, [code.load(target) for target in targets], image)
            for total, target in zip(sums, targets, strict=True):
                code.store(total, target)
            return context.get_dummy_value()

        return signature, generate

    return outer
