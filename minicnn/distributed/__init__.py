"""Data-parallel training: several processes, on one machine or many, train one network together.

Started by ``mpiexec -n 4 python program.py``, `minicnn.training.fit` and ``minicnn train`` do it by
themselves; what is here is what they do it with. Without mpiexec nothing changes, and MPI is not
needed.

Functions named like those of ``torch.distributed`` mean the same; the rest is minicnn's own.
Without the package mpi4py, what needs it raises `MissingPartError`; when another process is lost,
`RankLostError`; arrays and arguments that do not fit `ShapeError`, `DtypeError` or
`ArgumentError`.
"""

from minicnn.distributed.collectives import (
    all_reduce,
    barrier,
    broadcast,
    get_rank,
    get_world_size,
    is_available,
)
from minicnn.distributed.communicator import Alone, Communicator
from minicnn.distributed.data_parallel import DistributedDataParallel
from minicnn.distributed.joining import alone, init_process_group, is_initialized, world
from minicnn.distributed.pending import RankLostError
from minicnn.distributed.sampler import DistributedSampler
from minicnn.distributed.sync_batchnorm import SyncBatchNorm
from minicnn.distributed.voice import complain, first_goes_first, from_first, is_first, one_voice
