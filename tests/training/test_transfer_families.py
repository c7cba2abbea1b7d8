"""Every family of networks has stages that do what its forward does, and a head to replace."""

import inspect

import numpy as np
import pytest

import minicnn as mc
from minicnn import models, nn
from minicnn.checks import ArgumentError, DtypeError
from minicnn.training import transfer
from minicnn.training.transfer.stages import _FAMILIES

# One of each: (options, channels, size of the image, stages, name of the head).
FAMILIES = {
    "lenet5": ({}, 1, 28, 5, "fc3"),
    "alexnet": ({}, 3, 63, 8, "classifier.6"),
    "alexnet_paper": ({}, 3, 227, 8, "classifier.fc8"),
    "vgg11_bn": ({"init_weights": False}, 3, 32, 11, "classifier.6"),
    "googlenet": ({"transform_input": True, "init_weights": False}, 3, 32, 13, "fc"),
    "googlenet_paper": ({}, 3, 32, 13, "fc"),
    "inception_v3": ({"transform_input": True, "init_weights": False}, 3, 75, 17, "fc"),
    "inception_v4": ({"drop_rate": 0.2}, 3, 75, 23, "last_linear"),
    "inception_resnet_v2": ({"global_pool": "catavgmax"}, 3, 75, 50, "classif"),
    "resnet18": ({}, 3, 32, 10, "fc"),
    "resnet50": ({}, 3, 32, 18, "fc"),
    "resnet20": ({}, 3, 32, 11, "fc"),
    "plain18": ({}, 3, 32, 10, "fc"),
    "plain20": ({}, 3, 32, 11, "fc"),
    "densenet121": ({"drop_rate": 0.2}, 3, 32, 9, "classifier"),
    "mobilenet_v1": ({"resolution": 40, "dropout": 0.3}, 3, 32, 15, "classifier.1"),
    "mobilenet_v2": ({"width_mult": 0.35}, 3, 32, 20, "classifier.1"),
    "mobilenet_v3_small": ({}, 3, 32, 15, "classifier.3"),
    "efficientnet_b0": ({}, 3, 32, 19, "classifier.1"),
    "efficientnet_v2_s": ({}, 3, 32, 43, "classifier.1"),
    "shufflenet_v1": ({}, 3, 32, 18, "fc"),
    "shufflenet_v2_x0_5": ({}, 3, 32, 19, "fc"),
}
WITH_HEADS = {
    "googlenet": ("aux1.fc2", "aux2.fc2"),
    "googlenet_paper": ("aux1.fc2", "aux2.fc2"),
    "inception_v3": ("AuxLogits.fc",),
}


def run(stages, x):
    for stage in stages.values():
        x = stage(x)
    return x


@pytest.mark.parametrize("name", FAMILIES)
def test_stages_and_head_of(name):
    options, channels, size, count, head = FAMILIES[name]
    model = models.get_model(name, **options).eval()
    stages = transfer.stages(model)
    assert len(stages) == count
    x = mc.randn(2, channels, size, size)
    with mc.no_grad():
        assert mc.equal(run(stages, x), model(x))
    beside = {n.split(".")[0] for n, _ in model.named_parameters()} & {"aux1", "aux2", "AuxLogits"}
    of_stages = {p for stage in stages.values() for p in stage.parameters()}
    missing = [n for n, p in model.named_parameters() if p not in of_stages]
    assert all(n.split(".")[0] in beside for n in missing)

    assert transfer.find_head(model)[0] == head
    before = {n: p for n, p in model.named_parameters()}
    new = transfer.replace_head(model, 7)
    layers = dict(model.named_modules())
    heads = {head, *WITH_HEADS.get(name, ())}
    assert layers[head] is new and not new.training
    for path in heads:
        assert layers[path].weight.shape[0] == 7 and layers[path].bias.shape == (7,)
    changed = {n for n, p in model.named_parameters() if p is not before[n]}
    assert changed == {f"{path}.{p}" for path in heads for p in ("weight", "bias")}
    assert list(before) == [n for n, _ in model.named_parameters()]  # in their old places
    with mc.no_grad():
        assert model(x).shape == (2, 7)
    assert getattr(model, "num_classes", 7) == 7


def test_every_network_class_belongs_to_a_family():
    networks = [
        c
        for c in vars(models).values()
        if inspect.isclass(c)
        and issubclass(c, nn.Module)
        and "num_classes" in inspect.signature(c).parameters
        and c is not models.AlexNetTowers  # its towers run side by side: no chain of stages
    ]
    assert len(networks) >= 20
    assert {f for c in networks for f in _FAMILIES if c.forward is f.forward} == set(_FAMILIES)
    assert all(any(c.forward is f.forward for f in _FAMILIES) for c in networks)


def test_towers_on_two_devices_are_no_chain():
    towers = models.AlexNetTowers(num_classes=2, devices=("cpu", "cpu"))
    with pytest.raises(ArgumentError, match="stages: AlexNetTowers does not say in which order"):
        transfer.stages(towers)


@pytest.mark.parametrize("name", ["mobilenet_v2", "lenet5", "googlenet"])
def test_in_training_too(name):
    options, channels, size, *_ = FAMILIES[name]
    model = models.get_model(name, **options)
    if name == "googlenet":
        model.aux_logits = False
    x, found = mc.randn(4, channels, size, size), []
    for forward in (model, lambda x: run(transfer.stages(model), x)):
        mc.manual_seed(3)
        found.append(forward(x))
    assert mc.equal(*found)


# ---------------------------------------------------------------- networks of one's own


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 2, 3), nn.Linear(2, 4)

    def forward(self, x):
        return self.fc(nn.functional.relu(self.conv(x)).mean((2, 3)))


class Telling(Own):
    def stages(self):
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return {"conv": nn.Sequential(self.conv, nn.ReLU(), pool), "fc": self.fc}


def names_of(stages):
    return {name: [type(m).__name__ for m in stage] for name, stage in stages.items()}


def test_a_sequential_is_cut_before_weights_and_before_dropout():
    net = nn.Sequential(
        nn.Dropout(0.1), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.ReLU()),
        nn.Dropout2d(0.2), nn.MaxPool2d(2), nn.Sequential(nn.Conv2d(2, 3, 3), nn.GroupNorm(1, 3)),
        nn.Flatten(), nn.Linear(3, 2), nn.Softmax(1), nn.Dropout(0.3),
    )  # fmt: skip
    assert names_of(transfer.stages(net)) == {
        "1": ["Dropout", "Conv2d", "BatchNorm2d", "ReLU"],
        "6.0": ["Dropout2d", "MaxPool2d", "Conv2d", "GroupNorm", "Flatten"],
        "8": ["Linear", "Softmax", "Dropout"],
    }


def test_a_network_of_ones_own_says_its_stages():
    own = Telling()
    stages = transfer.stages(own)
    assert list(stages) == ["conv", "fc"] and stages["fc"] is own.fc
    x = mc.randn(3, 1, 6, 6)
    assert mc.allclose(run(stages, x), own(x), atol=1e-6)
    with pytest.raises(ArgumentError, match="Own does not say in which order its layers run"):
        transfer.stages(Own())


def test_a_changed_forward_is_not_trusted():
    class Changed(models.LeNet5):
        def forward(self, x):
            return super().forward(-x)

    with pytest.raises(ArgumentError, match="Changed does not say"):
        transfer.stages(Changed())


@pytest.mark.parametrize("wrong", [["conv"], {"a": 3}, None])
def test_what_stages_may_return(wrong):
    class Wrong(Own):
        def stages(self):
            return wrong

    with pytest.raises(DtypeError, match=r"Wrong.stages\(\) must return a dictionary"):
        transfer.stages(Wrong())


def test_stages_may_not_have_weights_of_their_own():
    class New(Own):
        def stages(self):
            return {"conv": nn.Sequential(self.conv), "fc": nn.Linear(2, 4)}

    with pytest.raises(ArgumentError, match="the network's own layers, not new ones"):
        transfer.stages(New())
    with pytest.raises(ArgumentError, match="own layers"):
        transfer.freeze(New(), first=1)  # nor are the children taken in their place
    with pytest.raises(DtypeError, match="stages: model must be a Module, got list"):
        transfer.stages([Own()])


# ---------------------------------------------------------------- heads


def test_the_new_head_is_like_the_old_one():
    model = nn.Sequential(nn.Linear(3, 4, dtype=mc.float64), nn.Linear(4, 5, bias=False)).double()
    model[1].training = False  # set by hand
    mc.manual_seed(5)
    new = transfer.replace_head(model, 2)
    mc.manual_seed(5)
    like = nn.Linear(4, 2, bias=False, dtype=mc.float64)
    assert model[1] is new and new.bias is None and not new.training
    assert new.weight.dtype == mc.float64
    assert mc.equal(new.weight, like.weight)
    model[1].train()
    assert transfer.replace_head(model, 3).training


def test_a_head_under_two_names_is_replaced_under_both():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.parts = nn.ModuleList([nn.Linear(2, 2), self.fc])

    model = Twice()
    new = transfer.replace_head(model, 3, name="fc")
    assert model.fc is new and model.parts[1] is new and model.parts[0] is not new


def test_another_layer_by_name():
    class HeadFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.scores, self.conv = nn.Linear(2, 4), nn.Conv2d(1, 2, 3)

    model = HeadFirst()
    conv = model.conv
    with pytest.raises(ArgumentError, match=r"'conv' of HeadFirst is a Conv2d, .* say name="):
        transfer.replace_head(model, 3)
    assert transfer.replace_head(model, 3, name="scores") is model.scores
    assert model.conv is conv and model.scores.out_features == 3


def test_errors_of_replace_head():
    model = models.lenet5()
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    for count, message in ((0, "at least 1, got 0"), (-3, "at least 1, got -3")):
        with pytest.raises(ArgumentError, match=message):
            transfer.replace_head(model, count)
    for wrong in (2.0, "10", True, None):
        with pytest.raises(DtypeError, match="num_classes must be an integer"):
            transfer.replace_head(model, wrong)
    with pytest.raises(ArgumentError, match="LeNet5 has no layer 'fc4', did you mean 'fc"):
        transfer.replace_head(model, 3, name="fc4")
    with pytest.raises(ArgumentError, match="'conv1' of LeNet5 is a Conv2d"):
        transfer.replace_head(model, 3, name="conv1")
    with pytest.raises(DtypeError, match="replace_head: model must be a Module, got str"):
        transfer.replace_head("lenet5", 3)
    with pytest.raises(ArgumentError, match="ReLU has no layer with parameters"):
        transfer.replace_head(nn.ReLU(), 3)
    with pytest.raises(ArgumentError, match=r"itself a Linear.*nn.Linear\(4, 3\)"):
        transfer.replace_head(nn.Linear(4, 2), 3)
    with pytest.raises(ArgumentError, match="must be a Linear"):
        transfer.replace_head(models.inception_v4(num_classes=0), 3)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[name])
