"""ResNet, wide ResNet and ResNeXt against torchvision's."""

from functools import partial

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.models.resnet import BasicBlock, Bottleneck, ResNet

torch = pytest.importorskip("torch")
tv = pytest.importorskip("torchvision").models

pytestmark = pytest.mark.parity
NAMES = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
NAMES += ["wide_resnet50_2", "resnext50_32x4d", "resnext101_32x8d"]
SLOW = ["wide_resnet101_2", "resnext101_64x4d"]


@pytest.fixture
def undrawn(monkeypatch):
    """Ours draw no weights: theirs take their place."""
    for function in ("uniform_", "normal_"):
        monkeypatch.setattr(nn.init, function, lambda tensor, *args, **options: tensor)


@pytest.mark.parametrize("name", [*NAMES, *[pytest.param(n, marks=pytest.mark.slow) for n in SLOW]])
def test_resnet(compare, undrawn, name):
    ours = getattr(mc.models, name)()
    theirs = getattr(tv, name)()
    assert repr(ours) == repr(theirs)
    # Two places in the last stage: of fewer values the batch's variance is mostly rounding.
    compare(ours, theirs, size=(33, 32))


@pytest.mark.parametrize("name", SLOW)
def test_the_layers_of_the_largest(undrawn, name):
    with torch.device("meta"):
        theirs = getattr(tv, name)()
    assert repr(getattr(mc.models, name)()) == repr(theirs)


@pytest.mark.parametrize(
    ("block", "options"),
    [
        (BasicBlock, {"zero_init_residual": True}),
        (Bottleneck, {"zero_init_residual": True}),
        (Bottleneck, {"replace_stride_with_dilation": [False, True, True]}),
        (Bottleneck, {"replace_stride_with_dilation": [True, False, True], "groups": 4}),
        (Bottleneck, {"groups": 2, "width_per_group": 16}),
    ],
)
def test_options(compare, block, options):
    options = {"layers": [1, 2, 2, 1], "num_classes": 5, **options}
    ours = ResNet(block, **options)
    theirs = tv.ResNet(getattr(tv.resnet, block.__name__), **options)
    assert repr(ours) == repr(theirs)
    zeros = [[k for k, p in m.named_parameters() if not p.any()] for m in (ours, theirs)]
    assert zeros[0] == zeros[1]
    compare(ours, theirs, size=(33, 32))


def test_another_normalisation(compare):
    options = {"layers": [1, 1, 1, 1], "num_classes": 5, "groups": 2}
    ours = ResNet(Bottleneck, norm_layer=partial(nn.GroupNorm, 4), **options)
    theirs = tv.ResNet(tv.resnet.Bottleneck, norm_layer=partial(torch.nn.GroupNorm, 4), **options)
    compare(ours, theirs, size=33)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"groups": 2}),
        ("resnet18", {"width_per_group": 128}),
        ("resnet34", {"replace_stride_with_dilation": [False, True, False]}),
        ("resnet50", {"replace_stride_with_dilation": [True, False]}),
        ("resnext50_32x4d", {"groups": 16}),
        ("wide_resnet50_2", {"width_per_group": 64}),
    ],
)
def test_what_torchvision_refuses_is_refused(name, options):
    with pytest.raises((ValueError, RuntimeError)):
        getattr(tv, name)(**options)
    with pytest.raises(ValueError):
        getattr(mc.models, name)(**options)
