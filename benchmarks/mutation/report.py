"""Says what a campaign found: the score with its interval, and the survivors.

    python benchmarks/mutation/report.py SESSION [--explained benchmarks/mutation/explained.toml]

A survivor is known by its line before and after; `explained.toml` says why it may live: it computes
the same (an equivalent mutant). Survivors without a reason end the program with status 1.
"""

import argparse
import difflib
import math
import sys
import tomllib
from collections import Counter
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome
from sample import mutated

HERE = Path(__file__).parent
Z = 1.959964  # 97.5 % of the normal distribution lie below


def wilson(successes, n):
    """The 95 % interval of a proportion (Wilson 1927)."""
    p = successes / n
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return middle - half, middle + half


def change(mutation):
    """(the line or lines before, after), without what is around them."""
    old = Path(mutation.module_path).read_text(encoding="utf-8").splitlines()
    new = mutated(mutation).splitlines()
    lines = [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")]
    before = " ".join(line[2:].strip() for line in lines if line[0] == "-")
    return before, " ".join(line[2:].strip() for line in lines if line[0] == "+")


def percent(successes, n):
    low, high = wilson(successes, n)
    return f"{100 * successes / n:.1f} % ({100 * low:.1f} … {100 * high:.1f} %)"


def area(mutation):
    path = Path(mutation.module_path)
    return f"{path.parent}/" if path.parent.name in ("ops", "textbook") else str(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("--explained", type=Path, default=HERE / "explained.toml")
    options = parser.parse_args()
    known = {}
    if options.explained.exists():
        for entry in tomllib.loads(options.explained.read_text(encoding="utf-8"))["mutant"]:
            known[entry["file"], entry["before"], entry["after"]] = entry["reason"]
    with use_db(str(options.session), WorkDB.Mode.open) as session:
        done = [(item.mutations[0], result) for item, result in session.completed_work_items]
        waiting = session.num_work_items - len(done)
    survivors = sorted(
        (str(m.module_path), m.start_pos, *change(m), r.output or "")
        for m, r in done
        if r.test_outcome == TestOutcome.SURVIVED
    )
    without_reason = [s for s in survivors if (s[0], s[2], s[3]) not in known]
    for file, (line, _), before, after, output in survivors:
        reason = known.get((file, before, after), "")
        print(f"{file}:{line} ({output})\n  - {before}\n  + {after}\n  {reason}\n")
    n, killed = len(done), len(done) - len(survivors)
    equivalent = len(survivors) - len(without_reason)
    totals, dead = Counter(), Counter()
    for mutation, result in done:
        totals[area(mutation)] += 1
        dead[area(mutation)] += result.test_outcome != TestOutcome.SURVIVED
    for name in sorted(totals):
        print(f"{name:24} {dead[name]:4} of {totals[name]:4} killed")
    print(f"{'all':24} {killed:4} of {n:4} killed: {percent(killed, n)}")
    print(f"{equivalent} equivalent; of the others {percent(killed, n - equivalent)}")
    if waiting:
        print(f"{waiting} have not run yet")
    sys.exit(bool(without_reason or waiting))


if __name__ == "__main__":
    main()
