"""PyTorch's functions for what ranks do together."""

from importlib.util import find_spec

from minicnn.checks import DtypeError
from minicnn.distributed.joining import world


def is_available():
    """Whether mpi4py is installed; does not start MPI.

    As ``torch.distributed.is_available``.

    It raises nothing on one rank; the first call on several joins them, see `world`.

    >>> is_available() in (True, False)
    True
    """
    return find_spec("mpi4py") is not None


def get_rank():
    """This process's number, from 0.

    As ``torch.distributed.get_rank``.

    It raises nothing on one rank; the first call on several joins them, see `world`.

    >>> get_rank()
    0
    """
    return world().rank


def get_world_size():
    """How many processes there are.

    As ``torch.distributed.get_world_size``.

    It raises nothing on one rank; the first call on several joins them, see `world`.

    >>> get_world_size()
    1
    """
    return world().size


def barrier():
    """Return when all ranks have come here.

    As ``torch.distributed.barrier``.

    Raises:
        RankLostError: a rank hangs, has ended, or does something else.

    >>> barrier()  # one rank need not wait
    """
    world().barrier()


def all_reduce(tensor):
    """Put the sum over all ranks into the tensor, on each of them.

    As ``torch.distributed.all_reduce``.

    Args:
        tensor: any shape, the same on all ranks; of numbers.

    Raises:
        DtypeError: not a tensor.
        RankLostError: a rank hangs, has ended, or does something else.

    >>> import minicnn as mc
    >>> total = mc.tensor([1.0, 2.0])
    >>> all_reduce(total)
    >>> total  # of one rank
    tensor([1., 2.])
    """
    _change(tensor, "all_reduce", lambda ranks, t: ranks.start_sum(t, "all_reduce").wait())


def broadcast(tensor):
    """Put the values of rank 0 into the tensor, on every rank.

    As ``torch.distributed.broadcast``.

    Args:
        tensor: any shape, the same on all ranks; of numbers.

    Raises:
        DtypeError: not a tensor.
        RankLostError: a rank hangs, has ended, or does something else.

    >>> import minicnn as mc
    >>> values = mc.tensor([1.0, 2.0])
    >>> broadcast(values)
    >>> values  # of one rank
    tensor([1., 2.])
    """
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
