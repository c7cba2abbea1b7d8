"""A script's own folder is the first place Python looks into: no name there may hide a package."""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# What Numba imports where it is installed; it need not be here.
LOOKED_FOR = {"coverage", "scipy", "IPython", "matplotlib", "psutil"}


def test_no_benchmark_hides_a_package():
    own = {p.stem for p in FOLDER.iterdir() if p.suffix == ".py" or p.is_dir()} - {"__pycache__"}
    taken = set(packages_distributions()) | set(sys.stdlib_module_names) | LOOKED_FOR
    assert own & taken == set()
