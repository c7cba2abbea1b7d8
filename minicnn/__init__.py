"""minicnn: convolutional networks to learn from, in PyTorch's words.

Names, arguments, defaults and edge cases are PyTorch's, wherever PyTorch has the thing; it is also
what these functions are tested against. Functions take tensors of any shape and any dtype unless
they say otherwise; two tensors broadcast, and mixed dtypes promote, as in PyTorch. Arguments are
checked before anything is computed. What does not fit raises `ShapeError` (sizes), `DtypeError` (a
wrong dtype or type), `IndexRangeError` (a dimension or index that is not there) or `ArgumentError`
(another value that is not supported), all of `minicnn.checks`; the text says what to try.

>>> import minicnn as mc
>>> x = mc.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from minicnn import (
    amp,
    autograd,
    cuda,
    data,
    distributed,
    equations,
    models,
    nn,
    onnx,
    optim,
    plot,
    textbook,
    training,
)
from minicnn._version import __version__
from minicnn.autograd import enable_grad, is_grad_enabled, no_grad
from minicnn.checking import gradcheck
from minicnn.config import show_config
from minicnn.creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_dlpack,
    from_numpy,
    full,
    linspace,
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
from minicnn.cuda import get_float32_matmul_precision, set_float32_matmul_precision
from minicnn.device import Device as device
from minicnn.dtypes import bool, float16, float32, float64, int32, int64, uint8
from minicnn.functions.comparisons import all, allclose, any, eq, equal, ge, gt, isnan, le, lt, ne
from minicnn.functions.einsum import einsum
from minicnn.functions.elementwise import (
    abs,
    add,
    clamp,
    cos,
    div,
    exp,
    floor_divide,
    log,
    log_softmax,
    masked_fill,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    relu,
    remainder,
    sigmoid,
    sign,
    sin,
    softmax,
    sqrt,
    square,
    sub,
    tanh,
    where,
)
from minicnn.functions.logic import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
)
from minicnn.functions.ordering import argsort, sort, topk
from minicnn.functions.products import matmul
from minicnn.functions.rearranging import chunk, repeat, roll, split, unflatten
from minicnn.functions.reductions import (
    amax,
    amin,
    argmax,
    argmin,
    cumsum,
    max,
    mean,
    min,
    prod,
    sum,
)
from minicnn.functions.selecting import gather, index_select
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
from minicnn.functions.statistics import logsumexp, std, var
from minicnn.kernels import kernels
from minicnn.kernels.threads import get_num_threads, set_num_threads
from minicnn.random import Generator, manual_seed
from minicnn.serialization import load, save
from minicnn.summary import summary
from minicnn.tensor import Tensor
from minicnn.tracing import trace
