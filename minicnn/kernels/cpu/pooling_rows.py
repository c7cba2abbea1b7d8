"""A row of max-pooling windows, written as vector instructions (see `vectors.py` for why).

Neighbouring windows lie in the lanes of a vector. For one kernel entry after the other, the pixels
that these windows see there are read at once, and compared with the largest so far, lane by lane;
beside it a second vector holds which entry that was. With a stride of 2 every second pixel counts:
two vectors are read, and their even lanes make one.

A row seldom has a multiple of 16 windows. Lanes behind its end are neither read nor written.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels.cpu.vectors import WIDTH, Code

_INT32 = ir.IntType(32)
_INTS = ir.VectorType(_INT32, WIDTH)


def make_max_row(kernel, stride):
    """The inner loop `max_row` for a kernel (kh, kw) and a horizontal stride of 1 or 2.

    It is called in a Numba kernel as ``max_row(count, x, x0, pitch, y, places, y0, corner,
    width)``: the largest pixel of each of `count` windows, of which the first begins at ``x[x0]``,
    is written to ``y[y0]`` and what follows; its place to ``places[y0]`` and what follows. `pitch`
    is the distance of two rows in x; places are counted for rows of `width`, so that the first
    window begins at `corner`. x, y float32; places int32. Of equals the first counts, and NaN is
    larger than anything.
    """
    height, across = kernel

    @intrinsic
    def max_row(_, count, x, x0, pitch, y, places, y0, corner, width):
        index = types.intp
        signature = types.void(index, x, index, index, y, places, index, index, index)

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            count, x, x0, pitch, y, places, y0, corner, width = arguments
            x = code.at(code.data(1, x), x0)
            y = code.at(code.data(4, y), y0)
            places = code.at(code.data(5, places), y0)
            steps = builder.sdiv(builder.add(count, code.constant(WIDTH - 1)), code.constant(WIDTH))
            even = ir.Constant(_INTS, [2 * lane for lane in range(WIDTH)])

            def pixels(pointer, used, left):
                """What the windows see at `pointer`; `used` lanes of them, `left` windows."""
                if stride == 1:
                    return code.load_some(pointer, used)
                # Of 2·left − 1 pixels every second one, from two vectors.
                wanted = builder.sub(builder.mul(left, code.constant(2)), code.constant(1))
                behind = code.at(pointer, code.constant(WIDTH))
                first = code.load_some(pointer, code.lanes_below(wanted))
                rest = builder.sub(wanted, code.constant(WIDTH))
                second = code.load_some(behind, code.lanes_below(rest))
                return builder.shuffle_vector(first, second, even)

            def vector(v, _):
                begin = builder.mul(v, code.constant(WIDTH))
                left = builder.sub(count, begin)
                used = code.lanes_below(left)
                source = code.at(x, builder.mul(begin, code.constant(stride)))
                best = where = None
                for i in range(height):
                    row = code.at(source, builder.mul(pitch, code.constant(i)))
                    row_place = builder.mul(width, code.constant(i))
                    for j in range(across):
                        value = pixels(code.at(row, code.constant(j)), used, left)
                        place = _splat(builder, builder.add(row_place, code.constant(j)))
                        if best is None:
                            best, where = value, place
                            continue
                        wins = builder.or_(
                            builder.fcmp_ordered(">", value, best),
                            builder.fcmp_unordered("uno", value, value),
                        )
                        best = builder.select(wins, value, best)
                        where = builder.select(wins, place, where)
                here = builder.add(corner, builder.mul(begin, code.constant(stride)))
                lanes = ir.Constant(_INTS, [stride * lane for lane in range(WIDTH)])
                where = builder.add(where, builder.add(_splat(builder, here), lanes))
                code.store_some(best, code.at(y, begin), used)
                code.store_some(where, code.at(places, begin), used)
                return []

            code.loop(steps, [], vector)
            return context.get_dummy_value()

        return signature, generate

    return max_row


def _splat(builder, scalar):
    """An integer, as 32 bits in every lane."""
    nothing = ir.Constant(_INTS, ir.Undefined)
    scalar = builder.trunc(scalar, _INT32)
    one = builder.insert_element(nothing, scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(_INTS, [0] * WIDTH))
