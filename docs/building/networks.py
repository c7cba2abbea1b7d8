"""Tables of networks on pages: their stages, and what they learned in a short training.

```{stages} resnet50            the stages, as docs/make_stages.py found them
```
```{trained} resnet20 plain20   what benchmarks/network_accuracy.py measured
```
```{searched}                   what examples/nas/compare.py measured
```
"""

import json
from functools import cache

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .equations import language
from .places import ROOT

logger = logging.getLogger(__name__)
_WORDS = {
    "en": ["layer", "type", "output", "parameters", "multiplications", "sees"],
    "zh": ["层", "类型", "输出", "参数", "乘法次数", "感受野"],
}


@cache
def stages():
    return json.loads((ROOT / "docs/networks/stages.json").read_text(encoding="utf-8"))


@cache
def trainings():
    """{network: what was measured} of the short trainings on digits."""
    path = ROOT / "benchmarks" / "results" / "network_accuracy_mnist.json"
    found = json.loads(path.read_text(encoding="utf-8"))["networks"]
    return {result["model"]: result for result in found}


def table(heads, rows, right=()):
    """A table; columns with a number in `right` are aligned to the right."""
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]

    def line(cells):
        row = nodes.row()
        for i, cell in enumerate(cells):
            entry = nodes.entry(classes=["text-right"] if i in right else [])
            entry += nodes.paragraph(
                "", "", cell if isinstance(cell, nodes.Node) else nodes.Text(cell)
            )
            row += entry
        return row

    group += nodes.thead("", line(heads))
    group += nodes.tbody("", *[line(cells) for cells in rows])
    wide = nodes.container(classes=["wide-table"])
    wide += nodes.table("", group)
    return wide


def rows_of(entry):
    """The cells of the stages of one network; names are indented by their depth."""
    for stage in entry["stages"]:
        name = "\u2003" * (stage["depth"] - 1) + stage["name"].rpartition(".")[2]
        yield [
            nodes.literal(text=name),
            stage["type"],
            " × ".join(map(str, stage["output"])),
            f"{stage['parameters']:,}" if stage["parameters"] else "",
            f"{stage['multiplications']:,}" if stage["multiplications"] else "",
            " × ".join(map(str, stage["field"])) if stage["field"] else "",
        ]


class ShowStages(SphinxDirective):
    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        if name not in stages():
            logger.warning("stages.json has no %s", name, location=self.get_location())
            return []
        entry, words = stages()[name], _WORDS[language(self.env.docname)]
        size = " × ".join(map(str, entry["image"]))
        text = (
            f"{name}, for an image of {size}: {entry['parameters']:,} parameters, "
            f"{entry['multiplications']:,} multiplications."
        )
        return [nodes.paragraph(text=text), table(words, rows_of(entry), right=(2, 3, 4, 5))]


class ShowTrained(SphinxDirective):
    required_arguments = 1
    optional_arguments = 9

    def run(self):
        heads = ["network", "parameters", "images", "pixels", "epochs", "training", "test"]
        rows = []
        for name in self.arguments:
            if name not in trainings():
                logger.warning("no training of %s", name, location=self.get_location())
                return []
            found = trainings()[name]
            accuracies = [f"{100 * found[k]:.1f} %" for k in ("train_accuracy", "test_accuracy")]
            counts = [f"{found[k]:,}" for k in ("parameters", "images", "size", "epochs")]
            rows.append([nodes.literal(text=name), *counts, *accuracies])
        return [table(heads, rows, right=range(1, 7))]


class ShowSearched(SphinxDirective):
    """For each method of search: how good the cells are that it found, beside random ones."""

    def run(self):
        path = ROOT / "benchmarks" / "results" / "nas.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        measured = {"random cells": found["random_cells"]}
        for run in found["runs"]:
            measured.setdefault(run["method"], []).append(run["test"])
        heads = ["cells", "number", "test accuracy: mean", "worst", "best"]
        rows = []
        for method, tests in measured.items():
            mean = sum(tests) / len(tests)
            figures = [f"{100 * v:.1f} %" for v in (mean, min(tests), max(tests))]
            rows.append([method, str(len(tests)), *figures])
        return [table(heads, rows, right=range(1, 5))]


def setup(app):
    app.add_directive("searched", ShowSearched)
    app.add_directive("stages", ShowStages)
    app.add_directive("trained", ShowTrained)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
