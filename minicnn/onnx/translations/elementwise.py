"""Arithmetic and activation functions."""

import math

from minicnn.ops import activation, arithmetic, bounds, rounding


def _same(kind, **attributes):
    """A translation into one node of the same meaning."""

    def translate(writer, step, *inputs):
        return writer.node(kind, list(inputs), **attributes)

    return translate


def _number(writer, step, value):
    return writer.constant(value, step.dtype)


def relu6(writer, step, x):
    return writer.node("Clip", [x, _number(writer, step, 0), _number(writer, step, 6)])


def clamp(writer, step, x):
    low, high = (step.option(name) for name in ("low", "high"))
    if low is not None:
        x = writer.node("Max", [x, _number(writer, step, low)])
    if high is not None:
        x = writer.node("Min", [x, _number(writer, step, high)])
    return x if (low, high) != (None, None) else writer.node("Identity", [x])


def clamp_between(writer, step, x, *limits):
    if step.option("has_low"):
        x = writer.node("Max", [x, limits[0]])
    return writer.node("Min", [x, limits[-1]]) if step.option("has_high") else x


def leaky_relu(writer, step, x):
    return writer.node("LeakyRelu", [x], alpha=float(step.option("a")))


def elu(writer, step, x):
    return writer.node("Elu", [x], alpha=float(step.option("a")))


def silu(writer, step, x):
    return writer.node("Mul", [x, writer.node("Sigmoid", [x])])


def hardsigmoid(writer, step, x):
    # Not HardSigmoid: its slope 1/6 would be rounded to float32.
    shifted = writer.node("Add", [x, _number(writer, step, 3)])
    return writer.node("Div", [relu6(writer, step, shifted), _number(writer, step, 6)])


def hardswish(writer, step, x):
    return writer.node("Mul", [x, hardsigmoid(writer, step, x)])


def gelu(writer, step, x):
    scaled = writer.node("Mul", [x, _number(writer, step, 1 / math.sqrt(2))])
    twice = writer.node("Add", [writer.node("Erf", [scaled]), _number(writer, step, 1)])
    return writer.node("Mul", [writer.node("Mul", [x, _number(writer, step, 0.5)]), twice])


def gelu_tanh(writer, step, x):
    cube = writer.node("Mul", [writer.node("Mul", [x, x]), x])
    inner = writer.node("Add", [x, writer.node("Mul", [cube, _number(writer, step, 0.044715)])])
    inner = writer.node("Mul", [inner, _number(writer, step, math.sqrt(2 / math.pi))])
    twice = writer.node("Add", [writer.node("Tanh", [inner]), _number(writer, step, 1)])
    return writer.node("Mul", [writer.node("Mul", [x, _number(writer, step, 0.5)]), twice])


def softplus(writer, step, x):
    beta, limit = _number(writer, step, step.option("beta")), step.option("threshold")
    z = writer.node("Mul", [x, beta])
    smooth = writer.node("Div", [writer.node("Softplus", [z]), beta])
    large = writer.node("Greater", [z, _number(writer, step, limit)])
    return writer.node("Where", [large, x, smooth])


def where(writer, step, x, y):
    return writer.node("Where", [writer.constant(step.option("condition")), x, y])


def cast(writer, step, x):
    return writer.cast(x, step.option("dtype"))


TRANSLATIONS = {
    activation.ELU: elu,
    activation.GELU: gelu,
    activation.GELUTanh: gelu_tanh,
    activation.Hardsigmoid: hardsigmoid,
    activation.Hardswish: hardswish,
    activation.LeakyReLU: leaky_relu,
    activation.ReLU: _same("Relu"),
    activation.ReLU6: relu6,
    activation.SiLU: silu,
    activation.Sigmoid: _same("Sigmoid"),
    activation.Softplus: softplus,
    activation.Tanh: _same("Tanh"),
    arithmetic.Abs: _same("Abs"),
    arithmetic.Add: _same("Add"),
    arithmetic.Cast: cast,
    arithmetic.Clamp: clamp,
    arithmetic.Clone: _same("Identity"),
    arithmetic.Cos: _same("Cos"),
    arithmetic.Div: _same("Div"),
    arithmetic.Exp: _same("Exp"),
    arithmetic.Log: _same("Log"),
    arithmetic.Mul: _same("Mul"),
    arithmetic.Neg: _same("Neg"),
    arithmetic.Pow: _same("Pow"),
    arithmetic.Sin: _same("Sin"),
    arithmetic.Sqrt: _same("Sqrt"),
    arithmetic.Sub: _same("Sub"),
    arithmetic.Where: where,
    bounds.ClampBetween: clamp_between,
    bounds.Maximum: _same("Max"),
    bounds.Minimum: _same("Min"),
    rounding.Sign: _same("Sign"),
}
