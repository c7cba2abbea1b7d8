"""PyTorch's functions for what ranks do together."""

from importlib.util import find_spec

from minicnn.checks import DtypeError
from minicnn.distributed.joining import world


def is_available():
    """Whether mpi4py is installed; does not start MPI."""
    return find_spec("mpi4py") is not None


def get_rank():
    """This process's number, from 0.

    >>> get_rank()
    0
    """
    return world().rank


def get_world_size():
    """How many processes there are.

    >>> get_world_size()
    1
    """
    return world().size


def barrier():
    """Return when all ranks have come here."""
    world().barrier()


def all_reduce(tensor):
    """Put the sum over all ranks into the tensor, on each of them.

    >>> import minicnn as mc
    >>> total = mc.tensor([1.0, 2.0])
    >>> all_reduce(total)
    >>> total  # of one rank
    tensor([1., 2.])
    """
    _change(tensor, "all_reduce", lambda ranks, t: ranks.start_sum(t, "all_reduce").wait())


def broadcast(tensor):
    """Put the values of rank 0 into the tensor, on every rank."""
    _change(tensor, "broadcast", lambda ranks, t: ranks.broadcast([t], "broadcast"))


def _change(tensor, operation, change):
    if not hasattr(tensor, "_version"):
        raise DtypeError(f"{operation}: expected a tensor, got {type(tensor).__name__}")
    tensor._writable(operation)
    array = tensor.array if tensor.is_contiguous() else tensor.array.copy()
    change(world(), array)
    if array is not tensor.array:
        tensor.array[...] = array
    tensor._version.changes += 1
