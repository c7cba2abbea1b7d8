"""RMSprop."""

import numpy as np

from minicnn.kernels import find
from minicnn.optim.optimizer import Optimizer, count_step, not_negative


class RMSprop(Optimizer):
    """Gradients divided by their running root mean square (Tieleman & Hinton 2012, lecture 6e).

    v ← α v + (1 − α) g²,  w ← w − lr · g / (√v + eps). Equation ``rmsprop``.

    Args:
        params: tensors, or dictionaries of groups.
        lr: the step size, ≥ 0.
        alpha: α ≥ 0, how much of the running mean stays.
        eps: keeps the quotient finite, ≥ 0.
        weight_decay: λ ≥ 0, adds λ w to the gradient.
        momentum: μ ≥ 0; with it the step is b ← μ b + g / (√v + eps).
        centered: divide by the standard deviation, √(v − ḡ²) with the running mean ḡ of g.
        maximize: climb instead.
        capturable: count the steps on the GPU, for a step in a CUDA graph (`minicnn.cuda.graph`).
        foreach, differentiable: only their defaults.

    Raises:
        ArgumentError: options out of their range, or not supported. DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mc.optim.RMSprop([w], lr=0.1, alpha=0.75).step()
    >>> w  # √v is half of g
    tensor([0.8], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def check(self, group):
        options = ("lr", "alpha", "eps", "weight_decay", "momentum")
        not_negative("RMSprop", **{k: group[k] for k in options})

    def update_all(self, parameters, gradients, states, group):
        names = {"square_avg": True, "grad_avg": group["centered"]}
        names["momentum_buffer"] = group["momentum"]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = 0
                for name, wanted in names.items():
                    if wanted:
                        state[name] = np.zeros_like(parameter)
        count_step(parameters, states, group)
        squares, means, velocities = (
            [state[name] for state in states] if wanted else None for name, wanted in names.items()
        )
        find("rmsprop_update", parameters[0])(
            parameters, gradients, squares, means, velocities, group["lr"], group["alpha"],
            group["eps"], group["weight_decay"], group["momentum"], group["maximize"],
        )  # fmt: skip
