"""The benchmark on a GPU: what it does where there is none, and its tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


def test_without_a_gpu_the_page_says_so(tmp_path):
    done = run("--out", str(tmp_path))
    assert done.returncode == 0 and "no GPU" in done.stdout
    assert "**Not measured**" in (tmp_path / "gpu.md").read_text()
    assert json.loads((tmp_path / "gpu.json").read_text())["measured"] is None


@pytest.mark.parity
def test_a_dry_run_writes_a_table_and_no_file(tmp_path):
    pytest.importorskip("torch")
    done = run("--dry", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "| LeNet b64 |" in done.stdout and "Geometric mean" in done.stdout
    assert "figures that say nothing" in done.stdout and not list(tmp_path.iterdir())


def test_a_workload_that_is_not_there():
    done = run("LeNet")
    assert done.returncode == 2 and "there is no workload 'LeNet'" in done.stderr
    assert "Traceback" not in done.stderr
