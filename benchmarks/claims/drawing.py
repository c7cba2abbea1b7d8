"""The claims' figures."""

import statistics

from minicnn.plot.figure import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, new_figure

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, INK, "#999999")
LINES = ("-", "--", "-.", ":", "-", "--")


def curves(by_name, quantity, level=None):
    """A line for each name: means over the seeds, epoch by epoch; the seeds thin behind it.

    Args:
        by_name: name → a list with one list of values for each seed.
        quantity: what the values are.
        level: a horizontal line.
    """
    figure = new_figure(5.6, 3.6)
    axes = figure.subplots()
    for (name, runs), colour, line in zip(by_name.items(), COLOURS, LINES, strict=False):
        epochs = range(1, len(runs[0]) + 1)
        for values in runs:
            axes.plot(epochs, values, color=colour, linewidth=0.6, alpha=0.4)
        means = [statistics.mean(values) for values in zip(*runs, strict=True)]
        axes.plot(epochs, means, line, color=colour, linewidth=1.8, label=name)
    if level is not None:
        axes.axhline(level, color=INK, linewidth=0.8, linestyle=":")
    axes.set(xlabel="epoch", ylabel=quantity)
    _dress(axes)
    if by_name:
        axes.legend(frameon=False, fontsize=8)
    return figure


def dots(by_name, quantity, note=None):
    """A row for each name: each seed a dot, their mean a line."""
    figure = new_figure(6.4, 0.9 + 0.36 * len(by_name))
    axes = figure.subplots()
    names = list(by_name)
    for row, name in enumerate(names):
        values = by_name[name]
        axes.plot(values, [row] * len(values), "o", color=BLUE, markersize=4, alpha=0.6)
        mean = statistics.mean(values)
        axes.plot([mean, mean], [row - 0.3, row + 0.3], color=ORANGE, linewidth=2)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel=quantity)
    if note is not None:
        axes.axvline(note, color=INK, linewidth=0.8, linestyle=":")
    _dress(axes)
    return figure


def bars(by_name, groups, quantity):
    """For each of `groups` a bar of each name, beside each other."""
    figure = new_figure(7.0, 3.4)
    axes = figure.subplots()
    width = 0.8 / len(by_name)
    for i, (name, values) in enumerate(by_name.items()):
        places = [k - 0.4 + (i + 0.5) * width for k in range(len(groups))]
        axes.bar(places, values, width, color=COLOURS[i], label=name)
    axes.set_xticks(range(len(groups)), groups)
    axes.set(ylabel=quantity)
    _dress(axes)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _dress(axes):
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
