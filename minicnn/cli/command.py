"""What a command is, and the parser that all of them are put into."""

import argparse
import importlib
import pkgutil
import sys

from minicnn.checks import closest

PROGRAM = "minicnn"

_commands = {}


class Mistake(Exception):
    """A mistake of the user's, in one line that says what to do instead."""


class Command:
    """The base of all commands; a subclass is made known by `register`.

    Attributes:
        name: what one types.
        help: one line for the list of commands.
        examples: pairs (arguments, what they do), shown by ``--help``; tests run them.
    """

    name = ""
    help = ""
    examples = ()

    def add_arguments(self, parser):
        """Tell `parser` what the command takes."""

    def run(self, options):
        """Do it. Returns the exit status, None for 0; raises `Mistake`."""
        raise NotImplementedError


def register(command):
    """Make the class `command` known; stands above it as a decorator."""
    _commands[command.name] = command()
    return command


def commands():
    """All commands by name."""
    package = importlib.import_module("minicnn.cli.commands")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{found.name}")
    return dict(sorted(_commands.items()))


class Parser(argparse.ArgumentParser):
    """argparse's, whose errors are one line."""

    def parse_known_args(self, args=None, namespace=None):
        """What is unknown is refused here, by the parser of the command, not by that of all."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [text for action in self._actions for text in action.option_strings]
            name = unknown[0].partition("=")[0]
            # Without the dashes, in which all options are alike.
            known = [text.lstrip("-") for text in options]
            near = closest(name.lstrip("-"), known) if name.startswith("-") else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
        return found, unknown

    def error(self, message):
        raise Mistake(f"{message}; see {self.prog} --help")


def build_parser():
    """The parser of the whole command line."""
    from minicnn._version import __version__

    parser = Parser(
        prog=PROGRAM,
        description="minicnn: convolutional networks to learn from.",
        epilog=f"{PROGRAM} COMMAND --help explains one command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parts = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=Parser)
    for command in commands().values():
        lines = [f"  {PROGRAM} {a}\n      {what}" for a, what in command.examples]
        part = parts.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            epilog="examples:\n" + "\n".join(lines),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(part)
        part.set_defaults(run=command.run)
    return parser


def parse(arguments):
    """The options of a command line, None where it is empty: then the help has been printed.

    Raises a `Mistake` where no command is called that.
    """
    parser = build_parser()
    named = next((a for a in arguments if not a.startswith("-")), None)
    if named is not None and named not in commands():
        raise Mistake(
            f"there is no command {named!r}{closest(named, commands())}; see {PROGRAM} --help"
        )
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return None
    return options


def is_plain(options):
    """Whether to print plain text: when asked to, and where no terminal would show colours."""
    return options.plain or not sys.stdout.isatty()


def show(result):
    """Print something that rich knows how to draw, as wide as the terminal."""
    from rich.console import Console

    Console().print(result)


def waiting(text):
    """A context in which a terminal shows what is being waited for."""
    from rich.console import Console

    return Console(stderr=True).status(text)
