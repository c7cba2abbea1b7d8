"""``minicnn assign``."""

from minicnn.cli.command import Command, register
from minicnn.cli.networks import mistakes

LEVELS = ("none", "where", "cause", "window")


@register
class Assign(Command):
    name = "assign"
    help = "course exercises: list them, make a folder to work in, or one for a grading system"
    examples = (
        ("assign list", "the exercises and the functions to write"),
        ("assign new lab", "a folder with skeletons, hand-outs and tests; run pytest in it"),
        ("assign new lab5 --exercise 5 6", "only some of them"),
        ("assign otter course --seed 7", "a notebook and tests for otter-grader"),
        ("assign nbgrader source/lab", "the source version of an assignment for nbgrader"),
    )

    def add_arguments(self, parser):
        ways = parser.add_subparsers(metavar="list|new|otter|nbgrader", dest="way", required=True)
        ways.add_parser("list", help="list the exercises")
        for way, what in (
            ("new", "make a folder to work in"),
            ("otter", "make an assignment for otter-grader"),
            ("nbgrader", "make the source version of an assignment for nbgrader"),
        ):
            part = ways.add_parser(way, help=what)
            part.add_argument("folder", metavar="DIR", help="a folder that is new, or empty")
            part.add_argument(
                "--exercise", nargs="+", metavar="N", help="numbers or names (default: all)"
            )
            if way != "new":
                part.add_argument("--seed", type=int, help="of the hidden probes (default: drawn)")
                part.add_argument(
                    "--feedback", choices=LEVELS, default="cause",
                    help="how much is told of the hidden probes (default: %(default)s)",
                )  # fmt: skip

    def run(self, options):
        if options.way == "list":
            return _list()
        with mistakes():
            if options.way == "new":
                from minicnn.courses.new import new_lab

                new_lab(options.folder, options.exercise)
                print(f"made {options.folder}; now: cd {options.folder} && pytest")
                return
            from minicnn.courses.adapters import nbgrader, otter

            export = {"otter": otter, "nbgrader": nbgrader}[options.way].export
            seed = export(options.folder, options.exercise, options.seed, options.feedback)
            print(f"made {options.folder}; hidden probes: seed {seed}")


def _list():
    from minicnn.courses.exercises import load

    for e in load():
        functions = ", ".join(t.function for t in e.tasks)
        print(f"{e.number:2} {e.title}\n     {e.name}.py: {functions}")
