import re

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn, optim
from minicnn.checks import ArgumentError, DtypeError
from minicnn.random import default_generator
from minicnn.serialization import load, save
from minicnn.training import load_checkpoint, save_checkpoint


class Network:
    """Stands for a module: parameters by name."""

    def __init__(self, value=0.0, **shapes):
        shapes = shapes or {"conv.weight": (2, 1, 3, 3), "fc.bias": (4,)}
        self.entries = {name: mc.full(shape, value) for name, shape in shapes.items()}

    def state_dict(self):
        return dict(self.entries)

    def load_state_dict(self, state):
        for name, tensor in self.entries.items():
            tensor.copy_(state[name])


class Optimizer:
    """Stands for an optimizer: replaces its state when one is loaded, as PyTorch's do."""

    def __init__(self, step=0, sizes=(2,)):
        self.state = {0: {"step": step, "momentum": mc.full((3,), float(step))}}
        self.groups = [{"lr": 0.1, "params": list(range(size))} for size in sizes]

    def state_dict(self):
        return {"state": self.state, "param_groups": self.groups}

    def load_state_dict(self, state):
        self.state, self.groups = state["state"], state["param_groups"]


class OtherOptimizer(Optimizer):
    pass


class Scheduler:
    def __init__(self, epoch=0):
        self.epoch = epoch

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]


class StubbornScheduler(Scheduler):
    def load_state_dict(self, state):
        raise KeyError("never")


def values(*objects):
    """All that could have been changed, in a form that can be compared."""
    listed = [default_generator.get_state()]
    for o in objects:
        state = o.get_state() if isinstance(o, mc.Generator) else o.state_dict()
        listed.append(repr(state))
    return listed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def test_everything_comes_back(path):
    order = mc.Generator(3)
    mc.manual_seed(1)
    then = values(Network(1.0), Optimizer(5), Scheduler(7), order)
    save_checkpoint(
        path,
        model=Network(1.0),
        optimizer=Optimizer(5),
        scheduler=Scheduler(7),
        generators={"order": order},
        position={"epoch": 3, "batch": 17},
        extra={"history": [{"train_loss": 0.5}]},
    )
    expected = (mc.rand(3).tolist(), order.numpy.random())
    model, optimizer, scheduler, order = Network(), Optimizer(), Scheduler(), mc.Generator(99)
    mc.manual_seed(2)
    found = load_checkpoint(
        path, model=model, optimizer=optimizer, scheduler=scheduler, generators={"order": order}
    )
    assert found == {
        "position": {"epoch": 3, "batch": 17},
        "extra": {"history": [{"train_loss": 0.5}]},
    }
    assert values(model, optimizer, scheduler, order) == then
    assert (mc.rand(3).tolist(), order.numpy.random()) == expected


def test_weights_only(path):
    save_checkpoint(
        path,
        model=Network(1.0),
        optimizer=Optimizer(5),
        scheduler=Scheduler(7),
        generators={"order": mc.Generator(0)},
    )
    model = Network()
    assert load_checkpoint(path, model=model) == {"position": None, "extra": None}
    assert values(model) == values(Network(1.0))


def test_the_file_describes_the_model(path):
    save_checkpoint(path, model=Network(), optimizer=Optimizer())
    content = load(path)
    assert content["model_class"] == "Network"
    assert content["optimizer_class"] == "Optimizer"
    assert {k: t.shape for k, t in content["model"].items()} == {
        "conv.weight": (2, 1, 3, 3),
        "fc.bias": (4,),
    }


def refused(path, message, error=ArgumentError, also=(), **objects):
    """`load_checkpoint` must say `message` and change nothing; returns the whole text."""
    generators = tuple(objects.get("generators", {}).values())
    parts = tuple(o for name, o in objects.items() if name != "generators")
    before = values(*parts, *generators, *also)
    with pytest.raises(error, match=message) as caught:
        load_checkpoint(path, **objects)
    assert values(*parts, *generators, *also) == before
    return str(caught.value)


def test_another_network(path):
    class Small(Network):
        pass

    save_checkpoint(path, model=Network(1.0, a=(2,), b=(3, 4), c=(1,)), optimizer=Optimizer(5))
    mc.manual_seed(5)
    text = refused(
        path,
        "nothing was changed",
        model=Small(a=(2,), b=(4, 3), d=(7,)),
        optimizer=Optimizer(),
    )
    assert text == (
        f"load_checkpoint: {str(path)!r} is a checkpoint of another network (Network) than this "
        "Small; nothing was changed\n"
        "  missing in the checkpoint:\n"
        "    d\n"
        "  only in the checkpoint:\n"
        "    c\n"
        "  different in the checkpoint:\n"
        "    b: (3, 4) float32 there, (4, 3) float32 here"
    )


def test_another_dtype(path):
    save_checkpoint(path, model=Network(1.0, w=(2,)))
    model = Network(w=(2,))
    model.entries["w"] = model.entries["w"].double()
    refused(path, r"    w: \(2,\) float32 there, \(2,\) float64 here$", model=model)


def test_many_differences_are_listed_in_few_lines(path):
    there = {f"old.{i}": (2,) for i in range(30)} | {f"w.{i}": (2,) for i in range(30)}
    here = {f"new.{i}": (2,) for i in range(3)} | {f"w.{i}": (3,) for i in range(30)}
    save_checkpoint(path, model=Network(**there))
    text = refused(path, "another network", model=Network(**here))
    assert text.split("\n")[1:] == [
        "  missing in the checkpoint:",
        "    new.0",
        "    … and 2 more",
        "  only in the checkpoint:",
        "    old.0",
        "    … and 29 more",
        "  different in the checkpoint:",
        "    w.0: (2,) float32 there, (3,) float32 here",
        "    … and 29 more",
    ]
    text = refused(path, "another network", model=Network(**{k: (3,) for k in there}))
    assert len(text.split("\n")) == 11
    assert text.endswith("    … and 52 more")


def test_another_optimizer_or_scheduler(path):
    save_checkpoint(path, model=Network(1.0), optimizer=Optimizer(5))
    refused(
        path, "holds no scheduler", model=Network(), optimizer=Optimizer(), scheduler=Scheduler()
    )
    refused(
        path,
        "holds the optimizer Optimizer, and OtherOptimizer was given; use the same kind",
        model=Network(),
        optimizer=OtherOptimizer(),
    )
    refused(
        path,
        r"Optimizer with parameter groups of sizes \[2\], the one given has \[1, 1\]; build it",
        model=Network(),
        optimizer=Optimizer(sizes=(1, 1)),
    )


def test_a_scheduler_that_objects_late(path):
    """The optimizer, loaded by then, gets its own state back."""
    save_checkpoint(
        path, model=Network(1.0), optimizer=Optimizer(5), scheduler=StubbornScheduler(7)
    )
    refused(
        path,
        "never",
        error=KeyError,
        model=Network(),
        optimizer=Optimizer(),
        scheduler=StubbornScheduler(),
    )


def test_generators_of_other_names(path):
    save_checkpoint(path, model=Network(1.0), generators={"order": mc.Generator(0)})
    refused(
        path,
        r"holds the generators \['order'\], and \['noise'\] were given; use the same names",
        model=Network(),
        generators={"noise": mc.Generator(1)},
    )
    with pytest.raises(
        ArgumentError, match="the name 'default' belongs to minicnn's default gener"
    ):
        save_checkpoint(path, model=Network(), generators={"default": mc.Generator(0)})
    with pytest.raises(DtypeError, match=r"generators\['g'\] must be a minicnn.Generator, got int"):
        save_checkpoint(path, model=Network(), generators={"g": 3})


def test_files_that_are_no_checkpoints(path):
    save(Network().state_dict(), path)
    refused(path, r"is not a checkpoint of a training run; weights alone are read", model=Network())
    save([1], path)
    refused(path, "is not a checkpoint of a training run", model=Network())
    path.unlink()
    refused(path, "there is no file", error=FileNotFoundError, model=Network())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "is a checkpoint of version 2, this minicnn reads version 1"),
        ({"model": None}, "is damaged: it has no model"),
        ({"generators": [1]}, "is damaged: it has no generators"),
        ({"generators": {}}, "is damaged: the state of generator 'default' is missing or not"),
        ({"generators": {"default": {"state": 1}}}, "the state of generator 'default' is missing"),
        ({"optimizer": 3}, "is damaged: the state of its optimizer is not a dictionary"),
    ],
)
def test_damaged_checkpoints(path, change, message):
    save_checkpoint(path, model=Network(1.0), optimizer=Optimizer(5))
    save({**load(path), **change}, path)
    refused(path, message, model=Network(), optimizer=Optimizer())


def test_missing_entries(path):
    save_checkpoint(path, model=Network(1.0))
    content = load(path)
    for key in ("model", "generators", "position", "extra"):
        save({k: v for k, v in content.items() if k != key}, path)
        refused(path, f"is damaged: it has no {key}", model=Network())


def test_objects_without_a_state(path):
    with pytest.raises(
        DtypeError, match=r"^save_checkpoint: model must have state_dict\(\) and loa"
    ):
        save_checkpoint(path, model={})
    save_checkpoint(path, model=Network())
    with pytest.raises(
        DtypeError, match=r"^load_checkpoint: model must have .*, and dict does not"
    ):
        load_checkpoint(path, model={})


def test_what_cannot_be_stored_leaves_the_old_checkpoint(path):
    save_checkpoint(path, model=Network(1.0), position=1)
    with pytest.raises(DtypeError, match=re.escape("cannot store a set at ['extra']['x']")):
        save_checkpoint(path, model=Network(), extra={"x": {1}})
    assert load_checkpoint(path, model=Network())["position"] == 1


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_resumed_run_equals_one_that_never_stopped(path, kind):
    """With real layers and optimizers, to the last bit."""

    def build():
        model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
        options = {"lr": 0.1, "momentum": 0.9} if kind == "SGD" else {"lr": 0.1}
        optimizer = getattr(optim, kind)(model.parameters(), **options)
        return model, optimizer, optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)

    def train(model, optimizer, scheduler, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (model(mc.randn(6, 4)) ** 2).mean().backward()
            optimizer.step()
            scheduler.step()

    mc.manual_seed(0)
    parts = build()
    train(*parts, 3)
    names = ("model", "optimizer", "scheduler")
    save_checkpoint(path, **dict(zip(names, parts, strict=True)))
    train(*parts, 3)

    mc.manual_seed(1)
    resumed = build()
    load_checkpoint(path, **dict(zip(names, resumed, strict=True)))
    train(*resumed, 3)
    for a, b in zip(parts[0].parameters(), resumed[0].parameters(), strict=True):
        assert np.array_equal(a.detach().numpy(), b.detach().numpy())
