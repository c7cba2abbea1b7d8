"""Activations and the linear layer."""

from drawn import Call, D, Entry

IN_PLACE = ("relu", "relu6", "leaky_relu", "elu", "silu", "hardsigmoid", "hardswish")
KINKS = [0.0, -0.0, 3.0, -3.0, 6.0]


def activation(name, **options):
    def draw(d):
        x = d.t(d.shape(most=4), d.dtype("f"))
        x.values = x.values * d.among(1.0, 5.0, 12.0)
        at_kinks = d.rng.random(x.shape) < 0.15  # PyTorch's choice there is part of the comparison
        x.values[...] = x.values + at_kinks * (d.rng.choice(KINKS, x.shape) - x.values)
        call = Call(x, **d.some(**options))
        slope = call.named.get("negative_slope", 1)
        if name in IN_PLACE and slope > 0 and d.chance(0.4):
            call.named["inplace"] = True  # a negative slope is more than PyTorch can
        return call

    return draw


def changed(module, function, built, call):
    """In place a leaf cannot be changed: a computed tensor is; what it became is compared too."""
    x = built.args[0]
    inplace = bool(built.named.get("inplace")) and isinstance(x, module.Tensor)
    x = x * 1 if inplace else x
    out = function(x, *built.args[1:], **built.named)
    return (out, out is x) if inplace else out


def softmax(d):
    x = d.t(d.shape(least=1, smallest=1), d.dtype("f"), -40, 40)
    options = {"dtype": D("float64")} if d.chance(0.1) else {}
    return Call(x, d.dim(len(x.shape)), **options)


def linear(d):
    n, m = d.integer(1, 5), d.integer(1, 5)
    rows, dtype = d.shape(), "float32" if d.chance(0.1) else "float64"
    call = Call(d.t((*rows, n), dtype), d.t((m, n), dtype))
    if d.chance(0.7):
        call.args += (d.t((m,), dtype),)
    return call


OPTIONS = {
    "relu": {},
    "relu6": {},
    "leaky_relu": {"negative_slope": (0.01, 0.3, -0.5)},
    "elu": {"alpha": (1.0, 0.4, 2.5)},
    "gelu": {"approximate": ("none", "tanh")},
    "silu": {},
    "sigmoid": {},
    "tanh": {},
    "hardsigmoid": {},
    "hardswish": {},
    "softplus": {"beta": (1.0, 2.0, 0.3), "threshold": (20.0, 2.0, 0.0)},
}

CASES = {
    f"nn.functional.{name}": Entry(
        activation(name, **options),
        call=changed if name in IN_PLACE else None,
        # PyTorch multiplies the gradient of hardsigmoid by a 1/6 of float32.
        tolerance=1e-7 if name == "hardsigmoid" else 1e-9,
    )
    for name, options in OPTIONS.items()
} | {
    "nn.functional.softmax": softmax,
    "nn.functional.log_softmax": softmax,
    "nn.functional.linear": linear,
}
