"""The LeNet of the textbooks on Fashion-MNIST: sigmoid, mean pooling, ten epochs.

    python benchmarks/claims/lenet_sigmoid.py --data-dir /usr

All 60,000 images with pixels in 0 … 1, batches of 256, SGD at 0.9 without momentum, Xavier's
initial weights. (With standardised pixels: ``benchmarks/lenet_accuracy.py``.)
"""

import experiment
import learning

import minicnn as mc
from minicnn import nn, plot

CLAIM = (
    "after 10 epochs train loss 0.458, train accuracy 0.827, test accuracy 0.823; with PyTorch, "
    "SGD at 0.9, batch 256, Xavier: 0.471, 0.824, 0.808 (one seed)"
)
COLUMNS = {"train_loss": "train loss", "train_accuracy": "train", "test_accuracy": "test"}


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=10, images=60_000)
    runs = experiment.Runs("lenet_sigmoid", options)
    found = []
    for seed in range(options.seeds):
        settings = {
            "images": options.images, "epochs": options.epochs, "batch_size": 256, "lr": 0.9,
            "momentum": 0.0, "seed": seed,
        }  # fmt: skip
        figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
        found += filter(None, [figures])
    rows = [[seed, *(f"{r[c]:.3f}" for c in COLUMNS)] for seed, r in enumerate(found)]
    means = (experiment.with_interval([r[c] for r in found], 3) for c in COLUMNS)
    rows.append(["mean ± 95 %", *means])
    text = experiment.table(["seed", *COLUMNS.values()], rows)
    figure = plot.curves(found[0]["history"])
    command = "python benchmarks/claims/lenet_sigmoid.py --data-dir /usr"
    runs.write("LeNet with sigmoid on Fashion-MNIST", CLAIM, text, command, figure)


def train(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = mc.models.lenet5(activation="sigmoid", pooling="mean")
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
    train_set = learning.fashion(root, True, settings["images"], 0.0, 1.0)
    history = learning.learn(network, train_set, settings, checkpoint)
    test = learning.test_accuracy(network, learning.fashion(root, False, None, 0.0, 1.0))
    return {**history[-1], "test_accuracy": test, "history": history}


if __name__ == "__main__":
    main()
