"""What overlapping pooling, LRN, dropout and augmentation do for a small AlexNet, one by one.

    python benchmarks/claims/ablation.py --data-dir /usr

Every variant is trained with the same seeds, so differences are taken seed by seed.
"""

import experiment
import learning
import small_alexnet
from drawing import dots

CLAIM = (
    "overlapping pooling, local response normalisation, dropout and augmentation each lower the "
    "test error (overlapping pooling, on ImageNet: by 0.4 points top-1, 0.3 top-5)"
)
NONE = {"overlapping": False, "lrn": False, "dropout": 0.0, "augmentation": False}
VARIANTS = {
    "none of them": {},
    "overlapping pooling": {"overlapping": True},
    "LRN": {"lrn": True},
    "dropout ½": {"dropout": 0.5},
    "augmentation": {"augmentation": True},
    "all four": {"overlapping": True, "lrn": True, "dropout": 0.5, "augmentation": True},
}


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=10, images=3_000)
    runs = experiment.Runs("ablation", options)
    found = {name: [] for name in VARIANTS}
    for seed in range(options.seeds):
        for name, changes in VARIANTS.items():
            settings = {
                **NONE, **changes, **small_alexnet.RECIPE,
                "images": options.images, "epochs": options.epochs, "seed": seed,
            }  # fmt: skip
            figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
            if figures:
                found[name].append(figures)
    text, figure = report(found)
    command = "python benchmarks/claims/ablation.py --data-dir /usr"
    runs.write("Overlapping pooling, LRN, dropout, augmentation", CLAIM, text, command, figure)


def train(root, settings, checkpoint):
    options = {name: settings[name] for name in ("overlapping", "lrn", "dropout")}
    network, history = small_alexnet.train(root, settings, checkpoint, **options)
    top = learning.test_accuracy(network, learning.fashion(root, False), top=(1, 2))
    return {
        "train_error": 1 - history[-1]["train_accuracy"],
        "test_error": 1 - top[1],
        "test_top2_error": 1 - top[2],
    }


def report(found):
    found = {name: some for name, some in found.items() if some}
    columns = ("train_error", "test_error", "test_top2_error")
    base = next(iter(found.values()))
    rows = []
    for name, some in found.items():
        row = [name, *(experiment.percent([r[c] for r in some]) for c in columns)]
        for column in columns[1:]:
            pairs = list(zip(some, base, strict=False))
            fewer = [r[column] - b[column] for r, b in pairs]
            row.append("" if some is base else experiment.signed_percent(fewer))
        rows.append(row)
    header = ["variant", "training error, %", "test top-1, %", "test top-2, %"]
    header += ["change top-1", "change top-2"]
    text = experiment.table(header, rows)
    text += (
        "\n\nErrors in percent, means ± 95 % interval; changes in points against the first row, "
        "seed by seed. Top-2 in the place of top-5, since there are only ten classes."
    )
    first = [100 * r["test_error"] for r in base]
    figure = dots(
        {name: [100 * r["test_error"] for r in some] for name, some in found.items()},
        "test error, %",
        note=sum(first) / len(first),
    )
    return text, figure


if __name__ == "__main__":
    main()
