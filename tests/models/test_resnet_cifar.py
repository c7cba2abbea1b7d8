"""ResNets for small images, and plain networks."""

import sys

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.models.resnet_cifar import CifarBlock, CifarResNet, ZeroPadShortcut

RESIDUAL, PLAIN = (sys.modules[f"minicnn.models.{n}"] for n in ("resnet_cifar", "plain"))
# Options A and B.
PARAMETERS = {
    20: (269_722, 272_474),
    32: (464_154, 466_906),
    44: (658_586, 661_338),
    56: (853_018, 855_770),
    110: (1_727_962, 1_730_714),
    1202: (19_421_274, 19_424_026),
}


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


@pytest.mark.parametrize("depth", PARAMETERS)
def test_parameters_of_both_options(undrawn, depth):
    for shortcut, number in zip("AB", PARAMETERS[depth], strict=True):
        model = getattr(mc.models, f"resnet{depth}")(shortcut=shortcut)
        assert count(model) == number
        assert f"{number:,}" in RESIDUAL.__doc__
    with_weights = [k for k, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len([k for k in with_weights if "downsample" not in k]) == depth
    if depth < 1202:
        assert count(getattr(mc.models, f"plain{depth}")()) == PARAMETERS[depth][0]


def test_parameters_of_the_large_plain_networks(undrawn):
    for name, number in (("plain18", 11_515_688), ("plain34", 21_623_848)):
        assert count(getattr(mc.models, name)()) == number
        assert f"{number:,}" in PLAIN.__doc__


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_the_sizes_of_the_table(undrawn, sizes_of, name):
    stages = ["conv1", "layer1", "layer2", "layer3", "avgpool"]
    model = getattr(mc.models, name)()
    assert list(sizes_of(model.eval(), stages, mc.zeros(1, 3, 32, 32)).values()) == [
        (16, 32, 32),
        (16, 32, 32),
        (32, 16, 16),
        (64, 8, 8),
        (64, 1, 1),
    ]
    counts = [count(model.conv1, model.bn1), *map(count, map(model.__getattr__, stages[1:4]))]
    for text in (f"{number:,}" for number in [*counts, count(model.fc)]):
        assert text in RESIDUAL.__doc__ and text in PLAIN.__doc__


def test_the_sizes_of_the_large_plain_networks(undrawn, sizes_of):
    stages = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]
    model = mc.models.plain18()
    assert list(sizes_of(model.eval(), stages, mc.zeros(1, 3, 224, 224)).values()) == [
        (64, 112, 112),
        (64, 56, 56),
        (64, 56, 56),
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
        (512, 1, 1),
    ]
    for stage in stages[2:6]:
        assert f"{count(getattr(model, stage)):,}" in PLAIN.__doc__


def test_option_a_takes_every_second_pixel_and_adds_maps_of_zeros():
    x = mc.randn(2, 16, 5, 6)
    y = ZeroPadShortcut(32, stride=2)(x)
    assert mc.equal(y[:, :16], x[:, :, ::2, ::2])
    assert y.shape == (2, 32, 3, 3) and not y[:, 16:].any()
    assert mc.gradcheck(
        ZeroPadShortcut(4, 2), [mc.randn(2, 3, 4, 5, dtype=mc.float64, requires_grad=True)]
    )


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_a_block_adds_its_shortcut(shortcut):
    block = CifarBlock(3, 6, 2, shortcut).eval()
    nn.init.zeros_(block.bn2.weight)
    x = mc.randn(2, 3, 5, 4)
    assert mc.equal(block(x), block.downsample(x).relu())
    assert isinstance(block.downsample, ZeroPadShortcut) == (shortcut == "A")
    block = CifarBlock(6, 6, 1, shortcut).eval()
    assert block.downsample is None
    nn.init.zeros_(block.bn2.weight)
    x = mc.randn(2, 6, 5, 4)
    assert mc.equal(block(x), x.relu())


def test_shortcuts_with_parameters_are_few(undrawn):
    keys = [k for k in mc.models.resnet32(shortcut="B").state_dict() if "downsample" in k]
    assert {k.split(".downsample")[0] for k in keys} == {"layer2.0", "layer3.0"}


def test_plain_and_residual_networks_can_begin_with_the_same_weights(undrawn):
    small = mc.models.plain20().load_state_dict(mc.models.resnet20().state_dict())
    assert small == ([], [])
    residual = mc.models.resnet18().state_dict()
    kept = {k: v for k, v in residual.items() if "downsample" not in k}
    assert mc.models.plain18().load_state_dict(kept) == ([], [])


def test_a_plain_network_is_a_residual_one_without_the_addition():
    mc.manual_seed(0)
    plain, residual = mc.models.plain20().eval(), mc.models.resnet20().eval()
    residual.load_state_dict(plain.state_dict())
    x = mc.randn(2, 3, 16, 16)
    assert not mc.allclose(plain(x), residual(x))
    for module in residual.modules():
        if isinstance(module, CifarBlock):
            module.downsample = Nothing()
    assert mc.allclose(plain(x), residual(x), atol=1e-6)


class Nothing(nn.Module):
    """A shortcut that adds nothing."""

    def forward(self, x):
        return mc.zeros(1)


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_small_images_do(check_smallest, name):
    check_smallest(getattr(mc.models, name)(), 1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet20", {}),
        ("resnet20", {"shortcut": "B", "in_channels": 1, "num_classes": 4}),
        ("plain20", {"in_channels": 1}),
        ("plain18", {"num_classes": 5}),
    ],
)
def test_options_and_gradients(check_gradients, name, options):
    mc.manual_seed(0)
    model = getattr(mc.models, name)(**options)
    check_gradients(model, mc.randn(2, options.get("in_channels", 3), 40, 36))
    assert model.fc.out_features == options.get("num_classes", 10)


def test_initial_values():
    for name in ("resnet20", "plain20"):
        weight = getattr(mc.models, name)().layer3[1].conv1.weight  # 64 → 64 maps
        assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("depth", [2, 18, 21, 20.0])
def test_depths_that_are_not_6n_plus_2_are_refused(depth):
    with pytest.raises(ArgumentError, match=r"CifarResNet: depth must be 6n \+ 2"):
        CifarResNet(depth)


def test_other_shortcuts_are_refused():
    with pytest.raises(ArgumentError, match="shortcut must be one of 'A', 'B'; got 'C'"):
        mc.models.resnet20(shortcut="C")


def test_a_training_step_of_1202_layers_within_4_gib(monkeypatch):
    root = RESIDUAL.__file__.rsplit("/minicnn/", 1)[0]
    monkeypatch.syspath_prepend(f"{root}/benchmarks")
    import resnet1202_memory

    found = resnet1202_memory.measure("B")
    assert found["built"] < found["step"] < 4096
