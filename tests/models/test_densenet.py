"""The DenseNets."""

import re
import sys

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.models.densenet import DenseLayer, DenseNet

FILE = sys.modules["minicnn.models.densenet"]
PARAMETERS = {
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
}


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_and_layers(undrawn, name):
    model = getattr(mc.models, name)()
    assert count(model) == PARAMETERS[name]
    assert f"{PARAMETERS[name]:,}" in FILE.__doc__
    with_weights = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(with_weights) == int(name[-3:])


def test_the_sizes_and_parameters_of_the_table(undrawn, sizes_of):
    model = mc.models.densenet121()
    stages = [f"features.{name}" for name, _ in model.features.named_children()]
    found = sizes_of(model.eval(), stages, mc.zeros(1, 3, 224, 224))
    assert {name.split(".")[1]: size for name, size in found.items() if "0" not in name[-1:]} == {
        "denseblock1": (256, 56, 56),
        "transition1": (128, 28, 28),
        "denseblock2": (512, 28, 28),
        "transition2": (256, 14, 14),
        "denseblock3": (1024, 14, 14),
        "transition3": (512, 7, 7),
        "denseblock4": (1024, 7, 7),
        "norm5": (1024, 7, 7),
    }
    assert (found["features.conv0"], found["features.pool0"]) == ((64, 112, 112), (64, 56, 56))
    stem = count(model.features.conv0, model.features.norm0)
    for number in [stem, count(model.classifier), *map(count, list(model.features)[4:])]:
        assert f"{number:,}" in FILE.__doc__


def test_a_layer_reads_all_maps_before_it():
    model = DenseNet(growth_rate=4, block_config=(3,), num_init_features=6, num_classes=2)
    block = model.features.denseblock1.eval()
    assert [layer.conv1.in_channels for layer in block.values()] == [6, 10, 14]
    x = mc.randn(2, 6, 5, 4)
    maps = [x]
    for layer in block.values():
        maps.append(layer(mc.cat(maps, 1)))  # one tensor, or a list
    assert mc.equal(block(x), mc.cat(maps, 1))
    assert mc.equal(block.denselayer2(maps[:2]), maps[2])


def test_the_smallest_image_and_the_gradients(check_smallest, check_gradients):
    mc.manual_seed(0)
    model = mc.models.densenet121(num_classes=3)
    check_smallest(model, 29)
    check_gradients(model, mc.randn(2, 3, 64, 50))


@pytest.mark.parametrize(("blocks", "smallest"), [((1,), 1), ((2, 1), 5), ((1, 1, 1), 13)])
def test_the_smallest_image_of_fewer_blocks(check_smallest, blocks, smallest):
    check_smallest(DenseNet(4, blocks, 8, num_classes=3), smallest)


def test_options(undrawn):
    model = DenseNet(growth_rate=8, block_config=(2, 3), num_init_features=10, bn_size=3)
    layer = model.features.denseblock2.denselayer3
    assert (layer.conv1.out_channels, layer.conv2.out_channels) == (24, 8)
    assert model.classifier.in_features == (10 + 2 * 8) // 2 + 3 * 8
    assert mc.models.densenet121(num_classes=7, bn_size=2).classifier.out_features == 7


def test_dropout_after_each_layer():
    mc.manual_seed(0)
    layer, x = DenseLayer(8, 16, 4, drop_rate=0.5), mc.randn(2, 8, 6, 6)
    dropped = (layer(x) == 0).float().mean().item()
    assert 0.4 < dropped < 0.6
    assert bool(layer.eval()(x).all())


def test_initial_values():
    model = DenseNet(growth_rate=32, block_config=(2,))
    weight = model.features.denseblock1.denselayer2.conv1.weight  # 96 → 128 maps, 1 × 1
    assert weight.std().item() == pytest.approx((2 / 96) ** 0.5, rel=0.05)
    assert not model.classifier.bias.any()


def test_saving_memory_is_refused_with_the_reason():
    with pytest.raises(ArgumentError, match=r"memory_efficient=True is not supported: .*again"):
        mc.models.densenet121(memory_efficient=True)


def test_published_keys(undrawn, tmp_path, monkeypatch):
    model = mc.models.densenet121(num_classes=2)
    state = {name: mc.randn(tuple(value.shape)) for name, value in model.state_dict().items()}
    old = {re.sub(r"(\.denselayer\d+\.[a-z]+)([12])\.", r"\1.\2.", k): v for k, v in state.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert "features.transition1.norm.weight" in old and "features.norm5.weight" in old
    for kind, values in (("old", old), ("new", state)):
        mc.save(values, tmp_path / f"{kind}.safetensors")
        loaded = mc.models.densenet121(weights=tmp_path / f"{kind}.safetensors", num_classes=2)
        for name, value in loaded.state_dict().items():
            if not name.endswith("tracked"):
                assert mc.equal(value, state[name]), name
