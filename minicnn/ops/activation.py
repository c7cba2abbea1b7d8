"""Activation functions f, applied element by element: ∂L/∂x = f'(x) ⊙ δ.

This f'(Z) ⊙ … is the first factor of eq. 1.16 and 1.17; the second is the δ that arrives.
"""

from minicnn.arrays import array_module
from minicnn.ops.base import Operation


class Sigmoid(Operation):
    """σ(x) = 1 / (1 + e^(−x));  σ' = σ (1 − σ)."""

    equations = ("sigmoid",)
    saves = ("y",)
    fresh = True

    def forward(self, x):
        # e^(−|x|) cannot overflow, and e/(1 + e) keeps the small values that 1 − 1/(1 + e) loses.
        xp = array_module(x)
        e = xp.exp(-abs(x))
        self.y = xp.where(x < 0, e, 1) / (1 + e)
        return self.y

    def backward(self, delta):
        return delta * (self.y * (1 - self.y))


class Tanh(Operation):
    """y = tanh(x);  tanh' = 1 − tanh²."""

    equations = ("tanh",)
    saves = ("y",)
    fresh = True

    def forward(self, x):
        self.y = array_module(x).tanh(x)
        return self.y

    def backward(self, delta):
        return delta * (1 - self.y * self.y)


class ReLU(Operation):
    """y = max(x, 0);  ReLU' is 1 for x > 0, else 0 (at 0 it does not exist; 0 is used)."""

    equations = ("relu",)
    saves = ("y",)
    fresh = True

    def forward(self, x):
        self.y = array_module(x).maximum(x, 0)
        return self.y

    def backward(self, delta):
        # y ≤ 0 exactly where x ≤ 0, so the output is all that has to be kept.
        return array_module(delta).where(self.y <= 0, 0, delta)
