"""ShuffleNet: Zhang, Zhou, Lin & Sun, "ShuffleNet: An extremely efficient convolutional neural
network for mobile devices", 2018, section 3, table 1.

In a bottleneck block with a depthwise 3×3 convolution nearly all multiplications are in the 1×1
ones; g groups divide their number by g, which pays for more maps. But then an output sees the maps
of its own group only: the *channel shuffle* between the two 1×1 convolutions sends the outputs of
every group to all groups.

    layer                        size       maps at g = 1     2     3     4     8
    input                        224 × 224            3
    convolution 3×3, stride 2    112 × 112           24      24    24    24    24
    max pooling 3×3, stride 2     56 × 56            24      24    24    24    24
    stage 2: 4 units              28 × 28           144     200   240   272   384
    stage 3: 8 units              14 × 14           288     400   480   544   768
    stage 4: 4 units               7 × 7            576     800   960  1088  1536
    mean of each map               1 × 1            576     800   960  1088  1536
    fully connected                                1000    1000  1000  1000  1000
    million multiplications (without the last layer)   143   140   137   133   137
    thousand parameters                         1532    1734  1866  1968  2435
"""

from minicnn import nn
from minicnn.checks import ArgumentError, one_of
from minicnn.functions.shaping import cat
from minicnn.models.blocks import make_divisible
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build
from minicnn.nn.fusion import conv_norm_act

# Groups: the maps of stage 2; each later stage doubles them.
_MAPS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
_UNITS = 4, 8, 4


class ShuffleUnit(nn.Module):
    """Figure 2: a 1×1 convolution in groups, shuffle, a depthwise 3×3, a 1×1 in groups.

    At stride 1 (b) the input is added. At stride 2 (c) its mean over 3 × 3 places is put beside
    the output, which so needs to have only `out_channels` − `in_channels` maps of its own.

    Args:
        in_channels, out_channels: input and output maps; a quarter of the latter are in between.
        groups: of the 1×1 convolutions.
        stride: of the depthwise convolution, 1 or 2.
        first_groups: of the first 1×1 convolution, where they differ: the paper has 1 in the very
            first unit, whose input has few maps.

    Shapes: (N, in_channels, H, W) → (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉).

    Raises:
        ArgumentError: another stride; at stride 1 other maps out than in; maps that do not divide.
    """

    def __init__(self, in_channels, out_channels, groups, stride=1, first_groups=None):
        super().__init__()
        self.stride = one_of("ShuffleUnit", "stride", stride, (1, 2))
        if stride == 1 and in_channels != out_channels:
            raise ArgumentError(
                f"ShuffleUnit: at stride 1 the input is added, so out_channels must be in_channels;"
                f" got {in_channels} and {out_channels}"
            )
        middle = out_channels // 4
        own = out_channels - (in_channels if stride == 2 else 0)
        first_groups = groups if first_groups is None else first_groups
        self.squeeze = nn.Conv2d(in_channels, middle, 1, groups=first_groups, bias=False)
        self.norm1 = nn.BatchNorm2d(middle)
        self.relu = nn.ReLU(inplace=True)
        self.shuffle = nn.ChannelShuffle(groups)
        self.depthwise = nn.Conv2d(
            middle, middle, 3, stride=stride, padding=1, groups=middle, bias=False
        )
        self.norm2 = nn.BatchNorm2d(middle)  # no activation after it
        self.expand = nn.Conv2d(middle, own, 1, groups=groups, bias=False)
        self.norm3 = nn.BatchNorm2d(own)
        if stride == 2:
            self.shortcut = nn.AvgPool2d(3, stride=2, padding=1)

    def forward(self, x):
        y = conv_norm_act(self.squeeze, self.norm1, self.relu, x)  # (N, out/4, H, W)
        y = self.norm2(self.depthwise(self.shuffle(y)))  # (N, out/4, ⌈H/stride⌉, ⌈W/stride⌉)
        y = self.norm3(self.expand(y))
        return self.relu(x + y if self.stride == 1 else cat((self.shortcut(x), y), dim=1))


class ShuffleNetV1(nn.Module):
    """ShuffleNet with g groups and width s.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    Zhang et al. 2018.

    Args:
        num_classes: the number of outputs.
        groups: g, of the 1×1 convolutions: 1, 2, 3, 4 or 8.
        width_mult: s, multiplies all numbers of maps; the paper has 0.25, 0.5, 1, 1.5 and 2. They
            are rounded to what the groups divide. The first convolution has 24 maps, s times that
            below ×1, and 48 from ×2 on: so the published complexities come out.

    Raises:
        ArgumentError: another number of groups, a width that is not positive.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.shufflenet_v1(groups=3).parameters())
    1865728
    """

    def __init__(self, num_classes=1000, groups=3, width_mult=1.0):
        super().__init__()
        one_of("ShuffleNetV1", "groups", groups, tuple(_MAPS))
        if not width_mult > 0:
            raise ArgumentError(f"ShuffleNetV1: width_mult must be above 0, got {width_mult}")
        scale = width_mult if width_mult < 1 else int(width_mult)
        channels = make_divisible(24 * scale, groups)
        out = make_divisible(_MAPS[groups] * width_mult, 4 * groups)
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for stage, units in zip((2, 3, 4), _UNITS, strict=True):
            first_groups = 1 if stage == 2 else groups
            layers = [ShuffleUnit(channels, out, groups, 2, first_groups)]
            layers += [ShuffleUnit(out, out, groups) for _ in range(units - 1)]
            setattr(self, f"stage{stage}", nn.Sequential(*layers))
            channels, out = out, 2 * out
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        check_images("ShuffleNetV1", x, 3)
        x = self.maxpool(self.conv1(x))  # (N, 24, ⌈H/4⌉, ⌈W/4⌉)
        x = self.stage4(self.stage3(self.stage2(x)))  # (N, 960 for g = 3, ⌈H/32⌉, ⌈W/32⌉)
        return self.fc(self.avgpool(x).flatten(1))


@register
def shufflenet_v1(*, weights=None, progress=True, **options):
    """ShuffleNet; `weights` may be a file of weights, the `options` are those of `ShuffleNetV1`.

    1,865,728 parameters. Zhang et al. 2018, table 1.
    """
    return build(ShuffleNetV1, "shufflenet_v1", weights, progress, **options)
