"""MobileNetV2 and V3, ShuffleNetV2, EfficientNet and EfficientNetV2 beside torchvision's."""

import pytest

import minicnn as mc
from minicnn.models import mobilenet_v3

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


@pytest.mark.parametrize("name", NAMES)
def test_networks(compare, name):
    ours, theirs = getattr(mc.models, name)(), getattr(torchvision_models(), name)()
    compare(ours, hurried(theirs), size=(40, 33))
