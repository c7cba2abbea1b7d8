"""Products of matrices."""

import math

from minicnn.arrays import unbroadcast
from minicnn.kernels import find
from minicnn.ops.base import Operation


class Matmul(Operation):
    """Z = A B, over batches of matrices;  ∂L/∂A = δ Bᵀ, ∂L/∂B = Aᵀ δ.

    Both inputs have at least two dimensions.
    """

    equations = ("matmul", "broadcast")
    saves = ("a", "b")

    def forward(self, a, b):
        self.a = a if self.needs[1] else None
        self.b = b if self.needs[0] else None
        return find("matmul", a)(a, b)

    def backward(self, delta):
        (a_shape, _), (b_shape, _) = self.inputs
        matmul = find("matmul", delta)
        da = db = None
        if self.needs[0]:
            da = unbroadcast(matmul(delta, self.b.swapaxes(-1, -2)), a_shape)
        if self.needs[1]:
            db = unbroadcast(matmul(self.a.swapaxes(-1, -2), delta), b_shape)
        return da, db


class Linear(Operation):
    """Z = X Wᵀ + b (eq. 1.10 for every row of X), W of shape (out, in).

    ∂L/∂X = δ W,  ∂L/∂W = δᵀ X,  ∂L/∂b = Σ over the rows of δ.
    X may have any number of leading dimensions; each of its last rows is one sample.
    """

    equations = ("1.10", "linear")
    saves = ("x", "w")
    fresh = True

    def forward(self, x, w, b=None):
        self.x = x if self.needs[1] else None
        self.w = w if self.needs[0] else None
        # All leading dimensions count as rows: (…, in) → (rows, in).
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return find("linear", rows)(rows, w, b).reshape(*x.shape[:-1], w.shape[0])

    def backward(self, delta):
        (x_shape, _), (w_shape, _), *bias = self.inputs
        count = math.prod(x_shape[:-1])
        rows = delta.reshape(count, w_shape[0])
        dx = dw = None
        if self.needs[0]:
            dx = find("linear_input_gradient", rows)(rows, self.w).reshape(x_shape)
        if self.needs[1]:
            dw = find("linear_weight_gradient", rows)(rows, self.x.reshape(count, w_shape[1]))
        if not bias:
            return dx, dw
        return dx, dw, rows.sum(axis=0) if self.needs[2] else None


class Dot(Operation):
    """z = Σ a_i b_i, of two vectors;  ∂L/∂a = δ b, ∂L/∂b = δ a."""

    equations = ("matmul",)
    saves = ("a", "b")
    fresh = True

    def forward(self, a, b):
        self.a, self.b = a, b
        return find("matmul", a)(a, b)

    def backward(self, delta):
        return delta * self.b, delta * self.a
