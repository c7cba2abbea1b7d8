"""A summary as a table: plain text, rich, HTML. The columns add up to the totals below them."""

import html
from typing import NamedTuple

GAP = "  "


class Column(NamedTuple):
    """A column of the table; where there is no room those of the highest `rank` are left out."""

    title: str
    left: bool
    rank: int


COLUMNS = (
    Column("Layer", True, 0),
    Column("Type", True, 3),
    Column("Output", False, 1),
    Column("Parameters", False, 1),
    Column("Multiplications", False, 2),
    Column("Memory", False, 4),
    Column("Receptive field", False, 5),
    Column("Step", False, 6),
)


def cells(summary):
    """The table as rows of strings, one string a column."""
    guides = _guides(summary.rows)
    return [_cells(row, guide) for row, guide in zip(summary.rows, guides, strict=True)]


def _cells(row, guide):
    name = row.name.rpartition(".")[2] or row.type
    counts, seen = row.shown, row.receptive_field
    return (
        f"{guide}{name}" + (f" (×{row.calls})" if row.calls > 1 else ""),
        row.type if row.name else "",
        _output(row),
        _number(counts.parameters) + ("†" if row.shared else ""),
        _number(counts.multiplications),
        as_size(counts.activation_bytes) if counts.activation_bytes else "",
        "" if seen is None else _sees(seen),
        "" if seen is None else _step(seen),
    )


def _guides(rows):
    """The lines of the tree in front of each name."""
    guides, open_at = [], set()
    for row in reversed(rows):
        # Read from below: a depth is open where another module of the same parent follows.
        open_at = {d for d in open_at if d <= row.depth}
        last = row.depth not in open_at
        line = "".join("│  " if d in open_at else "   " for d in range(1, row.depth))
        guides.append(line + ("" if not row.depth else "└─ " if last else "├─ "))
        open_at.add(row.depth)
    return guides[::-1]


def _output(row):
    if not row.calls:
        return "not run"
    shown = " × ".join(map(str, row.output_shapes[0])) if row.output_shapes else "–"
    more = len(row.output_shapes) - 1
    return shown + (f" (+{more})" if more > 0 else "")


def _number(n):
    return f"{n:,}" if n else ""


def as_size(n):
    """A number of bytes, readable.

    >>> as_size(2048), as_size(3 * 2**20)
    ('2.0 KiB', '3.0 MiB')
    """
    size = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{n} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024


def _sees(seen):
    if all(step is None for step in seen.stride) and seen.whole:
        return "all"
    return " × ".join(map(str, seen.size)) + ("*" if seen.whole else "")


def _step(seen):
    steps = ["–" if s is None else str(s) for s in seen.stride]
    return "" if set(steps) == {"–"} else steps[0] if len(set(steps)) == 1 else " × ".join(steps)


def totals(summary):
    """The lines below the table."""
    total = summary.total
    given = ", ".join(" × ".join(map(str, shape)) for shape in summary.input_shapes)
    frozen = total.parameters - total.trainable_parameters
    lines = [
        f"Input: {given}",
        f"Parameters: {total.parameters:,} ({as_size(summary.parameter_bytes)} with buffers"
        + (f"; {frozen:,} of them frozen)" if frozen else ")"),
        f"Multiplications: {total.multiplications:,}{_rounded(total.multiplications)}",
        f"Memory: {as_size(total.activation_bytes)} of activations; training holds about "
        f"{as_size(summary.training_bytes)} without the optimiser's state",
    ]
    seen = [row.receptive_field for row in summary.rows if row.receptive_field]
    if any(s.whole and any(step is not None for step in s.stride) for s in seen):
        lines.append("* and, through global pooling or statistics, the whole image")
    if any(row.shared for row in summary.rows):
        lines.append("† with parameters of a layer above, which are counted there")
    return lines


def _rounded(n):
    for unit, factor in (("G", 1e9), ("M", 1e6)):
        if n >= factor:
            return f" ({n / factor:.2f} {unit})"
    return ""


# --------------------------------------------------------------------------------- the forms


def _used(table):
    """The columns in which anything stands."""
    return [i for i, _ in enumerate(COLUMNS) if any(row[i] for row in table)]


def _widths(table, columns):
    return [max(len(COLUMNS[i].title), *(len(row[i]) for row in table)) for i in columns]


def as_text(summary):
    """Plain text, as wide as it needs to be."""
    table = cells(summary)
    columns = _used(table)
    widths = _widths(table, columns)

    def line(row):
        parts = [
            row[i].ljust(width) if COLUMNS[i].left else row[i].rjust(width)
            for i, width in zip(columns, widths, strict=True)
        ]
        return GAP.join(parts).rstrip()

    rule = "─" * (sum(widths) + len(GAP) * (len(columns) - 1))
    head = line([c.title for c in COLUMNS])
    return "\n".join([head, rule, *map(line, table), rule, *totals(summary)])


def fitting(table, width):
    """The columns that fit into `width` characters; the names of the layers always stay."""
    columns = _used(table)
    while len(columns) > 1 and sum(_widths(table, columns)) + len(GAP) * len(columns) > width:
        columns.remove(max(columns, key=lambda i: COLUMNS[i].rank))
    return columns


def as_rich(summary, width):
    """Parts to print with rich: the table, and the totals."""
    from rich.table import Table
    from rich.text import Text

    table = cells(summary)
    columns = fitting(table, width)
    shown = Table(box=None, padding=(0, len(GAP), 0, 0), header_style="bold", show_edge=False)
    for i in columns:
        column = COLUMNS[i]
        shown.add_column(
            column.title,
            justify="left" if column.left else "right",
            no_wrap=True,
            overflow="ellipsis",
            style="dim" if column.title == "Type" else None,
        )
    for row, line in zip(summary.rows, table, strict=True):
        style = "bold" if row.opened else "dim" if not row.calls else None
        shown.add_row(*(Text(line[i]) for i in columns), style=style)
    yield shown
    yield Text("\n".join(["", *totals(summary)]))


def as_html(summary):
    """An HTML table, for notebooks."""
    table = cells(summary)
    columns = _used(table)

    def tags(kind, row):
        cell = "".join(
            f'<{kind} style="text-align:{"left" if COLUMNS[i].left else "right"};'
            f'white-space:pre">{html.escape(row[i])}</{kind}>'
            for i in columns
        )
        return f"<tr>{cell}</tr>"

    head = tags("th", [c.title for c in COLUMNS])
    body = "\n".join(tags("td", row) for row in table)
    below = "<br>\n".join(html.escape(line) for line in totals(summary))
    return f"<table><thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table>\n<p>{below}</p>"
