"""Layers: modules with state (`Module`) over functions without (`functional`).

Names, arguments, defaults and keys of the ``state_dict`` are PyTorch's. A layer takes a batch, such
as (N, C, H, W), and most take a single sample as well; parameters are float32 unless `dtype` says
otherwise, and an input has their dtype. A wrong option raises `ArgumentError` or `DtypeError` when
the layer is made; a wrong input `ShapeError` or `DtypeError` when it is called.
"""

from minicnn.nn import functional, init, utils
from minicnn.nn.activation import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minicnn.nn.containers import ModuleDict, ModuleList, Sequential
from minicnn.nn.convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from minicnn.nn.dropout import Dropout, Dropout2d, StochasticDepth
from minicnn.nn.linear import Flatten, Identity, Linear
from minicnn.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from minicnn.nn.module import Module
from minicnn.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    LocalResponseNorm,
)
from minicnn.nn.padding import ZeroPad2d
from minicnn.nn.parameter import Parameter
from minicnn.nn.pooling import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    LPPool2d,
    MaxPool1d,
    MaxPool2d,
    MaxUnpool2d,
)
from minicnn.nn.resampling import (
    ChannelShuffle,
    Fold,
    PixelShuffle,
    Unflatten,
    Unfold,
    Upsample,
)
