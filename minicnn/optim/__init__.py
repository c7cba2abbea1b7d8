"""Optimisers: how parameters follow their gradients."""

from minicnn.optim import lr_scheduler
from minicnn.optim.adam import Adam
from minicnn.optim.optimizer import Optimizer
from minicnn.optim.sgd import SGD
