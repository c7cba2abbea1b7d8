"""What ``minicnn train`` does, from the options to the weights."""

import copy
import math
from pathlib import Path

from rich.console import Console

from minicnn.cli.command import Mistake
from minicnn.cli.datasets import load_part, preprocessing_for
from minicnn.cli.networks import default_input
from minicnn.cli.runs import build_for, read_run, write_run
from minicnn.device import as_device
from minicnn.distributed import SyncBatchNorm, complain, first_goes_first, from_first, world

RESULT = "weights.safetensors"


def start(chosen, plain):
    """Begin a run; returns the exit status."""
    folder = from_first(_folder_for, chosen)
    run = _Training(chosen)
    from_first(_begin, folder, run)
    console = Console(soft_wrap=True)
    console.print(f"{run.described()}; results go to {folder}", highlight=False)
    return run.train(folder, console, plain)


def _begin(folder, run):
    folder.mkdir(parents=True, exist_ok=True)
    write_run(folder, run.chosen, run.preprocessing, run.classes)


def go_on(folder, plain):
    """Take up the run in a folder; returns the exit status."""
    about = from_first(read_run, folder)
    run = _Training(about["options"])
    if list(run.classes) != about["classes"]:
        raise Mistake(f"the data has the classes {list(run.classes)} now, not {about['classes']}")
    console = Console(soft_wrap=True)
    console.print(f"{run.described()}; going on in {folder}", highlight=False)
    return run.train(folder, console, plain)


def _folder_for(chosen):
    if chosen["out"] is None:
        base = f"{_plain_name(chosen['network'])}-{_plain_name(chosen['data'])}"
        numbers = (n for n in range(1, 10**9) if not Path("runs", f"{base}-{n}").exists())
        return Path("runs", f"{base}-{next(numbers)}")
    folder = Path(chosen["out"])
    if (folder / "run.json").exists():
        raise Mistake(
            f"{folder} already holds a run; choose another --out, or go on with it: "
            f"minicnn train --resume {folder}"
        )
    return folder


def _plain_name(text):
    return Path(text.replace(".py:", "-")).name


class _Training:
    """Data, network and optimizer of a run."""

    def __init__(self, chosen):
        from minicnn.random import manual_seed

        self.chosen = chosen
        self.device = as_device(chosen.get("device", "cpu"))  # older runs do not say
        manual_seed(chosen["seed"])
        with first_goes_first():
            train = load_part(chosen, "train", None)
        self.classes = list(getattr(train, "classes", ()))
        if len(self.classes) < 2:
            raise Mistake(f"{chosen['data']} has {len(self.classes)} classes; training needs two")
        self.model = build_for(chosen, len(self.classes))
        if world().size > 1:  # so that the result does not depend on the number of ranks
            self.model = SyncBatchNorm.convert_sync_batchnorm(self.model)
        channels, size = image_shape(chosen["network"], self.model, chosen["size"])
        made = {
            a: preprocessing_for(chosen["data"], channels, size, a)
            for a in ("none", chosen["augment"])
        }
        self.preprocessing = made["none"]
        with first_goes_first():
            self.parts = self._load(train, made["none"], made[chosen["augment"]])
        self._check_head()

    def _load(self, images, plain, varied):
        """The data sets for training, validation and test; the last two may be None."""
        from minicnn import data
        from minicnn.random import Generator

        train = _with_transform(images, varied)
        validation = load_part(self.chosen, "val", plain)
        share = self.chosen["validation"]
        if validation is None and share:
            # The same images for every seed: a generator of its own, always started alike.
            unvaried = _with_transform(images, plain)
            train, _ = data.stratified_split(train, share, Generator(0))
            _, validation = data.stratified_split(unvaried, share, Generator(0))
        wanted = self.chosen["images"]
        if wanted is not None and wanted < len(train):
            # Some of every class; the first ones may be of few.
            _, train = data.stratified_split(train, wanted / len(train), Generator(0))
        return {"training": train, "validation": validation,
                "test": load_part(self.chosen, "test", plain)}  # fmt: skip

    def _check_head(self):
        from minicnn.modes import no_grad

        image, _ = self.parts["training"][0]
        with no_grad():
            scores = self.model.eval()(image.unsqueeze(0))
        if getattr(scores, "ndim", 0) != 2 or scores.shape[1] != len(self.classes):
            raise Mistake(
                f"{self.chosen['network']} gives {tuple(scores.shape)[1:]} scores an image, and "
                f"the data has {len(self.classes)} classes; --option num_classes="
                f"{len(self.classes)} fits"
            )

    def described(self):
        count = sum(p.numel() for p in self.model.parameters())
        counts = [f"{len(d):,} {n}" for n, d in self.parts.items() if d is not None]
        if len(counts) > 1:
            counts = [", ".join(counts[:-1]), counts[-1]]
        size = " × ".join(map(str, self.preprocessing.size))
        return (
            f"{self.chosen['network']}, {count:,} parameters; {' and '.join(counts)} images of "
            f"{size}"
        )

    def loader(self, part, **options):
        from minicnn.data import DataLoader, on_device

        workers = self.chosen["workers"]
        if workers:
            options.update(num_workers=workers, workers=self.chosen["worker_kind"])
            options["persistent_workers"] = True
        return on_device(DataLoader(self.parts[part], **options), self.device)

    def train(self, folder, console, plain):
        from minicnn import nn
        from minicnn.models import auxiliary_loss
        from minicnn.serialization import save
        from minicnn.training import fit

        chosen = self.chosen
        self.model.to(self.device)
        loader = self.loader("training", batch_size=chosen["batch_size"], shuffle=True)
        optimizer, scheduler = self._optimizer(loader)
        averaging, callbacks = self._callbacks(folder, console, plain)
        criterion = nn.CrossEntropyLoss(label_smoothing=chosen["label_smoothing"])
        run = fit(
            self.model,
            loader,
            lambda outputs, labels: auxiliary_loss(outputs, labels, criterion=criterion),
            optimizer,
            chosen["epochs"],
            scheduler=scheduler,
            step_scheduler="step",
            accumulate=chosen["accumulate"],
            clip_norm=chosen["clip_norm"],
            callbacks=callbacks,
        )
        if run.ending == "interrupted":
            complain(
                f"interrupted in epoch {run.epoch + 1}; go on with: minicnn train --resume {folder}"
            )
            return 130
        if run.stopped:
            console.print(run.stopped, highlight=False)
        self._take_best(folder, averaging)
        from_first(save, self.model.state_dict(), folder / RESULT)
        console.print(
            f"weights are in {folder}; minicnn evaluate {folder} looks closer, minicnn predict "
            f"{folder} IMAGE uses them",
            highlight=False,
        )
        self._report()
        return 0

    def _optimizer(self, loader):
        from minicnn import optim

        chosen, parameters = self.chosen, self.model.parameters()
        options = {"lr": chosen["lr"], "weight_decay": chosen["weight_decay"]}
        if chosen["optimizer"] == "sgd":
            optimizer = optim.SGD(parameters, momentum=chosen["momentum"], **options)
        else:
            kind = {"adam": optim.Adam, "adamw": optim.AdamW}[chosen["optimizer"]]
            optimizer = kind(parameters, **options)
        if chosen["schedule"] == "constant":
            return optimizer, None
        steps = chosen["epochs"] * math.ceil(len(loader) / chosen["accumulate"])
        return optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def _callbacks(self, folder, console, plain):
        from minicnn import training as tr

        chosen = self.chosen
        averaging = tr.WeightAveraging(chosen["averaging"]) if chosen["averaging"] else None
        callbacks = [tr.TrainingMetrics()] + [averaging] * (averaging is not None)
        if self.parts["validation"] is not None:
            loader = self.loader("validation", batch_size=chosen["batch_size"])
            callbacks.append(tr.Validation(loader, averaging=averaging))
        if chosen["patience"] is not None:
            best = folder / "best.safetensors"
            callbacks.append(
                tr.EarlyStopping(patience=chosen["patience"], best_path=best, averaging=averaging)
            )
        callbacks += [
            tr.Progress(console, plain or None),
            tr.Log(folder / "metrics.jsonl"),
            tr.Checkpoints(folder / "checkpoint.safetensors", every_seconds=chosen["save_every"]),
        ]
        return averaging, callbacks

    def _take_best(self, folder, averaging):
        """Give the model the weights that were measured: averaged ones, or of the best epoch."""
        from minicnn.serialization import load

        if self.chosen["patience"] is not None:
            self.model.load_state_dict(from_first(load, folder / "best.safetensors"))
        elif averaging is not None:
            self.model.load_state_dict(averaging.weights)

    def _report(self):
        from minicnn.training import evaluate

        for part in ("test", "validation"):
            if self.parts[part] is not None:
                found = evaluate(self.model, self.loader(part, batch_size=100))
                print(f"{part} accuracy: {found.accuracy:.4f}")
                return


def _with_transform(dataset, transform):
    """The same images, going through another transform."""
    changed = copy.copy(dataset)
    changed.transform = transform
    return changed


def image_shape(network, model, side=None):
    """(channels, (height, width)) of the images that a network is given."""
    _, channels, *size = default_input(network, model)
    if len(size) == 2:
        return channels, (side, side) if side else tuple(size)
    # A first layer that reads all pixels at once: of one or three channels?
    for number in (1, 3):
        edge = math.isqrt(channels // number)
        if edge * edge * number == channels and side in (None, edge):
            return number, (edge, edge)
    raise Mistake(f"{network} reads {channels} numbers, which are no square image; give --size")
