"""The figures of the derivation and the stepper's page, made anew at every build.

Every number in them is computed by minicnn. They lie in docs/generated, which is not kept.
"""

import sys
from pathlib import Path

import numpy as np
from make_course_figures import MARK, Sheet
from matplotlib.figure import Figure
from PIL import Image

import minicnn as mc
from minicnn import textbook

from .places import ROOT

TARGET = Path(__file__).resolve().parents[1] / "generated"


def _window(top, left, height, width):
    return [(top + i, left + j) for i, j in np.ndindex(height, width)]


def _border(rows, columns, wide):
    """The cells of a frame `wide` cells thick."""
    inside = (range(wide, rows - wide), range(wide, columns - wide))
    return [p for p in np.ndindex(rows, columns) if p[0] not in inside[0] or p[1] not in inside[1]]


def decay():
    sheet = Sheet(470, 190, "A signal that fades: every value adds a full, a half, a quarter share")
    x = np.array([8.0, 0, 4, 0, 0, 0])
    rows = [
        ("x", x),
        ("share of 8", textbook.decay_signal([8, 0, 0, 0, 0, 0])),
        ("share of 4", textbook.decay_signal([0, 0, 4, 0, 0, 0])),
        ("y", textbook.decay_signal(x)),
    ]
    for i, (name, values) in enumerate(rows):
        sheet.text(120, 42 + i * 42, name, 14, "end")
        marked = [(0, j) for j in np.flatnonzero(values)] if i in (1, 2) else ()
        sheet.grid(140, 20 + i * 42, values[None], marked=marked)
    sheet.text(365, 42, "t = 1 … 6", 13, "start")
    return sheet


def weight_meets():
    """The running example's ∂f/∂W: the window of X that each weight has seen."""
    sheet = Sheet(640, 200, "The derivative for a weight: ∂f/∂Y lies on what that weight has seen")
    x, dy = np.arange(9.0).reshape(3, 3), np.array([[1.0, 0], [2, -1]])
    for k, (u, v) in enumerate(np.ndindex(2, 2)):
        left = 20 + k * 125
        sheet.grid(left, 45, x, f"seen by w{'₁₂'[u]}{'₁₂'[v]}", marked=_window(u, v, 2, 2))
        total = textbook.kernel_derivative(dy, x)[u, v]
        sheet.text(left + 51, 175, f"Σ = {total:g}".replace("-", "−"), 14, color=MARK)
    sheet.grid(535, 62, dy, "∂f/∂Y")
    return sheet


def input_derivative():
    sheet = Sheet(580, 205, "∂f/∂X: ∂f/∂Y with zeros around it meets the kernel turned by 180°")
    w, dy = np.array([[0.0, 1], [2, 3]]), np.array([[1.0, 0], [2, -1]])
    sheet.grid(20, 68, textbook.rot180(w), "rot180(W)", marked=_window(0, 0, 2, 2))
    sheet.text(120, 107, "⊗", 18)
    sheet.grid(150, 50, np.pad(dy, 1), "∂f/∂Y with zeros around", dashed=_border(4, 4, 1),
               marked=_window(1, 0, 2, 2))  # fmt: skip
    sheet.text(325, 122, "=", 18)
    dx = textbook.input_derivative_rotated_kernel(dy, w)
    sheet.grid(360, 67, dx, "∂f/∂X", marked=[(1, 0)])
    return sheet


def wide_swap():
    sheet = Sheet(560, 150, "W ⊗~ X and X ⊗~ W hold the same numbers, turned by 180°")
    w, x = np.array([[1.0, 2]]), np.array([[1.0, 0, 0], [0, 0, 5]])
    sheet.grid(20, 70, w, "W")
    sheet.grid(120, 53, x, "X")
    left = textbook.cross_correlate(w, x, "wide")
    right = textbook.cross_correlate(x, w, "wide")
    sheet.grid(255, 53, left, "W ⊗~ X", marked=[(0, 1)])
    sheet.grid(405, 53, right, "X ⊗~ W", marked=[tuple(np.subtract(left.shape, 1) - (0, 1))])
    return sheet


def spread():
    sheet = Sheet(600, 260, "Stride 2, input 6: zeros between the errors, r = 1 row behind")
    delta = np.array([[1.0, 2], [3, 4]])
    between = textbook.insert_zeros(delta, (2, 2))
    r = textbook.leftover(6, 3, 2)
    appended = textbook.append_zeros(between, (r, r))
    kept = [(2 * i, 2 * j) for i, j in np.ndindex(2, 2)]
    sheet.grid(20, 110, delta, "δ", marked=_window(0, 0, 2, 2))
    sheet.line([(95, 144), (118, 144)], arrow=True)
    sheet.grid(125, 93, between, "↑ stride", marked=kept)
    sheet.line([(234, 144), (258, 144)], arrow=True)
    behind = [p for p in np.ndindex(4, 4) if max(p) == 3]
    sheet.grid(265, 76, appended, "append r", marked=kept, soft=behind)
    sheet.line([(408, 144), (432, 144)], arrow=True)
    dx = textbook.conv2d_input_gradient(delta[None, None], np.ones((1, 1, 3, 3)), (6, 6), (2, 2))[
        0, 0
    ]
    last = [p for p in np.ndindex(6, 6) if max(p) == 5]
    sheet.grid(440, 70, dx, "∂L/∂X", soft=last, cell=25)
    sheet.text(300, 245, "W: nine ones. Blue: what r adds; without it ∂L/∂X would be 5 × 5.", 13)
    return sheet


def activations():
    """Each activation beside its slope, both as the library computes them."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    x = mc.linspace(-6, 6, 601)
    names = ("sigmoid", "tanh", "relu", "silu", "hardswish", "gelu")
    for axes, name in zip(figure.subplots(2, 3).flat, names, strict=True):
        at = x.clone().requires_grad_()
        y = getattr(mc.nn.functional, name)(at)
        y.backward(mc.ones_like(y))
        axes.plot(x.numpy(), y.detach().numpy(), label="f")
        axes.plot(x.numpy(), at.grad.numpy(), "--", label="f'")
        axes.set_title(name)
        axes.set_ylim(-1.2, 3)
        axes.axhline(0, color="#999", linewidth=0.5)
        axes.legend(loc="upper left", fontsize=8)
    return figure


SHEETS = (decay, weight_meets, input_derivative, wide_swap, spread)
FIGURES = (activations,)


def stepper_page(target):
    """The page of a run of LeNet-5 that has learned from 2,000 digits; the reader steps through."""
    sys.path.insert(0, str(ROOT / "examples"))
    import step_lenet

    step_lenet.main(["--out", str(target)])


def small_picture(target):
    """The part of the README's picture that fits a screen: the step, its equation, its arrays."""
    with Image.open(ROOT / "docs" / "pictures" / "stepper.png") as picture:
        picture.crop((390, 310, 1440, 1235)).save(target, optimize=True)


def make(app=None):
    """Write all of them; the stepper's page, which takes some seconds, only if it is not there."""
    (TARGET / "pages").mkdir(parents=True, exist_ok=True)
    for draw in SHEETS:
        (TARGET / f"{draw.__name__}.svg").write_text(draw().svg(), encoding="utf-8")
    for draw in FIGURES:
        draw().savefig(TARGET / f"{draw.__name__}.svg", metadata={"Date": None})
    small_picture(TARGET / "stepper_small.png")
    page = TARGET / "pages" / "stepper.html"
    if not page.exists():
        stepper_page(page)


def setup(app):
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
