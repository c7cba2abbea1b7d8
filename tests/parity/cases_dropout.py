"""Dropout: with the mask that minicnn drew, PyTorch's arithmetic gives the same.

What of it is random in both libraries is compared where nothing is (p = 0, p = 1, evaluation), in
what a mask may look like, and as a distribution in `test_random.py`.
"""

import numpy as np
import torch
from compared import Found, as_value, differs, run
from drawn import Built, Call, Entry

import minicnn as mc


def dropout(d):
    x = d.t(d.shape(smallest=1), d.dtype("f"), 0.5, 3)
    return Call(x, d.among(0.0, 1.0, 0.3, 0.5, 0.8), **training(d))


def training(d):
    # Without `training` PyTorch drops; both defaults are compared.
    return d.some(training=(True, True, False))


def dropout2d(d):
    sizes = (d.integer(1, 3), d.integer(1, 3))
    x = d.t((*d.among((2,), (1,), (3,), ()), d.integer(1, 4), *sizes), d.dtype("f"), 0.5, 3)
    return Call(x, d.among(0.0, 1.0, 0.3, 0.5, 0.8), **training(d))


def stochastic_depth(d):
    x = d.t((d.integer(1, 4), *d.shape(smallest=1, most=2)), d.dtype("f"), 0.5, 3)
    mode = d.among("batch", "row")
    return Call(x, d.among(0.0, 1.0, 0.3, 0.5, 0.8), mode, training=d.chance(0.8))


def torchvisions(input, p, mode, training=True):
    """torchvision.ops.stochastic_depth: its formula, since its wheel does not load beside torch."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    noise = torch.empty(size, dtype=input.dtype).bernoulli_(1.0 - p)
    if p < 1.0:
        noise.div_(1.0 - p)
    return input * noise


def theirs(name):
    if name.endswith("stochastic_depth"):
        return torchvisions
    return getattr(torch.nn.functional, name.rpartition(".")[2])


def one_value_each(name, call):
    """The dimensions along which a mask must be constant."""
    x, mode = call.args[0], call.args[2] if len(call.args) > 2 else None
    n = len(x.shape)
    if name.endswith("dropout2d"):
        return tuple(range(2, n))
    return {"batch": tuple(range(n)), "row": tuple(range(1, n)), None: ()}[mode]


def with_the_same_mask(name, call, seed):
    entry = Entry(None)
    mc.manual_seed(seed)
    error, values, gradients, backward = run(mc, name, entry, call, seed)
    try:
        built = Built(torch, call)
        out = theirs(name)(*built.args, **built.named)
    except Exception as their_error:
        return Found(error, their_error)
    if error is not None:
        return Found(error, None)
    x, p = built.args[0], built.args[1] if len(built.args) > 1 else 0.5
    if p not in (0, 1) and built.named.get("training", True):
        # Both libraries' masks have the same form: whole channels, rows or everything.
        kept = torch.from_numpy(np.asarray(values[0].array != 0))  # the input has no zeros
        for mask in (kept, out.detach() != 0) if kept.numel() else ():
            for dim in one_value_each(name, call):
                if not torch.equal(mask, mask.select(dim, 0).unsqueeze(dim).expand_as(mask)):
                    return Found(None, None, f"the mask varies along dimension {dim}")
        # As PyTorch's kernel does it: the mask in the input's dtype, divided, then multiplied.
        out = x * (kept.to(x.dtype) / (1 - p))
    text = differs(values[0].array, as_value(torch, out).array, 2e-6, "result")
    if backward or out.requires_grad:
        delta = np.random.default_rng([seed, 7]).standard_normal(tuple(out.shape))
        out.backward(torch.tensor(delta).to(out.dtype))
        if backward and not text:
            their_gradient = np.asarray(built.leaves[0].grad).copy()
            text = differs(gradients[0], their_gradient, 2e-6, "gradient")
    return Found(None, None, text, True, backward)


def tight(draw):
    """float64, so that the comparison may be a sharp one."""
    return Entry(draw, compare=with_the_same_mask)


CASES = {
    "nn.functional.dropout": tight(dropout),
    "nn.functional.dropout2d": tight(dropout2d),
    "nn.functional.stochastic_depth": tight(stochastic_depth),
}
