"""MobileNetV1: Howard, Zhu, Chen et al., "MobileNets: Efficient convolutional neural networks for
mobile vision applications", 2017, section 3, table 1.

A *depthwise-separable* convolution does in two steps what a convolution does in one: a depthwise
one (one f × f kernel a map) looks at places, a pointwise one (1 × 1) at channels. For a place of
the output that takes f²·n_in + n_in·n_out multiplications instead of f²·n_in·n_out, the share

    1/n_out + 1/f²

of a full convolution: 31 % at f = 3 and n_out = 5, about 1/9 for many output maps.

    layer                        maps @ size          parameters
    input                          3 @ 224 × 224
    convolution 3×3, stride 2     32 @ 112 × 112             928
    separable                     64 @ 112 × 112           2,528
    separable, stride 2 and 1    128 @ 56 × 56            27,200
    separable, stride 2 and 1    256 @ 28 × 28           103,552
    separable, stride 2          512 @ 14 × 14           134,912
    separable, five times        512 @ 14 × 14         1,344,000
    separable, stride 2 and 1   1024 @ 7 × 7           1,593,856
    mean of each map            1024                           0
    fully connected             1000                   1,025,000
                                                       4,231,976

The two dials of sections 3.3 and 3.4: a width α multiplies all numbers of maps, a resolution ρ
the size of the images; the multiplications shrink with about α² and ρ².
"""

from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.models.blocks import (
    Conv2dNormActivation,
    init_weights,
    make_divisible,
    small_normal_,
)
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build
from minicnn.nn import functional as F
from minicnn.shapes import as_tuple

# (output maps at width 1, stride) of the 13 blocks.
_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)


class DepthwiseSeparable(nn.Module):
    """A depthwise 3×3 and a pointwise convolution, each with normalisation and ReLU (figure 3).

    Args:
        in_channels, out_channels: the numbers of maps.
        stride: of the depthwise convolution.
        norm_layer: a function from a number of channels to a layer.

    Shapes: (N, in_channels, H, W) → (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    def __init__(self, in_channels, out_channels, stride=1, norm_layer=nn.BatchNorm2d):
        super().__init__()
        self.depthwise = Conv2dNormActivation(
            in_channels, in_channels, stride=stride, groups=in_channels, norm_layer=norm_layer
        )
        self.pointwise = Conv2dNormActivation(
            in_channels, out_channels, kernel_size=1, norm_layer=norm_layer
        )

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class MobileNetV1(nn.Module):
    """MobileNet: a convolution, 13 depthwise-separable blocks, the mean of each map, one layer.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    Howard et al. 2017.

    Args:
        num_classes: the number of outputs.
        width_mult: the width α; the paper has 1, 0.75, 0.5 and 0.25. Numbers of maps are rounded
            to multiples of 8.
        resolution: None takes images as they are. A number, in the paper 224, 192, 160 or 128, has
            images of other sizes brought to resolution × resolution first (bilinear).
        dropout: the probability of dropping before the last layer; the paper has none.
        norm_layer: a function from a number of channels to a layer; `BatchNorm2d` unless given.

    Raises:
        ArgumentError: a width that is not positive.
        ShapeError: called on images of other channels.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.mobilenet_v1(width_mult=0.25).parameters())
    470072
    """

    def __init__(
        self, num_classes=1000, width_mult=1.0, resolution=None, dropout=0.0, norm_layer=None
    ):
        super().__init__()
        if not width_mult > 0:
            raise ArgumentError(f"MobileNetV1: width_mult must be above 0, got {width_mult}")
        if resolution is not None:
            resolution = as_tuple("MobileNetV1", "resolution", resolution, 1, 1)[0]
        self.resolution = resolution
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        channels = make_divisible(32 * width_mult, 8)
        features = [Conv2dNormActivation(3, channels, stride=2, norm_layer=norm_layer)]
        for maps, stride in _BLOCKS:
            out = make_divisible(maps * width_mult, 8)
            features.append(DepthwiseSeparable(channels, out, stride, norm_layer))
            channels = out
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, num_classes))
        init_weights(self, small_normal_)

    def forward(self, x):
        check_images("MobileNetV1", x, 3)
        if self.resolution is not None and tuple(x.shape[2:]) != (self.resolution,) * 2:
            x = F.interpolate(x, self.resolution, mode="bilinear")
        x = self.features(x)  # (N, 1024α, ⌈H/32⌉, ⌈W/32⌉)
        x = self.avgpool(x).flatten(1)  # (N, 1024α)
        return self.classifier(x)


@register
def mobilenet_v1(*, weights=None, progress=True, **options):
    """MobileNetV1; `weights` may be a file of weights, the `options` are those of `MobileNetV1`.

    4,231,976 parameters. Howard et al. 2017, table 1.
    """
    return build(MobileNetV1, "mobilenet_v1", weights, progress, **options)
