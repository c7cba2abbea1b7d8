"""A network of many kinds of layers trains on the stand-in for a GPU as it does on the CPU."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.kernels.cuda import launching

pytestmark = pytest.mark.usefixtures("runnable")

FORWARD = {"activate", "depthwise", "im2col", "map_means", "max_pool2d", "moments", "norm_act"}
BACKWARD = {
    *("activate_gradient", "adaptive_avg_pool2d_gradient", "add_to_places", "col2im"),
    *("depthwise_input_gradient", "depthwise_weight_gradient", "max_pool2d_gradient"),
    *("norm_act_gradient", "norm_act_sums"),
}


def network():
    mc.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(6, 6, 3, groups=6),
        nn.Hardswish(),
        nn.Conv2d(6, 8, 1),
        nn.SiLU(),
        nn.Conv2d(8, 8, 3, stride=2, groups=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


def trained(device, make_optimizer):
    """The losses of three steps, and the parameters after them."""
    model, rng, losses = network().to(device), np.random.default_rng(0), []
    optimizer = make_optimizer(model.parameters())
    for _ in range(3):
        x = mc.tensor(rng.standard_normal((4, 1, 16, 16)).astype(np.float32)).to(device)
        target = mc.tensor(rng.integers(0, 10, 4)).to(device)
        loss = F.cross_entropy(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.detach().cpu().numpy() for p in model.parameters()]


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_training(kind, machine, monkeypatch):
    launched, function = set(), launching._function

    def noted(raw_module, file, kernel, *options):
        launched.add(kernel)
        return function(raw_module, file, kernel, *options)

    monkeypatch.setattr(launching, "_function", noted)
    options = {"momentum": 0.9, "nesterov": True} if kind == "SGD" else {"eps": 1e-3}

    def make(parameters):
        return getattr(mc.optim, kind)(parameters, 0.05, **options)

    losses, parameters = trained("cpu", make)
    assert not launched
    found, found_parameters = trained("cuda", make)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for a, b in zip(found_parameters, parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert launched >= FORWARD | BACKWARD | {"sgd_update" if kind == "SGD" else "adam_update"}
