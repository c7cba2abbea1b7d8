"""The networks of the guidelines' benchmark: what is said to be equal is, and it runs."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

import minicnn as mc

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location(
            "shufflenet_guidelines", FOLDER / "shufflenet_guidelines.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


def counted(model, x):
    """(multiplications, numbers that convolutions read and write), from a run."""
    found = []

    def count(module, inputs, output):
        weight = module.weight
        multiplications = output.numel() * weight[0].numel()
        found.append((multiplications, inputs[0].numel() + output.numel() + weight.numel()))

    for module in model.modules():
        if isinstance(module, mc.nn.Conv2d):
            module.register_forward_hook(count)
    assert model(x).shape[0] == 1
    return tuple(map(sum, zip(*found, strict=True)))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_equal_multiplications_and_computed_accesses(benchmark, number):
    title, (_, make) = list(benchmark.GUIDELINES.items())[number]
    assert title.startswith(f"G{number + 1}.")
    cases = make((6, 5))
    assert len({case.multiplications for case in cases}) == 1
    for case in cases:
        multiplications, accesses = counted(case.model, mc.randn(1, case.channels, 6, 5))
        assert multiplications == case.multiplications
        if number < 3:
            n = int(case.name.split()[0]) if "parallel" in case.name else 1
            additions = 10 * (n - 1) * 3 * case.channels * 30  # two read, one written, 6 × 5 places
            assert accesses + additions == case.memory_accesses
        elif case.name == "neither":
            assert accesses == case.memory_accesses == min(c.memory_accesses for c in cases)
    if number < 2:  # most equal channels and fewest groups first
        accesses = [case.memory_accesses for case in cases]
        assert accesses == sorted(accesses) and len(set(accesses)) == len(accesses)


def test_element_wise_operations_are_where_the_table_says(benchmark):
    for case in benchmark.element_wise((4, 4)):
        blocks = list(case.model)
        assert all(block.shortcut == ("shortcut" in case.name) for block in blocks)
        relus = sum(isinstance(m, mc.nn.ReLU) for m in case.model.modules())
        assert relus == (30 if "ReLU" in case.name else 0)


def test_it_runs_and_writes_its_tables(benchmark, tmp_path, capsys):
    benchmark.main(["--rounds", "1", "--size", "3", "--out", str(tmp_path)])
    text = (tmp_path / "shufflenet_guidelines.md").read_text(encoding="utf-8")
    for line in capsys.readouterr().out.splitlines():
        assert line in text
    result = json.loads((tmp_path / "shufflenet_guidelines.json").read_text(encoding="utf-8"))
    assert list(result["guidelines"]) == ["G1", "G2", "G3", "G4"]
    for cases in result["guidelines"].values():
        for name, values in cases.items():
            assert f"| {name} |" in text
            assert values["milliseconds"] > 0
    assert "processor" in result["machine"]
