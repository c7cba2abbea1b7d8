"""Adam."""

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.optim.optimizer import Optimizer, not_negative


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square (Kingma & Ba 2015, alg. 1).

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  both divided by 1 − βᵗ since they start at 0;
    w ← w − lr · m̂ / (√v̂ + eps). Equation ``adam``.

    Args:
        params: tensors, or dictionaries of groups.
        lr: the step size, ≥ 0.
        betas: (β₁, β₂), each in [0, 1).
        eps: keeps the quotient finite, ≥ 0.
        weight_decay: λ, adds λ w to the gradient.
        maximize: climb instead.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mc.optim.Adam([w], lr=0.1).step()
    >>> w
    tensor([0.9], requires_grad=True)
    """

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, *, maximize=False
    ):
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group):
        not_negative("Adam", **{k: group[k] for k in ("lr", "eps", "weight_decay")})
        if len(group["betas"]) != 2 or not all(0 <= b < 1 for b in group["betas"]):
            raise ArgumentError(f"Adam: betas must be two numbers in [0, 1), got {group['betas']}")

    def update(self, parameter, gradient, state, group):
        beta1, beta2 = group["betas"]
        g = -gradient if group["maximize"] else gradient
        if group["weight_decay"]:
            g = g + group["weight_decay"] * parameter
        if not state:
            state["step"] = 0
            state["exp_avg"] = np.zeros_like(parameter)
            state["exp_avg_sq"] = np.zeros_like(parameter)
        state["step"] += 1
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        m_hat = m / (1 - beta1 ** state["step"])
        v_hat = v / (1 - beta2 ** state["step"])
        parameter -= group["lr"] * m_hat / (np.sqrt(v_hat) + group["eps"])
