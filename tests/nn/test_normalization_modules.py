"""Normalisation layers over several steps: outputs, running statistics, state and text."""

import numpy as np
import pytest

import minicnn as mc

LAYERS = [
    ("BatchNorm1d", (3,), {}, [(4, 3), (5, 3), (2, 3)]),
    ("BatchNorm1d", (3,), {"momentum": None}, [(4, 3, 2), (1, 3, 5), (2, 3, 2)]),
    ("BatchNorm1d", (3, 1e-3, 0.4, False), {}, [(4, 3), (4, 3, 2)]),
    ("BatchNorm2d", (2,), {"track_running_stats": False}, [(2, 2, 3, 4), (1, 2, 4, 2)]),
    ("BatchNorm2d", (2,), {"bias": False, "momentum": 0.3}, [(2, 2, 3, 4), (1, 2, 4, 2)]),
    ("BatchNorm2d", (2, 1e-5, None), {}, [(2, 2, 3, 4)] * 3),
    ("BatchNorm2d", (2,), {"affine": False, "track_running_stats": False}, [(2, 2, 3, 4)]),
    ("InstanceNorm2d", (3,), {}, [(2, 3, 4, 5), (3, 4, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, [(2, 3, 4, 5)] * 2),
    ("InstanceNorm2d", (3, 1e-3, None, True, True), {"bias": False}, [(3, 4, 5), (2, 3, 4, 5)]),
    ("LayerNorm", (4,), {}, [(2, 4), (3, 2, 4)]),
    ("LayerNorm", ([3, 4],), {"bias": False}, [(2, 3, 4)]),
    ("LayerNorm", ((3, 4), 1e-2, False), {}, [(2, 3, 4), (3, 4)]),
    ("GroupNorm", (2, 6), {}, [(2, 6), (3, 6, 4, 2)]),
    ("GroupNorm", (3, 6, 1e-2, False), {}, [(2, 6, 3)]),
    ("GroupNorm", (3, 6), {"bias": False}, [(2, 6, 3)]),
    ("LocalResponseNorm", (5,), {}, [(2, 7, 3, 3)]),
    ("LocalResponseNorm", (4, 5e-4, 0.6, 2), {}, [(2, 7, 3), (1, 2, 3, 3)]),
]


@pytest.mark.parity
@pytest.mark.parametrize("name, positional, named, shapes", LAYERS)
def test_layers_equal_pytorchs(name, positional, named, shapes, rng):
    torch = pytest.importorskip("torch")
    kind = {} if name == "LocalResponseNorm" else {"dtype": mc.float64}
    mine = getattr(mc.nn, name)(*positional, **named, **kind)
    theirs = getattr(torch.nn, name)(*positional, **named).double()
    assert repr(mine) == repr(theirs)
    parameters = [p for _, p in mine.named_parameters()]
    others = [p for _, p in theirs.named_parameters()]
    for p, q in zip(parameters, others, strict=True):
        values = rng.standard_normal(p.shape)
        with mc.no_grad():
            p.copy_(mc.tensor(values))
        q.data = torch.tensor(values)
    for training in (True, False, True):
        mine.train(training), theirs.train(training)
        for shape in shapes:
            x, delta = rng.standard_normal(shape) * 2 + 3, rng.standard_normal(shape)
            results = []
            for m, layer in ((mc, mine), (torch, theirs)):
                layer.zero_grad()
                t = m.tensor(x).requires_grad_()
                y = layer(t)
                y.backward(m.tensor(delta))
                results.append([y.detach(), t.grad, *[p.grad for p in layer.parameters()]])
            for a, b in zip(*results, strict=True):
                np.testing.assert_allclose(a.array, b, rtol=1e-9, atol=1e-9)
            state, expected = mine.state_dict(), theirs.state_dict()
            assert list(state) == list(expected)
            for key in state:
                assert str(state[key].dtype) == str(expected[key].dtype).removeprefix("torch.")
                np.testing.assert_allclose(state[key].array, expected[key], rtol=1e-9, err_msg=key)
    # A state dict carries everything: a new layer that loads it computes the same.
    again = getattr(mc.nn, name)(*positional, **named, **kind)
    again.load_state_dict(mine.state_dict())
    x = mc.tensor(rng.standard_normal(shapes[0]))
    assert mc.equal(again.eval()(x), mine.eval()(x))


def test_reset_parameters_begins_anew(rng):
    layer = mc.nn.BatchNorm2d(2)
    with mc.no_grad():
        layer.weight.fill_(5)
        layer.bias.fill_(5)
    layer(mc.tensor(rng.standard_normal((2, 2, 3, 3)), dtype="float32") + 9)
    assert layer.num_batches_tracked.item() == 1 and layer.running_mean.amin().item() > 0.5
    layer.reset_parameters()
    assert {k: v.tolist() for k, v in layer.state_dict().items()} == {
        "weight": [1.0, 1.0],
        "bias": [0.0, 0.0],
        "running_mean": [0.0, 0.0],
        "running_var": [1.0, 1.0],
        "num_batches_tracked": 0,
    }


def test_a_batch_that_is_refused_leaves_the_layer_as_it_was():
    layer = mc.nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(mc.ones(1, 3))
    assert layer.num_batches_tracked.item() == 0
    assert layer.eval()(mc.ones(1, 3)).shape == (1, 3)


def test_the_running_statistics_are_no_part_of_the_graph(rng):
    layer = mc.nn.BatchNorm1d(2)
    x = mc.tensor(rng.standard_normal((4, 2)), dtype="float32", requires_grad=True)
    first, second = layer(x), layer(x * 2)
    (first * second).sum().backward()  # both were normalised by their own batch
    assert not layer.running_mean.requires_grad and layer.running_mean.is_leaf
    with mc.no_grad():
        layer(x)
    assert layer.num_batches_tracked.item() == 3


def test_instance_norm_warns_of_channels_that_do_not_matter():
    with pytest.warns(UserWarning, match="has 4 channels, expected 3 .* not used without affine"):
        mc.nn.InstanceNorm2d(3)(mc.randn(2, 4, 3, 3))
    with pytest.raises(ValueError, match="has 4 channels, expected 3"):
        mc.nn.InstanceNorm2d(3, track_running_stats=True)(mc.randn(2, 4, 3, 3))


def test_alexnets_layer_is_the_papers_equation(rng):
    """PyTorch divides α by n: size=5, alpha=5e-4 there are n = 5, α = 1e-4 of the paper."""
    x = rng.standard_normal((1, 9, 2, 2)) * 50
    y = mc.nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)(mc.tensor(x))
    np.testing.assert_allclose(y.array, mc.textbook.local_response_norm(x), rtol=1e-12)
