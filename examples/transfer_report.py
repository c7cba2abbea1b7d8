"""What `transfer_fashion_to_digits.py` found, as a table and a picture.

Accuracies come as {strategy: {number of digits: [of each seed]}}; the last strategy is "from
scratch", which the others are compared with.
"""

import statistics
from itertools import cycle

from minicnn.plot import figure as look


def percent(values):
    """(mean, standard deviation) in percent."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return 100 * statistics.mean(values), 100 * deviation


def mean_and_spread(values, sign=""):
    """Both as text; with ``sign="+"`` as a difference.

    >>> mean_and_spread([0.90, 0.92]), mean_and_spread([-0.01, -0.03], "+")
    ('91.0 ± 1.4', '−2.0 ± 1.4')
    """
    mean, deviation = percent(values)
    mean = round(mean, 1) + 0.0  # no −0.0
    return f"{mean:{sign}.1f} ± {deviation:.1f}".replace("-", "−")


def table(found, sign=""):
    """Markdown: a row for each strategy, a column for each number of digits."""
    sizes = list(next(iter(found.values())))
    lines = ["| strategy | " + " | ".join(f"{size:,} digits" for size in sizes) + " |"]
    lines.append("|---|" + "---|" * len(sizes))
    for name, row in found.items():
        lines.append(
            f"| {name} | " + " | ".join(mean_and_spread(row[s], sign) for s in sizes) + " |"
        )
    return "\n".join(lines)


def gains(found):
    """What each strategy has more than the last one, seed by seed, with the same digits."""
    *others, last = found
    return {
        name: {
            size: [a - b for a, b in zip(values, found[last][size], strict=True)]
            for size, values in found[name].items()
        }
        for name in others
    }


def page(source, found, recipe, command):
    """The whole text."""
    seeds = len(next(iter(next(iter(found.values())).values())))
    return "\n\n".join(
        [
            f"# From {source} to few digits",
            f"Test accuracy of LeNet-5 (ReLU, max pooling) on 2,000 digits in percent, mean ± "
            f"standard deviation over {seeds} seeds. A seed decides the network that is trained "
            "first, the digits to learn from, the new head, and the order.",
            table(found),
            "Points more than from scratch, seed by seed with the same digits:",
            table(gains(found), "+"),
            recipe,
            f"`{command}`\n",
        ]
    )


def draw(source, found, path):
    """Accuracy by number of digits, a line for each strategy."""
    figure = look.new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    colours = (look.BLUE, look.GREEN, look.PURPLE, look.ORANGE, look.INK)
    for k, ((name, row), colour, mark) in enumerate(
        zip(found.items(), cycle(colours), cycle("os^Dv"))
    ):
        mean, deviation = zip(*map(percent, row.values()), strict=True)
        # A little aside, so that the bars do not hide each other.
        places = [i + 0.05 * (k - (len(found) - 1) / 2) for i in range(len(row))]
        line = "--" if k == len(found) - 1 else "-"
        axes.errorbar(
            places, mean, deviation, color=colour, marker=mark, linestyle=line, markersize=5,
            capsize=2, linewidth=1.5, label=name,
        )  # fmt: skip
    axes.set_xticks(range(len(row)), [f"{size:,}" for size in row])
    axes.set_xlabel("digits to learn from", fontsize=look.LABEL, color=look.INK)
    axes.set_ylabel("test accuracy (%)", fontsize=look.LABEL, color=look.INK)
    look.title(axes, f"From {source} to few digits (mean ± deviation)")
    axes.tick_params(labelsize=look.SMALL, colors=look.INK, length=3)
    axes.grid(True, color=look.FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=look.SMALL, frameon=False, loc="lower right")
    look.finish("transfer", figure, path)
