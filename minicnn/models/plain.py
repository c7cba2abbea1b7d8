"""Plain: He, Zhang, Ren & Sun, "Deep residual learning for image recognition", 2016, section 3.3
and figure 3, middle: the residual networks without their shortcuts.

They show the degradation that residual networks cure: from some depth on a deeper one has a higher
*training* error (figure 1, figure 4, figure 6).

    stage    maps @ size       blocks        parameters        maps @ size    blocks  parameters
                              18    34         of 18           small images   n = 3   of plain20
    input      3 @ 224 × 224                                     3 @ 32 × 32
    conv1     64 @ 112 × 112                     9,536          16 @ 32 × 32                 464
    maxpool   64 @ 56 × 56
    layer1    64 @ 56 × 56     2     3         147,968          16 @ 32 × 32     n        14,016
    layer2   128 @ 28 × 28     2     4         517,120          32 @ 16 × 16     n        51,072
    layer3   256 @ 14 × 14     2     6       2,066,432          64 @ 8 × 8       n       203,520
    layer4   512 @ 7 × 7       2     3       8,261,632
    fc      1000                               513,000          10                           650
                                            11,515,688                                   269,722

34: 21,623,848. The ones for small images, 6n + 2 layers, have as many parameters as the residual
ones with shortcuts of option A (`resnet20` … `resnet110`), and theirs have the same names, so that
both can begin with the same weights.
"""

from minicnn import nn
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.resnet import conv3x3, draw_weights
from minicnn.models.resnet_cifar import CifarResNet
from minicnn.models.weights import build
from minicnn.nn.fusion import conv_norm_act


class PlainBlock(nn.Module):
    """Two 3×3 convolutions, each with batch normalisation and ReLU: a `BasicBlock` without + x.

    Args:
        inplanes, planes: the maps that come in and go out.
        stride: of the first convolution.
    """

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)

    def forward(self, x):
        out = conv_norm_act(self.conv1, self.bn1, self.relu, x)
        return conv_norm_act(self.conv2, self.bn2, self.relu, out)


class PlainNet(nn.Module):
    """A plain network of four stages.


    Shapes: (N, 3, H, W) → scores (N, num_classes).

    He et al. 2016, figure 3.

    Args:
        layers: the number of blocks in each stage.
        num_classes: the number of outputs.

    Raises:
        ShapeError: called on images of other channels than 3.

    >>> len(PlainNet([2, 2, 2, 2], num_classes=10).layer4)
    2
    """

    def __init__(self, layers, num_classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = _stage(64, 64, layers[0], stride=1)
        self.layer2 = _stage(64, 128, layers[1], stride=2)
        self.layer3 = _stage(128, 256, layers[2], stride=2)
        self.layer4 = _stage(256, 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, num_classes)
        draw_weights(self)

    def forward(self, x):
        check_images("PlainNet", x, self.conv1.in_channels)
        x = self.maxpool(conv_norm_act(self.conv1, self.bn1, self.relu, x))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))  # (N, 512, 1, 1) → (N, 512) → (N, num_classes)


def _stage(inplanes, planes, blocks, stride):
    first = PlainBlock(inplanes, planes, stride)
    return nn.Sequential(first, *[PlainBlock(planes, planes) for _ in range(blocks - 1)])


class CifarPlainNet(CifarResNet):
    """A plain network of three stages, for small images.


    Shapes: (N, in_channels, H, W) → scores (N, num_classes).

    He et al. 2016, section 4.2.

    Args:
        depth: 6n + 2, the number of layers with weights.
        num_classes: the number of outputs.
        in_channels: 1 for grey images.

    Raises:
        ArgumentError: a depth that is not 6n + 2.
        ShapeError: called on images of other channels.

    >>> len(CifarPlainNet(20).layer1)
    3
    """

    def __init__(self, depth, num_classes=10, in_channels=3):
        super().__init__(depth, num_classes, in_channels=in_channels)

    def _make_block(self, inplanes, planes, stride):
        return PlainBlock(inplanes, planes, stride)


@register
def plain18(*, weights=None, progress=True, **options):
    """`resnet18` without shortcuts; the `options` are those of `PlainNet` after `layers`.

    11,515,688 parameters. He et al. 2016, figure 3.
    """
    return build(PlainNet, "plain18", weights, progress, layers=(2, 2, 2, 2), **options)


@register
def plain34(*, weights=None, progress=True, **options):
    """`resnet34` without shortcuts; the `options` are those of `PlainNet` after `layers`.

    21,623,848 parameters. He et al. 2016, figure 3.
    """
    return build(PlainNet, "plain34", weights, progress, layers=(3, 4, 6, 3), **options)


@register
def plain20(*, weights=None, progress=True, **options):
    """`resnet20` without shortcuts; the `options` are those of `CifarPlainNet` after `depth`.

    269,722 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarPlainNet, "plain20", weights, progress, depth=20, **options)


@register
def plain32(*, weights=None, progress=True, **options):
    """`resnet32` without shortcuts; the `options` are those of `CifarPlainNet` after `depth`.

    464,154 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarPlainNet, "plain32", weights, progress, depth=32, **options)


@register
def plain44(*, weights=None, progress=True, **options):
    """`resnet44` without shortcuts; the `options` are those of `CifarPlainNet` after `depth`.

    658,586 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarPlainNet, "plain44", weights, progress, depth=44, **options)


@register
def plain56(*, weights=None, progress=True, **options):
    """`resnet56` without shortcuts; the `options` are those of `CifarPlainNet` after `depth`.

    853,018 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarPlainNet, "plain56", weights, progress, depth=56, **options)


@register
def plain110(*, weights=None, progress=True, **options):
    """`resnet110` without shortcuts; the `options` are those of `CifarPlainNet` after `depth`.

    1,727,962 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarPlainNet, "plain110", weights, progress, depth=110, **options)
