"""EfficientNet, compound scaling, EfficientNetV2."""

import math
import sys
from functools import partial

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError
from minicnn.models import (
    EfficientNet,
    FusedMBConv,
    FusedMBConvConfig,
    MBConv,
    MBConvConfig,
    compound_scale,
    efficientnet_b0,
    efficientnet_v2_s,
)
from minicnn.models.blocks import SqueezeExcitation
from minicnn.models.compound_scaling import PUBLISHED

DOCS = {
    name: sys.modules[f"minicnn.models.{name}"].__doc__
    for name in ("efficientnet", "efficientnet_v2")
}
PARAMETERS = {
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704,
    "efficientnet_b7": 66_347_960,
    "efficientnet_v2_s": 21_458_488,
    "efficientnet_v2_m": 54_139_356,
    "efficientnet_v2_l": 118_515_272,
}
# The maps of the stages.
MAPS = {
    "b0": [16, 24, 40, 80, 112, 192, 320],
    "b1": [16, 24, 40, 80, 112, 192, 320],
    "b2": [16, 24, 48, 88, 120, 208, 352],
    "b3": [24, 32, 48, 96, 136, 232, 384],
    "b4": [24, 32, 56, 112, 160, 272, 448],
    "b5": [24, 40, 64, 128, 176, 304, 512],
    "b6": [32, 40, 72, 144, 200, 344, 576],
    "b7": [32, 48, 80, 160, 224, 384, 640],
}
# The blocks of the stages, the first three fused.
V2_BLOCKS = {
    "efficientnet_v2_s": [2, 4, 4, 6, 9, 15],
    "efficientnet_v2_m": [3, 5, 5, 7, 14, 18, 5],
    "efficientnet_v2_l": [4, 7, 7, 10, 19, 25, 7],
}


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def blocks_of(model):
    return [m for m in model.modules() if isinstance(m, (MBConv, FusedMBConv))]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_and_stages(undrawn, name):
    model = getattr(mc.models, name)()
    assert count(model) == PARAMETERS[name]
    stages = list(model.features[1:-1])
    found = [len(stage) for stage in stages]
    if name in V2_BLOCKS:
        assert found == V2_BLOCKS[name]
        kinds = [FusedMBConv] * 3 + [MBConv] * (len(found) - 3)
        dropout = {"s": 0.2, "m": 0.3, "l": 0.4}[name[-1]]
    else:
        _, depth, _, dropout = PUBLISHED[name]
        assert found == [math.ceil(depth * blocks) for blocks in (1, 2, 2, 3, 3, 4, 1)]
        kinds = [MBConv] * 7
        assert [stage[-1].out_channels for stage in stages] == MAPS[name[-2:]]
    assert [type(stage[0]) for stage in stages] == kinds
    assert model.classifier[0].p == dropout
    # Dropped less at the beginning than at the end, in equal steps.
    blocks = blocks_of(model)
    probabilities = [block.stochastic_depth.p for block in blocks]
    assert probabilities == pytest.approx([0.2 * i / len(blocks) for i in range(len(blocks))])
    norms = {(m.eps, m.momentum) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    large = name in ("efficientnet_b5", "efficientnet_b6", "efficientnet_b7")
    assert norms == {(0.001 if large or name in V2_BLOCKS else 1e-5, 0.01 if large else 0.1)}
    for block in blocks:
        incoming = block.block[0][0].in_channels
        excitations = [m for m in block.block if isinstance(m, SqueezeExcitation)]
        assert len(excitations) == isinstance(block, MBConv)
        for layer in excitations:  # a quarter of the block's input, not of the expanded maps
            assert layer.fc1.out_channels == max(1, incoming // 4)
            assert type(layer.activation) is nn.SiLU
            assert type(layer.scale_activation) is nn.Sigmoid
        convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
        stride = max(conv.stride[0] for conv in convolutions)
        assert block.use_res_connect == (stride == 1 and incoming == block.out_channels)


def test_b0_the_sizes_and_parameters_of_the_table(undrawn, sizes_of):
    model = efficientnet_b0()
    names = [f"features.{i}" for i in range(9)]
    found = sizes_of(model.eval(), names, mc.zeros(1, 3, 224, 224))
    maps = [32, 16, 24, 40, 80, 112, 192, 320, 1280]
    sizes = [112, 112, 56, 28, 14, 14, 7, 7, 7]
    assert list(found.values()) == [(c, n, n) for c, n in zip(maps, sizes, strict=True)]
    for part in (*model.features, model.classifier, model):
        assert f"{count(part):,}" in DOCS["efficientnet"]


def test_v2_s_the_sizes_and_parameters_of_the_table(undrawn, sizes_of):
    model = efficientnet_v2_s()
    names = [f"features.{i}" for i in range(8)]
    found = sizes_of(model.eval(), names, mc.zeros(1, 3, 96, 96))  # a quarter of the table's 384
    maps, sizes = [24, 24, 48, 64, 128, 160, 256, 1280], [192, 192, 96, 48, 24, 24, 12, 12]
    assert list(found.values()) == [(c, n // 4, n // 4) for c, n in zip(maps, sizes, strict=True)]
    for part in (*model.features, model.classifier, model):
        assert f"{count(part):,}" in DOCS["efficientnet_v2"]


def test_b0_takes_390_million_multiplications(undrawn, multiplications_of):
    model = efficientnet_b0().eval()
    found = multiplications_of(model, mc.zeros(1, 3, 224, 224))
    assert round(found / 1e7) == 39  # table 2


# ---------------------------------------------------------------------- compound scaling


def test_compound_scale():
    scale = compound_scale(3, alpha=1.2, beta=1.1, gamma=1.15)
    assert scale[:3] == pytest.approx((1.728, 1.331, 1.520875))
    assert scale.flops_per_step == pytest.approx(1.2 * 1.21 * 1.3225)
    assert abs(scale.flops_per_step - 2) < 0.1  # the paper's constraint; ≈ 1 is a slip
    assert scale.flops == pytest.approx(scale.depth * scale.width**2 * scale.resolution**2)
    assert compound_scale(0)[:3] == (1, 1, 1)
    assert compound_scale(2, 2.0, 1.0, 1.0) == pytest.approx((4, 1, 1, 2, 4))


def test_b1_to_b7_are_the_published_table_and_no_compound_scale():
    rows = list(PUBLISHED.items())
    assert [name for name, _ in rows] == [f"efficientnet_b{i}" for i in range(8)]
    for i, (_, row) in enumerate(rows[1:], 1):
        scale = compound_scale(i)
        # Even rounded to the published digits they differ.
        assert (round(scale.width, 1), round(scale.depth, 1)) != row[:2]
        # The φ that each column would need.
        width, depth, size = (
            math.log(value / start, base)
            for value, start, base in zip(row, (1, 1, 224), (1.1, 1.2, 1.15), strict=False)
        )
        if i >= 4:  # no single φ within half a step
            assert max(width, depth, size) - min(width, depth, size) > 0.5
        else:
            near = {1: 0.5, 2: 1, 3: 2}[i]
            scale = compound_scale(near)
            assert row.width == pytest.approx(scale.width, abs=0.05)
            assert row.depth == pytest.approx(scale.depth, abs=0.05)
            assert row.image_size == pytest.approx(224 * scale.resolution, abs=5)


@pytest.mark.parametrize("values", [(0.9, 1.1, 1.15), (1.2, 0.9, 1.15), (1.2, 1.1, 0.9)])
def test_compound_scale_never_shrinks(values):
    with pytest.raises(ArgumentError, match=f"at least 1 .*, got {values[0]}, {values[1]}"):
        compound_scale(1, *values)


# ---------------------------------------------------------------------- blocks

CONFIGS = [
    (MBConv, partial(MBConvConfig, 6, 3)),
    (FusedMBConv, partial(FusedMBConvConfig, 4, 3)),
    (FusedMBConv, partial(FusedMBConvConfig, 1, 3)),
]


@pytest.mark.parametrize(("block", "config"), CONFIGS)
@pytest.mark.parametrize(
    ("stride", "out", "bypassed"), [(1, 8, True), (2, 8, False), (1, 16, False)]
)
def test_shortcut_and_stochastic_depth_only_together(block, config, stride, out, bypassed):
    mc.manual_seed(0)
    made = block(config(stride, 8, out, 1), 1.0, nn.BatchNorm2d)  # dropped in every training step
    x = mc.randn(3, 8, 6, 5)
    branch = made.block(x)
    assert bool(branch.any())
    if bypassed:
        assert mc.equal(made(x), x)
        made.eval()
        assert mc.allclose(made(x), made.block(x) + x)
    else:
        assert mc.equal(made(x), branch)
        made.eval()
        assert mc.equal(made(x), made.block(x))


def test_stochastic_depth_drops_whole_images():
    mc.manual_seed(0)
    block = MBConv(MBConvConfig(1, 3, 1, 8, 8, 1), 0.5, nn.BatchNorm2d)
    x = mc.randn(64, 8, 3, 3)
    kept = ((block(x) - x).abs().amax((1, 2, 3)) > 1e-6).sum().item()
    assert 16 < kept < 48


def test_what_the_blocks_are_made_of():
    kinds = {
        "MBConv": [
            [(8, 48, 1, 1)],
            [(48, 48, 5, 48)],
            [(48, 2, 1, 1), (2, 48, 1, 1)],
            [(48, 16, 1, 1)],
        ],
        "MBConv1": [[(8, 8, 5, 8)], [(8, 2, 1, 1), (2, 8, 1, 1)], [(8, 16, 1, 1)]],
        "Fused": [[(8, 48, 5, 1)], [(48, 16, 1, 1)]],
        "Fused1": [[(8, 16, 5, 1)]],
    }
    made = {
        "MBConv": MBConv(MBConvConfig(6, 5, 2, 8, 16, 1), 0.0, nn.BatchNorm2d),
        "MBConv1": MBConv(MBConvConfig(1, 5, 2, 8, 16, 1), 0.0, nn.BatchNorm2d),
        "Fused": FusedMBConv(FusedMBConvConfig(6, 5, 2, 8, 16, 1), 0.0, nn.BatchNorm2d),
        "Fused1": FusedMBConv(FusedMBConvConfig(1, 5, 2, 8, 16, 1), 0.0, nn.BatchNorm2d),
    }
    for name, block in made.items():
        found = [
            [
                (m.in_channels, m.out_channels, m.kernel_size[0], m.groups)
                for m in part.modules()
                if isinstance(m, nn.Conv2d)
            ]
            for part in block.block
        ]
        assert found == kinds[name]
        activated = any(isinstance(m, nn.SiLU) for m in block.block[-1].modules())
        assert activated == (name == "Fused1")  # the projection is linear


def test_configurations():
    stage = MBConvConfig(6, 3, 2, 24, 40, 3, width_mult=1.4, depth_mult=1.8)
    assert (stage.input_channels, stage.out_channels, stage.num_layers) == (32, 56, 6)
    first, *later = stage.blocks()
    assert (first.stride, first.input_channels, len(later)) == (2, 32, 5)
    assert {(b.stride, b.input_channels, b.out_channels) for b in later} == {(1, 56, 56)}
    assert (stage.stride, stage.input_channels) == (2, 32)  # as it was
    made = []

    class Recorded(MBConv):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    EfficientNet([MBConvConfig(1, 3, 1, 8, 8, 2, block=Recorded)], 0.1, last_channel=20)
    assert len(made) == 2


def test_options(undrawn):
    model = EfficientNet(
        [FusedMBConvConfig(1, 3, 1, 8, 16, 2), MBConvConfig(4, 3, 2, 16, 24, 2)],
        dropout=0.3,
        stochastic_depth_prob=0.8,
        num_classes=5,
        norm_layer=partial(nn.GroupNorm, 4),
    )
    assert [b.stochastic_depth.p for b in blocks_of(model)] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert model.features[-1][0].out_channels == 96  # four times the last stage
    assert model(mc.randn(2, 3, 9, 8)).shape == (2, 5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    model = efficientnet_b0(dropout=0.6, num_classes=3, stochastic_depth_prob=0.0)
    assert model.classifier[0].p == 0.6 and model.classifier[1].out_features == 3
    assert {b.stochastic_depth.p for b in blocks_of(model)} == {0.0}


# ---------------------------------------------------------------------- use


@pytest.mark.parametrize("build", [efficientnet_b0, efficientnet_v2_s])
def test_small_images_do(check_smallest, build):
    check_smallest(build(num_classes=4), 1)


@pytest.mark.parametrize("build", [efficientnet_b0, efficientnet_v2_s])
def test_gradients_reach_every_parameter(check_gradients, build):
    mc.manual_seed(0)
    check_gradients(build(num_classes=10, stochastic_depth_prob=0.0), mc.randn(2, 3, 40, 33))


def test_initial_values():
    mc.manual_seed(0)
    model = efficientnet_b0(num_classes=400)
    expand = model.features[-1][0].weight  # 320 → 1280 maps, 1 × 1
    assert expand.std().item() == pytest.approx((2 / 1280) ** 0.5, rel=0.02)
    last = model.classifier[1]
    assert 0.0499 < last.weight.abs().max().item() <= 0.05  # 1/√400
    assert last.weight.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.01)
    assert not bool(last.bias.any())


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (partial(EfficientNet, [], 0.2), ArgumentError, "must not be empty"),
        (partial(EfficientNet, [(1, 3)], 0.2), DtypeError, "FusedMBConvConfig, got tuple"),
        (
            partial(EfficientNet, [MBConvConfig(1, 3, 3, 8, 8, 1)], 0.2),
            ArgumentError,
            "MBConv: stride must be one of 1, 2; got 3",
        ),
        (
            partial(EfficientNet, [FusedMBConvConfig(1, 3, 0, 8, 8, 1)], 0.2),
            ArgumentError,
            "FusedMBConv: stride must be one of 1, 2; got 0",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(build, error, text):
    with pytest.raises(error, match=text):
        build()
