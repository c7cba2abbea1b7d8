"""VGG: Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition",
2015, table 1, configurations A (11 layers with weights), B (13), D (16) and E (19).

All convolutions are 3 × 3 and keep the size; a pool of 2 × 2 after each block halves it:

    block      maps @ size          convolutions             parameters of 16
                                    11   13   16   19
    input        3 @ 224 × 224  (32 × 32 and more)
    1           64 @ 224 × 224       1    2    2    2                  38,720
    2          128 @ 112 × 112       1    2    2    2                 221,440
    3          256 @ 56 × 56         2    2    3    4               1,475,328
    4          512 @ 28 × 28         2    2    3    4               5,899,776
    5          512 @ 14 × 14         2    2    3    4               7,079,424
    pool       512 @ 7 × 7 = 25088
    hidden    4096                                                102,764,544
    hidden    4096                                                 16,781,312
    output    1000                                                  4,097,000
                                                                  138,357,544

11: 132,863,336, 13: 133,047,848, 19: 143,667,240. With batch normalisation after each convolution
(``_bn``, not in the paper) 11: 132,868,840, 13: 133,053,736, 16: 138,365,992, 19: 143,678,248.
"""

from functools import partial

from minicnn import nn
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build

MAPS = (64, 128, 256, 512, 512)  # of the five blocks
CONVOLUTIONS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def make_layers(convolutions, batch_norm=False):
    """The blocks of a VGG, one layer after the other.

    Args:
        convolutions: how many each block has.
        batch_norm: normalise after each.
    """
    layers, channels = [], 3
    for count, maps in zip(convolutions, MAPS, strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(channels, maps, kernel_size=3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(maps))
            layers.append(nn.ReLU(inplace=True))
            channels = maps
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """A VGG: blocks of 3×3 convolutions, then three fully connected layers.


    Shapes: (N, 3, H, W), H and W at least 32 → scores (N, num_classes).

    Simonyan & Zisserman 2015, table 1.

    Args:
        features: the blocks, as `make_layers` gives them; their outputs have 512 maps.
        num_classes: the number of outputs.
        init_weights: draw weights anew: Kaiming normal ones for the convolutions, normal ones with
            deviation 0.01 for the fully connected layers; biases 0.
        dropout: the share of outputs that the hidden layers lose in training.

    Raises:
        ShapeError: called on smaller images, or other channels.

    >>> VGG(make_layers(CONVOLUTIONS[11], False), num_classes=10).classifier[0].in_features
    25088
    """

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        # Each pool halves what it gets, and the last must give something.
        self.smallest = 2 ** sum(isinstance(m, nn.MaxPool2d) for m in features)
        if init_weights:
            self._draw_weights()

    def _draw_weights(self):
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        check_images("VGG", x, self.features[0].in_channels, smallest=self.smallest)
        x = self.avgpool(self.features(x))  # (N, 512, 7, 7)
        return self.classifier(x.flatten(1))  # (N, 25088) → (N, num_classes)


def _network(depth, batch_norm, **options):
    return VGG(make_layers(CONVOLUTIONS[depth], batch_norm), **options)


def _vgg(depth, batch_norm, weights, progress, options):
    if weights is not None:  # they take the place of what would be drawn
        options = {"init_weights": False, **options}
    name = f"vgg{depth}" + ("_bn" if batch_norm else "")
    return build(partial(_network, depth, batch_norm), name, weights, progress, **options)


@register
def vgg11(*, weights=None, progress=True, **options):
    """VGG-11, configuration A; the `options` are those of `VGG` without `features`.

    132,863,336 parameters. Simonyan & Zisserman 2015, table 1.
    """
    return _vgg(11, False, weights, progress, options)


@register
def vgg11_bn(*, weights=None, progress=True, **options):
    """VGG-11 with batch normalisation; the `options` are those of `VGG` without `features`.

    132,868,840 parameters. Simonyan & Zisserman 2015, table 1, with what torchvision adds.
    """
    return _vgg(11, True, weights, progress, options)


@register
def vgg13(*, weights=None, progress=True, **options):
    """VGG-13, configuration B; the `options` are those of `VGG` without `features`.

    133,047,848 parameters. Simonyan & Zisserman 2015, table 1.
    """
    return _vgg(13, False, weights, progress, options)


@register
def vgg13_bn(*, weights=None, progress=True, **options):
    """VGG-13 with batch normalisation; the `options` are those of `VGG` without `features`.

    133,053,736 parameters. Simonyan & Zisserman 2015, table 1, with what torchvision adds.
    """
    return _vgg(13, True, weights, progress, options)


@register
def vgg16(*, weights=None, progress=True, **options):
    """VGG-16, configuration D; the `options` are those of `VGG` without `features`.

    138,357,544 parameters. Simonyan & Zisserman 2015, table 1.
    """
    return _vgg(16, False, weights, progress, options)


@register
def vgg16_bn(*, weights=None, progress=True, **options):
    """VGG-16 with batch normalisation; the `options` are those of `VGG` without `features`.

    138,365,992 parameters. Simonyan & Zisserman 2015, table 1, with what torchvision adds.
    """
    return _vgg(16, True, weights, progress, options)


@register
def vgg19(*, weights=None, progress=True, **options):
    """VGG-19, configuration E; the `options` are those of `VGG` without `features`.

    143,667,240 parameters. Simonyan & Zisserman 2015, table 1.
    """
    return _vgg(19, False, weights, progress, options)


@register
def vgg19_bn(*, weights=None, progress=True, **options):
    """VGG-19 with batch normalisation; the `options` are those of `VGG` without `features`.

    143,678,248 parameters. Simonyan & Zisserman 2015, table 1, with what torchvision adds.
    """
    return _vgg(19, True, weights, progress, options)
