"""Every network of `minicnn.models`, exported and run by ONNX Runtime."""

import pytest

import minicnn as mc
from minicnn import nn

pytest.importorskip("onnxruntime")

SIZES = {
    "lenet5": 28,
    "alexnet_paper": 227,
    "googlenet_paper": 48,
    "inception_v3": 75,
    "inception_v4": 75,
    "inception_resnet_v2": 75,
}
# The larger ones of a family are made of the same parts.
LARGE = (
    *("densenet161", "densenet201", "inception_resnet_v2", "resnet152", "resnet1202"),
    *("efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7"),
    *("efficientnet_v2_m", "efficientnet_v2_l", "resnet101", "resnext101_32x8d"),
    *("resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2", "plain110", "resnet110"),
    *("vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name
        for name in mc.models.list_models()
    ],
)
def test_onnx_runtime_computes_what_the_network_does(name, compare, stirred, tmp_path):
    # With γ = 1 the sum of 600 residuals would overflow.
    model = stirred(mc.models.get_model(name), 0.1 if name == "resnet1202" else 1.0)
    channels = next(m for m in model.modules() if isinstance(m, nn.Conv2d)).in_channels
    size = SIZES.get(name, 64)
    path = tmp_path / "network.onnx"
    example, images = (mc.randn(n, channels, size, size) for n in (1, 3))
    assert compare(model, example, path, [images]) < 1e-4
    path.unlink()
