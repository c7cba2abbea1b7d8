"""The networks, one file a family.

Names, options and keys of the ``state_dict`` are torchvision's where it has the network. A network
takes float tensors (N, C, H, W) and returns logits (N, classes), unless it says otherwise. An
unknown name, or a value that an option does not have, raises `ArgumentError`; an image of a size or
with channels that the network cannot take `ShapeError`; weights that do not fit say which keys or
shapes differ.

>>> model = get_model("lenet5", num_classes=10)
"""

from minicnn.models.alexnet import (
    AlexNet,
    AlexNetPaper,
    alexnet,
    alexnet_paper,
)
from minicnn.models.alexnet_towers import AlexNetTowers
from minicnn.models.cache import weights_folder
from minicnn.models.compound_scaling import CompoundScale, compound_scale
from minicnn.models.densenet import (
    DenseNet,
    densenet121,
    densenet161,
    densenet169,
    densenet201,
)
from minicnn.models.efficientnet import (
    EfficientNet,
    MBConv,
    MBConvConfig,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_b5,
    efficientnet_b6,
    efficientnet_b7,
)
from minicnn.models.efficientnet_v2 import (
    FusedMBConv,
    FusedMBConvConfig,
    efficientnet_v2_l,
    efficientnet_v2_m,
    efficientnet_v2_s,
)
from minicnn.models.googlenet import GoogLeNet, GoogLeNetOutputs, googlenet
from minicnn.models.googlenet_paper import GoogLeNetPaper, NaiveInception, googlenet_paper
from minicnn.models.inception_parts import auxiliary_loss
from minicnn.models.inception_resnet_v2 import InceptionResnetV2, inception_resnet_v2
from minicnn.models.inception_v3 import Inception3, InceptionOutputs, inception_v3
from minicnn.models.inception_v4 import InceptionV4, inception_v4
from minicnn.models.lenet import LeNet5, lenet5
from minicnn.models.mobilenet_v1 import MobileNetV1, mobilenet_v1
from minicnn.models.mobilenet_v2 import MobileNetV2, mobilenet_v2
from minicnn.models.mobilenet_v3 import MobileNetV3, mobilenet_v3_large, mobilenet_v3_small
from minicnn.models.plain import (
    CifarPlainNet,
    PlainNet,
    plain18,
    plain20,
    plain32,
    plain34,
    plain44,
    plain56,
    plain110,
)
from minicnn.models.preprocessing import ImageClassification
from minicnn.models.published import Weights, WeightsEnum, get_model_weights, get_weight
from minicnn.models.registry import get_model, get_model_builder, list_models
from minicnn.models.resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    resnext101_64x4d,
    wide_resnet50_2,
    wide_resnet101_2,
)
from minicnn.models.resnet_cifar import (
    CifarResNet,
    resnet20,
    resnet32,
    resnet44,
    resnet56,
    resnet110,
    resnet1202,
)
from minicnn.models.shufflenet_v1 import ShuffleNetV1, shufflenet_v1
from minicnn.models.shufflenet_v2 import (
    ShuffleNetV2,
    shufflenet_v2_x0_5,
    shufflenet_v2_x1_0,
    shufflenet_v2_x1_5,
    shufflenet_v2_x2_0,
)
from minicnn.models.vgg import (
    VGG,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)


def __getattr__(name):
    """The enumerations of published weights, such as `ResNet50_Weights`."""
    from minicnn.models import published

    if name.endswith("_Weights"):
        return getattr(published, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
