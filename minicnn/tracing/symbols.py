"""How the equations write an operation's inputs, output and gradients."""

from dataclasses import dataclass

from minicnn import equations


@dataclass(frozen=True)
class Symbols:
    """Names for one operation.

    Attributes:
        inputs: one for each input; gradients are ∂L/∂ that.
        output: the output's.
        forward: the key of the equation of the forward.
        gradients: for each input the key of the equation that gives its gradient.
    """

    inputs: tuple
    output: str
    forward: str
    gradients: tuple


_NORMALIZATION = ("x", "γ", "β")

SYMBOLS = {
    "Conv2d": Symbols(("X", "W", "b"), "Z", "1.11", ("1.9", "1.12", "1.14")),
    "ConvTranspose2d": Symbols(
        ("X", "W", "b"), "Y", "conv-transpose", ("conv-transpose", "1.12", "1.14")
    ),
    "Linear": Symbols(("x", "W", "b"), "z", "linear", ("linear", "linear", "linear")),
    "MaxPool2d": Symbols(("X",), "Y", "max-pool", ("max-pool",)),
    "AdaptiveMaxPool2d": Symbols(("X",), "Y", "max-pool", ("max-pool",)),
    "AvgPool2d": Symbols(("X",), "Y", "mean-pool", ("mean-pool",)),
    "AdaptiveAvgPool2d": Symbols(("X",), "Y", "adaptive-pool", ("mean-pool",)),
    "BatchNorm": Symbols(_NORMALIZATION, "y", "bn", ("bn-backward",) * 3),
    "LayerNorm": Symbols(_NORMALIZATION, "y", "layer-norm", ("norm-backward",) * 3),
    "GroupNorm": Symbols(_NORMALIZATION, "y", "group-norm", ("norm-backward",) * 3),
    "InstanceNorm": Symbols(_NORMALIZATION, "y", "instance-norm", ("norm-backward",) * 3),
    "LocalResponseNorm": Symbols(("a",), "b", "lrn", ("lrn-backward",)),
    "Softmax": Symbols(("z",), "y", "softmax", ("softmax",)),
    "LogSoftmax": Symbols(("z",), "y", "log-softmax", ("log-softmax",)),
    "CrossEntropy": Symbols(("z",), "L", "softmax-ce", ("softmax-ce",)),
    "SoftCrossEntropy": Symbols(("z", "q"), "L", "soft-ce", ("soft-ce", "soft-ce")),
    "Dropout": Symbols(("x",), "y", "dropout", ("dropout",)),
    "Matmul": Symbols(("A", "B"), "Y", "matmul", ("matmul", "matmul")),
    "Dot": Symbols(("A", "B"), "Y", "matmul", ("matmul", "matmul")),
}

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def symbols_of(operation, inputs):
    """The `Symbols` of an operation that has so many `inputs`.

    >>> from minicnn.ops.arithmetic import Add
    >>> symbols_of(Add(), 2).inputs
    ('x₁', 'x₂')
    """
    known = SYMBOLS.get(type(operation).__name__)
    if known is not None:
        return known
    keys = tuple(operation.equations) or ("",)
    names = (
        ("x",) if inputs == 1 else tuple(f"x{i + 1}".translate(_SUBSCRIPTS) for i in range(inputs))
    )
    return Symbols(names, "y", keys[0], (keys[-1],) * inputs)


def gradient_equation(symbols, i, attributes):
    """The key for the gradient of input i, where the options call for another one: that."""
    key = symbols.gradients[i]
    if attributes.get("smoothing"):
        key = {"softmax-ce": "soft-ce"}.get(key, key)
    if not is_plain_window(attributes):
        key = {"1.9": "conv-dx-stride", "1.12": "conv-dw-stride"}.get(key, key)
    return key


def is_plain_window(attributes):
    """Whether a convolution has stride 1, no padding and no dilation."""
    return all(
        attributes.get(name, default) == default
        for name, default in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1)))
    )


def short_name(symbol):
    """What a gradient is called in code.

    >>> short_name("W"), short_name("γ")
    ('dW', 'dgamma')
    """
    return "d" + {"γ": "gamma", "β": "beta"}.get(symbol, symbol)


def equation(key):
    """The equation with that key, or None for an empty key or one that the user made up."""
    return equations.get(key) if key in equations.keys() else None  # noqa: SIM118
