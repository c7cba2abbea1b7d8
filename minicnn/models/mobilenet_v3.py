"""MobileNetV3: Howard, Sandler, Chu et al., "Searching for MobileNetV3", 2019, sections 5 and 6,
tables 1 and 2.

MobileNetV2's blocks, found by a search, some with squeeze-and-excitation (SE), the deeper ones
with hard-swish (HS) for ReLU; a first layer of 16 maps instead of 32; and a last stage that takes
the mean of each map *before* its widest layer, where a map has one place instead of 49.

    large                                     maps @ size       parameters
    input                                      3 @ 224 × 224
    convolution 3×3, stride 2           HS    16 @ 112 × 112           464
    block 1       3×3                         16 @ 112 × 112           464
    blocks 2–3    3×3, stride 2               24 @ 56 × 56           7,880
    blocks 4–6    5×5, stride 2    SE         40 @ 28 × 28          52,312
    blocks 7–10   3×3, stride 2         HS    80 @ 14 × 14         130,824
    blocks 11–12  3×3              SE   HS   112 @ 14 × 14         600,544
    blocks 13–15  5×5, stride 2    SE   HS   160 @ 7 × 7         2,023,944
    convolution 1×1                     HS   960 @ 7 × 7           155,520
    mean of each map                         960                         0
    fully connected                     HS  1280                 1,230,080
    fully connected                         1000                 1,281,000
                                                                 5,483,032

    small                                     maps @ size       parameters
    input                                      3 @ 224 × 224
    convolution 3×3, stride 2           HS    16 @ 112 × 112           464
    block 1       3×3, stride 2    SE         16 @ 56 × 56             744
    blocks 2–3    3×3, stride 2               24 @ 28 × 28           9,280
    blocks 4–6    5×5, stride 2    SE   HS    40 @ 14 × 14         128,264
    blocks 7–8    5×5              SE   HS    48 @ 14 × 14          51,768
    blocks 9–11   5×5, stride 2    SE   HS    96 @ 7 × 7           680,040
    convolution 1×1                     HS   576 @ 7 × 7            56,448
    mean of each map                         576                         0
    fully connected                     HS  1024                   590,848
    fully connected                         1000                 1,025,000
                                                                 2,542,856
"""

from functools import partial

from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, one_of
from minicnn.models.blocks import (
    Conv2dNormActivation,
    SqueezeExcitation,
    init_weights,
    make_divisible,
    small_normal_,
)
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build

_SE = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidualConfig:
    """One row of table 1 or 2.

    Args:
        input_channels, expanded_channels, out_channels: the maps at the block's ends and inside.
        kernel: the size of the depthwise kernels, 3 or 5.
        use_se: whether the block has squeeze-and-excitation.
        activation: ``"RE"`` for ReLU, ``"HS"`` for hard-swish.
        stride, dilation: of the depthwise convolution; with a dilation the stride is 1.
        width_mult: multiplies the three numbers of maps.

    Raises:
        ArgumentError: another activation.
    """

    def __init__(
        self,
        input_channels,
        kernel,
        expanded_channels,
        out_channels,
        use_se,
        activation,
        stride,
        dilation,
        width_mult,
    ):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        one_of("InvertedResidualConfig", "activation", activation, ("RE", "HS"))
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        """`channels` · `width_mult` as a multiple of 8."""
        return make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """Expand (1×1), filter (depthwise), squeeze and excite if asked for, project (1×1, linear).

    SE has a quarter of the expanded maps in its middle, made a multiple of 8, and a hard-sigmoid at
    its end. The input is added where both have the same shape: stride 1 and as many maps.

    Args:
        cnf: an `InvertedResidualConfig`.
        norm_layer: a function from a number of channels to a layer.
        se_layer: a function of (maps, squeezed maps) that makes the SE layer.

    Raises:
        ArgumentError: a stride other than 1 and 2.
    """

    def __init__(self, cnf, norm_layer, se_layer=_SE):
        super().__init__()
        one_of("InvertedResidual", "stride", cnf.stride, (1, 2))
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        convolution = partial(
            Conv2dNormActivation,
            norm_layer=norm_layer,
            activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU,
        )
        expanded = cnf.expanded_channels
        layers = []
        if expanded != cnf.input_channels:
            layers.append(convolution(cnf.input_channels, expanded, kernel_size=1))
        layers.append(
            convolution(
                expanded,
                expanded,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=expanded,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(expanded, make_divisible(expanded // 4, 8)))
        layers.append(convolution(expanded, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        return result + input if self.use_res_connect else result


class MobileNetV3(nn.Module):
    """MobileNetV3 from the rows of its table; `mobilenet_v3_large` and `_small` know the paper's.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    Howard et al. 2019.

    Args:
        inverted_residual_setting: a list of `InvertedResidualConfig`, one a block.
        last_channel: the outputs of the first fully connected layer.
        num_classes: the number of outputs.
        block: the class of the blocks; `InvertedResidual` unless given.
        norm_layer: a function from a number of channels to a layer; unless given, `BatchNorm2d`
            with eps 0.001 and momentum 0.01.
        dropout: the probability of dropping before the last layer.

    Raises:
        ArgumentError: no rows. DtypeError: rows of another type.

    >>> import minicnn as mc
    >>> model = mc.models.mobilenet_v3_small(num_classes=10)
    >>> type(model).__name__, len(model.features)
    ('MobileNetV3', 13)
    """

    def __init__(
        self,
        inverted_residual_setting,
        last_channel,
        num_classes=1000,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ArgumentError("MobileNetV3: inverted_residual_setting must not be empty")
        for row in setting:
            if not isinstance(row, InvertedResidualConfig):
                raise DtypeError(
                    "MobileNetV3: inverted_residual_setting must hold InvertedResidualConfig, got "
                    f"{type(row).__name__}"
                )
        block = InvertedResidual if block is None else block
        if norm_layer is None:
            norm_layer = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        with_hardswish = partial(
            Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish
        )
        first, last = setting[0].input_channels, setting[-1].out_channels
        self.features = nn.Sequential(
            with_hardswish(3, first, stride=2),
            *[block(row, norm_layer) for row in setting],
            with_hardswish(last, 6 * last, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        init_weights(self, small_normal_)

    def forward(self, x):
        check_images("MobileNetV3", x, 3)
        x = self.features(x)  # (N, 960 or 576, ⌈H/32⌉, ⌈W/32⌉)
        x = self.avgpool(x).flatten(1)  # (N, 960 or 576)
        return self.classifier(x)


def _large(row, tail, dilation):
    """The blocks of table 1; `tail` is what the maps of the last three are divided by."""
    return [
        row(16, 3, 16, 16, False, "RE", 1, 1),
        row(16, 3, 64, 24, False, "RE", 2, 1),
        row(24, 3, 72, 24, False, "RE", 1, 1),
        row(24, 5, 72, 40, True, "RE", 2, 1),
        row(40, 5, 120, 40, True, "RE", 1, 1),
        row(40, 5, 120, 40, True, "RE", 1, 1),
        row(40, 3, 240, 80, False, "HS", 2, 1),
        row(80, 3, 200, 80, False, "HS", 1, 1),
        row(80, 3, 184, 80, False, "HS", 1, 1),
        row(80, 3, 184, 80, False, "HS", 1, 1),
        row(80, 3, 480, 112, True, "HS", 1, 1),
        row(112, 3, 672, 112, True, "HS", 1, 1),
        row(112, 5, 672, 160 // tail, True, "HS", 2, dilation),
        row(160 // tail, 5, 960 // tail, 160 // tail, True, "HS", 1, dilation),
        row(160 // tail, 5, 960 // tail, 160 // tail, True, "HS", 1, dilation),
    ]


def _small(row, tail, dilation):
    """The blocks of table 2; `tail` is what the maps of the last three are divided by."""
    return [
        row(16, 3, 16, 16, True, "RE", 2, 1),
        row(16, 3, 72, 24, False, "RE", 2, 1),
        row(24, 3, 88, 24, False, "RE", 1, 1),
        row(24, 5, 96, 40, True, "HS", 2, 1),
        row(40, 5, 240, 40, True, "HS", 1, 1),
        row(40, 5, 240, 40, True, "HS", 1, 1),
        row(40, 5, 120, 48, True, "HS", 1, 1),
        row(48, 5, 144, 48, True, "HS", 1, 1),
        row(48, 5, 288, 96 // tail, True, "HS", 2, dilation),
        row(96 // tail, 5, 576 // tail, 96 // tail, True, "HS", 1, dilation),
        row(96 // tail, 5, 576 // tail, 96 // tail, True, "HS", 1, dilation),
    ]


def _mobilenet_v3(name, blocks, last_channel, weights, progress, options):
    """The network from its `blocks`, a function above."""
    width_mult = options.pop("width_mult", 1.0)
    tail = 2 if options.pop("reduced_tail", False) else 1
    dilation = 2 if options.pop("dilated", False) else 1
    row = partial(InvertedResidualConfig, width_mult=width_mult)
    setting = {
        "inverted_residual_setting": blocks(row, tail, dilation),
        "last_channel": InvertedResidualConfig.adjust_channels(last_channel // tail, width_mult),
    }
    return build(MobileNetV3, name, weights, progress, **setting, **options)


@register
def mobilenet_v3_large(*, weights=None, progress=True, **options):
    """MobileNetV3-Large, table 1.

    5,483,032 parameters. Howard et al. 2019, tables 1 and 2.

    The options ``width_mult`` multiplies all numbers of maps, ``reduced_tail=True`` halves them in
    the last stage, and ``dilated=True`` keeps its size, with a dilation of 2 for a stride of 2 (for
    detection and segmentation, section 6.3); the others are those of `MobileNetV3`.

    >>> import minicnn as mc
    >>> mc.models.mobilenet_v3_large(num_classes=10).classifier[-1].in_features
    1280
    """
    return _mobilenet_v3("mobilenet_v3_large", _large, 1280, weights, progress, options)


@register
def mobilenet_v3_small(*, weights=None, progress=True, **options):
    """MobileNetV3-Small, table 2; arguments as `mobilenet_v3_large`'s.

    2,542,856 parameters. Howard et al. 2019, tables 1 and 2.
    """
    return _mobilenet_v3("mobilenet_v3_small", _small, 1024, weights, progress, options)
