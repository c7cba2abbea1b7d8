"""`world`: all ranks of the job that this process belongs to."""

import os
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from minicnn.checks import ArgumentError, real
from minicnn.distributed.agreement import must_agree, versions
from minicnn.distributed.communicator import Alone, Communicator
from minicnn.distributed.ending import watch_over
from minicnn.distributed.launch import (
    check_library,
    launched,
    start_mpi_with_all_other_ranks,
)
from minicnn.distributed.threads import share_cores
from minicnn.random import default_generator

DEADLINE = "MINICNN_MPI_DEADLINE"
_ALONE = Alone()

_world = None  # set once, by the first who asks
_inside_alone = ContextVar("minicnn_alone", default=False)


def world():
    """The `Communicator` of all ranks, or `Alone` where mpiexec has not started several.

    The first call joins the others: MPI starts, versions are compared, each rank takes its share of
    the machine's cores, and minicnn's default generator goes on as that of rank 0. From then on an
    error on one rank ends all.

    minicnn's own.

    Raises:
        MissingPartError: mpiexec started several processes, and mpi4py or its library is missing.
        ArgumentError: mpiexec and mpi4py belong to different MPI installations, or the ranks have
            different versions.

    >>> world().rank, world().size
    (0, 1)
    """
    global _world
    if _inside_alone.get():
        return _ALONE
    if _world is None:
        _world = _join()
    return _world


def _join():
    launch = launched()
    if launch is None or launch.size == 1:
        return _ALONE
    seconds = _deadline(os.environ.get(DEADLINE, 300), f"the variable {DEADLINE}")
    mpi = start_mpi_with_all_other_ranks(seconds)
    check_library(launch, mpi)
    if mpi.COMM_WORLD.size == 1:
        return _ALONE
    ranks = Communicator(mpi.COMM_WORLD, seconds)
    watch_over(ranks)
    try:
        advice = "Install the same on all machines of the job"
        must_agree(ranks, "minicnn.distributed", versions(), advice)
    except ArgumentError as error:
        ranks.failed = str(error)
        raise
    share_cores(ranks, mpi.Get_processor_name())
    state = default_generator.get_state()
    default_generator.set_state(ranks.broadcast_object(state, "random numbers"))
    return ranks


def _deadline(seconds, name):
    try:
        seconds = float(seconds)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ArgumentError(f"minicnn.distributed: {name} must be seconds above 0, such as 300")
    return seconds


@contextmanager
def alone():
    """Inside, this process works as if it were the only one, for what one rank does by itself.

    minicnn's own; it raises nothing.

    >>> with alone():
    ...     world().size
    1
    """
    token = _inside_alone.set(True)
    try:
        yield
    finally:
        _inside_alone.reset(token)


def is_initialized():
    """Whether this process has joined other ranks.

    As ``torch.distributed.is_initialized``.

    It raises nothing.

    >>> is_initialized()
    False
    """
    return isinstance(_world, Communicator)


def init_process_group(backend=None, timeout=None):
    """Join the other ranks now, and set the deadline of collectives.

    Not needed: whatever communicates first does it.

    As ``torch.distributed.init_process_group``.

    Args:
        backend: None or ``"mpi"``; arrays on GPUs go through NCCL in any case.
        timeout: the deadline, a ``timedelta`` or seconds; default: the variable
            MINICNN_MPI_DEADLINE, or 300.

    Raises:
        ArgumentError: another backend, or a timeout that is not above 0. Others as `world`.

    >>> init_process_group()
    """
    if backend not in (None, "mpi"):
        raise ArgumentError(f"init_process_group: backend must be None or 'mpi', got {backend!r}")
    seconds = None
    if timeout is not None:
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        seconds = _deadline(real("init_process_group", "timeout", seconds), "timeout")
    ranks = world()
    if seconds is not None and ranks.size > 1:
        ranks.deadline = seconds
