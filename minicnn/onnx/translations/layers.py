"""Layers with weights, and normalisation."""

from minicnn.checks import ArgumentError
from minicnn.onnx.translations.shapes import new_shape
from minicnn.ops import convolution, linear, normalization


def _window(stride, padding, dilation, groups):
    return {
        "strides": list(stride),
        "pads": [*padding, *padding],
        "dilations": list(dilation),
        "group": groups,
    }


def conv2d(writer, step, x, w, *bias):
    return writer.node("Conv", [x, w, *bias], **_window(*step.option("options")))


def conv_transpose2d(writer, step, x, w, *bias):
    options = step.option("options")
    size, kernel = step.shapes[0][0][2:], step.shapes[1][0][2:]
    # What the output has beyond the least that the windows reach.
    extra = [
        out - ((n - 1) * s - 2 * p + d * (k - 1) + 1)
        for out, n, k, s, p, d in zip(step.option("out"), size, kernel, *options[:3], strict=True)
    ]
    window = _window(*options)
    return writer.node("ConvTranspose", [x, w, *bias], output_padding=extra, **window)


def fully_connected(writer, step, x, w, *bias):
    if len(step.shapes[0][0]) == 2:
        return writer.node("Gemm", [x, w, *bias], transB=1)
    product = writer.node("MatMul", [x, writer.node("Transpose", [w], perm=[1, 0])])
    return writer.node("Add", [product, *bias]) if bias else product


def matmul(writer, step, a, b):
    return writer.node("MatMul", [a, b])


def batch_norm(writer, step, x, gamma, beta):
    if step.option("statistics") is None:
        return normalization_by_own(writer, step, x, gamma, beta)
    mean, var = (writer.value(step.vector(s)) for s in step.option("statistics"))
    eps = float(step.option("eps"))
    return writer.node("BatchNormalization", [x, gamma, beta, mean, var], epsilon=eps)


def normalization_by_own(writer, step, x, gamma, beta):
    """By the mean and variance of the input itself, whatever they are taken over."""
    view, axes = step.both("view"), writer.integers(step.option("axes"))
    x = writer.node("Reshape", [x, new_shape(writer, step.name, view)])
    centred = writer.node("Sub", [x, writer.node("ReduceMean", [x, axes])])
    squares = writer.node("Mul", [centred, centred])
    eps = writer.constant(step.option("eps"), step.dtype)
    variance = writer.node("Add", [writer.node("ReduceMean", [squares, axes]), eps])
    y = writer.node("Div", [centred, writer.node("Sqrt", [variance])])
    shape = writer.integers(step.option("parameters"))
    y = writer.node("Mul", [y, writer.node("Reshape", [gamma, shape])])
    y = writer.node("Add", [y, writer.node("Reshape", [beta, shape])])
    return writer.node("Reshape", [y, new_shape(writer, step.name, step.shapes[0])])


def local_response_norm(writer, step, x):
    before, after = step.option("before"), step.option("after")
    if before != after:
        raise ArgumentError(
            f"onnx.export: LocalResponseNorm over {before + after + 1} channels cannot be "
            "translated into ONNX, whose LRN takes odd numbers only"
        )
    size = before + after + 1
    # Both divide α by the size; the operation holds the quotient.
    return writer.node(
        "LRN",
        [x],
        size=size,
        alpha=float(step.option("alpha") * size),
        beta=float(step.option("beta")),
        bias=float(step.option("k")),
    )


TRANSLATIONS = {
    convolution.Conv2d: conv2d,
    convolution.ConvTranspose2d: conv_transpose2d,
    linear.Dot: matmul,
    linear.Linear: fully_connected,
    linear.Matmul: matmul,
    normalization.BatchNorm: batch_norm,
    normalization.GroupNorm: normalization_by_own,
    normalization.InstanceNorm: batch_norm,
    normalization.LayerNorm: normalization_by_own,
    normalization.LocalResponseNorm: local_response_norm,
}
