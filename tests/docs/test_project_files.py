"""CHANGELOG.md, CITATION.cff and CONTRIBUTING.md agree with the rest."""

import re
from pathlib import Path

import minicnn

ROOT = Path(__file__).resolve().parents[2]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    assert f"\n## {minicnn.__version__}\n" in text("CHANGELOG.md")
    assert f"\nversion: {minicnn.__version__}\n" in text("CITATION.cff")


def test_links_of_contributing_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", text("CONTRIBUTING.md")):
        assert (ROOT / target).exists(), target


def test_the_extras_of_contributing_are_there():
    (named,) = re.findall(r'pip install -e "\.\[([\w,]+)\]"', text("CONTRIBUTING.md"))
    for extra in named.split(","):
        assert re.search(rf"^{extra} =$", text("setup.cfg"), re.MULTILINE), extra
