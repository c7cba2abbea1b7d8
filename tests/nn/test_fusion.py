"""Layers that are run together: nobody can tell, but by the clock."""

import copy
import pickle
import threading

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import GraphError, ShapeError
from minicnn.kernels import kernels
from minicnn.models.resnet import BasicBlock, Bottleneck
from minicnn.nn import functional as F
from minicnn.nn.fusion import norm_act
from minicnn.ops.convolution import ConvNormAct

ACTS = ("ReLU", "ReLU6", "SiLU", "Hardswish")


@pytest.fixture
def fused(monkeypatch):
    """The activations that were run together with a normalisation, as they are."""
    calls, function = [], F.batch_norm_act

    def count(*arguments, act, residual):
        calls.append(act)
        return function(*arguments, act=act, residual=residual)

    monkeypatch.setattr(F, "batch_norm_act", count)
    return calls


class Block(nn.Module):
    """A normalisation, a shortcut, an activation."""

    def __init__(self, norm, act):
        super().__init__()
        self.norm, self.act = norm, act

    def forward(self, x):
        return norm_act(self.norm, self.act, x, x * 0.5)


def shifted(model, seed=0):
    """The model with γ, β and so on that are no ones and zeros."""
    rng = np.random.default_rng(seed)
    with mc.no_grad():
        for p in model.parameters():
            p.copy_(mc.tensor(rng.standard_normal(p.shape).astype(np.float32)))
    return model


def pair(act="ReLU", **options):
    return shifted(nn.Sequential(nn.BatchNorm2d(3, **options), getattr(nn, act)()))


def images(seed=0, like=mc, grad=True, shape=(4, 3, 5, 6)):
    rng = np.random.default_rng(seed)
    x, delta = (like.tensor(rng.standard_normal(shape).astype(np.float32)) for _ in range(2))
    return x.requires_grad_(grad), delta


def train(model, like=mc, steps=3, seed=0, shape=(4, 3, 5, 6)):
    """All that comes out of some steps of training and one of evaluation."""
    results = []
    for training in (*[True] * steps, False):
        model.train(training)
        x, delta = images(seed + len(results), like, shape=shape)
        for p in model.parameters():
            p.grad = None
        y = model(x)
        y.backward(delta)
        results += [y.detach().numpy(), x.grad.numpy()]
        results += [p.grad.numpy().copy() for p in model.parameters() if p.requires_grad]
    return results + [b.numpy().copy() for b in model.buffers()]


def equal(found, expected, tolerance=2e-5):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * abs(b).max(initial=1))


def one_by_one(model):
    with kernels("plain"):
        return train(model)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": None}, {"affine": False}, {"bias": False}, {"track_running_stats": False}],
)
def test_a_pair_is_run_together_and_equals_the_layers(act, options, fused):
    model = pair(act, **options)
    found = train(copy.deepcopy(model))
    assert fused == [act.lower()] * 4
    equal(found, one_by_one(copy.deepcopy(model)))
    assert len(fused) == 4  # the plain kernels are asked for: no more than before
    for layer in model:
        layer.register_forward_hook(lambda *_: None)
    equal(found, train(model))
    assert len(fused) == 4


@pytest.mark.parity
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("momentum", [0.1, None, 1.0])
@pytest.mark.parametrize("inplace", [False, True])
def test_training_equals_pytorchs(act, momentum, inplace, fused):
    torch = pytest.importorskip("torch")
    mine = pair(act, momentum=momentum)
    mine[1].inplace = inplace
    theirs = torch.nn.Sequential(
        torch.nn.BatchNorm2d(3, momentum=momentum), getattr(torch.nn, act)(inplace)
    )
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    equal(train(mine, steps=5), train(theirs, torch, steps=5))
    assert len(fused) == 6


@pytest.mark.parity
@pytest.mark.parametrize("act", [None, "ReLU"])
def test_a_shortcut_equals_pytorchs(act, fused):
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(3)

        def forward(self, x):
            y = self.norm(x) + x * 0.5
            return torch.relu(y) if act else y

    mine, theirs = shifted(Block(nn.BatchNorm2d(3), nn.ReLU() if act else None)), Theirs()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    equal(train(mine), train(theirs, torch))
    assert len(fused) == 4


@pytest.mark.parametrize("act", ["ReLU6", "SiLU", "Sigmoid"])
def test_a_shortcut_before_another_activation(act, fused):
    """Its slope cannot be read from the result."""
    model = shifted(Block(nn.BatchNorm2d(3), getattr(nn, act)()))
    equal(train(copy.deepcopy(model)), one_by_one(model))
    assert not fused


def test_a_shortcut_of_another_shape_is_broadcast(fused):
    x, _ = images()
    small = mc.ones(3, 1, 1)
    found = norm_act(nn.BatchNorm2d(3), nn.ReLU(), x, small)
    expected = F.relu(nn.BatchNorm2d(3)(x) + small)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), atol=1e-6)
    assert not fused


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_the_blocks_of_resnet(block, fused):
    model = block(16, 16 // block.expansion)
    found = train(copy.deepcopy(model), shape=(2, 16, 5, 6), steps=1)
    assert fused == ["relu"] * (2 if block is BasicBlock else 3) * 2
    with kernels("plain"):
        equal(found, train(model, shape=(2, 16, 5, 6), steps=1), 1e-4)


# ------------------------------------------------------------------------- where it shows


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "kind",
    [
        "register_forward_pre_hook", "register_forward_hook", "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)  # fmt: skip
def test_hooks_are_called(which, kind, fused):
    model, calls = pair(), []
    handle = getattr(model[which], kind)(lambda *_: calls.append(1))
    x, delta = images()
    model(x).backward(delta)
    assert calls == [1] and not fused
    handle.remove()
    model(x).backward(delta)
    assert calls == [1] and fused == ["relu"]


@pytest.mark.parametrize("which", [0, 1])
def test_a_hook_may_change_what_passes(which, fused):
    model = pair()
    model[which].register_forward_hook(lambda module, args, output: output * 0 + 2)
    assert (model(images()[0]).detach().numpy() == 2).all() and not fused


class Doubling(nn.BatchNorm2d):
    def forward(self, input):
        return super().forward(input) * 2


class Leaking(nn.ReLU):
    def forward(self, input):
        return input * 0 + 7


def test_layers_of_the_users_own_are_called(fused):
    x, _ = images()
    model = nn.Sequential(Doubling(3), nn.ReLU())
    np.testing.assert_allclose(
        model(x).detach().numpy(), 2 * F.relu(nn.BatchNorm2d(3)(x)).detach().numpy(), atol=1e-6
    )
    assert (nn.Sequential(nn.BatchNorm2d(3), Leaking())(x).detach().numpy() == 7).all()
    assert (norm_act(nn.BatchNorm2d(3), Leaking(), x, x).detach().numpy() == 7).all()
    assert not fused


@pytest.mark.parametrize("which", [0, 1])
def test_a_forward_put_onto_one_layer_is_called(which, fused):
    model = pair()
    model[which].forward = lambda input: input * 0 + 3
    assert (model(images()[0]).detach().numpy() == 3).all()
    assert not fused


@pytest.mark.parametrize(
    "layers",
    [
        [nn.GroupNorm(1, 3), nn.ReLU()], [nn.InstanceNorm2d(3), nn.ReLU()],
        [nn.Identity(), nn.ReLU()], [nn.BatchNorm2d(3), nn.LeakyReLU()],
        [nn.BatchNorm2d(3), nn.Identity(), nn.ReLU()], [nn.ReLU(), nn.BatchNorm2d(3)],
        [nn.BatchNorm2d(3)], [],
    ],
)  # fmt: skip
def test_other_layers_are_called_one_by_one(layers, fused):
    x, _ = images()
    expected = x
    for layer in copy.deepcopy(layers):
        expected = layer(expected)
    found = nn.Sequential(*layers)(x)
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())
    assert not fused


def test_layers_that_are_replaced_later(fused):
    model, (x, _) = pair(), images()
    model(x)
    model[1] = nn.Sigmoid()
    assert ((model(x) > 0) & (model(x) < 1)).all()
    model[0], model[1] = nn.Identity(), nn.ReLU()
    np.testing.assert_array_equal(model(x).detach().numpy(), F.relu(x).detach().numpy())
    assert fused == ["relu"]


def test_slices_subclasses_and_names(fused):
    class Ours(nn.Sequential):
        pass

    x, _ = images()
    layers = shifted(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.SiLU(), nn.ReLU()))
    expected = layers(x).detach().numpy()
    named = nn.Sequential({"conv": layers[0], "norm": layers[1], "act": layers[2], "r": layers[3]})
    for model in (Ours(*layers), named, layers[:], nn.Sequential(layers[0], layers[1:])):
        equal([model(x).detach().numpy()], [expected])
    assert fused == ["silu"] * 5
    layers[:2](x)
    assert len(fused) == 5


def test_a_layer_used_twice(fused):
    relu = nn.ReLU()
    model = shifted(nn.Sequential(nn.BatchNorm2d(3), relu, nn.BatchNorm2d(3), relu))
    equal(train(copy.deepcopy(model)), one_by_one(model), 1e-4)
    assert len(fused) == 8


def test_train_and_eval_of_each_layer(fused):
    """Statistics follow the mode of the normalisation, whatever that of the others is."""
    model, (x, _) = pair(), images()
    model.train()
    model[0].eval()
    before = model[0].running_mean.numpy().copy()
    model(x)
    np.testing.assert_array_equal(model[0].running_mean.numpy(), before)
    model.eval()
    model[0].train()
    model(x)
    assert (model[0].running_mean.numpy() != before).all()
    assert int(model[0].num_batches_tracked) == 1


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(way, fused):
    model = pair("Hardswish")
    train(model)
    model.zero_grad()
    copied = way(model)
    for a, b in zip(train(copied), train(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_layers_and_images_without_gradients():
    model = pair()
    for p in model.parameters():
        p.requires_grad_(False)
    x, _ = images(grad=False)
    assert not model(x).requires_grad
    model[0].bias.requires_grad_(True)
    model(x).backward(images()[1])
    assert model[0].weight.grad is None and model[0].bias.grad is not None and x.grad is None
    with mc.no_grad():
        assert not model(x).requires_grad


def test_refusals_leave_the_layer_as_it_was():
    model = pair()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    for wrong in (mc.ones(1, 3, 1, 1), mc.ones(2, 4, 5, 5), mc.ones(2, 3, 5)):
        with pytest.raises(ValueError):
            model(wrong)
    with pytest.raises(TypeError):
        model(mc.ones(2, 3, 4, 4, dtype=mc.int64))
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])


@pytest.mark.parametrize("dtype", [mc.float16, mc.float64])
def test_other_dtypes(dtype, fused):
    model = pair().to(dtype)
    x, delta = (t.detach().to(dtype) for t in images())
    y = model(x)
    assert y.dtype == dtype and not fused
    y.backward(delta)
    assert model[0].weight.grad.dtype == dtype


def test_an_empty_batch(fused):
    model = pair()
    x = mc.zeros(0, 3, 4, 4, requires_grad=True)
    y = model(x)
    y.backward(mc.zeros(0, 3, 4, 4))
    assert y.shape == x.grad.shape == (0, 3, 4, 4)
    assert (model[0].running_mean.numpy() == 0).all()
    assert (model[0].weight.grad.numpy() == 0).all()


# ---------------------------------------------------------------------- those who watch


def test_a_trace_steps_the_layers(fused):
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1))
    x, _ = images(grad=False)
    expected = copy.deepcopy(model)(x).detach().numpy()
    fused.clear()
    with mc.trace(model, sample=None) as tr:
        y = model(x)
    found = [(s.operation, s.layer, s.layer_type) for s in tr.steps]
    assert found == [
        ("Conv2d", "0", "Conv2d"), ("BatchNorm", "1", "BatchNorm2d"), ("ReLU", "2", "ReLU"),
        ("Conv2d", "3", "Conv2d"),
    ]  # fmt: skip
    assert not fused
    equal([y.detach().numpy()], [expected])


def test_a_trace_of_a_block_names_its_layers(fused):
    model = BasicBlock(3, 3)
    with mc.trace(model) as tr:
        model(images(grad=False)[0])
    found = [(s.operation, s.layer) for s in tr.steps]
    assert found == [
        ("Conv2d", "conv1"), ("BatchNorm", "bn1"), ("ReLU", "relu"), ("Conv2d", "conv2"),
        ("BatchNorm", "bn2"), ("Add", ""), ("ReLU", "relu"),
    ]  # fmt: skip
    assert not fused


def test_the_search_for_nan_names_the_operation(fused):
    model, (x, delta) = pair(), images()
    with mc.no_grad():
        delta[0, 0, 0, 0] = float("nan")
    with mc.autograd.detect_anomaly(), pytest.raises(GraphError, match=r"^(ReLU|BatchNorm): "):
        model(x).backward(delta)
    assert not fused


def test_a_summary_has_a_row_for_each_layer(fused):
    text = str(mc.summary(pair(), (4, 3, 5, 6)))
    assert "BatchNorm2d" in text and "ReLU" in text and not fused


# ------------------------------------------------------------------------------ threads


def test_the_same_bits_twice_and_with_one_thread():
    results, before = [], mc.get_num_threads()
    try:
        for threads in (before, before, 1):
            mc.set_num_threads(threads)
            results.append([a.tobytes() for a in train(pair("SiLU"))])
    finally:
        mc.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_two_threads_at_once():
    expected, found = [train(pair("ReLU", momentum=m)) for m in (0.1, 0.5)], {}

    def work(i):
        found[i] = [train(pair("ReLU", momentum=(0.1, 0.5)[i])) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, once in enumerate(expected):
        for results in found[i]:
            for a, b in zip(results, once, strict=True):
                np.testing.assert_array_equal(a, b)


def test_the_plain_kernels_of_one_thread_are_not_the_others(fused):
    model, (x, _) = pair(), images(grad=False)
    with kernels("plain"):
        model(x)
        thread = threading.Thread(target=model, args=(x,))
        thread.start()
        thread.join()
    assert fused == ["relu"]


# ------------------------------------------------------------------ prediction


@pytest.fixture
def at_once(monkeypatch):
    """The activations of the convolutions that were run with their normalisation in one go."""
    calls, forward = [], ConvNormAct.forward

    def count(self, *arrays):
        calls.append(self.act)
        return forward(self, *arrays)

    monkeypatch.setattr(ConvNormAct, "forward", count)
    return calls


def three(act="ReLU", channels=3, **options):
    model = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1, **options), nn.BatchNorm2d(6), getattr(nn, act)()
    )
    rng = np.random.default_rng(0)
    with mc.no_grad():
        for t in (model[1].running_mean, model[1].weight, model[1].bias):
            t.copy_(mc.tensor(rng.standard_normal(6).astype(np.float32)))
        model[1].running_var.copy_(mc.tensor(rng.uniform(0.1, 2, 6).astype(np.float32)))
    return model.eval()


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"stride": 2}, {"groups": 3}, {"dilation": 2}]
)
def test_prediction_in_one_go_equals_the_layers_bit_for_bit(act, options, at_once):
    model, (x, _) = three(act, **options), images(grad=False, shape=(2, 3, 9, 34))
    with mc.no_grad():
        found = model(x)
    assert at_once == [act.lower()]
    expected = model(x)  # where a graph is built, each layer is run
    assert len(at_once) == 1 and expected.requires_grad
    np.testing.assert_array_equal(found.array, expected.array)


def test_prediction_in_tiles_and_one_channel_a_group(at_once):
    for channels, groups in ((32, 1), (6, 6)):
        model = nn.Sequential(
            nn.Conv2d(channels, 48 if groups == 1 else 6, 3, padding=1, groups=groups),
            nn.BatchNorm2d(48 if groups == 1 else 6),
            nn.SiLU(),
        )
        shifted(model).eval()
        x = mc.randn(2, channels, 12, 13)
        with mc.no_grad():
            found = model(x)
        np.testing.assert_array_equal(found.array, model(x).array)
    assert at_once == ["silu"] * 2


@pytest.mark.parametrize("block", [BasicBlock(6, 6), Bottleneck(24, 6)])
def test_shortcuts_in_prediction(block, at_once):
    shifted(block).eval()
    x = mc.randn(2, 6 if isinstance(block, BasicBlock) else 24, 8, 9)
    with mc.no_grad():
        found = block(x)
    assert len(at_once) == (2 if isinstance(block, BasicBlock) else 3)
    expected = block(x)
    np.testing.assert_array_equal(found.array, expected.array)


def test_in_one_go_only_where_nobody_notices(at_once):
    x = images(grad=False, shape=(2, 3, 8, 8))[0]
    watched, training = three(), three().train()
    watched[0].register_forward_hook(lambda *_: None)
    other = three()
    other[0].forward = lambda t: t[:, :1].repeat(1, 6, 1, 1)
    same, double = three(), three().double()
    same[0].padding, same[0].padding_mode = (1, 1), "reflect"
    with mc.no_grad():
        for model in (watched, training, other, same):
            model(x)
        double(x.double())
        with kernels("plain"):
            three()(x)
        with mc.trace() as _:
            three()(x)
    assert at_once == []


def test_wrong_images_are_refused_as_by_the_layers(at_once):
    with mc.no_grad(), pytest.raises(ShapeError, match="conv2d"):
        three()(mc.randn(2, 4, 8, 8))
    with mc.no_grad(), pytest.raises(ShapeError, match="conv2d"):
        three(padding_mode="zeros", dilation=9)(mc.randn(2, 3, 4, 4))
    assert at_once == []
