"""MobileNetV1, V2 and V3."""

import sys
from functools import partial

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError
from minicnn.models import mobilenet_v1, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small
from minicnn.models.blocks import SqueezeExcitation

V1, V2, V3 = (sys.modules[f"minicnn.models.mobilenet_v{i}"] for i in (1, 2, 3))


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def stages(model, sizes_of, ends, x):
    """Sizes of the features whose numbers are in `ends`, and the parameters from end to end."""
    found = sizes_of(model.eval(), [f"features.{end}" for end in ends], x)
    starts = [0, *[end + 1 for end in ends[:-1]]]
    counts = [count(*model.features[a : b + 1]) for a, b in zip(starts, ends, strict=True)]
    return list(found.values()), counts


# ---------------------------------------------------------------------- V1


@pytest.mark.parametrize(
    ("width_mult", "parameters"),
    [(1.0, 4_231_976), (0.75, 2_585_560), (0.5, 1_331_592), (0.25, 470_072)],
)
def test_v1_parameters(undrawn, width_mult, parameters):
    assert count(mobilenet_v1(width_mult=width_mult)) == parameters


def test_v1_the_sizes_and_parameters_of_the_table(undrawn, sizes_of):
    model = mobilenet_v1()
    ends = [0, 1, 3, 5, 6, 11, 13]
    sizes, counts = stages(model, sizes_of, ends, mc.zeros(1, 3, 224, 224))
    expected = [(32, 112), (64, 112), (128, 56), (256, 28), (512, 14), (512, 14), (1024, 7)]
    assert sizes == [(maps, size, size) for maps, size in expected]
    for number in (*counts, count(model.classifier), 4_231_976):
        assert f"{number:,}" in V1.__doc__
    assert sum(isinstance(m, V1.DepthwiseSeparable) for m in model.modules()) == 13


@pytest.mark.parametrize(
    ("width_mult", "resolution", "millions"),  # tables 6 and 7 of the paper
    [(1, 224, 569), (0.75, 224, 325), (0.5, 224, 149), (0.25, 224, 41), (1, 160, 290)],
)
def test_v1_multiplications(undrawn, multiplications_of, width_mult, resolution, millions):
    model = mobilenet_v1(width_mult=width_mult, resolution=resolution).eval()
    found = multiplications_of(model, mc.zeros(1, 3, 32, 32))
    assert abs(found / 1e6 - millions) < 1  # rounded or cut, and both in one table


@pytest.mark.parametrize(("n_in", "n_out", "f"), [(4, 5, 3), (8, 64, 3), (6, 1024, 3)])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_cost_of_a_separable_convolution(multiplications_of, n_in, n_out, f, stride):
    x = mc.zeros(1, n_in, 8, 10)
    separable = V1.DepthwiseSeparable(n_in, n_out, stride)
    full = nn.Conv2d(n_in, n_out, f, stride=stride, padding=1)
    ratio = multiplications_of(separable, x) / multiplications_of(full, x)
    assert ratio == pytest.approx(1 / n_out + 1 / f**2, rel=1e-12)
    if n_out == 5:
        assert round(ratio, 2) == 0.31


def test_v1_a_block_is_depthwise_then_pointwise():
    block = V1.DepthwiseSeparable(4, 6, stride=2).eval()
    assert block.depthwise[0].groups == 4 and block.depthwise[0].weight.shape == (4, 1, 3, 3)
    assert block.pointwise[0].groups == 1 and block.pointwise[0].weight.shape == (6, 4, 1, 1)
    kinds = [type(m) for part in (block.depthwise, block.pointwise) for m in part]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2


def test_v1_resolution(undrawn, sizes_of):
    model = mobilenet_v1(width_mult=0.25, resolution=64).eval()
    for size in ((64, 64), (64, 50), (30, 64), (200, 128)):
        found = sizes_of(model, ["features.0", "features.13"], mc.zeros(1, 3, *size))
        assert list(found.values()) == [(8, 32, 32), (256, 2, 2)]
    model = mobilenet_v1(width_mult=0.25).eval()
    found = sizes_of(model, ["features.0", "features.13"], mc.zeros(1, 3, 64, 40))
    assert list(found.values()) == [(8, 32, 20), (256, 2, 2)]


def test_v1_resizes_bilinearly():
    model = mobilenet_v1(width_mult=0.25, resolution=40, num_classes=3).eval()
    x = mc.randn(1, 3, 33, 40)
    resized = nn.functional.interpolate(x, (40, 40), mode="bilinear")
    assert mc.equal(model(x), model(resized))


# ---------------------------------------------------------------------- V2


def test_v2_the_sizes_and_parameters_of_the_table(undrawn, sizes_of):
    model = mobilenet_v2()
    assert count(model) == 3_504_872
    ends = [0, 1, 3, 6, 10, 13, 16, 17, 18]
    sizes, counts = stages(model, sizes_of, ends, mc.zeros(1, 3, 224, 224))
    expected = [(32, 112), (16, 112), (24, 56), (32, 28), (64, 14), (96, 14), (160, 7), (320, 7)]
    assert sizes == [(maps, size, size) for maps, size in [*expected, (1280, 7)]]
    for number in (*counts, count(model.classifier), 3_504_872):
        assert f"{number:,}" in V2.__doc__


def test_v2_inverted_residuals(undrawn):
    blocks = [m for m in mobilenet_v2().modules() if isinstance(m, V2.InvertedResidual)]
    assert len(blocks) == 17
    for i, block in enumerate(blocks):
        *inner, projection, norm = block.conv
        assert len(inner) == (1 if i == 0 else 2)  # the first does not expand
        depthwise = inner[-1][0]
        assert depthwise.groups == depthwise.in_channels == depthwise.out_channels
        incoming = inner[0][0].in_channels
        assert depthwise.in_channels == incoming * (1 if i == 0 else 6)
        assert all(type(layer[2]) is nn.ReLU6 for layer in inner)
        # The bottleneck is linear: normalisation, no activation.
        assert isinstance(projection, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        same = depthwise.stride == (1, 1) and incoming == projection.out_channels
        assert block.use_res_connect == same
    assert sum(block.use_res_connect for block in blocks) == 10


@pytest.mark.parametrize(("oup", "stride", "added"), [(4, 1, True), (4, 2, False), (6, 1, False)])
def test_v2_the_shortcut(oup, stride, added):
    block = V2.InvertedResidual(4, oup, stride, expand_ratio=6).eval()
    x = mc.randn(2, 4, 5, 6)
    branch = block.conv(x)
    assert mc.equal(block(x), x + branch if added else branch)


def test_v2_options(undrawn):
    model = mobilenet_v2(
        width_mult=0.5, inverted_residual_setting=[[1, 16, 1, 1], [2, 30, 2, 2]], round_nearest=4
    )
    channels = [layer[0].out_channels for layer in (model.features[0], model.features[-1])]
    assert channels == [16, 1280]
    assert [m.out_channels for m in model.features[1:4]] == [8, 16, 16]
    assert mobilenet_v2(width_mult=1.4).last_channel == 1792
    assert mobilenet_v2(dropout=0.7).classifier[0].p == 0.7
    model = mobilenet_v2(norm_layer=partial(nn.GroupNorm, 4))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())


# ---------------------------------------------------------------------- V3


@pytest.mark.parametrize(
    ("build", "parameters", "ends", "expected"),
    [
        (
            mobilenet_v3_large,
            5_483_032,
            [0, 1, 3, 6, 10, 12, 15, 16],
            [(16, 112), (16, 112), (24, 56), (40, 28), (80, 14), (112, 14), (160, 7), (960, 7)],
        ),
        (
            mobilenet_v3_small,
            2_542_856,
            [0, 1, 3, 6, 8, 11, 12],
            [(16, 112), (16, 56), (24, 28), (40, 14), (48, 14), (96, 7), (576, 7)],
        ),
    ],
)
def test_v3_the_sizes_and_parameters_of_the_tables(
    undrawn, sizes_of, build, parameters, ends, expected
):
    model = build()
    assert count(model) == parameters
    sizes, counts = stages(model, sizes_of, ends, mc.zeros(1, 3, 224, 224))
    assert sizes == [(maps, size, size) for maps, size in expected]
    linear = [count(m) for m in model.classifier if isinstance(m, nn.Linear)]
    for number in (*counts, *linear, parameters):
        assert f"{number:,}" in V3.__doc__


@pytest.mark.parametrize(
    ("build", "se", "hard_swish"),
    [  # which blocks have them, by tables 1 and 2; a quarter of the maps, as a multiple of 8
        (
            mobilenet_v3_large,
            {4: 24, 5: 32, 6: 32, 11: 120, 12: 168, 13: 168, 14: 240, 15: 240},
            range(7, 16),
        ),
        (
            mobilenet_v3_small,
            {1: 8, 4: 24, 5: 64, 6: 64, 7: 32, 8: 40, 9: 72, 10: 144, 11: 144},
            range(4, 12),
        ),
    ],
)
def test_v3_squeeze_and_excitation_and_hard_swish(undrawn, build, se, hard_swish):
    model = build()
    assert isinstance(model.features[0][2], nn.Hardswish)
    blocks = list(model.features[1:-1])
    for i, block in enumerate(blocks, 1):
        found = [m for m in block.block if isinstance(m, SqueezeExcitation)]
        assert len(found) == (i in se)
        depthwise = next(m for m in block.block if m[0].groups > 1)
        assert type(depthwise[2]) is (nn.Hardswish if i in hard_swish else nn.ReLU)
        for layer in found:
            expanded = depthwise[0].out_channels
            assert layer.fc1.in_channels == layer.fc2.out_channels == expanded
            assert layer.fc1.out_channels == se[i]
            assert type(layer.scale_activation) is nn.Hardsigmoid
            assert type(layer.activation) is nn.ReLU
        assert len(block.block[-1]) == 2  # projected without activation
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(0.001, 0.01)}


def test_v3_the_last_stage_widens_after_the_mean(undrawn, sizes_of):
    found = sizes_of(mobilenet_v3_large().eval(), ["avgpool", "classifier.0"], mc.zeros(1, 3, 9, 9))
    assert found == {"avgpool": (960, 1, 1), "classifier.0": (1280,)}


def test_v3_options(undrawn, sizes_of):
    model = mobilenet_v3_small(dilated=True, reduced_tail=True).eval()
    found = sizes_of(model, ["features.8", "features.11"], mc.zeros(1, 3, 64, 64))
    assert found == {"features.8": (48, 4, 4), "features.11": (48, 4, 4)}
    assert [model.features[i].block[1][0].dilation for i in (8, 9, 11)] == [(1, 1), (2, 2), (2, 2)]
    assert model.classifier[0].out_features == 512
    model = mobilenet_v3_large(width_mult=0.5, dropout=0.4, num_classes=7)
    assert model.features[1].out_channels == 8 and model.classifier[0].out_features == 640
    assert model.classifier[2].p == 0.4 and model.classifier[3].out_features == 7


# ---------------------------------------------------------------------- all


@pytest.mark.parametrize(
    "build", [partial(mobilenet_v1, width_mult=0.25), mobilenet_v2, mobilenet_v3_small]
)
def test_small_images_do(check_smallest, build):
    check_smallest(build(num_classes=4), 1)


@pytest.mark.parametrize(
    "build",
    [partial(mobilenet_v1, width_mult=0.5), mobilenet_v2, mobilenet_v3_small, mobilenet_v3_large],
)
def test_gradients_reach_every_parameter(check_gradients, build):
    mc.manual_seed(0)
    check_gradients(build(num_classes=10), mc.randn(4, 3, 40, 33))


def test_initial_values():
    mc.manual_seed(0)
    model = mobilenet_v3_small()
    expand = model.features[-1][0].weight  # 96 → 576 maps, 1 × 1
    assert expand.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.02)
    for layer in (model.classifier[0], model.classifier[3]):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert not bool(layer.bias.any())
    assert mobilenet_v2().classifier[1].weight.std().item() == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (partial(mobilenet_v1, width_mult=0), ArgumentError, "width_mult must be above 0, got 0"),
        (partial(mobilenet_v1, resolution=0), ArgumentError, "resolution must be at least 1"),
        (
            partial(mobilenet_v2, inverted_residual_setting=[[1, 16, 1]]),
            ArgumentError,
            r"rows \(t, c, n, s\) of four numbers, got \[\[1, 16, 1\]\]",
        ),
        (partial(mobilenet_v2, inverted_residual_setting=[]), ArgumentError, "of four numbers"),
        (
            partial(V2.InvertedResidual, 4, 4, 3, 6),
            ArgumentError,
            "stride must be one of 1, 2; got 3",
        ),
        (partial(V3.MobileNetV3, [], 10), ArgumentError, "must not be empty"),
        (partial(V3.MobileNetV3, [(1, 2)], 10), DtypeError, "InvertedResidualConfig, got tuple"),
        (
            partial(V3.InvertedResidualConfig, 16, 3, 16, 16, True, "HX", 1, 1, 1.0),
            ArgumentError,
            "activation must be one of 'RE', 'HS'; got 'HX'",
        ),
        (
            lambda: V3.InvertedResidual(
                V3.InvertedResidualConfig(16, 3, 16, 16, True, "HS", 3, 1, 1.0), nn.BatchNorm2d
            ),
            ArgumentError,
            "stride must be one of 1, 2; got 3",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(build, error, text):
    with pytest.raises(error, match=text):
        build()


@pytest.mark.parametrize("build", [mobilenet_v1, mobilenet_v2, mobilenet_v3_small])
@pytest.mark.parametrize("width", [0, -1.0])
def test_a_width_that_leaves_no_channels(build, width):
    with pytest.raises(ArgumentError, match="must be above 0, got"):
        build(width_mult=width)
