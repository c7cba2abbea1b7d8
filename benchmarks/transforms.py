"""The time of image transforms on one core, beside torchvision's.

    python benchmarks/transforms.py

Each round calls every transform of both libraries once, in turn, in one process, so that both see
the same hour of the machine, every other round in the opposite order; both are seeded alike before
a round, and the random ones draw many places in the course of it. The table shows medians of
processor time. torchvision is measured on tensors (its `v2`, the faster one) and on PIL images,
minicnn on tensors, on arrays (H, W, C) and on PIL images; the ratios are torchvision's time /
minicnn's on the same kind of image.
"""

# ruff: noqa: E402, what the libraries read when they are loaded comes first.

import os

for _library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"  # before they are loaded
for _variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_variable, None)

import argparse
import json
import statistics
import sys
import time
import types

import machine
import numpy as np
from PIL import Image

import minicnn as mc
from minicnn.data import transforms as ours

# torchvision without its compiled part: what is measured here is in PyTorch and Pillow.
sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("not needed"))
import torch
from torchvision.transforms import ToTensor as TheirToTensor
from torchvision.transforms import v2 as theirs

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PHOTO, SQUARE, SMALL = (375, 500), (224, 224), (32, 32)  # heights and widths

# name: (size of the image, what is on it, function of the library's module)
CASES = {
    "RandomCrop(32, padding=4), 32²": (SMALL, "bytes", lambda T: T.RandomCrop(32, padding=4)),
    "RandomHorizontalFlip(p=1), 32²": (SMALL, "bytes", lambda T: T.RandomHorizontalFlip(1.0)),
    "RandomHorizontalFlip(p=1), 375 × 500": (
        PHOTO,
        "bytes",
        lambda T: T.RandomHorizontalFlip(1.0),
    ),
    "RandomResizedCrop(224), 375 × 500": (PHOTO, "bytes", lambda T: T.RandomResizedCrop(224)),
    "Resize(256) + CenterCrop(224), 375 × 500": (
        PHOTO,
        "bytes",
        lambda T: T.Compose([T.Resize(256), T.CenterCrop(224)]),
    ),
    "Resize(256), bicubic, 375 × 500": (
        PHOTO,
        "bytes",
        lambda T: T.Resize(256, interpolation=T.InterpolationMode.BICUBIC),
    ),
    "ColorJitter(0.4, 0.4, 0.4), 224²": (SQUARE, "bytes", lambda T: T.ColorJitter(0.4, 0.4, 0.4)),
    "ColorJitter(0.4, 0.4, 0.4, 0.1), 224²": (
        SQUARE,
        "bytes",
        lambda T: T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    ),
    "Normalize, 224²": (SQUARE, "floats", lambda T: T.Normalize(MEAN, STD)),
    "RandomErasing(p=1), 224²": (SQUARE, "floats", lambda T: T.RandomErasing(p=1.0)),
    "RandomAffine(15, shear=10), bilinear, 224²": (
        SQUARE,
        "bytes",
        lambda T: T.RandomAffine(15, shear=10, interpolation=T.InterpolationMode.BILINEAR),
    ),
    "ElasticTransform, 224²": (SQUARE, "bytes", lambda T: T.ElasticTransform()),
    "RandomVerticalFlip(p=1), 375 × 500": (PHOTO, "bytes", lambda T: T.RandomVerticalFlip(1.0)),
    "TenCrop(200), 224²": (SQUARE, "bytes", lambda T: T.TenCrop(200)),
    "Pad(4, reflect), 224²": (SQUARE, "bytes", lambda T: T.Pad(4, padding_mode="reflect")),
    "RandomRotation(30), 224²": (SQUARE, "bytes", lambda T: T.RandomRotation(30)),
    "RandomRotation(30), bilinear, 224²": (
        SQUARE,
        "bytes",
        lambda T: T.RandomRotation(30, interpolation=T.InterpolationMode.BILINEAR),
    ),
    "RandomPerspective(p=1), 224²": (SQUARE, "bytes", lambda T: T.RandomPerspective(p=1.0)),
    "GaussianBlur(9), 224²": (SQUARE, "bytes", lambda T: T.GaussianBlur(9)),
    "RandomGrayscale(p=1), 224²": (SQUARE, "bytes", lambda T: T.RandomGrayscale(1.0)),
    "RandomPosterize(4, p=1), 224²": (SQUARE, "bytes", lambda T: T.RandomPosterize(4, p=1.0)),
}


def images(size):
    """One image of each kind: name → image."""
    # Smooth, as photographs are, with some noise.
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    waves = [np.sin(9 * (x * a + y * b)) for a, b in ((1, 2), (2, -1), (3, 1))]
    array = (128 + 90 * np.stack(waves, -1) + rng.normal(0, 9, (*size, 3))).clip(0, 255)
    array = array.astype(np.uint8)
    planes = np.ascontiguousarray(array.transpose(2, 0, 1))
    floats = (planes / np.float32(255)).astype(np.float32)
    return {
        ("bytes", "tensor", "ours"): mc.tensor(planes),
        ("bytes", "tensor", "theirs"): torch.tensor(planes),
        ("bytes", "array", "ours"): array,
        ("bytes", "PIL", "ours"): Image.fromarray(array),
        ("bytes", "PIL", "theirs"): Image.fromarray(array),
        ("floats", "tensor", "ours"): mc.tensor(floats),
        ("floats", "tensor", "theirs"): torch.tensor(floats),
    }


def calls():
    """{(name, kind, whose): function without arguments}"""
    found = {}
    for name, (size, content, make) in CASES.items():
        transforms = {"ours": make(ours), "theirs": make(theirs)}
        for (what, kind, whose), image in images(size).items():
            if what == content:
                found[name, kind, whose] = lambda t=transforms[whose], i=image: t(i)
    at_hand = images(SQUARE)
    for kind in ("array", "PIL"):
        image = at_hand["bytes", kind, "ours"]
        for whose, transform in (("ours", ours.ToTensor()), ("theirs", TheirToTensor())):
            found["ToTensor, 224²", kind, whose] = lambda t=transform, i=image: t(i)
    return found


def measure(rounds, repeat):
    """The median of the processor time of one call, in microseconds, by the keys of `calls`."""
    timed = calls()
    times = {key: [] for key in timed}
    for function in timed.values():
        function()  # compiles
    for i in range(rounds):
        # Who comes second finds memory that who came first has fetched: the order changes.
        for key, function in list(timed.items())[:: 1 if i % 2 else -1]:
            mc.manual_seed(i)
            torch.manual_seed(i)
            start = time.process_time_ns()
            for _ in range(repeat):
                function()
            times[key].append((time.process_time_ns() - start) / repeat / 1000)
    return {key: statistics.median(values) for key, values in times.items()}


KINDS = ("tensor", "array", "PIL")


def table(found):
    lines = [
        "| transform | tensor µs | torchvision v2 | ratio "
        "| array µs | PIL µs | torchvision | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for name, _, _ in found):
        cells = [name]
        for kind in KINDS:
            own, other = found.get((name, kind, "ours")), found.get((name, kind, "theirs"))
            if kind == "array":
                cells.append(f"{own:.0f}" if own else "")
                if other:  # ToTensor, which takes arrays there, too
                    cells[-1] += f" ({other:.0f}: {other / own:.2f})"
            elif own is None:
                cells += ["", "", ""]
            else:
                cells += [f"{own:.0f}", f"{other:.0f}", f"{other / own:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=5, help="calls in a row, of which the mean")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    mc.set_num_threads(1)
    found = measure(arguments.rounds, arguments.repeat)
    facts = machine.description("torch", "torchvision", "pillow")
    results = machine.ROOT / "benchmarks" / "results"
    text = (
        "# Image transforms beside torchvision\n\n"
        f"Medians of {arguments.rounds} rounds, processor time of one call on one core, 3 channels "
        "of uint8 (Normalize and RandomErasing: float32); ratio = torchvision's time / minicnn's "
        "on the same kind of image. In brackets: torchvision on the same array, and the ratio.\n\n"
        f"{table(found)}\n\nMachine: {machine.line(facts)}.\n\n"
        "Made by `python benchmarks/transforms.py`.\n"
    )
    (results / "transforms.md").write_text(text, encoding="utf-8")
    entries = [
        {"transform": name, "image": kind, "library": whose, "microseconds": round(value, 1)}
        for (name, kind, whose), value in found.items()
    ]
    content = json.dumps({"machine": facts, "medians": entries}, indent=1, ensure_ascii=False)
    (results / "transforms.json").write_text(content + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
