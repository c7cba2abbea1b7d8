"""Adagrad."""

import numpy as np

from minicnn.kernels import find
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

    def update_all(self, parameters, gradients, states, group):
        rates = []
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = 0
                # PyTorch takes this one from the optimiser, whatever the group says.
                start = self.defaults["initial_accumulator_value"]
                state["sum"] = np.full_like(parameter, start)
            rates.append(group["lr"] / (1 + state["step"] * group["lr_decay"]))
            state["step"] += 1
        find("adagrad_update", parameters[0])(
            parameters, gradients, [state["sum"] for state in states], rates, group["eps"],
            group["weight_decay"], group["maximize"],
        )  # fmt: skip
