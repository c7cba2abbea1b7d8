"""Stochastic gradient descent."""

import numpy as np

from minicnn.checks import ArgumentError, real
from minicnn.kernels import find
from minicnn.optim.optimizer import Optimizer, not_negative


class SGD(Optimizer):
    """w ← w − lr · v,  v ← momentum · v + (1 − dampening) · g,  g = ∂L/∂w + weight_decay · w.

    Without momentum v = g (equation ``sgd``; with it ``sgd-momentum``). In the first step v = g,
    as in PyTorch. With `nesterov` the step is g + momentum · v.

    Args:
        params: tensors, or dictionaries of groups.
        lr: the step size, ≥ 0.
        momentum, dampening, weight_decay: ≥ 0.
        maximize: climb instead.
        foreach, differentiable, fused: only their defaults.

    Raises:
        ArgumentError: options out of their range, or not supported. DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mc.optim.SGD([w], lr=0.1).step()
    >>> w
    tensor([0.8], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def check(self, group):
        not_negative("SGD", **{k: group[k] for k in ("lr", "momentum", "weight_decay")})
        real("SGD", "dampening", group["dampening"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError("SGD: nesterov needs a momentum > 0 and no dampening")

    def remembers(self, group):
        return bool(group["momentum"])

    def counts_steps(self):
        return False

    def update_all(self, parameters, gradients, states, group):
        velocities, undamped = None, []
        if group["momentum"]:
            velocities = []
        for parameter, state in zip(parameters, states, strict=True):
            share = 1 - group["dampening"]
            if velocities is not None:
                if state.get("momentum_buffer") is None:
                    # Zeros without damping: so v = g after the first step.
                    state["momentum_buffer"], share = np.zeros_like(parameter), 1
                velocities.append(state["momentum_buffer"])
            undamped.append(share)
        find("sgd_update", parameters[0])(
            parameters, gradients, velocities, undamped, group["lr"], group["momentum"],
            group["weight_decay"], group["nesterov"], group["maximize"],
        )  # fmt: skip
