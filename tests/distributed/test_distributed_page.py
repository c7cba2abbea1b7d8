"""The page about several processes: its examples run, its commands and files are there."""

import doctest
import re
from pathlib import Path

from minicnn.cli.command import build_parser
from minicnn.distributed import ending, joining

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")


def test_the_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "page", "distributed.md", 0)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)
    assert runner.tries > 10


def test_the_commands_have_these_options():
    lines = re.findall(r"minicnn (train [^\n…`]*)", PAGE)
    assert len(lines) >= 4
    for line in lines:
        words = line.replace('"$run"', "run").replace('"$HOME/data"', "data").split()
        build_parser().parse_args(words)


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        if not target.startswith("http"):
            assert (ROOT / "docs" / target).exists(), target


def test_the_variables_are_those_of_the_program():
    assert joining.DEADLINE in PAGE and ending.MARKER in PAGE
    assert set(re.findall(r"MINICNN_\w+", PAGE)) == {joining.DEADLINE, ending.MARKER}
