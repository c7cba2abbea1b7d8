"""One function, run by several threads at once, each with its share of the work.

Numba can make a loop parallel itself (`prange`). It then compiles the loop's body four times over,
once for each shell that it puts around it; the first step of a network waited twice as long for
that. So a kernel is an ordinary function here, whose first arguments are the number of the thread
that runs it and how many there are, and that asks `own_part` for its part of a loop. `run_parts`
calls it from Numba's threads, through the function of Numba's own that starts them.
"""

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

_INDEX, _INT32, _BYTES = ir.IntType(64), ir.IntType(32), ir.IntType(8).as_pointer()


@njit
def own_part(count, thread, threads):
    """Those of the numbers 0 … count − 1 that are this thread's: equal parts, in their order."""
    return range(count * thread // threads, count * (thread + 1) // threads)


@njit
def places(count, thread, threads):
    """As `own_part`, of places in an array.

    The numbers are unsigned: an index that cannot be negative need not be looked at, and the
    compiler can take many at a time.
    """
    return range(np.uint64(count * thread // threads), np.uint64(count * (thread + 1) // threads))


@intrinsic
def run_parts(typing, body, threads, workers, arguments):
    """Call ``body(thread, threads, *arguments)`` for each `thread`, spread over so many workers.

    What is made here is a function that calls `body` for one number after the other, as many as it
    is told to, with arguments that it finds behind a pointer; and a call of ``numba_parallel_for``,
    which lets every worker run that function with some of the numbers. It hands out addresses: that
    of part i is i, since the first is 0 and they lie 1 apart.
    """
    kinds = (types.intp, types.intp, *arguments.types)
    body.get_call_type(typing, kinds, {})
    signature = types.void(body, types.intp, types.intp, arguments)

    def generate(context, builder, signature, values):
        _, threads, workers, arguments = values
        kernel = body.dispatcher.overloads[kinds]
        context.add_linking_libs([kernel.library])
        # What all parts share: the arguments, how many parts there are, whether one has failed.
        start = ir.Constant(_INT32, 0)
        shared = [cgutils.alloca_once_value(builder, v) for v in (arguments, threads, start)]
        record = cgutils.alloca_once(builder, ir.LiteralStructType([p.type for p in shared]))
        for i, pointer in enumerate(shared):
            builder.store(pointer, cgutils.gep_inbounds(builder, record, 0, i))
        some_parts = _some_parts(context, builder, kernel, kinds, record.type)
        first = cgutils.alloca_once_value(builder, ir.Constant(_BYTES, None))
        distance = cgutils.alloca_once_value(builder, ir.Constant(_INDEX, 1))
        pointers, numbers = _BYTES.as_pointer(), _INDEX.as_pointer()
        kind = ir.FunctionType(
            ir.VoidType(),
            [_BYTES, pointers, numbers, numbers, _BYTES, _INDEX, _INDEX, _INT32],
        )
        run = cgutils.get_or_insert_function(builder.module, kind, "numba_parallel_for")
        builder.call(run, [
            builder.bitcast(some_parts, _BYTES), first, shared[1], distance,
            builder.bitcast(record, _BYTES), ir.Constant(_INDEX, 0), ir.Constant(_INDEX, 1),
            builder.trunc(workers, _INT32),
        ])  # fmt: skip
        failed = cgutils.is_not_null(builder, builder.load(shared[2]))
        with builder.if_then(failed, likely=False):
            text = "a kernel failed: there was no memory for it, or it read outside of its arrays"
            context.call_conv.return_user_exc(builder, RuntimeError, (text,))
        return context.get_dummy_value()

    return signature, generate


def _some_parts(context, builder, kernel, kinds, record_type):
    """The function that a worker runs: (address of the first part, how many, …, the record)."""
    pointers, numbers = _BYTES.as_pointer(), _INDEX.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointers, numbers, numbers, _BYTES])
    name = builder.module.get_unique_name("some_parts")
    function = ir.Function(builder.module, kind, name)
    function.linkage = "internal"
    inside = ir.IRBuilder(function.append_basic_block("entry"))
    first, count, _, record = function.args
    first = inside.ptrtoint(inside.load(first), _INDEX)
    record = inside.load(inside.bitcast(record, record_type))
    arguments, threads, failed = (inside.extract_value(record, i) for i in range(3))
    values = cgutils.unpack_tuple(inside, inside.load(arguments), len(kinds) - 2)
    target = context.declare_function(builder.module, kernel.fndesc)
    with cgutils.for_range(inside, inside.load(count)) as loop:
        given = [inside.add(first, loop.index), inside.load(threads), *values]
        status, _ = context.call_conv.call_function(inside, target, types.none, kinds, given)
        with inside.if_then(status.is_error, likely=False):
            inside.store(ir.Constant(_INT32, 1), failed)
    inside.ret_void()
    return function
