"""The stepper in the whole terminal: what is on it, at several sizes, with and without colours."""

import asyncio
import builtins
import importlib.util
import sys

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.cli import main
from minicnn.stepper import explore, screen

if importlib.util.find_spec("textual") is not None:
    from minicnn.stepper.heat import colour, letter
    from minicnn.stepper.screen.app import Stepper
    from minicnn.stepper.screen.arrays import Grid, items_of, made_by
    from minicnn.stepper.screen.drawing import CURSOR, View, draw, number
    from minicnn.stepper.screen.keys import BINDINGS

needs_textual = pytest.mark.skipif(
    importlib.util.find_spec("textual") is None, reason='pip install "minicnn[tui]"'
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3)
        self.conv2 = nn.Conv2d(2, 3, 2, stride=2)
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        a = F.relu(self.conv1(x))
        return self.fc(F.relu(self.conv2(a)).flatten(1))


@pytest.fixture
def tr():
    model = Net()
    with mc.trace(model, optimizer=mc.optim.SGD(model.parameters(), lr=0.1), sample=1) as tr:
        loss = F.cross_entropy(model(mc.randn(2, 1, 7, 7)), mc.tensor([0, 2]))
    list(tr.backward(loss, phases=("backward", "update")))
    return tr


def lines(app):
    """The screen as lines of text, as a terminal would show them."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).ljust(width) for strip in strips[:height]]


LOOK = object()  # among keys: look here, too


def at(tr, *keys, size=(140, 45), look=lambda app: "\n".join(lines(app))):
    """What `look` sees after these keys, by default the text; a list where `LOOK` is among them."""

    async def run():
        app, found, waiting = Stepper(tr), [], []
        async with app.run_test(size=size) as pilot:
            for key in (*keys, LOOK):
                if key is not LOOK:
                    waiting.append(key)
                    continue
                await pilot.press(*waiting)
                await pilot.pause()
                waiting.clear()
                found.append(look(app))
        return found if LOOK in keys else found[0]

    return asyncio.run(run())


def place(app):
    return app.screen.index


def place_and_text(app):
    return app.screen.index, "\n".join(lines(app))


def seen(text):
    """Without the white space: lines may be broken anywhere."""
    return "".join(text.split())


def goto(tr, layer, phase="backward"):
    step = tr.step_of(layer, phase)
    tr.goto(step.number)
    return step


@needs_textual
def test_the_list_the_card_and_the_numbers(tr):
    step = goto(tr, "conv1")
    text = at(tr)
    assert f"step {step.number} of {len(tr.steps) - 1}  backward · conv1 · Conv2d" in text
    for other in tr.steps:
        if other.phase == "backward":
            name = f"{other.layer} · {other.operation}" if other.layer else f"({other.operation})"
            row = next(r for r in text.splitlines() if r.strip().startswith(f"{other.number} back"))
            assert name in row and f"{other.delta.abs_max:.1e}" in row
    assert "eq. 1.12: ∂L/∂W^(l,p,d) = δ^(l,p) ⊗ X^(l−1,d)" in text
    assert "test_screen.py:" in text and "a = F.relu(self.conv1(x))" in text
    for _, value in step.bindings():
        s = value.statistics
        assert f"{s.minimum:.3g} … {s.maximum:.3g}" in text
    assert "→ conv1.weight" in text and "Backward, to the kernel" in text
    gradient = step.result("dW").contribution.array
    for entry in gradient[np.unravel_index(np.abs(gradient).argmax(), gradient.shape)[0], 0].flat:
        assert number(entry) in text


@needs_textual
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (160, 50)])
def test_it_fits_every_size(tr, size):
    def look(app):
        screen = app.screen
        return screen.item, screen.index, screen.grid, "\n".join(lines(app))

    by = 1 if size == (60, 20) else 3
    steps = tr.steps[::by]
    keys = [key for _ in steps[1:] for key in (LOOK, *["n"] * by)]
    tr.goto(0)
    found = at(tr, *keys, size=size, look=look)
    for step, (item, index, grid, text) in zip(steps, found, strict=True):
        assert f"step {step.number} of" in text
        place = f"{item.symbol}[{','.join(map(str, index))}] = {grid.at(index):.6g}"
        assert place in text, (step.number, text)
        for binding in BINDINGS:
            if binding.show:
                assert binding.key_display in text and binding.description in text
        assert all(len(row) == size[0] for row in text.splitlines())


@needs_textual
def test_next_previous_first_and_last(tr):
    goto(tr, "fc")
    start = tr.position
    last = len(tr.steps) - 1
    found = at(tr, "n", "n", LOOK, "p", LOOK, "end", "n", LOOK, "home", "p")
    for text, number in zip(found, (start + 2, start + 1, last, 0), strict=True):
        assert f"step {number} of {last}" in text
    assert tr.position == 0


@needs_textual
def test_goto_by_number_and_by_words(tr):
    keys = ["g", "9", "9", LOOK, "enter", "escape", "g", "1", "2", "enter", "n", LOOK]
    empty, text, _ = at(tr, *keys, "g", "x", "7", "enter")  # only digits are taken
    assert "no step: 99" in empty and "step 13 of" in text and tr.position == 7
    text = at(tr, "slash", *"conv2 ba", LOOK, "enter")[0]
    assert tr.position == tr.step_of("conv2").number
    assert f"{tr.step_of('conv2').number}  backward · conv2 · Conv2d" in text
    at(tr, "slash", *"gr fc", "down", "enter")
    assert tr.current.results[0].destination == "fc.bias"


@needs_textual
def test_breakpoints(tr):
    goto(tr, "conv2")
    text = at(tr, "b")
    count = sum(s.layer == "conv2" for s in tr.steps)
    assert sum(s.at_breakpoint for s in tr.steps) == count >= 2
    assert f"Breakpoint at conv2; r runs to the next of {count} steps" in text
    assert "● breakpoint" in text and text.count("●") == count + 1
    tr.goto(0)
    there, cleared, end = at(tr, "r", LOOK, "B", LOOK, "r")
    assert f"step {tr.step_of('conv2', 'forward').number} of" in there
    assert "●" not in cleared and not any(s.at_breakpoint for s in tr.steps)
    assert "No breakpoint" in end and tr.position == len(tr.steps) - 1
    loss = next(s for s in tr.steps if s.phase == "loss")
    tr.goto(loss.number)
    assert "belongs to no layer" in at(tr, "b")


@needs_textual
def test_the_sum_of_the_cell_under_the_cursor(tr):
    step = goto(tr, "conv2")
    keys = ["left"] * 9 + ["up"] * 9 + [LOOK, "t", LOOK, "t"]
    (index, shown), (_, without), (_, again) = at(tr, *keys, look=place_and_text)
    found = step.terms("dX", index)
    for line in str(found).splitlines():
        assert line.strip() in shown
    focus = max(found.terms, key=lambda t: abs(t.product)).factors
    for k, factor in enumerate(focus):
        read = {t.factors[k].index for t in found.terms}
        cells = {i for i in read if i[:2] == factor.index[:2]}
        assert f"{factor.symbol} {len(cells)} cell" in shown
    assert "the sum of" not in without and again == shown


@needs_textual
def test_what_was_computed_elsewhere_is_shown_from_there(tr):
    step = goto(tr, "conv2")
    delta = next(k for k, item in enumerate(items_of(step)) if item.symbol == "δ")
    index = Grid(step.delta, tr.sample).largest()
    sender = next(s for s in tr.steps for r in s.results if r.to == step.number and s.results)
    text = at(tr, *["shift+tab"] * (5 - delta))
    assert f"computed in step {sender.number}" in text
    assert str(sender.terms("dx", index)).splitlines()[1].strip() in text
    assert "no step of this run computed it" in at(tr, "shift+tab", "shift+tab", "shift+tab")
    update = next(s for s in tr.steps if s.phase == "update")
    tr.goto(update.number)
    r, (index, shown) = (
        update.results[0],
        at(tr, look=place_and_text),
    )
    assert f"= {float(r.after.array[index]):.6g}" in shown and "eq. sgd: w ← w − η·g" in shown


@needs_textual
def test_why_zero_at_the_cursor():
    x = mc.tensor([[3.0, -2.0, 1.0]], requires_grad=True)
    with mc.trace() as tr:
        loss = F.relu(x).sum()
    list(tr.backward(loss))
    tr.goto(next(s.number for s in tr.steps if s.operation == "ReLU" and s.phase == "backward"))
    not_zero, zero, moved = at(tr, "w", LOOK, "right", "w", LOOK, "right")
    assert "is not zero: it is 1" in not_zero
    assert seen("∂L/∂a leaf[0,1] is 0: ReLU is off: its input is ≤ 0") in seen(zero)
    assert "ReLU is off" not in moved


@needs_textual
def test_the_cursor_maps_and_arrays(tr):
    step = goto(tr, "conv2", "forward")
    keys = [LOOK, *["left"] * 3, *["up"] * 3, LOOK, *["right"] * 3, "down", LOOK, "m", LOOK]
    start, first, last, more, less = at(tr, *keys, "M", "M", look=place)
    assert start == Grid(step.outputs[0], 1).largest() and start[0] == 1
    assert first == (*start[:2], 0, 0) and last == (*start[:2], 1, 1)
    assert more == (1, (start[1] + 1) % 3, 1, 1) and less == (1, (start[1] - 1) % 3, 1, 1)
    keys = [key for _ in range(4) for key in (LOOK, "tab")]
    assert at(tr, *keys, look=lambda app: app.screen.item.symbol) == ["Z", "X", "W", "b", "Z"]


@needs_textual
def test_a_long_row_is_broken_and_walked_through():
    with mc.trace() as tr:
        mc.arange(0.0, 23.0).reshape(1, 23) * 2.0
    tr.goto(next(s.number for s in tr.steps if s.operation == "Mul"))
    grid = Grid(tr.current.outputs[0], 0)
    assert (grid.rows, grid.columns, grid.wrapped) == (3, 10, True)
    for k in range(23):
        assert grid.place(grid.index(0, *divmod(k, 10))) == (0, *divmod(k, 10))
        assert grid.at(grid.index(0, *divmod(k, 10))) == 2.0 * k
    assert grid.index(0, 2, 3) is None and grid.cells(0).mask[2, 3:].all()
    keys = [LOOK, "right", LOOK, "left", "left", "left", LOOK, "up"]
    assert at(tr, *keys, look=place) == [(0, 22), (0, 22), (0, 19), (0, 9)]


@needs_textual
def test_half_blocks_have_the_colours_of_their_cells(rng):
    array = rng.standard_normal((40, 30))
    largest = float(np.abs(array).max())
    picture = draw(View(np.ma.array(array), largest, (7, 3)), 60, 25)
    assert picture.kind == "halves" and picture.part == ""
    text = picture.lines[1 + 3]
    spans = {span.start: span.style for span in text.spans}
    for column in range(30):
        style = spans[column]
        assert style.color.triplet == colour(array[6, column] / largest)
        below = CURSOR if column == 3 else colour(array[7, column] / largest)
        assert style.bgcolor.triplet == below
    assert text.plain == "▀" * 30 + "◂"
    assert picture.lines[0].plain.index("▾") == 3
    part = draw(View(np.ma.array(array), largest, (7, 3)), 60, 11)
    assert part.part.startswith("rows ") and len(part.lines) == 11


@needs_textual
def test_what_a_sum_does_not_read_is_dimmed():
    array = np.ma.array(np.ones((12, 40)))
    picture = draw(View(array, 1.0, None, frozenset({(0, 1)})), 60, 20)
    styles = [span.style.color.triplet for span in picture.lines[1].spans[:40]]
    assert styles[1] == colour(1.0) != styles[0] == styles[2]


@needs_textual
def test_without_colours_letters_stand_for_them(tr, monkeypatch):
    step = goto(tr, "conv1", "forward")
    monkeypatch.setenv("NO_COLOR", "1")
    index, text = at(tr, size=(60, 24), look=lambda a: (a.screen.index, "\n".join(lines(a))))
    assert "▀" not in text
    kept = step.outputs[0].array
    for row in kept[0, index[1]]:
        numbers = " ".join(f"{number(v):>8}" for v in row).strip()
        assert " ".join(letter(v / np.abs(kept).max()) for v in row) in text or numbers in text


@needs_textual
def test_numbers_that_are_not_finite_and_arrays_left_out():
    x = mc.tensor([-1.0, 4.0, 9.0], requires_grad=True)
    with mc.trace() as tr:
        loss = mc.sqrt(x).sum()
    list(tr.backward(loss))
    tr.goto(0)
    text = at(tr)
    assert " nan " in text and "1 NaN" in text
    model = Net()
    with mc.trace(model, watch="conv1") as tr:
        loss = F.cross_entropy(model(mc.randn(1, 1, 7, 7)), mc.tensor([0]))
    list(tr.backward(loss))
    items = items_of(goto(tr, "fc"))
    left_out = next(k for k, item in enumerate(items) if item.value.array is None)
    symbols = [item.symbol for item in items]
    start = symbols.index(at(tr, look=lambda app: app.screen.item.symbol))
    keys = ["tab"] * ((left_out - start) % len(items))
    text = at(tr, *keys, LOOK, "right", "m", "w", "t")[0]
    assert f"{symbols[left_out]}: its numbers are not here" in text
    index, entry = items[left_out].value.digest.top[0]
    assert f"{list(index)}  {number(entry)}" in text


@needs_textual
def test_fan_out_says_what_came_which_way():
    x = mc.tensor([1.0, -2.0], requires_grad=True)
    with mc.trace() as tr:
        y = x * 3.0
        loss = (y.tanh() + y).sum()
    list(tr.backward(loss))
    tr.goto(next(s.number for s in tr.steps if s.operation == "Mul" and s.phase == "backward"))
    symbols = [item.symbol for item in items_of(tr.current)]
    keys = ["shift+tab"] * (symbols.index("∂L/∂x₁") - symbols.index("δ"))
    text = at(tr, *keys)
    assert "2 paths meet here" in text and text.count("computed in step") == 2


@needs_textual
def test_each_output_has_its_own_delta():
    class Two(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0, x * 3.0

        @staticmethod
        def backward(ctx, a, b):
            return a * 2.0 + b * 3.0

    with mc.trace() as tr:
        a, b = Two.apply(mc.tensor([1.0, 2.0], requires_grad=True))
        loss = (a * 5.0 + b * 7.0).sum()
    list(tr.backward(loss))
    step = next(s for s in tr.steps if s.operation == "Two" and s.phase == "backward")
    for item, factor in zip([i for i in items_of(step) if i.part == "delta"], (5, 7), strict=True):
        [(sender, short)] = made_by(tr, step, item)
        assert sender.terms(short, (0,)).total == factor == item.value.array[0]


@needs_textual
def test_help_says_what_every_key_does(tr):
    text, closed = at(tr, "question_mark", LOOK, "escape", size=(140, 80))
    for line in ("says why the gradient at the cursor is zero", "another map of the array"):
        assert line in text
    assert "cross-correlation" in text
    assert "another map of the array" not in closed


@needs_textual
def test_a_terminal_that_is_too_small_says_so_until_it_grows(tr):
    async def run():
        app = Stepper(tr)
        async with app.run_test(size=(50, 15)) as pilot:
            await pilot.pause()
            small = "\n".join(lines(app))
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            return small, "\n".join(lines(app))

    small, large = asyncio.run(run())
    assert "This terminal is 50 × 15" in small and "60 columns and 20 lines" in " ".join(
        small.split()
    )
    assert "step 0 of" not in small and "goto" not in small
    assert "This terminal is" not in large and "goto" in large


@needs_textual
def test_names_are_never_markup():
    class Evil(nn.Module):
        def __init__(self):
            super().__init__()
            setattr(self, "[red]x[", nn.Linear(2, 2))

        def forward(self, x):
            return getattr(self, "[red]x[")(x)

    model = Evil()
    with mc.trace(model) as tr:
        loss = model(mc.randn(1, 2)).sum()
    list(tr.backward(loss))
    goto(tr, "[red]x[")
    for text in at(tr, LOOK, "slash"):
        assert "backward · [red]x[ · Linear" in text


# ---------------------------------------------------------------- where it cannot be opened


def test_without_textual_the_exact_command_is_given(tr, monkeypatch, capsys):
    found, load = importlib.util.find_spec, builtins.__import__
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "textual" else found(name)
    )

    def no_textual(name, *rest):
        if name.partition(".")[0] == "textual":
            raise ModuleNotFoundError("No module named 'textual'")
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_textual)
    with pytest.raises(mc.checks.ArgumentError, match=r'pip install "minicnn\[tui\]"'):
        explore(tr)
    assert main(["step", "lenet5", "--tui"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("minicnn step: --tui: ") and 'pip install "minicnn[tui]"' in error
    assert len(error.splitlines()) == 1


@needs_textual
def test_without_a_terminal_it_says_what_else_there_is(tr, capsys):
    assert main(["step", "lenet5", "--tui"]) == 1
    error = capsys.readouterr().err
    assert "needs a terminal" in error and "--plain" in error and len(error.splitlines()) == 1
    with pytest.raises(mc.checks.ArgumentError, match="needs a terminal"):
        explore(tr)


@needs_textual
def test_a_terminal_without_a_cursor(monkeypatch):
    class Terminal:
        isatty = staticmethod(lambda: True)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM=dumb cannot move its cursor" in screen.obstacle()
    monkeypatch.setenv("TERM", "xterm-256color")
    assert screen.obstacle() == ""


def test_one_way_of_showing_at_a_time(capsys):
    assert main(["step", "lenet5", "--tui", "--plain"]) == 2
    assert "not allowed with" in capsys.readouterr().err


@needs_textual
def test_a_locale_without_the_signs_gets_the_prompt(tr, monkeypatch, capsys):
    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr(screen, "obstacle", lambda: "")
    walked = []
    monkeypatch.setattr("minicnn.stepper.terminal.walk", walked.append)
    monkeypatch.setattr(sys, "stdout", Ascii())
    explore(tr)
    assert walked == [tr]
    error = capsys.readouterr().err
    assert "encoding, ascii, cannot show" in error and "LANG=C.UTF-8" in error


@needs_textual
def test_the_command_opens_it_at_the_layer(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(screen, "obstacle", lambda: "")
    monkeypatch.setattr(Stepper, "run", lambda app: opened.append(app.tr))
    assert main(["step", "lenet5", "--tui", "--layer", "conv2"]) == 0
    assert opened[0].current is opened[0].step_of("conv2")
    nothing = mc.trace()
    with pytest.raises(mc.checks.IndexRangeError, match="nothing is recorded"):
        explore(nothing)
