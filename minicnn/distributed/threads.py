"""How many threads each rank may use, so that those of one machine share its cores."""

import os

from minicnn.kernels.threads import get_num_threads, set_num_threads


def own_cores():
    """The numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def share_of_cores(own, everyone):
    """How many threads a rank gets.

    Args:
        own: the set of cores that it may run on.
        everyone: such sets of all ranks of the machine, its own among them.

    Four ranks that were bound to a core each get one thread; two that may run on all eight get
    four each:

    >>> share_of_cores({2}, [{0}, {1}, {2}, {3}])
    1
    >>> share_of_cores(set(range(8)), [set(range(8))] * 2)
    4
    """
    share = sum(1 / sum(core in cores for cores in everyone) for core in own)
    return max(1, int(share + 1e-9))


def share_cores(ranks, machine):
    """Limit the threads of this rank to its share of the machine's cores.

    A limit that is lower already, by OMP_NUM_THREADS or NUMBA_NUM_THREADS, stays.
    """
    everyone = ranks.gather_objects((machine, own_cores()), "cores and machines")
    share = share_of_cores(own_cores(), [cores for where, cores in everyone if where == machine])
    if get_num_threads() > share:
        set_num_threads(share)
