"""Draw the README's picture: one digit forward through LeNet-5's first layer, and the error back.

    python docs/make_readme_picture.py runs/mnist-1

It needs a finished run of ``examples/lenet_mnist.py`` (with its default options) for the weights.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minicnn as mc
import minicnn.nn.functional as F

DIGIT = 1259  # which of the test images
TARGET = Path(__file__).resolve().parent / "pictures" / "forward_and_back.png"


def forward_and_back(model, image, label):
    """Z of the first convolution, and δ = ∂L/∂Z, both (6, 28, 28)."""
    kept = []
    handle = model.conv1.register_forward_hook(lambda _, __, z: kept.append(z))
    logits = model(image)
    handle.remove()
    kept[0].retain_grad()
    F.cross_entropy(logits, label).backward()
    return kept[0].detach().numpy()[0], kept[0].grad.numpy()[0], logits


def draw(image, z, delta, caption):
    figure = Figure(figsize=(10, 3.9), dpi=110, layout="constrained")
    axes = figure.subplots(2, 7)
    for row, maps, name in ((0, z, "Z"), (1, delta, "δ")):
        limit = np.abs(maps).max()
        for p in range(6):
            cell = axes[row, p + 1]
            shown = cell.imshow(maps[p], cmap="RdBu_r", vmin=-limit, vmax=limit)
            cell.set_title(f"${name}^{{({p + 1})}}$" if row == 0 else f"$\\delta^{{({p + 1})}}$")
        figure.colorbar(shown, ax=list(axes[row, 1:]), shrink=0.85)
    axes[0, 0].imshow(image, cmap="gray_r")
    axes[0, 0].set_title("X")
    axes[1, 0].text(0.5, 0.5, caption, ha="center", va="center", transform=axes[1, 0].transAxes)
    for cell in axes.flat:
        cell.set_xticks([])
        cell.set_yticks([])
        for spine in cell.spines.values():
            spine.set_visible(False)
    axes[0, 0].text(-0.12, 0.5, "forward (eq. 1.11) →", rotation=90, ha="right", va="center",
                    transform=axes[0, 0].transAxes)  # fmt: skip
    axes[1, 0].text(-0.12, 0.5, "← back (eq. 1.17)", rotation=90, ha="right", va="center",
                    transform=axes[1, 0].transAxes)  # fmt: skip
    return figure


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/make_readme_picture.py RUN-FOLDER")
    model = mc.models.lenet5()
    model.load_state_dict(mc.load(Path(sys.argv[1]) / "lenet5.safetensors"))
    test = mc.data.BundledMNIST(train=False)
    pixels = test.data.numpy()[DIGIT]
    image = (mc.tensor(pixels).float() / 255 - 0.1307) / 0.3081
    label = test.targets[DIGIT : DIGIT + 1]
    z, delta, logits = forward_and_back(model, image[None, None], label)
    chance = mc.softmax(logits, 1)[0].max().item()
    read = int(logits.argmax(1).item())
    caption = f"a {label.item()},\nread as {read}\n({chance:.0%} sure)"
    draw(pixels, z, delta, caption).savefig(TARGET)
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
