"""Optimisers: how parameters follow their gradients.

Names, arguments, defaults and update rules are PyTorch's. Parameters are floating-point tensors of
any shape that require grad; a value out of range raises `ArgumentError`, something else than a
parameter `DtypeError`.
"""

from minicnn.optim import lr_scheduler
from minicnn.optim.adagrad import Adagrad
from minicnn.optim.adam import Adam, AdamW
from minicnn.optim.optimizer import Optimizer
from minicnn.optim.rmsprop import RMSprop
from minicnn.optim.sgd import SGD
