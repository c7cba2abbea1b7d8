"""Stopping at the first NaN, and saying where it came from."""

import math

import numpy as np

from minicnn.device import computed
from minicnn.modes import no_grad


class DivergenceError(ArithmeticError, RuntimeError):
    """The loss is no longer a number; the text names the step and the first layer at fault.

    minicnn's own; an ArithmeticError.
    """


def check_loss(loss, model, inputs, step):
    """Raise if `loss` is NaN or infinite; else do nothing.

    minicnn's own.

    Args:
        loss: a number.
        model: the network that gave it; run once more, layer by layer, to find the place.
        inputs: the tensor that it was given.
        step: which update of the weights this is; for the message.

    Raises:
        DivergenceError: the loss is NaN or infinite.

    >>> import minicnn as mc
    >>> layer = mc.nn.Linear(2, 1)
    >>> check_loss(0.5, layer, mc.zeros(1, 2), step=7)
    >>> layer.weight.data.fill_(float("inf"))
    tensor([[inf, inf]])
    >>> check_loss(float("nan"), layer, mc.zeros(1, 2), step=7)
    Traceback (most recent call last):
    minicnn.training.divergence.DivergenceError: the loss became nan at step 7. ...
    """
    if math.isfinite(loss):
        return
    raise DivergenceError(
        f"the loss became {loss} at step {step}. {first_layer_not_finite(model, inputs)} "
        "A smaller learning rate usually helps"
    )


def first_layer_not_finite(model, inputs):
    """A sentence that names the first layer whose weights or output hold NaN or infinity."""
    if not _finite(inputs):
        return "The input of the network already holds NaN or infinity."
    found = []

    def watch(name, module):
        def hook(_, __, output):
            if found:
                return
            for part, t in (*module.named_parameters(recurse=False), ("output", output)):
                if hasattr(t, "array") and not _finite(t):
                    found.append((name, module, part))
                    return

        return module.register_forward_hook(hook)

    leaves = [(n, m) for n, m in model.named_modules() if not list(m.children())]
    handles = [watch(name, module) for name, module in leaves]
    try:
        with no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        return "No layer's output is at fault: look at the loss function and its targets."
    name, module, part = found[0]
    layer = f"{name!r} ({type(module).__name__})" if name else type(module).__name__
    return f"The first NaN or infinity is in the {part} of layer {layer}."


def _finite(tensor):
    return bool(computed("fit", lambda a: np.isfinite(a).all(), tensor.array))
