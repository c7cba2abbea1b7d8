"""Tensor's methods: the functions' cases again, called as methods and in place; and its own."""

import cases_creation
import cases_elementwise
import cases_reductions
import cases_shapes
import numpy as np
from drawn import Call, D, Entry, T, entries

FUNCTIONS = entries(
    cases_elementwise.CASES | cases_reductions.CASES | cases_shapes.CASES | cases_creation.CASES
)
NOT_METHODS = "einsum cat stack where tensor as_tensor zeros ones full empty from_numpy arange "
NOT_METHODS += "zeros_like ones_like linspace eye rand randn randint randperm"


def redrawn(entry, fits):
    """The first cases of `entry` that fit."""

    def draw(d):
        while True:
            call = entry.draw(d)
            if fits(call):
                return call

    return draw


def on_a_tensor(call):
    return bool(call.args) and isinstance(call.args[0], T)


METHODS = {
    f"Tensor.{n}": Entry(redrawn(e, on_a_tensor), gradient=e.gradient, tolerance=e.tolerance)
    for n, e in FUNCTIONS.items()
    if "." not in n and " " not in n and n not in NOT_METHODS.split()
}

# ------------------------------------------------------------------------------------- in place

IN_PLACE = "neg abs sign exp log sqrt square sin cos tanh sigmoid relu clamp add sub mul div "
IN_PLACE += "floor_divide remainder pow masked_fill cumsum bitwise_and bitwise_or bitwise_xor "
IN_PLACE += "bitwise_not"


def fits_in_place(call, name=""):
    """The result has the tensor's own shape and dtype class: otherwise both refuse."""
    x = call.args[0]
    if name == "cumsum" and x.values.dtype == bool:
        return False  # PyTorch writes the truth of the sums, which are int64
    others = [a for a in (*call.args[1:], *call.named.values()) if isinstance(a, T)]
    shapes = [a.shape for a in others]
    same = np.broadcast_shapes(x.shape, *shapes) == x.shape
    floating = x.values.dtype.kind == "f" or "dtype" not in call.named
    return same and floating and all(a.values.dtype == x.values.dtype for a in others if a.shape)


def in_place(name):
    def call(module, function, built, call):
        """A computed tensor is changed, or a part of one through a view."""
        x = built.args[0]
        changed = x.clone()
        if call.extra:
            getattr(changed.view(changed.shape), name)(*built.args[1:], **built.named)
            return changed
        out = getattr(changed, name)(*built.args[1:], **built.named)
        return out, out is changed

    return call


def with_views(draw):
    def drawn(d):
        call = draw(d)
        call.extra = d.chance(0.3)
        return call

    return drawn


CHANGING = {
    f"Tensor.{n}_": Entry(
        with_views(redrawn(FUNCTIONS[n], lambda c, n=n: on_a_tensor(c) and fits_in_place(c, n))),
        call=in_place(f"{n}_"),
        gradient=FUNCTIONS[n].gradient,
    )
    for n in IN_PLACE.split()
}


def overwriting(d):
    shape = d.shape()
    x = d.t(shape, d.dtype())
    y = d.t(d.broadcast_to(shape), str(x.values.dtype))
    return Call(x, y)


def filling(d):
    x = d.t(d.shape(), d.dtype())
    value = d.t((), "float64") if d.chance(0.3) and x.grad else d.among(0, 1, 2)
    return Call(x, value)


CHANGING |= {
    "Tensor.copy_": Entry(with_views(overwriting), call=in_place("copy_")),
    "Tensor.fill_": Entry(with_views(filling), call=in_place("fill_")),
    "Tensor.zero_": Entry(
        with_views(lambda d: Call(d.t(d.shape(), d.dtype()))), call=in_place("zero_")
    ),
}

# ------------------------------------------------------------------- what only tensors can do


def any_tensor(d):
    return Call(d.t(d.shape(), d.dtype()))


def one_element(d):
    return Call(d.t(d.among((), (1,), (1, 1)), d.dtype(), grad=False))


def detached(d):
    return Call(d.t(d.shape(), d.dtype(), grad=False))


def matrix(d):
    return Call(d.t(d.shape(most=2), d.dtype()))


def converting(d):
    kind = d.integer(0, 3)
    x, name = d.t(d.shape(), d.dtype(), 0, 3), D(d.among("float64", "float32", "int64", "int32"))
    if kind == 0:
        return Call(x, name, *d.among((), (False, True)))
    if kind == 1:
        return Call(x, "cpu", *d.among((), (name,)))
    if kind == 2:
        return Call(x, d.t((1,), d.dtype(), grad=False))
    return Call(x, dtype=name, **d.some(copy=(True, False)))


def choosing(d):
    shape = d.shape()
    condition = d.t(d.broadcast_to(shape), "bool", 0, 1)
    other = d.among(0, 2.5, d.t(d.broadcast_to(shape), d.dtype()))
    return Call(d.t(shape, d.dtype()), condition, other)


def attribute(name):
    def call(module, _, built, call):
        found = getattr(built.args[0], name)
        return found if isinstance(found, module.Tensor) else [found]

    return call


def method(name):
    """What it returns, a shape as a tuple."""

    def call(module, _, built, call):
        out = getattr(built.args[0], name)(*built.args[1:], **built.named)
        return [tuple(out)] if name == "size" and not isinstance(out, int) else [out]

    return call


def size(d):
    shape = d.shape(least=1)
    return Call(d.t(shape), *d.among((), (d.dim(len(shape)),)))


def hooked(module, _, built, call):
    """A hook on a computed tensor sees δ and doubles it; retain_grad keeps the doubled one."""
    x = built.args[0]
    y, seen = x * 2, []
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.clone()) or g * 2)
    y.backward(built.args[1])
    return [*seen, y.grad, x.is_leaf, y.is_leaf]


def hooked_afterwards(module, _, built, call):
    """A hook on a leaf finds the sum of its gradients in `grad`, once a backward pass."""
    x, delta = built.args
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.clone()))
    for _ in range(2):
        (x * 2 + x).backward(delta)
    handle.remove()
    (x * x).backward(delta)
    return [*seen, x.grad, len(seen)]


def two_alike(d):
    shape = d.shape()
    return Call(d.t(shape), d.t(shape, grad=False))


def backwards(module, _, built, call):
    x, delta = built.args
    (x * x).backward(delta)
    return []


def switched(module, _, built, call):
    x = built.args[0].detach().clone().requires_grad_(*built.args[1:])
    return [x.requires_grad, x.data.requires_grad, x.grad is None, x.is_leaf]


def in_memory(module, _, built, call):
    """The shared memory that `.data` and `.detach()` give."""
    x = built.args[0]
    for part in (x.data, x.detach()):
        if x.numel() and x.is_floating_point():
            part.mul_(3)
    return [x.detach().clone(), x.data.requires_grad, x.detach().is_leaf]


def graph_gradient(d):
    """Two outputs of two inputs, one of which may be unused."""
    shape = d.shape()
    pick = d.among("both", "first", "intermediate", "unused")
    return Call(d.t(shape), d.t(shape), d.t(shape, grad=False), d.t(shape, grad=False), extra=pick)


def gradients(module, function, built, call):
    x, y, delta, other = built.args
    z = x * x
    outputs, deltas = [(z * y).sin(), z.exp() * 0.5], [delta, other]
    inputs = {"both": [x, y], "first": x, "intermediate": [z, y], "unused": [x, delta * 1]}
    chosen = inputs[call.extra]
    if call.extra == "unused":
        chosen[1].requires_grad_()
    found = function(outputs, chosen, deltas, allow_unused=call.extra == "unused")
    return [(g is None, 0.0 if g is None else g) for g in found] + [x.grad is None]


CONVERSIONS = ("half", "float", "double", "byte", "int", "long", "bool", "cpu", "type_as")


def as_another(d):
    return Call(d.t(d.shape(), d.dtype(), 0, 3), d.t((1,), d.dtype(), grad=False))


ONLY = {
    "Tensor.clone": any_tensor,
    "Tensor.contiguous": any_tensor,
    "Tensor.detach": Entry(any_tensor, gradient=False),
    "Tensor.t": matrix,
    "Tensor.T": Entry(matrix, call=attribute("T")),
    "Tensor.to": converting,
    "Tensor.where": choosing,
    "Tensor.item": Entry(one_element, gradient=False),
    "Tensor.tolist": Entry(detached, gradient=False),
    "Tensor.numpy": Entry(detached, gradient=False),
    "Tensor.size": Entry(size, call=method("size"), gradient=False),
    "Tensor.backward": Entry(two_alike, call=backwards, gradient=False),
    "Tensor.register_hook": Entry(two_alike, call=hooked, gradient=False),
    "Tensor.register_post_accumulate_grad_hook": Entry(
        two_alike, call=hooked_afterwards, gradient=False
    ),
    "Tensor.retain_grad": Entry(two_alike, call=hooked, gradient=False),
    "Tensor.requires_grad_": Entry(
        lambda d: Call(d.t(d.shape()), d.chance(0.5)), call=switched, gradient=False
    ),
    "Tensor.data": Entry(any_tensor, call=in_memory, gradient=False),
    "autograd.grad": Entry(graph_gradient, call=gradients, gradient=False),
    "autograd.backward": Entry(
        two_alike,
        call=lambda module, function, built, call: function(built.args[0] * 2, built.args[1]) or [],
        gradient=False,
    ),
    **{
        f"Tensor.{n}": Entry(any_tensor, call=attribute(n), gradient=False)
        for n in ("ndim", "requires_grad", "is_leaf")
    },
    **{
        f"Tensor.{n}": Entry(any_tensor, call=method(n), gradient=False)
        for n in ("dim", "numel", "is_contiguous", "is_floating_point")
    },
    **{
        f"Tensor.{n}": Entry(as_another if n == "type_as" else any_tensor, gradient=n in GRADED)
        for n in CONVERSIONS
        for GRADED in [("half", "float", "double", "cpu", "type_as")]
    },
}
CASES = METHODS | CHANGING | entries(ONLY)
