"""ResNet for small images: He, Zhang, Ren & Sun, "Deep residual learning for image recognition",
2016, section 4.2 (CIFAR-10), table 6.

6n + 2 layers with weights: one convolution, three stages of n blocks of two convolutions, one fully
connected layer. The parameters here are those of n = 3, with shortcuts of option A:

    stage    maps @ size    blocks    parameters of resnet20
    input     3 @ 32 × 32   (1 × 1 and more)
    conv1    16 @ 32 × 32                 464
    layer1   16 @ 32 × 32      n       14,016
    layer2   32 @ 16 × 16      n       51,072
    layer3   64 @ 8 × 8        n      203,520
    avgpool  64 @ 1 × 1
    fc       10                           650
                                      269,722

              n     option A     option B
    20        3      269,722      272,474
    32        5      464,154      466,906
    44        7      658,586      661,338
    56        9      853,018      855,770
    110      18    1,727,962    1,730,714
    1202    200   19,421,274   19,424,026

Where a block halves the size and doubles the maps, its shortcut is one of section 3.3's: option A
takes every second row and column and adds maps of zeros, and so has no parameters; option B is a
projection W_s, a 1×1 convolution of stride 2 with batch normalisation.
"""

from minicnn import nn
from minicnn.checks import ArgumentError, one_of
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.resnet import conv1x1, conv3x3, draw_weights
from minicnn.models.weights import build
from minicnn.nn import functional as F
from minicnn.nn.fusion import conv_norm_act


class ZeroPadShortcut(nn.Module):
    """Option A: every `stride`-th row and column of x, and `maps` − C maps of zeros behind its C.

    >>> import minicnn as mc
    >>> ZeroPadShortcut(32, stride=2)(mc.ones(1, 16, 8, 8)).shape
    (1, 32, 4, 4)
    """

    def __init__(self, maps, stride):
        super().__init__()
        self.maps, self.stride = maps, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.maps - x.shape[1]))

    def extra_repr(self):
        return f"{self.maps}, stride={self.stride}"


class CifarBlock(nn.Module):
    """y = ReLU(F(x) + x), F two 3×3 convolutions, each with batch normalisation.

    Args:
        inplanes: the maps of x.
        planes: the maps of y.
        stride: of the first convolution.
        shortcut: ``"A"`` or ``"B"``: what takes the place of x where it differs in size from F(x).
    """

    def __init__(self, inplanes, planes, stride=1, shortcut="A"):
        super().__init__()
        # Not in place: an activation that overwrites its input has to keep its output besides.
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        if stride == 1 and inplanes == planes:
            self.downsample = None
        elif shortcut == "A":
            self.downsample = ZeroPadShortcut(planes, stride)
        else:
            self.downsample = nn.Sequential(
                conv1x1(inplanes, planes, stride), nn.BatchNorm2d(planes)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        out = conv_norm_act(self.conv1, self.bn1, self.relu, x)
        return conv_norm_act(self.conv2, self.bn2, self.relu, out, shortcut)


class CifarResNet(nn.Module):
    """A residual network of three stages.


    Shapes: (N, in_channels, H, W) → scores (N, num_classes).

    He et al. 2016, section 4.2.

    Args:
        depth: 6n + 2, the number of layers with weights.
        num_classes: the number of outputs.
        shortcut: ``"A"`` (zeros, the paper's choice here) or ``"B"`` (projection).
        in_channels: 1 for grey images.

    Raises:
        ArgumentError: a depth that is not 6n + 2, or another shortcut.
        ShapeError: called on images of other channels.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.resnet20(shortcut="B").parameters())
    272474
    """

    def __init__(self, depth, num_classes=10, shortcut="A", in_channels=3):
        super().__init__()
        name = type(self).__name__
        if not isinstance(depth, int) or depth < 8 or depth % 6 != 2:
            raise ArgumentError(
                f"{name}: depth must be 6n + 2 (8, 14, 20, 26, …): two layers for each of n blocks "
                f"in three stages, and two more; got {depth!r}"
            )
        self.shortcut = one_of(name, "shortcut", shortcut, ("A", "B"))
        blocks = (depth - 2) // 6
        self.conv1 = conv3x3(in_channels, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = self._make_layer(16, 16, blocks, stride=1)
        self.layer2 = self._make_layer(16, 32, blocks, stride=2)
        self.layer3 = self._make_layer(32, 64, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, num_classes)
        draw_weights(self)

    def _make_block(self, inplanes, planes, stride):
        return CifarBlock(inplanes, planes, stride, self.shortcut)

    def _make_layer(self, inplanes, planes, blocks, stride):
        """A stage; its first block changes size and number of maps."""
        first = self._make_block(inplanes, planes, stride)
        return nn.Sequential(
            first, *[self._make_block(planes, planes, 1) for _ in range(blocks - 1)]
        )

    def forward(self, x):
        check_images(type(self).__name__, x, self.conv1.in_channels)
        x = conv_norm_act(self.conv1, self.bn1, self.relu, x)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))  # (N, 64, 1, 1) → (N, 64) → (N, num_classes)


@register
def resnet20(*, weights=None, progress=True, **options):
    """20 layers, for small images; the `options` are those of `CifarResNet` after `depth`.

    269,722 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarResNet, "resnet20", weights, progress, depth=20, **options)


@register
def resnet32(*, weights=None, progress=True, **options):
    """32 layers, for small images; the `options` are those of `CifarResNet` after `depth`.

    464,154 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarResNet, "resnet32", weights, progress, depth=32, **options)


@register
def resnet44(*, weights=None, progress=True, **options):
    """44 layers, for small images; the `options` are those of `CifarResNet` after `depth`.

    658,586 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarResNet, "resnet44", weights, progress, depth=44, **options)


@register
def resnet56(*, weights=None, progress=True, **options):
    """56 layers, for small images; the `options` are those of `CifarResNet` after `depth`.

    853,018 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarResNet, "resnet56", weights, progress, depth=56, **options)


@register
def resnet110(*, weights=None, progress=True, **options):
    """110 layers, for small images; the `options` are those of `CifarResNet` after `depth`.

    1,727,962 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarResNet, "resnet110", weights, progress, depth=110, **options)


@register
def resnet1202(*, weights=None, progress=True, **options):
    """1202 layers, for small images; the `options` are those of `CifarResNet` after `depth`.

    19,421,274 parameters. He et al. 2016, section 4.2.
    """
    return build(CifarResNet, "resnet1202", weights, progress, depth=1202, **options)
