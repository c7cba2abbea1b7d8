"""benchmarks/gpu.py from end to end, on the stand-in: its figures say nothing."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "speed"))
    import gpu

    small = gpu.WORKLOADS["LeNet b64"]._replace(batch=2)
    monkeypatch.setitem(gpu.WORKLOADS, "LeNet b64", small)
    yield gpu
    gpu.mc.set_float32_matmul_precision("highest")
    for name in ("gpu", "machine", "libraries", "networks"):
        sys.modules.pop(name, None)


def run(benchmark, monkeypatch, folder):
    words = ["gpu.py", "--out", str(folder), "--turns", "1", "--commit", "abc", "LeNet b64"]
    monkeypatch.setattr(sys, "argv", words)
    benchmark.main()
    return json.loads((folder / "gpu.json").read_text()), (folder / "gpu.md").read_text()


def test_page_and_figures(benchmark, monkeypatch, machine, tmp_path):
    found, page = run(benchmark, monkeypatch, tmp_path / "made")
    assert list(found["measured"]) == ["float32", "float32, products in TF32"]
    row = found["measured"]["float32"]["LeNet b64"]
    assert list(row["libraries"]) == ["minicnn", "minicnn, graph"]
    assert all(f["ms"] > 0 for f in row["libraries"].values())
    assert row["libraries"]["minicnn"]["bytes"] > 100_000 and 0 < row["gradients"] < 1e-4
    assert found["machine"]["gpu"] == "A stand-in, no GPU" and found["machine"]["commit"] == "abc"
    assert {"driver", "driver knows CUDA", "cupy"} <= set(found["machine"])
    assert "**Missing**: PyTorch" in page and "| LeNet b64 |" in page


def test_a_library_that_fails_is_named(benchmark, monkeypatch, machine, tmp_path):
    step = benchmark.Library.step

    def fails(self, *arguments):
        if self.captured:
            raise RuntimeError("no graph today")
        return step(self, *arguments)

    monkeypatch.setattr(benchmark.Library, "step", fails)
    monkeypatch.setattr(benchmark, "gradient_difference", lambda *a: 1 / 0)
    found, page = run(benchmark, monkeypatch, tmp_path)
    assert "- LeNet b64, minicnn, graph: RuntimeError: no graph today" in page
    assert "failed: ZeroDivisionError" in page
    assert found["measured"]["float32"]["LeNet b64"]["libraries"]["minicnn"]["ms"] > 0


def test_ratio_is_that_of_the_better_format(benchmark):
    def row(own, *others):
        names = ("minicnn", "torch contiguous", "torch channels_last")
        figures = zip(names, (own, *others), strict=True)
        return {"libraries": {n: {"ms": ms, "bytes": size} for n, (ms, size) in figures}}

    figures = {"a": row((2.0, 30), (4.0, 10), (1.0, 20)), "b": row((1.0, 10), (4.0, 10), (9.0, 1))}
    text = "\n".join(benchmark.table(figures))
    assert "| a | 2 | 4 | 1 | 0.50 | 1.50 | – |" in text
    assert "| b | 1 | 4 | 9 | 4.00 | 1.00 | – |" in text
    assert "Geometric mean 1.41; least 0.50." in text
