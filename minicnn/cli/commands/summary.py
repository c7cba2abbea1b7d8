"""``minicnn summary``."""

from minicnn.cli.command import Command, Mistake, is_plain, register, show, waiting
from minicnn.cli.networks import (
    add_network_arguments,
    build_network,
    default_input,
    mistakes,
    user_file,
)


@register
class Summary(Command):
    name = "summary"
    help = "layers of a network: outputs, parameters, multiplications, memory, receptive fields"
    examples = (
        ("summary lenet5", "as a tree"),
        ("summary resnet50 --depth 1", "only the stages"),
        ("summary resnet50 --depth 1 --input 1,3,160,160", "for images of another size"),
        ("summary lenet5 --option num_classes=47 activation=relu", "with options of the network"),
        ("summary lenet5 --json", "for other programs"),
        ("summary my_network.py:Net --input 8,1,28,28", "a network of your own"),
    )

    def add_arguments(self, parser):
        add_network_arguments(parser)
        parser.add_argument(
            "--input", action="append", type=_size, metavar="N,C,H,W",
            help="the shape of the input (default: one image of the size the network was made "
            "for); again for each further input",
        )  # fmt: skip
        parser.add_argument(
            "--depth", type=int, metavar="N", help="show modules down to this depth (default: all)"
        )
        parser.add_argument(
            "--order", choices=("definition", "run"), default="definition",
            help="layers as they are defined or as they run",
        )  # fmt: skip
        parser.add_argument("--plain", action="store_true", help="print plain text")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, options):
        from minicnn.summary import summary

        if options.depth is not None and options.depth < 0:
            raise Mistake(f"--depth must be at least 0, got {options.depth}")
        with waiting(f"building {options.network}"):
            model = build_network(options)
        shapes = options.input or [default_input(options.network, model)]
        hint = "" if options.input else "; --input gives another shape of the input"
        with waiting("one forward pass"), mistakes(user_file(options.network), hint):
            found = summary(model, shapes, depth=options.depth, order=options.order)
        if options.json:
            print(found.to_json())
        elif is_plain(options):
            print(found)
        else:
            show(found)


def _size(text):
    """(1, 3, 224, 224) for ``1,3,224,224``."""
    parts = text.lower().replace("x", ",").replace("×", ",").strip("()").split(",")
    try:
        shape = tuple(int(part) for part in parts)
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise Mistake(
            f"--input takes sizes of at least 1, such as 1,3,224,224 (N,C,H,W); got {text!r}"
        )
    return shape
