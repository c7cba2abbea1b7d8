"""DenseNet: Huang, Liu, van der Maaten & Weinberger, "Densely connected convolutional networks",
2017, table 1 (DenseNet-BC).

Each layer of a block reads the maps of all layers before it, and adds k of its own, the growth
rate: BN, ReLU, 1×1 convolution to 4k maps, BN, ReLU, 3×3 convolution to k. Between two blocks a
transition halves the number of maps, by a 1×1 convolution, and the size. k = 32 (161: 48):

    stage         maps @ size            layers                      parameters
                  of 121          121   169   201   161             of 121
    input            3 @ 224 × 224  (29 × 29 and more)
    conv0           64 @ 112 × 112  7×7, stride 2                    9,536
    pool0           64 @ 56 × 56    3×3, stride 2
    denseblock1    256 @ 56 × 56    6     6     6     6            335,040
    transition1    128 @ 28 × 28                                    33,280
    denseblock2    512 @ 28 × 28   12    12    12    12            919,680
    transition2    256 @ 14 × 14                                   132,096
    denseblock3   1024 @ 14 × 14   24    32    48    36          2,837,760
    transition3    512 @ 7 × 7                                     526,336
    denseblock4   1024 @ 7 × 7     16    32    32    24          2,158,080
    norm5         1024 @ 7 × 7                                       2,048
    mean pool     1024 @ 1 × 1
    classifier    1000                                           1,025,000
                                                                 7,978,856

169: 14,149,480, 201: 20,013,928, 161: 28,681,000.
"""

import re

from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.functions.shaping import cat
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build
from minicnn.nn import functional as F
from minicnn.nn.fusion import norm_act


class DenseLayer(nn.Module):
    """k new maps from all those before.

    Args:
        num_input_features: how many those are.
        growth_rate: k.
        bn_size: the 1×1 convolution has `bn_size` · k maps.
        drop_rate: the share of values that dropout sets to 0 in training.
    """

    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, maps):
        """From a list of tensors (N, …, H, W), or one, to (N, k, H, W)."""
        x = cat(maps, 1) if isinstance(maps, (list, tuple)) else maps
        x = self.conv1(norm_act(self.norm1, self.relu1, x))
        x = self.conv2(norm_act(self.norm2, self.relu2, x))
        return F.dropout(x, self.drop_rate, self.training) if self.drop_rate > 0 else x


class DenseBlock(nn.ModuleDict):
    """Layers `denselayer1` …, each reading the block's input and the maps of all layers before it.

    Args:
        num_layers: how many layers.
        num_input_features: the maps of the block's input.
        bn_size, growth_rate, drop_rate: of each layer.
    """

    def __init__(self, num_layers, num_input_features, bn_size, growth_rate, drop_rate):
        super().__init__()
        for i in range(num_layers):
            features = num_input_features + i * growth_rate
            layer = DenseLayer(features, growth_rate, bn_size, drop_rate)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x):
        maps = [x]
        for layer in self.values():
            maps.append(layer(maps))
        return cat(maps, 1)


class Transition(nn.Sequential):
    """Fewer maps of half the size: BN, ReLU, 1×1 convolution, mean pooling."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__(
            {
                "norm": nn.BatchNorm2d(num_input_features),
                "relu": nn.ReLU(inplace=True),
                "conv": nn.Conv2d(num_input_features, num_output_features, 1, bias=False),
                "pool": nn.AvgPool2d(kernel_size=2, stride=2),
            }
        )


class DenseNet(nn.Module):
    """A DenseNet-BC.


    Shapes: (N, 3, H, W), H and W at least 29 → scores (N, num_classes).

    Huang et al. 2017.

    Args:
        growth_rate: k, the maps that each layer adds.
        block_config: the number of layers in each block.
        num_init_features: the maps of the first convolution.
        bn_size: the 1×1 convolutions have `bn_size` · k maps.
        drop_rate: the share of values that dropout sets to 0 after each layer in training.
        num_classes: the number of outputs.
        memory_efficient: must be False: torchvision's True computes the 1×1 convolutions' inputs
            again on the way back to save memory, which minicnn cannot.

    Raises:
        ArgumentError: `memory_efficient` is True.
        ShapeError: called on smaller images, or other channels.

    >>> DenseNet(growth_rate=4, block_config=(2, 2), num_classes=10).classifier.in_features
    44
    """

    def __init__(
        self,
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        bn_size=4,
        drop_rate=0,
        num_classes=1000,
        memory_efficient=False,
    ):
        super().__init__()
        if memory_efficient:
            raise ArgumentError(
                "DenseNet: memory_efficient=True is not supported: minicnn keeps what backward "
                "needs and cannot compute it again (checkpointing); use smaller batches"
            )
        stages = {
            "conv0": nn.Conv2d(3, num_init_features, 7, stride=2, padding=3, bias=False),
            "norm0": nn.BatchNorm2d(num_init_features),
            "relu0": nn.ReLU(inplace=True),
            "pool0": nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        }
        maps = num_init_features
        for i, layers in enumerate(block_config, start=1):
            stages[f"denseblock{i}"] = DenseBlock(layers, maps, bn_size, growth_rate, drop_rate)
            maps += layers * growth_rate
            if i < len(block_config):
                stages[f"transition{i}"] = Transition(maps, maps // 2)
                maps //= 2
        stages["norm5"] = nn.BatchNorm2d(maps)
        self.features = nn.Sequential(stages)
        self.classifier = nn.Linear(maps, num_classes)
        # conv0 and pool0 each give ⌈n/2⌉, and a transition ⌊n/2⌋, which must leave 1.
        self.smallest = 4 * 2 ** (len(block_config) - 1) - 3
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        check_images("DenseNet", x, self.features.conv0.in_channels, smallest=self.smallest)
        x = F.relu(self.features(x))  # (N, C, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, (1, 1)).flatten(1)  # (N, C, 1, 1) → (N, C)
        return self.classifier(x)


def _present_key(key):
    """torchvision's files are older than its network: ``norm.1.weight`` is ``norm1.weight`` now."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", key)


def _densenet(name, weights, progress, options, **kind):
    return build(DenseNet, name, weights, progress, rename=_present_key, **kind, **options)


@register
def densenet121(*, weights=None, progress=True, **options):
    """DenseNet-121; the `options` are those of `DenseNet` after `num_init_features`.

    7,978,856 parameters. Huang et al. 2017, table 1.
    """
    kind = {"growth_rate": 32, "block_config": (6, 12, 24, 16), "num_init_features": 64}
    return _densenet("densenet121", weights, progress, options, **kind)


@register
def densenet161(*, weights=None, progress=True, **options):
    """DenseNet-161; the `options` are those of `DenseNet` after `num_init_features`.

    28,681,000 parameters. Huang et al. 2017, table 1.
    """
    kind = {"growth_rate": 48, "block_config": (6, 12, 36, 24), "num_init_features": 96}
    return _densenet("densenet161", weights, progress, options, **kind)


@register
def densenet169(*, weights=None, progress=True, **options):
    """DenseNet-169; the `options` are those of `DenseNet` after `num_init_features`.

    14,149,480 parameters. Huang et al. 2017, table 1.
    """
    kind = {"growth_rate": 32, "block_config": (6, 12, 32, 32), "num_init_features": 64}
    return _densenet("densenet169", weights, progress, options, **kind)


@register
def densenet201(*, weights=None, progress=True, **options):
    """DenseNet-201; the `options` are those of `DenseNet` after `num_init_features`.

    20,013,928 parameters. Huang et al. 2017, table 1.
    """
    kind = {"growth_rate": 32, "block_config": (6, 12, 48, 32), "num_init_features": 64}
    return _densenet("densenet201", weights, progress, options, **kind)
