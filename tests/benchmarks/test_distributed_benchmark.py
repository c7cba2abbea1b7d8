"""The benchmark of several processes: its model by hand, its report on invented figures."""

import importlib
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def modules():
    """(the benchmark, its model)."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("distributed"), importlib.import_module("distributed_model")
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("distributed", "distributed_model", "machine"):
            sys.modules.pop(name, None)


def test_the_model_by_hand(modules):
    _, model = modules
    link = model.Link("slow", latency=1e-3, rate=1e6)
    work = model.Work("net", compute=1.0, backward=0.5, bytes=400_000, buckets=2, messages=3)
    # Ring of 4: 2 · 3/4 · 0.4 s = 0.6 s of data and 2 · 3 · 2 ms = 12 ms of rounds, of which
    # backward hides 0.5 s; 3 messages of 2 · 2 ms each.
    whole, bandwidth, rounds, small = model.terms(work, link, 4)
    assert whole == pytest.approx(1 + 0.112 + 0.012)
    assert bandwidth + rounds == pytest.approx(0.112)
    assert bandwidth / rounds == pytest.approx(0.6 / 0.012) and small == pytest.approx(0.012)
    assert model.efficiency(work, link, 4) == pytest.approx(1 / 1.124)


def test_what_breaks_first(modules):
    _, model = modules
    work = model.Work("net", 0.01, 0.5, 10**6, 1, 3)
    assert model.breaks_first(work, model.Link("thin", 1e-6, 1e8)) == (2, "bandwidth")
    silent = model.Work("net", 0.01, 0.5, 10**6, 1, 0)
    # 2 · 63 rounds of 50 µs are 6.3 ms, of which backward hides 5.
    far = model.Link("far", 50e-6, 1e12)
    assert model.breaks_first(silent, far) == (64, "the rounds of the ring")
    chatty = model.Work("net", 0.01, 0.5, 10, 0, 100)
    assert model.breaks_first(chatty, model.Link("far", 5e-6, 1e12))[1] == "small messages"
    assert model.breaks_first(work, model.Link("ideal", 0.0, 1e15)) is None
    copied = model.Link("memory", 0.0, 1e9, offloaded=False)
    carried = model.Link("card", 0.0, 1e9)
    assert model.efficiency(work, copied, 8) < model.efficiency(work, carried, 8) == 1


def test_the_report(modules):
    benchmark, _ = modules
    times = {"step": [0.5, 0.6, 0.4], "backward": [0.3, 0.3, 0.3], "waited": [0.01, 0.02, 0.03]}
    found = {}
    for name, _, _, _, variants in benchmark.WORKLOADS:
        found[name] = {"bytes": 46_800_000, "buckets": 3, "threads": [2, 1]}
        for i, variant in enumerate(("alone", *variants)):
            found[name][variant] = {
                key: [t * (1 + 0.1 * i) for t in values] for key, values in times.items()
            }
    sums = {"memory": {"4": 1e-5, "26000000": 0.01}, "TCP": {"4": 1e-4, "26000000": 0.05}}
    text = benchmark.report(found, json.loads(json.dumps(sums)), {"cores": 2}, "python x.py")
    assert "| LeNet b64 | 500.0 | 550.0 | **0.91 ×** | 0.91, 0.91, 0.91 |" in text
    assert "| ResNet-18 b8, SyncBatchNorm | 500.0 | 700.0 |" in text
    # 600 ms at the end, 550 overlapped, 650 not sent: invented, as nobody could measure it.
    assert "less than these rounds can tell from nothing" in text
    assert "memory: 5 µs, 2.6 GB/s" in text and "| 1,024 |" in text


@pytest.mark.parametrize(
    "end, over, none, text",
    [
        (0.7, 0.625, 0.6, "Sending costs 100 ms of a step when it begins at the end of backward, "
         "and 25 ms when it begins with the first bucket: overlap hides 75 % of it."),
        (0.7, 0.75, 0.6, "overlap hides nothing of it."),
        (0.5, 0.55, 0.6, "less than these rounds can tell from nothing."),
    ],
)  # fmt: skip
def test_what_overlap_hides(modules, end, over, none, text):
    benchmark, _ = modules
    row = {
        variant: {"step": [step], "waited": [0.01]}
        for variant, step in (("at the end", end), ("overlapped", over), ("nothing sent", none))
    }
    assert benchmark.overlap(row).endswith(text)
