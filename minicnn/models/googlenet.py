"""GoogLeNet with batch norm: Szegedy et al., "Going deeper with convolutions", 2014, table 1, as
torchvision publishes it (its ``googlenet``; the paper's own network is `googlenet_paper`).

    layer           maps @ size        of the branches 1×1 · 3×3 · "5×5" · pool       parameters
    input              3 @ 224 × 224
    conv1 7×7/2       64 @ 112 × 112                                                       9,536
    maxpool1 3×3/2    64 @ 56 × 56
    conv2 1×1         64 @ 56 × 56                                                         4,224
    conv3 3×3        192 @ 56 × 56                                                       110,976
    maxpool2 3×3/2   192 @ 28 × 28
    inception3a      256 @ 28 × 28      64 ·  96→128 · 16→ 32 ·  32                      155,872
    inception3b      480 @ 28 × 28     128 · 128→192 · 32→ 96 ·  64                      340,224
    maxpool3 3×3/2   480 @ 14 × 14
    inception4a      512 @ 14 × 14     192 ·  96→208 · 16→ 48 ·  64                      364,512
    inception4b      512 @ 14 × 14     160 · 112→224 · 24→ 64 ·  64                      425,232
    inception4c      512 @ 14 × 14     128 · 128→256 · 24→ 64 ·  64                      486,192
    inception4d      528 @ 14 × 14     112 · 144→288 · 32→ 64 ·  64                      573,312
    inception4e      832 @ 14 × 14     256 · 160→320 · 32→128 · 128                      803,840
    maxpool4 2×2/2   832 @ 7 × 7
    inception5a      832 @ 7 × 7       256 · 160→320 · 32→128 · 128                      978,944
    inception5b     1024 @ 7 × 7       384 · 192→384 · 48→128 · 128                    1,347,040
    avgpool         1024 @ 1 × 1
    fc              1000                                                               1,025,000
                                                                                       6,624,904
    aux1, aux2      1000 each, from the maps of 4a and 4d, in training only            6,379,984
                                                                                      13,004,888

It differs from the paper: batch norm behind every convolution instead of biases, no local response
normalisation, a 3×3 kernel where the paper has 5×5 (a mistake the published weights were trained
with), and heads that pool to 4×4 whatever the size. All pools keep what is left over at the right
and bottom (``ceil_mode``), so that 112 → 56 without padding.
"""

from collections import namedtuple

from minicnn import nn
from minicnn.functions.shaping import flatten
from minicnn.models.inception_parts import (
    BasicConv2d,
    Branches,
    as_if_normalised_by_half,
    build_with_heads,
    init_truncated_normal,
)
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.nn import functional as F

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])
GoogLeNetOutputs.__doc__ = """What GoogLeNet gives in training: scores, and those of the heads.

As in torchvision, a tuple. It checks nothing, and raises nothing.

Args:
    logits: the scores that count, a tensor (N, classes).
    aux_logits2, aux_logits1: those of the upper and the lower head; None without heads.

>>> GoogLeNetOutputs(1, 2, 3).logits
1
"""

# input maps; 1×1; 1×1 → 3×3; 1×1 → 5×5; 1×1 behind the pool (table 1 of the paper)
MODULES = {
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}
SMALLEST = 15  # with it, maxpool3 receives 2 × 2, the least that a window of 3 may begin with


class Inception(Branches):
    """Four ways to look at the same maps, side by side (the paper's figure 2b).

    The 1×1 convolutions before the larger kernels reduce the maps and with them the cost: from
    28×28×192 to 32 maps with 5×5 kernels costs 120,422,400 multiplications, with 16 maps between
    12,443,648.
    """

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=3, padding=1),  # 5×5 in the paper
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(in_channels, pool_proj, kernel_size=1),
        )


class InceptionAux(nn.Module):
    """An auxiliary head: maps pooled to 4×4 → 128 maps → 1024 → scores."""

    def __init__(self, in_channels, num_classes, dropout=0.7):
        super().__init__()
        self.conv = BasicConv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))  # (N, 128, 4, 4)
        x = F.relu(self.fc1(flatten(x, 1)))  # (N, 1024)
        return self.fc2(self.dropout(x))


class GoogLeNet(nn.Module):
    """GoogLeNet, torchvision's.


    Shapes: (N, 3, 224, 224), at least 15 × 15 → scores (N, num_classes); in training, with heads,
    `GoogLeNetOutputs`, for which `auxiliary_loss` computes the loss.

    Szegedy et al. 2014.

    Args:
        num_classes: the number of outputs.
        aux_logits: whether there are auxiliary heads.
        transform_input: whether images normalised by ImageNet's mean and deviation are brought to
            the range −1 … 1 first, which the published weights want.
        init_weights: draw the weights from a truncated normal distribution with σ = 0.01; None
            means True; False leaves the layers' own.
        dropout, dropout_aux: of the last layer, and of the heads.

    Raises:
        ShapeError: called on smaller images, or other channels.

    >>> GoogLeNet(num_classes=10, aux_logits=False, init_weights=False).fc.in_features
    1024
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        transform_input=False,
        init_weights=None,
        dropout=0.2,
        dropout_aux=0.7,
    ):
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(*MODULES["inception3a"])
        self.inception3b = Inception(*MODULES["inception3b"])
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(*MODULES["inception4a"])
        self.inception4b = Inception(*MODULES["inception4b"])
        self.inception4c = Inception(*MODULES["inception4c"])
        self.inception4d = Inception(*MODULES["inception4d"])
        self.inception4e = Inception(*MODULES["inception4e"])
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(*MODULES["inception5a"])
        self.inception5b = Inception(*MODULES["inception5b"])
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights or init_weights is None:
            init_truncated_normal(self, lambda name: 0.01)

    def forward(self, x):
        check_images("GoogLeNet", x, 3, SMALLEST)
        if self.transform_input:
            x = as_if_normalised_by_half(x)
        with_heads = self.training and self.aux_logits
        x = self.maxpool1(self.conv1(x))  # (N, 64, 56, 56)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, 28, 28)
        x = self.inception3b(self.inception3a(x))  # (N, 480, 28, 28)
        x = self.inception4a(self.maxpool3(x))  # (N, 512, 14, 14)
        scores1 = self.aux1(x) if with_heads else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))  # (N, 528, 14, 14)
        scores2 = self.aux2(x) if with_heads else None
        x = self.maxpool4(self.inception4e(x))  # (N, 832, 7, 7)
        x = self.inception5b(self.inception5a(x))  # (N, 1024, 7, 7)
        x = self.dropout(flatten(self.avgpool(x), 1))  # (N, 1024)
        x = self.fc(x)  # (N, num_classes)
        return GoogLeNetOutputs(x, scores2, scores1) if with_heads else x


@register
def googlenet(*, weights=None, progress=True, **options):
    """GoogLeNet; `options` are those of `GoogLeNet`.

    With `weights`, a name or a file, ``transform_input`` is True unless given (give False for a
    network that you trained without), and the auxiliary heads are dropped unless
    ``aux_logits=True`` is given (the published ones are untrained).

    13,004,888 parameters. Szegedy et al. 2014, as torchvision has it.
    """
    return build_with_heads(
        GoogLeNet, "googlenet", ("aux1", "aux2"), False, weights, progress, options
    )
