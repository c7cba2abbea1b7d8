"""``minicnn train``, ``evaluate`` and ``predict``, as a user types them; on few images."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn import data
from minicnn.cli import main
from minicnn.cli.command import commands
from minicnn.cli.commands.train import DEFAULTS
from minicnn.cli.datasets import (
    AUGMENTATIONS,
    PHOTOGRAPHS,
    Preprocessing,
    preprocessing_for,
    with_channels,
)
from minicnn.cli.training import image_shape

Image = pytest.importorskip("PIL.Image")

FEW = "train lenet5 --images 300 --validation 0.05 --lr 0.02 --epochs 2 --plain"


def run(line, capsys, status=0):
    assert main(shlex.split(line)) == status
    return capsys.readouterr()


def complaint(line, capsys, status=1):
    """The one line that a mistake leads to."""
    out, err = run(line, capsys, status)
    assert out == "" and err.endswith("\n") and err.count("\n") == 1, err
    return err[:-1]


def weights(folder):
    state = mc.load(Path(folder) / "weights.safetensors")
    return {k: v.array.tobytes() for k, v in state.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main(shlex.split(f"{FEW} --augment shift --out {folder}")) == 0
    return folder


# ---------------------------------------------------------------- train


def test_a_run_leaves_its_files_and_says_how_good_it_is(finished, tmp_path, capsys):
    out = run(f"{FEW} --augment shift --out {tmp_path}/run", capsys).out.splitlines()
    assert out[0] == (
        "lenet5, 61,706 parameters; 300 training, 400 validation and 2,000 test images of 28 × 28; "
        f"results go to {tmp_path}/run"
    )
    figures = [
        json.loads(t) for t in (tmp_path / "run" / "metrics.jsonl").read_text().split("\n")[:-1]
    ]
    for line, f in zip(out[1:3], figures, strict=True):
        assert line.startswith(f"epoch {f['epoch']}/2  loss {f['train_loss']:.4f}  accuracy ")
        assert f"validation {f['val_accuracy']:.4f}" in line
    model = mc.models.lenet5()
    model.load_state_dict(mc.load(tmp_path / "run" / "weights.safetensors"))
    test = data.BundledMNIST(train=False)
    images = (test.data.float() / 255 - 0.1307) / 0.3081
    right = (model(images.unsqueeze(1)).argmax(1) == test.targets).float().mean().item()
    assert out[-1] == f"test accuracy: {right:.4f}"
    assert weights(tmp_path / "run") == weights(finished)  # same seed, same bits


@pytest.mark.parametrize("options", ["", "--workers 2", "--seed 1", "--augment none"])
def test_what_decides_the_weights(finished, tmp_path, capsys, options):
    run(f"{FEW} --augment shift --out {tmp_path}/run {options}", capsys)
    same = options in ("", "--workers 2")
    assert (weights(tmp_path / "run") == weights(finished)) == same


def test_an_interrupted_run_goes_on_to_the_same_weights(finished, tmp_path, capsys, monkeypatch):
    from minicnn.training import TrainingMetrics

    real, seen = TrainingMetrics.on_batch_end, []

    def interrupts(self, run):
        real(self, run)
        seen.append(1)
        if len(seen) == 7:  # of five batches an epoch
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingMetrics, "on_batch_end", interrupts)
    line = f"{FEW} --augment shift --out {tmp_path}/run"
    err = run(line, capsys, 130).err
    assert err == (f"interrupted in epoch 2; go on with: minicnn train --resume {tmp_path}/run\n")
    monkeypatch.undo()
    assert "no weights" not in run(f"evaluate {tmp_path}/run --json", capsys).err  # so far
    out = run(f"train --resume {tmp_path}/run --plain", capsys).out
    assert f"going on in {tmp_path}/run" in out and "epoch 2/2" in out and "epoch 1/2" not in out
    assert weights(tmp_path / "run") == weights(finished)
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2


def test_ctrl_c_in_a_process_of_its_own(tmp_path):
    command = [sys.executable, "-m", "minicnn", *shlex.split(FEW), "--epochs", "100000"]
    process = subprocess.Popen(
        [*command, "--out", tmp_path / "run"],
        stdout=-1,
        stderr=-1,
        cwd=Path(mc.__file__).parents[1],
    )
    while not process.stdout.readline().startswith(b"epoch"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith(b"interrupted in epoch") and errors.count(b"\n") == 1


def test_all_the_options_together(tmp_path, capsys):
    out = run(
        f"{FEW} --out {tmp_path}/run --optimizer adamw --lr 0.003 --weight-decay 0.01 --schedule "
        "constant --label-smoothing 0.1 --clip-norm 1 --accumulate 2 --averaging 0.5 --patience 0 "
        "--batch-size 30 --augment shift+flip --save-every 0.01 --epochs 3 "
        "--option activation=relu",
        capsys,
    ).out
    assert "test accuracy: " in out
    state = mc.load(tmp_path / "run" / "checkpoint.safetensors")
    assert state["optimizer_class"] == "AdamW"
    names = [n for n, _ in state["position"]["callbacks"]]
    assert names[:4] == ["TrainingMetrics", "WeightAveraging", "Validation", "EarlyStopping"]
    best = mc.load(tmp_path / "run" / "best.safetensors")
    assert {k: v.array.tobytes() for k, v in best.items()} == weights(tmp_path / "run")


def test_options_from_a_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text(
        'network = "lenet5"\nimages = 100\nvalidation = 0\nepochs = 7\nbatch-size = 50\n'
        'lr = 0.02\nout = "a"\n[option]\nactivation = "relu"\n'
    )
    out = run("train --config run.toml --epochs 1 --plain", capsys).out
    assert "epoch 1/1" in out and "100 training and 2,000 test images" in out
    options = json.loads(Path("a/run.json").read_text())["options"]
    assert (options["epochs"], options["batch_size"], options["images"]) == (1, 50, 100)
    assert options["option"] == ["activation=relu"]
    assert options["momentum"] == DEFAULTS["momentum"]
    run(
        "train lenet5 --config run.toml --epochs 1 --plain --out b --option activation=tanh", capsys
    )
    assert json.loads(Path("b/run.json").read_text())["options"]["option"] == ["activation=tanh"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("epoch = 3", "there is no option 'epoch', did you mean 'epochs'?"),
        ("epochs = 0", "argument --epochs: must be a whole number of at least 1, got '0'"),
        ("epochs = [1]", "epochs must be a number or a string, got [1]"),
        ("option = 3", "option must be a table, [option], got 3"),
        ("augment = 'flop'", "argument --augment: invalid choice: 'flop'"),
        ("resume = 'runs/1'", "there is no option 'resume'"),
        ("epochs", "is not TOML: "),
    ],
)
def test_mistakes_in_the_file(text, message, tmp_path, capsys):
    (tmp_path / "run.toml").write_text(text)
    found = complaint(f"train lenet5 --config {tmp_path}/run.toml", capsys)
    assert message in found and "run.toml" in found


def test_the_folder_of_a_run_is_numbered(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run(f"{FEW} --epochs 1", capsys)
    assert sorted(os.listdir("runs")) == ["lenet5-digits-1", "lenet5-digits-2"]


# ---------------------------------------------------------------- data and networks


@pytest.fixture
def photos(tmp_path):
    """Two classes of tiny photographs: red things and blue things."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for name, channel in (("blue", 2), ("red", 0)):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(60, size=(20 + i, 30, 3), dtype=np.uint8)
                pixels[:, :, channel] += 150
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "photos"


NETWORKS = """\
from minicnn import nn

def flat(num_classes=2):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, num_classes))

def three():
    return flat(3)

def pixels(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))
"""


@pytest.fixture
def networks(tmp_path):
    (tmp_path / "nets.py").write_text(NETWORKS)
    return tmp_path / "nets.py"


def test_a_folder_of_images_with_a_network_of_ones_own(photos, networks, tmp_path, capsys):
    out = run(
        f"train {networks}:flat --data {photos} --size 16 --validation 0.25 --epochs 12 --lr 0.1 "
        f"--batch-size 6 --out {tmp_path}/run --plain --augment resized+flip",
        capsys,
    ).out.splitlines()
    assert "; 18 training, 6 validation and 8 test images of 16 × 16; " in out[0]
    assert out[-1] == "test accuracy: 1.0000"
    found = json.loads(run(f"evaluate {tmp_path}/run --json", capsys).out)
    assert found["classes"] == ["blue", "red"] and found["confusion"] == [[4, 0], [0, 4]]
    files = [photos / "test" / "red" / "0.png", photos / "test" / "blue" / "1.png"]
    out = run(f"predict {tmp_path}/run {files[0]} {files[1]}", capsys).out.splitlines()
    assert out[0].startswith(f"{files[0]}: red ") and ", blue " in out[0]
    assert out[1].startswith(f"{files[1]}: blue ")
    # Other classes than the run's are refused.
    (photos / "train" / "red").rename(photos / "train" / "rot")
    (photos / "test" / "red").rename(photos / "test" / "rot")
    text = complaint(f"evaluate {tmp_path}/run", capsys)
    assert "in the same order" in text
    assert "classes ['blue', 'rot'] now" in complaint(f"train --resume {tmp_path}/run", capsys)


def test_a_head_of_another_size(photos, networks, capsys):
    text = complaint(f"train {networks}:three --data {photos} --size 16", capsys)
    assert "gives (3,) scores an image, and the data has 2 classes; --option num_classes=2" in text
    text = complaint(f"train lenet5 --option num_classes=7 --out {photos}/no", capsys)
    assert "the data has 10 classes" in text and not (photos / "no").exists()


def test_folders_that_are_no_data(photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    complaint(f"train lenet5 --data {tmp_path}/empty", capsys)
    (photos / "train" / "red" / "0.png").write_bytes(b"no image")
    line = f"train lenet5 --data {photos} --epochs 1 --validation 0 --plain --batch-size 64"
    err = run(f"{line} --out {tmp_path}/r", capsys, 1).err
    assert "red/0.png" in err and err.count("\n") == 1
    out, err = run(f"{line} --skip-corrupt --out {tmp_path}/s", capsys)
    assert "test accuracy" in out and "23 training" in out
    assert err.startswith("note: ImageFolder: left out 1 of 24 files") and err.count("\n") == 1


def test_a_network_that_reads_all_pixels(networks, tmp_path, capsys):
    line = f"train {networks}:pixels --images 50 --epochs 1 --out {tmp_path}/r --plain"
    assert "images of 28 × 28" in run(line, capsys).out
    assert image_shape("x", mc.nn.Linear(3 * 81, 2)) == (3, (9, 9))
    assert image_shape("x", mc.nn.Linear(49, 2), 7) == (1, (7, 7))
    with pytest.raises(Exception, match="no square image"):
        image_shape("x", mc.nn.Linear(50, 2))
    with pytest.raises(Exception, match="no square image"):
        image_shape("x", mc.nn.Linear(49, 2), 8)


def test_preprocessing():
    rng = np.random.default_rng(1)
    grey = rng.integers(256, size=(28, 28), dtype=np.uint8)
    found = preprocessing_for("digits", 1, (28, 28))(grey)
    np.testing.assert_allclose(found.numpy()[0], (grey / 255 - 0.1307) / 0.3081, atol=1e-5)
    three = preprocessing_for("digits", 3, (28, 28))(grey).numpy()
    assert three.shape == (3, 28, 28) and (three == found.numpy()).all()
    colour = Image.fromarray(rng.integers(256, size=(40, 60, 3), dtype=np.uint8))
    wide = preprocessing_for("photos", 3, (20, 20))
    assert wide.mean == PHOTOGRAPHS[0]
    expected = (np.asarray(colour.resize((30, 20), 2))[:, 5:25] / 255 - wide.mean) / wide.std
    np.testing.assert_allclose(wide(colour).numpy(), expected.transpose(2, 0, 1), atol=1e-5)
    one = preprocessing_for("photos", 1, (20, 20))
    assert one(colour).shape == (1, 20, 20)
    assert one.mean == pytest.approx((np.mean(PHOTOGRAPHS[0]),))
    array = np.asarray(colour)
    assert (
        abs(with_channels(array, 1)[..., 0].astype(int) - np.asarray(colour.convert("L"))).max()
        <= 1
    )
    for augment in AUGMENTATIONS:
        assert Preprocessing((20, 20), one.mean, one.std, augment)(colour).shape == (1, 20, 20)
    with pytest.raises(Exception, match="reads 2 channels; images have 1"):
        preprocessing_for("photos", 2, (20, 20))


# ---------------------------------------------------------------- evaluate and predict


def test_evaluate(finished, tmp_path, capsys):
    found = json.loads(run(f"evaluate {finished} --json", capsys).out)
    assert found["images"] == 2000 and np.sum(found["confusion"]) == 2000
    assert found["top1"] == np.trace(found["confusion"]) / 2000 <= found["top5"]
    text = run(f"evaluate {finished} --plain --picture {tmp_path}/c.png", capsys).out
    first, header, *rows = text.splitlines()
    assert first == (
        f"{finished} on 2,000 test images: top-1 {found['top1']:.4f}  top-5 {found['top5']:.4f}  "
        f"loss {found['loss']:.4f}"
    )
    assert header.split() == [str(i) for i in range(10)]
    for row, counts in zip(rows, found["confusion"], strict=False):
        assert row.split()[1:] == [str(n or "·") for n in counts]
    counts = np.array(found["confusion"])
    np.fill_diagonal(counts, 0)
    i, j = np.unravel_index(counts.argmax(), counts.shape)
    names = data.BundledMNIST.classes
    assert f"{counts.max():,} × {names[i]} taken for {names[j]}" in rows[10]
    assert (tmp_path / "c.png").stat().st_size > 1000
    part = json.loads(run(f"evaluate {finished} --part train --workers 2 --json", capsys).out)
    assert part["images"] == 8000 and part["part"] == "train"
    file = f"{finished}/weights.safetensors"
    other = json.loads(run(f"evaluate lenet5 --weights {file} --data digits --json", capsys).out)
    # The images are prepared for the data that is named, as they were for the run.
    assert {**other, "network": str(finished)} == found


def test_predict(finished, tmp_path, capsys):
    test = data.BundledMNIST(train=False)
    image = Image.fromarray(test.data.numpy()[5])
    image.save(tmp_path / "digit.png")
    Image.fromarray(255 - test.data.numpy()[5]).convert("RGB").save(tmp_path / "paper.png")
    found = json.loads(run(f"predict {finished} {tmp_path}/digit.png --json", capsys).out)
    (top,) = found.values()
    model = mc.models.lenet5()
    model.load_state_dict(mc.load(finished / "weights.safetensors"))
    pixels = (test.data[5:6].unsqueeze(1).float() / 255 - 0.1307) / 0.3081
    p = mc.softmax(model(pixels), 1).detach().numpy()[0]
    order = np.argsort(-p)[:5]
    assert [t["class"] for t in top] == [test.classes[i] for i in order]
    np.testing.assert_allclose([t["probability"] for t in top], p[order], atol=2e-6)
    line = run(f"predict {finished} {tmp_path}/paper.png --invert --top 2", capsys).out
    shown = ", ".join(f"{test.classes[i]} {p[i]:.1%}" for i in order[:2])
    assert line == f"{tmp_path}/paper.png: {shown}\n"


def test_predict_with_weights_that_carry_their_preprocessing(tmp_path, capsys, monkeypatch):
    from minicnn.models.published import get_model_weights

    weights = get_model_weights("shufflenet_v2_x0_5").DEFAULT
    model = mc.models.shufflenet_v2_x0_5().eval()
    path = tmp_path / weights.url.rpartition("/")[2]
    mc.save(model.state_dict(), path)
    monkeypatch.setattr("minicnn.models.weights.weights_file", lambda url, progress: path)
    monkeypatch.setattr("minicnn.models.weights.read_state", lambda path: mc.load(path))
    pixels = np.random.default_rng(0).integers(256, size=(250, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    line = f"predict shufflenet_v2_x0_5 {tmp_path}/x.png --weights DEFAULT --top 1 --json"
    (top,) = json.loads(run(line, capsys).out).values()
    with mc.no_grad():
        scores = model(weights.transforms()(Image.fromarray(pixels)).unsqueeze(0))
    assert top[0]["class"] == weights.meta["categories"][scores.argmax().item()]
    assert top[0]["probability"] == pytest.approx(mc.softmax(scores, 1).max().item(), abs=1e-5)


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "line, status, text",
    [
        ("train", 1, "name a network, such as lenet5; minicnn models lists all"),
        ("train lenet", 1, "no network is called 'lenet', did you mean 'lenet5'?"),
        ("train lenet5 --epochs 0", 2, "--epochs: must be a whole number of at least 1, got '0'"),
        ("train lenet5 --lr nan", 2, "--lr: must be a number above 0, got 'nan'"),
        ("train lenet5 --validation 1", 2, "must be at least 0 and less than 1, got '1'"),
        ("train lenet5 --data digit", 1, "no data set and no folder called 'digit', did you mean"),
        ("train lenet5 --size 32", 1, "got 32 × 32; F.interpolate(x, size) changes the size; --si"),
        ("train lenet5 --patience 3 --validation 0", 1, "--patience looks at the validation loss"),
        ("train lenet5 --config nowhere.toml", 1, "--config: nowhere.toml cannot be read: No such"),
        ("train --resume nowhere", 1, "nowhere holds no run of minicnn train"),
        ("train lenet5 --resume x --lr 1", 1, "leave out --lr, 'lenet5'"),
        ("train lenet5 --data mnist --data-dir .", 1, "MNIST: found no train-images-idx3-ubyte"),
        ("evaluate nowhere", 1, "nowhere is no folder of a run, so its weights must be named"),
        ("evaluate lenet5 --weights no.pth", 1, "no file of weights at no.pth"),
        ("evaluate tests", 1, "the folder tests holds no run of minicnn train; weights"),
        ("predict lenet5", 2, "the following arguments are required: IMAGE"),
        ("predict lenet5 no.png", 1, "there is no file no.png"),
        ("predict lenet5 tests", 1, "tests is a folder; name its images: tests/*"),
        ("predict lenet5 README.md", 1, "README.md cannot be read as an image"),
        ("predict lenet5 no.png --top 0", 1, "--top must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_line(line, status, text, capsys, monkeypatch):
    monkeypatch.chdir(Path(mc.__file__).parents[1])
    assert text in complaint(line, capsys, status)
    assert not Path("runs/lenet5-digits-1").exists()


def test_mistakes_about_runs(finished, tmp_path, capsys):
    text = complaint(f"{FEW} --out {finished}", capsys)
    assert "already holds a run; choose another --out, or go on with it: minicnn train --re" in text
    assert "has its own" in complaint(f"evaluate {finished} --option a=1", capsys)
    assert "has no part 'val'" in complaint(f"evaluate {finished} --part val", capsys)
    assert "must be at least 1" in complaint(f"evaluate {finished} --batch-size 0", capsys)
    about = json.loads((finished / "run.json").read_text())
    run_file = tmp_path / "run.json"
    run_file.write_text(json.dumps({**about, "version": 9}))
    assert "of version 9, this minicnn reads version 1" in complaint(f"evaluate {tmp_path}", capsys)
    run_file.write_text(json.dumps(about)[:-30])
    assert "run.json is damaged" in complaint(f"evaluate {tmp_path}", capsys)
    run_file.write_text(json.dumps(about))
    assert "has no weights yet" in complaint(f"evaluate {tmp_path}", capsys)
    checkpoint = (finished / "checkpoint.safetensors").read_bytes()
    (tmp_path / "checkpoint.safetensors").write_bytes(checkpoint[:-100])
    err = run(f"train --resume {tmp_path}", capsys, 1).err
    assert "damaged" in err and err.count("\n") == 1


def test_a_loss_that_explodes(tmp_path, capsys):
    assert main(shlex.split(f"{FEW} --option activation=relu --lr 1e30 --out {tmp_path}/r")) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "the loss became" in err and "smaller learning rate" in err


@pytest.mark.parametrize("name", ["train", "evaluate", "predict"])
def test_the_examples_are_ones_that_the_parser_takes(name):
    from minicnn.cli.command import parse

    for arguments, _ in commands()[name].examples:
        assert parse(shlex.split(arguments)).command == name
