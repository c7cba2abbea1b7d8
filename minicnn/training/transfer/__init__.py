"""Transfer learning: what a network has learnt from many images, put to use where there are few.

The functions are minicnn's own and take any `Module`; names are strings, counts integers. A layer
or stage that the network does not have raises `ArgumentError`, something else than a network
`DtypeError`.

>>> from minicnn import models, optim
>>> from minicnn.training import transfer
>>> model = models.lenet5()  # with weights="…", those of another task
>>> head = transfer.replace_head(model, num_classes=5)
>>> _ = transfer.freeze(model, first=2)  # both convolutions
>>> sgd = optim.SGD(transfer.parameter_groups(model, lr=0.02, decay=0.5), lr=0.02)
"""

from minicnn.training.transfer.activations import activations, split
from minicnn.training.transfer.freezing import freeze, unfreeze
from minicnn.training.transfer.heads import find_head, replace_head
from minicnn.training.transfer.rates import parameter_groups
from minicnn.training.transfer.stages import stages
