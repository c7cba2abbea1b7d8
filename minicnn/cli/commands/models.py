"""``minicnn models``."""

import fnmatch
import json

from minicnn.checks import closest
from minicnn.cli.command import Command, Mistake, is_plain, register, show


@register
class Models(Command):
    name = "models"
    help = "the networks that can be built by name"
    examples = (
        ("models", "all of them"),
        ("models resnet", "those with resnet in their name"),
        ("models 'vgg*_bn'", "those that match a pattern: * is anything, ? one character"),
    )

    def add_arguments(self, parser):
        parser.add_argument("pattern", nargs="?", default="*", help="a part of the name, or with *")
        parser.add_argument("--plain", action="store_true", help="only the names, one a line")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, options):
        from minicnn.models import get_model_builder, list_models

        names, pattern = list_models(), options.pattern
        if not set(pattern) & set("*?["):
            pattern = f"*{pattern}*"
        found = [name for name in names if fnmatch.fnmatch(name, pattern.lower())]
        if not found:
            raise Mistake(
                f"no network matches {options.pattern!r}{closest(options.pattern, names)}; "
                "minicnn models lists all"
            )
        about = {name: _first_line(get_model_builder(name)) for name in found}
        if options.json:
            print(json.dumps(about, indent=2, ensure_ascii=False))
        elif is_plain(options):
            print("\n".join(found))
        else:
            show(_table(about))


def _first_line(builder):
    """What the builder says of itself, without what concerns Python only."""
    line = (builder.__doc__ or "").strip().partition("\n")[0]
    return line.partition(";")[0].rstrip(".")


def _table(about):
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, text in about.items():
        table.add_row(Text(name), Text(text))
    return table
