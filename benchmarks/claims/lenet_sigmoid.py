"""The LeNet of the textbooks on Fashion-MNIST: sigmoid, mean pooling, ten epochs.

    python benchmarks/claims/lenet_sigmoid.py --data-dir /usr

All 60,000 images, batches of 256, SGD at 0.9 without momentum, Xavier's initial weights. The texts
give the network pixels in 0 … 1; here it gets them standardised as well, with the same seeds.
"""

import experiment
import learning

import minicnn as mc
from minicnn import nn, plot

CLAIM = (
    "after 10 epochs train loss 0.458, train accuracy 0.827, test accuracy 0.823; with PyTorch, "
    "SGD at 0.9, batch 256, Xavier: 0.471, 0.824, 0.808 (one seed)"
)
INPUTS = {"0 … 1": (0.0, 1.0), "standardised": (learning.MEAN, learning.STD)}
COLUMNS = {"train_loss": "train loss", "train_accuracy": "train", "test_accuracy": "test"}


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=10, images=60_000)
    runs = experiment.Runs("lenet_sigmoid", options)
    found = {name: [] for name in INPUTS}
    for seed in range(options.seeds):
        for name in INPUTS:
            settings = {
                "pixels": name, "images": options.images, "epochs": options.epochs,
                "batch_size": 256, "lr": 0.9, "momentum": 0.0, "seed": seed,
            }  # fmt: skip
            figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
            if figures:
                found[name].append(figures)
    found = {name: some for name, some in found.items() if some}
    rows = [
        [name, len(some), *(_cell(some, column) for column in COLUMNS)]
        for name, some in found.items()
    ]
    text = experiment.table(["pixels", "seeds", *COLUMNS.values()], rows)
    every = [figures["test_accuracy"] for some in found.values() for figures in some]
    text += f"\n\nMeans ± 95 % interval of the mean. Test accuracies {min(every):.3f} … "
    text += f"{max(every):.3f}."
    figure = plot.curves([dict(epoch) for epoch in next(iter(found.values()))[0]["history"]])
    command = "python benchmarks/claims/lenet_sigmoid.py --data-dir /usr"
    runs.write("LeNet with sigmoid on Fashion-MNIST", CLAIM, text, command, figure)


def train(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = mc.models.lenet5(activation="sigmoid", pooling="mean")
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
    scale = INPUTS[settings["pixels"]]
    train_set = learning.fashion(root, True, settings["images"], *scale)
    history = learning.learn(network, train_set, settings, checkpoint)
    test = learning.test_accuracy(network, learning.fashion(root, False, None, *scale))
    return {**history[-1], "test_accuracy": test, "history": history}


def _cell(some, column):
    return experiment.with_interval([figures[column] for figures in some], 3)


if __name__ == "__main__":
    main()
