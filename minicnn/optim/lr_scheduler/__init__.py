"""Step sizes that change while training: PyTorch's ``torch.optim.lr_scheduler``.

A schedule's `step` is called after the optimiser's, once an epoch or once a batch. Most compute the
next step size from the one in force, so that several schedules of one optimiser multiply.

A value out of range raises `ArgumentError`, something else than an optimiser `DtypeError`.
"""

from minicnn.optim.lr_scheduler.annealing import CosineAnnealingLR, LinearLR
from minicnn.optim.lr_scheduler.decay import ExponentialLR, LambdaLR, MultiStepLR, StepLR
from minicnn.optim.lr_scheduler.one_cycle import OneCycleLR
from minicnn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minicnn.optim.lr_scheduler.scheduler import LRScheduler
from minicnn.optim.lr_scheduler.sequence import SequentialLR
