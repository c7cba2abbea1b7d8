"""Adam and AdamW."""

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.kernels import find
from minicnn.optim.optimizer import Optimizer, count_step, not_negative


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square (Kingma & Ba 2015, alg. 1).

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  both divided by 1 − βᵗ since they start at 0;
    w ← w − lr · m̂ / (√v̂ + eps). Equation ``adam``.

    Args:
        params: tensors, or dictionaries of groups.
        lr: the step size, ≥ 0.
        betas: (β₁, β₂), floats in [0, 1).
        eps: keeps the quotient finite, ≥ 0.
        weight_decay: λ ≥ 0, adds λ w to the gradient.
        amsgrad: divide by the largest v so far (Reddi et al. 2018, algorithm 2).
        foreach, differentiable, fused: only their defaults.
        maximize: climb instead.
        capturable: count the steps on the GPU, for a step in a CUDA graph (`minicnn.cuda.graph`).
        decoupled_weight_decay: decay the weights as `AdamW` does, not through the gradient.

    Raises:
        ArgumentError: options out of their range, or not supported. DtypeError: not tensors.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mc.optim.Adam([w], lr=0.1).step()
    >>> w
    tensor([0.9], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        defaults = {
            "lr": lr,
            "betas": tuple(betas) if isinstance(betas, list) else betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check(self, group):
        name = type(self).__name__
        not_negative(name, **{k: group[k] for k in ("lr", "eps", "weight_decay")})
        betas = group["betas"]
        two = isinstance(betas, (tuple, list)) and len(betas) == 2
        if not two or not all(isinstance(b, float) and 0 <= b < 1 for b in betas):
            raise ArgumentError(f"{name}: betas must be two floats in [0, 1), got {betas}")

    def update_all(self, parameters, gradients, states, group):
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * bool(group["amsgrad"])
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = 0
                for name in names:
                    state[name] = np.zeros_like(parameter)
        means, squares, *largest = ([state[name] for state in states] for name in names)
        find("adam_update", parameters[0])(
            parameters, gradients, means, squares, largest[0] if largest else None,
            count_step(parameters, states, group), group["lr"], group["betas"], group["eps"],
            group["weight_decay"], group["decoupled_weight_decay"], group["maximize"],
        )  # fmt: skip


class AdamW(Adam):
    """`Adam` with weight decay beside the gradient (Loshchilov & Hutter 2019, algorithm 2).

    w ← (1 − lr λ) w, then the step of Adam: λ is not divided by √v̂, as it would be as a part of
    the gradient. Equation ``adamw``.

    Args: as `Adam`'s; `weight_decay` is 0.01 unless given.

    Args:
        params, lr, betas, eps, amsgrad, maximize: as for `Adam`.
        weight_decay: λ, a number ≥ 0; 0.01 unless given.
        foreach, capturable, differentiable, fused: as for `Adam`.

    Raises:
        ArgumentError: options out of their range, or not supported.
        DtypeError: no tensors.

    >>> import minicnn as mc
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mc.optim.AdamW([w], lr=0.1, weight_decay=0.5).step()
    >>> w
    tensor([0.85], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
