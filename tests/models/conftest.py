"""What the tests of networks share."""

import sys

import pytest

import minicnn as mc
from minicnn.nn import init


@pytest.fixture
def undrawn(monkeypatch):
    """Networks are built without drawing their weights, for tests that only look at shapes."""
    for name in ("uniform_", "normal_", "trunc_normal_"):
        monkeypatch.setattr(init, name, lambda tensor, *args, **options: tensor)


@pytest.fixture
def sizes_of():
    """A function: the sizes, without the batch, of what the modules called `names` give for x."""

    def sizes_of(model, names, x):
        modules, found = dict(model.named_modules()), {}
        handles = [
            modules[name].register_forward_hook(
                lambda module, inputs, output, name=name: found.update({name: output.shape[1:]})
            )
            for name in names
        ]
        with mc.no_grad():
            model(x)
        for handle in handles:
            handle.remove()
        return found

    return sizes_of


@pytest.fixture
def check_smallest(monkeypatch):
    """A function: images of n × n work, in training and in use; n − 1 in either direction is
    refused by the network, and would be by a layer."""

    def check_smallest(model, n, channels=3):
        classes = model.eval()(mc.randn(1, channels, n, n)).shape[1]
        assert model.train()(mc.randn(2, channels, n, n)).shape == (2, classes)
        for size in ((n - 1, n), (n, n - 1)):
            images = mc.zeros(2, channels, *size)
            with pytest.raises(ValueError, match=f"smallest that work are {n} × {n}"):
                model(images)
            with monkeypatch.context() as bypassed:
                module = sys.modules[type(model).forward.__module__]
                bypassed.setattr(module, "check_images", lambda *args, **options: None)
                with pytest.raises(ValueError) as caught:
                    model(images)
                assert "smallest that work" not in str(caught.value)

    return check_smallest


@pytest.fixture
def check_gradients():
    """A function: after a step back from the scores every parameter has a gradient, not all 0."""

    def check_gradients(model, images):
        scores = model.train()(images)
        scores.backward(mc.randn(*scores.shape))
        without = [
            k for k, p in model.named_parameters() if p.grad is None or not bool(p.grad.any())
        ]
        assert without == []

    return check_gradients


@pytest.fixture
def multiplications_of():
    """A function: the multiplications of all convolutions and fully connected layers for one image.

    Of the whole model, or of those modules for which `wanted` says yes.
    """

    def multiplications_of(model, x, wanted=lambda module: True):
        counts = []

        def count(module, inputs, output):
            counts.append(output.numel() // len(x) * module.weight[0].numel())

        layers = [m for m in model.modules() if isinstance(m, (mc.nn.Conv2d, mc.nn.Linear))]
        handles = [m.register_forward_hook(count) for m in layers if wanted(m)]
        with mc.no_grad():
            model(x)
        for handle in handles:
            handle.remove()
        return sum(counts)

    return multiplications_of
