"""The ten workloads: networks of the zoo, each with its batch and its image size."""

from typing import NamedTuple


class Workload(NamedTuple):
    network: str
    batch: int
    image: tuple = (3, 224, 224)
    classes: int = 1000


WORKLOADS = {
    "LeNet b64": Workload("lenet5", 64, (1, 28, 28), 10),
    "LeNet b256": Workload("lenet5", 256, (1, 28, 28), 10),
    "AlexNet b16": Workload("alexnet", 16),
    "VGG-16 b2": Workload("vgg16", 2),
    "ResNet-18 b8": Workload("resnet18", 8),
    "ResNet-50 b4": Workload("resnet50", 4),
    "GoogLeNet b8": Workload("googlenet", 8),
    "MobileNetV2 b8": Workload("mobilenet_v2", 8),
    "ShuffleNetV2 ×1.0 b8": Workload("shufflenet_v2_x1_0", 8),
    "EfficientNet-B0 b4": Workload("efficientnet_b0", 4),
}

# How time grows: one thing changes, the rest stays.
GROWTH = {
    "batch": {str(n): Workload("resnet18", n, (3, 112, 112)) for n in (1, 2, 4, 8, 16)},
    "image": {f"{s}²": Workload("resnet18", 2, (3, s, s)) for s in (56, 112, 168, 224)},
    "depth": {
        name: Workload(name, 1, (3, 112, 112))
        for name in ("resnet18", "resnet34", "resnet50", "resnet101")
    },
}


def find(name):
    """A workload by its name; those of GROWTH as ``batch 4``."""
    if name in WORKLOADS:
        return WORKLOADS[name]
    kind, _, place = name.partition(" ")
    return GROWTH[kind][place]


def prepare(library, name, part, format_):
    """A function that does one training step, or one inference, and returns its seconds."""
    workload = find(name)
    if part == "training":
        return library.training_step(workload, format_)
    return library.inference(workload, format_)
