"""Where two adjacent backward steps are eq. 1.16 or 1.17."""

import pytest

import minicnn as mc
from minicnn import nn


def run(function, *tensors, **options):
    """The trace of Σ δ ⊙ function(tensors) with a random δ."""
    with mc.trace(**options) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


def test_levels_are_counted_along_the_path():
    """A branch beside does not come between l and l + 1; a stride is said."""

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.beside = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 5)
            self.second = nn.Conv2d(2, 2, 3, stride=2, padding=1)

        def forward(self, x):
            a = mc.tanh(self.first(x))
            b = self.beside(x)
            return self.second(a).sum() + b.sum()

    model = Branches()
    with mc.trace(model) as tr:
        loss = model(mc.randn(2, 1, 8, 8))
    list(tr.backward(loss))
    (c,) = [s.composition for s in tr.steps if s.composition]
    assert (c.lower, c.upper, c.upper_name) == (1, 2, "second")
    assert "stride, padding and dilation" in c.text


@pytest.mark.parametrize("layers, shape, equations", [
    ((nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Conv1d(3, 4, 3)), (2, 2, 9), ["1.16"]),
    ((nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3)), (2, 8, 7), ["1.16"]),
    ((nn.Conv1d(2, 3, 3), nn.Tanh(), nn.MaxPool1d(2)), (2, 2, 9), ["1.17"]),
    ((nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3)),
     (2, 2, 8, 7), ["1.16"]),
    ((nn.Conv2d(2, 3, 3), nn.LocalResponseNorm(3), nn.ReLU(), nn.Conv2d(3, 4, 3)), (2, 2, 8, 7),
     []),
    ((nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Dropout(), nn.Conv2d(3, 4, 3)), (2, 2, 8, 7), []),
    ((nn.ReLU(), nn.Conv2d(2, 3, 3)), (2, 2, 8, 7), []),
])  # fmt: skip
def test_where_the_compositions_are(layers, shape, equations):
    model = nn.Sequential(*layers)
    tr = run(model, mc.randn(shape), model=model)
    found = [s.composition for s in tr.steps if s.composition]
    assert [c.equation for c in found] == equations
    for c in found:
        assert (c.lower, c.upper, c.maps) == (1, 2, 3)
        assert ("Z is taken after BatchNorm" in c.text) == (len(layers) == 4)
