"""The commands of the pages are run as they stand there: block by block, in an empty folder.

What cannot be run here is listed, line by line, with what stands in for it. The marker `slow` is
for what trains; the continuous integration (`.ci/run`) runs those as well.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATED = (ROOT / "docs" / "_build", ROOT / "docs" / "generated", ROOT / "docs" / "api")
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted(
        [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"]
    )
    if not any(path.is_relative_to(folder) for folder in GENERATED)
]

# A line that begins so is not run, for this reason.
NOT_RUN = {
    "python3 -m venv": ".ci/run makes an environment, and runs the README's test command in it",
    "pip install": ".ci/run installs these extras in a fresh environment",
    "pytest": ".ci/run runs all tests; a test that ran them again would not end",
    "ruff": ".ci/run runs the linters",
    "sphinx-build": ".ci/run builds the pages; tests/docs/test_two_clicks.py builds a part of them",
    "python docs/check_links.py": ".ci/run checks the built pages with it",
    "jupyter": "a server that waits; the lessons are run by test_lessons.py and by the build",
    "minicnn step lenet5 --tui": "takes the whole terminal: tests/stepper runs it in one",
    "minicnn predict resnet50 cat.jpg --weights resnet50.pth": "100 MB that torchvision publishes; "
    "tests/models/test_weights.py reads files of that layout",
    "minicnn predict resnet50 cat.jpg --weights DEFAULT": "downloads them; "
    "tests/models/test_weights.py downloads from a server of its own",
    "minicnn train resnet18 --data photos --device cuda": "needs a GPU: tests/gpu",
    "minicnn evaluate runs/resnet18-photos-1 --device cuda:1": "needs two GPUs: tests/gpu",
    "python examples/transfer_fashion_to_digits.py": "hours; tests/examples runs it in small",
    "python examples/nas/": "minutes to an hour; tests/examples runs them in small",
    "python benchmarks/fuzzing.py": "half an hour and more; test_fuzz.py does some of it",
    "python benchmarks/mutation/": "minutes to hours, and a tool that is not installed here",
    "LD_LIBRARY_PATH=$VIRTUAL_ENV/lib CI=1 python benchmarks/mutation/": "the same",
    "python benchmarks/covered_lines/": "more than an hour: kernels run as Python",
    "python tests/hardening/run_guarded.py": "minutes; test_guard_pages.py runs it in small",
    "python tests/hardening/precision.py": "test_precision.py measures the same",
    "mpiexec": "tests/distributed starts mpiexec, with these options too",
}
# Scripts for a scheduler; tests/distributed/test_distributed_page.py checks their options.
NOT_RUN_BLOCKS = {"docs/distributed.md": "#SBATCH"}


@dataclass(frozen=True)
class Block:
    """The commands of one block that are to be run, and what has to come of them."""

    page: str
    begins: str
    says: tuple = ()
    makes: tuple = ()
    fails: bool = False  # whether the last command says by its status that something is amiss
    slow: bool = False


STEPPED = ("conv2", "∂L/∂")
CHECKS = [
    Block("README.md", "minicnn step", STEPPED, ("lenet.html",)),
    Block("README.md", "minicnn assign", ("0 of 14",), ("lab",), fails=True),
    Block("docs/guides/stepping.md", "minicnn step", STEPPED, ("lenet.html",), slow=True),
    Block("docs/index.md", "minicnn step", STEPPED, ("lenet.html",)),
    Block("docs/zh/index.md", "minicnn step", (), ("lenet.html",)),
    Block("docs/transfer.md", "python examples/look_inside.py", slow=True),
    # These build on each other.
    Block(
        "docs/training.md", "minicnn train lenet5", ("test accuracy",), ("runs/lenet",), slow=True
    ),
    Block("docs/training.md", "minicnn train --config", (), ("runs/resnet",), slow=True),
    Block("docs/training.md", "minicnn train --resume", slow=True),
    Block("docs/training.md", "minicnn evaluate", ("top-1",), slow=True),
    Block("docs/training.md", "minicnn predict", ("5",), slow=True),
]


def blocks_of(page):
    """The lists of commands in the blocks of a page; comments are left out, long lines joined."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if NOT_RUN_BLOCKS.get(page, "\0") in block:
            continue
        yield [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def to_run(block):
    return [line for line in block if not line.startswith(tuple(NOT_RUN))]


def test_every_block_is_run_or_has_a_reason():
    found = {(page, block[0]) for page in PAGES for block in map(to_run, blocks_of(page)) if block}
    checked = {(check.page, line) for check in CHECKS for page, line in found
               if page == check.page and line.startswith(check.begins)}  # fmt: skip
    # The README's second command needs what its first, which trains, has left.
    rest = {line for _, line in found - checked}
    assert rest == {
        "minicnn evaluate lenet5 --weights runs/mnist-1/lenet5.safetensors --data digits"
    }


def test_reasons_are_still_needed():
    lines = [line for page in PAGES for block in blocks_of(page) for line in block]
    for beginning in NOT_RUN:
        assert any(line.startswith(beginning) for line in lines), beginning


def folder_for(page, folder):
    """What a reader's copy of the repository has, so that ``python examples/…`` is found."""
    for name in ("examples", "docs", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, content in re.findall(
        r"^```toml\n# (\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE
    ):
        (folder / name).write_text(content, encoding="utf-8")
    image = pytest.importorskip("PIL.Image")
    from minicnn.data import BundledMNIST

    digits = BundledMNIST(train=False)
    five = next(pixels for pixels, label in digits if label == 5)
    image.fromarray(255 - np.asarray(five)).save(folder / "five.png")  # dark ink on white paper


def run(lines, folder):
    environment = dict(os.environ, NO_COLOR="1", COLUMNS="100")
    places = [str(Path(sys.executable).parent), environment["PATH"]]
    if not shutil.which("minicnn", path=places[0]):  # installed without its console script
        places.insert(0, str(folder / "bin"))
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / "minicnn").write_text(f'#!/bin/sh\n{sys.executable} -m minicnn "$@"\n')
        (folder / "bin" / "minicnn").chmod(0o755)
    environment["PATH"] = os.pathsep.join(places)
    return subprocess.run(
        ["bash", "-c", "\n".join(["set -e", *lines])],
        **{"cwd": folder, "env": environment, "stdin": subprocess.DEVNULL},
        **{"capture_output": True, "text": True, "timeout": 1500},
    )


def check(block, folder):
    (lines,) = [
        b for b in map(to_run, blocks_of(block.page)) if b and b[0].startswith(block.begins)
    ]
    done = run(lines, folder)
    assert (done.returncode != 0) == block.fails, done.stdout[-2000:] + done.stderr[-2000:]
    for text in block.says:
        assert text in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    for path in block.makes:
        assert (folder / path).exists(), path


def pages(slow):
    return sorted({b.page for b in CHECKS if b.slow == slow})


@pytest.mark.parametrize("page", pages(slow=False))
def test_commands_run(page, tmp_path):
    folder_for(page, tmp_path)
    for block in [b for b in CHECKS if b.page == page and not b.slow]:
        check(block, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", pages(slow=True))
def test_commands_that_train_run(page, tmp_path):
    folder_for(page, tmp_path)
    for block in [b for b in CHECKS if b.page == page and b.slow]:
        check(block, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_two_commands_of_the_readme_s_first_run(tmp_path):
    """What the first command trains the second evaluates; the environment is this one."""
    folder_for("README.md", tmp_path)
    (train,) = [line for block in blocks_of("README.md") for line in block if "lenet_mnist" in line]
    (evaluate,) = [line for block in blocks_of("README.md") for line in block if "mnist-1" in line]
    done = run([train.rpartition("&& ")[2], evaluate], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(re.findall(r"top-1 (0\.\d+)", done.stdout)[-1]) > 0.97
