"""Arithmetic, element by element, with broadcasting.

Every backward ends in `unbroadcast`: an input that was stretched to the output's shape receives the
sum of the gradients of all its copies (equation ``broadcast``).
"""

from minicnn.arrays import array_module, unbroadcast
from minicnn.device import moved
from minicnn.kernels import find
from minicnn.ops.base import Operation


class Add(Operation):
    """z = x + y;  ∂L/∂x = δ, ∂L/∂y = δ."""

    equations = ("broadcast",)

    def forward(self, x, y):
        return x + y

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        return (
            unbroadcast(delta, x_shape) if self.needs[0] else None,
            unbroadcast(delta, y_shape) if self.needs[1] else None,
        )


class Sub(Operation):
    """z = x − y;  ∂L/∂x = δ, ∂L/∂y = −δ."""

    equations = ("broadcast",)

    def forward(self, x, y):
        return x - y

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        return (
            unbroadcast(delta, x_shape) if self.needs[0] else None,
            unbroadcast(-delta, y_shape) if self.needs[1] else None,
        )


class Mul(Operation):
    """z = x ⊙ y;  ∂L/∂x = δ ⊙ y, ∂L/∂y = δ ⊙ x.

    One number for each map, (N, C, 1, 1), times the map, as in squeeze-and-excitation, has a kernel
    of its own.
    """

    equations = ("broadcast",)
    saves = ("x", "y")
    fresh = True

    def forward(self, x, y):
        self.x = x if self.needs[1] else None
        self.y = y if self.needs[0] else None
        self.scales = x.ndim == 4 and x.shape[:2] == y.shape[:2] and y.shape[2:] == (1, 1)
        return find("scale_maps", x)(x, y) if self.scales else x * y

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        if self.scales and all(self.needs[:2]):
            return find("scale_maps_gradient", delta)(delta, self.x, self.y)
        return (
            unbroadcast(delta * self.y, x_shape) if self.needs[0] else None,
            unbroadcast(delta * self.x, y_shape) if self.needs[1] else None,
        )


class Div(Operation):
    """z = x / y;  ∂L/∂x = δ / y, ∂L/∂y = −δ ⊙ x / y²."""

    equations = ("broadcast",)
    saves = ("x", "y")

    def forward(self, x, y):
        self.x = x if self.needs[1] else None
        self.y = y
        return x / y

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        return (
            unbroadcast(delta / self.y, x_shape) if self.needs[0] else None,
            # Not x / (y · y): the square of a small y is 0, that of a large one infinite.
            unbroadcast(-delta * (self.x / self.y / self.y), y_shape) if self.needs[1] else None,
        )


class Pow(Operation):
    """z = x^y;  ∂L/∂x = δ ⊙ y x^(y−1), ∂L/∂y = δ ⊙ z ln x."""

    equations = ("broadcast",)
    saves = ("x", "y", "z")

    def forward(self, x, y):
        self.x, self.y = x, y
        z = x**y if x.dtype.kind == "f" else integer_power(x, y)
        self.z = z if self.needs[1] else None
        return z

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        xp = array_module(delta)
        dx = dy = None
        if self.needs[0]:
            # x^0 is the constant 1, also at x = 0 where x^(−1) is infinite, and at NaN.
            slope = xp.where(self.y == 0, 0, self.y * self.x ** (self.y - 1))
            dx = unbroadcast((delta * slope).astype(delta.dtype), x_shape)
        if self.needs[1]:
            # 0^y is the constant 0 for y ≥ 0, and ln 0 must not reach it.
            flat = (self.x == 0) & (self.y >= 0)
            log = xp.log(xp.where(flat, 1, self.x)).astype(delta.dtype)
            dy = unbroadcast(xp.where(flat, 0, delta * self.z * log).astype(delta.dtype), y_shape)
        return dx, dy


def integer_power(x, y):
    """x^y of integers; a negative power is 1/x^|y| with its fraction cut off: 0 unless x = ±1."""
    xp = array_module(x)
    if y.dtype.kind != "i" or not (y < 0).any():
        return x**y
    odd = xp.where(y % 2 == 0, 1, x)
    return xp.where(y < 0, xp.where(abs(x) == 1, odd, 0), x ** xp.maximum(y, 0)).astype(x.dtype)


class Neg(Operation):
    """z = −x;  ∂L/∂x = −δ."""

    equations = ("neg",)
    fresh = True

    def forward(self, x):
        return -x

    def backward(self, delta):
        return -delta


class Abs(Operation):
    """z = |x|;  ∂L/∂x = δ ⊙ sign(x), 0 at x = 0."""

    equations = ("abs",)
    saves = ("x",)
    fresh = True

    def forward(self, x):
        self.x = x
        return abs(x)

    def backward(self, delta):
        # +1, −1 or 0; NumPy's sign would make NaN of NaN, PyTorch's makes 0.
        return delta * ((self.x > 0).astype(delta.dtype) - (self.x < 0))


class Exp(Operation):
    """z = eˣ;  ∂L/∂x = δ ⊙ z."""

    equations = ("exp",)
    saves = ("z",)
    fresh = True

    def forward(self, x):
        self.z = array_module(x).exp(x)
        return self.z

    def backward(self, delta):
        return delta * self.z


class Log(Operation):
    """z = ln x;  ∂L/∂x = δ / x."""

    equations = ("log",)
    saves = ("x",)
    fresh = True

    def forward(self, x):
        self.x = x
        return array_module(x).log(x)

    def backward(self, delta):
        return delta / self.x


class Sqrt(Operation):
    """z = √x;  ∂L/∂x = δ / 2z."""

    equations = ("sqrt",)
    saves = ("z",)
    fresh = True

    def forward(self, x):
        self.z = array_module(x).sqrt(x)
        return self.z

    def backward(self, delta):
        return delta / (2 * self.z)


class Sin(Operation):
    """z = sin x;  ∂L/∂x = δ ⊙ cos x."""

    equations = ("sin",)
    saves = ("x",)
    fresh = True

    def forward(self, x):
        self.x = x
        return array_module(x).sin(x)

    def backward(self, delta):
        return delta * array_module(delta).cos(self.x)


class Cos(Operation):
    """z = cos x;  ∂L/∂x = −δ ⊙ sin x."""

    equations = ("cos",)
    saves = ("x",)
    fresh = True

    def forward(self, x):
        self.x = x
        return array_module(x).cos(x)

    def backward(self, delta):
        return -delta * array_module(delta).sin(self.x)


class Clamp(Operation):
    """z = min(max(x, low), high);  ∂L/∂x = δ where low ≤ x ≤ high, else 0."""

    equations = ("clamp",)
    saves = ("inside",)
    fresh = True

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        xp = array_module(x)
        self.inside = xp.ones(x.shape, bool)
        z = x
        if self.low is not None:
            self.inside &= x >= self.low
            z = xp.maximum(z, x.dtype.type(self.low))
        if self.high is not None:
            self.inside &= x <= self.high
            z = xp.minimum(z, x.dtype.type(self.high))
        return z

    def backward(self, delta):
        return array_module(delta).where(self.inside, delta, 0)


class Cast(Operation):
    """The same numbers in another dtype;  ∂L/∂x = δ, in the dtype of x."""

    equations = ("identity",)

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, x):
        return x.astype(self.dtype)

    def backward(self, delta):
        return delta.astype(self.inputs[0][1])


class ToDevice(Operation):
    """The same numbers on another device;  ∂L/∂x = δ, brought back to where x is."""

    equations = ("identity",)
    fresh = True

    def __init__(self, source, device):
        self.source, self.device = source, device

    def forward(self, x):
        return moved(x, self.device)

    def backward(self, delta):
        return moved(delta, self.source)


class Clone(Operation):
    """z = x, in memory of its own;  ∂L/∂x = δ."""

    equations = ("identity",)

    def forward(self, x):
        return x.copy()

    def backward(self, delta):
        return delta


class Where(Operation):
    """z = x where the condition holds, else y; δ goes to whichever was taken."""

    equations = ("broadcast",)
    saves = ("condition",)

    def __init__(self, condition):
        self.condition = condition

    def forward(self, x, y):
        return array_module(x).where(self.condition, x, y)

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        where = array_module(delta).where
        return (
            unbroadcast(where(self.condition, delta, 0), x_shape) if self.needs[0] else None,
            unbroadcast(where(self.condition, 0, delta), y_shape) if self.needs[1] else None,
        )
