"""``minicnn step``: on the command line."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.cli import main


def ran(capsys, *arguments):
    status = main(["step", *arguments])
    out = capsys.readouterr()
    return status, out.out, out.err


def test_every_backward_step_of_lenet(capsys):
    status, out, _ = ran(capsys, "lenet5", "--plain", "--digit", "3")
    assert status == 0
    assert "backward · conv2 · Conv2d" in out and "eq. 1.9" in out
    assert "forward ·" not in out and "update ·" not in out
    assert "eq. 1.17, with step" in out
    # The loss is the command's own, and no line of anybody's program.
    loss = out[out.index("] backward · outside of the layers · CrossEntropy") :].splitlines()
    assert loss[1].startswith("  z = fc3 (output)"), loss[1]
    assert "lenet.py:" in out and __file__ not in out


def test_one_layer_all_phases_and_files(capsys, tmp_path):
    path = str(tmp_path / "run.trace")
    status, out, _ = ran(
        capsys, "lenet5", "--plain", "--layer", "conv1", "--phases", "all", "--save", path
    )
    assert status == 0
    assert "forward · conv1 · Conv2d" in out and "update · conv1.weight" in out
    assert "conv2 · Conv2d" not in out
    tr = mc.trace.load(path)
    assert tr.step_of("conv1").terms("dW", (0, 0, 0, 0)).terms


def test_an_array_as_the_image(capsys, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((1, 28, 28), np.float32))
    arguments = "lenet5", "--plain", "--layer", "fc3", "--label", "4"
    status, out, _ = ran(capsys, *arguments, "--image", str(tmp_path / "x.npy"))
    assert status == 0 and "fc3" in out
    np.save(tmp_path / "x.npy", np.ones((1, 20, 28), np.float32))
    status, _, err = ran(capsys, *arguments, "--image", str(tmp_path / "x.npy"))
    assert status == 1 and "expected images of 28 × 28, got 20 × 28" in err


@pytest.mark.parametrize(("arguments", "text"), [
    (("lenet6",), "did you mean 'lenet5'"),
    (("lenet5", "--layer", "conv3"), "no layer is called 'conv3', did you mean 'conv"),
    (("lenet5", "--watch", "conv3"), "no layer is called 'conv3'"),
    (("lenet5", "--digit", "100000"), "--digit 100000: there are digits 0 to"),
    (("lenet5", "--label", "10"), "--label 10: the classes are 0 to 9"),
    (("lenet5", "--image", "no.png"), "minicnn step: there is no file no.png"),
    (("lenet5", "--image", "nofolder/no.png"), "minicnn step: there is no folder nofolder"),
    (("lenet5", "--image", "."), "minicnn step: . is a folder; name a file"),
    (("lenet5", "--size", "20"), "expected images of 28 × 28, got 20 × 20"),
])  # fmt: skip
def test_mistakes_are_one_line(capsys, arguments, text):
    status, _, err = ran(capsys, *arguments, "--plain")
    assert status == 1 and text in err
    assert len(err.strip().splitlines()) == 1 and err.startswith("minicnn step: ")
    assert ("--size gives" in err) == ("--size" in arguments)
