"""From clothes to digits, as a user runs it: on few images, so that it takes seconds."""

import importlib.util
import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

PATH = Path(__file__).resolve().parents[2] / "examples" / "transfer_fashion_to_digits.py"
sys.path.append(str(PATH.parent))  # it imports the file beside it
SPEC = importlib.util.spec_from_file_location("transfer_fashion_to_digits", PATH)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)

OPTIONS = "--source-images 60 --source-epochs 1 --sizes 20 40 --seeds 2 --steps 3"
FEW = OPTIONS.split()
CELLS = 2 * 2 * 5


@pytest.fixture(scope="module")
def clothes(tmp_path_factory):
    """A folder like Fashion-MNIST's; what is in the pictures does not matter here."""
    folder = tmp_path_factory.mktemp("fashion")
    for train, name, n in ((True, "train", 80), (False, "t10k", 30)):
        part = mc.data.BundledMNIST(train)
        for kind, array in (("images-idx3", part.data), ("labels-idx1", part.targets)):
            array = array.numpy()[:n]
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            path = folder / f"{name}-{kind}-ubyte"
            path.write_bytes(header + array.astype("uint8").tobytes())
    return folder


@pytest.fixture(scope="module", autouse=True)
def few_test_digits():
    """Only 60 of what is tested on."""
    whole = example.digits

    def few(train, chosen=slice(None)):
        found = whole(train, chosen)
        return example.take(found, 60) if isinstance(chosen, slice) else found

    example.digits = few
    yield
    example.digits = whole


def run(clothes, out, *options):
    return example.main(["--data-dir", str(clothes), "--out", str(out), *FEW, *options])


def cells_of(out):
    return [json.loads(line) for line in (out / "cells.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(clothes, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    assert run(clothes, out) == 0
    return out


def test_table_and_picture_say_what_the_cells_say(finished):
    from PIL import Image

    options, *cells = cells_of(finished)
    assert options == {
        "source": "fashion-mnist", "source_images": 60, "source_epochs": 1, "steps": 3,
    }  # fmt: skip
    assert len(cells) == CELLS
    text = (finished / "transfer.md").read_text()

    def accuracy(strategy, size):
        found = [c for c in cells if (c["strategy"], c["size"]) == (strategy, size)]
        return 100 * np.array([c["accuracy"] for c in sorted(found, key=lambda c: c["seed"])])

    def entry(values, sign=""):
        mean = f"{values.mean():{sign}.1f}".replace("-0.0", "+0.0").replace("-", "−")
        return f"{mean} ± {values.std(ddof=1):.1f}"

    for strategy, name in example.STRATEGIES.items():
        own = [accuracy(strategy, size) for size in (20, 40)]
        assert f"| {name} | {entry(own[0])} | {entry(own[1])} |" in text
        gain = [a - accuracy("scratch", size) for a, size in zip(own, (20, 40), strict=True)]
        line = f"| {name} | {entry(gain[0], '+')} | {entry(gain[1], '+')} |"
        assert (line in text) == (strategy != "scratch")
    assert "`python examples/transfer_fashion_to_digits.py " + OPTIONS + "`" in text
    with Image.open(finished / "transfer.png") as picture:
        assert min(picture.size) > 400


def test_a_stopped_run_goes_on_and_finds_the_same(clothes, finished, tmp_path, monkeypatch, capsys):
    adapt, done = example.adapt, []

    def interrupted(*arguments):
        done.append(arguments)
        if len(done) == 13:
            raise KeyboardInterrupt
        return adapt(*arguments)

    monkeypatch.setattr(example, "adapt", interrupted)
    assert run(clothes, tmp_path) == 130
    assert "goes on with what is left" in capsys.readouterr().err
    assert len(cells_of(tmp_path)) == 1 + 12 and not (tmp_path / "transfer.md").exists()
    with open(tmp_path / "cells.jsonl", "a") as file:
        file.write('{"strategy": "hea')  # and then the power went
    assert run(clothes, tmp_path) == 0
    assert len(done) == CELLS + 1
    assert cells_of(tmp_path) == cells_of(finished)
    assert (tmp_path / "transfer.md").read_text() == (finished / "transfer.md").read_text()


def test_a_finished_run_computes_nothing(clothes, finished, monkeypatch):
    monkeypatch.delattr(example, "adapt")
    monkeypatch.delattr(example, "learn")
    assert run(clothes, finished) == 0


def test_other_options_and_damage_are_refused(clothes, finished, tmp_path, capsys):
    cells = (finished / "cells.jsonl").read_text()
    (tmp_path / "cells.jsonl").write_text(cells)
    assert run(clothes, tmp_path, "--steps", "4") == 1
    assert "a run with other options (steps)" in capsys.readouterr().err
    lines = cells.splitlines()
    (tmp_path / "cells.jsonl").write_text("\n".join([*lines[:3], lines[3][:9], *lines[4:]]))
    assert run(clothes, tmp_path) == 1
    assert "line 4 is damaged" in capsys.readouterr().err


def test_without_files_of_clothes(tmp_path, capsys):
    assert run(tmp_path / "nothing", tmp_path) == 1
    error = capsys.readouterr().err
    assert "error: FashionMNIST: found no train-images" in error and "--source digits" in error
    assert example.main(["--out", str(tmp_path), *FEW, "--seeds", "1", "--source", "digits"]) == 0
    assert (
        "# From digits on their side to few digits" in (tmp_path / "transfer_digits.md").read_text()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--sizes 6001", "there are 6,000 digits"),
        ("--sizes 2001 --source digits", "there are 2,000 to train on"),
        ("--steps 0", "at least 1, got '0'"),
        ("--tune --results x", "--tune writes no results"),
    ],
)
def test_wrong_options(options, message, capsys):
    with pytest.raises(SystemExit) as exit:
        example.main(options.split())
    assert exit.value.code == 2 and message in capsys.readouterr().err


def test_what_each_strategy_changes(tmp_path):
    mc.manual_seed(5)
    before = example.lenet()
    weights = {name: mc.tensor(t.numpy()) for name, t in before.state_dict().items()}
    few = example.digits(True, np.arange(40))
    layers = ["conv1", "conv2", "fc1", "fc2", "fc3"]

    def kept(strategy):
        model = example.adapt(strategy, weights, few, 0.01, 2, 0, tmp_path)
        after = model.state_dict()
        return [n for n in layers if mc.equal(after[f"{n}.weight"], weights[f"{n}.weight"])]

    assert kept("head") == layers[:4]
    assert kept("frozen") == layers[:2]
    assert kept("rates") == kept("all") == kept("scratch") == []
    again = example.adapt("scratch", None, few, 0.01, 2, 0, tmp_path).state_dict()
    scratch = example.adapt("scratch", weights, few, 0.01, 2, 0, tmp_path).state_dict()
    assert all(mc.equal(again[name], scratch[name]) for name in again)


def test_tuning_uses_other_digits(clothes, tmp_path, monkeypatch, capsys):
    asked = []
    digits = example.digits
    monkeypatch.setattr(
        example,
        "digits",
        lambda train, chosen: asked.append((train, chosen)) or digits(train, chosen),
    )
    monkeypatch.setattr(example, "TUNED", (0.01, 0.03))
    assert run(clothes, tmp_path, "--tune") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "best" in line]
    assert len(lines) == len(example.STRATEGIES)
    assert all(train for train, _ in asked)
    whole = {chosen.start for _, chosen in asked if isinstance(chosen, slice)}
    assert whole == {6000}  # what is tested on
    assert max(max(chosen) for _, chosen in asked if not isinstance(chosen, slice)) < 6000
    name, rate = example.STRATEGIES["head"], example.RATES["fashion-mnist"]["head"]
    cells = [json.loads(line) for line in (tmp_path / "tuning.jsonl").read_text().splitlines()][1:]
    means = {
        lr: np.mean([c["accuracy"] for c in cells if (c["strategy"], c["lr"]) == ("head", lr)])
        for lr in (0.01, 0.03)
    }
    best = max(means, key=means.get)
    assert lines[0].startswith(name) and lines[0].endswith(f"best {best}, used {rate}")


def test_the_measured_tables_were_made_with_these_rates():
    results = PATH.parents[1] / "benchmarks" / "results"
    found = {path.stem.removeprefix("transfer").strip("_") for path in results.glob("transfer*.md")}
    assert "" in found
    for name in found:
        rates = example.RATES[name or "fashion-mnist"]
        text = (results / f"transfer_{name}.md".replace("_.", ".")).read_text(encoding="utf-8")
        used = ", ".join(f"{example.STRATEGIES[s]} {lr}" for s, lr in rates.items())
        assert used in text
