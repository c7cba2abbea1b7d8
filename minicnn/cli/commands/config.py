"""``minicnn config``."""

import json

from minicnn.cli.command import Command, register


@register
class Config(Command):
    name = "config"
    help = "what minicnn runs on: versions, libraries, threads, processor"
    examples = (
        ("config", "as lines, to put into a report of a mistake"),
        ("config --json", "for other programs"),
    )

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, options):
        from minicnn.config import show_config

        found = show_config()
        print(json.dumps(found, indent=2, ensure_ascii=False) if options.json else found)
