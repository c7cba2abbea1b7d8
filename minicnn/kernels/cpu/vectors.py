"""Inner loops, written as vector instructions: where the time of a convolution goes.

A processor does most when it multiplies and adds whole vectors of numbers (16 floats of 32 bits
with AVX-512, 8 with AVX2) that are in registers. What is written here in LLVM's language could be
written as loops in Python for Numba, too; but then the compiler decides what stays in registers,
and decides worse. Everything else of a convolution is ordinary code.

`tile` computes a small rectangle of Z = W · X, `rows` × `vectors`·`WIDTH` numbers, from two tables:

    Z[i, v] = start[i] + Σ_k a[k, i] · x[offset[k] + v]

The rectangle is held in registers during the whole sum. Each step k reads `vectors` vectors of x
from wherever `offset[k]` says, and multiplies them with `rows` weights.

`dots` computes a rectangle of δ · Xᵀ, in which the sum runs along the vectors:

    D[i, j] = Σ_n Σ_v d[n, first_d[i] + v] · x[n, first_x[j] + v]

`outer` computes a rectangle of (δ · Xᵀ)ᵀ when δ has been turned round, so that the maps of a place
lie side by side: for each place a few numbers of x, times vectors of maps.

    D[i, v] += Σ_n Σ_r Σ_q x[first[i] + place(n, r, q)] · d[place'(n, r, q), v]

`transpose` turns round a square of `WIDTH` · `WIDTH` numbers in registers. `copy_line` and
`clear_line` move and zero stretches that are often shorter than a vector, or little longer: the
rows of small images. Their last vector is written in part, instead of number by number.
"""

from llvmlite import binding, ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic


def _width():
    """Floats in a vector register, and how many such registers there are."""
    # Numba compiles for this machine, or for what NUMBA_CPU_FEATURES says.
    features = config.CPU_FEATURES
    if features is None:
        features = binding.get_host_cpu_features().flatten()
    return (16, 32) if "+avx512f" in features.split(",") else (8, 16)


WIDTH, REGISTERS = _width()

# (rows, vectors) of the rectangles: rows · vectors sums, `vectors` vectors of x and a weight fit
# into the registers. Which one wastes least depends on how many maps there are.
TILES = ((14, 2), (8, 3), (6, 4)) if REGISTERS == 32 else ((6, 2), (4, 2), (2, 4))
DOTS = (4, 6) if REGISTERS == 32 else (2, 4)
# Where each map has a channel of its own, there is a single row.
ALONE_TILE, ALONE_DOTS = (1, 8), (1, 9)
OUTERS = ((14, 2), (28, 1), (9, 3)) if REGISTERS == 32 else ((6, 2), (12, 1), (4, 3))

_FLOAT = ir.FloatType()
_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_MASK = ir.VectorType(ir.IntType(1), WIDTH)
ZERO = ir.Constant(_VECTOR, [0.0] * WIDTH)


class Code:
    """What both loops need, on top of llvmlite's builder."""

    def __init__(self, context, builder, signature):
        self.context, self.builder, self.signature = context, builder, signature
        self.index = context.get_value_type(types.intp)

    def data(self, position, array):
        """The address of the first element of argument number `position`, an array."""
        kind = self.signature.args[position]
        return cgutils.create_struct_proxy(kind)(self.context, self.builder, array).data

    def at(self, pointer, offset):
        return self.builder.gep(pointer, [offset])

    def constant(self, value):
        return ir.Constant(self.index, value)

    def load(self, pointer):
        """A vector from any address."""
        pointer = self.builder.bitcast(pointer, _VECTOR.as_pointer())
        return self.builder.load(pointer, align=4)

    def load_some(self, pointer, mask):
        """A vector whose lanes outside of `mask` are 0, and are not read."""
        pointer = self.builder.bitcast(pointer, _VECTOR.as_pointer())
        kind = ir.FunctionType(_VECTOR, [pointer.type, _INT32, _MASK, _VECTOR])
        name = f"llvm.masked.load.v{WIDTH}f32.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [pointer, ir.Constant(_INT32, 4), mask, ZERO])

    def store(self, vector, pointer):
        pointer = self.builder.bitcast(pointer, _VECTOR.as_pointer())
        self.builder.store(vector, pointer, align=4)

    def store_some(self, vector, pointer, mask):
        """Write the lanes of `mask`, and no others."""
        number = {_FLOAT: "f32", _INT32: "i32"}[vector.type.element]
        pointer = self.builder.bitcast(pointer, vector.type.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [vector.type, pointer.type, _INT32, _MASK])
        name = f"llvm.masked.store.v{WIDTH}{number}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        self.builder.call(function, [vector, pointer, ir.Constant(_INT32, 4), mask])

    def spread(self, scalar):
        """A vector with the same number in every lane."""
        nothing = ir.Constant(_VECTOR, ir.Undefined)
        one = self.builder.insert_element(nothing, scalar, ir.Constant(_INT32, 0))
        zeros = ir.Constant(ir.VectorType(_INT32, WIDTH), [0] * WIDTH)
        return self.builder.shuffle_vector(one, nothing, zeros)

    def multiply_add(self, a, b, c):
        """a · b + c, rounded once."""
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        name = f"llvm.fma.v{WIDTH}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])

    def sum_of(self, vector):
        """The sum of the lanes, added up in pairs, always the same ones."""
        kind = ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR])
        name = f"llvm.vector.reduce.fadd.v{WIDTH}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        zero = ir.Constant(_FLOAT, 0.0)
        return self.builder.call(function, [zero, vector], fastmath=("reassoc",))

    def lanes_below(self, count):
        """The mask of the lanes 0 … count − 1."""
        count = self.builder.trunc(count, _INT32)
        kind = ir.VectorType(_INT32, WIDTH)
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(nothing, count, ir.Constant(_INT32, 0))
        counts = self.builder.shuffle_vector(one, nothing, ir.Constant(kind, [0] * WIDTH))
        return self.builder.icmp_signed("<", ir.Constant(kind, list(range(WIDTH))), counts)

    def loop(self, count, values, body):
        """Run ``body(i, values)`` for i = 0 … count − 1; the values it returns go into the next.

        Returns the values at the end: the given ones if `count` is 0.
        """
        builder = self.builder
        before = builder.block
        head = builder.append_basic_block("loop")
        inside = builder.append_basic_block("inside")
        after = builder.append_basic_block("after")
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.phi(self.index)
        i.add_incoming(self.constant(0), before)
        phis = []
        for value in values:
            phi = builder.phi(value.type)
            phi.add_incoming(value, before)
            phis.append(phi)
        builder.cbranch(builder.icmp_signed("<", i, count), inside, after)
        builder.position_at_end(inside)
        new = body(i, phis)
        end = builder.block
        i.add_incoming(builder.add(i, self.constant(1)), end)
        for phi, value in zip(phis, new, strict=True):
            phi.add_incoming(value, end)
        builder.branch(head)
        builder.position_at_end(after)
        return phis


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


@intrinsic
def transpose(_, x, x0, x_pitch, y, y0, y_pitch):
    """``y[y0 + j * y_pitch + i] = x[x0 + i * x_pitch + j]`` for i, j = 0 … WIDTH − 1."""
    index = types.intp
    signature = types.void(x, index, index, y, index, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        x, x0, x_pitch, y, y0, y_pitch = arguments
        x, y = code.at(code.data(0, x), x0), code.at(code.data(3, y), y0)

        def row(start, pitch, i):
            return code.at(start, builder.mul(pitch, code.constant(i)))

        rows = [code.load(row(x, x_pitch, i)) for i in range(WIDTH)]
        # Of two rows half of the numbers change places: those that lie `half` apart in both
        # directions, for half = 1, 2, 4, …: so every number comes to its place in log2 steps.
        half = 1
        while half < WIDTH:
            new = list(rows)
            for i in range(WIDTH):
                if i & half:
                    continue
                a, b = rows[i], rows[i + half]
                first = [k if not k & half else WIDTH + k - half for k in range(WIDTH)]
                second = [k + half if not k & half else WIDTH + k for k in range(WIDTH)]
                for target, order in ((i, first), (i + half, second)):
                    mask = ir.Constant(ir.VectorType(_INT32, WIDTH), order)
                    new[target] = builder.shuffle_vector(a, b, mask)
            rows, half = new, 2 * half
        for j in range(WIDTH):
            code.store(rows[j], row(y, y_pitch, j))
        return context.get_dummy_value()

    return signature, generate


def _over_vectors(code, count, whole, part):
    """``whole(v)`` for each full vector of `count` floats, ``part(v, mask)`` for what is left."""
    vectors = code.builder.sdiv(count, code.constant(WIDTH))
    left = code.builder.srem(count, code.constant(WIDTH))

    def one(v, values):
        whole(code.builder.mul(v, code.constant(WIDTH)))
        return values

    code.loop(vectors, [], one)
    part(code.builder.mul(vectors, code.constant(WIDTH)), code.lanes_below(left))


@intrinsic
def copy_line(_, count, x, x0, y, y0):
    """``y[y0 + i] = x[x0 + i]`` for i = 0 … count − 1."""
    index = types.intp
    signature = types.void(index, x, index, y, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        count, x, x0, y, y0 = arguments
        x, y = code.at(code.data(1, x), x0), code.at(code.data(3, y), y0)
        _over_vectors(
            code,
            count,
            lambda i: code.store(code.load(code.at(x, i)), code.at(y, i)),
            lambda i, mask: code.store_some(
                code.load_some(code.at(x, i), mask), code.at(y, i), mask
            ),
        )
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def clear_line(_, count, y, y0):
    """``y[y0 + i] = 0`` for i = 0 … count − 1."""
    index = types.intp
    signature = types.void(index, y, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        count, y, y0 = arguments
        y = code.at(code.data(1, y), y0)
        _over_vectors(
            code,
            count,
            lambda i: code.store(ZERO, code.at(y, i)),
            lambda i, mask: code.store_some(ZERO, code.at(y, i), mask),
        )
        return context.get_dummy_value()

    return signature, generate
