"""Loss and accuracy, epoch by epoch."""

import math
from numbers import Real

from minicnn.checks import ArgumentError, DtypeError
from minicnn.plot.figure import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LABEL,
    ORANGE,
    SMALL,
    finish,
    new_figure,
    title,
)

# What a key may begin with: (name in the legend, colour, line). Lines differ too, for grey prints.
_SPLITS = {
    "train": ("training", BLUE, "-"),
    "val": ("validation", ORANGE, "--"),
    "test": ("test", GREEN, ":"),
}


def curves(metrics, path=None):
    """Loss (left) and accuracy (right) over the epochs of a training run.

    minicnn's own.

    Args:
        metrics: a list with one dictionary an epoch; those of the keys train_loss, val_loss,
            test_loss, train_accuracy, val_accuracy, test_accuracy that are there are drawn, others
            are not looked at. Accuracies are fractions in 0 … 1. "epoch" is the place on the
            x-axis, by default 1, 2, …. Missing values, None, nan and infinity leave gaps.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure.

    Raises:
        MissingPartError: matplotlib is not installed.
        ArgumentError: no epoch, none of the keys, or an accuracy outside 0 … 1.
        DtypeError: not a list of dictionaries, or a value that is not a number.

    >>> first, second = {"train_loss": 0.9, "val_accuracy": 0.6}, {"train_loss": 0.4}
    >>> [axes.get_ylabel() for axes in curves([first, second]).axes]
    ['loss', 'accuracy (%)']
    """
    epochs, lines = _read(metrics)
    figure = new_figure(4.6 * len(lines), 3.4)
    for axes, (quantity, by_split) in zip(
        figure.subplots(1, len(lines), squeeze=False)[0], lines.items(), strict=True
    ):
        best = min if quantity == "loss" else max
        for split, values in by_split.items():
            label, colour, line = _SPLITS[split]
            finite = [(v, e) for v, e in zip(values, epochs, strict=True) if math.isfinite(v)]
            value = best(v for v, _ in finite)
            epoch = next(e for v, e in finite if v == value)
            number = f"{value:.3g}" if quantity == "loss" else f"{value:.2f} %"
            axes.plot(
                epochs,
                values,
                line,
                color=colour,
                linewidth=1.8,
                marker="o",
                # Small, but never 0: a value between two gaps has no line.
                markersize=3.5 if len(epochs) <= 40 else 1.5,
                label=f"{label}: best {number} (epoch {epoch:g})",
            )
        _dress(axes, quantity, epochs)
    return finish("curves", figure, path)


def _read(metrics):
    """The epochs, and for each quantity that is there its values by split."""
    if not isinstance(metrics, (list, tuple)) or not all(isinstance(m, dict) for m in metrics):
        raise DtypeError("curves: metrics must be a list of dictionaries, one an epoch")
    if not metrics:
        raise ArgumentError("curves: metrics is empty; there is no epoch to draw")
    epochs = [_number("epoch", m.get("epoch", i)) for i, m in enumerate(metrics, 1)]
    lines = {}
    for quantity in ("loss", "accuracy"):
        for split in _SPLITS:
            key = f"{split}_{quantity}"
            values = [_number(key, m.get(key)) for m in metrics]
            if not any(math.isfinite(v) for v in values):
                continue
            if quantity == "accuracy":
                outside = [v for v in values if not math.isnan(v) and not 0 <= v <= 1]
                if outside:
                    raise ArgumentError(
                        f"curves: {key} must be a fraction in 0 … 1, got {outside[0]:g}"
                    )
                values = [100 * v for v in values]
            values = [v if math.isfinite(v) else math.nan for v in values]
            lines.setdefault(quantity, {})[split] = values
    if not lines:
        known = ", ".join(f"{split}_{q}" for q in ("loss", "accuracy") for split in _SPLITS)
        raise ArgumentError(f"curves: no epoch has a finite number under any of {known}")
    return epochs, lines


def _number(key, value):
    if value is None:
        return math.nan
    if not isinstance(value, Real):
        raise DtypeError(
            f"curves: {key} must be a number, got {type(value).__name__}; a tensor of one element "
            "becomes one with .item()"
        )
    return float(value)


def _dress(axes, quantity, epochs):
    from matplotlib.ticker import MaxNLocator

    title(axes, quantity.capitalize())
    axes.set_xlabel("epoch", fontsize=LABEL, color=INK)
    axes.set_ylabel("loss" if quantity == "loss" else "accuracy (%)", fontsize=LABEL, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs) == 1:  # else the axis would be stretched to fractions of an epoch
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    axes.yaxis.get_major_formatter().set_useOffset(False)  # no "+7.85e1" above the axis
    axes.tick_params(labelsize=SMALL, colors=INK, length=3)
    axes.grid(True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="best", fontsize=SMALL, frameon=True, framealpha=0.9, edgecolor=FAINT)
