"""How long it takes to build each network, beside torchvision.

    python benchmarks/building_time.py                       all networks that both have
    python benchmarks/building_time.py --networks vgg16 resnet50 --rounds 9

Needs PyTorch and torchvision (extra `parity`). Both libraries build in turn in one process, so that
both see the same hour of the machine, each with the threads that it takes by default. What counts
is the time on the wall, of the constructor with its default arguments: initial values are drawn.
The first round is not counted; the table shows medians of the others. Of figures from a busy
machine nothing follows: it says how busy it was.
"""

import argparse
import gc
import importlib.util
import json
import os
import statistics
import sys
import time
import types
import warnings

import machine

import minicnn as mc
from minicnn.models.published import enumeration

RESULTS = machine.ROOT / "benchmarks" / "results"


def torchvision_models():
    """Its networks; its compiled operators, which they do not need, may be for another PyTorch."""
    if importlib.util.find_spec("torchvision") is None:
        raise SystemExit('torchvision is missing: pip install "minicnn[parity]"')
    unused = "torchvision._meta_registrations"
    sys.modules.setdefault(unused, types.ModuleType(unused))
    from torchvision import models

    return models


def seconds(build):
    """The time of one building."""
    gc.collect()
    start = time.perf_counter()
    model = build()
    found = time.perf_counter() - start
    del model
    return found


def measure(name, theirs, rounds):
    """The medians of both, in seconds."""
    builders = {"minicnn": getattr(mc.models, name), "torchvision": getattr(theirs, name)}
    times = {library: [] for library in builders}
    for number in range(rounds + 1):
        # Whoever is second finds the caches as the first left them: so they change places.
        for library in sorted(builders, reverse=number % 2 == 1):
            found = seconds(builders[library])
            if number:
                times[library].append(found)
    return {library: statistics.median(found) for library, found in times.items()}


def table(found):
    """Markdown: a row a network."""
    rows = ["| network | minicnn, ms | torchvision, ms | ratio |", "|---|---:|---:|---:|"]
    for name, times in found.items():
        ours, theirs = (1000 * times[library] for library in ("minicnn", "torchvision"))
        rows.append(f"| {name} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    theirs = torchvision_models()
    warnings.simplefilter("ignore")  # of torchvision's: GoogLeNet's initial values will change
    names = [name for name in mc.models.list_models() if enumeration(name) is not None]
    unknown = set(arguments.networks or ()) - set(names)
    if unknown:
        parser.error(f"torchvision has no {', '.join(sorted(unknown))}")
    here = machine.description("torch", "torchvision")
    here["load before"] = round(os.getloadavg()[0], 2)
    found = {}
    for name in arguments.networks or names:
        found[name] = measure(name, theirs, arguments.rounds)
        print(table({name: found[name]}).splitlines()[-1], flush=True)
    if arguments.networks:
        return
    slower = [name for name, t in found.items() if t["minicnn"] > t["torchvision"]]
    verdict = f"Slower than torchvision: {', '.join(slower)}." if slower else "None is slower."
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "building_time.md").write_text(
        f"# Building the networks\n\n{table(found)}\n\nMedians of {arguments.rounds}, time on the "
        f"wall, both with their default threads. {verdict}\n\n`python benchmarks/building_time.py`"
        f"\n\n{machine.line(here)}\n",
        encoding="utf-8",
    )
    (RESULTS / "building_time.json").write_text(
        json.dumps({"machine": here, "seconds": found}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
