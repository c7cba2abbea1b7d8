"""EfficientNet: Tan & Le, "EfficientNet: Rethinking model scaling for convolutional neural
networks", 2019, sections 3 and 4, table 1.

B0 was found by a search; its blocks (MBConv) are MobileNetV2's with squeeze-and-excitation and
swish. B1 to B7 are B0 made deeper, wider and given larger images, all three together.

    B0                              maps @ size        parameters
    input                            3 @ 224 × 224
    convolution 3×3, stride 2       32 @ 112 × 112            928
    MBConv1 3×3                     16 @ 112 × 112          1,448
    MBConv6 3×3 × 2, stride 2       24 @ 56 × 56           16,714
    MBConv6 5×5 × 2, stride 2       40 @ 28 × 28           46,640
    MBConv6 3×3 × 3, stride 2       80 @ 14 × 14          242,930
    MBConv6 5×5 × 3                112 @ 14 × 14          543,148
    MBConv6 5×5 × 4, stride 2      192 @ 7 × 7          2,026,348
    MBConv6 3×3                    320 @ 7 × 7            717,232
    convolution 1×1               1280 @ 7 × 7            412,160
    mean of each map              1280                          0
    fully connected               1000                  1,281,000
                                                        5,288,548

How: `minicnn.models.compound_scale`; what B1 to B7 really are: `compound_scaling.PUBLISHED`.
"""

import copy
import math
from functools import partial

from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, one_of
from minicnn.models.blocks import (
    Conv2dNormActivation,
    SqueezeExcitation,
    init_weights,
    make_divisible,
)
from minicnn.models.compound_scaling import PUBLISHED
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build


class StageConfig:
    """A stage: `num_layers` blocks, of which the first has the stride and changes the maps."""

    def __init__(
        self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block
    ):
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.block = block

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        """`channels` · `width_mult` as a multiple of 8."""
        return make_divisible(channels * width_mult, 8, min_value)

    def blocks(self):
        """One configuration a block: the later ones keep size and maps."""
        yield self
        later = copy.copy(self)
        later.input_channels, later.stride = self.out_channels, 1
        for _ in range(self.num_layers - 1):
            yield later


class MBConvConfig(StageConfig):
    """A stage of `MBConv` blocks: a row of table 1.

    Tan & Le 2019. It only holds what it is given, and checks nothing: nothing is raised.

    Args:
        expand_ratio: maps inside a block over its input's.
        kernel: the size of the depthwise kernels.
        stride: of the first block.
        input_channels, out_channels: the maps before and after the stage.
        num_layers: the number of blocks.
        width_mult, depth_mult: multiply maps (rounded to multiples of 8) and blocks (rounded up).
        block: the class of the blocks; `MBConv` unless given.

    >>> MBConvConfig(6, 3, 2, 16, 24, 2, width_mult=1.1, depth_mult=1.2).num_layers
    3
    """

    def __init__(
        self,
        expand_ratio,
        kernel,
        stride,
        input_channels,
        out_channels,
        num_layers,
        width_mult=1.0,
        depth_mult=1.0,
        block=None,
    ):
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            MBConv if block is None else block,
        )

    @staticmethod
    def adjust_depth(num_layers, depth_mult):
        """`num_layers` · `depth_mult`, rounded up."""
        return math.ceil(num_layers * depth_mult)


class ResidualBlock(nn.Module):
    """What MBConv and Fused-MBConv share: layers, and around them a shortcut if the shapes agree.

    Shortcut and stochastic depth come together or not at all: a branch that nothing bypasses must
    not be dropped.
    """

    def set_up(self, cnf, stochastic_depth_prob, layers):
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = nn.StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result


class MBConv(ResidualBlock):
    """Expand (1×1), filter (depthwise), squeeze and excite, project (1×1, without activation).

    SE's middle has a quarter of the maps of the block's *input*, not of the expanded ones.

    Tan & Le 2019, table 1: the inverted residual of Sandler et al. 2018, with
    squeeze-and-excitation.

    Args:
        cnf: an `MBConvConfig`.
        stochastic_depth_prob: the probability of dropping the branch.
        norm_layer: a function from a number of channels to a layer.
        se_layer: a function of (maps, squeezed maps, activation=…) that makes the SE layer.

    Raises:
        ArgumentError: a stride other than 1 and 2.

    >>> import minicnn as mc
    >>> block = MBConv(MBConvConfig(6, 3, 2, 16, 24, 1), 0.0, nn.BatchNorm2d)
    >>> block(mc.ones(1, 16, 8, 8)).shape
    (1, 24, 4, 4)
    """

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        super().__init__()
        one_of("MBConv", "stride", cnf.stride, (1, 2))
        convolution = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        expanded = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        squeezed = max(1, cnf.input_channels // 4)
        layers = [
            convolution(
                expanded, expanded, kernel_size=cnf.kernel, stride=cnf.stride, groups=expanded
            ),
            se_layer(expanded, squeezed, activation=partial(nn.SiLU, inplace=True)),
            convolution(expanded, cnf.out_channels, kernel_size=1, activation_layer=None),
        ]
        if expanded != cnf.input_channels:
            layers.insert(0, convolution(cnf.input_channels, expanded, kernel_size=1))
        self.set_up(cnf, stochastic_depth_prob, layers)


class EfficientNet(nn.Module):
    """EfficientNet and EfficientNetV2 from their stages; `efficientnet_b0` … know the papers'.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    Tan & Le 2019.

    Args:
        inverted_residual_setting: a list of `MBConvConfig` and `FusedMBConvConfig`, one a stage.
        dropout: the probability of dropping before the last layer.
        stochastic_depth_prob: of the last block; it grows from 0, linearly with the depth.
        num_classes: the number of outputs.
        norm_layer: a function from a number of channels to a layer; `BatchNorm2d` unless given.
        last_channel: the maps of the last convolution; unless given, four times the last stage's.

    Raises:
        ArgumentError: no stages. DtypeError: stages of another type.

    >>> EfficientNet([MBConvConfig(1, 3, 1, 32, 16, 1)], 0.2, num_classes=10).classifier[-1]
    Linear(in_features=64, out_features=10, bias=True)
    """

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ArgumentError("EfficientNet: inverted_residual_setting must not be empty")
        for stage in setting:
            if not isinstance(stage, StageConfig):
                raise DtypeError(
                    "EfficientNet: inverted_residual_setting must hold MBConvConfig or "
                    f"FusedMBConvConfig, got {type(stage).__name__}"
                )
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        convolution = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        features = [convolution(3, setting[0].input_channels, stride=2)]
        total, done = sum(stage.num_layers for stage in setting), 0
        for stage in setting:
            blocks = []
            for cnf in stage.blocks():
                blocks.append(cnf.block(cnf, stochastic_depth_prob * done / total, norm_layer))
                done += 1
            features.append(nn.Sequential(*blocks))
        last = setting[-1].out_channels
        last_channel = 4 * last if last_channel is None else last_channel
        features.append(convolution(last, last_channel, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(last_channel, num_classes)
        )
        init_weights(self, _uniform_by_outputs_)

    def forward(self, x):
        check_images("EfficientNet", x, 3)
        x = self.features(x)  # (N, last_channel, ⌈H/32⌉, ⌈W/32⌉)
        x = self.avgpool(x).flatten(1)  # (N, last_channel)
        return self.classifier(x)


def _uniform_by_outputs_(weight):
    """Uniform in ±1/√(number of outputs)."""
    bound = 1 / math.sqrt(weight.shape[0])
    return nn.init.uniform_(weight, -bound, bound)


def _efficientnet_b(name, weights, progress, options):
    """The network of a row of `PUBLISHED`."""
    width, depth, _, dropout = PUBLISHED[name]
    stage = partial(MBConvConfig, width_mult=width, depth_mult=depth)
    setting = {
        "inverted_residual_setting": [
            stage(1, 3, 1, 32, 16, 1),
            stage(6, 3, 2, 16, 24, 2),
            stage(6, 5, 2, 24, 40, 2),
            stage(6, 3, 2, 40, 80, 3),
            stage(6, 5, 1, 80, 112, 3),
            stage(6, 5, 2, 112, 192, 4),
            stage(6, 3, 1, 192, 320, 1),
        ],
        "dropout": dropout,
    }
    if name in ("efficientnet_b5", "efficientnet_b6", "efficientnet_b7"):
        # The published weights of these three were trained with other constants.
        setting["norm_layer"] = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
    return build(EfficientNet, name, weights, progress, **{**setting, **options})


@register
def efficientnet_b0(*, weights=None, progress=True, **options):
    """EfficientNet-B0; `weights` may be a file of weights, the `options` are `EfficientNet`'s.

    5,288,548 parameters. Tan & Le 2019, table 1.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.efficientnet_b0().parameters())
    5288548
    """
    return _efficientnet_b("efficientnet_b0", weights, progress, options)


@register
def efficientnet_b1(*, weights=None, progress=True, **options):
    """EfficientNet-B1, for images of 240 × 240; arguments as `efficientnet_b0`'s.

    7,794,184 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b1", weights, progress, options)


@register
def efficientnet_b2(*, weights=None, progress=True, **options):
    """EfficientNet-B2, for images of 260 × 260; arguments as `efficientnet_b0`'s.

    9,109,994 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b2", weights, progress, options)


@register
def efficientnet_b3(*, weights=None, progress=True, **options):
    """EfficientNet-B3, for images of 300 × 300; arguments as `efficientnet_b0`'s.

    12,233,232 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b3", weights, progress, options)


@register
def efficientnet_b4(*, weights=None, progress=True, **options):
    """EfficientNet-B4, for images of 380 × 380; arguments as `efficientnet_b0`'s.

    19,341,616 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b4", weights, progress, options)


@register
def efficientnet_b5(*, weights=None, progress=True, **options):
    """EfficientNet-B5, for images of 456 × 456; arguments as `efficientnet_b0`'s.

    30,389,784 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b5", weights, progress, options)


@register
def efficientnet_b6(*, weights=None, progress=True, **options):
    """EfficientNet-B6, for images of 528 × 528; arguments as `efficientnet_b0`'s.

    43,040,704 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b6", weights, progress, options)


@register
def efficientnet_b7(*, weights=None, progress=True, **options):
    """EfficientNet-B7, for images of 600 × 600; arguments as `efficientnet_b0`'s.

    66,347,960 parameters. Tan & Le 2019, table 1.
    """
    return _efficientnet_b("efficientnet_b7", weights, progress, options)
