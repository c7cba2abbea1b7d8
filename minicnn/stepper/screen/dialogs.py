"""What lies over the screen for a moment: a search among the steps, and the help."""

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from minicnn.stepper.sentences import signs
from minicnn.tracing.text import heading


def found(steps, text):
    """The steps in which all words of `text` stand: layer, operation, phase, tensor, source line.

    A word that is a number is that of a step.
    """
    words = text.lower().split()
    return [s for s in steps if all(_has(s, word) for word in words)]


def _has(step, word):
    if word.isdigit() and int(word) == step.number:
        return True
    parts = [heading(step), step.layer_type, *(r.destination for r in step.results)]
    if step.source is not None:
        parts.append(step.source.text)
    return any(word in part.lower() for part in parts)


class FindStep(ModalScreen):
    """Asks for a step: by its number (`numbered`), or by words. Gives the number, or None."""

    BINDINGS = [  # noqa: RUF012, textual's way
        Binding("escape", "dismiss(None)", "Close"),
        Binding("down", "move(1)", "Next"),
        Binding("up", "move(-1)", "Previous"),
    ]

    def __init__(self, tr, numbered):
        super().__init__()
        self.tr, self.numbered = tr, numbered
        self.hits = list(tr.steps)

    def compose(self) -> ComposeResult:
        last = len(self.tr.steps) - 1
        label = (
            f"Go to step, 0 … {last}:"
            if self.numbered
            else "Find by words: layer, operation, tensor, source line"
        )
        with Vertical(classes="dialog"):
            yield Static(label)
            yield Input(restrict="[0-9]*" if self.numbered else None)
            yield Static("", id="answer", markup=False)
            hits = OptionList(id="hits", markup=False)
            hits.can_focus = False
            yield hits
            yield Static("Enter goes to the marked step, ↑ ↓ choose, Esc closes", classes="hint")

    def on_mount(self):
        self.query_one(Input).focus()
        self._list("")

    def on_input_changed(self, event):
        self._list(event.value)

    def _list(self, text):
        if self.numbered:
            self.hits = [s for s in self.tr.steps if str(s.number).startswith(text)]
            if text:  # "1" is step 1 before 10, 11, …
                self.hits.sort(key=lambda s: (s.number != int(text), s.number))
        else:
            self.hits = found(self.tr.steps, text)
        hits = self.query_one("#hits", OptionList)
        hits.clear_options()
        hits.add_options([Option(Text(f"{s.number:4}  {heading(s)}")) for s in self.hits])
        hits.highlighted = self._best(text) if self.hits else None
        n = len(self.hits)
        said = f"{n} step{'s' if n != 1 else ''}" if n else f"no step: {text}"
        self.query_one("#answer", Static).update(said)

    def _best(self, text):
        """The first hit whose layer or tensor is called just so, or the first of all."""
        words = text.lower().split()
        for k, step in enumerate(self.hits):
            if {step.layer.lower(), *(r.destination.lower() for r in step.results)} & {*words}:
                return k
        return 0

    def action_move(self, by):
        hits = self.query_one("#hits", OptionList)
        if self.hits:
            hits.highlighted = min(max((hits.highlighted or 0) + by, 0), len(self.hits) - 1)

    def on_input_submitted(self):
        at = self.query_one("#hits", OptionList).highlighted
        if at is not None:
            self.dismiss(self.hits[at].number)

    def on_option_list_option_selected(self, event):
        self.dismiss(self.hits[event.option_index].number)


class Help(ModalScreen):
    """The keys, how to read a map, and what the signs mean."""

    BINDINGS = [Binding("escape,q,question_mark", "dismiss(None)", "Close")]  # noqa: RUF012

    def __init__(self, keys, picture):
        super().__init__()
        self.keys, self.picture = keys, picture

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="help"):
            yield Static(_pairs("Keys (↑ ↓ scroll here, Esc closes)", self.keys))
            yield Static(_pairs("\nPictures", self.picture))
            yield Static(_pairs("\nSigns", signs()))

    def on_mount(self):
        self.query_one("#help").focus()


def _pairs(title, pairs):
    table = Table(
        box=None, padding=(0, 2, 0, 0), title=Text(title, "bold"), title_justify="left",
        show_header=False,
    )  # fmt: skip
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for one, other in pairs:
        table.add_row(one, Text(other))
    return table
