"""What a measurement has to be read with: processor, versions, settings, commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def processor():
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(*arguments):
    return subprocess.run(
        ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False
    ).stdout.strip()


def commit():
    """The commit that was measured, with "+ changes" where files differed from it."""
    changed = _git("status", "--porcelain", "--", "minicnn", "examples", "benchmarks/*.py")
    return (_git("rev-parse", "--short", "HEAD") or "no commit") + (" + changes" if changed else "")


def sources_commit():
    """The last commit that changed minicnn's own files, with "+ changes" where they differ from it.

    So long runs stay valid while other things are committed.
    """
    changed = _git("status", "--porcelain", "--", "minicnn")
    last = _git("log", "-1", "--format=%h", "--", "minicnn")
    return (last or "no commit") + (" + changes" if changed else "")


def description(*packages):
    """A dictionary for the JSON files, and the line under the tables."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "numba", *packages)},
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "unset"),
        "commit": commit(),
    }


def line(machine):
    return ", ".join(f"{k} {v}" for k, v in machine.items())
