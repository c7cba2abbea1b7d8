"""The example, as a user runs it: on few digits, so that it takes seconds."""

import importlib.util
import json
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

PATH = Path(__file__).resolve().parents[2] / "examples" / "lenet_mnist.py"
SPEC = importlib.util.spec_from_file_location("lenet_mnist", PATH)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype("uint8").tobytes())


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A folder like MNIST's, with 300 + 100 of the bundled digits."""
    folder = tmp_path_factory.mktemp("mnist")
    for train, name, n in ((True, "train", 300), (False, "t10k", 100)):
        part = mc.data.BundledMNIST(train)
        write_idx(folder / f"{name}-images-idx3-ubyte", part.data.numpy()[:n])
        write_idx(folder / f"{name}-labels-idx1-ubyte", part.targets.numpy()[:n])
    return folder


def run(digits, out, *options):
    arguments = ["--data-dir", str(digits), "--out", str(out), "--epochs", "2", "--plain"]
    return example.main([*arguments, *options])


def weights(folder):
    return {k: v.numpy() for k, v in mc.load(folder / "lenet5.safetensors").items()}


def assert_same_weights(a, b):
    first, second = weights(a), weights(b)
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    """A finished run of two epochs, which others are compared with."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run(digits, folder) == 0
    return folder


def test_a_run_leaves_weights_metrics_and_pictures(digits, tmp_path, capsys):
    from PIL import Image

    assert run(digits, tmp_path / "run") == 0
    output = capsys.readouterr().out.splitlines()
    last = output[-1].split(": ")
    assert last[0] == "test accuracy"
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    metrics = [json.loads(line) for line in lines]
    assert [m.get("epoch") for m in metrics] == [1, 2, None]
    assert last[1] == f"{metrics[2]['test_accuracy']:.4f}"
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy"} <= set(metrics[0])
    assert output[1].startswith(f"epoch 1/2  loss {metrics[0]['train_loss']:.4f}")
    for name in ("curves", "kernels", "confusion", "mistakes"):
        with Image.open(tmp_path / "run" / f"{name}.png") as picture:
            assert min(picture.size) > 100
    model = mc.models.lenet5()
    model.load_state_dict(mc.load(tmp_path / "run" / "lenet5.safetensors"))


def test_the_reported_accuracy_is_that_of_the_saved_weights(digits, finished):
    test = mc.data.MNIST(digits, train=False)
    model = mc.models.lenet5()
    model.load_state_dict(mc.load(finished / "lenet5.safetensors"))
    images = (test.data.float() / 255 - 0.1307) / 0.3081
    accuracy = (model(images.unsqueeze(1)).argmax(1) == test.targets).float().mean().item()
    reported = json.loads((finished / "metrics.jsonl").read_text().splitlines()[-1])
    assert reported["test_accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_same_seed_same_weights_other_seed_other_weights(digits, finished, tmp_path):
    run(digits, tmp_path / "again")
    assert_same_weights(finished, tmp_path / "again")
    run(digits, tmp_path / "other", "--seed", "1")
    with pytest.raises(AssertionError):
        assert_same_weights(finished, tmp_path / "other")


@pytest.mark.parametrize("step", [2, 5, 9, 10])
def test_an_interrupted_run_resumes_to_the_same_weights(
    digits, finished, tmp_path, monkeypatch, capsys, step
):
    # 270 training images, 5 steps an epoch: inside each epoch, and at the end of each.
    metrics, seen = mc.training.TrainingMetrics, []
    count = metrics.on_batch_end

    def count_and_interrupt(self, run):
        count(self, run)
        seen.append(1)
        if len(seen) == step:
            signal.raise_signal(signal.SIGINT)

    folder = tmp_path / "stopped"
    monkeypatch.setattr(metrics, "on_batch_end", count_and_interrupt)
    assert run(digits, folder) == 130
    monkeypatch.undo()
    assert f"--resume {folder}" in capsys.readouterr().err
    assert not (folder / "lenet5.safetensors").exists()
    assert example.main(["--resume", str(folder), "--plain"]) == 0
    assert_same_weights(finished, folder)
    kept = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    whole = [json.loads(x) for x in (finished / "metrics.jsonl").read_text().splitlines()]
    for mine, theirs in zip(kept, whole, strict=True):
        mine.pop("images_per_second", None), theirs.pop("images_per_second", None)
        assert mine == theirs


def test_ctrl_c_in_a_process_of_its_own(digits, tmp_path):
    command = [sys.executable, str(PATH), "--data-dir", str(digits), "--out", str(tmp_path / "r")]
    process = subprocess.Popen(
        [*command, "--epochs", "100000", "--plain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not process.stdout.readline().startswith(b"epoch"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert (tmp_path / "r" / "checkpoint.safetensors").exists()


def test_a_finished_run_resumes_to_its_own_end(digits, finished, tmp_path, capsys):
    before = weights(finished)
    assert example.main(["--resume", str(finished), "--plain"]) == 0
    assert "test accuracy" in capsys.readouterr().out
    for name, value in weights(finished).items():
        np.testing.assert_array_equal(value, before[name])


def test_the_progress_bar_shows_loss_accuracy_and_rate(digits, tmp_path):
    import io

    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    arguments = example.parse_arguments(
        ["--data-dir", str(digits), "--out", str(tmp_path / "r"), "--epochs", "1"]
    )
    assert example.run_all(arguments, console) == 0
    shown = console.file.getvalue()
    for text in ("epoch 1/1", "loss ", "accuracy ", "images/s"):
        assert text in shown


def test_the_fashion_recipe_is_the_textbooks(tmp_path, digits):
    options = example.options_of(example.parse_arguments(["--dataset", "fashion-mnist"]))
    model = example.make_model(options)
    assert isinstance(model.act1, mc.nn.Sigmoid)
    assert isinstance(model.pool1, mc.nn.AvgPool2d)
    bound = (6 / (400 + 120)) ** 0.5
    assert bound * 0.99 < np.abs(model.fc1.weight.detach().numpy()).max() <= bound
    assert (options["lr"], options["batch_size"], options["epochs"]) == (0.9, 256, 10)


# ------------------------------------------------------------------ a user's mistakes


def refused(capsys, *arguments):
    """The exit code and the one line of complaint."""
    try:
        code = example.main([*arguments])
    except SystemExit as stop:  # argparse
        code = stop.code
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return code, text.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--epochs", "0"], "--epochs: must be a whole number of at least 1, got '0'"),
        (["--batch-size", "-3"], "--batch-size: must be a whole number"),
        (["--lr", "nan"], "--lr: must be a number of at least 0, got nan"),
        (["--seed", "-1"], "--seed: must be at least 0"),
        (["--dataset", "mnits"], "invalid choice: 'mnits'"),
        (["--resume", "x", "--lr", "1"], "leave out --lr"),
    ],
)
def test_impossible_options(options, text, capsys):
    code, line = refused(capsys, *options)
    assert code == 2
    assert text in line


def test_a_data_dir_without_files(tmp_path, capsys):
    code, line = refused(capsys, "--data-dir", str(tmp_path))
    assert code == 1
    assert line.startswith("error: MNIST: ")
    assert "train-images-idx3-ubyte" in line
    assert str(tmp_path) in line


def test_truncated_and_swapped_files(digits, tmp_path, capsys):
    for source in digits.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    images = tmp_path / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-10])
    code, line = refused(capsys, "--data-dir", str(tmp_path))
    assert code == 1
    assert "train-images-idx3-ubyte" in line
    assert f"{len(whole) - 10:,}" in line
    labels = tmp_path / "train-labels-idx1-ubyte"
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(whole)
    code, line = refused(capsys, "--data-dir", str(tmp_path))
    assert code == 1
    assert line.startswith("error: MNIST: ")


def test_a_loss_that_explodes_stops_with_step_and_layer(digits, tmp_path, capsys):
    options = ["--activation", "relu", "--lr", "1e30", "--epochs", "3", "--plain"]
    code, line = refused(capsys, "--data-dir", str(digits), "--out", str(tmp_path / "r"), *options)
    assert code == 1
    assert "the loss became" in line
    assert "at step 2" in line
    assert "in the output of layer 'conv2' (Conv2d)" in line
    assert "smaller learning rate" in line


def test_a_checkpoint_of_another_network(finished, capsys, monkeypatch):
    build = example.make_model
    monkeypatch.setattr(
        example, "make_model", lambda o: mc.nn.Sequential(build(o), mc.nn.Linear(10, 10))
    )
    assert example.main(["--resume", str(finished)]) == 1
    text = capsys.readouterr().err
    assert text.startswith("error: load_checkpoint: ")
    assert "is a checkpoint of another network (LeNet5) than this Sequential" in text
    assert "missing in the checkpoint:\n    0.conv1.weight" in text


def test_resuming_what_is_no_run(digits, tmp_path, capsys):
    code, line = refused(capsys, "--resume", str(tmp_path / "nowhere"))
    assert (code, "nowhere" in line) == (1, True)
    mc.save({"w": mc.zeros(1)}, tmp_path / "weights.safetensors")
    code, line = refused(capsys, "--resume", str(tmp_path / "weights.safetensors"))
    assert (code, "was not written by this program" in line) == (1, True)


def test_a_folder_that_holds_a_run_is_not_overwritten(digits, finished, capsys):
    before = (finished / "checkpoint.safetensors").read_bytes()
    code, line = refused(capsys, "--data-dir", str(digits), "--out", str(finished))
    assert code == 1
    assert (
        f"already holds a run; choose another folder, or go on with it by --resume {finished}"
        in line
    )
    assert (finished / "checkpoint.safetensors").read_bytes() == before


def test_a_device_that_is_not_there(digits, tmp_path, capsys):
    code, line = refused(
        capsys, "--data-dir", str(digits), "--out", str(tmp_path / "r"), "--device", "cuda"
    )
    assert code == 1
    assert "'cuda' is not available" in line


def test_ctrl_c_outside_of_training(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(example, "run_all", interrupted)
    assert example.main([]) == 130
    assert capsys.readouterr().err.startswith("interrupted; ")
