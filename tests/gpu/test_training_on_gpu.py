"""Batches that are copied ahead, loss scaling, float16, and the command line; on the stand-in."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn import amp, data, nn, optim
from minicnn.checks import ArgumentError, DtypeError, GraphError
from minicnn.cli import main

# -------------------------------------------------------------------------- batches, copied ahead


def numbered(n=6):
    images = mc.arange(n * 4).reshape(n, 1, 2, 2).float()
    return data.TensorDataset(images, mc.arange(n))


def test_batches_are_the_loaders(machine):
    loader = data.DataLoader(numbered(7), batch_size=3, shuffle=True, generator=mc.Generator(1))
    there = data.DeviceLoader(
        data.DataLoader(numbered(7), batch_size=3, shuffle=True, generator=mc.Generator(1)),
        "cuda:1",
    )
    assert len(there) == len(loader) == 3 and there.dataset is there.loader.dataset
    for _ in range(2):
        for (x, t), (gpu_x, gpu_t) in zip(loader, there, strict=True):
            assert gpu_x.device == gpu_t.device == "cuda:1"
            assert mc.equal(x, gpu_x.cpu()) and mc.equal(t, gpu_t.cpu())
    assert [t.tolist() for _, t in there.batches(skip=2)] == [
        t.tolist() for _, t in loader.batches(skip=2)
    ]


def test_any_nested_batch(machine):
    batches = [{"x": mc.ones(2), "more": [mc.zeros(1), "name"], "pair": (1, mc.ones(1))}]
    (found,) = data.DeviceLoader(batches, "cuda")
    assert found["x"].is_cuda and found["more"][0].is_cuda and found["pair"][1].is_cuda
    assert found["more"][1] == "name" and found["pair"][0] == 1
    (same,) = data.DeviceLoader(batches, "cpu")
    assert same is batches[0]


def test_who_waits_for_whom(machine):
    """The copy of a batch waits for what the GPU was asked before; its use waits for the copy."""
    there = iter(data.DeviceLoader([mc.zeros(1), mc.ones(1), mc.ones(1)], "cuda"))
    next(there)
    (copies,) = {event[1] for event in machine.events if event[0] == "wait"} - {0}
    copy = [("record", 0), ("wait", copies, 0), ("record", copies)]
    # Two batches are on their way when the first is handed out.
    assert machine.events == [*copy, *copy, ("wait", 0, copies)]
    next(there)
    assert machine.events[7:] == [*copy, ("wait", 0, copies)]


def test_a_loop_that_ends_early(machine):
    """The memory of a batch that nobody takes is not given away before its copy is done."""
    there = iter(data.DeviceLoader([mc.zeros(1), mc.ones(1), mc.ones(1)], "cuda", ahead=2))
    next(there)
    (copies,) = {event[1] for event in machine.events if event[0] == "wait"} - {0}
    machine.events.clear()
    there.close()
    assert machine.events == [("wait", 0, copies)] * 2


def test_only_what_has_to_be_copied_is(machine):
    there = data.DeviceLoader([mc.zeros(2, 3).T, mc.zeros(1, device="cuda")], "cuda")
    machine.copies.clear()
    first, second = there
    assert machine.copies == ["set"] and first.shape == (3, 2) and second.is_cuda


def test_the_loader_pins_where_there_is_a_gpu(machine):
    loader = data.DataLoader(numbered(), batch_size=3, pin_memory=True)
    assert all(x.is_pinned() and t.is_pinned() for x, t in loader)


def test_the_loader_pins_nothing_without():
    loader = data.DataLoader(numbered(), batch_size=3, pin_memory=True)
    assert not any(x.is_pinned() for x, _ in loader)


# ------------------------------------------------------------------------------- loss scaling


def parameter(values=(1.0, 2.0), device="cpu"):
    return mc.tensor(list(values), device=device, requires_grad=True)


@pytest.mark.parametrize("device", ["cpu", "cuda:1"])
def test_a_step_is_that_without_scaling(device, machine):
    w = parameter(device=device)
    scaler, sgd = amp.GradScaler(init_scale=1024.0), optim.SGD([w], lr=0.5)
    scaler.scale((w * w).sum()).backward()
    assert w.grad.tolist() == [2048, 4096]
    scaler.unscale_(sgd)
    assert w.grad.tolist() == [2, 4]
    scaler.step(sgd)
    scaler.update()
    assert w.tolist() == [0, 0] and scaler.get_scale() == 1024


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_an_infinite_gradient_is_no_step(wrong, machine):
    w, v = parameter(), parameter(device="cuda:1")
    scaler, sgd = amp.GradScaler(init_scale=8.0, backoff_factor=0.25), optim.SGD([w, v], lr=1.0)
    w.grad, v.grad = mc.ones(2), mc.tensor([0.0, wrong], device="cuda:1")
    assert scaler.step(sgd) is None
    scaler.update()
    assert (w.tolist(), v.tolist(), scaler.get_scale()) == ([1, 2], [1, 2], 2)


def test_the_scale_grows():
    w = parameter()
    scaler, sgd = amp.GradScaler(init_scale=2.0, growth_interval=3), optim.SGD([w], lr=0.0)
    scales = []
    for bad in (0, 0, 0, 0, 1, 0, 0, 0):
        w.grad = mc.full((2,), np.inf if bad else 1.0)
        scaler.step(sgd)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [2, 2, 4, 4, 2, 2, 2, 4]


def test_state():
    a, b = amp.GradScaler(init_scale=4.0), amp.GradScaler()
    w = parameter()
    w.grad = mc.ones(2)
    a.step(optim.SGD([w]))
    a.update()
    b.load_state_dict(a.state_dict())
    assert b.state_dict() == a.state_dict() and b.get_scale() == 4
    assert a.state_dict()["_growth_tracker"] == 1
    with pytest.raises(ArgumentError, match="was that one enabled"):
        b.load_state_dict(amp.GradScaler(enabled=False).state_dict())


def test_not_enabled():
    w = parameter()
    scaler, sgd = amp.GradScaler(enabled=False), optim.SGD([w], lr=1.0)
    loss = (w * w).sum()
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1 and not scaler.is_enabled()
    loss.backward()
    scaler.step(sgd)
    scaler.update()
    assert w.tolist() == [-1, -2]


def test_misuse():
    w = parameter()
    scaler, sgd = amp.GradScaler(), optim.SGD([w])
    with pytest.raises(GraphError, match="no optimizer has made a step"):
        scaler.update()
    w.grad = mc.ones(2)
    scaler.unscale_(sgd)
    with pytest.raises(GraphError, match="already since the last update"):
        scaler.unscale_(sgd)
    scaler.step(sgd)
    with pytest.raises(GraphError, match="already since the last update"):
        scaler.step(sgd)
    with pytest.raises(GraphError, match="before step"):
        scaler.unscale_(sgd)
    for wrong in ({"init_scale": 0.0}, {"growth_factor": 1.0}, {"backoff_factor": 1.0}):
        with pytest.raises(ArgumentError, match="GradScaler: expected init_scale > 0"):
            amp.GradScaler(**wrong)
    half = mc.ones(1, dtype=mc.float16, requires_grad=True)
    half.grad = mc.ones(1, dtype=mc.float16)
    with pytest.raises(DtypeError, match="MasterWeights"):
        amp.GradScaler().step(optim.SGD([half]))


@pytest.mark.parity
def test_pytorchs_scaler_does_the_same():
    torch = pytest.importorskip("torch")
    found = []
    for lib, scaler in (
        (mc, amp.GradScaler(init_scale=16.0, growth_interval=2)),
        (torch, torch.amp.GradScaler("cpu", init_scale=16.0, growth_interval=2)),
    ):
        w = lib.tensor([1.0, -2.0], requires_grad=True)
        sgd, kept = lib.optim.SGD([w], lr=0.1, momentum=0.5), []
        for step in range(7):
            sgd.zero_grad()
            scaler.scale((w * w).sum() * (float("inf") if step == 3 else 1.0)).backward()
            scaler.step(sgd)
            scaler.update()
            kept.append([scaler.get_scale(), *w.tolist()])
        found.append(kept)
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_float16_learns(machine):
    """Steps too small for float16's digits add up in the float32 weights."""
    mc.manual_seed(0)
    model = nn.Linear(3, 1, device="cuda").half()
    weights = amp.MasterWeights(model)
    sgd, scaler = optim.SGD(weights.parameters(), lr=0.05), amp.GradScaler(init_scale=256.0)
    x = mc.randn(64, 3, device="cuda").half()
    y = (x.float() * mc.tensor([1.0, -2.0, 0.5], device="cuda")).sum(1, keepdim=True)
    for _ in range(200):
        loss = (model(x).float() - y).square().mean()
        scaler.scale(loss).backward()
        weights.take_gradients()
        scaler.step(sgd)
        scaler.update()
        weights.give_back()
    assert model.weight.dtype == "float16" and model.weight.is_cuda
    assert mc.allclose(model.weight.cpu().float(), mc.tensor([[1.0, -2.0, 0.5]]), atol=5e-3)


def test_gradients_of_a_float16_network(machine, rng):
    """Convolutions, batch normalisation, pooling: those of float32 to float16's digits."""
    x = rng.standard_normal((8, 2, 8, 8)).astype("float32")
    labels = rng.integers(0, 3, 8)
    found = []
    for half in (False, True):
        mc.manual_seed(1)
        model = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=4), nn.SiLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 3),
        ).to("cuda")  # fmt: skip
        images, targets = mc.tensor(x, device="cuda"), mc.tensor(labels, device="cuda")
        if half:
            model, images = model.half(), images.half()
        weights, scaler = amp.MasterWeights(model), amp.GradScaler(init_scale=4096.0)
        loss = nn.functional.cross_entropy(model(images).float(), targets)
        sgd = optim.SGD(weights.parameters(), lr=0.0)
        scaler.scale(loss).backward()
        weights.take_gradients()
        scaler.unscale_(sgd)
        found.append([p.grad.cpu().numpy() for p in weights.parameters()])
    for exact, rounded in zip(*found, strict=True):
        assert rounded.dtype == "float32"
        assert np.linalg.norm(exact - rounded) < 0.02 * np.linalg.norm(exact) + 1e-4


def test_nothing_is_cast_unseen():
    for wrong in (lambda: amp.autocast("cuda"), lambda: amp.autocast("cuda", mc.float16)):
        with pytest.raises(
            ArgumentError, match=r"autocast: .*model\.half\(\) with .*MasterWeights"
        ):
            wrong()
    with pytest.raises(ArgumentError, match="device_type must be one of 'cuda', 'cpu'"):
        amp.autocast("gpu", enabled=False)

    @amp.autocast("cpu", enabled=False)
    def product(x):
        return x @ x

    assert product(mc.ones(2, 2)).dtype == "float32"


# ----------------------------------------------------------------------------- command line


def test_train_evaluate_predict(machine, tmp_path, capsys):
    from PIL import Image

    run = tmp_path / "run"
    options = ["--images", "60", "--epochs", "1", "--plain", "--out", str(run)]
    assert not main(["train", "lenet5", *options, "--device", "cuda:1"])
    assert machine.pools[1].peak > 0 and machine.pools[0].peak == 0
    assert json.loads((run / "run.json").read_text())["options"]["device"] == "cuda:1"
    machine.pools[0].peak = 0
    assert not main(["evaluate", str(run), "--device", "cuda", "--json"])
    assert machine.pools[0].peak > 0
    on_gpu = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not main(["evaluate", str(run), "--json"])
    on_cpu = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert on_gpu["confusion"] == on_cpu["confusion"]
    Image.new("L", (28, 28), 40).save(tmp_path / "x.png")
    assert not main(["predict", str(run), str(tmp_path / "x.png"), "--device", "cuda:1"])
    assert "x.png" in capsys.readouterr().out


def test_the_example_that_trains_any_network(machine, tmp_path, capsys):
    example = Path(__file__).resolve().parents[2] / "examples" / "train_network.py"
    train = runpy.run_path(str(example))["main"]
    options = ["--model", "lenet5", "--images", "64", "--test-images", "20", "--epochs", "1"]
    saved = tmp_path / "w.safetensors"
    assert not train([*options, "--plain", "--device", "cuda:1", "--save", str(saved)])
    assert machine.pools[1].peak > 0 and machine.pools[0].peak == 0
    assert "test accuracy: " in capsys.readouterr().out and saved.exists()
    assert train([*options, "--device", "cuda:7"]) == 1
    assert "'cuda:7' is not available" in capsys.readouterr().err


def test_a_device_that_is_not_there(capsys, tmp_path):
    for command in (["train", "lenet5", "--out", str(tmp_path / "r")], ["evaluate", "lenet5"]):
        assert main([*command, "--device", "cuda"]) == 1
        error = capsys.readouterr().err
        assert "'cuda' is not available" in error and error.count("\n") == 1
    assert not (tmp_path / "r").exists()
