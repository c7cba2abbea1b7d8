"""The DenseNets against torchvision's."""

import pytest

import minicnn as mc
from minicnn.models.densenet import DenseNet

torch = pytest.importorskip("torch")
tv = pytest.importorskip("torchvision").models

pytestmark = pytest.mark.parity
NAMES = ["densenet121", "densenet169"]
SLOW = ["densenet161", "densenet201"]


def layers(model):
    """The text of a network; its parts have names without an underscore here."""
    return repr(model).replace("_Dense", "Dense").replace("_Transition", "Transition")


@pytest.mark.parametrize("name", [*NAMES, *[pytest.param(n, marks=pytest.mark.slow) for n in SLOW]])
def test_densenet(compare, name):
    # Two places in the last block: of fewer values the batch's variance is mostly rounding.
    compare(getattr(mc.models, name)(), getattr(tv, name)(), size=(61, 32))


@pytest.mark.parametrize("name", [*NAMES, *SLOW])
def test_the_layers(name):
    with torch.device("meta"):
        assert layers(getattr(mc.models, name)()) == layers(getattr(tv, name)())


def test_options(compare):
    options = {"growth_rate": 5, "block_config": (2, 1, 3), "num_init_features": 7, "bn_size": 3}
    options |= {"num_classes": 6, "drop_rate": 0.0}
    compare(DenseNet(**options), tv.DenseNet(**options), size=(49, 60))
