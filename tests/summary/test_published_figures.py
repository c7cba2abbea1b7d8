"""What is known of the networks: stages, multiplications, receptive fields.

Stages are those of the papers' tables; multiplications those that torchvision publishes beside its
weights, in 10⁹ and rounded to three digits; receptive fields those of Araujo, Norris & Sim,
"Computing receptive fields of convolutional neural networks" (Distill 2019) where it has them, of
the last layer with places.
"""

import pytest

import minicnn as mc
from minicnn.summary import ReceptiveField

VGG_16 = {f"features.{i}": (c, s, s) for i, c, s in [
    (4, 64, 112), (9, 128, 56), (16, 256, 28), (23, 512, 14), (30, 512, 7)
]}  # fmt: skip

# name: (images, multiplications / 10⁹, last field, {layer: its maps})
FIGURES = {
    "alexnet": (224, 0.714, 195, {"features.0": (64, 55, 55), "features.2": (64, 27, 27),
                "features.5": (192, 13, 13), "features.11": (256, 13, 13),
                "features.12": (256, 6, 6)}),
    "alexnet_paper": (227, None, 195, {"features.conv1": (96, 55, 55), "features": (256, 6, 6)}),
    "vgg16": (224, 15.470, 212, VGG_16),
    "resnet18": (224, 1.814, 435, {"maxpool": (64, 56, 56), "layer2": (128, 28, 28)}),
    "resnet50": (224, 4.089, 427, {"conv1": (64, 112, 112), "layer1": (256, 56, 56),
                 "layer2": (512, 28, 28), "layer3": (1024, 14, 14), "layer4": (2048, 7, 7),
                 "avgpool": (2048, 1, 1)}),
    "resnet20": (32, None, None, {"layer1": (16, 32, 32), "layer2": (32, 16, 16),
                 "layer3": (64, 8, 8)}),
    "googlenet": (224, 1.498, 379, {"maxpool1": (64, 56, 56), "conv3": (192, 56, 56),
                  "inception3a": (256, 28, 28), "inception3b": (480, 28, 28),
                  "inception4a": (512, 14, 14), "inception4d": (528, 14, 14),
                  "inception4e": (832, 14, 14), "inception5b": (1024, 7, 7)}),
    "inception_v3": (299, 5.713, 1311, {"Conv2d_1a_3x3": (32, 149, 149), "maxpool2": (192, 35, 35),
                     "Mixed_5d": (288, 35, 35), "Mixed_6e": (768, 17, 17),
                     "Mixed_7c": (2048, 8, 8)}),
    "inception_v4": (96, None, 2071, {}),
    "inception_resnet_v2": (96, None, 3039, {}),
    "densenet121": (224, 2.834, 2071, {"features.transition1": (128, 28, 28),
                    "features.transition3": (512, 7, 7), "features": (1024, 7, 7)}),
    "mobilenet_v1": (64, None, 315, {}),
    "mobilenet_v2": (224, 0.301, 491, {"features.17": (320, 7, 7), "features.18": (1280, 7, 7)}),
    "mobilenet_v3_small": (224, 0.057, 639, {"features": (576, 7, 7)}),
    "shufflenet_v2_x1_0": (224, 0.145, 527, {"maxpool": (24, 56, 56), "stage2": (116, 28, 28),
                           "stage4": (464, 7, 7), "conv5": (1024, 7, 7)}),
    "efficientnet_b0": (224, 0.386, 851, {"features.2": (24, 56, 56), "features.7": (320, 7, 7)}),
}  # fmt: skip


# name: {layer: (its field, its step)}; of AlexNet's fifth convolution it is 163
FIELDS = {
    "alexnet": {"features.0": (11, 4), "features.2": (19, 8), "features.3": (51, 8),
                "features.5": (67, 16), "features.10": (163, 16), "features.12": (195, 32)},
    "resnet18": {"conv1": (7, 2), "maxpool": (11, 4), "layer1": (43, 4), "layer2": (99, 8),
                 "layer3": (211, 16), "layer4": (435, 32)},
}  # fmt: skip


def last_field(found):
    """That of the last layers that have places side by side."""
    rows = [r for r in found.rows if r.receptive_field and None not in r.receptive_field.stride]
    return max(row.receptive_field.size for row in rows)


def cases():
    """The names; building the largest takes seconds, most of them for random numbers."""
    for name in FIGURES:
        slow = name in ("alexnet_paper", "vgg16", "inception_resnet_v2")
        yield pytest.param(name, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize("name", list(cases()))
def test_published_figures(name):
    size, cost, field, stages = FIGURES[name]
    found = mc.summary(mc.models.get_model(name), (1, 3, size, size))
    if field is not None:
        assert last_field(found) == (field, field)
    if cost is not None:
        assert round(found.total.multiplications / 1e9, 3) == cost
    for layer, maps in stages.items():
        assert found[layer].output_shape == (1, *maps), layer
    for layer, (pixels, apart) in FIELDS.get(name, {}).items():
        assert found[layer].receptive_field == ReceptiveField((pixels,) * 2, (apart,) * 2, False)


@pytest.mark.parametrize(
    "name, field",
    [("resnet50", 483), pytest.param("resnet101", 1027, marks=pytest.mark.slow)],
)
def test_the_residual_networks_of_the_paper(name, field):
    """They have the stride in the first 1×1 convolution; torchvision's in the 3×3 behind it."""
    model = mc.models.get_model(name)
    for stage in (model.layer2, model.layer3, model.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    assert last_field(mc.summary(model, (1, 3, 64, 64))) == (field, field)
