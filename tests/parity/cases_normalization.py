"""Normalisation, one_hot."""

import math

from drawn import Call, Entry


def channels_first(d, name):
    n, c = d.integer(1, 3), d.integer(1, 4)
    places = tuple(d.integer(2, 4) for _ in range(d.integer(1, 3)))
    if name == "batch_norm" and d.chance(0.3):
        n, places = n + 1, ()
    return n, c, *places


def values(d, shape):
    x = d.t(shape)
    x.values = x.values * d.among(0.3, 3) + d.among(0, 7)
    return x


def affine(d, shape):
    return {k: d.t(shape) for k in ("weight", "bias") if d.chance(0.6)}


def with_statistics(name, own):
    """batch_norm and instance_norm: `own` names the flag for the batch's own statistics."""

    def draw(d):
        shape = channels_first(d, name)
        c = shape[1]
        call = Call(values(d, shape), **affine(d, (c,)), **d.some(eps=(1e-2,), momentum=(0.3,)))
        call.named[own] = d.chance(0.5)
        if not call.named[own] or d.chance(0.5) or name == "batch_norm":
            call.named["running_mean"] = d.t((c,), grad=False)
            call.named["running_var"] = d.t((c,), low=0.5, high=2, grad=False)
        # PyTorch's backward reads strided weights and statistics as if they were none: other
        # numbers, and some from behind their end.
        for argument in set(call.named) & {"weight", "running_mean", "running_var"}:
            call.named[argument].layout = 0
        return call

    return draw


def and_statistics(module, function, built, call):
    out = function(*built.args, **built.named)
    running = [built.named.get(k) for k in ("running_mean", "running_var")]
    return [out, *[r for r in running if isinstance(r, module.Tensor)]]


def layer_norm(d):
    shape = channels_first(d, "layer_norm")
    last = shape[len(shape) - d.integer(1, len(shape) - 1) :]
    return Call(values(d, shape), list(last), **affine(d, last), **d.some(eps=(1e-2, 1e-5)))


def group_norm(d):
    n, c, *places = channels_first(d, "group_norm")
    groups = d.integer(1, 3)
    parameters = affine(d, (c * groups,))
    if "weight" not in parameters:
        parameters = {}  # PyTorch's backward fails for a bias without a weight
    x = values(d, (n, c * groups, *places))
    return Call(x, groups, **parameters, **d.some(eps=(1e-2, 1e-5)))


def local_response_norm(d):
    x = values(d, channels_first(d, "local_response_norm"))
    x.layout = 0 if len(x.shape) == 5 else x.layout  # PyTorch cannot view the other layouts
    return Call(x, d.integer(1, 6), **d.some(alpha=(1e-4, 0.7), beta=(0.75, 1.3), k=(1.0, 2.0)))


NORMS = (0, 0.5, 1, 1.5, 2, 3.0, math.inf, -1.0)


def normalize(d):
    shape = d.shape(most=4, smallest=1, least=1)
    x = d.t(shape, "float32" if d.chance(0.1) else "float64", -1, 1, ties=d.chance(0.25))
    dim = d.dims(len(shape), none=False)
    return Call(x, float(d.among(*NORMS)), dim, **d.some(eps=(0.7, 1e-12)))


def one_hot(d):
    labels = d.t(d.shape(smallest=1), "int64", 0, 4)
    return Call(labels, *d.among((), (5,), (8,), (-1,)))


CASES = {
    "nn.functional.batch_norm": Entry(
        with_statistics("batch_norm", "training"), call=and_statistics, tolerance=1e-8
    ),
    "nn.functional.instance_norm": Entry(
        with_statistics("instance_norm", "use_input_stats"), call=and_statistics, tolerance=1e-8
    ),
    "nn.functional.layer_norm": Entry(layer_norm, tolerance=1e-8),
    "nn.functional.group_norm": Entry(group_norm, tolerance=1e-8),
    "nn.functional.local_response_norm": local_response_norm,
    "nn.functional.normalize": normalize,
    "nn.functional.one_hot": Entry(one_hot, gradient=False),
}
