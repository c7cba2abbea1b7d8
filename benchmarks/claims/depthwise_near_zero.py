"""How many weights of depthwise and of pointwise convolutions end near zero.

    python benchmarks/claims/depthwise_near_zero.py --data-dir /usr

A small MobileNetV1 (its own blocks, at 14 × 14 and 7 × 7, so that every weight of a 3 × 3 kernel
has pixels to see), without weight decay and with it. A weight counts as near zero
if it is below 1 % of the largest of its layer; a kernel, if its norm is below 5 % of the largest.
"""

import experiment
import learning
import numpy as np
from drawing import bars

import minicnn as mc
from minicnn import nn
from minicnn.models.blocks import Conv2dNormActivation
from minicnn.models.mobilenet_v1 import DepthwiseSeparable

CLAIM = "the depthwise kernels of MobileNetV1 end mostly near zero"
BLOCKS = ((64, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))
WEIGHT, KERNEL = 0.01, 0.05
DECAYS = (0.0, 5e-4)
SHARES = ("depthwise_weights", "pointwise_weights", "depthwise_kernels", "pointwise_kernels")


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=8, images=4_000)
    runs = experiment.Runs("depthwise_near_zero", options)
    found = {}
    for seed in range(options.seeds):
        for decay in DECAYS:
            settings = {
                "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": decay,
                "schedule": "one-cycle", "images": options.images, "epochs": options.epochs,
                "seed": seed,
            }  # fmt: skip
            figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
            if figures:
                found.setdefault(decay, []).append(figures)
    text, figure = report(found)
    command = "python benchmarks/claims/depthwise_near_zero.py --data-dir /usr"
    runs.write("Depthwise kernels near zero", CLAIM, text, command, figure)


def build():
    layers, before = [Conv2dNormActivation(1, 32)], 32
    for maps, stride in BLOCKS:
        layers.append(DepthwiseSeparable(before, maps, stride))
        before = maps
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def train(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = build()
    before = near_zero(network)
    train_set = learning.fashion(root, True, settings["images"])
    learning.learn(network, train_set, settings, checkpoint)
    test = learning.test_accuracy(network, learning.fashion(root, False))
    return {"before": before, "after": near_zero(network), "test_accuracy": test}


def near_zero(network):
    """The shares of weights and kernels near zero, for both kinds of convolutions."""
    small, count = dict.fromkeys(SHARES, 0), dict.fromkeys(SHARES, 0)
    for block in network.modules():
        if not isinstance(block, DepthwiseSeparable):
            continue
        for kind in ("depthwise", "pointwise"):
            weight = np.abs(
                getattr(block, kind)[0].weight.detach().numpy()
            )  # (F, C / groups, h, w)
            norms = np.sqrt((weight**2).sum((1, 2, 3)))
            for name, values, limit in (("weights", weight, WEIGHT), ("kernels", norms, KERNEL)):
                small[f"{kind}_{name}"] += int((values < limit * values.max()).sum())
                count[f"{kind}_{name}"] += values.size
    return {name: small[name] / count[name] for name in SHARES}


def report(found):
    rows, bars_of = [], {}
    for title, when, decays in (("before training", "before", DECAYS[:1]), ("", "after", DECAYS)):
        for decay in decays:
            some = found.get(decay)
            if not some:
                continue
            name = title or f"weight decay {decay:g}"
            shares = [[r[when][share] for r in some] for share in SHARES]
            tests = [r["test_accuracy"] for r in some]
            rows.append(
                [
                    name,
                    *(experiment.percent(values, 1) for values in shares),
                    "" if title else experiment.percent(tests),
                ]
            )
            bars_of[name] = [100 * sum(values) / len(values) for values in shares]
    header = ["", "depthwise weights", "pointwise weights", "depthwise kernels"]
    header += ["pointwise kernels", "test accuracy"]
    text = experiment.table(header, rows)
    text += (
        f"\n\nPercent near zero, means ± 95 % interval. Weights: below {WEIGHT:.0%} of the layer's "
        f"largest; kernels (all weights of an output map): norm below {KERNEL:.0%} of the layer's "
        "largest."
    )
    names = [share.replace("_", " ") for share in SHARES]
    return text, bars(bars_of, names, "near zero, %")


if __name__ == "__main__":
    main()
