"""The lessons run, keep no output, and are the same program in both languages."""

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
LESSONS = sorted(path.name for path in (DOCS / "lessons").glob("*.ipynb"))


def cells(path, kind):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == kind]


def test_there_are_five_in_both_languages():
    assert len(LESSONS) == 5
    chinese = sorted(path.name for path in (DOCS / "zh" / "lessons").glob("*.ipynb"))
    assert chinese == LESSONS


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs(name):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    with pyplot.rc_context({"backend": "Agg"}):
        namespace = {}
        for cell in cells(DOCS / "lessons" / name, "code"):
            exec(compile(cell, name, "exec"), namespace)
        pyplot.close("all")


@pytest.mark.parametrize("name", LESSONS)
def test_both_languages_run_the_same_program(name):
    english, chinese = DOCS / "lessons" / name, DOCS / "zh" / "lessons" / name
    assert cells(english, "code") == cells(chinese, "code")
    texts = cells(english, "markdown"), cells(chinese, "markdown")
    assert len(texts[0]) == len(texts[1])
    assert any("\u4e00" <= c <= "\u9fff" for text in texts[1] for c in text)


@pytest.mark.parametrize(
    "path",  # not those in a site that was built
    sorted([*DOCS.glob("lessons/*.ipynb"), *DOCS.glob("zh/lessons/*.ipynb")]),
    ids=lambda path: path.name,
)
def test_no_output_is_kept(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and not cell.get("execution_count")
