"""Layers without state: PyTorch's ``torch.nn.functional``.

Each function checks its arguments, then runs one operation of `minicnn.ops`.

Names, arguments, defaults and edge cases are PyTorch's. Shapes and dtypes stand with each function,
or with the file that it is in. What does not fit raises `ShapeError`, `DtypeError`,
`IndexRangeError` or `ArgumentError` of `minicnn.checks`, before anything is computed.
"""

from minicnn.nn.functional.activation import (
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    leaky_relu,
    log_softmax,
    relu,
    relu6,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from minicnn.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
)
from minicnn.nn.functional.dropout import dropout, dropout2d, stochastic_depth
from minicnn.nn.functional.elementwise_loss import (
    binary_cross_entropy_with_logits,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from minicnn.nn.functional.encoding import normalize, one_hot
from minicnn.nn.functional.fused import batch_norm_act
from minicnn.nn.functional.linear import linear
from minicnn.nn.functional.loss import cross_entropy, nll_loss
from minicnn.nn.functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
)
from minicnn.nn.functional.padding import pad
from minicnn.nn.functional.pooling import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
)
from minicnn.nn.functional.resampling import channel_shuffle, interpolate, pixel_shuffle
from minicnn.nn.functional.unpooling import max_unpool2d
from minicnn.nn.functional.windows import fold, unfold
