"""Convolution of D input maps with P·D kernels, and its two gradients."""

from minicnn.kernels import find
from minicnn.ops.base import Operation


class Conv2d(Operation):
    """Z^p = Σ_d W^(p,d) ⊗ X^d + b^p  (eq. 1.11), with δ = ∂L/∂Z (1.13):

    ∂L/∂X^d = Σ_p rot180(W^(p,d)) ⊗~ δ^p   (1.9, the second factor of 1.16)
    ∂L/∂W^(p,d) = δ^p ⊗ X^d                (1.12)
    ∂L/∂b^p = Σ_ij δ^p_ij                  (1.14)

    X (N, C, H, W), W (F, C/groups, kh, kw), b (F) → Z (N, F, OH, OW). How stride, padding,
    dilation and groups enter the gradients: equations ``conv-dx-stride``, ``conv-dw-stride``.
    """

    equations = ("1.11", "1.9", "1.12", "1.13", "1.14", "conv-dx-stride", "conv-dw-stride")
    saves = ("x", "w")
    fresh = True

    def __init__(self, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
        self.options = stride, padding, dilation, groups

    def forward(self, x, w, b=None):
        self.x = x if self.needs[1] else None
        self.w = w if self.needs[0] else None
        return find("conv2d", x)(x, w, *self.options, b)

    def backward(self, delta):
        (x_shape, _), (w_shape, _), *bias = self.inputs
        dx = dw = None
        if self.needs[0]:
            dx = find("conv2d_input_gradient", delta)(delta, self.w, x_shape[2:], *self.options)
        if self.needs[1]:
            dw = find("conv2d_weight_gradient", delta)(delta, self.x, w_shape[2:], *self.options)
        if not bias:
            return dx, dw
        return dx, dw, find("bias_gradient", delta)(delta) if self.needs[2] else None


class ConvNormAct(Operation):
    """f(BN(Z) + r) with Z = Σ_d W ⊗ X + b (1.11), in one go: for networks that only predict.

    Batch normalisation with constants μ and σ² is (Z − μ) · a + β, a = γ/√(σ² + ε) (``bn``). The
    rectangle of Z that has just been computed is normalised, added to and activated before it
    leaves the cache. There is no backward: where gradients are wanted, the operations that this one
    stands for are run.
    """

    equations = ("1.11", "bn", "activation")

    def __init__(self, options, bias, norm, act):
        """options: those of `Conv2d`. bias: b or None. norm: (μ, a, β), arrays (F), or None."""
        self.options, self.after = options, (bias, norm)
        self.act = act

    def forward(self, x, w, residual=None):
        return find("conv2d", x)(x, w, *self.options, *self.after, residual, self.act)


class ConvTranspose2d(Operation):
    """Y^p = Σ_c rot180(W^(c,p)) ⊗~ X^c + b^p (eq. ``conv-transpose``): a `Conv2d`, transposed.

    Where the convolution is z = C x, this is Cᵀ: what it computes is the convolution's input
    gradient (1.9). So its own input gradient is that convolution, C δ, and in the weight gradient
    x and δ have changed places:

    ∂L/∂X^c = Σ_p W^(c,p) ⊗ δ^p     (1.11)
    ∂L/∂W^(c,p) = X^c ⊗ δ^p          (1.12)
    ∂L/∂b^p = Σ_ij δ^p_ij            (1.14)

    X (N, C, H, W), W (C, F/groups, kh, kw), b (F) → Y (N, F, *out).
    """

    equations = ("conv-transpose", "conv-transpose-size", "1.9", "1.11", "1.12", "1.14")
    saves = ("x", "w")
    fresh = True

    def __init__(self, out, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
        self.out, self.options = out, (stride, padding, dilation, groups)

    def forward(self, x, w, b=None):
        self.x = x if self.needs[1] else None
        self.w = w if self.needs[0] else None
        y = find("conv2d_input_gradient", x)(x, w, self.out, *self.options)
        if b is not None:
            y += b.reshape(1, -1, 1, 1)  # (F) → (1, F, 1, 1): one bias a map
        return y

    def backward(self, delta):
        (x_shape, _), (w_shape, _), *bias = self.inputs
        dx = dw = None
        if self.needs[0]:
            # An output padding of a stride or more leaves room for windows that x does not have.
            height, width = x_shape[2:]
            dx = find("conv2d", delta)(delta, self.w, *self.options)[:, :, :height, :width]
        if self.needs[1]:
            dw = find("conv2d_weight_gradient", delta)(self.x, delta, w_shape[2:], *self.options)
        if not bias:
            return dx, dw
        return dx, dw, find("bias_gradient", delta)(delta) if self.needs[2] else None
