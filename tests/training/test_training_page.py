"""docs/training.md: its example runs, its links lead somewhere, its commands are ones there are."""

import doctest
import re
import shlex
from pathlib import Path

from minicnn.cli.command import parse
from minicnn.training import callbacks

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_example_runs():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(block, {}, "training", "training.md", 0)
    report = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=report.append)
    assert runner.tries > 10 and runner.failures == 0, "".join(report)


def test_links_and_commands():
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    lines = re.findall(
        r"^minicnn (.*)$", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.M
    )
    assert len(lines) == 5
    for line in lines:
        assert parse(shlex.split(line)).run


def test_every_callback_is_in_the_table():
    names = {n for n in vars(callbacks) if n[0].isupper()} - {"Callback"}
    assert names == set(
        re.findall(r"`(\w+)`", PAGE[PAGE.index("| | |") : PAGE.index("`fit` itself")])
    )
