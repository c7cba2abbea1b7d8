"""One library in one process: `turns` asks it to prepare something, then to do it again and again.

    python worker.py LIBRARY THREADS

Reads questions in JSON, a line each: ``{"prepare": [kind, name, part, format]}``, ``{"run": …}``
(the same list), ``{"forget": …}``; answers ``{}``, ``{"seconds": […]}``, or ``{"error": …}``.
"""

import json
import sys
import traceback

import limit
import networks
import operations
from libraries import LIBRARIES

KINDS = {"operations": operations.prepare, "networks": networks.prepare, "limit": limit.prepare}


TURN = 0.06  # seconds of work in a turn, at least


def a_turn(run):
    """The seconds of each of a few runs, one after the other, as in training.

    Of short runs there are many; the first of them, which finds the caches full of what the other
    library left there, is not counted.
    """
    found = [run()]
    while sum(found) < TURN:
        found.append(run())
    return found[1:] or found


def main():
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    library = LIBRARIES[sys.argv[1]](int(sys.argv[2]))
    prepared = {}
    for line in sys.stdin:
        (verb, what), answer = json.loads(line).popitem(), {}
        what = tuple(what)
        try:
            if verb == "prepare":
                kind, *rest = what
                prepared[what] = KINDS[kind](library, *rest)
            elif verb == "run":
                answer["seconds"] = a_turn(prepared[what])
            else:
                prepared.pop(what, None)
        except Exception as error:  # the measurement goes on without this one
            traceback.print_exc()
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
