"""The page of networks in docs/, which is written from the code."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "docs" / "make_networks_table.py"


def test_the_page_of_networks_is_up_to_date():
    command = [sys.executable, str(SCRIPT), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr


def test_a_page_that_is_not_is_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import make_networks_table as script

    page = tmp_path / "networks.md"
    monkeypatch.setattr(script, "PAGE", page)
    monkeypatch.setattr(script, "page", lambda: "the networks\n")
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, "--check"])
    for text in (None, "others\n"):
        if text is not None:
            page.write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit, match=r"docs/networks\.md is out of date"):
            script.main()
    page.write_text("the networks\n", encoding="utf-8")
    script.main()


def test_the_cells_of_a_network(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import make_networks_table as script

    assert script.row("lenet5") == ["`lenet5`", "61,706", "10", "1 × 28 × 28 only"]
    assert script.row("densenet121") == ["`densenet121`", "7,978,856", "1,000", "3 × 29 × 29"]
