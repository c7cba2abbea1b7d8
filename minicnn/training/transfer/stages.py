"""The stages of a network: the places at which it can be cut in two.

Most networks are a chain: what one part gives is all that the next one gets. A *stage* is a link of
such a chain, one layer with weights (or one block, where shortcuts and branches stay inside) and
what follows it without weights: its normalisation, activation, pooling. The networks of
`minicnn.models` are known here, a `Sequential` shows its stages itself, and a network of your own
says what they are by a method ``stages()``.
"""

from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError
from minicnn.models.alexnet import AlexNet, AlexNetPaper
from minicnn.models.densenet import DenseNet
from minicnn.models.efficientnet import EfficientNet
from minicnn.models.googlenet import GoogLeNet
from minicnn.models.googlenet_paper import GoogLeNetPaper
from minicnn.models.inception_parts import as_if_normalised_by_half
from minicnn.models.inception_resnet_v2 import InceptionResnetV2
from minicnn.models.inception_v3 import Inception3
from minicnn.models.inception_v4 import InceptionV4
from minicnn.models.lenet import LeNet5
from minicnn.models.mobilenet_v1 import MobileNetV1
from minicnn.models.mobilenet_v2 import MobileNetV2
from minicnn.models.mobilenet_v3 import MobileNetV3
from minicnn.models.plain import PlainNet
from minicnn.models.resnet import ResNet
from minicnn.models.resnet_cifar import CifarResNet
from minicnn.models.shufflenet_v1 import ShuffleNetV1
from minicnn.models.shufflenet_v2 import ShuffleNetV2
from minicnn.models.vgg import VGG

_FAMILIES = (
    LeNet5, AlexNet, AlexNetPaper, VGG, GoogLeNet, GoogLeNetPaper, Inception3, InceptionV4,
    InceptionResnetV2, ResNet, CifarResNet, PlainNet, DenseNet, MobileNetV1, MobileNetV2,
    MobileNetV3, EfficientNet, ShuffleNetV1, ShuffleNetV2,
)  # fmt: skip
AUXILIARY = ("aux1", "aux2", "AuxLogits")  # the heads beside the chain, by name
_CLASSIFIERS = ("fc", "classifier")  # what gets flattened maps

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.LayerNorm, nn.GroupNorm)
_RANDOM = (nn.Dropout, nn.Dropout2d, nn.StochasticDepth)


class _Function(nn.Module):
    """A function of a forward pass as a link of the chain."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def stages(model):
    """The stages of a network: dictionary of names and modules, which run one after another.

    They share their layers with the network, so what is trained in one is trained in the other.

    minicnn's own.

    Args:
        model: a network of `minicnn.models`, a `Sequential`, or a module with a method ``stages()``
            that returns such a dictionary.

    Raises:
        ArgumentError: it is not known how the network runs.
        DtypeError: not a module; ``stages()`` returns something else.

    >>> from minicnn import models
    >>> for name, stage in stages(models.lenet5()).items():
    ...     print(name, [type(layer).__name__ for layer in stage])
    conv1 ['Conv2d', 'Tanh', 'AvgPool2d']
    conv2 ['Conv2d', 'Tanh', 'AvgPool2d', 'Flatten']
    fc1 ['Linear', 'Tanh']
    fc2 ['Linear', 'Tanh']
    fc3 ['Linear']
    """
    found = _found(model)
    if found is not None:
        return found
    name = type(model).__name__
    raise ArgumentError(
        f"stages: {name} does not say in which order its layers run. Give it a method stages(self) "
        'that returns a dictionary of modules, such as {"conv": nn.Sequential(self.conv, '
        'nn.ReLU()), "fc": nn.Sequential(nn.Flatten(), self.fc)}, which one after another do what '
        "forward does"
    )


def stages_or_children(model):
    """As `stages`; of a network that says nothing, its children as they were defined.

    For what only has to know which layers come early and which come late.
    """
    found = _found(model)
    return found or _grouped(_children(model)) or {"": model}


def _found(model):
    if not isinstance(model, nn.Module):
        raise DtypeError(f"stages: model must be a Module, got {type(model).__name__}")
    if callable(getattr(type(model), "stages", None)):
        return _own_stages(model)
    if any(isinstance(model, f) and type(model).forward is f.forward for f in _FAMILIES):
        return _grouped(_chain_of_family(model))
    if type(model) is nn.Sequential:
        return _grouped(_expanded("", model))
    return None


def _own_stages(model):
    found = model.stages()
    if not isinstance(found, dict) or not all(isinstance(m, nn.Module) for m in found.values()):
        raise DtypeError(
            f"stages: {type(model).__name__}.stages() must return a dictionary of names and "
            f"modules, got {type(found).__name__}"
        )
    own = set(model.parameters())
    if not found or any(p not in own for stage in found.values() for p in stage.parameters()):
        raise ArgumentError(
            f"stages: {type(model).__name__}.stages() must return the network's own layers, not "
            "new ones (layers without parameters may be new)"
        )
    return found


# ---------------------------------------------------------------- from a network to its chain


def _chain_of_family(model):
    """(name, module) of all that a network of `minicnn.models` does, in its order."""
    if isinstance(model, (GoogLeNet, Inception3)) and model.transform_input:
        yield "transform_input", _Function(as_if_normalised_by_half)
    if isinstance(model, MobileNetV1) and model.resolution is not None:
        yield "resolution", nn.Upsample(size=(model.resolution,) * 2, mode="bilinear")
    for name, module in model.named_children():
        if name in AUXILIARY:
            continue
        if name in _CLASSIFIERS:
            yield from _before_the_classifier(model)
        yield from _expanded(name, module)


def _before_the_classifier(model):
    """What stands in `forward` only: (N, C, H, W) → (N, C)."""
    if isinstance(model, ShuffleNetV2):
        yield "mean", _Function(_mean_of_each_map)
        return
    if isinstance(model, DenseNet):
        yield "relu", nn.ReLU()
    if isinstance(model, (DenseNet, MobileNetV2)):
        yield "avgpool", nn.AdaptiveAvgPool2d((1, 1))
    yield "flatten", nn.Flatten()


def _mean_of_each_map(x):
    return x.mean((2, 3))


def _children(model):
    for name, module in model.named_children():
        yield from _expanded(name, module)


def _expanded(name, module):
    """A plain `Sequential` is as many links as it has modules; all else is one."""
    if type(module) is not nn.Sequential:
        yield name, module
        return
    for inner, child in module._modules.items():  # a layer that is used twice comes twice
        yield from _expanded(f"{name}.{inner}" if name else inner, child)


# ---------------------------------------------------------------- from a chain to its stages


def _grouped(chain):
    """A dictionary of `Sequential`: a new one begins with each layer that has weights.

    Dropout goes with the layer behind it: of a frozen stage, which stays in evaluation mode, what
    it gives must not depend on chance.
    """
    groups = []
    for name, module in chain:
        weighty = any(True for _ in module.parameters()) and not isinstance(module, _NORMS)
        full = groups and groups[-1]["name"] is not None
        if not groups or (full and (weighty or isinstance(module, _RANDOM))):
            groups.append({"name": None, "layers": []})
        groups[-1]["layers"].append((name, module))
        if weighty and groups[-1]["name"] is None:
            groups[-1]["name"] = name
    if len(groups) > 1 and groups[-1]["name"] is None:  # something without weights at the very end
        last = groups.pop()
        groups[-1]["layers"] += last["layers"]
    return {
        group["name"] or group["layers"][0][0]: nn.Sequential(*[m for _, m in group["layers"]])
        for group in groups
    }
