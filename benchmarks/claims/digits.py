"""The digits that come with minicnn: a small convolutional network, with augmentation.

    python benchmarks/claims/digits.py --validation 1600
    python benchmarks/claims/digits.py

8,000 training and 2,000 test images, as `BundledMNIST` has them. The first command chooses how
strongly images are changed: each candidate learns from the training images without 1,600 of them
and is measured on those. The second trains the chosen one on all training images, and looks at the
test images once for each seed, with the averaged weights.
"""

import experiment
import learning
from drawing import dots
from small_resnet import parameter_groups

import minicnn as mc
from minicnn import data, nn, training
from minicnn.data import transforms as T
from minicnn.models.blocks import Conv2dNormActivation

CLAIM = "at least 99.0 % of the test digits right, with augmentation (mean of 3 seeds)"
MEAN, STD = 0.1307, 0.3081
RECIPE = {
    "maps": (16, 32, 64), "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4,
    "schedule": "one-cycle", "label_smoothing": 0.1, "averaging": 0.998,
    "degrees": 12, "translate": 0.08, "scale": (0.9, 1.1), "shear": 10,
}  # fmt: skip
ELASTIC = {"alpha": 30.0, "sigma": 4.0}  # how far, how smooth
CANDIDATES = {"moved, turned, sheared": 0.0, "and bent, every other one": 0.5}  # how often bent
CHOSEN = "and bent, every other one"


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=25, validation=0)
    runs = experiment.Runs("digits", options)
    recipe = {**RECIPE, **ELASTIC, "epochs": options.epochs}
    if options.validation:
        for seed in range(options.seeds):
            for elastic in CANDIDATES.values():
                held_out = {"elastic": elastic, "validation": options.validation}
                runs.run({**recipe, **held_out, "seed": seed}, train)
        return
    chosen = {**recipe, "elastic": CANDIDATES[CHOSEN], "validation": 0}
    found = [runs.run({**chosen, "seed": seed}, train) for seed in range(options.seeds)]
    found = [figures for figures in found if figures]
    text = report(found, options.epochs) + "\n\n" + how_it_was_chosen(runs.lines)
    accuracies = {f"seed {i}": [100 * r["accuracy"]] for i, r in enumerate(found)}
    # One dot is no picture.
    figure = dots(accuracies, "test accuracy, %", 99.0) if len(found) > 1 else None
    runs.write("The bundled digits", CLAIM, text, "python benchmarks/claims/digits.py", figure)


def build(maps):
    """One convolution at 28 × 28, two at 14 × 14, two at 7 × 7; the mean over what is left."""
    first, second, third = maps
    return nn.Sequential(
        Conv2dNormActivation(1, first),
        nn.MaxPool2d(2),
        Conv2dNormActivation(first, second),
        Conv2dNormActivation(second, second),
        nn.MaxPool2d(2),
        Conv2dNormActivation(second, third),
        Conv2dNormActivation(third, third),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(third, 10),
    )


def train(settings, checkpoint):
    mc.manual_seed(settings["seed"])
    network = build(settings["maps"])
    to_input = T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])
    train_set = data.BundledMNIST(transform=T.Compose([*changes(settings), to_input]))
    asked = data.BundledMNIST(train=False, transform=to_input)
    if settings["validation"]:
        same = data.BundledMNIST(transform=to_input)
        share = settings["validation"] / len(same)
        rest, asked = data.stratified_split(same, share, mc.Generator(0))
        train_set = data.Subset(train_set, rest.indices)
    averaging = training.WeightAveraging(settings["averaging"])
    groups = parameter_groups(network, settings["weight_decay"])
    history = learning.learn(
        network, train_set, settings, checkpoint, callbacks=[averaging], groups=groups
    )
    network.load_state_dict(averaging.weights)
    accuracy = learning.test_accuracy(network, asked)
    return {
        "train_accuracy": history[-1]["train_accuracy"],
        "accuracy": accuracy,
        "mistakes": round((1 - accuracy) * len(asked)),
    }


def changes(settings):
    """How a training image is varied."""
    move = T.RandomAffine(
        settings["degrees"],
        translate=(settings["translate"],) * 2,
        scale=tuple(settings["scale"]),
        shear=settings["shear"],
        interpolation=T.InterpolationMode.BILINEAR,
    )
    bend = T.ElasticTransform(settings["alpha"], settings["sigma"])
    return [move, T.RandomApply([bend], settings["elastic"])]


def report(found, epochs):
    rows = [
        [seed, f"{r['train_accuracy']:.2%}", f"{r['accuracy']:.2%}", r["mistakes"]]
        for seed, r in enumerate(found)
    ]
    if len(found) > 1:
        mean = experiment.percent([r["accuracy"] for r in found])
        rows.append(["mean ± 95 %", "", f"{mean} %", ""])
    network = build(RECIPE["maps"])
    cost = mc.summary(network, (1, 1, 28, 28)).total.multiplications
    text = experiment.table(["seed", "training, augmented", "test", "mistakes"], rows)
    return text + (
        f"\n\nA network of {sum(p.numel() for p in network.parameters()):,} parameters and "
        f"{cost / 1e6:.1f} million multiplications an image; {epochs} epochs."
    )


def how_it_was_chosen(lines):
    """A table of the runs on the training images that were kept back."""
    rows = []
    for name, elastic in CANDIDATES.items():
        found = [
            line["figures"]["accuracy"]
            for line in lines
            if line["settings"]["validation"] and line["settings"]["elastic"] == elastic
        ]
        if found:
            rows.append([name, len(found), f"{experiment.percent(found)} %"])
    if not rows:
        return "How strongly images are changed was not chosen by measuring."
    return (
        "How strongly images are changed was chosen by what was right of training images kept "
        "back:\n\n" + experiment.table(["training images", "seeds", "right"], rows)
    )


if __name__ == "__main__":
    main()
