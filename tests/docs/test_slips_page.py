"""docs/derivation/slips.md shows every known slip, and numbers beside each."""

import re
from pathlib import Path

from minicnn import equations

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "derivation" / "slips.md").read_text("utf-8")
CHINESE = (DOCS / "zh" / "derivation" / "slips.md").read_text("utf-8")


def test_every_slip_is_shown_once_with_numbers():
    parts = re.split(r"```\{slip\} (\S+)\n```\n", PAGE)
    names, texts = parts[1::2], parts[2::2]
    assert sorted(names) == sorted(slip.name for slip in equations.slips)
    assert all("\n>>> " in text for text in texts)


def test_the_chinese_page_has_every_slip_once():
    named = re.findall(r"^% slip: (\S+)$", CHINESE, re.MULTILINE)
    assert sorted(named) == sorted(slip.name for slip in equations.slips)
