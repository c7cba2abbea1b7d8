"""Draw what the named image kernels of the textbook do to an image.

    python docs/make_kernel_pictures.py

Each kernel is applied by `minicnn.textbook.cross_correlate` to the same bundled digit. Brightness
follows the sum of a kernel: 1 keeps it, less darkens, more brightens.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minicnn as mc
from minicnn import textbook

DIGIT = 9  # which of the test images
TARGET = Path(__file__).resolve().parent / "pictures" / "image_kernels.png"


def kernels():
    """(name, kernel) of each picture: the named ones, and the Gaussian with its bare formula."""
    found = list(textbook.image_kernels.items())
    if not any("gauss" in name for name, _ in found):
        found.append(("gaussian blur", textbook.gaussian_kernel((5, 5), 1.0)))
    found.append(("bare gaussian formula", textbook.gaussian_kernel((3, 3), 1.0, False)))
    return found


def main():
    image = mc.data.BundledMNIST(train=False).data.numpy()[DIGIT] / 255.0
    image = 0.25 + 0.6 * image  # a grey ground, so that darker and brighter both show
    cases = [("the image", None), *kernels()]
    figure = Figure(figsize=(2.3 * len(cases), 3.1), dpi=110, layout="constrained")
    for axes, (name, kernel) in zip(figure.subplots(1, len(cases)), cases, strict=True):
        shown = image
        if kernel is not None:
            shown = textbook.cross_correlate(np.asarray(kernel, float), image)
            name = f"{name}\nsum {np.sum(kernel):.3g}"
        axes.imshow(shown, cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=10)
        axes.set_axis_off()
    figure.savefig(TARGET)
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
