"""Adagrad."""

import numpy as np

from minicnn.optim.optimizer import Optimizer, not_negative


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares (Duchi et al. 2011).

    v ← v + g²,  w ← w − lr · g / (√v + eps). Equation ``adagrad``.

    Args:
        params: tensors, or dictionaries of groups.
        lr: the step size, ≥ 0.
        lr_decay: η ≥ 0: in step t the step size is lr / (1 + (t − 1) η).
        weight_decay: λ ≥ 0, adds λ w to the gradient.
        initial_accumulator_value: v before the first step, ≥ 0.
        eps: keeps the quotient finite, ≥ 0.
        maximize: climb instead.
        foreach, differentiable, fused: only their defaults.

    Raises:
        ArgumentError: options out of their range, or not supported. DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mc.optim.Adagrad([w], lr=0.1).step()
    >>> w
    tensor([0.9], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def check(self, group):
        options = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        not_negative("Adagrad", **{k: group[k] for k in options})

    def update(self, parameter, gradient, state, group):
        g = -gradient if group["maximize"] else gradient
        if group["weight_decay"]:
            g = g + group["weight_decay"] * parameter
        if not state:
            state["step"] = 0
            # PyTorch takes this one from the optimiser, whatever the group says.
            state["sum"] = np.full_like(parameter, self.defaults["initial_accumulator_value"])
        lr = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        v = state["sum"]
        v += g * g
        parameter -= lr * g / (np.sqrt(v) + group["eps"])
