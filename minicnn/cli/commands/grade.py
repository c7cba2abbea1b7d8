"""``minicnn grade``."""

from pathlib import Path

from minicnn.cli.command import Command, register
from minicnn.cli.networks import mistakes

LEVELS = ("none", "where", "cause", "window")


@register
class Grade(Command):
    name = "grade"
    help = "grade the course exercises in a folder, and say what is wrong and why"
    examples = (
        ("grade lab", "all exercises, with hidden probes"),
        ("grade lab --exercise 5 --feedback where", "one of them, with fewer hints"),
        ("grade lab --seed 7 --results results.json", "with a known seed; results as JSON"),
        ("grade submission --gradescope results.json", "for a Gradescope autograder"),
    )

    def add_arguments(self, parser):
        parser.add_argument("folder", metavar="DIR", help="with the student's files")
        parser.add_argument(
            "--exercise", nargs="+", metavar="N", help="numbers or names (default: all)"
        )
        parser.add_argument(
            "--feedback", choices=LEVELS, default="window",
            help="how much is told: the verdict, where it is wrong, the cause if it is known, the "
            "sum behind the first wrong element (default: %(default)s)",
        )  # fmt: skip
        probes = parser.add_mutually_exclusive_group()
        probes.add_argument(
            "--seed", type=int, help="of the hidden probes (default: drawn, and recorded)"
        )
        probes.add_argument("--public", action="store_true", help="only the public probes")
        parser.add_argument(
            "--seconds", type=float, help="of wall time for each exercise (default: its own)"
        )
        parser.add_argument(
            "--python", metavar="PATH",
            help="the Python that runs the submission, with NumPy in it (default: this one)",
        )  # fmt: skip
        parser.add_argument("--results", metavar="PATH", help="write the results as JSON")
        parser.add_argument("--gradescope", metavar="PATH", help="write Gradescope's results.json")

    def run(self, options):
        from minicnn.courses.adapters import gradescope
        from minicnn.courses.grading import grade
        from minicnn.courses.isolation.process import Limits

        writers = []
        if options.gradescope is not None:
            writers.append(lambda graded: gradescope.write(options.gradescope, graded))

        def watch(exercise, result):
            if result is not None:
                print(result.text(options.feedback), flush=True)

        with mistakes():
            graded = grade(
                Path(options.folder),
                names=options.exercise,
                seed=options.seed,
                hidden=not options.public,
                feedback=options.feedback,
                limits=Limits(seconds=options.seconds, python=options.python),
                results=options.results,
                watch=watch,
                writers=writers,
            )
        if graded.seed is not None:
            print(f"hidden probes: seed {graded.seed}")
        print(graded.summary())
