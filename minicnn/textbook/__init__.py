"""The equations of minicnn as plain loops, index by index. Slow on purpose.

Read a function beside the equation its docstring names: `minicnn.equations.get("1.11")`. This is
what the fast code is tested against, so it shares nothing with it: it imports NumPy only.

Indices start at 1 in the equations and in comments, as in mathematics, but at 0 in Python: where
an equation says x_{i+u−1}, the code says x[i + u], both i and u being smaller by one.

Arrays may be anything `numpy.asarray` takes. Sums are added up in float64; results come in the
dtype of the array worked on (x, or δ for a gradient), in float64 if that holds integers. What
does not fit raises a ValueError that names the function, what it expected, and what it got.

>>> import numpy as np
>>> from minicnn import textbook
>>> textbook.cross_correlate([[0, 1], [2, 3]], [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
array([[19., 25.],
       [37., 43.]])
"""

from .activations import (
    hardsigmoid,
    hardsigmoid_gradient,
    hardswish,
    hardswish_gradient,
    relu,
    relu6,
    relu6_gradient,
    relu_gradient,
    sigmoid,
    sigmoid_gradient,
    silu,
    silu_gradient,
    tanh,
    tanh_gradient,
)
from .convolution import (
    conv2d,
    conv2d_bias_gradient,
    conv2d_input_gradient,
    conv2d_input_gradient_scatter,
    conv2d_weight_gradient,
    conv2d_weight_gradient_direct,
    error_below_convolution,
)
from .derivatives import (
    input_derivative,
    input_derivative_rotated_error,
    input_derivative_rotated_kernel,
    kernel_derivative,
    kernel_derivative_correlated,
)
from .images import gaussian_kernel, image_kernels
from .layers import (
    dropout,
    dropout_classic_evaluation,
    dropout_gradient,
    linear,
    linear_bias_gradient,
    linear_input_gradient,
    linear_weight_gradient,
    residual,
    residual_gradient,
)
from .losses import (
    cross_entropy,
    cross_entropy_gradient,
    log_softmax,
    log_softmax_gradient,
    softmax,
    softmax_gradient,
)
from .normalization import (
    batch_norm,
    batch_norm_evaluation,
    batch_norm_gradients,
    local_response_norm,
    local_response_norm_gradient,
    unbiased_variance,
    update_running,
)
from .optimizers import adam_step, sgd_momentum_step, sgd_step, weight_decay
from .pooling import (
    avg_pool2d,
    avg_pool2d_gradient,
    error_below_max_pooling,
    error_below_mean_pooling,
    global_avg_pool2d,
    max_pool2d,
    max_pool2d_gradient,
)
from .signals import (
    append_zeros,
    convolve1d,
    convolve2d,
    crop,
    cross_correlate,
    decay_signal,
    insert_zeros,
    pad_zeros,
    rot180,
)
from .sizes import (
    dilated_size,
    leftover,
    multiplication_count,
    output_size,
    parameter_count,
    receptive_field,
    transposed_output_size,
)
from .transposed import conv_transpose2d, convolution_matrix, multiply, multiply_transposed
from .windows import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    adaptive_max_pool2d,
    fold,
    interpolate_nearest,
    interpolate_nearest_gradient,
    lp_pool2d,
    lp_pool2d_gradient,
    max_unpool2d,
    max_unpool2d_gradient,
    unfold,
)

__all__ = [
    "adam_step",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_gradient",
    "adaptive_max_pool2d",
    "append_zeros",
    "avg_pool2d",
    "avg_pool2d_gradient",
    "batch_norm",
    "batch_norm_evaluation",
    "batch_norm_gradients",
    "conv2d",
    "conv2d_bias_gradient",
    "conv2d_input_gradient",
    "conv2d_input_gradient_scatter",
    "conv2d_weight_gradient",
    "conv2d_weight_gradient_direct",
    "conv_transpose2d",
    "convolution_matrix",
    "convolve1d",
    "convolve2d",
    "crop",
    "cross_correlate",
    "cross_entropy",
    "cross_entropy_gradient",
    "decay_signal",
    "dilated_size",
    "dropout",
    "dropout_classic_evaluation",
    "dropout_gradient",
    "error_below_convolution",
    "error_below_max_pooling",
    "error_below_mean_pooling",
    "fold",
    "gaussian_kernel",
    "global_avg_pool2d",
    "hardsigmoid",
    "hardsigmoid_gradient",
    "hardswish",
    "hardswish_gradient",
    "image_kernels",
    "input_derivative",
    "input_derivative_rotated_error",
    "input_derivative_rotated_kernel",
    "insert_zeros",
    "interpolate_nearest",
    "interpolate_nearest_gradient",
    "kernel_derivative",
    "kernel_derivative_correlated",
    "leftover",
    "linear",
    "linear_bias_gradient",
    "linear_input_gradient",
    "linear_weight_gradient",
    "local_response_norm",
    "local_response_norm_gradient",
    "log_softmax",
    "log_softmax_gradient",
    "lp_pool2d",
    "lp_pool2d_gradient",
    "max_pool2d",
    "max_pool2d_gradient",
    "max_unpool2d",
    "max_unpool2d_gradient",
    "multiplication_count",
    "multiply",
    "multiply_transposed",
    "output_size",
    "pad_zeros",
    "parameter_count",
    "receptive_field",
    "relu",
    "relu6",
    "relu6_gradient",
    "relu_gradient",
    "residual",
    "residual_gradient",
    "rot180",
    "sgd_momentum_step",
    "sgd_step",
    "sigmoid",
    "sigmoid_gradient",
    "silu",
    "silu_gradient",
    "softmax",
    "softmax_gradient",
    "tanh",
    "tanh_gradient",
    "transposed_output_size",
    "unbiased_variance",
    "unfold",
    "update_running",
    "weight_decay",
]
