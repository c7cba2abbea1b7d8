"""minicnn: convolutional networks to learn from, in PyTorch's words.

>>> import minicnn as mc
>>> x = mc.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from minicnn import autograd, data, equations, models, nn, optim, plot, textbook, training
from minicnn._version import __version__
from minicnn.autograd import enable_grad, is_grad_enabled, no_grad
from minicnn.checking import gradcheck
from minicnn.creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from minicnn.dtypes import bool, float16, float32, float64, int32, int64, uint8
from minicnn.functions.comparisons import all, allclose, any, eq, equal, ge, gt, isnan, le, lt, ne
from minicnn.functions.elementwise import (
    abs,
    add,
    clamp,
    div,
    exp,
    log,
    log_softmax,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    softmax,
    sqrt,
    square,
    sub,
    tanh,
    where,
)
from minicnn.functions.products import matmul
from minicnn.functions.reductions import (
    amax,
    amin,
    argmax,
    argmin,
    max,
    maximum,
    mean,
    min,
    minimum,
    sum,
)
from minicnn.functions.shaping import (
    cat,
    expand,
    flatten,
    flip,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unsqueeze,
    view,
)
from minicnn.kernels import kernels
from minicnn.random import Generator, manual_seed
from minicnn.serialization import load, save
from minicnn.tensor import Tensor
