"""`Module` and the layers, as PyTorch's."""

import copy

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding="same")
        self.head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
        self.register_buffer("seen", mc.zeros(1))
        self.register_buffer("scratch", mc.zeros(2), persistent=False)

    def forward(self, x):
        return self.head(self.conv(x))


def test_what_is_set_is_found():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "conv.weight",
        "conv.bias",
        "head.2.weight",
        "head.2.bias",
    ]
    assert [n for n, _ in net.named_buffers()] == ["seen", "scratch"]
    assert [n for n, _ in net.named_modules()] == ["", "conv", "head", "head.0", "head.1", "head.2"]
    assert [n for n, _ in net.named_children()] == ["conv", "head"]
    assert list(net.state_dict()) == [
        "seen",
        "conv.weight",
        "conv.bias",
        "head.2.weight",
        "head.2.bias",
    ]


def test_shared_modules_count_once():
    net = nn.ModuleDict({"a": nn.Linear(2, 2)})
    net["b"] = net["a"]
    assert len(list(net.parameters())) == 2
    assert len(list(net.modules())) == 2
    assert set(net.state_dict()) == {"a.weight", "a.bias", "b.weight", "b.bias"}


def test_attributes_can_be_replaced_and_deleted():
    net = Net()
    net.conv = nn.Identity()
    assert "conv.weight" not in dict(net.named_parameters())
    net.w = nn.Parameter(mc.zeros(2))
    net.w = None
    assert "w" not in dict(net.named_parameters())
    del net.head
    with pytest.raises(AttributeError, match="Net has no attribute 'head'"):
        _ = net.head
    with pytest.raises(AttributeError, match="did you mean 'conv'"):
        _ = net.con
    with pytest.raises(TypeError, match="cannot become a Tensor"):
        net.w = mc.zeros(2)


def test_forgotten_super_init_is_said():
    class Forgot(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(ValueError, match=r"Forgot: call super\(\).__init__\(\)"):
        Forgot()


def test_train_eval_freeze_and_apply():
    net = Net()
    assert all(not m.training for m in net.eval().modules())
    assert all(m.training for m in net.train().modules())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Conv2d", "ReLU", "Flatten", "Linear", "Sequential", "Net"]


def test_to_changes_floating_point_tensors_in_place():
    net = Net()
    net.register_buffer("count", mc.zeros(1, dtype=mc.int64))
    weight = net.conv.weight
    optimizer = mc.optim.SGD(net.parameters(), lr=0.1)
    assert net.double() is net
    assert net.conv.weight is weight
    assert weight.dtype == mc.float64
    assert net.count.dtype == mc.int64
    net(mc.zeros(1, 1, 4, 4, dtype=mc.float64)).sum().backward()
    optimizer.step()


def test_forward_hooks_may_replace_the_output_and_end():
    net, seen = Net(), []
    handle = net.conv.register_forward_hook(lambda m, i, o: seen.append((i[0].shape, o.shape)))
    other = net.head.register_forward_hook(lambda m, i, o: o * 0)
    assert net(mc.ones(1, 1, 4, 4)).abs().sum().item() == 0
    handle.remove()
    other.remove()
    assert net(mc.ones(1, 1, 4, 4)).abs().sum().item() > 0
    assert seen == [((1, 1, 4, 4), (1, 2, 4, 4))]


def test_zero_grad():
    net = Net()
    net(mc.ones(1, 1, 4, 4)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(p.grad.abs().sum().item() == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_state_dict_round_trip_into_another_net():
    mc.manual_seed(1)
    first, second = Net(), Net()
    x = mc.randn(2, 1, 4, 4)
    assert not mc.equal(first(x), second(x))
    assert second.load_state_dict(first.state_dict()) == ([], [])
    assert mc.equal(first(x), second(x))


def test_a_state_dict_that_does_not_fit_lists_everything_and_loads_nothing():
    net = Net()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = {k: v * 0 + 1 for k, v in net.state_dict().items()}
    state["extra"] = mc.zeros(1)
    del state["seen"]
    state["conv.bias"] = mc.zeros(5)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    for line in ("missing: seen", "unexpected: extra", "conv.bias is (5,) in the state dict, (2,)"):
        assert line in str(error.value)
    assert all(mc.equal(v, before[k]) for k, v in net.state_dict().items())
    state["conv.bias"] = mc.zeros(2)
    assert net.load_state_dict(state, strict=False) == (["seen"], ["extra"])


def test_containers():
    stack = nn.Sequential({"a": nn.Linear(2, 3), "b": nn.ReLU()})
    assert [n for n, _ in stack.named_children()] == ["a", "b"]
    assert isinstance(stack[-1], nn.ReLU)
    assert len(stack[:1]) == 1
    stack[1] = nn.Tanh()
    assert isinstance(stack[1], nn.Tanh)
    assert [n for n, _ in stack.named_children()] == ["a", "b"]
    listed = nn.ModuleList([nn.ReLU()]).append(nn.Tanh())
    assert [type(m).__name__ for m in listed] == ["ReLU", "Tanh"]
    with pytest.raises(IndexError, match="index 5 is out of range for 2 modules"):
        listed[5]
    with pytest.raises(TypeError, match="must be a Module or None, got function"):
        nn.Sequential(lambda x: x)


def test_deepcopy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    with mc.no_grad():
        net.conv.weight += 1
    assert not mc.equal(net.conv.weight, twin.conv.weight)
    assert isinstance(twin.conv.weight, nn.Parameter)


@pytest.mark.parity
def test_repr_names_and_shapes_are_pytorchs():
    torch = pytest.importorskip("torch")
    for build in (
        lambda m: m.Conv2d(4, 6, (3, 2), stride=2, padding=1, dilation=(1, 2), groups=2),
        lambda m: m.Conv2d(1, 6, 5, bias=False),
        lambda m: m.Linear(3, 2, bias=False),
        lambda m: m.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        lambda m: m.AvgPool2d(2),
        lambda m: m.Flatten(),
        lambda m: m.Softmax(dim=1),
        lambda m: m.ReLU(inplace=True),
        lambda m: m.Sequential(m.Linear(2, 2), m.Sequential(m.Tanh(), m.Identity())),
        lambda m: m.ModuleList([m.Sigmoid()]),
    ):
        mine, theirs = build(nn), build(torch.nn)
        assert repr(mine) == repr(theirs)
        assert {k: v.shape for k, v in mine.state_dict().items()} == {
            k: tuple(v.shape) for k, v in theirs.state_dict().items()
        }


@pytest.mark.parity
@pytest.mark.parametrize("name", ["mean, tanh", "max, relu"])
def test_lenet_gives_pytorchs_loss_and_gradients(name, rng):
    torch = pytest.importorskip("torch")
    pooling, activation = name.split(", ")
    mine = mc.models.lenet5(activation=activation, pooling=pooling).double()
    tnn = torch.nn
    act = {"tanh": tnn.Tanh, "relu": tnn.ReLU}[activation]
    pool = {"mean": tnn.AvgPool2d, "max": tnn.MaxPool2d}[pooling]
    theirs = tnn.Sequential(
        tnn.Conv2d(1, 6, 5, padding=2), act(), pool(2), tnn.Conv2d(6, 16, 5), act(), pool(2),
        tnn.Flatten(), tnn.Linear(400, 120), act(), tnn.Linear(120, 84), act(), tnn.Linear(84, 10),
    ).double()  # fmt: skip
    with torch.no_grad():
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            q.copy_(torch.from_numpy(p.detach().numpy().copy()))
    x, y = rng.standard_normal((5, 1, 28, 28)), rng.integers(0, 10, 5)
    loss = nn.CrossEntropyLoss()(mine(mc.tensor(x)), mc.tensor(y))
    loss.backward()
    other = tnn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(y))
    other.backward()
    np.testing.assert_allclose(loss.item(), other.item(), rtol=1e-12)
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.array, q.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_lenet_has_the_sizes_of_the_paper():
    net = mc.models.lenet5()
    assert sum(p.numel() for p in net.parameters()) == 61_706
    shapes = []
    for module in net.children():
        module.register_forward_hook(lambda m, i, o: shapes.append(o.shape[1:]))
    net(mc.zeros(1, 1, 28, 28))
    assert [s for i, s in enumerate(shapes) if i in (0, 2, 3, 5, 7, 9, 11)] == [
        (6, 28, 28),
        (6, 14, 14),
        (16, 10, 10),
        (16, 5, 5),
        (120,),
        (84,),
        (10,),
    ]
    assert mc.models.lenet5(padding=0)(mc.zeros(1, 1, 32, 32)).shape == (1, 10)


def test_initial_values_have_the_variance_they_promise():
    w = mc.empty(200, 100, 3, 3)
    fan_in, fan_out = 900, 1800
    checks = [
        (nn.init.xavier_uniform_, {}, 2 / (fan_in + fan_out)),
        (nn.init.xavier_normal_, {"gain": 2.0}, 8 / (fan_in + fan_out)),
        (nn.init.kaiming_normal_, {"nonlinearity": "relu"}, 2 / fan_in),
        (nn.init.kaiming_uniform_, {"mode": "fan_out", "nonlinearity": "relu"}, 2 / fan_out),
        (nn.init.uniform_, {"a": -1, "b": 1}, 1 / 3),
        (nn.init.normal_, {"std": 0.5}, 0.25),
    ]
    for function, options, variance in checks:
        assert function(w, **options) is w
        np.testing.assert_allclose(w.array.var(), variance, rtol=0.02)
        np.testing.assert_allclose(w.array.mean(), 0, atol=0.01 * variance**0.5)
    nn.init.trunc_normal_(w, std=1.0, a=-1, b=1)
    assert np.abs(w.array).max() <= 1
    np.testing.assert_allclose(w.array.var(), 0.2911, rtol=0.02)
    layer = nn.Conv2d(4, 50, 5)
    assert np.abs(layer.weight.array).max() <= 0.1
    np.testing.assert_allclose(layer.weight.array.var(), 0.01 / 3, rtol=0.1)
    with pytest.raises(ValueError, match="fan in and fan out need at least 2 dimensions"):
        nn.init.xavier_uniform_(mc.zeros(3))
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        nn.init.calculate_gain("wave")
