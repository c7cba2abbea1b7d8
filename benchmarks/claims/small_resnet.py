"""A residual network for grey images of 28 × 28."""

from minicnn import nn
from minicnn.models.inputs import check_images
from minicnn.models.resnet import conv3x3, draw_weights
from minicnn.models.resnet_cifar import CifarBlock
from minicnn.nn.fusion import norm_act


class SmallResNet(nn.Module):
    """A residual network for small grey images: a convolution, stages of blocks, a linear layer.

    Args:
        stem: the maps of the first convolution.
        maps, blocks, strides: of each stage.

    Shapes: (N, 1, 28, 28) → scores (N, 10).
    """

    def __init__(self, stem, maps, blocks, strides):
        super().__init__()
        self.conv1 = conv3x3(1, stem)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU()
        layers, before = [], stem
        for planes, count, stride in zip(maps, blocks, strides, strict=True):
            for i in range(count):
                layers.append(CifarBlock(before, planes, 1 if i else stride, shortcut="B"))
                before = planes
        self.stages = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(before, 10)
        draw_weights(self)

    def forward(self, x):
        check_images("SmallResNet", x, 1)
        x = self.stages(norm_act(self.bn1, self.relu, self.conv1(x)))
        return self.fc(self.avgpool(x).flatten(1))  # (N, C, 1, 1) → (N, C) → (N, 10)


def parameter_groups(network, weight_decay):
    """Convolutions' and the linear layer's weights shrink; biases, γ and β do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
