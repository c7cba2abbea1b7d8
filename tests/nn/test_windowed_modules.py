"""The windowed and spatial layers: PyTorch's arguments, texts, state and results."""

import inspect

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
]

SIGNAL, IMAGE = (2, 4, 11), (2, 4, 9, 7)
LAYERS = {
    "Conv1d": (lambda m: m.Conv1d(4, 6, 3), SIGNAL),
    "Conv1d, all options": (
        lambda m: m.Conv1d(4, 6, (3,), 2, (1,), 2, 2, False, "reflect"),
        SIGNAL,
    ),
    "Conv1d, same": (lambda m: m.Conv1d(4, 2, 4, padding="same"), SIGNAL),
    "Conv1d, valid": (
        lambda m: m.Conv1d(4, 2, 4, padding="valid", padding_mode="circular"),
        SIGNAL,
    ),
    "Conv2d, reflect": (
        lambda m: m.Conv2d(4, 6, (3, 2), padding=(2, 1), padding_mode="reflect"),
        IMAGE,
    ),
    "Conv2d, replicate": (
        lambda m: m.Conv2d(4, 6, 3, 2, padding=(1, 3), padding_mode="replicate"),
        IMAGE,
    ),
    "Conv2d, circular": (
        lambda m: m.Conv2d(4, 6, 3, padding=(0, 2), groups=2, padding_mode="circular"),
        IMAGE,
    ),
    "Conv2d, same and reflect": (
        lambda m: m.Conv2d(4, 6, (4, 3), padding="same", dilation=(1, 2), padding_mode="reflect"),
        IMAGE,
    ),
    "Conv2d, same": (lambda m: m.Conv2d(4, 6, (4, 3), padding="same", dilation=(1, 2)), IMAGE),
    "ConvTranspose1d": (
        lambda m: m.ConvTranspose1d(4, 6, 3, stride=3, padding=1, output_padding=2, dilation=2),
        SIGNAL,
    ),
    "ConvTranspose2d": (lambda m: m.ConvTranspose2d(4, 6, 3), IMAGE),
    "ConvTranspose2d, all options": (
        lambda m: m.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, False, (2, 1)),
        IMAGE,
    ),
    "MaxPool1d": (lambda m: m.MaxPool1d(3, stride=2, padding=1, dilation=2), SIGNAL),
    "MaxPool2d": (lambda m: m.MaxPool2d((3, 2), ceil_mode=True), IMAGE),
    "AvgPool1d": (lambda m: m.AvgPool1d(3, 2, 1, True, False), SIGNAL),
    "AvgPool1d, default": (lambda m: m.AvgPool1d(2), SIGNAL),
    "AvgPool2d": (lambda m: m.AvgPool2d(3, 2, 1, divisor_override=2), IMAGE),
    "AdaptiveAvgPool2d": (lambda m: m.AdaptiveAvgPool2d((5, None)), IMAGE),
    "AdaptiveMaxPool2d": (lambda m: m.AdaptiveMaxPool2d(4), IMAGE),
    "LPPool2d": (lambda m: m.LPPool2d(2, 3, stride=2, ceil_mode=True), IMAGE),
    "LPPool2d, odd": (lambda m: m.LPPool2d(1, (3, 2)), IMAGE),
    "Upsample": (lambda m: m.Upsample(scale_factor=2), IMAGE),
    "Upsample, pair": (lambda m: m.Upsample(scale_factor=(2, 0.5), mode="bilinear"), IMAGE),
    "Upsample, size": (lambda m: m.Upsample((5, 9), mode="bilinear", align_corners=True), IMAGE),
    "Upsample, recomputed": (
        lambda m: m.Upsample(scale_factor=1.3, mode="bilinear", recompute_scale_factor=True),
        IMAGE,
    ),
    "PixelShuffle": (lambda m: m.PixelShuffle(2), IMAGE),
    "ChannelShuffle": (lambda m: m.ChannelShuffle(2), IMAGE),
    "Unfold": (lambda m: m.Unfold((3, 2), dilation=2, padding=1, stride=(1, 2)), IMAGE),
    "Fold": (lambda m: m.Fold((5, 4), 2), (2, 8, 12)),
    "ZeroPad2d": (lambda m: m.ZeroPad2d((1, 2, 0, -3)), IMAGE),
    "ZeroPad2d, number": (lambda m: m.ZeroPad2d(2), IMAGE),
    "Unflatten": (lambda m: m.Unflatten(1, (2, -1)), IMAGE),
    "Unflatten, from the end": (lambda m: m.Unflatten(-3, [2, 1, 2]), IMAGE),
}


def pair_of_layers(name):
    """The same layer here and there, in float64, with the same parameters."""
    build, shape = LAYERS[name]
    mine, theirs = build(nn).double(), build(torch.nn).double()
    with torch.no_grad():
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            q.copy_(torch.from_numpy(p.detach().numpy().copy()))
    return mine, theirs, np.random.default_rng(3).standard_normal(shape)


@pytest.mark.parametrize("name", LAYERS)
def test_text_state_and_results_are_pytorchs(name):
    mine, theirs, x = pair_of_layers(name)
    assert repr(mine) == repr(theirs)
    assert [(k, v.shape) for k, v in mine.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
    results = []
    for module, layer in ((mc, mine), (torch, theirs)):
        t = module.tensor(x, requires_grad=True)
        out = layer(t)
        delta = np.random.default_rng(4).standard_normal(tuple(out.shape))
        out.backward(module.tensor(delta))
        gradients = [t.grad, *(p.grad for p in layer.parameters())]
        results.append([np.asarray(a) for a in (out.detach(), *gradients)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


CLASSES = sorted({name.split(",")[0] for name in LAYERS} | {"MaxUnpool2d"})


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_are_pytorchs(name):
    def parameters(module):
        signature = inspect.signature(getattr(module, name))
        return [(p.name, p.default, p.kind) for p in signature.parameters.values()]

    assert parameters(nn) == parameters(torch.nn)


@pytest.mark.parametrize("name", [n for n in LAYERS if n.startswith("Conv")])
def test_initial_values_have_pytorchs_bounds(name):
    largest = []
    for modules in (nn, torch.nn):
        layer, reached = LAYERS[name][0](modules), {}
        for _ in range(30):
            layer.reset_parameters()
            for key, p in layer.named_parameters():
                reached[key] = max(reached.get(key, 0), np.abs(np.asarray(p.detach())).max())
        largest.append(reached)
    # Uniform in ±bound: of 60 values and more, the largest comes within 10 % of the bound.
    assert largest[0].keys() == largest[1].keys()
    for key, bound in largest[0].items():
        np.testing.assert_allclose(bound, largest[1][key], rtol=0.15)


@pytest.mark.parametrize("size", [(10, 9), (2, 6, 9, 10), None])
def test_the_output_size_chooses_the_output_padding(size):
    x = np.random.default_rng(3).standard_normal((2, 4, 4, 4))
    results = []
    for module, modules in ((mc, nn), (torch, torch.nn)):
        layer = modules.ConvTranspose2d(4, 6, 3, stride=2, bias=False).double()
        with module.no_grad():
            for p in layer.parameters():
                p.copy_(module.ones_like(p))
        results.append(np.asarray(layer(module.tensor(x), output_size=size).detach()))
    assert results[0].shape == results[1].shape
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_pooling_and_unpooling_go_together():
    x = np.random.default_rng(3).standard_normal((2, 3, 7, 9))
    results = []
    for module, modules in ((mc, nn), (torch, torch.nn)):
        pool = modules.MaxPool2d(2, stride=2, return_indices=True)
        y, places = pool(module.tensor(x))
        unpool = modules.MaxUnpool2d(2, stride=2)
        assert repr(unpool) == "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"
        results.append(np.asarray(unpool(y, places, output_size=(7, 9))))
        y, places = modules.AdaptiveMaxPool2d(3, return_indices=True)(module.tensor(x))
        results[-1] = np.concatenate([results[-1].ravel(), np.asarray(places).ravel()])
    np.testing.assert_array_equal(*results)


def test_unflatten_undoes_flatten():
    x = mc.arange(24).reshape(2, 3, 4)
    assert mc.equal(nn.Unflatten(1, (3, 4))(nn.Flatten()(x)), x)
