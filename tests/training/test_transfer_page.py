"""docs/transfer.md: its examples run, its links lead somewhere, its table is the measured one."""

import doctest
import re
from pathlib import Path

from minicnn.training import transfer

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "transfer.md").read_text(encoding="utf-8")


def test_the_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 8
    # One after another, as on the page.
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "page", "transfer.md", 0)
    report = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=report.append)
    assert runner.tries > 40 and runner.failures == 0, "".join(report)


def test_links_and_commands():
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    commands = re.findall(r"```sh\n(.*?)\n```", PAGE, re.DOTALL)
    assert len(commands) == 2
    for command in commands:
        python, script = command.split()
        assert python == "python" and (ROOT / script).is_file()


def test_pictures_are_those_that_the_example_makes():
    path = ROOT / "examples" / "look_inside.py"
    source = path.read_text(encoding="utf-8")
    made = set(re.findall(r'file\("(\w+)"\)', source))
    assert made == set(re.findall(r"pictures/inside_(\w+)\.png", PAGE))


def test_every_function_is_named():
    for name, value in vars(transfer).items():
        if callable(value) and not name.startswith("_") and name != "find_head":
            assert re.search(rf"transfer\.{name}\(|`{name}`", PAGE), name


def test_the_table_is_the_measured_one():
    parts = re.findall(r"<!-- table: (\w+) -->\n(.*?)<!-- end", PAGE, re.DOTALL)
    assert [name for name, _ in parts] == ["transfer"]
    for name, part in parts:
        measured = (ROOT / "benchmarks" / "results" / f"{name}.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\|.*\|$", part, re.M)
        assert len(rows) == 7
        assert all(row in measured.splitlines() for row in rows)
