"""A residual network trained on all 60,000 images of Fashion-MNIST, on the CPU.

    python benchmarks/claims/fashion_residual.py --data-dir /usr --tune
    python benchmarks/claims/fashion_residual.py --data-dir /usr

The first command compares recipes on training images: each learns from 10,000 for a few epochs and
is measured on 5,000 others. The second trains the chosen one on all training images, and looks at
the test images once, at the end, with the averaged weights: as they are, and with each image's
probabilities averaged with those of its mirror image.

Both may be stopped at any time, by Ctrl-C or ``kill -9``, and go on with the same command.
"""

import json
import time

import experiment
import machine
from small_resnet import SmallResNet, parameter_groups, whitening_kernels

import minicnn as mc
from minicnn import data, nn, optim, plot, training
from minicnn.data import transforms as T
from minicnn.optim.lr_scheduler import OneCycleLR

MEAN, STD = 0.2860, 0.3530  # of the training images
SETTINGS = {
    "stem": "whitening",  # or how many maps a learned one has
    "maps": (64, 128, 256),
    "blocks": (1, 1, 1),
    "epochs": 12,
    "image_size": (24, 28),  # in the first half of the epochs, and in the second
    "batch_size": 128,
    "lr": 0.1,  # the highest, after a quarter of the run; then it falls to 0
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "label_smoothing": 0.1,
    "padding": 2,  # images are moved by up to so many pixels
    "erasing": 0.25,  # how often a rectangle is erased
    "averaging": 0.998,
    "seed": 0,
}
# What each recipe changes; a run of `--tune` is shorter, and so are the averages.
TUNING = {"epochs": 3, "image_size": (28, 28), "erasing": 0.0, "averaging": 0.99}
TUNED_ON, HELD_OUT = 10_000, 5_000  # images
CANDIDATES = {
    "whitening stem, learning rate 0.1": {"stem": "whitening", "lr": 0.1},
    "learned stem of 32 maps, learning rate 0.1": {"stem": 32, "lr": 0.1},
    "whitening stem, learning rate 0.2": {"stem": "whitening", "lr": 0.2},
}

to_input = T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])


def main(argv=None):
    options = experiment.arguments(
        __doc__, seeds=1, argv=argv, epochs=SETTINGS["epochs"], images=60_000, tune=False
    )
    runs = experiment.Runs("fashion_residual", options)
    if options.tune:
        tune(runs, options)
        return
    settings = {**SETTINGS, "epochs": options.epochs, "images": options.images}
    found = train(options.data_dir, settings, options.work / "fashion_residual")
    write(runs, options, settings, *found)


# ---------------------------------------------------------------- data and network


def varied(settings):
    """How training images are changed."""
    return T.Compose(
        [
            T.RandomCrop(28, padding=settings["padding"]),
            T.RandomHorizontalFlip(),
            to_input,
            T.RandomErasing(settings["erasing"], scale=(0.02, 0.2)),
        ]
    )


def with_mirror_image(image):
    image = to_input(image)
    return mc.stack([image, T.functional.hflip(image)])


def build(settings, images):
    """The network; `images` are the training images as bytes (N, 28, 28)."""
    stem = settings["stem"]
    if stem == "whitening":
        stem = whitening_kernels((images[:5000] / 255 - MEAN) / STD)
    return SmallResNet(settings["maps"], settings["blocks"], stem)


def loader(dataset, settings):
    # A worker changes the images, while both processors train.
    return data.DataLoader(
        dataset, settings["batch_size"], shuffle=True, drop_last=True,
        num_workers=1, workers="processes", persistent_workers=True,
    )  # fmt: skip


def fit(network, batches, settings, callbacks, averaging):
    """The run; the network has its averaged weights afterwards."""
    groups = parameter_groups(network, settings["weight_decay"])
    sgd = optim.SGD(groups, lr=settings["lr"], momentum=settings["momentum"], nesterov=True)
    steps = settings["epochs"] * len(batches)
    schedule = OneCycleLR(
        sgd, settings["lr"], total_steps=steps, pct_start=0.25, cycle_momentum=False
    )
    stages = training.ProgressiveLearning(settings["epochs"], 2, settings["image_size"])
    callbacks = [
        training.TrainingMetrics(),
        averaging,
        training.ProgressiveResizing(stages, dropout=False),
        training.Progress(experiment.CONSOLE),
        *callbacks,
    ]
    run = training.fit(
        network, batches, nn.CrossEntropyLoss(label_smoothing=settings["label_smoothing"]), sgd,
        settings["epochs"], scheduler=schedule, step_scheduler="step", callbacks=callbacks,
    )  # fmt: skip
    if run.stopped:
        raise SystemExit(f"{run.stopped}; the same command goes on")
    network.load_state_dict(averaging.weights)
    return run


# ---------------------------------------------------------------- choosing a recipe


def tune(runs, options):
    """Measure all candidates on training images that they do not learn from."""
    shared = {**SETTINGS, **TUNING, "images": min(options.images, TUNED_ON)}
    for seed in range(options.seeds):
        for changes in CANDIDATES.values():
            settings = {**shared, **changes, "held_out": HELD_OUT, "seed": seed}
            runs.run(settings, lambda *run: tuning_run(options.data_dir, *run))


def tuning_run(root, settings, checkpoint):
    mc.manual_seed(settings["seed"])
    same = data.FashionMNIST(root, transform=to_input)
    changed = data.FashionMNIST(root, transform=varied(settings))
    share = settings["held_out"] / len(same)
    others, held_out = data.stratified_split(same, share, mc.Generator(0))
    train_set = data.Subset(changed, others.indices)
    if settings["images"] < len(train_set):
        share = settings["images"] / len(train_set)
        _, train_set = data.stratified_split(train_set, share, mc.Generator(1))
    network = build(settings, same.data.numpy())
    averaging = training.WeightAveraging(settings["averaging"])
    callbacks = [training.Checkpoints(checkpoint, every_seconds=60)]
    run = fit(network, loader(train_set, settings), settings, callbacks, averaging)
    return {
        "train_accuracy": run.history[-1]["train_accuracy"],
        "accuracy": tested(network, held_out),
    }


def tuned(lines):
    """A table of the runs of `tune`."""
    rows = []
    for name, changes in CANDIDATES.items():
        found = [
            line["figures"]["accuracy"]
            for line in lines
            if "held_out" in line["settings"]
            and all(line["settings"][k] == v for k, v in changes.items())
        ]
        if found:
            rows.append([name, len(found), experiment.percent(found)])
    return experiment.table(["recipe", "seeds", "right, %"], rows) if rows else ""


# ---------------------------------------------------------------- the long run


def train(root, settings, folder):
    """Train on all images, or go on with it; the network with its averaged weights, and the run."""
    folder.mkdir(parents=True, exist_ok=True)
    mc.manual_seed(settings["seed"])
    train_set = data.FashionMNIST(root, transform=varied(settings))
    network = build(settings, train_set.data.numpy())
    if settings["images"] < len(train_set):
        train_set = data.Subset(train_set, range(settings["images"]))
    clock = ProcessorTime()
    callbacks = [
        clock,
        training.Log(folder / "metrics.jsonl"),
        training.Checkpoints(folder / "checkpoint.safetensors", every_seconds=120),
    ]
    averaging = training.WeightAveraging(settings["averaging"])
    run = fit(network, loader(train_set, settings), settings, callbacks, averaging)
    return network, run, clock.seconds


class ProcessorTime(training.Callback):
    """How long the processors worked for a run, in its parts before and after each pause."""

    def __init__(self):
        self.seconds = 0.0

    def on_fit_begin(self, run):
        self.start = time.process_time()

    def on_step_end(self, run):
        now = time.process_time()
        self.seconds, self.start = self.seconds + now - self.start, now

    def state_dict(self):
        return {"seconds": self.seconds}

    def load_state_dict(self, state):
        self.seconds = state["seconds"]


def tested(network, dataset):
    return training.evaluate(network, data.DataLoader(dataset, 250)).accuracy


def multiplications(network, size):
    """Of one forward pass of an image of size × size."""
    return mc.summary(network, (1, 1, size, size)).total.multiplications


def write(runs, options, settings, network, run, seconds):
    """The table of the run, the curve of its training and the figures of all epochs."""
    test = data.FashionMNIST(options.data_dir, train=False, transform=to_input)
    both = data.FashionMNIST(options.data_dir, train=False, transform=with_mirror_image)
    found = {
        "as they are": tested(network, test),
        "with their mirror images": tested(training.CropAverage(network), both),
    }
    images = len(run.loader) * settings["batch_size"]
    schedule = training.ProgressiveLearning(settings["epochs"], 2, settings["image_size"])
    # Forward, and twice as much backward; a multiplication with its addition counts as two.
    each = [len(s.epochs) * multiplications(network, s.image_size) for s in schedule.stages]
    flops = 6 * images * sum(each)
    parameters = sum(p.numel() for p in network.parameters())
    per_image, first = multiplications(network, 28), schedule.stages[0]
    text = experiment.table(
        ["test images", "accuracy, %"], [[name, f"{100 * a:.2f}"] for name, a in found.items()]
    )
    text += (
        f"\n\n{parameters:,} parameters, {per_image / 1e6:.1f} million multiplications an image; "
        f"{run.epochs} epochs of {images:,} images, the first {len(first.epochs)} at "
        f"{first.image_size} × {first.image_size} pixels; {flops / 1e12:,.0f} TFLOP (forward and "
        f"backward), {seconds / 60:,.0f} minutes of processor time with {mc.get_num_threads()} "
        f"thread(s). Seed {settings['seed']}."
    )
    if chosen := tuned(runs.lines):
        text += (
            f"\n\nThe recipe was chosen by what {HELD_OUT:,} training images that were kept back "
            f"said after {TUNING['epochs']} epochs of {TUNED_ON:,} others:\n\n{chosen}"
        )
    plot.curves(
        [{k: v for k, v in epoch.items() if k != "images_per_second"} for epoch in run.history],
        options.results / "fashion_residual.png",
    )
    here = machine.description()
    (options.results / "fashion_residual.md").write_text(
        "# A residual network on Fashion-MNIST\n\nClaim: at least 94.5 % of the test images right, "
        f"trained on all 60,000 images on the CPU.\n\n{text}\n\n"
        "![curves](fashion_residual.png)\n\n"
        "`python benchmarks/claims/fashion_residual.py --data-dir /usr`\n\n"
        f"{machine.line(here)}\n",
        encoding="utf-8",
    )
    content = {
        "machine": here, "settings": settings, "test_accuracy": found, "parameters": parameters,
        "multiplications": per_image, "flops": flops, "processor_seconds": round(seconds),
        "history": run.history,
    }  # fmt: skip
    text_of = json.dumps(content, indent=1, ensure_ascii=False)
    (options.results / "fashion_residual.json").write_text(text_of + "\n", encoding="utf-8")
    experiment.CONSOLE.print(text, highlight=False, markup=False)


if __name__ == "__main__":
    main()
