"""What is frozen keeps its weights and its statistics, until it is unfrozen."""

import copy
import pickle

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import models, nn, optim
from minicnn.checks import ArgumentError, DtypeError
from minicnn.training import Validation, fit
from minicnn.training.transfer import freeze, parameter_groups, replace_head, unfreeze


def small():
    mc.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip


def batches(count=3):
    rng = np.random.default_rng(1)
    return [
        (mc.tensor(rng.random((5, 1, 6, 6), "f4")), mc.tensor(rng.integers(3, size=5)))
        for _ in range(count)
    ]


def state(model):
    return {name: t.numpy().copy() for name, t in model.state_dict().items()}


def changed(model, before):
    return [n for n, t in model.state_dict().items() if not np.array_equal(t.numpy(), before[n])]


def modes(model):
    return {name: m.training for name, m in model.named_modules()}


def frozen_parameters(model):
    return [n for n, p in model.named_parameters() if not p.requires_grad]


def test_training_leaves_frozen_stages_as_they_are():
    model = freeze(small(), first=1)
    before = state(model)
    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    fit(model, batches(), F.cross_entropy, sgd, 2, callbacks=[Validation(batches(1))])
    assert changed(model, before) == [n for n in before if n[0] in "458"]
    assert {"5.running_mean", "5.num_batches_tracked"} <= set(changed(model, before))


def test_frozen_layers_stay_in_evaluation_mode():
    model = small()
    assert freeze(model, first=1) is model
    for _ in range(2):
        # Dropout 3 goes with the convolution behind it, which is trained.
        assert [name for name, on in modes(model).items() if not on] == ["0", "1", "2"]
        model.eval()
        assert not any(modes(model).values())
        assert model.train() is model
    freeze(model, first=2)
    assert [name for name, on in modes(model).items() if not on] == list("012345")
    # 6, dropout again, with the Linear behind it.
    freeze(model)
    assert [name for name, on in modes(model.train()).items() if on] == [""]
    x = batches()[0][0]
    assert mc.equal(model(x), model(x))  # no dropout


def test_without_freezing_train_is_as_ever():
    model = small()
    assert all(modes(model.eval().train()).values())
    assert not any("stays_in_eval" in vars(m) for m in model.modules())


@pytest.mark.parametrize("training", [True, False])
def test_unfreezing_undoes_it(training):
    model = small().train(training)
    names = {name: set(vars(m)) for name, m in model.named_modules()}
    before = modes(model)
    freeze(model, first=2)
    freeze(model)
    assert unfreeze(model) is model
    assert modes(model) == before and not frozen_parameters(model)
    assert {name: set(vars(m)) for name, m in model.named_modules()} == names


def test_gradual_unfreezing():
    model = freeze(models.lenet5())
    for count in range(6):
        unfreeze(model, last=count)
        layers = ["conv1", "conv2", "fc1", "fc2", "fc3"][: 5 - count]
        assert frozen_parameters(model) == [f"{n}.{p}" for n in layers for p in ("weight", "bias")]
    freeze(model, names="fc3")
    unfreeze(model, last=0)
    assert frozen_parameters(model) == ["fc3.weight", "fc3.bias"]


def test_names_of_modules_and_parameters():
    def frozen(names):
        return frozen_parameters(freeze(models.resnet20(), names=names))

    all_names = [n for n, _ in models.resnet20().named_parameters()]
    assert frozen("layer1") == [n for n in all_names if n.startswith("layer1.")]
    assert frozen("layer1.*") == frozen("layer1")
    assert frozen(["*.bias", "conv1"]) == [
        n for n in all_names if n.endswith(".bias") or n.startswith("conv1.")
    ]
    assert frozen("layer?.0.conv1.weight") == [f"layer{i}.0.conv1.weight" for i in (1, 2, 3)]


def test_batch_norm_frozen_by_name_among_trained_layers():
    model = freeze(small(), names="1").train()
    assert [name for name, on in modes(model).items() if not on] == ["1"]
    model = freeze(small(), names="1.weight").train()  # half of it still learns
    assert all(modes(model).values())
    model = unfreeze(freeze(small()), names=["1.bias"]).train()
    assert model[1].training and not model[5].training


def test_a_new_head_is_not_frozen_nor_the_dropout_before_it():
    model = freeze(models.mobilenet_v2(width_mult=0.1))
    assert not model.train().classifier[0].training
    head = replace_head(model, 4)
    assert head.training and model.classifier[0].training and model.classifier.training
    assert frozen_parameters(model) == [n for n, _ in model.named_parameters() if "class" not in n]
    model.train()
    assert model.classifier[0].training and not model.features[0][1].training
    # Of a network that nothing was frozen of, parameters without gradients decide nothing.
    model = small()
    model[1].requires_grad_(False)
    replace_head(model, 2)
    assert model[1].training


def test_what_was_frozen_before_its_first_step_is_not_stepped():
    model = small()
    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    x, y = batches()[0]
    F.cross_entropy(model(x), y).backward()
    before = state(model)
    freeze(model, first=2)
    sgd.step()
    assert changed(model, before) == ["8.weight", "8.bias"]


def test_copies_are_frozen_too():
    model = freeze(small(), first=1)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert modes(twin.train()) == modes(model.train())
        assert frozen_parameters(twin) == frozen_parameters(model)


def test_single_layers_and_networks_without_stages():
    layer = freeze(nn.BatchNorm2d(2))
    assert not layer.train().training
    assert unfreeze(layer).train().training

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
            self.b, self.scale = nn.Linear(2, 2), nn.Parameter(mc.ones(1))

    model = freeze(Own(), first=1).train()
    assert frozen_parameters(model) == ["a.weight", "a.bias", "norm.weight", "norm.bias"]
    assert not model.norm.training and model.b.training
    groups = parameter_groups(model, 1.0, 0.5)
    assert [(g["name"], g["lr"], len(g["params"])) for g in groups] == [("b", 1.0, 3)]


def test_errors_of_freeze():
    model = models.lenet5()
    with pytest.raises(ArgumentError, match="give either first= or names="):
        freeze(model, first=1, names="conv1")
    with pytest.raises(ArgumentError, match="unfreeze: give either last= or names="):
        unfreeze(model, last=1, names="conv1")
    for count in (-1, 6):
        with pytest.raises(ArgumentError, match=rf"0 to 5, got {count}; .* conv1, conv2, fc1, fc2"):
            freeze(model, first=count)
    with pytest.raises(DtypeError, match="first must be an integer"):
        freeze(model, first=1.5)
    with pytest.raises(ArgumentError, match="LeNet5 is called 'conv9', did you mean 'conv"):
        freeze(model, names=["conv1", "conv9"])
    for wrong in (3, [3], None.__class__):
        with pytest.raises(DtypeError, match="names must be a pattern"):
            freeze(model, names=wrong)
    with pytest.raises(DtypeError, match="must be a Module, got list"):
        freeze([model])
    assert not frozen_parameters(model) and all(modes(model).values())


# ---------------------------------------------------------------- learning rates


def test_rates_fall_towards_the_input():
    model = models.resnet20()
    groups = parameter_groups(model, 0.1, 0.8)
    assert [g["name"] for g in groups][:3] == ["conv1", "layer1.0", "layer1.1"]
    expected = 0.1 * 0.8 ** np.arange(10, -1, -1)
    np.testing.assert_allclose([g["lr"] for g in groups], expected)
    assert groups[0]["params"][0] is model.conv1.weight
    assert groups[0]["params"][1] is model.bn1.weight
    assert [p for g in groups for p in g["params"]] == list(model.parameters())


def test_frozen_parameters_are_in_no_group():
    model = freeze(models.lenet5(), names=["conv1", "conv2", "fc1.weight"])
    groups = parameter_groups(model, 1, 0.5)
    assert [(g["name"], g["lr"]) for g in groups] == [("fc1", 0.25), ("fc2", 0.5), ("fc3", 1)]
    assert len(groups[0]["params"]) == 1 and groups[0]["params"][0] is model.fc1.bias
    with pytest.raises(ArgumentError, match="all parameters are frozen"):
        parameter_groups(freeze(model), 1, 0.5)


def test_auxiliary_heads_learn_at_the_full_rate():
    model = models.googlenet(num_classes=3, init_weights=False)
    groups = parameter_groups(model, 0.2, 0.5)
    assert model.aux1.fc2.weight in set(groups[-1]["params"]) and groups[-1]["lr"] == 0.2
    assert {p for g in groups for p in g["params"]} == set(model.parameters())


def test_a_shared_layer_is_in_one_group():
    layer = nn.Linear(2, 2)
    groups = parameter_groups(nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(2, 2)), 1.0, 0.5)
    assert [(g["name"], len(g["params"])) for g in groups] == [("0", 2), ("3", 2)]
    optim.SGD(groups, lr=1.0)


def test_an_optimizer_steps_each_group_at_its_rate():
    model = models.lenet5()
    groups = parameter_groups(model, 0.8, 0.5)
    before = state(model)
    optimizer = optim.SGD(groups, lr=123.0)
    x = mc.randn(2, 1, 28, 28)
    F.cross_entropy(model(x), mc.tensor([1, 2])).backward()
    optimizer.step()
    for name, rate in (("conv1", 0.05), ("fc1", 0.2), ("fc3", 0.8)):
        layer = getattr(model, name)
        step = before[f"{name}.weight"] - rate * layer.weight.grad.numpy()
        np.testing.assert_allclose(layer.weight.detach().numpy(), step, rtol=1e-6, atol=1e-7)
    other = optim.SGD(parameter_groups(model, 0.8, 0.5), lr=1.0)
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["name"] == "conv1"


@pytest.mark.parametrize(
    ("lr", "decay"), [(0, 0.5), (-1, 0.5), (float("nan"), 0.5), (1, 0), (1, 1.1), (1, -0.5)]
)
def test_rates_out_of_range(lr, decay):
    with pytest.raises(ArgumentError, match="lr must be above 0 and decay in 0"):
        parameter_groups(models.lenet5(), lr, decay)


def test_rates_that_are_no_numbers():
    with pytest.raises(DtypeError, match="decay must be a number"):
        parameter_groups(models.lenet5(), 0.1, "0.5")
    with pytest.raises(DtypeError, match="must be a Module"):
        parameter_groups([], 0.1, 0.5)
