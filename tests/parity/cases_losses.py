"""Losses, with all their options."""

import numpy as np
from drawn import Call, T

REDUCTIONS = ("mean", "sum", "none")


def of_classes(name):
    def draw(d):
        classes, n = d.integer(2, 5), d.integer(1, 4)
        places = tuple(d.integer(1, 3) for _ in range(d.among(0, 0, 1, 2)))
        shape = (n, classes, *places) if d.chance(0.85) else (classes,)
        single = len(shape) == 1
        dtype = "float32" if d.chance(0.1) else "float64"
        z = d.t(shape, dtype)
        z.values = (z.values * d.among(0.3, 7)).astype(dtype)
        if name == "nll_loss":
            z.values = -np.abs(z.values)
            z.layout = 0 if places else z.layout  # PyTorch's backward refuses the other layouts
        options = {"reduction": d.among(*REDUCTIONS)}
        if d.chance(0.5):
            options["weight"] = d.t((classes,), dtype, 0.2, 2, grad=False)
        if name == "cross_entropy" and d.chance(0.5):
            options["label_smoothing"] = d.among(0.1, 1.0)
        if name == "cross_entropy" and d.chance(0.3):
            q = d.rng.dirichlet(np.ones(classes), () if single else (n, *places))
            q = np.moveaxis(q, -1, 0 if single else 1).astype(dtype)
            return Call(z, T(q, d.integer(0, 3)), **options)
        target = d.t(() if single else (n, *places), "int64", 0, classes - 1)
        if d.chance(0.5):
            options["ignore_index"] = ignored = d.among(-100, 0, 255)
            if target.values.size > 1:
                kept = np.where(d.rng.random(target.shape) < 0.3, ignored, target.values)
                kept.flat[0] = classes - 1
                target.values = kept
        return Call(z, target, **options)

    return draw


def of_pairs(probabilities=False, reductions=(), weights=(), broadcasts=True, **options):
    def draw(d):
        shape = d.shape(smallest=1)
        dtype = "float32" if d.chance(0.1) else "float64"
        y = d.t(shape, dtype)
        target = d.t(shape, dtype, *((0.01, 1) if probabilities else (-3, 3)))
        named = d.some(**options)
        if named.get("log_target"):
            target.values = np.log(target.values)
        elif not probabilities and d.chance(0.2):  # differences of 0
            target.values = np.where(d.rng.random(shape) < 0.3, y.values, target.values)
            target.values = target.values.astype(dtype)
        if broadcasts and len(shape) > 1 and d.chance(0.15):
            target = d.t((1, *shape[1:]), dtype, 0.01, 1)
        for key in weights:
            if d.chance(0.4):
                like = shape[-1:] if key == "pos_weight" and d.chance(0.5) else shape
                named[key] = d.t(like, dtype, 0.1, 3, grad=False)
        return Call(y, target, **named, reduction=d.among(*REDUCTIONS, *reductions))

    return draw


CASES = {
    "nn.functional.cross_entropy": of_classes("cross_entropy"),
    "nn.functional.nll_loss": of_classes("nll_loss"),
    "nn.functional.mse_loss": of_pairs(weights=("weight",)),
    "nn.functional.l1_loss": of_pairs(weights=("weight",)),
    "nn.functional.smooth_l1_loss": of_pairs(beta=(1.0, 0.3, 0.0, 2.5)),
    "nn.functional.binary_cross_entropy_with_logits": of_pairs(
        True, weights=("weight", "pos_weight"), broadcasts=False
    ),
    "nn.functional.kl_div": of_pairs(True, ("batchmean",), log_target=(False, True)),
}
