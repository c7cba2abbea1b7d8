"""AlexNet against torchvision's."""

import pytest

import minicnn as mc

pytest.importorskip("torch")
tv = pytest.importorskip("torchvision").models

pytestmark = pytest.mark.parity


def test_alexnet(compare):
    ours, theirs = mc.models.alexnet(dropout=0.3), tv.alexnet(dropout=0.3)
    assert repr(ours) == repr(theirs)
    compare(ours, theirs, size=(63, 71))
