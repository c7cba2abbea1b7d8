"""Inception v4: Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual
connections on learning", 2016, figures 3 to 9; with timm's names.

    features       layer          maps @ size        parameters
                   input             3 @ 299 × 299
    0              3×3/2            32 @ 149 × 149          928
    1              3×3              32 @ 147 × 147        9,280
    2              3×3              64 @ 147 × 147       18,560
    3              Mixed3a         160 @ 73 × 73         55,488   pool beside a convolution
    4              Mixed4a         192 @ 71 × 71        189,312
    5              Mixed5a         384 @ 35 × 35        332,160
    6 … 9          4 InceptionA    384 @ 35 × 35      4 × 317,632   (figure 4)
    10             ReductionA     1024 @ 17 × 17      2,306,112   (figure 7)
    11 … 17        7 InceptionB   1024 @ 17 × 17      7 × 2,936,256   (figure 5)
    18             ReductionB     1536 @ 8 × 8        2,747,392   (figure 8)
    19 … 21        3 InceptionC   1536 @ 8 × 8        3 × 4,553,088   (figure 6)
                   global_pool    1536 @ 1 × 1
                   last_linear    1000                1,537,000
                                                     42,679,816
"""

from minicnn import nn
from minicnn.functions.shaping import cat
from minicnn.models.inception_parts import BasicConv2d, Branches, GlobalPool, classifier
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build

SMALLEST = 75


class Mixed3a(Branches):
    """Half the size, by a pool and by a convolution side by side."""

    def __init__(self):
        super().__init__()
        self.maxpool = nn.MaxPool2d(3, stride=2)
        self.conv = BasicConv2d(64, 96, kernel_size=3, stride=2)


class Mixed4a(Branches):
    """3×3, beside 7×7 (as 1×7 and 7×1) and 3×3."""

    def __init__(self):
        super().__init__()
        self.branch0 = nn.Sequential(
            BasicConv2d(160, 64, kernel_size=1),
            BasicConv2d(64, 96, kernel_size=3),
        )
        self.branch1 = nn.Sequential(
            BasicConv2d(160, 64, kernel_size=1),
            BasicConv2d(64, 64, kernel_size=(1, 7), padding=(0, 3)),
            BasicConv2d(64, 64, kernel_size=(7, 1), padding=(3, 0)),
            BasicConv2d(64, 96, kernel_size=3),
        )


class Mixed5a(Branches):
    """Half the size, by a convolution and by a pool side by side."""

    def __init__(self):
        super().__init__()
        self.conv = BasicConv2d(192, 192, kernel_size=3, stride=2)
        self.maxpool = nn.MaxPool2d(3, stride=2)


class InceptionA(Branches):
    """Figure 4: for the grid of 35 × 35."""

    def __init__(self):
        super().__init__()
        self.branch0 = BasicConv2d(384, 96, kernel_size=1)
        self.branch1 = nn.Sequential(
            BasicConv2d(384, 64, kernel_size=1),
            BasicConv2d(64, 96, kernel_size=3, padding=1),
        )
        self.branch2 = nn.Sequential(
            BasicConv2d(384, 64, kernel_size=1),
            BasicConv2d(64, 96, kernel_size=3, padding=1),
            BasicConv2d(96, 96, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            BasicConv2d(384, 96, kernel_size=1),
        )


class ReductionA(Branches):
    """Figure 7: from 35 × 35 to 17 × 17."""

    def __init__(self):
        super().__init__()
        self.branch0 = BasicConv2d(384, 384, kernel_size=3, stride=2)
        self.branch1 = nn.Sequential(
            BasicConv2d(384, 192, kernel_size=1),
            BasicConv2d(192, 224, kernel_size=3, padding=1),
            BasicConv2d(224, 256, kernel_size=3, stride=2),
        )
        self.branch2 = nn.MaxPool2d(3, stride=2)


class InceptionB(Branches):
    """Figure 5: for the grid of 17 × 17."""

    def __init__(self):
        super().__init__()
        self.branch0 = BasicConv2d(1024, 384, kernel_size=1)
        self.branch1 = nn.Sequential(
            BasicConv2d(1024, 192, kernel_size=1),
            BasicConv2d(192, 224, kernel_size=(1, 7), padding=(0, 3)),
            BasicConv2d(224, 256, kernel_size=(7, 1), padding=(3, 0)),
        )
        self.branch2 = nn.Sequential(
            BasicConv2d(1024, 192, kernel_size=1),
            BasicConv2d(192, 192, kernel_size=(7, 1), padding=(3, 0)),
            BasicConv2d(192, 224, kernel_size=(1, 7), padding=(0, 3)),
            BasicConv2d(224, 224, kernel_size=(7, 1), padding=(3, 0)),
            BasicConv2d(224, 256, kernel_size=(1, 7), padding=(0, 3)),
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            BasicConv2d(1024, 128, kernel_size=1),
        )


class ReductionB(Branches):
    """Figure 8: from 17 × 17 to 8 × 8."""

    def __init__(self):
        super().__init__()
        self.branch0 = nn.Sequential(
            BasicConv2d(1024, 192, kernel_size=1),
            BasicConv2d(192, 192, kernel_size=3, stride=2),
        )
        self.branch1 = nn.Sequential(
            BasicConv2d(1024, 256, kernel_size=1),
            BasicConv2d(256, 256, kernel_size=(1, 7), padding=(0, 3)),
            BasicConv2d(256, 320, kernel_size=(7, 1), padding=(3, 0)),
            BasicConv2d(320, 320, kernel_size=3, stride=2),
        )
        self.branch2 = nn.MaxPool2d(3, stride=2)


class InceptionC(nn.Module):
    """Figure 6: for the grid of 8 × 8; 1×3 and 3×1 side by side at the ends of two branches."""

    def __init__(self):
        super().__init__()
        row = {"kernel_size": (1, 3), "padding": (0, 1)}
        column = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch0 = BasicConv2d(1536, 256, kernel_size=1)
        self.branch1_0 = BasicConv2d(1536, 384, kernel_size=1)
        self.branch1_1a = BasicConv2d(384, 256, **row)
        self.branch1_1b = BasicConv2d(384, 256, **column)
        self.branch2_0 = BasicConv2d(1536, 384, kernel_size=1)
        self.branch2_1 = BasicConv2d(384, 448, **column)
        self.branch2_2 = BasicConv2d(448, 512, **row)
        self.branch2_3a = BasicConv2d(512, 256, **row)
        self.branch2_3b = BasicConv2d(512, 256, **column)
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            BasicConv2d(1536, 256, kernel_size=1),
        )

    def forward(self, x):
        short = self.branch1_0(x)
        long = self.branch2_2(self.branch2_1(self.branch2_0(x)))
        return cat(
            [
                self.branch0(x),
                self.branch1_1a(short),
                self.branch1_1b(short),
                self.branch2_3a(long),
                self.branch2_3b(long),
                self.branch3(x),
            ],
            1,
        )


class InceptionV4(nn.Module):
    """Inception v4.


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

    >>> InceptionV4(num_classes=10).last_linear.in_features
    1536
    """

    def __init__(self, num_classes=1000, in_chans=3, drop_rate=0.0, global_pool="avg"):
        super().__init__()
        self.num_classes, self.in_chans, self.num_features = num_classes, in_chans, 1536
        self.features = nn.Sequential(
            BasicConv2d(in_chans, 32, kernel_size=3, stride=2),
            BasicConv2d(32, 32, kernel_size=3),
            BasicConv2d(32, 64, kernel_size=3, padding=1),
            Mixed3a(),
            Mixed4a(),
            Mixed5a(),
            *[InceptionA() for _ in range(4)],
            ReductionA(),
            *[InceptionB() for _ in range(7)],
            ReductionB(),
            *[InceptionC() for _ in range(3)],
        )
        self.global_pool = GlobalPool("InceptionV4", global_pool)
        self.head_drop = nn.Dropout(drop_rate)
        self.last_linear = classifier(self.num_features, num_classes, self.global_pool)

    def forward(self, x):
        check_images("InceptionV4", x, self.in_chans, SMALLEST)
        x = self.global_pool(self.features(x))  # (N, 1536)
        return self.last_linear(self.head_drop(x))


@register
def inception_v4(*, weights=None, progress=True, **options):
    """Inception v4; `weights` may be a file, the `options` are those of `InceptionV4`.

    42,679,816 parameters. Szegedy et al. 2016, figure 9, as timm has it.
    """
    return build(InceptionV4, "inception_v4", weights, progress, **options)
