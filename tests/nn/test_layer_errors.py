"""Bad input to layers: a clear error that names the operation and the way out."""

import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn

IMAGES = mc.zeros(2, 3, 8, 8)

ERRORS = {
    "wrong channels": (
        lambda: F.conv2d(IMAGES, mc.zeros(6, 1, 5, 5)),
        RuntimeError,
        r"conv2d: input has 3 channels, but weight \(6, 1, 5, 5\) expects 1 × groups \(1\). "
        r"Did you mean Conv2d\(3, 6, 5\)\?",
    ),
    "kernel larger than the padded input": (
        lambda: nn.Conv2d(3, 4, 11, padding=1)(IMAGES),
        RuntimeError,
        r"conv2d: a kernel of 11 × 11 does not fit into the input of 10 × 10 \(with its padding\)",
    ),
    "dilated kernel larger than the input": (
        lambda: nn.Conv2d(3, 4, 3, dilation=4)(IMAGES),
        RuntimeError,
        r"a kernel of 9 × 9 \(with its dilation\)",
    ),
    "pooling window larger than the input": (
        lambda: F.max_pool2d(IMAGES, 9),
        RuntimeError,
        "max_pool2d: a kernel of 9 × 9 does not fit",
    ),
    "groups that do not divide": (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        ValueError,
        r"Conv2d: in_channels \(3\) must be divisible by groups \(2\)",
    ),
    "groups that do not divide the output": (
        lambda: nn.Conv2d(4, 3, 3, groups=2),
        ValueError,
        r"Conv2d: out_channels \(3\) must be divisible by groups \(2\)",
    ),
    "groups, functional": (
        lambda: F.conv2d(IMAGES, mc.zeros(4, 1, 3, 3), groups=2),
        RuntimeError,
        "conv2d: groups=2 must divide both the 3 input channels and the 4 output channels",
    ),
    "bias of the wrong length": (
        lambda: F.conv2d(IMAGES, mc.zeros(4, 3, 3, 3), mc.zeros(3)),
        RuntimeError,
        r"conv2d: bias must have shape \(4,\), got \(3,\)",
    ),
    "an image without channels": (
        lambda: nn.Conv2d(1, 6, 5)(mc.zeros(28, 28)),
        RuntimeError,
        r"conv2d: expected input of shape \(N, C, H, W\).*got \(28, 28\).*unsqueeze\(-3\)",
    ),
    "integer images": (
        lambda: nn.Conv2d(1, 6, 5)(mc.zeros(1, 1, 28, 28, dtype=mc.uint8)),
        RuntimeError,
        r"conv2d: expected a floating-point input, got uint8.*/ 255",
    ),
    "mixed dtypes": (
        lambda: nn.Conv2d(3, 6, 5)(IMAGES.double()),
        RuntimeError,
        "conv2d: input is float64, but weight is float32",
    ),
    "stride 0": (
        lambda: nn.Conv2d(3, 6, 5, stride=0),
        ValueError,
        "Conv2d: stride must be at least 1, got 0",
    ),
    "three strides": (
        lambda: F.conv2d(IMAGES, mc.zeros(4, 3, 3, 3), stride=(1, 1, 1)),
        RuntimeError,
        "conv2d: stride must be one integer or 2, got 3",
    ),
    "a fraction as kernel": (
        lambda: nn.Conv2d(3, 6, 2.5),
        TypeError,
        "Conv2d: kernel_size must be an integer or 2 integers, got 2.5",
    ),
    "misspelt padding": (
        lambda: nn.Conv2d(3, 6, 3, padding="some"),
        ValueError,
        "padding must be one of 'valid', 'same'; got 'some', did you mean 'same'",
    ),
    "same padding with stride": (
        lambda: nn.Conv2d(3, 6, 3, padding="same", stride=2),
        ValueError,
        "padding='same' needs stride 1",
    ),
    "too much pooling padding": (
        lambda: F.avg_pool2d(IMAGES, 2, padding=2),
        RuntimeError,
        r"avg_pool2d: padding \(2, 2\) must be at most half of the kernel \(2, 2\)",
    ),
    "windows of padding alone": (
        lambda: F.max_pool2d(mc.zeros(1, 1, 4, 4), 2, 1, 1, dilation=5),
        ValueError,
        "max_pool2d: with dilation 5 and padding 1 some windows of 2 lie in the padding alone",
    ),
    "divisor 0": (
        lambda: F.avg_pool2d(IMAGES, 2, divisor_override=0),
        RuntimeError,
        "divisor_override must not be 0",
    ),
    "forgotten flatten": (
        lambda: nn.Linear(192, 10)(IMAGES),
        RuntimeError,
        r"linear: input of shape \(2, 3, 8, 8\) must end in 192 features.*flatten\(1\)",
    ),
    "label out of range": (
        lambda: F.cross_entropy(mc.zeros(3, 10), mc.tensor([1, 10, 2])),
        IndexError,
        "cross_entropy: target 10 is out of bounds: with 10 classes, labels run from 0 to 9",
    ),
    "negative label": (
        lambda: F.cross_entropy(mc.zeros(1, 10), mc.tensor([-1])),
        IndexError,
        "target -1 is out of bounds",
    ),
    "fractional labels": (
        lambda: F.cross_entropy(mc.zeros(1, 10), mc.tensor([1.0])),
        TypeError,
        r"target must hold class numbers as integers, got float32; use .long\(\)",
    ),
    "labels of another batch": (
        lambda: nn.CrossEntropyLoss()(mc.zeros(4, 10), mc.zeros(3, dtype=mc.int64)),
        ValueError,
        r"input of shape \(4, 10\) needs a target of shape \(4,\)",
    ),
    "empty batch": (
        lambda: F.cross_entropy(mc.zeros(0, 10), mc.zeros(0, dtype=mc.int64)),
        ValueError,
        "cross_entropy: the batch is empty, and a mean over 0 samples does not exist",
    ),
    "misspelt reduction": (
        lambda: F.nll_loss(mc.zeros(1, 2), mc.tensor([0]), reduction="average"),
        ValueError,
        "nll_loss: reduction must be one of 'none', 'mean', 'sum'; got 'average'",
    ),
    "not a tensor": (
        lambda: nn.Conv2d(1, 1, 1)([[1.0]]),
        TypeError,
        "conv2d: expected a tensor, got list",
    ),
    "integers that require grad": (
        lambda: nn.Parameter(mc.tensor([1, 2])),
        RuntimeError,
        "Parameter: .*only floating-point tensors can require gradients, this one is int64",
    ),
    "a device that is not there": (
        lambda: nn.Linear(2, 2, device="cuda"),
        RuntimeError,
        "device: 'cuda' is not available",
    ),
    "an unknown activation": (
        lambda: mc.models.lenet5(activation="rleu"),
        ValueError,
        "LeNet5: activation must be one of .*; got 'rleu', did you mean 'relu'",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_input(name):
    call, error, text = ERRORS[name]
    with pytest.raises(error, match=text):
        call()
