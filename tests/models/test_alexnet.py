"""AlexNet, torchvision's and the paper's."""

import math
import sys

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError, ShapeError
from minicnn.models import alexnet, alexnet_paper

FILE = sys.modules["minicnn.models.alexnet"]


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("build", "options", "total"),
    [
        (alexnet, {}, 61_100_840),
        (alexnet_paper, {}, 62_378_344),
        (alexnet_paper, {"groups": 2}, 60_965_224),
    ],
)
def test_parameters_are_those_of_the_tables(undrawn, build, options, total):
    model = build(**options)
    assert count(model) == total
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for number in [total, *map(count, layers)]:
        assert f"{number:,}" in FILE.__doc__


def test_the_sizes_of_the_paper(undrawn, sizes_of):
    names = [f"features.{n}{i}" for n in ("conv", "pool") for i in range(1, 6)]
    names = [n for n in names if n not in ("features.pool3", "features.pool4")]
    names += [f"classifier.fc{i}" for i in (6, 7, 8)]
    for padding, size in ((0, 227), (2, 224)):
        found = sizes_of(alexnet_paper(padding=padding), names, mc.zeros(1, 3, size, size))
        assert {name.split(".")[1]: s for name, s in found.items()} == {
            "conv1": (96, 55, 55),
            "pool1": (96, 27, 27),
            "conv2": (256, 27, 27),
            "pool2": (256, 13, 13),
            "conv3": (384, 13, 13),
            "conv4": (384, 13, 13),
            "conv5": (256, 13, 13),
            "pool5": (256, 6, 6),
            "fc6": (4096,),
            "fc7": (4096,),
            "fc8": (1000,),
        }
        neurons = [math.prod(s) for name, s in found.items() if "pool" not in name]
        assert sum(neurons) == 659_272


def test_the_order_of_the_paper_is_conv_relu_lrn_pool(undrawn):
    layers = list(alexnet_paper().features)
    assert [type(m).__name__ for m in layers[:8]] == [
        *("Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d") * 2
    ]
    assert sum(isinstance(m, nn.LocalResponseNorm) for m in layers) == 2
    pools = [m for m in layers if isinstance(m, nn.MaxPool2d)]
    assert [(m.kernel_size, m.stride) for m in pools] == [(3, 2)] * 3  # they overlap
    # b / (2 + 10⁻⁴ Σ a²)^0.75 over five maps.
    norm = layers[2](mc.full((1, 5, 1, 1), 100.0))
    assert norm[0, 2, 0, 0].item() == pytest.approx(100 / (2 + 1e-4 * 5 * 1e4) ** 0.75, rel=1e-5)


def test_two_towers_meet_in_the_third_convolution_only(undrawn):
    convolutions = [m for m in alexnet_paper(groups=2).modules() if isinstance(m, nn.Conv2d)]
    assert [m.groups for m in convolutions] == [1, 2, 1, 2, 2]


def test_dropout_follows_the_two_hidden_layers(undrawn):
    model = alexnet_paper(dropout=0.25, num_classes=7)
    assert [type(m).__name__ for m in model.classifier] == [
        *("Linear", "ReLU", "Dropout") * 2,
        "Linear",
    ]
    assert [m.p for m in model.classifier if isinstance(m, nn.Dropout)] == [0.25, 0.25]
    assert model.classifier.fc8.out_features == 7


def test_the_initial_values_of_the_paper(monkeypatch):
    drawn = []
    monkeypatch.setattr(nn.init, "uniform_", lambda t, *a, **k: t)
    monkeypatch.setattr(nn.init, "normal_", lambda t, mean=0.0, std=1.0: drawn.append((mean, std)))
    model = alexnet_paper()
    assert drawn == [(0.0, 0.01)] * 8
    ones = [k for k, p in model.named_parameters() if k.endswith("bias") and bool((p == 1).all())]
    assert [k.split(".")[1] for k in ones] == ["conv2", "conv4", "conv5", "fc6", "fc7"]
    zeros = [k for k, p in model.named_parameters() if k.endswith("bias") and not bool(p.any())]
    assert [k.split(".")[1] for k in zeros] == ["conv1", "conv3", "fc8"]


def test_the_sizes_of_torchvisions(undrawn, sizes_of):
    names = ["features.0", "features.2", "features.5", "features.12", "avgpool", "classifier"]
    assert list(sizes_of(alexnet(num_classes=9), names, mc.zeros(1, 3, 224, 224)).values()) == [
        (64, 55, 55),
        (64, 27, 27),
        (192, 13, 13),
        (256, 6, 6),
        (256, 6, 6),
        (9,),
    ]


def narrow(build, **options):
    """An AlexNet whose hidden layers have 8 units: quick, the rest as it is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("uniform_", "normal_"):
            patch.setattr(nn.init, name, lambda tensor, *args, **options: tensor)
        model = build(**options)
    mc.manual_seed(0)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
        elif isinstance(layer, nn.Dropout):
            layer.p = 0.0  # of so few units it may leave none
        elif isinstance(layer, nn.Linear):
            ends = [8 if n == 4096 else n for n in (layer.in_features, layer.out_features)]
            setattr(model.classifier, name.split(".")[1], nn.Linear(*ends))
    return model


def test_the_smallest_image_and_the_gradients(check_smallest, check_gradients):
    model = narrow(alexnet, num_classes=5)
    check_smallest(model, 63)
    check_gradients(model, mc.randn(2, 3, 96, 80))


def test_gradients_reach_every_parameter_of_the_paper(check_gradients):
    model = narrow(alexnet_paper, groups=2, padding=2, num_classes=5)
    check_gradients(model, mc.randn(2, 3, 224, 224))


def test_other_images_and_options_are_refused(undrawn):
    with pytest.raises(ShapeError, match="expected images of 227 × 227, got 224 × 224"):
        alexnet_paper()(mc.zeros(1, 3, 224, 224))
    with pytest.raises(ArgumentError, match="groups must be one of 1, 2; got 3"):
        alexnet_paper(groups=3)
    with pytest.raises(ArgumentError, match="padding must be one of 0, 2; got 1"):
        alexnet_paper(padding=1)
