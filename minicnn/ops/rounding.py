"""Operations whose result jumps: quotients in whole numbers, what remains of them, signs."""

from minicnn.arrays import array_module, unbroadcast
from minicnn.checks import GraphError
from minicnn.ops.base import Operation


class DivRounded(Operation):
    """z = x / y, rounded down ("floor") or towards zero ("trunc").

    z is constant between its jumps: ∂L/∂x = ∂L/∂y = 0.
    """

    equations = ("rounding",)
    fresh = True

    def __init__(self, mode):
        self.mode = mode

    def forward(self, x, y):
        if self.mode == "floor":
            return x // y
        if x.dtype.kind == "f":
            return array_module(x).trunc(x / y)
        # Down, and one up again where the quotient is negative and not whole.
        return x // y + ((x % y != 0) & ((x < 0) != (y < 0))).astype(x.dtype)

    def backward(self, delta):
        zeros = array_module(delta).zeros
        return tuple(
            zeros(shape, dtype) if wanted else None
            for (shape, dtype), wanted in zip(self.inputs, self.needs, strict=False)
        )


class FloorDivide(DivRounded):
    """z = ⌊x / y⌋; without a derivative, as in PyTorch."""

    equations = ("rounding",)

    def __init__(self):
        super().__init__("floor")

    def backward(self, delta):
        raise GraphError(
            "floor_divide (//): has no derivative; use div(x, y, rounding_mode='floor'), "
            "whose gradient is 0, or .detach() one of them"
        )


class Remainder(Operation):
    """z = x − y ⌊x / y⌋, with y's sign;  ∂L/∂x = δ, ∂L/∂y = −δ ⊙ ⌊x / y⌋."""

    equations = ("broadcast",)
    saves = ("x", "y")

    def forward(self, x, y):
        self.x, self.y = (x, y) if self.needs[1] else (None, None)
        return x % y

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        return (
            unbroadcast(delta, x_shape) if self.needs[0] else None,
            unbroadcast(-delta * (self.x // self.y), y_shape) if self.needs[1] else None,
        )


class Sign(Operation):
    """z = 1, 0 or −1 (0 for NaN);  ∂L/∂x = 0."""

    equations = ("sign",)
    fresh = True

    def forward(self, x):
        positive = (x > 0).astype(x.dtype)
        return positive if x.dtype.kind in "bu" else positive - (x < 0).astype(x.dtype)

    def backward(self, delta):
        return array_module(delta).zeros_like(delta)
