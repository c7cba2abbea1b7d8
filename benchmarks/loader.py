"""Whether the loader keeps up: training steps with data in memory, and with data being loaded.

    python benchmarks/loader.py

LeNet-5 learns from the bundled digits, moved at random (28 × 28, batches of 64); ResNet-18 from
JPEG files of 375 × 500 pixels: random parts at 224 × 224, mirrored, batches of 8. Each is measured
with batches that are ready in memory, then with the loader in front of it: in the program itself,
with a thread, and with a process as its worker. The loader is also measured alone. All ways take
turns, so that they see the same hour of the machine; medians of the time of a batch.
"""

import argparse
import json
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

import machine
import numpy as np

import minicnn as mc
from minicnn import data, models, nn, optim
from minicnn.data import transforms as T

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WAYS = {
    "in the program": {},
    "a thread": {"num_workers": 1, "workers": "threads"},
    "a process": {"num_workers": 1, "workers": "processes", "persistent_workers": True},
}


def digits(folder):
    """LeNet's data set, batch size and network."""
    transform = T.Compose([T.RandomCrop(28, padding=2), T.ToTensor(), T.Normalize(0.1307, 0.3081)])
    return data.BundledMNIST(transform=transform), 64, models.lenet5()


def photographs(folder):
    """ResNet-18's: files with the smooth waves and the noise of pictures, in two classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:375, :500] / 500
    for i in range(64):
        a, b = rng.uniform(2, 12, (2, 3))
        waves = np.sin(a * x[..., None] + b * y[..., None])
        pixels = (128 + 90 * waves + rng.normal(0, 9, (375, 500, 3))).clip(0, 255)
        path = folder / f"class{i % 2}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path, quality=90)
    transform = T.Compose(
        [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(MEAN, STD)]
    )
    return data.ImageFolder(str(folder), transform), 8, models.resnet18(num_classes=10)


CASES = {"LeNet b64, digits": (digits, 60), "ResNet-18 b8, 224², JPEG files": (photographs, 6)}


def stepper(network):
    """A function that trains the network on a batch."""
    sgd = optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    loss_function = nn.CrossEntropyLoss()

    def step(images, labels):
        loss_function(network(images), labels).backward()
        sgd.step()
        sgd.zero_grad()

    return step


def milliseconds(batches, count, step=None):
    """Of one of `count` batches, wall clock."""
    batches = iter(batches)
    start = time.perf_counter()
    done = 0
    for images, labels in islice(batches, count):
        if step is not None:
            step(images, labels)
        done += 1
    return (time.perf_counter() - start) / done * 1000


def measure(case, rounds):
    """Milliseconds of a batch: by name, medians of the rounds."""
    make, count = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        dataset, size, network = make(Path(folder))
        count = min(count, len(dataset) // size)
        loaders = {
            way: data.DataLoader(dataset, size, shuffle=True, drop_last=True, **options)
            for way, options in WAYS.items()
        }
        step = stepper(network)
        ready = list(islice(iter(loaders["in the program"]), count))
        runs = {"step": lambda: milliseconds(ready, count, step)}
        for way, loader in loaders.items():
            runs[f"alone, {way}"] = lambda loader=loader: milliseconds(loader, count)
            runs[f"epoch, {way}"] = lambda loader=loader: milliseconds(loader, count, step)
        for run in runs.values():
            run()  # compiles, starts workers
        times = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(run())
    return {name: statistics.median(values) for name, values in times.items()}


def table(found):
    lines = [
        "| training | step | loader alone | "
        + " | ".join(f"epoch, {way}" for way in WAYS)
        + " | least / step |",
        "|---|---|---|" + "---|" * (len(WAYS) + 1),
    ]
    for case, times in found.items():
        epochs = [times[f"epoch, {way}"] for way in WAYS]
        numbers = [times["step"], times["alone, in the program"], *epochs]
        cells = [f"{number:.3g}" for number in numbers]
        lines.append(f"| {case} | {' | '.join(cells)} | {min(epochs) / times['step']:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    mc.manual_seed(0)
    found = {case: measure(case, arguments.rounds) for case in CASES}
    facts = {**machine.description("pillow"), "threads": mc.get_num_threads()}
    text = (
        "# Does the loader keep up?\n\n"
        "Milliseconds of a batch: a training step with the batch in memory; the loader by itself, "
        "in the program; step and loader together, the loader in the program or with a worker "
        f"beside it. Medians of {arguments.rounds} rounds.\n\n{table(found)}\n\n"
        f"Machine: {machine.line(facts)}.\n\nMade by `python benchmarks/loader.py`.\n"
    )
    results = machine.ROOT / "benchmarks" / "results"
    (results / "loader.md").write_text(text, encoding="utf-8")
    content = {"machine": facts, "milliseconds": found}
    text_of = json.dumps(content, indent=1, ensure_ascii=False)
    (results / "loader.json").write_text(text_of + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
