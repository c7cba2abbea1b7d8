"""RMSprop."""

import numpy as np

from minicnn.optim.optimizer import Optimizer, not_negative


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
        capturable, foreach, differentiable: only their defaults.

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

    def update(self, parameter, gradient, state, group):
        alpha, momentum = group["alpha"], group["momentum"]
        g = -gradient if group["maximize"] else gradient
        if group["weight_decay"]:
            g = g + group["weight_decay"] * parameter
        if not state:
            state["step"] = 0
            state["square_avg"] = np.zeros_like(parameter)
            if momentum:
                state["momentum_buffer"] = np.zeros_like(parameter)
            if group["centered"]:
                state["grad_avg"] = np.zeros_like(parameter)
        state["step"] += 1
        v = state["square_avg"]
        v *= alpha
        v += (1 - alpha) * g * g
        if group["centered"]:
            mean = state["grad_avg"]
            mean *= alpha
            mean += (1 - alpha) * g
            v = v - mean * mean
        step = g / (np.sqrt(v) + group["eps"])
        if momentum:
            buffer = state["momentum_buffer"]
            buffer *= momentum
            buffer += step
            step = buffer
        parameter -= group["lr"] * step
