"""Vector instructions: where the time of a convolution goes.

A processor does most when it multiplies and adds whole vectors of numbers (16 floats of 32 bits
with AVX-512, 8 with AVX2) that are in registers. What is written here in LLVM's language could be
written as loops in Python for Numba, too; but then the compiler decides what stays in registers,
and decides worse. Everything else of a convolution is ordinary code.

`Code` knows the few instructions that are needed; `rectangles.py` makes products of matrices of
them, `pooling_rows.py` max pooling, `winograd_vectors.py` changes of basis.

`transpose` turns round a square of `WIDTH` · `WIDTH` numbers in registers. `copy_line`,
`clear_line` and `lay_row` move and zero stretches that are often shorter than a vector, or little
longer: the rows of small images. Their last vector is written in part, instead of number by number.
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

    def prefetch(self, pointer):
        """Bring what lies there into the nearest cache; the address may be any."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _INT32, _INT32, _INT32])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        numbers = [ir.Constant(_INT32, v) for v in (0, 3, 1)]
        self.builder.call(function, [self.builder.bitcast(pointer, byte), *numbers])

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

    def lanes_between(self, first, last):
        """The mask of the lanes first … last − 1."""
        return self.builder.and_(self.lanes_below(last), self.builder.not_(self.lanes_below(first)))

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


@intrinsic
def lay_row(_, length, first, last, double, x, x0, y, y0):
    """``y[y0 + i] = x[x0 + i]`` for i = first … last − 1, 0 for the others of 0 … length − 1.

    With `double` it is ``x[x0 + 2 * i]``. ``x[x0]`` itself may lie before the array: only what is
    wanted is read.
    """
    index = types.intp
    signature = types.void(index, index, index, types.boolean, x, index, y, index)

    def generate(context, builder, signature, arguments):
        code = Code(context, builder, signature)
        length, first, last, double, x, x0, y, y0 = arguments
        x, y = code.at(code.data(4, x), x0), code.at(code.data(6, y), y0)
        even = ir.Constant(ir.VectorType(_INT32, WIDTH), list(range(0, 2 * WIDTH, 2)))

        def plain(i):
            mask = code.lanes_between(builder.sub(first, i), builder.sub(last, i))
            return code.load_some(code.at(x, i), mask)

        def sorted_out(i):
            halves = []
            for start in (0, WIDTH):
                place = builder.add(builder.shl(i, code.constant(1)), code.constant(start))
                low = builder.sub(builder.shl(first, code.constant(1)), place)
                high = builder.sub(builder.shl(last, code.constant(1)), place)
                # The last odd place may lie behind the array.
                mask = code.lanes_between(low, builder.sub(high, code.constant(1)))
                halves.append(code.load_some(code.at(x, place), mask))
            return builder.shuffle_vector(*halves, even)

        def row(read):
            _over_vectors(
                code,
                length,
                lambda i: code.store(read(i), code.at(y, i)),
                lambda i, mask: code.store_some(read(i), code.at(y, i), mask),
            )

        with builder.if_else(double) as (then, otherwise):
            with then:
                row(sorted_out)
            with otherwise:
                row(plain)
        return context.get_dummy_value()

    return signature, generate
