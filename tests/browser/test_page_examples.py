"""The pages that the examples write, opened."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name, options, size",
    [
        ("step_lenet", ["--images", "64", "--digit", "3"], 2.0),
        ("step_lenet", ["--images", "0", "--batch", "3", "--activation", "tanh"], 2.0),
        ("step_residual", [], 1.0),
    ],
)
def test_example(browser, tmp_path, capsys, name, options, size):
    page = tmp_path / "page.html"
    assert load(name).main(["--out", str(page), "--language", "en", *options]) == 0
    assert f"open {page} in a browser" in capsys.readouterr().out
    assert page.stat().st_size <= size * 2**20
    browser.open(page)
    last = browser.run("return stepper.steps.length") - 1
    browser.run("for (const step of stepper.steps) stepper.go(step.number)")
    assert browser.at() == last > 40
    assert browser.complaints() == []
    assert browser.run("return [...stepper.missingTexts]") == []
    assert browser.run("return stepper.values.every((v) => v.present)")
    compositions = browser.run("return stepper.steps.filter((s) => s.composition).length")
    assert compositions >= 2


def test_a_page_that_cannot_be_written(tmp_path, capsys):
    out = tmp_path / "no such folder" / "page.html"
    assert load("step_residual").main(["--out", str(out)]) == 1
    assert "error: " in capsys.readouterr().err
