"""What can only be seen in a fresh process: the first step, and the peak of memory.

    python benchmarks/speed/separate.py first LIBRARY THREADS
    python benchmarks/speed/separate.py memory LIBRARY THREADS WORKLOAD

Prints JSON: when the first LeNet step ended (on the clock of the system), or the most memory that
the process had, in MiB, before and after two training steps.
"""

import json
import resource
import sys
import time

import networks
from libraries import LIBRARIES


def peak():
    """The most memory that was resident so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main():
    what, name, threads, *rest = sys.argv[1:]
    library = LIBRARIES[name](int(threads))
    if what == "first":
        library.training_step(networks.WORKLOADS["LeNet b64"], "contiguous")()
        print(json.dumps({"end": time.time()}))
        return
    before = peak()
    step = library.training_step(networks.WORKLOADS[rest[0]], "contiguous")
    step()
    step()
    print(json.dumps({"before": before, "peak": peak()}))


if __name__ == "__main__":
    main()
