"""EfficientNetV2: Tan & Le, "EfficientNetV2: Smaller models and faster training", 2021, section 3,
table 4.

Early in a network maps are large and few, and there a depthwise convolution keeps the processor
waiting for memory. Fused-MBConv has one full 3×3 convolution in the place of expansion and
depthwise convolution; the search took it for the first three stages.

    S                                    maps @ size        parameters
    input                                 3 @ 384 × 384
    convolution 3×3, stride 2            24 @ 192 × 192            696
    Fused-MBConv1 × 2                    24 @ 192 × 192         10,464
    Fused-MBConv4 × 4, stride 2          48 @ 96 × 96          303,552
    Fused-MBConv4 × 4, stride 2          64 @ 48 × 48          589,184
    MBConv4 × 6, stride 2               128 @ 24 × 24          917,680
    MBConv6 × 9                         160 @ 24 × 24        3,463,840
    MBConv6 × 15, stride 2              256 @ 12 × 12       14,561,832
    convolution 1×1                    1280 @ 12 × 12          330,240
    mean of each map                   1280                          0
    fully connected                    1000                  1,281,000
                                                            21,458,488

All kernels are 3×3; MBConv blocks have squeeze-and-excitation (a quarter of the block's input).
How it is trained, with images and regularisation growing: `minicnn.training.ProgressiveLearning`.
"""

from functools import partial

from minicnn import nn
from minicnn.checks import one_of
from minicnn.models.blocks import Conv2dNormActivation
from minicnn.models.efficientnet import EfficientNet, MBConvConfig, ResidualBlock, StageConfig
from minicnn.models.registry import register
from minicnn.models.weights import build


class FusedMBConvConfig(StageConfig):
    """A stage of `FusedMBConv` blocks: a row of table 4.

    Tan & Le 2021. It only holds what it is given, and checks nothing: nothing is raised.

    Args:
        expand_ratio: maps inside a block over its input's.
        kernel: the size of the kernels of the expansion.
        stride: of the first block.
        input_channels, out_channels: the maps before and after the stage.
        num_layers: the number of blocks.
        block: the class of the blocks; `FusedMBConv` unless given.

    >>> FusedMBConvConfig(4, 3, 2, 24, 48, 4).out_channels
    48
    """

    def __init__(
        self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None
    ):
        block = FusedMBConv if block is None else block
        super().__init__(
            expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block
        )


class FusedMBConv(ResidualBlock):
    """Expand with a full convolution, project (1×1, without activation); figure 2.

    Where nothing is expanded (ratio 1), one convolution with activation does both.

    Tan & Le 2021.

    Args:
        cnf: a `FusedMBConvConfig`.
        stochastic_depth_prob: the probability of dropping the branch.
        norm_layer: a function from a number of channels to a layer.

    Raises:
        ArgumentError: a stride other than 1 and 2.

    >>> import minicnn as mc
    >>> block = FusedMBConv(FusedMBConvConfig(4, 3, 2, 24, 48, 1), 0.0, nn.BatchNorm2d)
    >>> block(mc.ones(1, 24, 8, 8)).shape
    (1, 48, 4, 4)
    """

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        super().__init__()
        one_of("FusedMBConv", "stride", cnf.stride, (1, 2))
        convolution = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        window = {"kernel_size": cnf.kernel, "stride": cnf.stride}
        expanded = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        if expanded == cnf.input_channels:
            layers = [convolution(cnf.input_channels, cnf.out_channels, **window)]
        else:
            layers = [
                convolution(cnf.input_channels, expanded, **window),
                convolution(expanded, cnf.out_channels, kernel_size=1, activation_layer=None),
            ]
        self.set_up(cnf, stochastic_depth_prob, layers)


def _efficientnet_v2(name, stages, dropout, weights, progress, options):
    setting = {
        "inverted_residual_setting": stages,
        "dropout": dropout,
        "last_channel": 1280,
        "norm_layer": partial(nn.BatchNorm2d, eps=0.001),
    }
    return build(EfficientNet, name, weights, progress, **{**setting, **options})


@register
def efficientnet_v2_s(*, weights=None, progress=True, **options):
    """EfficientNetV2-S; `weights` may be a file of weights, the `options` are `EfficientNet`'s.

    21,458,488 parameters. Tan & Le 2021, table 4.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.efficientnet_v2_s().parameters())
    21458488
    """
    stages = [
        FusedMBConvConfig(1, 3, 1, 24, 24, 2),
        FusedMBConvConfig(4, 3, 2, 24, 48, 4),
        FusedMBConvConfig(4, 3, 2, 48, 64, 4),
        MBConvConfig(4, 3, 2, 64, 128, 6),
        MBConvConfig(6, 3, 1, 128, 160, 9),
        MBConvConfig(6, 3, 2, 160, 256, 15),
    ]
    return _efficientnet_v2("efficientnet_v2_s", stages, 0.2, weights, progress, options)


@register
def efficientnet_v2_m(*, weights=None, progress=True, **options):
    """EfficientNetV2-M; arguments as `efficientnet_v2_s`'s.

    54,139,356 parameters. Tan & Le 2021, table 4.
    """
    stages = [
        FusedMBConvConfig(1, 3, 1, 24, 24, 3),
        FusedMBConvConfig(4, 3, 2, 24, 48, 5),
        FusedMBConvConfig(4, 3, 2, 48, 80, 5),
        MBConvConfig(4, 3, 2, 80, 160, 7),
        MBConvConfig(6, 3, 1, 160, 176, 14),
        MBConvConfig(6, 3, 2, 176, 304, 18),
        MBConvConfig(6, 3, 1, 304, 512, 5),
    ]
    return _efficientnet_v2("efficientnet_v2_m", stages, 0.3, weights, progress, options)


@register
def efficientnet_v2_l(*, weights=None, progress=True, **options):
    """EfficientNetV2-L; arguments as `efficientnet_v2_s`'s.

    118,515,272 parameters. Tan & Le 2021, table 4.
    """
    stages = [
        FusedMBConvConfig(1, 3, 1, 32, 32, 4),
        FusedMBConvConfig(4, 3, 2, 32, 64, 7),
        FusedMBConvConfig(4, 3, 2, 64, 96, 7),
        MBConvConfig(4, 3, 2, 96, 192, 10),
        MBConvConfig(6, 3, 1, 192, 224, 19),
        MBConvConfig(6, 3, 2, 224, 384, 25),
        MBConvConfig(6, 3, 1, 384, 640, 7),
    ]
    return _efficientnet_v2("efficientnet_v2_l", stages, 0.4, weights, progress, options)
