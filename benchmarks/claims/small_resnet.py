"""A residual network for grey images of 28 × 28.

Page, "How to train your ResNet", 2018: few layers, most of them wide 3×3 convolutions of stride 1,
which processors do fastest, and pooling where the size is halved.

layer                                    maps @ size    (with maps (64, 128, 256))
input                                      1 @ 28 × 28
stem: 3×3, ReLU                           18 @ 28 × 28
stage 1: 3×3, BN, ReLU, pool; block       64 @ 14 × 14
stage 2: the same                        128 @ 7 × 7
stage 3: the same                        256 @ 3 × 3
the largest of each map, fc               10

The stem's kernels may be whitening ones (`whitening_kernels`), which are computed from the images
and are not trained; a learned stem has batch normalisation like the other layers.
"""

import numpy as np

from minicnn import nn
from minicnn.models.blocks import Conv2dNormActivation
from minicnn.models.inputs import check_images
from minicnn.models.resnet_cifar import CifarBlock


class SmallResNet(nn.Module):
    """A residual network for small grey images.

    Args:
        maps: of each stage.
        blocks: how many residual blocks each stage has.
        stem: the maps of a learned stem; or an array of whitening kernels (C, 1, 3, 3).

    Shapes: (N, 1, 28, 28) → scores (N, 10).
    """

    def __init__(self, maps, blocks, stem):
        super().__init__()
        if isinstance(stem, int):
            self.stem, before = Conv2dNormActivation(1, stem), stem
        else:
            before = len(stem)
            self.stem = Conv2dNormActivation(1, before, norm_layer=None, bias=False)
            self.stem[0].weight.requires_grad_(False).copy_(stem)
        stages = []
        for planes, count in zip(maps, blocks, strict=True):
            # Pooling without padding: of 7 × 7 the last row and column are dropped.
            stages += [Conv2dNormActivation(before, planes), nn.MaxPool2d(2)]
            stages += [CifarBlock(planes, planes) for _ in range(count)]
            before = planes
        self.stages = nn.Sequential(*stages)
        self.maxpool = nn.AdaptiveMaxPool2d(1)
        self.fc = nn.Linear(before, 10)

    def forward(self, x):
        check_images("SmallResNet", x, 1)
        x = self.stages(self.stem(x))
        return self.fc(self.maxpool(x).flatten(1))  # (N, C, 1, 1) → (N, C) → (N, 10)


def whitening_kernels(images, least=0.005):
    """3×3 kernels whose outputs are uncorrelated and have variance 1, and their negatives.

    They are the principal components of the images' 3×3 patches, each divided by its standard
    deviation; with their negatives a ReLU behind them loses nothing.

    Args:
        images: an array (N, H, W), standardised as for training.
        least: added to the variances, so that noise is not blown up.

    Returns:
        An array (18, 1, 3, 3).
    """
    patches = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))
    variances, components = np.linalg.eigh(np.cov(patches.reshape(-1, 9), rowvar=False))
    kernels = (components / np.sqrt(variances + least)).T.reshape(9, 1, 3, 3)
    return np.concatenate([kernels, -kernels]).astype(np.float32)


def parameter_groups(network, weight_decay):
    """Convolutions' and the linear layer's weights shrink; biases, γ and β do not."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
