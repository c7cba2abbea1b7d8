"""ReLU beside tanh: how many epochs the same network needs to a training error.

    python benchmarks/claims/relu_tanh.py --data-dir /usr

As in Krizhevsky, Sutskever & Hinton 2012, figure 1: a small network, here LeNet-5, without
regularisation, and a learning rate chosen for each of the two by itself, here from the same list.
Each also has the initial weights that were made for it: Kaiming's for ReLU, Xavier's for tanh.
"""

import experiment
import learning
from drawing import curves

import minicnn as mc
from minicnn import nn

CLAIM = "networks with ReLU train several times faster than those with tanh (there six times)"
ERROR = 0.15  # of training; the paper's network and data set: 0.25
INITIAL = {"relu": "kaiming", "tanh": "xavier"}
RATES = (0.01, 0.02, 0.05, 0.1)


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=12, images=5_000)
    runs = experiment.Runs("relu_tanh", options)
    found = {"relu": {}, "tanh": {}}
    for seed in range(options.seeds):
        for activation in found:
            for rate in RATES:
                settings = {
                    "activation": activation, "initial": INITIAL[activation], "lr": rate,
                    "momentum": 0.9, "batch_size": 128, "images": options.images,
                    "epochs": options.epochs, "seed": seed,
                }  # fmt: skip
                figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
                if figures:
                    found[activation].setdefault(rate, []).append(figures["history"])
    needed = {
        name: {rate: [epochs(h) for h in some] for rate, some in by_rate.items()}
        for name, by_rate in found.items()
    }
    rows = [
        [name, f"{rate:g}", learning.reached(values)]
        for name, by_rate in needed.items()
        for rate, values in by_rate.items()
    ]
    text = experiment.table(["activation", "learning rate", f"epochs to {ERROR:.0%} error"], rows)
    best = {name: learning.best_rate(by_rate) for name, by_rate in needed.items()}
    if all(best.values()):
        quick, slow = (needed[name][best[name]] for name in ("relu", "tanh"))
        ratios = [b / a for a, b in zip(quick, slow, strict=True)]
        text += (
            f"\n\nEach at its best rate ({best['relu']:g} and {best['tanh']:g}): tanh takes "
            f"{experiment.with_interval(ratios)} times as many epochs, seed by seed."
        )
    figure = curves(
        {
            f"{name}, {best[name]:g}": [
                [1 - e["train_accuracy"] for e in h] for h in found[name][best[name]]
            ]
            for name in found
            if best[name]
        },
        "training error",
        level=ERROR,
    )
    command = "python benchmarks/claims/relu_tanh.py --data-dir /usr"
    runs.write("ReLU beside tanh", CLAIM, text, command, figure)


def train(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = mc.models.lenet5(activation=settings["activation"], pooling="max")
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            if settings["initial"] == "kaiming":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_normal_(layer.weight)
    train_set = learning.fashion(root, True, settings["images"])
    return {"history": learning.learn(network, train_set, settings, checkpoint)}


def epochs(history):
    errors = [{**figures, "error": 1 - figures["train_accuracy"]} for figures in history]
    return learning.epochs_until(errors, "error", ERROR)


if __name__ == "__main__":
    main()
