"""Multiplications, against the figures that torchvision publishes beside its weights."""

import pytest

import minicnn as mc

pytest.importorskip("torch")
pytestmark = pytest.mark.parity

MOST = 0.7  # 10⁹ multiplications; those of larger networks take longer


def published():
    """(name, size of the images, multiplications / 10⁹)."""
    from torchvision.models import get_model_weights

    for name in mc.models.list_models():
        try:
            weights = next(iter(get_model_weights(name)))
        except ValueError:
            continue  # torchvision has no such network
        yield name, weights.transforms.keywords["crop_size"], weights.meta["_ops"]


def check(name, size, expected):
    found = mc.summary(mc.models.get_model(name), (1, 3, size, size), depth=0)
    assert abs(found.total.multiplications / 1e9 - expected) <= 0.0005 + 1e-9, name


def test_multiplications_of_the_smaller_networks():
    cases = [case for case in published() if case[2] <= MOST]
    assert len(cases) >= 9
    for case in cases:
        check(*case)


@pytest.mark.slow
def test_multiplications_of_the_largest_networks():
    for case in published():
        if case[2] > MOST:
            check(*case)
