"""Batch normalisation: how many epochs the same network needs to a loss, with it and without.

    python benchmarks/claims/batch_norm.py --data-dir /usr

A LeNet with ReLU and one with sigmoid, each at several learning rates, since batch normalisation
allows higher ones: every variant is judged at the rate that is best for it.
"""

import experiment
import learning
from drawing import curves

import minicnn as mc
from minicnn import nn

CLAIM = "batch normalisation speeds convergence: fewer epochs to a fixed loss"
LOSS = 0.5  # of training
RATES = {"relu": (0.1, 0.2, 0.4), "sigmoid": (0.5, 1.0, 2.0)}
WIDTHS = {False: "without", True: "with"}


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=16, images=5_000)
    runs = experiment.Runs("batch_norm", options)
    found = {}
    for seed in range(options.seeds):
        for activation, rates in RATES.items():
            for norm in (False, True):
                for rate in rates:
                    settings = {
                        "activation": activation, "norm": norm, "lr": rate, "momentum": 0.0,
                        "batch_size": 128, "images": options.images, "epochs": options.epochs,
                        "seed": seed,
                    }  # fmt: skip
                    figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
                    if figures:
                        key = f"{activation}, {WIDTHS[norm]}"
                        found.setdefault(key, {}).setdefault(rate, []).append(figures["history"])
    needed = {
        name: {rate: [epochs(h) for h in some] for rate, some in by_rate.items()}
        for name, by_rate in found.items()
    }
    rows = [
        [name, f"{rate:g}", learning.reached(values)]
        for name, by_rate in needed.items()
        for rate, values in by_rate.items()
    ]
    text = experiment.table(
        ["activation, normalisation", "learning rate", f"epochs to loss {LOSS}"], rows
    )
    best = {name: learning.best_rate(by_rate) for name, by_rate in needed.items()}
    for activation in RATES:
        text += "\n\n" + comparison(activation, needed, best)
    figure = curves(
        {
            f"{name} normalisation, {best[name]:g}": [
                [e["train_loss"] for e in h] for h in found[name][best[name]]
            ]
            for name in found
            if best[name]
        },
        "training loss",
        level=LOSS,
    )
    command = "python benchmarks/claims/batch_norm.py --data-dir /usr"
    runs.write("Batch normalisation and speed", CLAIM, text, command, figure)


def train(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = build(settings["activation"], settings["norm"])
    train_set = learning.fashion(root, True, settings["images"])
    return {"history": learning.learn(network, train_set, settings, checkpoint)}


def build(activation, norm):
    """LeNet-5 with max pooling; with batch normalisation before each activation, or without."""
    act = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[activation]

    def normed(layer, kind, maps):
        return [layer, kind(maps), act()] if norm else [layer, act()]

    return nn.Sequential(
        *normed(nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d, 6),
        nn.MaxPool2d(2),
        *normed(nn.Conv2d(6, 16, 5), nn.BatchNorm2d, 16),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *normed(nn.Linear(400, 120), nn.BatchNorm1d, 120),
        *normed(nn.Linear(120, 84), nn.BatchNorm1d, 84),
        nn.Linear(84, 10),
    )


def epochs(history):
    return learning.epochs_until(history, "train_loss", LOSS)


def comparison(activation, needed, best):
    """How many times as many epochs it takes without, each at its best rate."""
    without, with_norm = f"{activation}, without", f"{activation}, with"
    missing = [name for name in (without, with_norm) if best[name] is None]
    if missing:
        text = f"{activation}: not reached by all seeds at any rate: {'; '.join(missing)}"
        if best[with_norm]:
            there = experiment.with_interval(needed[with_norm][best[with_norm]])
            text += f"; with it, at {best[with_norm]:g}, in {there} epochs"
        return text + "."
    pairs = zip(needed[without][best[without]], needed[with_norm][best[with_norm]], strict=True)
    ratios = experiment.with_interval([a / b for a, b in pairs])
    return (
        f"{activation}, each at its best rate ({best[without]:g} without, {best[with_norm]:g} "
        f"with): without it takes {ratios} times as many epochs, seed by seed."
    )


if __name__ == "__main__":
    main()
