"""Operators, and ``x[index]``: the functions' cases again."""

import operator

from cases_methods import FUNCTIONS, fits_in_place, on_a_tensor, redrawn
from drawn import Call, Entry, T, entries

BINARY = {
    "+": ("add", operator.add, operator.iadd),
    "-": ("sub", operator.sub, operator.isub),
    "*": ("mul", operator.mul, operator.imul),
    "/": ("div", operator.truediv, operator.itruediv),
    "//": ("floor_divide", operator.floordiv, None),
    "%": ("remainder", operator.mod, None),
    "**": ("pow", operator.pow, None),
    "@": ("matmul", operator.matmul, None),
    "==": ("eq", operator.eq, None),
    "!=": ("ne", operator.ne, None),
    "<": ("lt", operator.lt, None),
    "<=": ("le", operator.le, None),
    ">": ("gt", operator.gt, None),
    ">=": ("ge", operator.ge, None),
    "&": ("bitwise_and", operator.and_, None),
    "|": ("bitwise_or", operator.or_, None),
    "^": ("bitwise_xor", operator.xor, None),
}


def of_two(base):
    """The function's cases without options; sometimes the number comes first."""

    def draw(d):
        x, y = base.draw(d).args[:2]
        if not isinstance(y, T) and d.chance(0.5):
            x.grad &= base is not FUNCTIONS["remainder"]  # PyTorch has no gradient in this order
            return Call(y, x)
        return Call(x, y)

    return draw


def operating(function, changing):
    def call(module, _, built, call):
        x, y = built.args
        if changing and call.extra:
            return changing(x.clone(), y)
        return function(x, y)

    return call


OPERATORS = {
    f"operator {symbol}": Entry(
        of_two(FUNCTIONS[name]), call=operating(*ways), gradient=FUNCTIONS[name].gradient
    )
    for symbol, (name, *ways) in BINARY.items()
}
for _symbol, (_name, _, _changing) in BINARY.items():
    if _changing:
        fits = lambda c: on_a_tensor(c) and fits_in_place(c)  # noqa: E731
        OPERATORS[f"operator {_symbol}="] = Entry(
            lambda d, n=_name, fits=fits: Call(*redrawn(FUNCTIONS[n], fits)(d).args, extra=True),
            call=operating(None, _changing),
        )
for _symbol, _name, _function in (
    ("-x", "neg", operator.neg),
    ("abs(x)", "abs", abs),
    ("~", "bitwise_not", operator.invert),
):
    OPERATORS[f"operator {_symbol}"] = Entry(
        FUNCTIONS[_name].draw,
        call=lambda module, _, built, call, f=_function: f(built.args[0]),
        gradient=FUNCTIONS[_name].gradient,
    )


def index(d, size):
    low, high = -size, size - 1
    kind = d.integer(0, 4) if size else 1
    if kind == 0:
        return d.integer(low, high)
    if kind == 1:
        return slice(*sorted((d.integer(0, size), d.integer(0, size))), d.integer(1, 2))
    if kind == 2:
        return [d.integer(low, high) for _ in range(3)]
    if kind == 3:
        return d.t((d.integer(1, 2), 3), "int64", low, high)
    return d.t((size,), "bool", 0, 1)


def picking(d):
    shape = d.shape(least=1)
    x = d.t(shape, d.dtype())
    if d.chance(0.15):
        return Call(x, d.t(shape, "bool", 0, 1))
    first = index(d, shape[0])
    places, masked = [first], isinstance(first, (list, T))
    for s in shape[1 : d.integer(1, len(shape))]:
        places.append(d.among(slice(None), slice(0, s), 0 if s and not masked else slice(None)))
    if d.chance(0.3):
        places.insert(d.integer(0, len(places)), d.among(None, Ellipsis))
    return Call(x, tuple(places))


def setting(d):
    call = picking(d)
    if d.chance(0.5):
        call.extra = d.among(0, 1, 2)
    else:
        call.args += (d.t((), str(call.args[0].values.dtype)),)
    return call


def getitem(module, _, built, call):
    return built.args[0][built.args[1]]


def setitem(module, _, built, call):
    x = built.args[0].clone()
    x[built.args[1]] = built.args[2] if len(built.args) > 2 else call.extra
    return x


OPERATORS["operator []"] = Entry(picking, call=getitem)
OPERATORS["operator []="] = Entry(setting, call=setitem)
CASES = entries(OPERATORS)
