"""The tables of stages are what the code gives, and every family has a chapter."""

import json
import re
import sys
from pathlib import Path

import pytest

import minicnn as mc

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/networks").glob("*.md")}
STAGES = json.loads((ROOT / "docs" / "networks" / "stages.json").read_text(encoding="utf-8"))

import make_stages  # noqa: E402


@pytest.mark.parametrize("name", ["lenet5", "resnet20", "nas_cell"])
def test_the_tables_are_up_to_date(name):
    assert make_stages.stages(name, *make_stages.NETWORKS[name]) == STAGES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", make_stages.NETWORKS)
def test_all_tables_are_up_to_date(name):
    assert make_stages.stages(name, *make_stages.NETWORKS[name]) == STAGES[name]


def test_nothing_is_computed_and_all_is_as_before():
    before = mc.nn.functional.conv2d(mc.ones(1, 1, 2, 2), mc.ones(1, 1, 2, 2)).item()
    with make_stages.without_computing():
        assert mc.nn.functional.conv2d(mc.ones(1, 1, 2, 2), mc.ones(1, 1, 2, 2)).item() == 0
    assert mc.nn.functional.conv2d(mc.ones(1, 1, 2, 2), mc.ones(1, 1, 2, 2)).item() == before == 4


def test_every_table_is_shown_and_every_one_shown_is_there():
    shown = re.findall(r"```\{stages\} (\S+)", "\n".join(CHAPTERS.values()))
    assert sorted(shown) == sorted(STAGES)


def test_every_family_has_a_chapter():
    """A file of `minicnn/models` that builds networks is named as a source in some chapter."""
    files = {
        sys.modules[mc.models.get_model_builder(n).__module__].__name__
        for n in mc.models.list_models()
    }
    text = "\n".join(CHAPTERS.values())
    missing = {file for file in files if f"{{source}}`{file}`" not in text}
    assert missing == set()


def test_the_figure_of_lenet_was_measured():
    path = ROOT / "benchmarks" / "results" / "lenet_mnist.json"
    mean = json.loads(path.read_text(encoding="utf-8"))["summary"]["test_accuracy"]["mean"]
    assert f"it reads {100 * mean:.2f} % of the test digits" in CHAPTERS["lenet"]


def test_the_table_of_searches_is_the_benchmark_s():
    """The chapter's sentence about random cells, from the numbers that its table is made of."""
    path = ROOT / "benchmarks" / "results" / "nas.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    for method in {run["method"] for run in runs}:
        shares = [run["random_cells_below"] for run in runs if run["method"] == method]
        assert sum(shares) / len(shares) > 0.9
    assert "beat nine of ten random ones" in CHAPTERS["nas"]
