"""Libraries measured in turn: each in a process of its own, one computing while all others wait.

In one process the thread pools of one library would spin while the other computes, and in runs one
after the other each would see another hour of the machine. So a worker computes one step, answers
with the seconds it took, and waits for its pipe while the others take theirs.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PAUSE = 0.04  # seconds

HERE = Path(__file__).parent


class WorkerFailed(Exception):
    """A library could not do what it was asked; the message is its own."""


class Worker:
    """A process that holds one library. It is asked by `ask`, in JSON, a line a question."""

    def __init__(self, library, threads):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        environment["OMP_NUM_THREADS"] = str(threads)
        if library == "minicnn":  # NumPy's BLAS and Numba are told by mc.set_num_threads
            del environment["OMP_NUM_THREADS"]
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", library, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **question):
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerFailed(f"the worker ended while it did {question}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def in_turn(runs, patience, least=5, most=25):
    """Median seconds of each run, measured in turn.

    Args:
        runs: name → (worker, question): asking it does the thing once and answers ``seconds``.
        patience: seconds after which there are no further rounds, if there were `least`.

    Returns:
        Name → (median, [all readings]); the first two rounds, which compile and fill caches, are
        not among them.
    """
    readings = {name: [] for name in runs}
    begin = time.perf_counter()
    for round_ in range(most + 2):
        for name, (worker, question) in runs.items():
            time.sleep(PAUSE)
            seconds = worker.ask(**question)["seconds"]
            if round_ > 1:
                readings[name].extend(seconds)
        if round_ > least and time.perf_counter() - begin > patience:
            break
    return {name: (statistics.median(found), found) for name, found in readings.items()}
