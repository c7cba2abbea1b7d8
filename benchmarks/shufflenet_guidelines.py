"""The four guidelines of ShuffleNetV2, computed where they can be and measured where they must be.

    python benchmarks/shufflenet_guidelines.py

Ma et al. 2018, section 2: small networks of ten blocks for 56 × 56 places, in each table with
exactly the same number of multiplications.
What differs is what multiplications do not show: memory accesses, the number of parts, element-wise
operations. Times are of the forward pass of one image, without gradients; all networks of a table
take turns, so that all see the same hour of the machine; medians.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import machine

import minicnn as mc
from minicnn import nn
from minicnn.models.shufflenet_v2 import pointwise_cost

BLOCKS = 10
# Numbers read and written for each number of the result.
RELU, ADDITION = 2, 3


class Case(NamedTuple):
    """A network, the shape of its input, and what is computed of it for one image."""

    name: str
    model: nn.Module
    channels: int
    multiplications: int
    memory_accesses: int


class Parallel(nn.Module):
    """Layers that all see the same input; their outputs are added."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        total = None
        for layer in self.layers:
            y = layer(x)
            total = y if total is None else total + y
        return total


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions; ReLU after each and a shortcut around them if wanted."""

    def __init__(self, channels, relu, shortcut):
        super().__init__()
        middle = channels // 4
        layers = [
            nn.Conv2d(channels, middle, 1, bias=False),
            nn.Conv2d(middle, middle, 3, padding=1, bias=False),
            nn.Conv2d(middle, channels, 1, bias=False),
        ]
        if relu:
            layers = [part for layer in layers for part in (layer, nn.ReLU())]
        self.layers = nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.shortcut else y


def pointwise(in_channels, out_channels, groups=1):
    return nn.Conv2d(in_channels, out_channels, 1, groups=groups, bias=False)


def repeated(make):
    return nn.Sequential(*[make() for _ in range(BLOCKS)])


def summed(costs):
    """(multiplications, memory accesses) of the whole network, from those of one block."""
    return tuple(BLOCKS * sum(part) for part in zip(*costs, strict=True))


def equal_channels(size):
    """G1: two 1×1 convolutions, c1 → c2 → c1, with c1·c2 = 72²."""
    cases = []
    for c1, c2 in ((72, 72), (36, 144), (24, 216), (18, 288)):

        def block(c1=c1, c2=c2):
            return nn.Sequential(pointwise(c1, c2), pointwise(c2, c1))

        cost = summed([pointwise_cost(c1, c2, size), pointwise_cost(c2, c1, size)])
        cases.append(Case(f"{c1} : {c2}", repeated(block), c1, *cost))
    return cases


def groups(size):
    """G2: a 1×1 convolution with g groups and 48·√g channels."""
    cases = []
    for g, c in ((1, 48), (4, 96), (9, 144), (16, 192)):
        model = repeated(lambda c=c, g=g: pointwise(c, c, g))
        cases.append(Case(f"g = {g}, c = {c}", model, c, *summed([pointwise_cost(c, c, size, g)])))
    return cases


def fragments(size):
    """G3: the 1×1 convolution of 128 channels as n smaller ones, one after another or beside."""
    cases = []
    for n, c, kind in (
        (1, 128, "whole"),
        (4, 64, "in series"),
        (16, 32, "in series"),
        (4, 64, "in parallel"),
        (16, 32, "in parallel"),
    ):
        join = Parallel if kind == "in parallel" else lambda layers: nn.Sequential(*layers)

        def block(n=n, c=c, join=join):
            return join([pointwise(c, c) for _ in range(n)])

        additions = n - 1 if kind == "in parallel" else 0
        joined = (0, additions * ADDITION * size[0] * size[1] * c)
        cost = summed([pointwise_cost(c, c, size)] * n + [joined])
        cases.append(Case(f"{n} × {c} channels, {kind}", repeated(block), c, *cost))
    return cases


def element_wise(size):
    """G4: a bottleneck of 64 channels, 16 in its middle, with and without ReLU and shortcut."""
    places, c, m = size[0] * size[1], 64, 16
    window = places * 9 * m * m, places * 2 * m + 9 * m * m
    convolutions = [pointwise_cost(c, m, size), window, pointwise_cost(m, c, size)]
    cases = []
    for relu, shortcut in ((True, True), (False, True), (True, False), (False, False)):
        extra = (0, places * (RELU * (m + m + c) * relu + ADDITION * c * shortcut))
        parts = [name for name, there in (("ReLU", relu), ("shortcut", shortcut)) if there]
        model = repeated(lambda relu=relu, shortcut=shortcut: Bottleneck(64, relu, shortcut))
        cases.append(
            Case(" and ".join(parts) or "neither", model, c, *summed([*convolutions, extra]))
        )
    return cases


GUIDELINES = {
    "G1. Equal channels minimise memory accesses": ("c1 : c2", equal_channels),
    "G2. Groups add memory accesses": ("groups", groups),
    "G3. Many small parts keep the processor less busy": ("parts of a block", fragments),
    "G4. Element-wise operations cost time": ("element-wise operations", element_wise),
}


def measure(cases, size, rounds):
    """Median milliseconds of each case."""
    inputs = [mc.randn(1, case.channels, *size) for case in cases]
    seconds = [[] for _ in cases]
    with mc.no_grad():
        for round_ in range(rounds + 2):
            for case, x, times in zip(cases, inputs, seconds, strict=True):
                start = time.perf_counter()
                case.model(x)
                if round_ > 1:  # the first two compile and fill caches
                    times.append(time.perf_counter() - start)
    return [statistics.median(times) * 1e3 for times in seconds]


def table(column, cases, milliseconds):
    rows = [
        f"| {column} | million multiplications | million memory accesses | ms | time : first |",
        "|---|---|---|---|---|",
    ]
    for case, ms in zip(cases, milliseconds, strict=True):
        rows.append(
            f"| {case.name} | {case.multiplications / 1e6:.1f} | {case.memory_accesses / 1e6:.2f} "
            f"| {ms:.3g} | {ms / milliseconds[0]:.2f} |"
        )
    return "\n".join(rows)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--size", type=int, default=56, help="height and width of the maps")
    parser.add_argument("--out", type=Path, default=machine.ROOT / "benchmarks" / "results")
    options = parser.parse_args(arguments)
    size = options.size, options.size
    mc.manual_seed(0)
    sections, result = [], {}
    for title, (column, make) in GUIDELINES.items():
        cases = make(size)
        milliseconds = measure(cases, size, options.rounds)
        sections.append(f"## {title}\n\n{make.__doc__}\n\n{table(column, cases, milliseconds)}")
        result[title[:2]] = {
            case.name: {
                "multiplications": case.multiplications,
                "memory_accesses": case.memory_accesses,
                "milliseconds": ms,
            }
            for case, ms in zip(cases, milliseconds, strict=True)
        }
        print(sections[-1], end="\n\n", flush=True)
    here = machine.description()
    options.out.mkdir(exist_ok=True)
    text = "\n\n".join(sections)
    (options.out / "shufflenet_guidelines.md").write_text(
        "# ShuffleNetV2's four guidelines\n\n"
        f"Networks of {BLOCKS} blocks, one image of {size[0]} × {size[1]} places, float32, forward "
        f"without gradients, medians of {options.rounds} rounds. Multiplications and memory "
        "accesses (numbers read and written, if a layer reads each of its numbers once) are "
        f"computed.\n\n{text}\n\n"
        f"`python benchmarks/shufflenet_guidelines.py`\n\n{machine.line(here)}\n",
        encoding="utf-8",
    )
    (options.out / "shufflenet_guidelines.json").write_text(
        json.dumps({"machine": here, "guidelines": result}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
