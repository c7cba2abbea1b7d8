"""AlexNet's towers, each on a device of its own, compute what ``groups=2`` computes on one."""

import numpy as np
import pytest
import strict_cupy

import minicnn as mc
from minicnn.checks import ArgumentError
from minicnn.models import AlexNetPaper, AlexNetTowers

DEVICES = "cuda:1", "cuda:0"


@pytest.fixture
def large_machine():
    with strict_cupy.installed(memory=2**31):
        yield


def test_equal_to_two_groups(large_machine, rng):
    mc.manual_seed(2)
    whole = AlexNetPaper(5, groups=2)
    mc.manual_seed(2)
    towers = AlexNetTowers(5, devices=DEVICES)
    assert mc.equal(towers.classifier.fc8.weight.cpu(), whole.classifier.fc8.weight)
    # Weights large enough that the seam of the normalisation shows.
    for name in ("conv1", "conv2"):
        conv = getattr(whole.features, name)
        mc.nn.init.normal_(conv.weight, std=0.3)
    towers.take(whole)
    whole.eval(), towers.eval()
    x = mc.tensor(rng.standard_normal((1, 3, 227, 227)).astype("float32"))
    expected, found = whole(x), towers(x)
    assert found.device == DEVICES[0]
    np.testing.assert_allclose(found.detach().cpu(), expected.detach(), rtol=1e-3, atol=1e-4)
    delta = mc.tensor(rng.standard_normal((1, 5)).astype("float32"))
    expected.backward(delta)
    found.backward(delta.to(DEVICES[0]))
    for name in ("conv1", "conv3", "conv5"):
        whole_gradient = getattr(whole.features, name).weight.grad
        parts = [getattr(tower, name).weight.grad for tower in towers.towers]
        assert [p.device for p in parts] == list(DEVICES)
        together = mc.cat([p.cpu() for p in parts])
        scale = float(whole_gradient.abs().max())
        assert scale > 0 and mc.allclose(together / scale, whole_gradient / scale, atol=2e-4)


def test_refused():
    with pytest.raises(ArgumentError, match="devices must be two"):
        AlexNetTowers(devices="cpu")
