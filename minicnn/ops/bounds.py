"""The greater or lesser of tensors, element by element."""

from minicnn.arrays import array_module, unbroadcast
from minicnn.ops.base import Operation


class Maximum(Operation):
    """z = max(x, y);  δ goes to the greater; where they are equal, each receives half of it."""

    equations = ("broadcast",)
    saves = ("x", "y")
    fresh = True

    def forward(self, x, y):
        self.x, self.y = x, y
        return array_module(x).maximum(x, y)

    def loses(self, x, y):
        return x < y

    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        where = array_module(delta).where
        share = where(self.x == self.y, delta / 2, delta)
        # Not `where(wins, …)`: NaN neither wins nor loses, and PyTorch gives δ to both then.
        return (
            unbroadcast(where(self.loses(self.x, self.y), 0, share), x_shape),
            unbroadcast(where(self.loses(self.y, self.x), 0, share), y_shape),
        )


class Minimum(Maximum):
    """z = min(x, y);  δ goes to the lesser; where they are equal, each receives half of it."""

    def forward(self, x, y):
        self.x, self.y = x, y
        return array_module(x).minimum(x, y)

    def loses(self, x, y):
        return x > y


class ClampBetween(Operation):
    """z = min(max(x, low), high) with tensors as bounds, `low`, `high` or both in that order.

    δ goes to x where low ≤ x ≤ high, else to the bound that was taken; high where the two cross.
    """

    equations = ("broadcast",)
    saves = ("x", "low", "high")
    fresh = True

    def __init__(self, has_low, has_high):
        self.has_low, self.has_high = has_low, has_high

    def forward(self, x, *bounds):
        xp = array_module(x)
        self.x = z = x
        self.low = bounds[0] if self.has_low else None
        self.high = bounds[-1] if self.has_high else None
        if self.has_low:
            z = xp.maximum(z, self.low)
        return xp.minimum(z, self.high) if self.has_high else z

    def backward(self, delta):
        where = array_module(delta).where
        inside, taken = True, []
        if self.has_low:
            inside = self.x >= self.low
            below = self.x < self.low
            taken.append(below & (self.low < self.high) if self.has_high else below)
        if self.has_high:
            inside = inside & (self.x <= self.high)
            above = self.x > self.high
            taken.append(above | (self.high < self.low) if self.has_low else above)
        shapes = [shape for shape, _ in self.inputs]
        return tuple(
            unbroadcast(where(mask, delta, 0), shape)
            for mask, shape in zip([inside, *taken], shapes, strict=True)
        )
