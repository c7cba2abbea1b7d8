"""MobileNetV2 and V3, ShuffleNetV2, EfficientNet and EfficientNetV2 beside torchvision's."""

import pytest

import minicnn as mc
from minicnn.models import mobilenet_v3
from minicnn.models.blocks import make_divisible

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

NAMES = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
    *[f"efficientnet_b{i}" for i in range(8)],
    "efficientnet_v2_s",
    "efficientnet_v2_m",
    "efficientnet_v2_l",
)


def torchvision_models():
    return pytest.importorskip("torchvision").models


def as_windows(layer, x):
    """PyTorch's depthwise convolution, written with its unfold.

    In float64 PyTorch's own takes the maps one by one, which would make these tests take minutes.
    """
    (n, c, *size), f = x.shape, torch.nn.functional
    windows = f.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    out = [
        (a + 2 * p - d * (k - 1) - 1) // s + 1
        for a, k, d, p, s in zip(
            size, layer.kernel_size, layer.dilation, layer.padding, layer.stride, strict=True
        )
    ]
    # (N, C·kh·kw, OH·OW) → (N, C, kh·kw, OH·OW)
    products = windows.view(n, c, -1, windows.shape[-1]) * layer.weight.view(1, c, -1, 1)
    return products.sum(2).view(n, c, *out)


def hurried(theirs):
    """`theirs`, with the depthwise convolutions of float64 by `as_windows`."""

    def forward(x, layer, usual):
        return as_windows(layer, x) if x.dtype == torch.float64 else usual(x)

    for layer in theirs.modules():
        if isinstance(layer, torch.nn.Conv2d) and 1 < layer.groups == layer.in_channels:
            assert layer.out_channels == layer.groups and layer.bias is None
            layer.forward = lambda x, layer=layer, usual=layer.forward: forward(x, layer, usual)
    return theirs


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 4, "dilation": 2}])
def test_the_hurried_depthwise_convolution_is_pytorchs(options):
    layer = torch.nn.Conv2d(6, 6, 5, groups=6, bias=False, **{"padding": 2, **options}).double()
    x = torch.randn(2, 6, 9, 12, dtype=torch.float64, requires_grad=True)
    usual, windows = layer(x), as_windows(layer, x)
    delta = torch.randn_like(usual)
    assert torch.allclose(usual, windows, rtol=1e-12, atol=1e-14)
    for first, second in zip(
        torch.autograd.grad(usual, (x, layer.weight), delta),
        torch.autograd.grad(windows, (x, layer.weight), delta),
        strict=True,
    ):
        assert torch.allclose(first, second, rtol=1e-12, atol=1e-13)


def check_layers(ours, theirs):
    """What `compare` cannot see, as it takes chance away, and the spread of the initial values."""
    for mine, other in zip(ours.modules(), theirs.modules(), strict=True):
        assert type(mine).__name__ == type(other).__name__
        for attribute in ("p", "mode", "eps", "momentum", "use_res_connect"):
            assert getattr(mine, attribute, None) == getattr(other, attribute, None)
        if isinstance(other, (torch.nn.Conv2d, torch.nn.Linear)) and other.weight.numel() > 5000:
            spread = mine.weight.std().item()
            assert spread == pytest.approx(other.weight.std().item(), rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_networks(compare, name):
    ours, theirs = getattr(mc.models, name)(), getattr(torchvision_models(), name)()
    check_layers(ours, theirs)
    # Those that take long have images that end as 2 × 1 places.
    small = name.startswith(("mobilenet", "shufflenet")) or name[-2:] in ("b0", "b1")
    compare(ours, hurried(theirs), size=(40, 33) if small else (33, 20))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v2", {"width_mult": 0.35, "round_nearest": 4}),
        ("mobilenet_v2", {"inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 2, 2]]}),
        ("mobilenet_v3_small", {"width_mult": 0.75}),
        ("mobilenet_v3_small", {"dilated": True, "reduced_tail": True}),
        ("mobilenet_v3_large", {"dilated": True, "reduced_tail": True}),
    ],
)
def test_options(compare, name, options):
    options = {"num_classes": 10, **options}
    ours = getattr(mc.models, name)(**options)
    theirs = getattr(torchvision_models(), name)(**options)
    compare(ours, hurried(theirs), size=(40, 33))


def test_numbers_of_channels_are_torchvisions():
    from torchvision.models._utils import _make_divisible

    for divisor in (1, 4, 8):
        for v in [tenth / 10 for tenth in range(1, 3000)]:
            assert make_divisible(v, divisor) == _make_divisible(v, divisor)
            assert make_divisible(v, divisor, 5) == _make_divisible(v, divisor, 5)
    assert mobilenet_v3.InvertedResidualConfig.adjust_channels(88, 0.35) == _make_divisible(
        88 * 0.35, 8
    )
