"""The derivation shows every numbered equation once, in both languages."""

import re
from pathlib import Path

import pytest

from minicnn import equations

DOCS = Path(__file__).resolve().parents[2] / "docs"
ORDER = ("signals", "derivatives", "layer", "stride", "pieces")


def shown(folder):
    text = "\n".join((DOCS / folder / f"{page}.md").read_text("utf-8") for page in ORDER)
    return re.findall(r"^```\{equation\} (\S+)$", text, re.MULTILINE)


@pytest.mark.parametrize("folder", ["derivation", "zh/derivation"])
def test_every_numbered_equation_is_derived(folder):
    numbered = [key for key in shown(folder) if key.startswith("1.")]
    assert sorted(numbered) == sorted(f"1.{n}" for n in range(1, 18))


@pytest.mark.parametrize("folder", ["derivation", "zh/derivation"])
def test_what_is_cited_is_there(folder):
    for path in (DOCS / folder).glob("*.md"):
        for key in re.findall(r"\{eq\}`([^`]+)`", path.read_text("utf-8")):
            assert equations.get(key)


def test_all_titles_are_in_chinese():
    pytest.importorskip("sphinx")
    from building.equations import _TITLES

    assert set(equations.keys()) <= set(_TITLES)
