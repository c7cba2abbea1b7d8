"""The VGG networks."""

import sys

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.models import VGG

FILE = sys.modules["minicnn.models.vgg"]
PARAMETERS = {
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
}
CONVOLUTIONS = {11: "11222", 13: "22222", 16: "22333", 19: "22444"}


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_and_layers(undrawn, name):
    model = getattr(mc.models, name)()
    assert count(model) == PARAMETERS[name]
    assert f"{PARAMETERS[name]:,}" in FILE.__doc__
    depth = int(name[3:5])
    with_weights = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(with_weights) == depth
    kinds = "".join({nn.Conv2d: "c", nn.MaxPool2d: " "}.get(type(m), "") for m in model.features)
    assert [str(len(block)) for block in kinds.split()] == list(CONVOLUTIONS[depth])
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in model.features)
    assert norms == (depth - 3 if name.endswith("_bn") else 0)


def test_the_sizes_and_parameters_of_the_table(undrawn, sizes_of):
    model = mc.models.vgg16()
    pools = [i for i, m in enumerate(model.features) if isinstance(m, nn.MaxPool2d)]
    names = [f"features.{p - 1}" for p in pools]  # the last of each block, before its pool
    found = sizes_of(model, [*names, "avgpool", "classifier.1"], mc.zeros(1, 3, 224, 224))
    assert list(found.values()) == [
        (64, 224, 224),
        (128, 112, 112),
        (256, 56, 56),
        (512, 28, 28),
        (512, 14, 14),
        (512, 7, 7),
        (4096,),
    ]
    for start, end in zip([0, *pools], pools, strict=False):
        assert f"{count(model.features[start:end]):,}" in FILE.__doc__
    for i in (0, 3, 6):
        assert f"{count(model.classifier[i]):,}" in FILE.__doc__


def narrow(depth, batch_norm):
    """A VGG whose hidden layers have 8 units: quick, the rest as it is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("uniform_", "normal_"):
            patch.setattr(nn.init, name, lambda tensor, *args, **options: tensor)
        model = VGG(FILE.make_layers(FILE.CONVOLUTIONS[depth], batch_norm), num_classes=5)
    model.classifier[0], model.classifier[3] = nn.Linear(25088, 8), nn.Linear(8, 8)
    model.classifier[6] = nn.Linear(8, 5)
    for layer in model.classifier:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # of so few units it may leave none
    mc.manual_seed(0)
    for layer in model.features:
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    return model


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_smallest_image_and_the_gradients(batch_norm, check_smallest, check_gradients):
    model = narrow(11, batch_norm)
    check_smallest(model, 32)
    check_gradients(model, mc.randn(2, 3, 64, 32))


def test_initial_values():
    model = narrow(11, True)
    model._draw_weights()
    weight = model.features[4].weight  # 64 → 128 maps
    assert weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert model.classifier[0].weight.std().item() == pytest.approx(0.01, rel=0.02)
    biases = [m.bias for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(biases) == 11 and not any(b.any() for b in biases)


def test_blocks_of_ones_own(undrawn, check_smallest):
    features = nn.Sequential(nn.Conv2d(1, 512, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    check_smallest(VGG(features, num_classes=2), 2, channels=1)


def test_options(undrawn):
    model = mc.models.vgg11(num_classes=3, dropout=0.2)
    assert model.classifier[6].out_features == 3
    assert [m.p for m in model.classifier if isinstance(m, nn.Dropout)] == [0.2, 0.2]


def test_nothing_is_drawn_where_weights_are_given(undrawn, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(VGG, "_draw_weights", lambda self: drawn.append(self))
    monkeypatch.setattr(FILE, "build", lambda network, name, *a, **options: network(**options))
    mc.models.vgg11(weights=tmp_path / "vgg11.pth")
    assert drawn == []
    mc.models.vgg11()
    assert len(drawn) == 1
