"""The chosen array as a map with a cursor, and beside it the arrays that its sum reads."""

import numpy as np
from rich.text import Text
from textual.widget import Widget

from minicnn.stepper.screen.arrays import Grid
from minicnn.stepper.screen.drawing import View, draw, number, smallest_width
from minicnn.stepper.screen.writing import legend, style_of

GAP = 3  # columns between two pictures
ROOMY = 14  # lines from which on a picture has two lines above it
CAPTION = 34  # columns that the words above a picture may take
MOST_TERMS = 20_000  # of a sum whose factors are marked


class Maps(Widget):
    """Draws what it is told: `show`, again whenever its size changes."""

    def __init__(self, colours, **options):
        super().__init__(**options)
        self.colours = colours
        self.step = self.item = self.grid = self.index = None
        self.terms, self.sample = (), None

    def show(self, step, item, grid, index, terms, sample):
        """The item's map around `index`, and where the `terms` read other arrays of the step."""
        self.step, self.item, self.grid, self.index = step, item, grid, index
        self.terms, self.sample = terms[:MOST_TERMS], sample
        self.refresh()

    def render(self):
        if self.item is None:
            return Text("This step has no arrays.")
        if self.grid is None:
            return self._left_out()
        width, height = self.size
        roomy = height >= ROOMY
        height -= 4 if roomy else 2  # what stands above and below a picture
        others = self._read()
        lead, row, column = self.grid.place(self.index)
        room = width
        if others:  # leave the others what they need at least
            beside = sum(smallest_width(grid.columns) + GAP for _, grid, _ in others[:2])
            room = max(width - beside, width // 2)
        view = self._view(self.grid, lead, (row, column), None)
        blocks = [self._block(self.item.symbol, self.grid, lead, draw(view, room, height))]
        used = _width(blocks[0])
        for symbol, grid, (lead, read) in others:
            left = width - used - GAP
            if left < min(smallest_width(grid.columns), 24):
                continue
            picture = draw(self._view(grid, lead, None, read), left, height)
            block = self._block(symbol, grid, lead, picture, len(read))
            for line in block:
                line.truncate(min(left, max(picture.width, CAPTION)), overflow="ellipsis")
            blocks.append(block)
            used += GAP + _width(block)
        for line in blocks[0]:
            line.truncate(width, overflow="ellipsis")
        text = _beside(blocks)
        line, key = self._at_cursor(), legend(self.colours, not roomy)
        if not roomy:  # on one line, or without the key
            short = line.cell_len + 3 + key.cell_len <= width
            return text.append_text(line).append_text(Text("   ") + key if short else Text())
        return text.append_text(line).append("\n").append_text(key)

    def _view(self, grid, lead, cursor, read):
        return View(grid.cells(lead), _full(grid), cursor, read, self.colours)

    def _left_out(self):
        value = self.item.value
        text = Text(f"{self.item.symbol}: its numbers are not here. {value.left_out}\n")
        if value.digest is not None:
            text.append("The largest entries:\n", "dim")
            for index, entry in value.digest.top:
                text.append(f"  {list(index)}  {number(entry)}\n")
        return text

    def _at_cursor(self):
        entry = self.grid.at(self.index)
        text = _symbol(self.step, self.item.symbol)
        text.append(f"[{','.join(map(str, self.index))}] = ")
        text.append(f"{entry:.6g}", "bold")
        where = self.grid.where(self.index)
        if self.size.height < ROOMY and len(self.index) > 2:
            where = ", ".join(where.split(", ")[-2:])  # the map stands above the picture
        return text.append(f"  ({where})" if where else "", "dim")

    def _read(self):
        """[(symbol, grid, (lead, cells)), …]: the arrays that the terms read, in their order.

        Of each the map is chosen that the largest term reads.
        """
        if not self.terms:
            return []
        focus = max(self.terms, key=lambda term: abs(term.product))
        result = []
        for f in focus.factors:
            source = f.source
            known = [grid.value.number for _, grid, _ in result]
            if source is None or source.array is None or f.index is None or source.array.size < 2:
                continue
            if source.number in (self.item.value.number, *known):
                continue
            grid = Grid(source, self.sample)
            place = grid.place(f.index)
            if place is None:
                continue
            cells = set()
            for term in self.terms:
                for g in term.factors:
                    if g.source is source and g.index is not None:
                        at = grid.place(g.index)
                        if at is not None and at[0] == place[0]:
                            cells.add(at[1:])
            result.append((f.symbol, grid, (place[0], frozenset(cells))))
        return result

    def _block(self, symbol, grid, lead, picture, read=None):
        """The lines of one picture: what it is, which map, and the cells."""
        head = _symbol(self.step, symbol)
        if read is not None:
            head.append(f" {read} cell{'s' if read != 1 else ''} read", "dim")
        words = [grid.which_map(lead), picture.part]
        below = Text("; ".join(filter(None, words)), "dim")
        if self.size.height < ROOMY:  # one line less
            head.append("  ").append_text(below)
            return [head, *picture.lines]
        return [head, below, *picture.lines]


def _symbol(step, symbol):
    return Text().append(symbol, style_of(step, symbol) or "bold")


def _full(grid):
    """The absolute value that has the full colour: the largest, NaN and infinity left aside."""
    array = grid.array.astype(np.float64)
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def _width(block):
    return max(line.cell_len for line in block)


def _beside(blocks):
    """Blocks of lines next to each other."""
    text = Text(no_wrap=True)
    for k in range(max(map(len, blocks))):
        for i, block in enumerate(blocks):
            line = block[k] if k < len(block) else Text()
            text.append_text(line)
            if i + 1 < len(blocks):
                text.append(" " * (_width(block) - line.cell_len + GAP))
        text.append("\n")
    return text
