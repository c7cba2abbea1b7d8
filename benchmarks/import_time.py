"""How long ``import minicnn`` takes, against importing numpy and numba.

    python benchmarks/import_time.py

Fresh processes in turn, best and median of each; an empty process is subtracted. What the first
parallel kernel costs on top (Numba is loaded then) is measured as well.
"""

import json
import statistics
import subprocess
import sys
import time

import machine

PROGRAMS = {
    "nothing": "pass",
    "import numpy, numba": "import numpy, numba",
    "import minicnn": "import minicnn",
    "import minicnn, first kernel (compiled before)": (
        "import minicnn as mc; import minicnn.nn.functional as F; "
        "F.conv2d(mc.zeros(1, 1, 8, 8), mc.zeros(1, 1, 3, 3))"
    ),
}
ROUNDS = 11


def main():
    seconds = {name: [] for name in PROGRAMS}
    for round_ in range(ROUNDS + 1):
        for name, code in PROGRAMS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            if round_:  # the first round fills the caches of files and machine code
                seconds[name].append(time.perf_counter() - start)
    nothing = statistics.median(seconds.pop("nothing"))
    rows = ["| program | median s | best s |", "|---|---|---|"]
    result = {}
    for name, values in seconds.items():
        result[name] = {
            "median": statistics.median(values) - nothing,
            "best": min(values) - nothing,
        }
        rows.append(f"| `{name}` | {result[name]['median']:.3f} | {result[name]['best']:.3f} |")
    here = machine.description()
    folder = machine.ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    text = "\n".join(rows)
    (folder / "import_time.md").write_text(
        f"# Importing minicnn\n\n{text}\n\nAn empty process ({nothing:.3f} s) is subtracted.\n\n"
        f"`python benchmarks/import_time.py`\n\n{machine.line(here)}\n",
        encoding="utf-8",
    )
    (folder / "import_time.json").write_text(
        json.dumps({"machine": here, "seconds": result}, indent=1) + "\n", encoding="utf-8"
    )
    print(text)


if __name__ == "__main__":
    main()
