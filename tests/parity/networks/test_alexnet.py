"""AlexNet against torchvision's."""

import pytest

import minicnn as mc
from minicnn import nn

torch = pytest.importorskip("torch")
tv = pytest.importorskip("torchvision").models

pytestmark = pytest.mark.parity


def narrowed(model, layers):
    """`model`, its hidden layers replaced by ones of 8 units."""
    for place, sizes in ((1, (9216, 8)), (4, (8, 8)), (6, (8, 1000))):
        model.classifier[place] = layers.Linear(*sizes)
    return model


def test_alexnet_but_for_the_size_of_its_hidden_layers(compare):
    # They hold 59 of 61 million numbers. All layers are compared by shape; then the network by
    # value, with hidden layers of 8 units. With all of them: the slow test below.
    ours, theirs = mc.models.alexnet(dropout=0.3), tv.alexnet(dropout=0.3)
    assert repr(ours) == repr(theirs)
    shapes = [{k: tuple(v.shape) for k, v in m.state_dict().items()} for m in (ours, theirs)]
    assert shapes[0] == shapes[1]
    compare(narrowed(ours, nn), narrowed(theirs, torch.nn), size=(63, 71))


@pytest.mark.slow
def test_alexnet(compare):
    compare(mc.models.alexnet(), tv.alexnet(), size=(63, 71))
