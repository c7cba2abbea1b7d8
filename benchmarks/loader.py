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
    return data.Subset(data.BundledMNIST(transform=transform), range(3840)), 64, models.lenet5()


def photographs(folder):
    """ResNet-18's: files with the smooth waves and the noise of pictures, in two classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:375, :500] / 500
    for i in range(24):
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


CASES = {"LeNet b64, digits": digits, "ResNet-18 b8, 224², JPEG files": photographs}


def stepper(network):
    """A function that trains the network on a batch."""
    sgd = optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    loss_function = nn.CrossEntropyLoss()

    def step(images, labels):
        loss_function(network(images), labels).backward()
        sgd.step()
        sgd.zero_grad()

    return step


def milliseconds(batches, step=None):
    """Of one batch, wall clock."""
    start = time.perf_counter()
    for images, labels in batches:
        if step is not None:
            step(images, labels)
    return (time.perf_counter() - start) / len(batches) * 1000


def measure(case, threads, rounds):
    """Milliseconds of a batch, by name: medians of the rounds. The threads are the training's."""
    mc.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        dataset, size, network = CASES[case](Path(folder))
        loaders = {
            way: data.DataLoader(dataset, size, shuffle=True, **options)
            for way, options in WAYS.items()
        }
        step = stepper(network)
        ready = list(loaders["in the program"])
        runs = {"step": lambda: milliseconds(ready, step)}
        for way, loader in loaders.items():
            runs[f"alone, {way}"] = lambda loader=loader: milliseconds(loader)
            runs[f"epoch, {way}"] = lambda loader=loader: milliseconds(loader, step)
        for run in runs.values():
            run()  # compiles, starts workers
        times = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(run())
    return {name: statistics.median(values) for name, values in times.items()}


def table(entries):
    lines = [
        "| training | threads | step | loader alone | "
        + " | ".join(f"epoch, {way}" for way in WAYS)
        + " | step / loader | least epoch / step | machine | commit |",
        "|---|---|---|---|" + "---|" * (len(WAYS) + 4),
    ]
    for entry in entries:
        times = entry["milliseconds"]
        epochs = [times[f"epoch, {way}"] for way in WAYS]
        numbers = [times["step"], times["alone, in the program"], *epochs]
        cells = [f"{number:.3g}" for number in numbers]
        lines.append(
            f"| {entry['training']} | {entry['threads']} | {' | '.join(cells)} | "
            f"{times['step'] / times['alone, in the program']:.1f} | "
            f"{min(epochs) / times['step']:.2f} | {entry['state']} | "
            f"{entry['machine']['commit']} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", default="", help="trainings with this in their name; other rows stay as they are"
    )
    parser.add_argument("--state", default="not said", help="what else the machine did")
    arguments = parser.parse_args()
    mc.manual_seed(0)
    results = machine.ROOT / "benchmarks" / "results"
    every = sorted({1, mc.get_num_threads()})
    facts = machine.description("pillow")
    kept = json.loads((results / "loader.json").read_text(encoding="utf-8"))["entries"]
    entries = []
    for case in CASES:
        if arguments.only not in case:
            entries += [entry for entry in kept if entry["training"] == case]
            continue
        for threads in every:
            times = measure(case, threads, arguments.rounds)
            entries.append(
                {
                    "training": case, "threads": threads, "rounds": arguments.rounds,
                    "state": arguments.state, "machine": facts, "milliseconds": times,
                }
            )  # fmt: skip
    rounds = sorted({entry["rounds"] for entry in entries})
    processors = sorted({entry["machine"]["processor"] for entry in entries})
    text = (
        "# Does the loader keep up?\n\n"
        "Milliseconds of a batch: a training step with the batch in memory; the loader by itself, "
        "in the program; step and loader together, the loader in the program or with a worker "
        "beside it. Step / loader: how many times as fast batches are loaded as learned from. "
        "Threads: those that train. Medians of "
        f"{' or '.join(map(str, rounds))} rounds.\n\n"
        f"{table(entries)}\n\n"
        f"Machine: {'; '.join(processors)}, {facts['cores']} cores.\n\n"
        "Made by `python benchmarks/loader.py`.\n"
    )
    (results / "loader.md").write_text(text, encoding="utf-8")
    text_of = json.dumps({"entries": entries}, indent=1, ensure_ascii=False)
    (results / "loader.json").write_text(text_of + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
