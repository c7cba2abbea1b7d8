"""`export`: from a network to a file."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError
from minicnn.device import on_cpu_only
from minicnn.nn import Module
from minicnn.onnx.recording import FromStep, Run, compare
from minicnn.onnx.translations import TRANSLATIONS
from minicnn.onnx.writer import BATCH, Writer, package
from minicnn.serialization.atomic import as_path, atomic_write
from minicnn.tensor import Tensor


def export(
    model, example, path, *, input_names=None, output_names=None, dynamic_batch=True
):  # fmt: skip
    """Write `model`, as it is in use (``eval()``), to the ONNX file `path`.

    The file holds the operations that ran on the example, and the weights under their names in
    ``state_dict()``. It takes inputs of the example's size and dtype only; of any batch with
    `dynamic_batch`.

    The network runs twice, on the example and on other numbers: what it does must not depend on
    them. It is in evaluation mode meanwhile, and left as it was.

    Args:
        model: a `Module`.
        example: an input, a tensor whose first dimension is the batch; a tuple of tensors for
            networks with several inputs.
        path: the file's name; an existing file is replaced, and only when all has gone well.
        input_names: what the inputs are called; default: ``["input"]``, or ``["input_1", …]``.
        output_names: what the outputs are called; default: ``["output"]``, or ``["output_1", …]``.
        dynamic_batch: leave the size of the batch open. Sizes that the network computes from it
            (in reshape, expand) are then computed in the file too; other things that depend on it
            are refused. False fixes it to the example's.

    Raises:
        MissingPartError: the package `onnx` is not installed.
        ArgumentError: an operation that has no translation into ONNX (the message names it); a
            network whose operations depend on the numbers it is given; names that do not fit.
        DtypeError: not a module, not a tensor, not a file name.

    >>> import minicnn as mc
    >>> model = mc.models.lenet5()
    >>> mc.onnx.export(model, mc.zeros(1, 1, 28, 28), "lenet.onnx")  # doctest: +SKIP
    """
    path = as_path("onnx.export", path)
    if not isinstance(model, Module):
        raise DtypeError(f"onnx.export: expected a Module, got {type(model).__name__}")
    inputs = _inputs(example)
    on_cpu_only("onnx.export", [*model.parameters(), *model.buffers(), *inputs])
    package()
    first, second, batches = _two_runs(model, inputs, dynamic_batch)
    steps = compare(first, second)
    input_names = _names("input", input_names, len(inputs))
    output_names = _names("output", output_names, len(first.outputs))
    state = dict([*model.named_parameters(), *model.named_buffers()])
    clash = sorted({*state} & {*input_names, *output_names})
    if clash or len({*input_names, *output_names}) < len(input_names) + len(output_names):
        raise ArgumentError(
            f"onnx.export: each name of an input, output or weight must stand for one: "
            f"{[*input_names, *output_names]}" + (f"; {clash} are weights" if clash else "")
        )
    writer = Writer(state, input_names, output_names, batches)
    computed = _translate(steps, first.outputs, writer)

    def described(name, dtype, shapes):
        sizes = zip(*shapes, strict=True)
        return name, dtype, [a if a == b else BATCH if a == batches[0] else None for a, b in sizes]

    content = writer.model(
        type(model).__name__,
        [
            described(name, x.dtype, (x.shape, (batches[1], *x.shape[1:])))
            for name, x in zip(input_names, inputs, strict=True)
        ],
        [
            (writer.value(source, computed), *described(name, dtype, shapes))
            for source, name, dtype, *shapes in zip(
                first.outputs, output_names, first.output_dtypes,
                first.output_shapes, second.output_shapes, strict=True,
            )
        ],
    )  # fmt: skip
    with atomic_write(path, "onnx.export") as file:
        file.write(content)


def _inputs(example):
    inputs = example if isinstance(example, (tuple, list)) else (example,)
    for x in inputs:
        if not isinstance(x, Tensor):
            raise DtypeError(
                f"onnx.export: example must be a tensor or a tuple of them, got {type(x).__name__}"
            )
        if not x.ndim or not x.numel() or len(x) != len(inputs[0]):
            raise ArgumentError(
                "onnx.export: example needs at least one sample, and every input the same number; "
                f"got shapes {[x.shape for x in inputs]}"
            )
    if not inputs:
        raise ArgumentError("onnx.export: example holds no input")
    return inputs


def _names(what, given, count):
    if given is None:
        return [what] if count == 1 else [f"{what}_{i + 1}" for i in range(count)]
    names = [given] if isinstance(given, str) else list(given)
    if len(names) != count or not all(isinstance(n, str) and n for n in names):
        raise ArgumentError(f"onnx.export: the network has {count} {what}(s), got names {names}")
    return names


def _two_runs(model, inputs, dynamic_batch):
    """Two runs in evaluation mode, and the sizes of their batches."""
    training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        first = Run(model, inputs)
        # More than double: halves of the batch, too, are found to depend on it.
        others = [_other(x, len(x) + 1 if dynamic_batch else 0) for x in inputs]
        try:
            second = Run(model, others)
        except (ArgumentError, ValueError, TypeError, IndexError) as error:
            raise ArgumentError(
                f"onnx.export: the network works on the example, but not on {len(others[0])} "
                f"samples of other numbers: {error}"
                + (". Export with dynamic_batch=False" if dynamic_batch else "")
            ) from error
    finally:
        for module, mode in training:
            module.training = mode
    return first, second, (len(inputs[0]), len(others[0]))


def _other(x, more):
    """Other numbers in the place of an input, `more` samples more."""
    rng = np.random.default_rng(0)
    shape = (len(x) + more, *x.shape[1:])
    if not x.is_floating_point():
        # Numbers that occur in the example: they may be places in a table.
        return Tensor(rng.choice(x.array.reshape(-1), shape))
    spread = float(x.array.std()) or 1.0
    return Tensor(rng.normal(float(x.array.mean()), spread, shape).astype(x.dtype))


def _translate(steps, outputs, writer):
    """Write the steps that the outputs depend on; returns the names of their values."""
    needed = {source.step for source in outputs if isinstance(source, FromStep)}
    for number in reversed(range(len(steps))):
        if number in needed:
            needed |= {s.step for s in steps[number].sources if isinstance(s, FromStep)}
    unknown = sorted(
        {steps[n].name for n in needed if type(steps[n].operation) not in TRANSLATIONS}
    )
    if unknown:
        raise ArgumentError(
            f"onnx.export: {', '.join(unknown)} cannot be translated into ONNX; nothing was "
            "written. Write that part of the network with other operations"
        )
    computed = {}
    for number in sorted(needed):
        step = steps[number]
        values = [writer.value(source, computed) for source in step.sources]
        result = TRANSLATIONS[type(step.operation)](writer, step, *values)
        for i, value in enumerate(result if isinstance(result, tuple) else (result,)):
            computed[FromStep(number, i)] = value
    return computed
