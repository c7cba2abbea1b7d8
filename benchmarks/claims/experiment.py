"""What the claims' scripts share: runs that are done once and kept, and what is written of them.

A run is decided by its settings (the seed is one of them), minicnn's version and the commit its
sources are of. Each finished run is a line of ``benchmarks/results/claims/NAME.jsonl``: a script
that was stopped goes on with the same command, and trains nothing twice.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import machine
from intervals import mean_interval

import minicnn as mc

CONSOLE = Console(soft_wrap=True)
RESULTS = machine.ROOT / "benchmarks" / "results" / "claims"
WORK = machine.ROOT / "runs" / "claims"


def arguments(doc, seeds, argv=None, **more):
    """The command line that all claims have; `more` are options with their defaults."""
    parser = argparse.ArgumentParser(
        description=doc.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 0 on")
    parser.add_argument("--data-dir", default="/usr", help="where Fashion-MNIST's files are")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results go")
    parser.add_argument("--work", type=Path, default=WORK, help="where unfinished runs are kept")
    parser.add_argument(
        "--table",
        action="store_true",
        help="train nothing: write the table of the finished runs, of whatever commit",
    )
    for name, value in more.items():
        flag = f"--{name.replace('_', '-')}"
        if value is False:
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=type(value), default=value)
    return parser.parse_args(argv)


class Runs:
    """The finished runs of a claim.

    Args:
        name: of the claim, and of its files.
        options: what `arguments` gave.
    """

    def __init__(self, name, options):
        self.name, self.folder, self.only_table = name, options.results, options.table
        self.work = options.work
        for folder in (self.folder, self.work):
            folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / f"{name}.jsonl"
        self.version, self.commit = mc.__version__, machine.sources_commit()
        self.lines = _read(self.path)
        self.used = []

    def run(self, settings, train):
        """The figures of the run with these settings; trained now if it was not before.

        Args:
            settings: a dictionary of plain values.
            train: ``train(settings, checkpoint)`` → a dictionary of figures; `checkpoint` is a path
                that belongs to this run alone.

        Returns:
            The figures; None where there are none, and only the table is wanted.
        """
        settings = json.loads(json.dumps(settings))  # as they are read back: no tuples
        found = [line for line in self.lines if self._is_this(line, settings)]
        if not found:
            if self.only_table:
                return None
            found = [self._train(settings, train)]
        self.used.append(found[-1])
        return found[-1]["figures"]

    def _is_this(self, line, settings):
        same = (line["version"], line["commit"]) == (self.version, self.commit)
        return line["settings"] == settings and (same or self.only_table)

    def _train(self, settings, train):
        checkpoint = self.work / f"{self.name}.safetensors"
        _keep_only_own(checkpoint, settings)
        CONSOLE.print(f"{self.name}: {_short(settings)}", highlight=False)
        start, worked = time.perf_counter(), time.process_time()
        figures = train(settings, checkpoint)
        line = {
            "settings": settings,
            "version": self.version,
            "commit": self.commit,
            "threads": mc.get_num_threads(),
            "seconds": round(time.perf_counter() - start, 1),
            "processor_seconds": round(time.process_time() - worked, 1),
            "figures": figures,
        }
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(line)
        checkpoint.unlink(missing_ok=True)
        checkpoint.with_suffix(".settings").unlink(missing_ok=True)
        shown = {k: v for k, v in figures.items() if isinstance(v, (int, float))}
        CONSOLE.print(f"  {_short(shown)}  ({line['seconds']:.0f} s)", highlight=False)
        return line

    def write(self, title, claim, text, command, figure=None):
        """Write ``NAME.md``, and ``NAME.png`` where there is a figure."""
        parts = [f"# {title}", f"Claim: {claim}", text]
        if figure is not None:
            figure.savefig(self.folder / f"{self.name}.png")
            parts.append(f"![{title}]({self.name}.png)")
        parts.append(f"`{command}`")
        parts.append(self.origin())
        (self.folder / f"{self.name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        CONSOLE.print(text, highlight=False, markup=False)

    def origin(self):
        """A line that says which runs the table is made of."""
        commits = sorted({line["commit"] for line in self.used})
        threads = sorted({line["threads"] for line in self.used})
        worked = sum(line["processor_seconds"] for line in self.used)
        return (
            f"{len(self.used)} runs, {worked / 60:.0f} minutes of processor time altogether, "
            f"threads {', '.join(map(str, threads))}; minicnn {self.version}, commit "
            f"{', '.join(commits)}; {machine.processor()}."
        )


def _read(path):
    """The lines of a file; one that was being written when its program was killed is dropped."""
    if not path.exists():
        return []
    whole = path.read_bytes()
    end = whole.rfind(b"\n") + 1
    if end < len(whole):
        with open(path, "r+b") as file:
            file.truncate(end)
    return [json.loads(line) for line in whole[:end].decode().splitlines()]


def _keep_only_own(checkpoint, settings):
    """Remove a checkpoint that another run has left."""
    beside = checkpoint.with_suffix(".settings")
    text = json.dumps(settings)
    if not beside.exists() or beside.read_text() != text:
        checkpoint.unlink(missing_ok=True)
        beside.write_text(text)


def _short(settings):
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
    )


# ------------------------------------------------------------------ tables


def table(header, rows):
    """Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def with_interval(values, digits=2, factor=1):
    """``mean ± half-width of the 95 % interval``, for values of independent seeds."""
    mean, half = mean_interval([value * factor for value in values])
    return f"{mean:.{digits}f}" if math.isnan(half) else f"{mean:.{digits}f} ± {half:.{digits}f}"


def percent(values, digits=2):
    return with_interval(values, digits, 100)


def signed_percent(differences, digits=2):
    """The same with its sign; differences whose interval holds 0 say so."""
    mean, half = mean_interval([100 * value for value in differences])
    if math.isnan(half):
        return f"{mean:+.{digits}f}"
    text = f"{mean:+.{digits}f} ± {half:.{digits}f}"
    return text + " (none seen)" if abs(mean) <= half else text
