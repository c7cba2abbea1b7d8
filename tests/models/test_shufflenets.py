"""ShuffleNet V1 and V2."""

import sys
from functools import partial

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.models import shufflenet_v1
from minicnn.models.shufflenet_v2 import pointwise_cost

V1, V2 = (sys.modules[f"minicnn.models.shufflenet_v{i}"] for i in (1, 2))
V2_PARAMETERS = {"x0_5": 1_366_792, "x1_0": 2_278_604, "x1_5": 3_503_624, "x2_0": 7_393_996}
STAGES = ["conv1", "maxpool", "stage2", "stage3", "stage4"]


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def v2(size):
    return getattr(mc.models, f"shufflenet_v2_{size}")


# ---------------------------------------------------------------------- V1


@pytest.mark.parametrize(
    ("groups", "millions", "parameters", "maps"),  # table 1; the parameters counted by hand
    [
        (1, 143, 1_531_936, 144),
        (2, 140, 1_733_848, 200),
        (3, 137, 1_865_728, 240),
        (4, 133, 1_968_344, 272),
        (8, 137, 2_434_768, 384),
    ],
)
def test_v1_table_1(undrawn, sizes_of, multiplications_of, groups, millions, parameters, maps):
    model = shufflenet_v1(groups=groups).eval()
    x = mc.zeros(1, 3, 224, 224)
    assert list(sizes_of(model, STAGES, x).values()) == [
        (24, 112, 112),
        (24, 56, 56),
        (maps, 28, 28),
        (2 * maps, 14, 14),
        (4 * maps, 7, 7),
    ]
    assert count(model) == parameters
    assert f"{round(parameters / 1e3)}" in V1.__doc__
    found = multiplications_of(model, x, lambda m: isinstance(m, nn.Conv2d))
    assert round(found / 1e6) == millions
    assert [len(getattr(model, stage)) for stage in STAGES[2:]] == [4, 8, 4]


@pytest.mark.parametrize(
    ("width_mult", "groups", "millions", "parameters"),  # those of the authors' own networks
    [
        (0.5, 3, 38, 0.7),
        (0.5, 8, 40, 1.0),
        (1.0, 3, 137, 1.9),
        (1.0, 8, 138, 2.4),
        (1.5, 3, 292, 3.4),
        (1.5, 8, 290, 4.3),
        (2.0, 3, 524, 5.4),
        (2.0, 8, 522, 6.5),
    ],
)
def test_v1_widths(undrawn, multiplications_of, width_mult, groups, millions, parameters):
    model = shufflenet_v1(groups=groups, width_mult=width_mult).eval()
    # At 32 × 32 the convolutions do 1/49 of the work at 224 × 224, the last layer all of it.
    x = mc.zeros(1, 3, 32, 32)
    convolutions = 49 * multiplications_of(model, x, lambda m: isinstance(m, nn.Conv2d))
    assert round((convolutions + model.fc.weight.numel()) / 1e6) == millions
    assert round((count(model) - model.fc.bias.numel()) / 1e6, 1) == parameters


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("width_mult", [0.25, 0.3, 0.77, 1.5, 2.5])
def test_v1_every_width_divides(undrawn, groups, width_mult):
    model = shufflenet_v1(groups=groups, width_mult=width_mult, num_classes=2)
    for stage in (model.stage2, model.stage3, model.stage4):
        out = stage[-1].expand.out_channels
        assert stage[0].shortcut is not None
        assert all(unit.squeeze.out_channels == out // 4 for unit in stage)
    assert model.stage4[0].squeeze.in_channels == 2 * model.stage3[0].squeeze.in_channels


def test_v1_groups(undrawn):
    model = shufflenet_v1(groups=4)
    units = [m for m in model.modules() if isinstance(m, V1.ShuffleUnit)]
    assert len(units) == 16
    # The first pointwise convolution of stage 2 is not grouped: its input has 24 maps.
    assert [unit.squeeze.groups for unit in units] == [1] + [4] * 15
    assert all(unit.expand.groups == unit.shuffle.groups == 4 for unit in units)
    assert all(unit.depthwise.groups == unit.depthwise.in_channels for unit in units)


@pytest.mark.parametrize("stride", [1, 2])
def test_v1_a_unit_is_figure_2(stride):
    unit = V1.ShuffleUnit(12, 12 if stride == 1 else 24, 3, stride).eval()
    for norm in (unit.norm1, unit.norm2, unit.norm3):
        norm.running_mean.copy_(mc.randn(norm.num_features))
    x, f = mc.randn(2, 12, 7, 5), nn.functional
    y = unit.norm1(f.conv2d(x, unit.squeeze.weight, groups=3)).relu()
    # (N, 3, C/3, H, W) → (N, C/3, 3, H, W): one of each group after another.
    n, c, h, w = y.shape
    y = y.reshape(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
    y = unit.norm2(f.conv2d(y, unit.depthwise.weight, stride=stride, padding=1, groups=c))
    y = unit.norm3(f.conv2d(y, unit.expand.weight, groups=3))
    together = x + y if stride == 1 else mc.cat([f.avg_pool2d(x, 3, 2, 1), y], 1)
    assert mc.allclose(unit(x), together.relu(), atol=1e-6)


def test_v1_the_shuffle_lets_groups_mix():
    mc.manual_seed(0)

    def seen(unit):
        """The input maps that the first output map of the branch depends on."""
        x = mc.randn(1, 16, 3, 3, requires_grad=True)
        unit.eval()
        (unit(x) - x).relu()[0, 0].sum().backward()
        return int(((x.grad != 0).sum((0, 2, 3)) > 0).sum().item())

    units = [V1.ShuffleUnit(16, 16, 2) for _ in range(2)]
    units[0].shuffle = nn.Identity()
    for unit in units:
        # Nothing is cut off by a ReLU, so that all ways are open.
        for conv in (unit.squeeze, unit.depthwise, unit.expand):
            nn.init.uniform_(conv.weight, 0.1, 1.0)
        for norm in (unit.norm1, unit.norm2, unit.norm3):
            norm.running_mean.fill_(-50.0)
    assert [seen(unit) for unit in units] == [8, 16]


# ---------------------------------------------------------------------- V2


@pytest.mark.parametrize("size", V2_PARAMETERS)
def test_v2_sizes_and_parameters(undrawn, sizes_of, size):
    model = v2(size)()
    assert count(model) == V2_PARAMETERS[size]
    maps = {
        "x0_5": (48, 96, 192, 1024),
        "x1_0": (116, 232, 464, 1024),
        "x1_5": (176, 352, 704, 1024),
        "x2_0": (244, 488, 976, 2048),
    }[size]
    # A quarter of 224 where the network is large: the sizes are a quarter, too.
    n = 224 if size == "x1_0" else 56
    found = sizes_of(model.eval(), [*STAGES, "conv5"], mc.zeros(1, 3, n, n))
    widths = [24, 24, *maps]
    divisors = [2, 4, 8, 16, 32, 32]
    assert list(found.values()) == [
        (c, -(-n // d), -(-n // d)) for c, d in zip(widths, divisors, strict=True)
    ]
    if size == "x1_0":
        parts = [getattr(model, name) for name in (*STAGES, "conv5", "fc")]
        for number in (*[count(p) for p in parts if count(p)], V2_PARAMETERS[size]):
            assert f"{number:,}" in V2.__doc__


def test_v2_a_unit_keeps_the_guidelines(undrawn):
    units = [m for m in v2("x1_0")().modules() if isinstance(m, V2.InvertedResidual)]
    assert [unit.stride for unit in units] == [2, 1, 1, 1] + [2] + [1] * 7 + [2, 1, 1, 1]
    for unit in units:
        convolutions = [m for m in unit.modules() if isinstance(m, nn.Conv2d)]
        for conv in convolutions:
            depthwise = conv.groups == conv.in_channels
            assert depthwise or conv.groups == 1  # G2
            assert conv.kernel_size == ((3, 3) if depthwise else (1, 1))
        if unit.stride == 1:
            assert all(conv.in_channels == conv.out_channels for conv in convolutions)  # G1
            assert len(convolutions) == 3


def test_v2_half_of_the_maps_pass_unchanged():
    unit = V2.InvertedResidual(6, 6, 1).eval()
    x = mc.randn(2, 6, 5, 4)
    out = unit(x)
    # Shuffled: the two halves take turns.
    assert mc.equal(out[:, 0::2], x[:, :3])
    assert mc.allclose(out[:, 1::2], unit.branch2(x[:, 3:]), atol=1e-6)
    unit = V2.InvertedResidual(4, 10, 2).eval()
    x = mc.randn(2, 4, 5, 4)
    out = unit(x)
    assert out.shape == (2, 10, 3, 2)
    assert mc.allclose(out[:, 0::2], unit.branch1(x), atol=1e-6)
    assert mc.allclose(out[:, 1::2], unit.branch2(x), atol=1e-6)


def test_g1_equal_channels_make_the_fewest_memory_accesses():
    for size in ((56, 56), (7, 14)):
        for product in (128 * 128, 48 * 48):
            pairs = [(c, product // c) for c in range(1, product + 1) if product % c == 0]
            costs = {pair: pointwise_cost(*pair, size) for pair in pairs}
            assert len({cost.multiplications for cost in costs.values()}) == 1
            best = min(costs, key=lambda pair: costs[pair].memory_accesses)
            assert best[0] == best[1]
            places, b = size[0] * size[1], costs[best].multiplications
            bound = 2 * (places * b) ** 0.5 + b / places
            assert costs[best].memory_accesses == pytest.approx(bound, rel=1e-12)


def test_g2_groups_make_more_memory_accesses():
    # As many multiplications: twice the groups, √2 times the channels.
    costs = [pointwise_cost(64 * k, 64 * k, (56, 56), groups=k * k) for k in (1, 2, 4, 8)]
    assert len({cost.multiplications for cost in costs}) == 1
    accesses = [cost.memory_accesses for cost in costs]
    assert accesses == sorted(accesses) and accesses[-1] > 7 * accesses[0]


def test_the_cost_is_that_of_the_layer(multiplications_of):
    layer = nn.Conv2d(6, 9, 1, groups=3, bias=False)
    x = mc.zeros(1, 6, 4, 5)
    cost = pointwise_cost(6, 9, (4, 5), groups=3)
    assert cost.multiplications == multiplications_of(layer, x)
    touched = x.numel() + layer.weight.numel() + layer(x).numel()
    assert cost.memory_accesses == touched


# ---------------------------------------------------------------------- both


@pytest.mark.parametrize("build", [partial(shufflenet_v1, groups=8), v2("x0_5")])
def test_small_images_do(check_smallest, build):
    check_smallest(build(num_classes=4), 1)


@pytest.mark.parametrize("build", [shufflenet_v1, v2("x0_5"), v2("x1_0")])
def test_gradients_reach_every_parameter(check_gradients, build):
    mc.manual_seed(0)
    check_gradients(build(num_classes=10), mc.randn(4, 3, 40, 33))


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (partial(shufflenet_v1, groups=5), "groups must be one of 1, 2, 3, 4, 8; got 5"),
        (partial(shufflenet_v1, width_mult=-1), "width_mult must be above 0, got -1"),
        (partial(V1.ShuffleUnit, 8, 12, 2, 1), "out_channels must be in_channels; got 8 and 12"),
        (partial(V1.ShuffleUnit, 8, 8, 2, 3), "stride must be one of 1, 2; got 3"),
        (partial(V1.ShuffleUnit, 8, 20, 8, 2), "must be divisible by groups"),
        (partial(V2.InvertedResidual, 4, 6, 1), "inp=4, oup=6, stride=1"),
        (partial(V2.InvertedResidual, 4, 7, 2), "oup must be even"),
        (partial(V2.InvertedResidual, 4, 4, 4), "stride must be one of 1, 2, 3; got 4"),
        (partial(V2.ShuffleNetV2, [4, 8], [1] * 5), "stages_repeats must be 3 numbers, got"),
        (
            partial(V2.ShuffleNetV2, [4, 8, 4], [24, 48]),
            "stages_out_channels must be 5 numbers, got",
        ),
        (partial(pointwise_cost, 4, 6, (2, 2), 4), "groups=4 must divide 4 and 6 channels"),
    ],
)
def test_options_that_do_not_fit_are_refused(undrawn, build, text):
    with pytest.raises(ArgumentError, match=text):
        build()
