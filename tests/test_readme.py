"""The README says what is so: examples run, excerpts are the source, figures were measured."""

import doctest
import inspect
import json
import re
from pathlib import Path

import minicnn as mc
from minicnn.ops.activation import Tanh

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_examples_run():
    examples = [b for b in BLOCKS if ">>>" in b]
    assert examples
    for block in examples:
        test = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
        report = []
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=report.append)
        assert runner.failures == 0, "".join(report)
        assert runner.tries > 0


def test_the_excerpt_is_the_source():
    excerpt = next(b for b in BLOCKS if b.startswith("class Tanh")).strip()
    source = inspect.getsource(Tanh).replace("    fresh = True\n", "").strip()
    assert excerpt == source


def test_the_summary_is_what_the_command_prints(capsys):
    from minicnn.cli import main

    (block,) = re.findall(r"```\n\$ minicnn (.*?)\n(.*?)```", README, re.DOTALL)
    assert main(block[0].split()) == 0
    assert capsys.readouterr().out == block[1]


def test_the_links_and_pictures_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_figures_are_those_of_the_benchmarks():
    for name in ("mnist", "fashion_mnist"):
        path = ROOT / "benchmarks" / "results" / f"lenet_{name}.json"
        result = json.loads(path.read_text(encoding="utf-8"))["summary"]["test_accuracy"]
        if name == "mnist":
            text = f"{100 * result['mean']:.2f} % ± {100 * result['interval_95']:.2f}"
        else:
            text = f"{result['median']:.3f}"
        assert text in README, text


def test_every_dependency_is_in_the_table():
    import configparser

    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    for extra in ("examples", "test", "parity"):
        lines += config["options.extras_require"][extra].splitlines()
    table = README[README.index("## What it needs") :]
    for line in filter(None, lines):
        name = re.split(r"[ \[<>=]", line)[0]
        assert name == "minicnn" or re.search(rf"\b{re.escape(name)}\b", table), name


def test_the_interface_has_the_names_the_readme_uses():
    for name in re.findall(r"`mc\.([a-z_.A-Z]+)", README):
        found = mc
        for part in name.split("."):
            found = getattr(found, part)


def test_the_table_of_operations_is_up_to_date():
    import subprocess
    import sys

    command = [sys.executable, str(ROOT / "docs" / "make_operations_table.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
