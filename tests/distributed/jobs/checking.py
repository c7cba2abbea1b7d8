"""Runs checks, functions that return something, on all ranks; rank 0 writes what they returned."""

import json
import sys
import time
import traceback

from minicnn.distributed import world


def main(checks, path):
    """Write {name: [what each rank returned]}; an exception is its class and text."""
    ranks, found = world(), {}
    for check in checks:
        start = time.perf_counter()
        try:
            result = check(ranks)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            result = {"error": f"{type(error).__name__}: {error}"}
        found[check.__name__] = ranks.gather_objects(result, check.__name__)
        if ranks.is_first:
            print(f"{check.__name__}: {time.perf_counter() - start:.1f} s", flush=True)
    if ranks.is_first:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(found, file)


def refusal(function, *arguments, **options):
    """The error that a call raises, as a text; None if it raises none."""
    try:
        function(*arguments, **options)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
