"""Step through the backward pass of a small residual network, in the browser.

    python examples/step_residual.py [--out residual.html]

What to look for on the page: in the overview the shortcuts, which leave the main path and come
back at an addition; at each addition δ is handed to both of its inputs unchanged; where a shortcut
began, two errors meet and are added. The second block halves the map, so its shortcut is a 1×1
convolution of stride 2 (a projection); δ of a convolution with stride is drawn with the zeros put
into it.

The weights are freshly drawn, so the numbers mean nothing yet, but every gradient is right.
"""

import argparse
import sys
from pathlib import Path

import minicnn as mc
from minicnn import checks, data, nn, optim
from minicnn.nn import functional as F


class Block(nn.Module):
    """a → ReLU(BN(W₂ ⊗ ReLU(BN(W₁ ⊗ a))) + shortcut(a))."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.project = None
        if stride > 1 or before != after:
            self.project = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, a):
        z = F.relu(self.bn1(self.conv1(a)))
        z = self.bn2(self.conv2(z))
        shortcut = a if self.project is None else self.project(a)
        return F.relu(z + shortcut)


class SmallResNet(nn.Module):
    """1 × 28 × 28 → 4 × 14 × 14 → 4 × 14 × 14 → 8 × 7 × 7 → 8 → 10."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.block1 = Block(4, 4, 1)
        self.block2 = Block(4, 8, 2)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        a = self.pool(F.relu(self.bn(self.conv(x))))
        a = self.block2(self.block1(a))
        return self.fc(a.mean((2, 3)))


def main(argv=None):
    parser = argparse.ArgumentParser(description="A residual network's backward pass.")
    parser.add_argument("--out", type=Path, default=Path("residual.html"), help="the page's file")
    parser.add_argument("--batch", type=int, default=4, help="how many images; the first is shown")
    parser.add_argument("--language", choices=("en", "zh"), help="default: the browser's")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if arguments.batch < 1:
        parser.error("--batch must be at least 1")

    mc.manual_seed(arguments.seed)
    model = SmallResNet()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    digits = data.BundledMNIST(False)
    images = digits.data.numpy()[: arguments.batch, None].astype("float32") / 255
    labels = digits.targets.numpy()[: arguments.batch]

    with mc.trace(model, optimizer=optimizer, sample=0) as tr:
        loss = F.cross_entropy(model(mc.tensor(images)), mc.tensor(labels))
    list(tr.backward(loss, phases=("update",)))

    note = (
        f"A residual network of two blocks with freshly drawn weights; the image is a handwritten "
        f"{labels[0]}."
    )
    try:
        tr.save_html(
            arguments.out, title="A small residual network", note=note, language=arguments.language
        )
    except (OSError, checks.ArgumentError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(tr.steps)} steps, loss {loss.item():.4f}; open {arguments.out} in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
