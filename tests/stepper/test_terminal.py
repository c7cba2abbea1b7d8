"""Cards, heat maps and the prompt."""

import io

import numpy as np
import pytest
from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.stepper import card, show, walk
from minicnn.stepper.heat import NEGATIVE, POSITIVE, colour, heat_map, letter


@pytest.fixture
def tr():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    with mc.trace(model, optimizer=mc.optim.SGD(model.parameters(), lr=0.1)) as tr:
        loss = F.cross_entropy(model(mc.randn(2, 1, 6, 6)), mc.tensor([0, 2]))
    list(tr.backward(loss, phases=("backward", "update")))
    return tr


def drawn(renderable, width=100, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(renderable)
    return console.file.getvalue()


def said(tr, *lines, width=80, **options):
    """What a walk prints when the user types these lines."""
    console = Console(file=io.StringIO(), width=width, **options)
    given = iter(lines)

    def read(prompt):
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    walk(tr, console, read)
    return console.file.getvalue()


def test_a_card_holds_equation_numbers_and_source(tr):
    step = tr.step_of("0")
    text = drawn(card(step, 110), 110)
    assert f"[{step.number}] backward · 0 · Conv2d" in text
    assert "eq. 1.12: ∂L/∂W^(l,p,d) = δ^(l,p) ⊗ X^(l−1,d)" in text
    assert "test_terminal.py" in text and "model(mc.randn(2, 1, 6, 6))" in text
    for value in (step.inputs[1], step.delta, step.results[0].contribution):
        assert f"{value.statistics.minimum:.3g} … {value.statistics.maximum:.3g}" in text
    assert "→ 0.weight" in text


def test_a_composition_is_shown(tr):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 3, 2), nn.Flatten())
    with mc.trace(model) as tr:
        loss = model(mc.randn(1, 1, 6, 6)).sum()
    list(tr.backward(loss))
    step = tr.step_of("1")
    line = "δ^(1,d) = tanh'(Z^(1,d)) ⊙ Σ_{p=1..3} ( rot180(W^(2,p,d)) ⊗~ δ^(2,p) ),  d = 1..2"
    assert step.composition.equation == "1.16" and step.composition.text == line
    assert line in drawn(card(step, 120), 120) and line in card(step, plain=True).plain


@pytest.mark.parametrize("width", [40, 59, 60, 80, 200])
def test_cards_keep_to_the_width_of_the_terminal(tr, width):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor"
    )
    show(tr, console=console, plain=False)
    plain = Console(file=io.StringIO(), width=width)
    for line in console.file.getvalue().splitlines():
        assert len(plain.render_str(line, markup=False).plain) >= 0
        cells = "".join(part.partition("m")[2] for part in ("\x1b[m" + line).split("\x1b["))
        assert len(cells) <= width


def test_without_colours_there_are_no_escapes(tr):
    text = said(tr, "n", "q")
    assert "\x1b" not in text and "[" in text


def test_a_locale_that_cannot_show_the_signs(tr):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    show(tr, [tr.step_of("0")], Console(file=file, width=80), plain=True)
    file.flush()
    assert b"Conv2d" in raw.getvalue() and b"?" in raw.getvalue()


def test_heat_maps_show_sign_and_size():
    assert colour(-1.0) == NEGATIVE and colour(1.0) == POSITIVE
    assert letter(0.12) == "2" and letter(-0.12) == "b"
    text = heat_map(np.array([[0.0, 2.0], [-2.0, 1.0]]), plain=True).plain
    assert text.splitlines()[:2] == [".9", "i5"]
    assert text.splitlines()[2] == "largest |value| 2; 1–9 above 0, a–i below"
    assert "a–i" not in heat_map(np.ones((2, 2))).plain  # where there are colours
    text = heat_map(np.array([[np.nan, 1.0], [np.inf, 0.0]]), plain=True).plain
    assert text.splitlines()[:2] == ["?9", "?."]
    assert "1 of 4 rows" in heat_map(np.ones((64, 4)), plain=True).plain
    assert heat_map(np.zeros((2, 2)), plain=True).plain.startswith("..\n..")


def test_walking(tr):
    first, last = tr.position, len(tr.steps) - 1
    tr.goto(5)
    text = said(tr, "n", "p", "", "g 3", "q")
    assert [f"[{n}]" in text for n in (5, 6, 4, 3)] == [True] * 4
    assert tr.position == 3 and first >= 0
    said(tr, f"g {last}", "n", "n")
    assert tr.position == last
    said(tr, "b 0", "g 0", "r")
    assert tr.current.layer == "0"


def test_questions_at_the_prompt(tr):
    number = tr.step_of("0").number
    text = said(tr, f"g {number}", "t dW 0,0,1,1", "w 0.weight 0,0,1,1", "f 0.bias 1", "l", "h")
    assert "∂L/∂W[0,0,1,1] = " in text and "δ[0,0," in text
    assert "∂L/∂0.weight[0,0,1,1] is" in text
    assert "difference quotient" in text
    assert "backward · 3 · Linear" in text and "go to step 12" in text


@pytest.mark.parametrize(("line", "answer"), [
    ("x", "no command 'x'"),
    ("g", "g takes 1 words after it, not 0, as in: g 12; h: help"),
    ("t dW", "t takes 2 words after it, not 1, as in: t dW 0,0,1,2; h: help"),
    ("n 3", "n takes 0 words after it, not 1; h: help"),
    ("g 99", "there is no step 99"),
    ("g a", "expected an integer, got 'a'"),
    ("b 7", "no layer is called '7'"),
    ("t dQ 0,0", "has no 'dQ'"),
    ("t dW here", "expected an integer, got 'here'"),
    ("w 0.weigth 0,0,0,0", "nothing is called '0.weigth', did you mean '0.weight'?"),
    ("f 1 0", "no parameter or input is called '1'"),
])  # fmt: skip
def test_mistakes_at_the_prompt_are_answered_and_walking_goes_on(tr, line, answer):
    text = " ".join(said(tr, f"g {tr.step_of('0').number}", line, "g 2", width=300).split())
    assert answer in text and tr.position == 2


def test_nan_is_shown_as_such():
    x = mc.tensor([-1.0, 4.0, 9.0], requires_grad=True)
    with mc.trace() as tr:
        loss = mc.sqrt(x).sum()
    list(tr.backward(loss))
    step = next(s for s in tr.steps if s.phase == "forward")
    assert "1 NaN" in drawn(card(step)) and "1 NaN" in card(step, plain=True).plain
    assert "?" in card(step, plain=True).plain


def test_notebooks_show_cards_and_lists(tr):
    step = tr.step_of("0")
    html = step._repr_html_()
    assert "eq. 1.12" in html and f"[{step.number}] backward · 0 · Conv2d" in html
    gradient = step.results[0].contribution.array
    assert f'title="{gradient[0, 0, 0, 0]:.6g}"' in html
    assert tr._repr_html_().count("<tr>") == len(tr.steps) + 1


def test_names_cannot_break_out_of_the_html():
    class Evil(nn.Module):
        def __init__(self):
            super().__init__()
            setattr(self, "</script><b>x", nn.Linear(2, 2))

        def forward(self, x):
            return getattr(self, "</script><b>x")(x)

    model = Evil()
    with mc.trace(model) as tr:
        loss = model(mc.randn(1, 2)).sum()
    list(tr.backward(loss))
    for html in (tr._repr_html_(), tr.step_of("</script><b>x")._repr_html_()):
        assert "</script>" not in html and "&lt;/script&gt;" in html
