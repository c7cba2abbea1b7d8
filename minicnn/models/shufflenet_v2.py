"""ShuffleNetV2: Ma, Zhang, Zheng & Sun, "ShuffleNet V2: Practical guidelines for efficient CNN
architecture design", 2018, section 3, table 5.

A block splits its maps in two halves: one is left alone, the other passes three convolutions with
as many maps in as out; the halves are put together and shuffled, so that the next block's halves
mix. That obeys the four guidelines of section 2:

    G1  as many maps out as in make the fewest memory accesses for the same multiplications
    G2  grouped convolutions access more memory for the same multiplications
    G3  a network cut into many small parts keeps the processor less busy
    G4  element-wise operations (ReLU, addition) cost time though hardly any multiplications

`pointwise_cost` counts for the first two; benchmarks/shufflenet_guidelines.py measures all four.

    ×1                            maps @ size       parameters    maps at ×0.5   ×1.5    ×2
    input                          3 @ 224 × 224
    convolution 3×3, stride 2     24 @ 112 × 112           696             24      24     24
    max pooling 3×3, stride 2     24 @ 56 × 56               0             24      24     24
    stage 2: 4 blocks            116 @ 28 × 28          30,192             48     176    244
    stage 3: 8 blocks            232 @ 14 × 14         244,180             96     352    488
    stage 4: 4 blocks            464 @ 7 × 7           501,352            192     704    976
    convolution 1×1             1024 @ 7 × 7           477,184           1024    1024   2048
    mean of each map            1024                         0
    fully connected             1000                 1,025,000
                                                     2,278,604
"""

from typing import NamedTuple

from minicnn import nn
from minicnn.checks import ArgumentError, one_of
from minicnn.functions.shaping import stack
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build


class PointwiseCost(NamedTuple):
    """What a 1×1 convolution costs: its multiplications, and the numbers it reads and writes."""

    multiplications: int
    memory_accesses: int


def pointwise_cost(in_channels, out_channels, size, groups=1):
    """What a 1×1 convolution over one image costs (section 2, G1 and G2).

    With h·w places it multiplies B = h·w·c1·c2/g times and, if the cache holds all of it once,
    touches MAC = h·w·(c1 + c2) + c1·c2/g numbers: both images and the weight. For a given B that is
    at least 2·√(h·w·B·g) + B/(h·w), which is reached where c1 = c2, and which grows with g.

    Args:
        in_channels, out_channels: c1 and c2.
        size: (h, w).
        groups: g; divides both numbers of channels.

    >>> pointwise_cost(128, 128, (56, 56))
    PointwiseCost(multiplications=51380224, memory_accesses=819200)
    >>> pointwise_cost(64, 256, (56, 56))
    PointwiseCost(multiplications=51380224, memory_accesses=1019904)
    """
    if in_channels % groups or out_channels % groups:
        raise ArgumentError(
            f"pointwise_cost: groups={groups} must divide {in_channels} and {out_channels} channels"
        )
    places = size[0] * size[1]
    weights = in_channels * out_channels // groups
    return PointwiseCost(places * weights, places * (in_channels + out_channels) + weights)


def _convolution(in_channels, out_channels, kernel_size, stride=1, groups=1):
    """[convolution that keeps the size at stride 1, batch normalisation]"""
    sizes = kernel_size, stride, kernel_size // 2
    return [
        nn.Conv2d(in_channels, out_channels, *sizes, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]


class InvertedResidual(nn.Module):
    """The unit of figure 3: (c) at stride 1, (d) at stride 2.

    Stride 1 splits the maps: the first half passes unchanged, the other through `branch2`. Stride 2
    sends all maps through both branches, so that their number can double. Then the outputs of both
    are put together and shuffled.

    Args:
        inp, oup: input and output maps.
        stride: of the depthwise convolutions, 1 or 2 (or 3).

    Shapes: (N, inp, H, W) → (N, oup, ⌈H/stride⌉, ⌈W/stride⌉).

    Raises:
        ArgumentError: another stride; an odd `oup`; at stride 1 other maps out than in.
    """

    def __init__(self, inp, oup, stride):
        super().__init__()
        name = "InvertedResidual"
        self.stride = one_of(name, "stride", stride, (1, 2, 3))
        half = oup // 2
        if oup % 2 or (stride == 1 and inp != oup):
            raise ArgumentError(
                f"{name}: oup must be even and, at stride 1, equal to inp: a half is left as it is;"
                f" got inp={inp}, oup={oup}, stride={stride}"
            )
        if stride == 1:
            self.branch1 = nn.Sequential()
        else:
            self.branch1 = nn.Sequential(
                *_convolution(inp, inp, 3, stride, groups=inp),
                *_convolution(inp, half, 1),
                nn.ReLU(inplace=True),
            )
        self.branch2 = nn.Sequential(
            *_convolution(half if stride == 1 else inp, half, 1),
            nn.ReLU(inplace=True),
            *_convolution(half, half, 3, stride, groups=half),  # no activation after it
            *_convolution(half, half, 1),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        first, second = x.chunk(2, dim=1) if self.stride == 1 else (x, x)
        # Put together and shuffled in two groups, a map of each half comes in turn: so they are
        # written to their places at once, (N, oup/2, 2, H, W), instead of being moved there later.
        return stack((self.branch1(first), self.branch2(second)), dim=2).flatten(1, 2)


class ShuffleNetV2(nn.Module):
    """ShuffleNetV2 from the numbers of table 5.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    Ma et al. 2018.

    Args:
        stages_repeats: the number of units of stages 2, 3 and 4.
        stages_out_channels: the maps after the first convolution, the three stages and the last
            convolution.
        num_classes: the number of outputs.
        inverted_residual: the class of the units; `InvertedResidual` unless given.

    Raises:
        ArgumentError: not three and five numbers.

    >>> ShuffleNetV2([1, 1, 1], [24, 48, 96, 192, 64], num_classes=10).fc.in_features
    64
    """

    def __init__(
        self,
        stages_repeats,
        stages_out_channels,
        num_classes=1000,
        inverted_residual=InvertedResidual,
    ):
        super().__init__()
        for argument, values, n in (
            ("stages_repeats", stages_repeats, 3),
            ("stages_out_channels", stages_out_channels, 5),
        ):
            if len(values) != n:
                raise ArgumentError(f"ShuffleNetV2: {argument} must be {n} numbers, got {values}")
        first, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(*_convolution(3, first, 3, stride=2), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        channels = first
        for name, repeats, out in zip(
            ("stage2", "stage3", "stage4"), stages_repeats, stages, strict=True
        ):
            units = [inverted_residual(channels, out, 2)]
            units += [inverted_residual(out, out, 1) for _ in range(repeats - 1)]
            setattr(self, name, nn.Sequential(*units))
            channels = out
        self.conv5 = nn.Sequential(*_convolution(channels, last, 1), nn.ReLU(inplace=True))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        check_images("ShuffleNetV2", x, 3)
        x = self.maxpool(self.conv1(x))  # (N, 24, ⌈H/4⌉, ⌈W/4⌉)
        x = self.stage4(self.stage3(self.stage2(x)))  # (N, 464 for ×1, ⌈H/32⌉, ⌈W/32⌉)
        x = self.conv5(x).mean((2, 3))  # (N, 1024), the mean of each map
        return self.fc(x)


def _shufflenet_v2(name, maps, weights, progress, options):
    setting = {"stages_repeats": [4, 8, 4], "stages_out_channels": maps}
    return build(ShuffleNetV2, name, weights, progress, **setting, **options)


@register
def shufflenet_v2_x0_5(*, weights=None, progress=True, **options):
    """ShuffleNetV2 of half the width; `weights` may be a file of weights.

    1,366,792 parameters. Ma et al. 2018, table 5.
    """
    maps = [24, 48, 96, 192, 1024]
    return _shufflenet_v2("shufflenet_v2_x0_5", maps, weights, progress, options)


@register
def shufflenet_v2_x1_0(*, weights=None, progress=True, **options):
    """ShuffleNetV2; `weights` may be a file of weights.

    2,278,604 parameters. Ma et al. 2018, table 5.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.shufflenet_v2_x1_0().parameters())
    2278604
    """
    maps = [24, 116, 232, 464, 1024]
    return _shufflenet_v2("shufflenet_v2_x1_0", maps, weights, progress, options)


@register
def shufflenet_v2_x1_5(*, weights=None, progress=True, **options):
    """ShuffleNetV2 of 1.5 times the width; `weights` may be a file of weights.

    3,503,624 parameters. Ma et al. 2018, table 5.
    """
    maps = [24, 176, 352, 704, 1024]
    return _shufflenet_v2("shufflenet_v2_x1_5", maps, weights, progress, options)


@register
def shufflenet_v2_x2_0(*, weights=None, progress=True, **options):
    """ShuffleNetV2 of twice the width; `weights` may be a file of weights.

    7,393,996 parameters. Ma et al. 2018, table 5.
    """
    maps = [24, 244, 488, 976, 2048]
    return _shufflenet_v2("shufflenet_v2_x2_0", maps, weights, progress, options)
