"""ResNet: He, Zhang, Ren & Sun, "Deep residual learning for image recognition", 2016, table 1; with
wide ones (Zagoruyko & Komodakis, "Wide residual networks", 2016) and ResNeXt (Xie, Girshick,
Dollár, Tu & He, "Aggregated residual transformations for deep neural networks", 2017, table 1).

A block computes y = ReLU(F(x) + x), or ReLU(F(x) + W_s x) where x and F(x) differ in size; F is two
3×3 convolutions (`BasicBlock`) or 1×1, 3×3, 1×1 (`Bottleneck`), each with batch normalisation:

    stage     maps @ size                 number of blocks              parameters
              18, 34   from 50 on    18   34   50  101  152      of 18       of 50
    input        3 @ 224 × 224  (1 × 1 and more)
    conv1       64 @ 112 × 112     7×7, stride 2                  9,536       9,536
    maxpool     64 @ 56 × 56       3×3, stride 2
    layer1      64, 256 @ 56 × 56     2    3    3    3    3     147,968     215,808
    layer2     128, 512 @ 28 × 28     2    4    4    4    8     525,568   1,219,584
    layer3    256, 1024 @ 14 × 14     2    6    6   23   36   2,099,712   7,098,368
    layer4    512, 2048 @ 7 × 7       2    3    3    3    3   8,393,728  14,964,736
    avgpool   512, 2048 @ 1 × 1
    fc             1000                                         513,000   2,049,000
                                                             11,689,512  25,557,032

34: 21,797,672, 101: 44,549,160, 152: 60,192,808. A bottleneck's 3×3 convolution has as many maps as
the basic block's, 64 … 512; twice as many in `wide_resnet50_2` (68,883,240); in `resnext50_32x4d`
(25,028,904) 32 groups of 4 … 32 maps, which is equation (3) of that paper, drawn as figure 3 (c).

As in torchvision a bottleneck halves the size in its 3×3 convolution; in the paper's in its first.
"""

from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build
from minicnn.nn.fusion import conv_norm_act


def conv3x3(inplanes, planes, stride=1, groups=1, dilation=1):
    """A 3×3 convolution that keeps the size (but for its stride); batch normalisation follows."""
    options = {"stride": stride, "padding": dilation, "groups": groups, "dilation": dilation}
    return nn.Conv2d(inplanes, planes, kernel_size=3, bias=False, **options)


def conv1x1(inplanes, planes, stride=1):
    """A 1×1 convolution; batch normalisation follows."""
    return nn.Conv2d(inplanes, planes, kernel_size=1, stride=stride, bias=False)


def draw_weights(network):
    """Kaiming's initial values for the convolutions: those of the paper, by number of outputs."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


class BasicBlock(nn.Module):
    """y = ReLU(F(x) + x), F two 3×3 convolutions: figure 5, left.

    Args:
        inplanes: the maps of x.
        planes: the maps of y.
        stride: of the first convolution.
        downsample: the shortcut's W_s; None: the identity.
        groups, base_width, dilation: only `Bottleneck` has others than 1, 64 and 1.
        norm_layer: makes the normalisation of a number of maps; None: `BatchNorm2d`.
    """

    expansion = 1  # how many maps y has for each of `planes`

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        if groups != 1 or base_width != 64 or dilation != 1:
            raise ArgumentError(
                "BasicBlock: groups, base_width and dilation must be 1, 64 and 1, got "
                f"{groups}, {base_width} and {dilation}; Bottleneck takes others"
            )
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        out = conv_norm_act(self.conv1, self.bn1, self.relu, x)
        return conv_norm_act(self.conv2, self.bn2, self.relu, out, shortcut)


class Bottleneck(nn.Module):
    """y = ReLU(F(x) + x), F 1×1, 3×3 and 1×1 convolutions: figure 5, right.

    Args:
        inplanes: the maps of x.
        planes: y has 4 · planes.
        stride, dilation: of the 3×3 convolution.
        downsample: the shortcut's W_s; None: the identity.
        groups, base_width: the 3×3 convolution has ⌊planes · base_width/64⌋ · groups maps.
        norm_layer: makes the normalisation of a number of maps; None: `BatchNorm2d`.
    """

    expansion = 4

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        out = conv_norm_act(self.conv1, self.bn1, self.relu, x)
        out = conv_norm_act(self.conv2, self.bn2, self.relu, out)
        return conv_norm_act(self.conv3, self.bn3, self.relu, out, shortcut)


class ResNet(nn.Module):
    """A residual network of four stages.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    He et al. 2016, table 1.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        layers: the number of blocks in each stage.
        num_classes: the number of outputs.
        zero_init_residual: begin with 0 as the last γ of each block, so that it is the identity.
        groups: of the bottlenecks' 3×3 convolutions.
        width_per_group: its maps in each group in the first stage; they double with each stage.
        replace_stride_with_dilation: three truth values, of layer2 … layer4: keep the size, with
            dilated kernels in place of the stride (for segmentation); bottlenecks only.
        norm_layer: makes the normalisation of a number of maps; None: `BatchNorm2d`.

    Raises:
        ArgumentError: another `block`; dilation with basic blocks.
        ShapeError: called on images of other channels.

    >>> ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10).fc.in_features
    512
    """

    def __init__(
        self,
        block,
        layers,
        num_classes=1000,
        zero_init_residual=False,
        groups=1,
        width_per_group=64,
        replace_stride_with_dilation=None,
        norm_layer=None,
    ):
        super().__init__()
        dilate = replace_stride_with_dilation
        dilate = (False, False, False) if dilate is None else dilate
        if not hasattr(dilate, "__len__") or len(dilate) != 3:
            raise ArgumentError(
                "ResNet: replace_stride_with_dilation must be None or three truth values, for "
                f"layer2, layer3 and layer4; got {replace_stride_with_dilation!r}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.groups, self.base_width = groups, width_per_group
        # What the next stage gets: the number of maps, and by how much it is spread already.
        self.inplanes, self.dilation = 64, 1
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        draw_weights(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    if getattr(last, "weight", None) is not None:
                        nn.init.zeros_(last.weight)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        """A stage; its first block changes size and number of maps."""
        first_dilation, maps = self.dilation, planes * block.expansion
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        downsample = None
        if stride != 1 or self.inplanes != maps:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, maps, stride),
                self._norm_layer(maps),
            )
        same = (self.groups, self.base_width)
        stage = [
            block(
                self.inplanes, planes, stride, downsample, *same, first_dilation, self._norm_layer
            )
        ]
        for _ in range(1, blocks):
            stage.append(block(maps, planes, 1, None, *same, self.dilation, self._norm_layer))
        self.inplanes = maps
        return nn.Sequential(*stage)

    def forward(self, x):
        check_images("ResNet", x, self.conv1.in_channels)
        x = self.maxpool(conv_norm_act(self.conv1, self.bn1, self.relu, x))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))  # (N, C, 1, 1) → (N, C) → (N, num_classes)


@register
def resnet18(*, weights=None, progress=True, **options):
    """ResNet-18; the `options` are those of `ResNet` after `layers`.

    11,689,512 parameters. He et al. 2016, table 1.
    """
    layers = (2, 2, 2, 2)
    return build(ResNet, "resnet18", weights, progress, block=BasicBlock, layers=layers, **options)


@register
def resnet34(*, weights=None, progress=True, **options):
    """ResNet-34; the `options` are those of `ResNet` after `layers`.

    21,797,672 parameters. He et al. 2016, table 1.
    """
    layers = (3, 4, 6, 3)
    return build(ResNet, "resnet34", weights, progress, block=BasicBlock, layers=layers, **options)


def _of_bottlenecks(name, layers, weights, progress, options, **more):
    """Those with bottlenecks; `more` is what makes the kind, which `options` cannot change."""
    for key, value in more.items():
        if options.setdefault(key, value) != value:
            raise ArgumentError(f"{name}: {key} is {value}, got {options[key]}; see ResNet")
    return build(ResNet, name, weights, progress, block=Bottleneck, layers=layers, **options)


@register
def resnet50(*, weights=None, progress=True, **options):
    """ResNet-50; the `options` are those of `ResNet` after `layers`.

    25,557,032 parameters. He et al. 2016, table 1.
    """
    return _of_bottlenecks("resnet50", (3, 4, 6, 3), weights, progress, options)


@register
def resnet101(*, weights=None, progress=True, **options):
    """ResNet-101; the `options` are those of `ResNet` after `layers`.

    44,549,160 parameters. He et al. 2016, table 1.
    """
    return _of_bottlenecks("resnet101", (3, 4, 23, 3), weights, progress, options)


@register
def resnet152(*, weights=None, progress=True, **options):
    """ResNet-152; the `options` are those of `ResNet` after `layers`.

    60,192,808 parameters. He et al. 2016, table 1.
    """
    return _of_bottlenecks("resnet152", (3, 8, 36, 3), weights, progress, options)


@register
def resnext50_32x4d(*, weights=None, progress=True, **options):
    """ResNeXt-50 with 32 groups of 4 maps; the `options` are those of `ResNet` after `layers`.

    25,028,904 parameters. Xie et al. 2017, table 1.
    """
    kind = {"groups": 32, "width_per_group": 4}
    return _of_bottlenecks("resnext50_32x4d", (3, 4, 6, 3), weights, progress, options, **kind)


@register
def resnext101_32x8d(*, weights=None, progress=True, **options):
    """ResNeXt-101 with 32 groups of 8 maps; the `options` are those of `ResNet` after `layers`.

    88,791,336 parameters. Xie et al. 2017, table 1.
    """
    kind = {"groups": 32, "width_per_group": 8}
    return _of_bottlenecks("resnext101_32x8d", (3, 4, 23, 3), weights, progress, options, **kind)


@register
def resnext101_64x4d(*, weights=None, progress=True, **options):
    """ResNeXt-101 with 64 groups of 4 maps; the `options` are those of `ResNet` after `layers`.

    83,455,272 parameters. Xie et al. 2017, table 1.
    """
    kind = {"groups": 64, "width_per_group": 4}
    return _of_bottlenecks("resnext101_64x4d", (3, 4, 23, 3), weights, progress, options, **kind)


@register
def wide_resnet50_2(*, weights=None, progress=True, **options):
    """ResNet-50, its 3×3 convolutions twice as wide; `options` of `ResNet` after `layers`.

    68,883,240 parameters. Zagoruyko & Komodakis 2016.
    """
    kind = {"width_per_group": 128}
    return _of_bottlenecks("wide_resnet50_2", (3, 4, 6, 3), weights, progress, options, **kind)


@register
def wide_resnet101_2(*, weights=None, progress=True, **options):
    """ResNet-101, its 3×3 convolutions twice as wide; `options` of `ResNet` after `layers`.

    126,886,696 parameters. Zagoruyko & Komodakis 2016.
    """
    kind = {"width_per_group": 128}
    return _of_bottlenecks("wide_resnet101_2", (3, 4, 23, 3), weights, progress, options, **kind)
