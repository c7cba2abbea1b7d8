"""The full-screen stepper: the list of steps, the card of one, its arrays with a cursor."""

import os

from rich.text import Text
from textual.app import App
from textual.containers import Container, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from minicnn.stepper.screen import keys, writing
from minicnn.stepper.screen.arrays import Grid, first_item, gradient_name, items_of
from minicnn.stepper.screen.dialogs import FindStep, Help
from minicnn.stepper.screen.maps import Maps
from minicnn.stepper.sentences import sentence

NARROWEST, LOWEST = 60, 20
BESIDE, WIDE = 100, 130  # columns from which on the list is at the left, and has whole words
TALL = 34  # lines from which on the table of arrays and the whole card are shown


PICTURES = [
    (
        "sums",
        "arrays that the sum reads stand beside the chosen one; what it does not read is dimmed",
    ),
    (
        "list",
        "the number at the right is the largest |δ| at the operation's output: by how much L rises "
        "if that output rises by 1; of a gradient its largest entry, of an update the change's",
    ),
]


class Stepper(App):
    """Walks through a trace; `minicnn.stepper.explore` opens it in a terminal."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "screen.tcss"

    def __init__(self, tr):
        super().__init__()
        self.tr = tr
        self.title = "minicnn"

    def get_default_screen(self):
        return Walk(self.tr)


class Walk(Screen):
    """The one screen; its state is the trace's position, and per array the cursor."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (BESIDE, "-normal"), (WIDE, "-wide")]  # noqa: RUF012
    BINDINGS = keys.BINDINGS

    def __init__(self, tr):
        super().__init__()
        self.tr = tr
        self.colours = not os.environ.get("NO_COLOR")
        self.chosen = {}  # number of a step → number of the item that is looked at
        self.cursors = {}  # number of a value → index
        self.summing = True
        self.answer = None  # what `w` has found, until something else is looked at
        self._grids = {}

    def compose(self):
        yield Static(id="title")
        with Container(id="body"):
            # What is in names and sources is never markup.
            steps = OptionList(id="steps", markup=False)
            steps.can_focus = False
            yield steps
            with Container(id="step"):
                with VerticalScroll(id="card", can_focus=False):
                    yield Static(id="text", markup=False)
                    yield Static(id="source", markup=False)
                    yield Static(id="arrays", markup=False)
                yield Maps(self.colours, id="maps")
                with VerticalScroll(id="answer", can_focus=False):
                    yield Static(id="said", markup=False)
        yield Static(id="message", markup=False)  # shown while there is one
        yield Static(id="keys", markup=False)
        yield Static(id="small", markup=False)

    # ------------------------------------------------------------------ showing

    def on_resize(self, event):
        width, height = event.size
        small = width < NARROWEST or height < LOWEST
        self.set_class(small, "-small")
        self.set_class(height >= TALL, "-tall")
        self.set_class(height < TALL, "-short")
        self.query_one("#small", Static).update(
            f"This terminal is {width} × {height}. The full-screen stepper needs at least "
            f"{NARROWEST} columns and {LOWEST} lines: make the window larger or the letters "
            "smaller. q leaves; without --tui the steps come one below the other."
        )
        if small:
            return
        self.query_one("#keys", Static).update(keys.footer(width - 2))
        self._list()
        self.show_step()

    def _list(self):
        """Write the list of steps anew: its width or a breakpoint has changed."""
        steps = self.query_one("#steps", OptionList)
        scale = writing.magnitudes(self.tr.steps)
        width = max(self._list_width() - 2, 26)
        steps.clear_options()
        steps.add_options([Option(writing.entry(s, width, scale)) for s in self.tr.steps])

    def _list_width(self):
        width = self.size.width
        return width if width < BESIDE else 30 if width < WIDE else 46

    def show_step(self):
        """Everything about the current step."""
        tr, step = self.tr, self.tr.current
        tall = self.size.height >= TALL
        self.query_one("#title", Static).update(writing.title(tr, step))
        steps = self.query_one("#steps", OptionList)
        steps.highlighted = step.number
        steps.scroll_to(y=step.number - steps.size.height // 2, animate=False)
        items = items_of(step)
        item, k = self.item, self.chosen.get(step.number, first_item(step, items))
        short = step.results[item.place].short if item and item.part == "result" else None
        explanation = sentence(step, short) if tall else ""
        card = writing.card(step, item, explanation)
        self.query_one("#text", Static).update(card)
        self.query_one("#text").display = bool(card)
        source = writing.source(step, "\n" if tall else "   ")
        self.query_one("#source", Static).update(source)
        self.query_one("#source").display = bool(source)
        width = self.size.width - (0 if self.size.width < BESIDE else self._list_width())
        arrays = writing.table(step, items, k, width) if tall else writing.tabs(step, items, k)
        self.query_one("#arrays", Static).update(arrays)
        self.show_cell()

    def show_cell(self):
        """The map, the cursor, and what is said about the cell."""
        step, item, grid = self.tr.current, self.item, self.grid
        index = self.index
        said, terms = Text(), ()
        if grid is not None and self.summing:
            said, terms = writing.sums(self.tr, step, item, index)
        elif grid is not None:
            said = Text("t: this number written out as its sum; w: why is it zero?", "dim")
        if self.answer is not None:
            said = self.answer
        self.query_one("#maps", Maps).show(step, item, grid, index, terms, self.tr.sample)
        self.query_one("#said", Static).update(said)
        self.query_one("#answer").scroll_home(animate=False)

    def say(self, text):
        message = self.query_one("#message", Static)
        message.update(text)
        message.display = bool(text)

    # ------------------------------------------------------------------ what is looked at

    @property
    def item(self):
        """The `Item` that is looked at, or None."""
        step = self.tr.current
        items = items_of(step)
        return items[self.chosen.get(step.number, first_item(step, items))] if items else None

    @property
    def grid(self):
        """Its `Grid`; None where it was left out, or has no entries."""
        item = self.item
        if item is None or item.value.array is None or item.value.array.size == 0:
            return None
        if item.value.number not in self._grids:
            self._grids[item.value.number] = Grid(item.value, self.tr.sample)
        return self._grids[item.value.number]

    @property
    def index(self):
        """The index under the cursor: at first that of the largest entry."""
        grid = self.grid
        if grid is None:
            return None
        number = grid.value.number
        if number not in self.cursors:
            self.cursors[number] = grid.largest()
        return self.cursors[number]

    def _changed(self, step=False):
        self.answer = None
        self.say("")
        self.show_step() if step else self.show_cell()

    # ------------------------------------------------------------------ keys

    def action_go(self, by):
        self.tr.next() if by > 0 else self.tr.back()
        self._changed(step=True)

    def action_ends(self, number):
        self.tr.goto(number % len(self.tr.steps))
        self._changed(step=True)

    def on_option_list_option_selected(self, event):
        self.tr.goto(event.option_index)
        self._changed(step=True)

    def action_find(self, numbered):
        def go(number):
            if number is not None:
                self.tr.goto(number)
                self._changed(step=True)

        self.app.push_screen(FindStep(self.tr, numbered), go)

    def action_help(self):
        said = [(pressed, keys.MEANINGS[name]) for name, pressed in keys.shown().items()]
        self.app.push_screen(Help(said, [("cells", writing.legend(self.colours).plain), *PICTURES]))

    def action_stop_here(self):
        layer = self.tr.current.layer
        if not layer:
            self.say("This step belongs to no layer: choose one of a layer, then b.")
            return
        self.tr.break_on(layer)
        count = sum(s.at_breakpoint for s in self.tr.steps)
        self._list()
        self._changed(step=True)
        self.say(f"Breakpoint at {layer}; r runs to the next of {count} steps, B takes all away.")

    def action_clear(self):
        self.tr.clear_breakpoints()
        self._list()
        self._changed(step=True)
        self.say("No breakpoints.")

    def action_run(self):
        at = self.tr.position
        self.tr.run()
        self._changed(step=True)
        if not self.tr.current.at_breakpoint:
            self.say(f"No breakpoint after step {at}: this is the last step. b sets one.")

    def action_sum(self):
        self.summing = not self.summing or self.answer is not None
        self._changed()

    def action_why(self):
        item, grid = self.item, self.grid
        name = None if item is None else gradient_name(self.tr.current, item)
        if grid is None or name is None:
            self.say("There is no gradient to ask about here; choose another array with Tab.")
            return
        try:
            self.answer = Text(str(self.tr.why_zero(name, self.index)))
        except (ValueError, IndexError, RuntimeError) as error:
            self.answer = Text(f"{error}")
        self.say("")
        self.show_cell()

    def action_move(self, down, across):
        grid = self.grid
        if grid is None:
            return
        lead, row, column = grid.place(self.index)
        row, column = row + down, column + across
        if grid.wrapped and across:  # a broken row goes on in the next line
            row, column = row + column // grid.columns, column % grid.columns
        self._put(grid.index(lead, row, column))

    def action_map(self, by):
        grid = self.grid
        if grid is None or grid.maps < 2:
            self.say("This array is one map.")
            return
        lead, row, column = grid.place(self.index)
        self._put(grid.index((lead + by) % grid.maps, row, column))

    def _put(self, index):
        if index is not None:  # None: the cursor is at the edge
            self.cursors[self.grid.value.number] = index
            self._changed()

    def action_array(self, by):
        step = self.tr.current
        items = items_of(step)
        if items:
            at = self.chosen.get(step.number, first_item(step, items))
            self.chosen[step.number] = (at + by) % len(items)
            self._changed(step=True)

    def action_scroll_text(self, by):
        for name in ("#card", "#answer"):
            self.query_one(name).scroll_relative(y=4 * by, animate=False)
