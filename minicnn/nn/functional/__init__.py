"""Layers without state: PyTorch's ``torch.nn.functional``.

Each function checks its arguments, then runs one operation of `minicnn.ops`.
"""

from minicnn.functions.elementwise import log_softmax, sigmoid, softmax, tanh
from minicnn.nn.functional.activation import relu
from minicnn.nn.functional.convolution import conv2d
from minicnn.nn.functional.linear import linear
from minicnn.nn.functional.loss import cross_entropy, nll_loss
from minicnn.nn.functional.pooling import avg_pool2d, max_pool2d
