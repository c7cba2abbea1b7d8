"""Which terms an entry is the sum of: one rule for each kind of operation.

All indices are those of whole arrays: (n, c, y, x) for maps. Of a batch only the kept samples can
be looked at, so sums over the batch run over those.

A rule takes a `Place` and the entry's index, a backward's rule the number of the input as well, and
gives a list of `minicnn.tracing.Term`. The page has the same rules in JavaScript
(``stepper/page/js/rules_*.js``); the tests hold the two equal.
"""

from minicnn.checks import ArgumentError
from minicnn.tracing.rules import (
    convolution,
    elementwise,
    losses,
    moving,
    normalization,
    pooling,
    products,
)
from minicnn.tracing.rules.convolution import windows
from minicnn.tracing.rules.elementwise import ELEMENTWISE
from minicnn.tracing.rules.moving import MOVING
from minicnn.tracing.rules.place import Place

FORWARD = {
    "Conv2d": convolution.convolution_forward,
    "ConvTranspose2d": convolution.transposed_forward,
    "Linear": products.linear_forward,
    "Matmul": products.matmul_forward,
    "Dot": products.dot_forward,
    "MaxPool2d": pooling.max_pool_forward,
    "AdaptiveMaxPool2d": pooling.max_pool_forward,
    "AvgPool2d": pooling.mean_pool_forward,
    "AdaptiveAvgPool2d": pooling.mean_pool_forward,
    "BatchNorm": normalization.norm_forward,
    "LayerNorm": normalization.norm_forward,
    "GroupNorm": normalization.norm_forward,
    "InstanceNorm": normalization.norm_forward,
    "LocalResponseNorm": normalization.response_norm_forward,
}

BACKWARD = {
    "Conv2d": convolution.convolution_backward,
    "ConvTranspose2d": convolution.transposed_backward,
    "Linear": products.linear_backward,
    "Matmul": products.matmul_backward,
    "Dot": products.dot_backward,
    "MaxPool2d": pooling.max_pool_backward,
    "AdaptiveMaxPool2d": pooling.max_pool_backward,
    "AvgPool2d": pooling.mean_pool_backward,
    "AdaptiveAvgPool2d": pooling.mean_pool_backward,
    "Sum": losses.reduction_backward,
    "Mean": losses.reduction_backward,
    "BatchNorm": normalization.batch_norm_backward,
    "LayerNorm": normalization.norm_backward,
    "GroupNorm": normalization.norm_backward,
    "InstanceNorm": normalization.norm_backward,
    "LocalResponseNorm": normalization.response_norm_backward,
    "Softmax": losses.softmax_backward,
    "LogSoftmax": losses.log_softmax_backward,
    "CrossEntropy": losses.cross_entropy_backward,
    "SoftCrossEntropy": losses.soft_cross_entropy_backward,
    **dict.fromkeys(MOVING, moving.moved_backward),
    **dict.fromkeys(ELEMENTWISE, elementwise.elementwise_backward),
}


def forward_terms(step, index, sample, operation=None):
    """The terms of entry `index` of the first output.

    Raises:
        ArgumentError: the operation has no rule.
    """
    rule = FORWARD.get(step.operation)
    if rule is None:
        raise ArgumentError(f"terms: the output of {step.operation} is not written out as a sum")
    return rule(Place(step, sample, operation), index)


def backward_terms(step, i, index, sample, operation=None, place=None):
    """The terms of entry `index` of the gradient of input i.

    Who asks for many entries of one step may pass its `Place`, which keeps what they share.

    Raises:
        ArgumentError: the operation has no rule, or the step's forward was not recorded.
    """
    if not step.inputs:
        raise ArgumentError(f"terms: {step.note}")
    rule = BACKWARD.get(step.operation)
    if rule is None:
        raise ArgumentError(f"terms: the gradients of {step.operation} are not written out as sums")
    return rule(place or Place(step, sample, operation), i, index)


def slopes_at(step, i, sample, operation=None):
    """∂output/∂input i at every kept place of an element-wise step's output, as an array."""
    return elementwise.slopes_of(Place(step, sample, operation))[i]


def moved_numbers(step, sample, operation=None):
    """For each place of the output of a step that moves entries, which entry it shows.

    Returns:
        An array of the output's whole shape, and `starts`: input i's entries have the numbers from
        ``starts[i]`` on, in row-major order; 0 stands for what was filled in.
    """
    return moving.numbers_moved(Place(step, sample, operation))
