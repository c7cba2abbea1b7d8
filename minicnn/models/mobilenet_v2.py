"""MobileNetV2: Sandler, Howard, Zhu, Zhmoginov & Chen, "MobileNetV2: Inverted residuals and linear
bottlenecks", 2018, sections 3 and 4, table 2.

A residual block the other way round: narrow at its ends, t times as wide in between, where a
depthwise convolution is cheap. The narrow end has no activation (a *linear bottleneck*), since
ReLU on few maps loses what cannot be had back.

    layer                      t     maps @ size       parameters
    input                             3 @ 224 × 224
    convolution 3×3, stride 2        32 @ 112 × 112           928
    bottleneck                 1     16 @ 112 × 112           896
    bottleneck × 2, stride 2   6     24 @ 56 × 56          13,968
    bottleneck × 3, stride 2   6     32 @ 28 × 28          39,696
    bottleneck × 4, stride 2   6     64 @ 14 × 14         183,872
    bottleneck × 3             6     96 @ 14 × 14         303,168
    bottleneck × 3, stride 2   6    160 @ 7 × 7           795,264
    bottleneck                 6    320 @ 7 × 7           473,920
    convolution 1×1                1280 @ 7 × 7           412,160
    mean of each map               1280                         0
    fully connected                1000                 1,281,000
                                                        3,504,872
"""

from functools import partial

from minicnn import nn
from minicnn.checks import ArgumentError, one_of
from minicnn.models.blocks import (
    Conv2dNormActivation,
    init_weights,
    make_divisible,
    small_normal_,
)
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build

# Expansion t, output maps c, number of blocks n, stride s of the first of them.
_SETTING = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """An inverted residual: expand (1×1), filter (3×3, depthwise), project (1×1, linear).

    Args:
        inp, oup: input and output maps.
        stride: of the depthwise convolution, 1 or 2.
        expand_ratio: t, the maps in between over the input's; at 1 nothing is expanded.
        norm_layer: a function from a number of channels to a layer; `BatchNorm2d` unless given.

    The input is added to the output where both have the same shape: stride 1 and as many maps.

    Shapes: (N, inp, H, W) → (N, oup, ⌈H/stride⌉, ⌈W/stride⌉).

    Raises:
        ArgumentError: another stride.
    """

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        self.stride = one_of("InvertedResidual", "stride", stride, (1, 2))
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        with_relu6 = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers = [
            with_relu6(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_layer(oup),
        ]
        if expand_ratio != 1:
            layers.insert(0, with_relu6(inp, hidden, kernel_size=1))
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2: 17 inverted residuals between two convolutions, the mean of each map, one layer.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    Sandler et al. 2018.

    Args:
        num_classes: the number of outputs.
        width_mult: multiplies all numbers of maps; below 1 not that of the last convolution.
        inverted_residual_setting: another network: rows of expansion t, output maps c, number of
            blocks n and stride s of the first of them; table 2 unless given.
        round_nearest: what numbers of maps are made a multiple of.
        block: the class of the blocks; `InvertedResidual` unless given.
        norm_layer: a function from a number of channels to a layer; `BatchNorm2d` unless given.
        dropout: the probability of dropping before the last layer.

    Raises:
        ArgumentError: an `inverted_residual_setting` without rows of four numbers.

    >>> import minicnn as mc
    >>> mc.models.mobilenet_v2(width_mult=0.35, num_classes=10).classifier
    Sequential(
      (0): Dropout(p=0.2, inplace=False)
      (1): Linear(in_features=1280, out_features=10, bias=True)
    )
    """

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if not setting or any(len(row) != 4 for row in setting):
            raise ArgumentError(
                "MobileNetV2: inverted_residual_setting must be rows (t, c, n, s) of four numbers, "
                f"got {setting!r}"
            )
        block = InvertedResidual if block is None else block
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        with_relu6 = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features = [with_relu6(3, channels, stride=2)]
        for t, c, n, s in setting:
            out = make_divisible(c * width_mult, round_nearest)
            for i in range(n):
                stride = s if i == 0 else 1
                features.append(block(channels, out, stride, expand_ratio=t, norm_layer=norm_layer))
                channels = out
        features.append(with_relu6(channels, self.last_channel, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        init_weights(self, small_normal_)

    def forward(self, x):
        check_images("MobileNetV2", x, 3)
        x = self.features(x)  # (N, last_channel, ⌈H/32⌉, ⌈W/32⌉)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1)  # (N, last_channel)
        return self.classifier(x)


@register
def mobilenet_v2(*, weights=None, progress=True, **options):
    """MobileNetV2; `weights` may be a file of weights, the `options` are those of `MobileNetV2`.

    3,504,872 parameters. Sandler et al. 2018, table 2.
    """
    return build(MobileNetV2, "mobilenet_v2", weights, progress, **options)
