"""Values that are dropped at random while training."""

from minicnn.ops.base import Operation


class Dropout(Operation):
    """y = m ⊙ x / (1 − p), P(m = 0) = p;  ∂L/∂x = m ⊙ δ / (1 − p), with the *same* m.

    `mask` is m, drawn by the caller: True where x is kept, of a shape that broadcasts to that of
    x. One value for each map (N, C, 1, 1) drops whole maps, one for each sample whole samples.
    """

    equations = ("dropout", "stochastic-depth")
    saves = ("mask",)
    fresh = True

    def __init__(self, mask, p):
        self.mask, self.p = mask, p

    def _scale(self, dtype):
        # p = 1 keeps nothing, so there is nothing to divide by 0.
        return self.mask.astype(dtype) / (1 - self.p if self.p < 1 else 1)

    def forward(self, x):
        return x * self._scale(x.dtype)

    def backward(self, delta):
        return delta * self._scale(delta.dtype)
