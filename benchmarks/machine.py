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


def commit():
    """The commit that was measured, with "+ changes" where files differed from it."""

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = git("status", "--porcelain", "--", "minicnn", "examples", "benchmarks/*.py")
    return (git("rev-parse", "--short", "HEAD") or "no commit") + (" + changes" if changed else "")


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
