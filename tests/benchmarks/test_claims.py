"""The claims' scripts: every one runs on tiny data; finished runs are not trained again."""

import contextlib
import importlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
MODULES = [path.stem for path in (FOLDER / "claims").glob("*.py")] + ["machine", "intervals"]


@pytest.fixture(scope="module")
def claims():
    """Imports a module of the claims by name."""
    pytest.importorskip("matplotlib")
    folders = [str(FOLDER / "claims"), str(FOLDER)]
    sys.path[:0] = folders
    try:
        yield importlib.import_module
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def clothes(tmp_path_factory):
    """A folder with 120 training and 40 test images as Fashion-MNIST's files."""
    folder = tmp_path_factory.mktemp("clothes")
    rng = np.random.default_rng(0)
    for part, count in (("train", 120), ("t10k", 40)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 8, 5:22] += 150
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">iiii", 2051, count, 28, 28) + images.tobytes()
        )
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">ii", 2049, count) + labels.tobytes()
        )
    return folder


def options(clothes, tmp_path, *more):
    return [
        "--data-dir", str(clothes), "--results", str(tmp_path / "results"),
        "--work", str(tmp_path / "work"), "--seeds", "1", *more,
    ]  # fmt: skip


SCRIPTS = {
    "lenet_sigmoid": 1,
    "relu_tanh": 8,
    "batch_norm": 12,
    "ablation": 6,
    "alexnet_small": 4,
    "averaging": 6,
    "depthwise_near_zero": 2,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_claim_is_measured_once(claims, clothes, tmp_path, monkeypatch, name):
    script, learning = claims(name), claims("learning")
    given = options(clothes, tmp_path, "--epochs", "3", "--images", "100")
    script.main(given)
    results = tmp_path / "results"
    lines = [json.loads(s) for s in (results / f"{name}.jsonl").read_text().splitlines()]
    assert len(lines) == SCRIPTS[name]
    text = (results / f"{name}.md").read_text()
    assert f"python benchmarks/claims/{name}.py" in text and "Claim: " in text
    assert (results / f"{name}.png").exists()
    assert not list((tmp_path / "work").glob("*.safetensors"))  # finished runs leave none

    monkeypatch.setattr(learning, "learn", None)  # would fail
    script.main(given)
    assert (results / f"{name}.md").read_text() == text
    assert len((results / f"{name}.jsonl").read_text().splitlines()) == len(lines)


def test_a_killed_script_goes_on(claims, tmp_path, clothes):
    experiment, learning = claims("experiment"), claims("learning")
    trained = []

    def train(settings, checkpoint):
        trained.append(settings["seed"])
        if settings["seed"] == 1 and trained.count(1) == 1:
            raise KeyboardInterrupt
        return {"accuracy": settings["seed"] / 4}

    given = experiment.arguments("A claim.", 3, options(clothes, tmp_path))
    for _ in range(2):
        runs = experiment.Runs("claim", given)
        try:
            found = [runs.run({"seed": seed}, train) for seed in range(3)]
        except KeyboardInterrupt:
            # As if it had been killed while it wrote.
            with open(runs.path, "a") as file:
                file.write('{"settings": {"se')
    assert trained == [0, 1, 1, 2]
    assert [figures["accuracy"] for figures in found] == [0, 0.25, 0.5]
    assert len(runs.path.read_text().splitlines()) == 3
    assert learning.epochs_until([], "loss", 1) is None


def test_other_settings_or_other_sources_are_other_runs(claims, tmp_path, clothes):
    experiment = claims("experiment")
    given = experiment.arguments("A claim.", 3, options(clothes, tmp_path))
    runs = experiment.Runs("claim", given)
    assert runs.run({"lr": 0.1}, lambda *_: {"loss": 1}) == {"loss": 1}
    assert runs.run({"lr": 0.2}, lambda *_: {"loss": 2}) == {"loss": 2}
    later = experiment.Runs("claim", given)
    later.commit = "another"
    assert later.run({"lr": 0.1}, lambda *_: {"loss": 3}) == {"loss": 3}
    # The table is made of what there is, whatever its commit, and trains nothing.
    given.table = True
    table = experiment.Runs("claim", given)
    assert table.run({"lr": 0.2}, None) == {"loss": 2}
    assert table.run({"lr": 0.3}, None) is None
    assert runs.commit in table.origin() and "1 runs" in table.origin()


def test_a_checkpoint_belongs_to_one_run(claims, tmp_path, clothes):
    experiment = claims("experiment")
    runs = experiment.Runs("claim", experiment.arguments("A.", 1, options(clothes, tmp_path)))
    seen = []

    def train(settings, checkpoint):
        seen.append(checkpoint.exists())
        checkpoint.write_text("half of a run")
        if len(seen) < 3:
            raise KeyboardInterrupt
        return {}

    for seed in (0, 1, 1):  # stopped, another one stopped, and that one again
        with contextlib.suppress(KeyboardInterrupt):
            runs.run({"seed": seed}, train)
    assert seen == [False, False, True]


def test_epochs_until_a_level(claims):
    learning = claims("learning")
    history = [{"epoch": k, "loss": loss} for k, loss in ((1, 4.0), (2, 2.0), (3, 1.0))]
    assert learning.epochs_until(history, "loss", 3.0) == 1.0  # half-way between ½ and 1½
    assert learning.epochs_until(history, "loss", 5.0) == 0.5
    assert learning.epochs_until(history, "loss", 1.25) == 2.25
    assert learning.epochs_until(history, "loss", 0.5) is None
    assert learning.best_rate({0.1: [2.0, 3.0], 0.2: [1.0, None], 0.3: [2.0, 2.5]}) == 0.3
    assert learning.reached([1.0, None]) == "not reached by 1 of 2 seeds"


def test_intervals(claims):
    intervals, experiment = claims("intervals"), claims("experiment")
    mean, half = intervals.mean_interval([1.0, 2.0, 3.0])
    assert (mean, round(half, 3)) == (2.0, 2.484)  # 4.303 · 1/√3
    stats = pytest.importorskip("scipy.stats")
    for n, point in intervals.T_975.items():
        assert round(stats.t.ppf(0.975, n - 1), 3) == point
    assert experiment.signed_percent([0.01, -0.02, 0.02]).endswith("(none seen)")
    assert experiment.signed_percent([0.010, 0.011, 0.012]) == "+1.10 ± 0.25"
    assert experiment.percent([0.5]) == "50.00"


def test_what_is_near_zero(claims):
    script = claims("depthwise_near_zero")
    network = script.build()
    for block in network.modules():
        if isinstance(block, script.DepthwiseSeparable):
            for layer in (block.depthwise[0], block.pointwise[0]):
                weight = layer.weight.detach().numpy()
                weight[...] = 1.0
                weight[0] = 0.0  # one kernel
                weight[1, 0] = 0.005  # one more weight of a pointwise one, a kernel of the other
    found = script.near_zero(network)
    maps = [32, 64, 128, 128, 256, 256]
    assert found["depthwise_kernels"] == pytest.approx(12 / sum(maps))
    assert found["depthwise_weights"] == pytest.approx(12 / sum(maps))
    assert found["pointwise_kernels"] == pytest.approx(6 / sum(m for m, _ in script.BLOCKS))


def test_small_alexnet_keeps_its_sizes(claims):
    network = claims("small_alexnet")
    import minicnn as mc

    x = mc.randn(2, 1, 28, 28)
    for choice in ({}, {"overlapping": False}, {"without": 3}, {"without": 5}):
        assert network.SmallAlexNet(**choice)(x).shape == (2, 10)


def test_digits_are_chosen_on_training_images_and_tested_once(claims, tmp_path, monkeypatch):
    script = claims("digits")

    class Few(script.data.BundledMNIST):
        def __init__(self, train=True, transform=None):
            super().__init__(train, transform)
            self.data, self.targets = self.data[:100], self.targets[:100]

    monkeypatch.setattr(script.data, "BundledMNIST", Few)
    monkeypatch.setattr(script, "RECIPE", {**script.RECIPE, "maps": (2, 3, 4)})
    given = ["--results", str(tmp_path), "--work", str(tmp_path), "--epochs", "1"]
    script.main([*given, "--seeds", "1", "--validation", "30"])
    lines = [json.loads(s) for s in (tmp_path / "digits.jsonl").read_text().splitlines()]
    assert [line["settings"]["elastic"] for line in lines] == list(script.CANDIDATES.values())
    # Shares of the 30 images that were kept back.
    for line in lines:
        assert line["figures"]["mistakes"] == pytest.approx(30 * (1 - line["figures"]["accuracy"]))
    assert not (tmp_path / "digits.md").exists()

    script.main([*given, "--seeds", "1"])
    text = (tmp_path / "digits.md").read_text()
    assert "| 0 |" in text and "mean ±" not in text and not (tmp_path / "digits.png").exists()
    for name, line in zip(script.CANDIDATES, lines, strict=True):
        assert f"| {name} | 1 | {line['figures']['accuracy']:.2%}".replace("%", " %") in text
    script.main([*given, "--seeds", "2"])
    assert "| mean ± 95 % |" in (tmp_path / "digits.md").read_text()
    assert (tmp_path / "digits.png").exists()


@pytest.fixture
def tiny(claims, monkeypatch):
    """The script of the residual network, with a tiny one."""
    script = claims("fashion_residual")
    settings = dict(script.SETTINGS, maps=(4, 8), blocks=(1, 0), batch_size=20)
    monkeypatch.setattr(script, "SETTINGS", settings)
    monkeypatch.setattr(script, "HELD_OUT", 20)
    monkeypatch.setattr(script, "TUNED_ON", 60)
    return script


def test_the_residual_network_goes_on(tiny, clothes, tmp_path, monkeypatch):
    given = options(clothes, tmp_path, "--images", "100", "--epochs", "4")

    class TrainingMetrics(tiny.training.TrainingMetrics):
        def on_epoch_end(self, run):
            super().on_epoch_end(run)
            if run.epoch == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tiny.training, "TrainingMetrics", TrainingMetrics)
        with pytest.raises(KeyboardInterrupt):
            tiny.main(given)
    path = tmp_path / "results" / "fashion_residual.json"
    assert not path.exists()
    tiny.main(given)
    found = json.loads(path.read_text())
    assert set(found["test_accuracy"]) == {"as they are", "with their mirror images"}
    assert found["settings"]["maps"] == [4, 8] and found["settings"]["images"] == 100
    assert len(found["history"]) == 4 and found["processor_seconds"] >= 0
    network = tiny.build(tiny.SETTINGS, np.zeros((2, 28, 28), np.uint8))
    costs = [tiny.multiplications(network, size) for size in (24, 28)]
    assert found["flops"] == pytest.approx(6 * 100 * (2 * costs[0] + 2 * costs[1]))
    text = (tmp_path / "results" / "fashion_residual.md").read_text()
    assert "4 epochs of 100 images, the first 2 at 24 × 24" in text and "TFLOP" in text
    assert "The recipe was chosen" not in text
    uninterrupted = options(clothes, tmp_path / "other", "--images", "100", "--epochs", "4")
    tiny.main(uninterrupted)
    other = json.loads((tmp_path / "other" / "results" / "fashion_residual.json").read_text())
    for name in ("train_loss", "train_accuracy"):
        assert [e[name] for e in other["history"]] == [e[name] for e in found["history"]]
    assert other["test_accuracy"] == found["test_accuracy"]


def test_recipes_are_compared_on_training_images_kept_back(tiny, clothes, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny, "TUNING", {**tiny.TUNING, "epochs": 2})
    given = options(clothes, tmp_path)
    seen = []
    whole = tiny.data.FashionMNIST

    def asked(root, train=True, transform=None):
        seen.append(train)
        return whole(root, train, transform)

    monkeypatch.setattr(tiny.data, "FashionMNIST", asked)
    tiny.main([*given, "--tune"])
    assert seen and all(seen)  # no test images
    lines = (tmp_path / "results" / "fashion_residual.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines]
    assert len(lines) == len(tiny.CANDIDATES)
    for line, changes in zip(lines, tiny.CANDIDATES.values(), strict=True):
        assert line["settings"]["images"] == 60 and line["settings"]["held_out"] == 20
        assert changes.items() <= line["settings"].items()
        assert 20 * line["figures"]["accuracy"] == pytest.approx(
            round(20 * line["figures"]["accuracy"])
        )
    table = tiny.tuned(lines)
    for name, line in zip(tiny.CANDIDATES, lines, strict=True):
        assert f"| {name} | 1 | {100 * line['figures']['accuracy']:.2f} |" in table
    assert tiny.tuned([]) == ""


def test_whitened_patches(claims):
    kernels = claims("small_resnet").whitening_kernels
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 30, 30))
    images = noise[:, 1:-1, 1:-1] + noise[:, :-2, 1:-1] + 2 * noise[:, 1:-1, :-2]  # correlated
    found = kernels(images, least=0.0)
    assert found.shape == (18, 1, 3, 3) and np.array_equal(found[:9], -found[9:])
    patches = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2)).reshape(-1, 9)
    assert np.cov(patches @ found[:9].reshape(9, 9).T, rowvar=False) == pytest.approx(
        np.eye(9), abs=1e-3
    )
    # A direction without variance is not blown up.
    assert np.abs(kernels(np.zeros((2, 5, 5)), least=0.01)).max() <= 10.001


def test_the_page_has_the_results(claims, tmp_path):
    page = claims("page")
    (tmp_path / "some.md").write_text(
        "# Title\n\nClaim: x\n\n| a |\n| --- |\n\n![Title](some.png)\n\n`python some.py`\n"
    )
    text = "Before\n\n<!-- claim: some -->\n<!-- end of claim -->\n\nBetween\n\n"
    text += "<!-- claim: other -->\nold\n<!-- end of claim -->\n"
    once = page.filled(text, tmp_path)
    assert "| a |" in once and "](../benchmarks/results/claims/some.png)" in once
    assert "Title\n" not in once and "Claim" not in once and "Not measured yet." in once
    assert "old" not in once and "Between" in once
    assert page.filled(once, tmp_path) == once
    own = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(own) == own  # the page is up to date
    named = {place[1] for place in page.PLACE.findall(own)}
    assert named >= set(SCRIPTS) | {"digits", "fashion_residual", "plain_residual"}
