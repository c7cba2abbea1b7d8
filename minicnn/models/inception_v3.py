"""Inception v3: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015,
section 6 and figures 5, 6, 7 and 10; as torchvision has it.

    layer                 maps @ size         parameters
    input                    3 @ 299 × 299
    Conv2d_1a 3×3/2         32 @ 149 × 149           928
    Conv2d_2a 3×3           32 @ 147 × 147         9,280
    Conv2d_2b 3×3           64 @ 147 × 147        18,560
    maxpool1 3×3/2          64 @ 73 × 73
    Conv2d_3b 1×1           80 @ 73 × 73           5,280
    Conv2d_4a 3×3          192 @ 71 × 71         138,624
    maxpool2 3×3/2         192 @ 35 × 35
    Mixed_5b  InceptionA   256 @ 35 × 35         255,904    5×5 beside two 3×3 (figure 5)
    Mixed_5c  InceptionA   288 @ 35 × 35         277,472
    Mixed_5d  InceptionA   288 @ 35 × 35         285,152
    Mixed_6a  InceptionB   768 @ 17 × 17       1,153,280    half the size (figure 10)
    Mixed_6b  InceptionC   768 @ 17 × 17       1,297,408    n×n as 1×n and n×1, n = 7 (figure 6)
    Mixed_6c  InceptionC   768 @ 17 × 17       1,691,008
    Mixed_6d  InceptionC   768 @ 17 × 17       1,691,008
    Mixed_6e  InceptionC   768 @ 17 × 17       2,141,952
    Mixed_7a  InceptionD  1280 @ 8 × 8         1,698,304    half the size
    Mixed_7b  InceptionE  2048 @ 8 × 8         5,044,608    1×3 beside 3×1 (figure 7)
    Mixed_7c  InceptionE  2048 @ 8 × 8         6,076,800
    avgpool               2048 @ 1 × 1
    fc                    1000                 2,049,000
                                              23,834,568
    AuxLogits             1000                 3,326,696    from Mixed_6e, in training only
                                              27,161,264
"""

from collections import namedtuple

from minicnn import nn
from minicnn.functions.shaping import cat, flatten
from minicnn.models.inception_parts import (
    BasicConv2d,
    as_if_normalised_by_half,
    build_with_heads,
    init_truncated_normal,
)
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.nn import functional as F

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
InceptionOutputs.__doc__ = """What Inception v3 gives in training: scores, and those of the head.

As in torchvision, a tuple. It checks nothing, and raises nothing.

Args:
    logits: the scores that count, a tensor (N, classes).
    aux_logits: those of the head; None without one.

>>> InceptionOutputs(1, 2).logits
1
"""

SMALLEST = 75  # with it, Mixed_7a receives 3 × 3
SMALLEST_IN_TRAINING = 299  # with it, the head pools 17 × 17 maps to the 5 × 5 of its kernels


class InceptionA(nn.Module):
    """1×1, 5×5, two 3×3 (which see what a 5×5 sees), and a pool, side by side."""

    def __init__(self, in_channels, pool_features):
        super().__init__()
        self.branch1x1 = BasicConv2d(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = BasicConv2d(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = BasicConv2d(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, kernel_size=3, padding=1)
        self.branch_pool = BasicConv2d(in_channels, pool_features, kernel_size=1)

    def forward(self, x):
        small = self.branch1x1(x)
        large = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return cat([small, large, double, pooled], 1)


class InceptionB(nn.Module):
    """Half the size and more maps: convolutions and a pool with stride 2, side by side."""

    def __init__(self, in_channels):
        super().__init__()
        self.branch3x3 = BasicConv2d(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, kernel_size=3, stride=2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], 1)


class InceptionC(nn.Module):
    """7×7 as 1×7 and 7×1, once and twice, beside 1×1 and a pool; `channels_7x7` maps between."""

    def __init__(self, in_channels, channels_7x7):
        super().__init__()
        c7 = channels_7x7
        row = {"kernel_size": (1, 7), "padding": (0, 3)}
        column = {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = BasicConv2d(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = BasicConv2d(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = BasicConv2d(c7, c7, **row)
        self.branch7x7_3 = BasicConv2d(c7, 192, **column)
        self.branch7x7dbl_1 = BasicConv2d(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = BasicConv2d(c7, c7, **column)
        self.branch7x7dbl_3 = BasicConv2d(c7, c7, **row)
        self.branch7x7dbl_4 = BasicConv2d(c7, c7, **column)
        self.branch7x7dbl_5 = BasicConv2d(c7, 192, **row)
        self.branch_pool = BasicConv2d(in_channels, 192, kernel_size=1)

    def forward(self, x):
        small = self.branch1x1(x)
        large = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        pooled = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return cat([small, large, double, pooled], 1)


class InceptionD(nn.Module):
    """Half the size again; the second branch sees 7×7 first."""

    def __init__(self, in_channels):
        super().__init__()
        self.branch3x3_1 = BasicConv2d(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = BasicConv2d(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = BasicConv2d(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = BasicConv2d(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = BasicConv2d(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = BasicConv2d(192, 192, kernel_size=3, stride=2)

    def forward(self, x):
        small = self.branch3x3_2(self.branch3x3_1(x))
        large = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return cat([small, self.branch7x7x3_4(large), F.max_pool2d(x, 3, stride=2)], 1)


class InceptionE(nn.Module):
    """1×3 and 3×1 not one after the other but side by side: many maps for the coarsest grid."""

    def __init__(self, in_channels):
        super().__init__()
        row = {"kernel_size": (1, 3), "padding": (0, 1)}
        column = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = BasicConv2d(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = BasicConv2d(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = BasicConv2d(384, 384, **row)
        self.branch3x3_2b = BasicConv2d(384, 384, **column)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(384, 384, **row)
        self.branch3x3dbl_3b = BasicConv2d(384, 384, **column)
        self.branch_pool = BasicConv2d(in_channels, 192, kernel_size=1)

    def forward(self, x):
        small = self.branch1x1(x)
        large = self.branch3x3_1(x)
        large = [self.branch3x3_2a(large), self.branch3x3_2b(large)]
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)]
        pooled = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return cat([small, *large, *double, pooled], 1)


class InceptionV3Aux(nn.Module):
    """The auxiliary head: pool 5×5/3 → 1×1 → 5×5 → scores."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv0 = BasicConv2d(in_channels, 128, kernel_size=1)
        self.conv1 = BasicConv2d(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x):
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, stride=3)))  # (N, 768, 1, 1)
        return self.fc(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inception3(nn.Module):
    """Inception v3.


    Shapes: (N, 3, 299, 299), at least 75 × 75 → scores (N, num_classes); in training, with the
    head, `InceptionOutputs`, from images of at least 299 × 299.

    Szegedy et al. 2015, "Rethinking the Inception architecture for computer vision".

    Args:
        num_classes: the number of outputs.
        aux_logits: whether there is an auxiliary head.
        transform_input: whether images normalised by ImageNet's mean and deviation are brought to
            the range −1 … 1 first, which the published weights want.
        init_weights: draw the weights from truncated normal distributions, with σ = 0.1 (0.001
            where the head computes its scores); None means True; False leaves the layers' own.
        dropout: of the last layer.

    Raises:
        ShapeError: called on smaller images, or other channels.

    >>> Inception3(num_classes=10, aux_logits=False, init_weights=False).fc.in_features
    2048
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        transform_input=False,
        init_weights=None,
        dropout=0.5,
    ):
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.AuxLogits = InceptionV3Aux(768, num_classes) if aux_logits else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights or init_weights is None:
            init_truncated_normal(self, _deviation)

    def forward(self, x):
        with_head = self.training and self.aux_logits
        name = f"Inception3 in training with its head (without: {SMALLEST} × {SMALLEST})"
        if with_head:
            check_images(name, x, 3, SMALLEST_IN_TRAINING)
        else:
            check_images("Inception3", x, 3, SMALLEST)
        if self.transform_input:
            x = as_if_normalised_by_half(x)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (N, 64, 147, 147)
        x = self.Conv2d_3b_1x1(self.maxpool1(x))  # (N, 80, 73, 73)
        x = self.maxpool2(self.Conv2d_4a_3x3(x))  # (N, 192, 35, 35)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (N, 288, 35, 35)
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # (N, 768, 17, 17)
        x = self.Mixed_6e(self.Mixed_6d(x))
        aux = self.AuxLogits(x) if with_head else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (N, 2048, 8, 8)
        x = flatten(self.dropout(self.avgpool(x)), 1)  # (N, 2048)
        x = self.fc(x)  # (N, num_classes)
        return InceptionOutputs(x, aux) if with_head else x


def _deviation(name):
    """σ of the weights of the part called so."""
    return 0.001 if name == "AuxLogits.fc" else 0.1


@register
def inception_v3(*, weights=None, progress=True, **options):
    """Inception v3; `options` are those of `Inception3`.

    With `weights`, a name or a file, ``transform_input`` is True unless given (give False for a
    network that you trained without); the auxiliary head is loaded too, and dropped with
    ``aux_logits=False``.

    27,161,264 parameters. Szegedy et al. 2015, table 1, as torchvision has it.
    """
    return build_with_heads(
        Inception3, "inception_v3", ("AuxLogits",), True, weights, progress, options
    )
