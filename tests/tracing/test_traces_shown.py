"""Traces in the terminal: pictures, names with spaces, gradients of None."""

import io

import numpy as np
from rich.console import Console

import minicnn as mc
from minicnn import nn
from minicnn.stepper.heat import plane
from minicnn.stepper.terminal import walk


def steps_of(tr, operation, phase="backward"):
    return [s for s in tr.steps if s.phase == phase and s.operation == operation]


def run(function, *tensors, **options):
    """The trace of Σ δ ⊙ function(tensors) with a random δ."""
    with mc.trace(**options) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


def test_a_picture_names_the_sample_and_the_map():
    assert plane(np.zeros((1, 3, 4, 5)), 2)[1] == "sample 2, map 0"
    assert plane(np.zeros((2, 3, 4, 5)), None)[1] == "output map 0, input map 0"


def test_names_with_spaces_and_gradients_of_none_in_the_terminal():
    model = nn.Sequential(nn.Linear(3, 2))
    tr = run(model, mc.randn(2, 3), model=model)
    console = Console(file=io.StringIO(), width=100)
    lines = iter(["w 0 (output) 0,1", "w input", "t dx1 0,0", "w 0.weight"])

    def read(_):
        line = next(lines, None)
        if line is None:
            raise KeyboardInterrupt
        return line

    tr.goto(steps_of(tr, "Mul")[0].number)
    walk(tr, console=console, read=read)
    text = console.file.getvalue()
    assert "∂L/∂0 (output)[0,1] is not zero" in text
    assert "∂L/∂input is None: input has requires_grad=False" in text
    assert "∂L/∂x₁[0,0] = " in text
    assert "has 2 dimensions (2, 3), the index () has 0" in text
