"""The blocks that families share."""

from functools import partial

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.models.blocks import (
    Conv2dNormActivation,
    SqueezeExcitation,
    init_weights,
    make_divisible,
)


def test_make_divisible():
    for divisor in (1, 2, 8):
        for tenth in range(5, 2000, 7):
            v = tenth / 10
            found = make_divisible(v, divisor)
            assert found % divisor == 0
            assert found >= divisor and found >= 0.9 * v
            # The nearest multiple, or the next one where that lost more than a tenth.
            near = abs(found - v) <= divisor / 2
            lost = found - v <= divisor and found - divisor < 0.9 * v
            assert near or lost or found == divisor
    assert make_divisible(3, 8, min_value=16) == 16
    assert [make_divisible(v, 8) for v in (12, 20, 28)] == [16, 24, 32]  # a half goes up


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("kernel_size", "dilation", "padding"),
    [(1, 1, 0), (3, 1, 1), (5, 1, 2), (5, 2, 4), ((3, 5), 1, (1, 2)), (3, (1, 3), (1, 3))],
)
def test_the_padding_keeps_the_size(kernel_size, dilation, padding, stride):
    layer = Conv2dNormActivation(2, 3, kernel_size, stride, dilation=dilation)
    as_pair = padding if isinstance(padding, tuple) else (padding, padding)
    assert layer[0].padding == as_pair
    expected = (1, 3, -(-9 // stride), -(-12 // stride))
    assert layer(mc.randn(1, 2, 9, 12)).shape == expected


def test_convolution_normalisation_activation():
    usual = Conv2dNormActivation(4, 6)
    assert [type(m) for m in usual] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert usual[0].bias is None and usual[2].inplace and usual.out_channels == 6
    linear = Conv2dNormActivation(4, 6, activation_layer=None, groups=2)
    assert [type(m) for m in linear] == [nn.Conv2d, nn.BatchNorm2d]
    assert linear[0].groups == 2
    bare = Conv2dNormActivation(4, 6, norm_layer=None, activation_layer=nn.Sigmoid, inplace=None)
    assert [type(m) for m in bare] == [nn.Conv2d, nn.Sigmoid]
    assert bare[0].bias is not None
    assert Conv2dNormActivation(4, 6, bias=True)[0].bias is not None
    assert Conv2dNormActivation(4, 6, padding=0)[0].padding == (0, 0)
    assert not Conv2dNormActivation(4, 6, inplace=False)[2].inplace


def test_squeeze_and_excitation_is_its_equation():
    layer = SqueezeExcitation(6, 2, scale_activation=nn.Hardsigmoid)
    x = mc.randn(3, 6, 4, 5)
    means = x.mean((2, 3))
    hidden = (means @ layer.fc1.weight.flatten(1).T + layer.fc1.bias).relu()
    factors = nn.functional.hardsigmoid(hidden @ layer.fc2.weight.flatten(1).T + layer.fc2.bias)
    assert mc.allclose(layer(x), x * factors.reshape(3, 6, 1, 1), atol=1e-6)
    assert list(layer.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def test_initial_values():
    model = nn.Sequential(
        nn.Conv2d(64, 128, 3),
        nn.BatchNorm2d(128),
        nn.GroupNorm(2, 128),
        nn.BatchNorm2d(128, affine=False),
        nn.Conv2d(128, 128, 3, groups=128, bias=False),
        nn.Linear(128, 50),
    )
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7.0)
    mc.manual_seed(0)
    init_weights(model, partial(nn.init.constant_, val=3.0))
    assert model[0].weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    # As PyTorch counts: the groups do not make fan_out smaller.
    assert model[4].weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.1)
    assert not bool(model[0].bias.any()) and not bool(model[5].bias.any())
    for norm in (model[1], model[2]):
        assert bool((norm.weight == 1).all()) and not bool(norm.bias.any())
    assert bool((model[5].weight == 3).all())
