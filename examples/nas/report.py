"""The table and the picture of a comparison: what was found beside what chance draws."""

import itertools
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from evaluate import count_weights
from journal import cell_of
from space import SPACE, describe

from minicnn import checks

ROOT = Path(__file__).resolve().parents[2]
# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
COLOURS = {"random search": "#0072B2", "controller": "#D55E00", "DARTS": "#009E73"}
INK, FAINT = "#222222", "#999999"
WINDOW = 5  # cells in a moving mean


class Result(NamedTuple):
    """Everything that a comparison has measured.

    Attributes:
        arguments: of the command.
        data: the name of the images.
        methods: their names, in the order to show them.
        journals: (method, seed) → the records of that search.
        found: (method, seed) → cell.
        drawn: the random cells, a list; a cell may be there twice.
        measured: cell → records with "test" and "validation", one a training.
    """

    arguments: object
    data: str
    methods: tuple
    journals: dict
    found: dict
    drawn: list
    measured: dict

    def test(self, cell):
        """The mean test accuracy of a cell's trainings."""
        return float(np.mean([record["test"] for record in self.measured[cell]]))

    def random(self):
        """The test accuracies of the random cells, ascending."""
        return np.sort([self.test(cell) for cell in self.drawn])

    def of(self, method):
        """The test accuracies of the cells that a method found, one a seed."""
        return np.array([self.test(cell) for (m, _), cell in self.found.items() if m == method])

    def accuracies(self, method):
        """The validation accuracies that a method saw, (seeds, cells tried)."""
        return np.array(
            [
                [record["accuracy"] for record in records if "accuracy" in record]
                for (m, _), records in self.journals.items()
                if m == method
            ]
        )

    def spent(self, method, name):
        """The sum of a field of the records of each search: "images" or "seconds"."""
        return np.array(
            [
                sum(record.get(name, 0) for record in records)
                for (m, _), records in self.journals.items()
                if m == method
            ]
        )


def share_below(value, others):
    """The share of `others` below `value`; equal ones count half.

    >>> share_below(0.5, [0.1, 0.5, 0.9, 0.2])
    0.625
    """
    others = np.asarray(others)
    return float(((others < value) + 0.5 * (others == value)).mean())


def permutation_test(a, b):
    """How often chance gives means as different as those of `a` and `b`: the exact p-value.

    All divisions of the numbers into two groups of these sizes are tried.

    >>> permutation_test([1, 2, 3], [4, 5, 6])
    0.1
    """
    pooled = np.concatenate([a, b])
    observed = abs(np.mean(a) - np.mean(b))
    larger = total = 0
    for chosen in itertools.combinations(range(len(pooled)), len(a)):
        mask = np.zeros(len(pooled), bool)
        mask[list(chosen)] = True
        larger += bool(abs(pooled[mask].mean() - pooled[~mask].mean()) >= observed - 1e-12)
        total += 1
    return larger / total


# ------------------------------------------------------------------ the table


def count_of(number, thing):
    """
    >>> count_of(1, "run"), count_of(5, "run")
    ('1 run', '5 runs')
    """
    return f"{number} {thing}{'s' if number != 1 else ''}"


def against_the_median(result, method):
    """In how many of a method's runs its cell is at least as good as the median random cell."""
    return int((result.of(method) >= np.median(result.random())).sum())


def verdicts(result):
    """A sentence a method, from the numbers alone."""
    reference = result.of("random search")
    lines = []
    for method in result.methods:
        found = result.of(method)
        text = (
            f"- **{method}**: at least as good as the median random cell in "
            f"{against_the_median(result, method)} of {count_of(len(found), 'run')}"
        )
        if method != "random search":
            difference = 100 * (found.mean() - reference.mean())
            p = permutation_test(found, reference)
            verdict = "no difference shown" if p > 0.05 else "more than chance explains"
            text += (
                f"; {abs(difference):.1f} points {'above' if difference >= 0 else 'below'} random "
                f"search in the mean ({verdict}: permutation test, p = {p:.2f})"
            )
        lines.append(text + ".")
    return "\n".join(lines)


def summary_table(result):
    random = result.random()
    low, median, high = np.quantile(random, [0.25, 0.5, 0.75])
    rows = [
        "| | test accuracy: mean | worst and best | random cells it beats, mean | search: images "
        "seen | search: seconds |",
        "|---|---|---|---|---|---|",
        f"| random cells ({len(random)}) | {random.mean():.3f} | {random[0]:.3f}, {random[-1]:.3f} "
        f"(quartiles {low:.3f}, **{median:.3f}**, {high:.3f}) | | 0 | 0 |",
    ]
    for method in result.methods:
        found = result.of(method)
        beaten = np.mean([share_below(value, random) for value in found])
        rows.append(
            f"| {method} ({count_of(len(found), 'run')}) | {found.mean():.3f} | {found.min():.3f}, "
            f"{found.max():.3f} | {beaten:.0%} | {result.spent(method, 'images').max():,} | "
            f"{result.spent(method, 'seconds').mean():.0f} |"
        )
    return "\n".join(rows)


def cells_table(result):
    random = result.random()
    rows = [
        "| method | seed | cell | weights | test accuracy | random cells it beats |",
        "|---|---|---|---|---|---|",
    ]
    for method in result.methods:
        for (m, seed), cell in result.found.items():
            if m == method:
                value = result.test(cell)
                rows.append(
                    f"| {method} | {seed} | {describe(cell)} | {count_weights(cell):,} | "
                    f"{value:.3f} | {share_below(value, random):.0%} |"
                )
    return "\n".join(rows)


def text_of(result, machine_line, picture):
    a = result.arguments
    what = {"digits": "the bundled digits"}.get(result.data, "Fashion-MNIST")
    options = f" --budget {a.budget} --images {a.images} --seeds {a.seeds}"
    options += f" --cells {a.cells} --repeats {a.repeats}"
    options += " --data-dir DIR" if a.data_dir else ""
    return (
        f"# Architecture search on {what}\n\n"
        f"{len(SPACE):,} cells; images of 14 × 14. **Budget: {a.budget:,} training images a "
        f"method**, search and one training of what it found together. A cell is trained with "
        f"{a.images:,} images. Every image that goes forward and backward counts, whether it "
        f"changes weights or the architecture. Compared are test accuracies, means of "
        f"{a.repeats} trainings from scratch, all with {a.images:,} images and the same seeds; no "
        "search saw a test image, and the random cells were drawn apart from all searches.\n\n"
        f"{summary_table(result)}\n\n"
        "An equal number of images is not an equal time: in DARTS each image passes through all "
        "candidates. In nobody's budget: looking at validation images, and the choice of the "
        "learning rates beforehand.\n\n"
        f"{verdicts(result)}\n\n![Found cells beside random ones]({picture})\n\n"
        f"{cells_table(result)}\n\n"
        f"`python examples/nas/compare.py{options}`\n\n{machine_line}\n"
    )


def as_data(result, machine):
    """The numbers behind the table."""
    return {
        "machine": machine,
        "data": result.data,
        "budget": result.arguments.budget,
        "images_per_training": result.arguments.images,
        "random_cells": [round(v, 5) for v in result.random().tolist()],
        "median": float(np.median(result.random())),
        "runs": [
            {
                "method": method,
                "seed": seed,
                "cell": [list(layer) for layer in cell],
                "test": round(result.test(cell), 5),
                "random_cells_below": round(share_below(result.test(cell), result.random()), 4),
                "search_images": sum(r.get("images", 0) for r in result.journals[method, seed]),
            }
            for (method, seed), cell in result.found.items()
        ],
    }


# ------------------------------------------------------------------ the picture


def draw(result):
    """A figure of four parts."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise checks.MissingPartError(
            'The picture needs matplotlib: pip install "minicnn[examples]"'
        ) from error
    figure = Figure(figsize=(11, 8), dpi=110, layout="constrained")
    (a, b), (c, d) = figure.subplots(2, 2)
    draw_found(a, result)
    draw_best(b, result)
    draw_tried(c, result)
    draw_probabilities(d, result)
    for axes in (a, b, c, d):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_found(axes, result):
    random, rng = result.random(), np.random.default_rng(0)
    rows = [(f"{len(random)} random cells", random, FAINT)]
    rows += [(method, result.of(method), COLOURS[method]) for method in result.methods]
    for y, (_, values, colour) in enumerate(rows):
        jitter = rng.uniform(-0.22, 0.22, len(values))
        axes.scatter(values, y + jitter, s=22, color=colour, alpha=0.75, linewidths=0)
        mean = np.median(values) if y == 0 else np.mean(values)
        axes.plot([mean, mean], [y - 0.35, y + 0.35], color=colour, linewidth=2.5)
    axes.axvline(np.median(random), color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy after the same training")
    axes.set_title("Cells found, one dot a run; bars: means\n(dotted: median random cell)")


def positions(result, tried):
    return result.arguments.images * np.arange(1, tried + 1)


def draw_best(axes, result):
    for method in ("random search", "controller"):
        best = np.maximum.accumulate(result.accuracies(method), 1)
        x = positions(result, best.shape[1])
        axes.plot(x, best.mean(0), color=COLOURS[method], label=method)
        axes.fill_between(
            x, best.min(0), best.max(0), color=COLOURS[method], alpha=0.15, linewidth=0
        )
    axes.set_xlabel("training images seen")
    axes.set_ylabel("validation accuracy")
    axes.set_title(
        "Best cell so far: mean of the runs, and their range\n(DARTS decides at its end)"
    )
    axes.legend(frameon=False, loc="lower right")


def draw_tried(axes, result):
    for method in ("random search", "controller"):
        mean = result.accuracies(method).mean(0)
        window = min(WINDOW, len(mean))
        smooth = np.convolve(mean, np.ones(window) / window, "valid")
        axes.plot(
            positions(result, len(mean))[window - 1 :], smooth, color=COLOURS[method], label=method
        )
    axes.set_xlabel("training images seen")
    axes.set_ylabel("validation accuracy")
    axes.set_title(
        f"Cells tried: mean of the last {WINDOW}, over all runs\n(rises if a method learns)"
    )
    axes.legend(frameon=False)


def draw_probabilities(axes, result):
    """The probability, during the search, of what DARTS chose in the end; a line a question."""
    styles = dict(zip(SPACE.choices, ("-", "--", "-.", ":"), strict=True))
    for question, (field, answers) in enumerate(SPACE.questions):
        curves = []
        for (method, _), records in result.journals.items():
            if method == "DARTS":
                answer = SPACE.numbers(cell_of(records[-1]))[question]
                steps = [r for r in records if "probabilities" in r]
                p = [r["probabilities"][question][answer] for r in steps]
                curves.append([1 / len(answers), *p])  # all are equal at first
                x = np.cumsum([0, *(r["images"] for r in steps)])
        layer = question // len(SPACE.choices)
        axes.plot(
            x,
            np.mean(curves, 0),
            styles[field],
            color=(COLOURS["DARTS"], INK)[layer % 2],
            label=f"layer {layer + 1}: {field.replace('_', ' ')}",
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("training images seen")
    axes.set_ylabel("probability")
    axes.set_title("DARTS: probability of the answer it ends with\n(means of the runs)")
    axes.legend(frameon=False, fontsize=8, ncols=2)


# ------------------------------------------------------------------ files


def write(result, console):
    """Write table, numbers and picture, and show the verdicts."""
    figure = draw(result)
    sys.path.append(str(ROOT / "benchmarks"))
    import machine

    here = machine.description()
    results, pictures = result.arguments.results, result.arguments.pictures
    suffix = "" if result.data == "digits" else f"_{result.data.replace('-', '_')}"
    for folder in (results, pictures):
        folder.mkdir(parents=True, exist_ok=True)
    picture = pictures / f"nas{suffix}.png"
    figure.savefig(picture)
    text = text_of(result, machine.line(here), f"../../docs/pictures/{picture.name}")
    table = results / f"nas{suffix}.md"
    table.write_text(text, encoding="utf-8")
    data = json.dumps(as_data(result, here), indent=1, ensure_ascii=False)
    (results / f"nas{suffix}.json").write_text(data + "\n", encoding="utf-8")
    console.print(f"{summary_table(result)}\n\n{verdicts(result)}\n\nwrote {table} and {picture}")
