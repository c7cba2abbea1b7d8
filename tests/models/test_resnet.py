"""ResNet, wide ResNet, ResNeXt."""

import sys
from functools import partial

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.models.resnet import BasicBlock, Bottleneck, ResNet

FILE = sys.modules["minicnn.models.resnet"]
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
}
STAGES = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_and_layers(undrawn, name):
    model = getattr(mc.models, name)()
    assert count(model) == PARAMETERS[name]
    if "101_" not in name:  # the two that the specification does not name are not in the table
        assert f"{PARAMETERS[name]:,}" in FILE.__doc__
    depth = int(name.split("_")[int(name.startswith("wide"))].lstrip("resnxt"))
    with_weights = [k for k, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len([k for k in with_weights if "downsample" not in k]) == depth


@pytest.mark.parametrize(("name", "expansion"), [("resnet18", 1), ("resnet50", 4)])
def test_the_sizes_and_parameters_of_the_table(undrawn, sizes_of, name, expansion):
    model = getattr(mc.models, name)()
    found = sizes_of(model.eval(), STAGES, mc.zeros(1, 3, 224, 224))
    assert found == {
        "conv1": (64, 112, 112),
        "maxpool": (64, 56, 56),
        "layer1": (64 * expansion, 56, 56),
        "layer2": (128 * expansion, 28, 28),
        "layer3": (256 * expansion, 14, 14),
        "layer4": (512 * expansion, 7, 7),
        "avgpool": (512 * expansion, 1, 1),
    }
    counts = [count(model.conv1, model.bn1), count(model.fc)]
    counts += [count(getattr(model, stage)) for stage in STAGES[2:6]]
    for number in counts:
        assert f"{number:,}" in FILE.__doc__


def test_the_widths_of_the_bottlenecks(undrawn):
    widths = {}
    for name in ("resnet50", "wide_resnet50_2", "resnext50_32x4d"):
        model = getattr(mc.models, name)()
        stages = [getattr(model, f"layer{i}")[0].conv2 for i in (1, 2, 3, 4)]
        widths[name] = [(conv.out_channels, conv.groups) for conv in stages]
    assert widths["resnet50"] == [(64, 1), (128, 1), (256, 1), (512, 1)]
    assert widths["wide_resnet50_2"] == [(128, 1), (256, 1), (512, 1), (1024, 1)]
    assert widths["resnext50_32x4d"] == [(128, 32), (256, 32), (512, 32), (1024, 32)]


def test_a_block_adds_its_input():
    block = Bottleneck(8, 2).eval()
    nn.init.zeros_(block.bn3.weight)
    x = mc.randn(2, 8, 5, 4)
    assert mc.equal(block(x), x.relu())
    shortcut = nn.Conv2d(3, 6, 1, stride=2)
    block = BasicBlock(3, 6, stride=2, downsample=shortcut).eval()
    nn.init.zeros_(block.bn2.weight)
    x = mc.randn(2, 3, 5, 4)
    assert mc.equal(block(x), shortcut(x).relu())


def test_small_images_do(check_smallest):
    model = ResNet(Bottleneck, (1, 1, 1, 1), num_classes=3)
    check_smallest(model, 1)
    assert model.eval()(mc.randn(1, 3, 1, 9)).shape == (1, 3)


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d"])
def test_gradients_reach_every_parameter(check_gradients, name):
    mc.manual_seed(0)
    check_gradients(getattr(mc.models, name)(num_classes=10), mc.randn(2, 3, 40, 33))


def test_initial_values():
    model = mc.models.resnet18(num_classes=2)
    weight = model.layer3[0].conv1.weight  # 128 → 256 maps, 3 × 3
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)


def test_residual_branches_that_begin_with_zero(undrawn):
    for name, norm in (("resnet18", "bn2"), ("resnet50", "bn3")):
        usual, zeroed = (
            dict(getattr(mc.models, name)(zero_init_residual=z).named_parameters())
            for z in (False, True)
        )
        zeros = [k for k, p in zeroed.items() if k.split(".")[-2:] == [norm, "weight"]]
        for key in usual:
            if "bn" in key and key.endswith("weight"):
                assert bool(usual[key].all())
                assert bool(zeroed[key].any()) == (key not in zeros)
    # A normalisation without γ has nothing to set.
    mc.models.resnet18(zero_init_residual=True, norm_layer=partial(nn.BatchNorm2d, affine=False))


def test_dilation_in_place_of_strides(undrawn, sizes_of):
    model = mc.models.resnet50(replace_stride_with_dilation=[False, True, True])
    found = sizes_of(model.eval(), STAGES, mc.zeros(1, 3, 64, 64))
    assert [found[s][1] for s in STAGES[2:6]] == [16, 8, 8, 8]
    dilations = [model.layer3[i].conv2.dilation[0] for i in (0, 1)]
    assert dilations + [model.layer4[i].conv2.dilation[0] for i in (0, 1)] == [1, 2, 2, 4]


def test_another_normalisation():
    model = mc.models.resnet18(norm_layer=partial(nn.GroupNorm, 8), num_classes=4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert model(mc.randn(1, 3, 32, 32)).shape == (1, 4)


def test_groups_and_widths(undrawn):
    model = mc.models.resnet50(groups=2, width_per_group=16)
    assert model.layer1[0].conv2.weight.shape == (32, 16, 3, 3)
    assert mc.models.resnext50_32x4d(groups=32).layer1[0].conv2.groups == 32


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (partial(mc.models.resnet18, groups=2), r"groups, base_width and dilation must be"),
        (partial(mc.models.resnet18, width_per_group=32), r"got 1, 32 and 1; Bottleneck takes"),
        (
            partial(mc.models.resnet34, replace_stride_with_dilation=(False, True, False)),
            "got 1, 64 and 2",
        ),
        (
            partial(mc.models.resnet50, replace_stride_with_dilation=(True, False)),
            r"three truth values, for layer2, layer3 and layer4; got \(True, False\)",
        ),
        (partial(mc.models.resnet50, replace_stride_with_dilation=True), "got True"),
        (partial(mc.models.resnext50_32x4d, groups=16), "resnext50_32x4d: groups is 32, got 16"),
        (partial(mc.models.wide_resnet50_2, width_per_group=64), "width_per_group is 128, got 64"),
    ],
)
def test_options_that_do_not_fit_are_refused(undrawn, build, text):
    with pytest.raises(ArgumentError, match=text):
        build()
