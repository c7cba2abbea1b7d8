"""Depth: the training error of plain and of residual networks as they grow.

    python benchmarks/claims/plain_residual.py --data-dir /usr

He, Zhang, Ren & Sun 2016, section 4.2 and figure 6, in small: their networks for small images, on
Fashion-MNIST at 14 × 14 (means of 2 × 2 pixels). Plain and residual ones of a depth have as many
parameters, begin with the same weights and see the images in the same order.
"""

import experiment
import learning
from drawing import curves

import minicnn as mc
from minicnn import data
from minicnn.models.plain import CifarPlainNet
from minicnn.models.resnet_cifar import CifarResNet
from minicnn.nn import functional as F

CLAIM = "deeper plain networks have a higher training error; deeper residual ones do not"
DEPTHS = (8, 20, 56)
KINDS = {"plain": CifarPlainNet, "residual": CifarResNet}


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=5, images=3_000)
    runs = experiment.Runs("plain_residual", options)
    found = {}
    for seed in range(options.seeds):
        for depth in DEPTHS:
            for kind in KINDS:
                settings = {
                    "kind": kind, "depth": depth, "lr": 0.05, "momentum": 0.9,
                    "weight_decay": 1e-4, "schedule": "one-cycle", "batch_size": 64,
                    "images": options.images, "epochs": options.epochs, "seed": seed,
                }  # fmt: skip
                figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
                if figures:
                    found.setdefault((kind, depth), []).append(figures)
    rows = [
        [
            kind,
            depth,
            experiment.with_interval([r["history"][-1]["train_loss"] for r in some], 3),
            experiment.percent([1 - r["history"][-1]["train_accuracy"] for r in some]),
            experiment.percent([1 - r["test_accuracy"] for r in some]),
        ]
        for (kind, depth), some in sorted(found.items())
    ]
    header = ["network", "layers", "training loss", "training error, %", "test error, %"]
    text = experiment.table(header, rows) + "\n\nOf the last epoch; means ± 95 % interval."
    for kind in KINDS:
        first, last = (found.get((kind, depth), []) for depth in (DEPTHS[0], DEPTHS[-1]))
        if len(first) == len(last) > 1:
            pairs = zip(first, last, strict=True)
            more = [error(b["history"]) - error(a["history"]) for a, b in pairs]
            text += f"\n\nTraining error of {kind} networks, {DEPTHS[-1]} layers against "
            text += f"{DEPTHS[0]}, seed by seed: {experiment.percent(more)} points more."
    figure = curves(
        {
            f"{kind}, {depth} layers": [[e["train_loss"] for e in r["history"]] for r in some]
            for (kind, depth), some in sorted(found.items())
        },
        "training loss",
    )
    command = "python benchmarks/claims/plain_residual.py --data-dir /usr"
    runs.write("Plain and residual networks as they grow", CLAIM, text, command, figure)


def train(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = KINDS[settings["kind"]](settings["depth"], in_channels=1)
    train_set = smaller(learning.fashion(root, True, settings["images"]))
    history = learning.learn(network, train_set, settings, checkpoint)
    test = learning.test_accuracy(network, smaller(learning.fashion(root, False)))
    return {"history": history, "test_accuracy": test}


def smaller(dataset):
    """The images at 14 × 14."""
    images, labels = dataset.tensors
    return data.TensorDataset(F.avg_pool2d(images, 2), labels)


def error(history):
    return 1 - history[-1]["train_accuracy"]


if __name__ == "__main__":
    main()
