"""The pictures of what a network has learnt, of an untrained one, so that it takes seconds."""

import importlib.util
from pathlib import Path

import pytest

import minicnn as mc

pytest.importorskip("matplotlib")

PATH = Path(__file__).resolve().parents[2] / "examples" / "look_inside.py"
SPEC = importlib.util.spec_from_file_location("look_inside", PATH)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)

NAMES = {"kernels", "maps_conv1", "maps_conv2", "grad_cam", "similar", "features"}


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    class Few(mc.data.BundledMNIST):
        def __init__(self, train=True, transform=None):
            super().__init__(train, transform)
            self.data, self.targets = self.data[:96], self.targets[:96]

    monkeypatch.setattr(example.data, "BundledMNIST", Few)


def test_pictures_of_a_network_from_a_file(tmp_path, capsys):
    from PIL import Image

    mc.manual_seed(0)
    model = mc.models.lenet5(activation="tanh")
    mc.save(model.state_dict(), tmp_path / "lenet.safetensors")
    options = ["--weights", str(tmp_path / "lenet.safetensors"), "--activation", "tanh"]
    out = tmp_path / "new" / "folder"
    assert example.main([*options, "--out", str(out), "--prefix", "a_"]) == 0
    assert {path.name for path in out.iterdir()} == {f"a_{name}.png" for name in NAMES}
    for path in out.iterdir():
        with Image.open(path) as picture:
            assert min(picture.size) > 250
            assert len(picture.convert("L").getcolors()) > 20  # something is on it
    output = capsys.readouterr().out
    test = mc.data.BundledMNIST(False, example.TO_INPUT)
    found = mc.training.evaluate(model, mc.data.DataLoader(test, 100))
    assert f"test accuracy {found.accuracy:.4f}" in output and "of the query's class" in output


def test_it_trains_without_a_file(tmp_path, capsys):
    assert example.main(["--epochs", "1", "--out", str(tmp_path)]) == 0
    assert "epoch 1/1" in capsys.readouterr().out
    assert len(list(tmp_path.glob("*.png"))) == len(NAMES)


def test_mistakes_of_the_user(tmp_path, capsys):
    assert example.main(["--weights", str(tmp_path / "none")]) == 1
    assert "error: lenet5: there is no file of weights" in capsys.readouterr().err
    for options in (["--epochs", "0"], ["--seed", "-1"], ["--activation", "cos"]):
        with pytest.raises(SystemExit):
            example.main(options)
