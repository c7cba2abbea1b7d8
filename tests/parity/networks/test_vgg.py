"""The VGG networks against torchvision's."""

import pytest

import minicnn as mc
from minicnn import nn

torch = pytest.importorskip("torch")
tv = pytest.importorskip("torchvision").models

pytestmark = pytest.mark.parity
NAMES = [f"vgg{depth}{kind}" for depth in (11, 13, 16, 19) for kind in ("", "_bn")]


@pytest.fixture
def ours(monkeypatch):
    """A function: the network of that name; the weights that it would draw are never used."""

    def build(name):
        with monkeypatch.context() as patch:
            patch.setattr(nn.init, "uniform_", lambda tensor, *args, **options: tensor)
            return getattr(mc.models, name)(init_weights=False)

    return build


def narrowed(model, layers):
    """`model`, its hidden layers replaced by ones of 8 units."""
    for place, sizes in ((0, (25088, 8)), (3, (8, 8)), (6, (8, 1000))):
        model.classifier[place] = layers.Linear(*sizes)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_vgg_but_for_the_size_of_its_hidden_layers(compare, ours, name):
    # They hold some 120 of 135 million numbers. All layers are compared by shape; then the network
    # by value, with hidden layers of 8 units. With all of them: the slow test below.
    with torch.device("meta"):
        whole = getattr(tv, name)(init_weights=False)
    mine = ours(name)
    assert repr(mine) == repr(whole)
    shapes = [{k: tuple(v.shape) for k, v in m.state_dict().items()} for m in (mine, whole)]
    assert shapes[0] == shapes[1]
    theirs = narrowed(whole, torch.nn).to_empty(device="cpu")
    for layer in theirs.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    compare(narrowed(mine, nn), theirs, size=(32, 64))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_vgg(compare, ours, name):
    compare(ours(name), getattr(tv, name)(init_weights=False), size=(32, 64))
