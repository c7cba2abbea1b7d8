"""Draw what each transform does to an image: the image itself, and five random results; then the
transforms without chance.

    python docs/make_augmentation_sheet.py

The image is drawn here, so that every part can be recognised after the change: the letter F tells
left from right and up from down, the horizon shows turns, the flags show changes of colour.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minicnn as mc
from minicnn.data import transforms as T
from minicnn.data.sample_random import sample_generator

TARGET = Path(__file__).resolve().parent / "pictures" / "augmentation.png"
SEEDS = 5

CASES = [
    ("RandomHorizontalFlip()", T.RandomHorizontalFlip()),
    ("RandomVerticalFlip()", T.RandomVerticalFlip()),
    ("RandomCrop(96, padding=12)", T.RandomCrop(96, padding=12)),
    ("RandomResizedCrop(96)", T.RandomResizedCrop(96)),
    ("RandomRotation(30)", T.RandomRotation(30, "bilinear")),
    ("RandomAffine(0, shear=(-25, 25, -25, 25))", T.RandomAffine(0, shear=(-25, 25, -25, 25))),
    (
        "RandomAffine(10, (0.1, 0.1), (0.7, 1.2))",
        T.RandomAffine(10, (0.1, 0.1), (0.7, 1.2), interpolation="bilinear"),
    ),
    ("RandomPerspective(0.5, p=1)", T.RandomPerspective(0.5, p=1)),
    ("ElasticTransform(60.0, 5.0)", T.ElasticTransform(60.0, 5.0)),
    ("ColorJitter(brightness=0.6)", T.ColorJitter(brightness=0.6)),
    ("ColorJitter(contrast=0.8)", T.ColorJitter(contrast=0.8)),
    ("ColorJitter(saturation=0.9)", T.ColorJitter(saturation=0.9)),
    ("ColorJitter(hue=0.3)", T.ColorJitter(hue=0.3)),
    ("RGBShift(0.25)", T.RGBShift(0.25)),
    ("PCALighting(std=0.5)", T.PCALighting(std=0.5)),
    ("RandomGrayscale(0.5)", T.RandomGrayscale(0.5)),
    ("RandomPosterize(2, p=0.7)", T.RandomPosterize(2, p=0.7)),
    ("GaussianBlur(9, (0.1, 3.0))", T.GaussianBlur(9, (0.1, 3.0))),
    ("RandomErasing(p=1)", T.RandomErasing(p=1)),
    (
        "RandomApply([…, …], p=0.5)",
        T.RandomApply([T.RandomRotation(20), T.ColorJitter(hue=0.3)], p=0.5),
    ),
    (
        "Compose([…, …, …])",
        T.Compose([T.RandomResizedCrop(96), T.RandomHorizontalFlip(), T.ColorJitter(0.4, 0.4)]),
    ),
]


def normalized(image):
    """Values −2 … 2 as black … white, so 0 is grey."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    values = T.Compose([T.ToTensor(), T.Normalize(mean, std)])(image).numpy()
    return (values.transpose(1, 2, 0) / 4 + 0.5).clip(0, 1)  # (H, W, C)


# Each of these gives one image, drawn to scale.
WITHOUT_CHANCE = [
    ("Resize(48)", T.Resize(48)),
    ("CenterCrop(64)", T.CenterCrop(64)),
    ("Pad(12)", T.Pad(12)),
    ("Grayscale(3)", T.Grayscale(3)),
    ("Normalize(…)", normalized),
]
# And these several.
PARTS = [
    ("FiveCrop(64)", T.FiveCrop(64)),
    ("TenCrop(64), its first five", lambda image: T.TenCrop(64)(image)[:5]),
    ("TenCrop(64), its last five", lambda image: T.TenCrop(64)(image)[5:]),
]


def scene(size=96):
    """A landscape, a uint8 array (size, size, 3)."""
    y, x = np.mgrid[:size, :size] / size
    sky = np.stack([0.35 + 0.5 * y, 0.6 + 0.3 * y, 0.95 + 0 * y], -1)
    image = np.where((y > 0.68)[..., None], [0.35, 0.6, 0.25], sky)
    for shape, colour in (
        ((x - 0.8) ** 2 + (y - 0.2) ** 2 < 0.012, (1.0, 0.85, 0.2)),  # the sun
        ((abs(x - 0.3) < 0.05) & (y > 0.15) & (y < 0.85), (0.4, 0.25, 0.15)),  # the letter
        ((x > 0.3) & (x < 0.62) & (abs(y - 0.2) < 0.05), (0.4, 0.25, 0.15)),
        ((x > 0.3) & (x < 0.52) & (abs(y - 0.44) < 0.05), (0.4, 0.25, 0.15)),
        ((x > 0.62) & (x < 0.7) & (y > 0.72) & (y < 0.9), (0.85, 0.1, 0.1)),  # the flags
        ((x > 0.73) & (x < 0.81) & (y > 0.72) & (y < 0.9), (0.1, 0.7, 0.2)),
        ((x > 0.84) & (x < 0.92) & (y > 0.72) & (y < 0.9), (0.15, 0.2, 0.85)),
    ):
        image[shape] = colour
    return (image * 255).round().astype(np.uint8)


def draw(axes, picture, title, to_scale=False, color="black"):
    axes.imshow(picture, interpolation="nearest")
    axes.set_axis_off()
    if to_scale:
        middle_y, middle_x = (n / 2 - 0.5 for n in np.shape(picture)[:2])
        axes.set(xlim=(middle_x - 60, middle_x + 60), ylim=(middle_y + 60, middle_y - 60))
    axes.set_title(title, fontsize=8, loc="left", family="monospace", color=color)


def main():
    image = scene()
    rows = len(CASES) + 1 + len(PARTS)
    figure = Figure(figsize=(11, 1.32 * rows), dpi=75, layout="constrained")
    grid = figure.subplots(rows, SEEDS + 1)
    for row, (name, transform) in zip(grid, CASES, strict=False):
        draw(row[0], image, "the image", color="gray")
        for seed, axes in enumerate(row[1:]):
            with sample_generator(seed, 0, 0):
                draw(axes, transform(image), name if seed == 0 else "")
    fixed, *several = grid[len(CASES) :]
    draw(fixed[0], image, "the image", to_scale=True, color="gray")
    for axes, (name, transform) in zip(fixed[1:], WITHOUT_CHANCE, strict=True):
        draw(axes, transform(image), name, to_scale=True)
    for row, (name, transform) in zip(several, PARTS, strict=True):
        draw(row[0], image, "the image", to_scale=True, color="gray")
        for i, (axes, part) in enumerate(zip(row[1:], transform(image), strict=True)):
            draw(axes, part, name if i == 0 else "", to_scale=True)
    figure.savefig(TARGET)
    print(f"wrote {TARGET} (minicnn {mc.__version__})")


if __name__ == "__main__":
    main()
