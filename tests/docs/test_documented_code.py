"""Every code block of the pages runs: Python is executed here, commands by test_commands.py.

Here commands are looked up only, also those that cannot be run: whether there is such an option.
"""

import doctest
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.cli.command import parse

sybil = pytest.importorskip("sybil")
from sybil.parsers.myst import PythonCodeBlockParser  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GENERATED = (ROOT / "docs" / "_build", ROOT / "docs" / "generated", ROOT / "docs" / "api")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"]
    if not any(path.is_relative_to(folder) for folder in GENERATED)
)
# Two blocks of the README are no code to run: an excerpt of the source, and what a command prints.
ELSEWHERE = {"README.md"}  # tests/test_readme.py
ON_A_GPU = {"docs/gpu.md"}  # runs where CuPy is installed; elsewhere it is compiled
if not find_spec("cupy"):
    ELSEWHERE |= ON_A_GPU
# Scripts for clusters: tests/distributed/test_distributed_page.py
SHELL_ELSEWHERE = {"docs/distributed.md"}
PROGRAMS = {"pip", "pytest", "ruff", "sphinx-build", "cd", "git", "mpiexec", "jupyter", "python3"}
KINDS = {"", "python", "sh", "toml", "text"}


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def with_code(kind):
    return [page for page in PAGES if f"```{kind}\n" in text_of(page)]


def photos():
    """A folder of photos, and what docs/augmentation.md takes for granted beside it."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        folder = Path("photos", "train", name)
        folder.mkdir(parents=True)
        pixels = rng.integers(0, 256, (260, 300, 3), np.uint8)
        image.fromarray(pixels).save(folder / "1.png")
    return {
        "photo": pixels,
        "images": mc.zeros(2, 10, 3, 24, 24),
        "model": lambda x: x.flatten(1)[:, :5],
    }


# What a page's code imports, and what has to be there before it runs.
NEEDED = {"docs/guides/weights.md": "onnx"}
GIVEN = {"docs/augmentation.md": photos}


@pytest.mark.parametrize("page", [p for p in with_code("python") if p not in ELSEWHERE])
def test_python_runs(page, tmp_path, monkeypatch):
    pytest.importorskip(NEEDED.get(page, "sybil"))
    parser = PythonCodeBlockParser(
        doctest_optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    document = sybil.Sybil(parsers=[parser], path=str(ROOT)).parse(ROOT / page)
    monkeypatch.chdir(tmp_path)
    document.namespace.update(GIVEN.get(page, dict)())
    examples = list(document.examples())
    assert examples
    for example in examples:
        example.evaluate()


@pytest.mark.parametrize("page", sorted(ON_A_GPU & set(PAGES)))
def test_code_for_a_gpu_is_python(page):
    blocks = re.findall(r"^```python\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        examples = doctest.DocTestParser().get_examples(block)
        for code in [e.source for e in examples] or [block]:
            compile(code, page, "exec")


@pytest.mark.parametrize("page", [p for p in with_code("sh") if p not in SHELL_ELSEWHERE])
def test_shell_commands_are_ones_there_are(page):
    blocks = re.findall(r"^```sh\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        for command in re.split(r"&&|\|", line.split(" #")[0]):
            check_command(shlex.split(command.strip(), comments=True))


def source_of(script):
    """A script's text, and that of the files beside it that it imports."""
    text = script.read_text(encoding="utf-8")
    beside = [script.with_name(f"{name}.py") for name in re.findall(r"from (\w+) import", text)]
    return "\n".join([text, *(p.read_text(encoding="utf-8") for p in beside if p.is_file())])


def check_command(words):
    """The program is one of ours, or one that is named above; its files and options exist."""
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # a variable set for one command
        words = words[1:]
    if not words or words[0] == ".":
        return
    if words[0] == "mpiexec" and len(words) > 3:
        words = words[next(i for i, w in enumerate(words) if w in ("minicnn", "python")) :]
    if words[:3] == ["python", "-m", "minicnn"]:
        words = ["minicnn", *words[3:]]
    if words[0] == "minicnn":
        assert parse(words[1:]).run, words
    elif words[0] == "python" and words[1] not in ("-m", "-c"):
        source = source_of(ROOT / words[1])
        for option in words[2:]:
            if option.startswith("--"):
                assert f'"{option.split("=")[0]}"' in source, (words, option)
    else:
        assert words[0] in PROGRAMS | {"python"}, words


def test_every_block_says_what_it_is():
    """So that none is passed over by a slip of the pen: ```Python, ```pyhton."""
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", text_of(page), re.MULTILINE)
        for word in fences[::2]:
            assert word in KINDS or word.startswith("{"), (page, word)
