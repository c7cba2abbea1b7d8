"""Inception-ResNet v2: Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual
connections on learning", 2016, figures 15 to 19; with timm's names.

    layer                  maps @ size         parameters
    input                     3 @ 299 × 299
    conv2d_1a 3×3/2          32 @ 149 × 149            928
    conv2d_2a 3×3            32 @ 147 × 147          9,280
    conv2d_2b 3×3            64 @ 147 × 147         18,560
    maxpool_3a 3×3/2         64 @ 73 × 73
    conv2d_3b 1×1            80 @ 73 × 73            5,280
    conv2d_4a 3×3           192 @ 71 × 71          138,624
    maxpool_5a 3×3/2        192 @ 35 × 35
    mixed_5b                320 @ 35 × 35          268,320
    repeat    10 Block35    320 @ 35 × 35        1,231,680
    mixed_6a               1088 @ 17 × 17        2,664,960
    repeat_1  20 Block17   1088 @ 17 × 17       22,535,680
    mixed_7a               2080 @ 8 × 8          3,880,960
    repeat_2   9 Block8    2080 @ 8 × 8         18,318,816
    block8       Block8    2080 @ 8 × 8          2,035,424
    conv2d_7b 1×1          1536 @ 8 × 8          3,197,952
    classif                1000                  1,537,000
                                                55,843,464

An Inception module's output, brought back to the number of maps that came in by a 1×1 convolution,
is added to its input after it was scaled down (section 3.3: without that, residuals of so many maps
made training die).
"""

from minicnn import nn
from minicnn.functions.shaping import cat
from minicnn.models.inception_parts import BasicConv2d, Branches, GlobalPool, classifier
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build

SMALLEST = 75


class Mixed_5b(Branches):
    """The last module of the stem."""

    def __init__(self):
        super().__init__()
        self.branch0 = BasicConv2d(192, 96, kernel_size=1)
        self.branch1 = nn.Sequential(
            BasicConv2d(192, 48, kernel_size=1),
            BasicConv2d(48, 64, kernel_size=5, padding=2),
        )
        self.branch2 = nn.Sequential(
            BasicConv2d(192, 64, kernel_size=1),
            BasicConv2d(64, 96, kernel_size=3, padding=1),
            BasicConv2d(96, 96, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            BasicConv2d(192, 64, kernel_size=1),
        )


class Mixed_6a(Branches):
    """From 35 × 35 to 17 × 17."""

    def __init__(self):
        super().__init__()
        self.branch0 = BasicConv2d(320, 384, kernel_size=3, stride=2)
        self.branch1 = nn.Sequential(
            BasicConv2d(320, 256, kernel_size=1),
            BasicConv2d(256, 256, kernel_size=3, padding=1),
            BasicConv2d(256, 384, kernel_size=3, stride=2),
        )
        self.branch2 = nn.MaxPool2d(3, stride=2)


class Mixed_7a(Branches):
    """From 17 × 17 to 8 × 8 (figure 18)."""

    def __init__(self):
        super().__init__()
        self.branch0 = nn.Sequential(
            BasicConv2d(1088, 256, kernel_size=1),
            BasicConv2d(256, 384, kernel_size=3, stride=2),
        )
        self.branch1 = nn.Sequential(
            BasicConv2d(1088, 256, kernel_size=1),
            BasicConv2d(256, 288, kernel_size=3, stride=2),
        )
        self.branch2 = nn.Sequential(
            BasicConv2d(1088, 256, kernel_size=1),
            BasicConv2d(256, 288, kernel_size=3, padding=1),
            BasicConv2d(288, 320, kernel_size=3, stride=2),
        )
        self.branch3 = nn.MaxPool2d(3, stride=2)


class ScaledResidual(nn.Module):
    """y = f(x + scale · (W ⊗ branches side by side)), W the 1×1 convolution `conv2d`.

    Args:
        branches: modules of x.
        width: how many maps they make together.
        channels: the maps of x, which `conv2d` gets back to.
        scale: what the residual is multiplied by.
        relu: whether f is ReLU; else nothing.
    """

    def __init__(self, branches, width, channels, scale, relu=True):
        super().__init__()
        self.scale = scale
        self.branches = len(branches)
        for i, branch in enumerate(branches):
            self.add_module(f"branch{i}", branch)
        self.conv2d = nn.Conv2d(width, channels, kernel_size=1)
        self.act = nn.ReLU() if relu else nn.Identity()

    def forward(self, x):
        maps = cat([getattr(self, f"branch{i}")(x) for i in range(self.branches)], 1)
        return self.act(self.conv2d(maps) * self.scale + x)


class Block35(ScaledResidual):
    """Figure 16: Inception-ResNet-A, for the grid of 35 × 35."""

    def __init__(self, scale):
        branches = [
            BasicConv2d(320, 32, kernel_size=1),
            nn.Sequential(
                BasicConv2d(320, 32, kernel_size=1),
                BasicConv2d(32, 32, kernel_size=3, padding=1),
            ),
            nn.Sequential(
                BasicConv2d(320, 32, kernel_size=1),
                BasicConv2d(32, 48, kernel_size=3, padding=1),
                BasicConv2d(48, 64, kernel_size=3, padding=1),
            ),
        ]
        super().__init__(branches, 128, 320, scale)


class Block17(ScaledResidual):
    """Figure 17: Inception-ResNet-B, for the grid of 17 × 17."""

    def __init__(self, scale):
        branches = [
            BasicConv2d(1088, 192, kernel_size=1),
            nn.Sequential(
                BasicConv2d(1088, 128, kernel_size=1),
                BasicConv2d(128, 160, kernel_size=(1, 7), padding=(0, 3)),
                BasicConv2d(160, 192, kernel_size=(7, 1), padding=(3, 0)),
            ),
        ]
        super().__init__(branches, 384, 1088, scale)


class Block8(ScaledResidual):
    """Figure 19: Inception-ResNet-C, for the grid of 8 × 8."""

    def __init__(self, scale=1.0, relu=True):
        branches = [
            BasicConv2d(2080, 192, kernel_size=1),
            nn.Sequential(
                BasicConv2d(2080, 192, kernel_size=1),
                BasicConv2d(192, 224, kernel_size=(1, 3), padding=(0, 1)),
                BasicConv2d(224, 256, kernel_size=(3, 1), padding=(1, 0)),
            ),
        ]
        super().__init__(branches, 448, 2080, scale, relu)


class InceptionResnetV2(nn.Module):
    """Inception-ResNet v2.


    Shapes: (N, in_chans, 299, 299), at least 75 × 75 → scores (N, num_classes).

    Szegedy et al. 2016.

    Args:
        num_classes: the number of outputs; 0 leaves the pooled maps (N, 1536) as they are.
        in_chans: the channels of the images.
        drop_rate: of the dropout before the last layer (0.2 in the paper).
        global_pool: ``"avg"``, ``"max"``, ``"avgmax"`` (the mean of both) or ``"catavgmax"`` (both
            side by side).

    Raises:
        ArgumentError: another pooling.
        ShapeError: called on smaller images, or other channels.

    >>> InceptionResnetV2(num_classes=10, global_pool="catavgmax").classif.in_features
    3072
    """

    def __init__(self, num_classes=1000, in_chans=3, drop_rate=0.0, global_pool="avg"):
        super().__init__()
        self.num_classes, self.in_chans, self.num_features = num_classes, in_chans, 1536
        self.conv2d_1a = BasicConv2d(in_chans, 32, kernel_size=3, stride=2)
        self.conv2d_2a = BasicConv2d(32, 32, kernel_size=3)
        self.conv2d_2b = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = BasicConv2d(64, 80, kernel_size=1)
        self.conv2d_4a = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool_5a = nn.MaxPool2d(3, stride=2)
        self.mixed_5b = Mixed_5b()
        self.repeat = nn.Sequential(*[Block35(scale=0.17) for _ in range(10)])
        self.mixed_6a = Mixed_6a()
        self.repeat_1 = nn.Sequential(*[Block17(scale=0.10) for _ in range(20)])
        self.mixed_7a = Mixed_7a()
        self.repeat_2 = nn.Sequential(*[Block8(scale=0.20) for _ in range(9)])
        self.block8 = Block8(relu=False)
        self.conv2d_7b = BasicConv2d(2080, self.num_features, kernel_size=1)
        self.global_pool = GlobalPool("InceptionResnetV2", global_pool)
        self.head_drop = nn.Dropout(drop_rate)
        self.classif = classifier(self.num_features, num_classes, self.global_pool)

    def forward(self, x):
        check_images("InceptionResnetV2", x, self.in_chans, SMALLEST)
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))  # (N, 64, 147, 147)
        x = self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x)))  # (N, 192, 71, 71)
        x = self.repeat(self.mixed_5b(self.maxpool_5a(x)))  # (N, 320, 35, 35)
        x = self.repeat_1(self.mixed_6a(x))  # (N, 1088, 17, 17)
        x = self.block8(self.repeat_2(self.mixed_7a(x)))  # (N, 2080, 8, 8)
        x = self.global_pool(self.conv2d_7b(x))  # (N, 1536)
        return self.classif(self.head_drop(x))


@register
def inception_resnet_v2(*, weights=None, progress=True, **options):
    """Inception-ResNet v2; `weights` may be a file, the `options` are those of the class.

    55,843,464 parameters. Szegedy et al. 2016, figures 15 to 19, as timm has it.
    """
    return build(InceptionResnetV2, "inception_resnet_v2", weights, progress, **options)
