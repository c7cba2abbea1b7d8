"""The cell space, as data, and the network that a cell makes.

A *cell* is a short chain of layers. For each layer four questions are answered:

    op            a convolution, a depthwise-separable one, or max pooling with a 1 × 1 convolution
    kernel_size   3 or 5
    width         2, 4 or 8 channels
    stride        1 or 2

Two layers make 36² = 1,296 cells: few enough to build all of them in a test, too many to train all
of them for a table. The network around a cell is always the same:

    images (N, 1, 14, 14) → stem, 3 × 3, 8 channels → cell → cell → global mean → linear → 10

Both cells have the same layers and weights of their own, as in B. Zoph et al., "Learning
transferable architectures for scalable image recognition", 2018, where searching a cell instead of
a whole network began. There is no shortcut, and no price on size or time: accuracy alone counts.

    python examples/nas/space.py        prints the questions and a few random cells
"""

import itertools
from typing import NamedTuple

import numpy as np

from minicnn import checks, nn

STEM_CHANNELS = 8
CELLS = 2


class Layer(NamedTuple):
    """The answers for one layer."""

    op: str
    kernel_size: int
    width: int
    stride: int

    def __str__(self):
        k = self.kernel_size
        return f"{self.op} {k}×{k}, width {self.width}, stride {self.stride}"


class Space:
    """All cells of `layers` layers whose answers are among `choices`.

    Args:
        choices: a dictionary: for each field of `Layer`, in their order, the possible answers.
        layers: how many layers a cell has.

    Attributes:
        questions: (field, answers) for each decision of a cell, layer after layer. A cell is the
            same thing as one number a question, which is what a controller draws.

    >>> SPACE.cell([0, 1, 2, 0, 2, 0, 1, 1])
    (Layer(op='conv', kernel_size=5, width=8, stride=1),
     Layer(op='max_pool', kernel_size=3, width=4, stride=2))
    """

    def __init__(self, choices, layers):
        if tuple(choices) != Layer._fields:
            raise checks.ArgumentError(
                f"Space: choices must be a dictionary of {', '.join(Layer._fields)}, in this "
                f"order; got {', '.join(choices)}"
            )
        self.choices = {name: tuple(answers) for name, answers in choices.items()}
        self.layers = layers
        self.questions = list(self.choices.items()) * layers

    def __len__(self):
        return int(np.prod([len(answers) for _, answers in self.questions]))

    def __iter__(self):
        layers = [Layer(*answers) for answers in itertools.product(*self.choices.values())]
        return itertools.product(layers, repeat=self.layers)

    def cell(self, numbers):
        """The cell with answer `numbers[i]` to question i."""
        answers = [a[i] for (_, a), i in zip(self.questions, numbers, strict=True)]
        size = len(self.choices)
        return tuple(Layer(*answers[i : i + size]) for i in range(0, len(answers), size))

    def numbers(self, cell):
        """The number of each of a cell's answers; the inverse of `cell`."""
        given = [answer for layer in cell for answer in layer]
        return [a.index(g) for (_, a), g in zip(self.questions, given, strict=True)]

    def sample(self, rng):
        """A cell; every one is as probable as every other.

        Args:
            rng: a NumPy generator.
        """
        return self.cell([int(rng.integers(len(answers))) for _, answers in self.questions])


SPACE = Space(
    {
        "op": ("conv", "separable", "max_pool"),
        "kernel_size": (3, 5),
        "width": (2, 4, 8),
        "stride": (1, 2),
    },
    layers=2,
)


def describe(cell):
    """A cell in one line of text."""
    return " → ".join(str(layer) for layer in cell)


def make_op(op, in_channels, kernel_size, width, stride, affine=True):
    """One operation of the space: (N, in_channels, H, W) → (N, width, ⌈H/stride⌉, ⌈W/stride⌉).

    Batch normalisation and ReLU end each of them.
    """
    k, padding = kernel_size, kernel_size // 2
    if op == "conv":
        layers = [nn.Conv2d(in_channels, width, k, stride, padding, bias=False)]
    elif op == "separable":
        layers = [
            nn.Conv2d(in_channels, in_channels, k, stride, padding, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, width, 1, bias=False),
        ]
    elif op == "max_pool":
        layers = [
            nn.MaxPool2d(k, stride, padding),
            nn.Conv2d(in_channels, width, 1, bias=False),
        ]
    else:
        raise checks.ArgumentError(
            f"make_op: no operation is called {op!r}; there are {', '.join(SPACE.choices['op'])}"
        )
    return nn.Sequential(*layers, nn.BatchNorm2d(width, affine=affine), nn.ReLU())


def make_stem(affine=True):
    """The layers before the first cell: (N, 1, H, W) → (N, STEM_CHANNELS, H, W)."""
    return make_op("conv", 1, 3, STEM_CHANNELS, 1, affine)


class CellNetwork(nn.Module):
    """The network that a cell makes: stem, the cell `CELLS` times, global mean, linear.

    Args:
        cell: a sequence of `Layer`.
        num_classes: the number of outputs.

    Shape: (N, 1, H, W) → (N, num_classes).
    """

    def __init__(self, cell, num_classes=10):
        super().__init__()
        self.stem = make_stem()
        channels, cells = STEM_CHANNELS, []
        for _ in range(CELLS):
            layers = []
            for layer in cell:
                layers.append(
                    make_op(layer.op, channels, layer.kernel_size, layer.width, layer.stride)
                )
                channels = layer.width
            cells.append(nn.Sequential(*layers))
        self.cells = nn.Sequential(*cells)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images):
        return self.classifier(self.flatten(self.pool(self.cells(self.stem(images)))))


if __name__ == "__main__":
    for field, answers in SPACE.choices.items():
        print(f"{field:12} {', '.join(map(str, answers))}")
    print(f"{SPACE.layers} layers, {len(SPACE):,} cells; five of them:")
    for seed in range(5):
        print("  ", describe(SPACE.sample(np.random.default_rng(seed))))
