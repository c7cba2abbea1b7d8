"""Devices: names, moves, errors, memory; on the stand-in for CuPy."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import strict_cupy

import minicnn as mc
from minicnn import gpu, nn
from minicnn.checks import (
    ArgumentError,
    DeviceError,
    DtypeError,
    IndexRangeError,
    MissingPartError,
)

# ------------------------------------------------------------------------------- names and moves


def test_names_have_a_type_and_a_number():
    device = mc.device("cuda:1")
    assert (device.type, device.index, str(device)) == ("cuda", 1, "cuda:1")
    assert mc.device("cuda", 1) == device and hash(mc.device("cuda:1")) == hash(device)
    assert repr(device) == "device(type='cuda', index=1)"
    assert repr(mc.device("cuda")) == "device(type='cuda')" and mc.device("cuda").index is None
    for wrong in ("gpu", "cuda:", "cuda:-1", "cpu:x", "cudas"):
        with pytest.raises(ArgumentError, match="unknown device"):
            mc.device(wrong)


@pytest.mark.usefixtures("machine")
class TestMoves:
    def test_there_and_back(self):
        x = mc.tensor([1.0, 2.0])
        y = x.to("cuda")
        assert (y.device, y.is_cuda, x.is_cuda) == ("cuda:0", True, False)
        assert y.to("cuda") is y and y.cuda() is y and x.cpu() is x
        assert mc.equal(y.cpu(), x) and y.cpu().device == "cpu"
        assert x.cuda(1).device == x.cuda("cuda:1").device == x.to(1).device == "cuda:1"
        assert y.to(x) is not y and y.to(x).device == "cpu"
        both = x.to("cuda:1", mc.float64)
        assert (both.device, both.dtype) == ("cuda:1", np.float64)
        assert mc.equal(both.to("cuda:0").cpu(), x.double())

    def test_a_copy_is_a_copy(self):
        x = mc.zeros(2, device="cuda")
        y, z = x.to("cuda", copy=True), x.to("cuda:1")
        y += 1
        z += 2
        assert x.tolist() == [0, 0] and z.tolist() == [2, 2]

    def test_gradients_come_back_to_where_the_leaf_is(self):
        x = mc.tensor([1.0, 2.0], requires_grad=True)
        y = x.to("cuda") * mc.tensor([3.0, 4.0], device="cuda")
        y.to("cuda:1").backward(mc.tensor([1.0, 10.0], device="cuda:1"))
        assert x.grad.device == "cpu" and x.grad.tolist() == [3, 40]

    def test_made_on_a_device(self):
        made = [
            mc.zeros(2, device="cuda"), mc.ones(2, device="cuda"), mc.full((2,), 1.0, device=0),
            mc.arange(2, device=mc.device("cuda")), mc.linspace(0, 1, 2, device="cuda"),
            mc.eye(2, device="cuda"), mc.rand(2, device="cuda"), mc.randn(2, device="cuda"),
            mc.randint(2, (2,), device="cuda"), mc.randperm(2, device="cuda"),
            mc.tensor([1], device="cuda"), mc.as_tensor([1], device="cuda"),
            mc.empty(2, device="cuda"), nn.Linear(2, 2, device="cuda").weight,
        ]  # fmt: skip
        assert {t.device for t in made} == {"cuda:0"}
        assert mc.zeros_like(made[0]).device == mc.tensor(made[0]).device == "cuda:0"
        assert mc.as_tensor(made[0]) is made[0]

    def test_as_text(self):
        assert repr(mc.ones(1, device="cuda:1")) == "tensor([1.], device='cuda:1')"

    def test_modules(self):
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        weight = model[0].weight
        weight.grad = mc.ones(weight.shape)
        assert model.to("cuda:1") is model and model[0].weight is weight
        tensors = [*model.parameters(), *model.buffers(), weight.grad]
        assert {t.device for t in tensors} == {"cuda:1"}
        assert weight.is_leaf and weight.requires_grad
        assert model.cuda()[1].running_mean.device == "cuda:0"
        assert {t.device for t in model.cpu().state_dict().values()} == {"cpu"}
        other = copy.deepcopy(model.cuda(1))
        assert {t.device for t in other.parameters()} == {"cuda:1"}

    def test_a_state_dict_from_elsewhere(self):
        a, b = nn.Linear(2, 1).cuda(), nn.Linear(2, 1)
        b.load_state_dict(a.state_dict())
        assert b.weight.device == "cpu" and mc.equal(b.weight, a.weight.cpu())
        a.load_state_dict(nn.Linear(2, 1).cuda(1).state_dict())
        assert a.weight.device == "cuda:0"

    def test_files(self, tmp_path):
        path = tmp_path / "x.safetensors"
        content = {"w": mc.arange(3, device="cuda"), "more": [mc.ones(1, device="cuda:1"), 2]}
        mc.save(content, path)
        found, there = mc.load(path), mc.load(path, map_location="cuda:1")
        assert found["w"].device == found["more"][0].device == "cpu"
        assert there["w"].device == there["more"][0].device == "cuda:1"
        assert there["w"].tolist() == [0, 1, 2] and there["more"][1] == 2
        with pytest.raises(DeviceError, match="'cuda:2' is not available"):
            mc.load(path, map_location="cuda:2")

    def test_numpy_takes_nothing_unseen(self):
        x = mc.ones(2, device="cuda")
        for read in (np.asarray, mc.Tensor.numpy):
            with pytest.raises(DtypeError, match=r"on cuda:0, .* x\.cpu\(\)\.numpy\(\)"):
                read(x)
        assert x.numpy(force=True).tolist() == [1, 1]


@pytest.mark.usefixtures("machine")
class TestMixedDevices:
    def test_the_error_says_what_to_do(self):
        x, y = mc.ones(2), mc.ones(2, device="cuda")
        for calculate in (
            lambda: x + y, lambda: y * x, lambda: x == y, lambda: x.bool() & y.bool(),
            lambda: mc.cat([x, y]), lambda: mc.equal(x, y), lambda: mc.maximum(y, x),
            lambda: y[:1].add_(x[:1]), lambda: mc.where(y > 0, x, x),
            lambda: mc.ones(2, device="cuda:1") + y, lambda: x[y.long()],
            lambda: mc.gather(x, 0, y.long()),
        ):  # fmt: skip
            with pytest.raises(DeviceError, match=r"one device, got .*x\.to\('cuda:\d'\)"):
                calculate()

    @pytest.mark.parametrize("layer, shape", [
        (nn.Linear(3, 2), (4, 3)), (nn.Conv2d(1, 2, 3), (1, 1, 5, 5)),
        (nn.BatchNorm2d(2), (2, 2, 3, 3)), (nn.LayerNorm(3), (4, 3)),
    ])  # fmt: skip
    def test_layers(self, layer, shape):
        name = {"Linear": "linear"}.get(type(layer).__name__, "")
        with pytest.raises(DeviceError, match=rf"{name}.*model\.to\('cuda:0'\)"):
            layer(mc.ones(shape, device="cuda"))

    def test_labels(self):
        with pytest.raises(DeviceError, match="cross_entropy: input and target"):
            nn.functional.cross_entropy(mc.ones(2, 3, device="cuda"), mc.tensor([0, 1]))

    def test_gradients(self):
        x = mc.ones(2, device="cuda", requires_grad=True)
        with pytest.raises(DeviceError, match="gradient"):
            (x * 2).backward(mc.ones(2))
        with pytest.raises(DeviceError, match="grad: expected all tensors on one device"):
            x.grad = mc.ones(2)

    def test_single_numbers_may_come_from_the_host(self):
        scale = mc.tensor(3.0, requires_grad=True)
        x = mc.tensor([1.0, 2.0], device="cuda", requires_grad=True)
        y = scale * x
        y.backward(mc.tensor([1.0, 10.0], device="cuda"))
        assert y.device == "cuda:0" and y.tolist() == [3, 6]
        assert scale.grad.device == "cpu" and scale.grad.item() == 21
        assert x.grad.device == "cuda:0" and x.grad.tolist() == [3, 30]
        assert (x > mc.tensor(1.5)).tolist() == [False, True]

    def test_indices_may_come_from_the_host(self):
        x = mc.tensor([1.0, 2.0, 3.0], device="cuda")
        assert x[mc.tensor([2, 0])].tolist() == x[[2, 0]].tolist() == [3, 1]
        x[mc.tensor([True, False, True])] = 0
        assert x.tolist() == [0, 2, 0]


# -------------------------------------------------------------------------------- bad input


@pytest.mark.usefixtures("machine")
class TestBadInput:
    def test_labels_out_of_range(self):
        scores = mc.ones(2, 3, device="cuda", requires_grad=True)
        with pytest.raises(IndexRangeError, match="target 3 is out of bounds: with 3 classes"):
            nn.functional.cross_entropy(scores, mc.tensor([1, 3], device="cuda"))
        loss = nn.functional.cross_entropy(scores, mc.tensor([1, 2], device="cuda"))
        loss.backward()  # the process goes on
        assert loss.item() == pytest.approx(np.log(3))

    @pytest.mark.parametrize("index", [3, -4, [0, 3], [0, -4]])
    def test_indices_out_of_range(self, index):
        with pytest.raises(IndexRangeError, match="out of range"):
            mc.ones(3, device="cuda")[index]
        if isinstance(index, list):
            with pytest.raises(IndexRangeError, match="out of range"):
                mc.ones(3, device="cuda")[mc.tensor(index, device="cuda")]

    def test_dtypes(self):
        import cupy

        with pytest.raises(DtypeError, match="int16"):
            mc.as_tensor(cupy.zeros(2, "int16"))
        images = mc.ones(1, 1, 4, 4, dtype=mc.int64, device="cuda")
        weight = mc.ones(1, 1, 2, 2, device="cuda")
        functions = nn.functional
        for wrong in (
            lambda: functions.conv2d(images, weight), lambda: functions.max_pool2d(images, 2),
            lambda: functions.conv2d(images.half(), weight),
            lambda: functions.softmax(images, 1), lambda: functions.linear(images, weight[0, 0]),
            lambda: functions.cross_entropy(weight[0, 0], mc.ones(2, device="cuda")),
            lambda: weight.to("bfloat16"),
        ):  # fmt: skip
            with pytest.raises(DtypeError, match=r"float|\.long\(\)|not a dtype of minicnn"):
                wrong()
        assert weight.sum().item() == 4  # the process goes on

    def test_generators_of_another_device(self):
        with pytest.raises(DeviceError, match="draws on cpu, the tensor is to be on cuda:0"):
            mc.rand(2, generator=mc.Generator(0), device="cuda")

    def test_a_number_that_is_not_there(self):
        with pytest.raises(DeviceError, match="this machine has 2 GPUs, 'cuda:0' to cuda:1"):
            mc.ones(1).to("cuda:2")


def test_no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingPartError, match=r'needs CuPy: pip install "minicnn\[cuda12\]"'):
        mc.ones(1).cuda()
    assert not mc.cuda.is_available() and mc.cuda.device_count() == 0


@pytest.mark.parametrize("machine, words", [
    ({"driver": None}, "this machine has no NVIDIA driver"),
    ({"devices": 0}, "the driver shows no GPU .*CUDA_VISIBLE_DEVICES"),
])  # fmt: skip
def test_nothing_to_compute_on(machine, words):
    with strict_cupy.installed(**machine):
        with pytest.raises(DeviceError, match=f"'cuda' is not available: {words}"):
            mc.ones(1).cuda()
        assert not mc.cuda.is_available()
        assert mc.cuda.empty_cache() is None


def test_a_driver_that_is_too_old():
    words = r"knows CUDA 11\.4, CuPy was made for 12\.9"
    with strict_cupy.installed(driver=11040, too_old=True), pytest.raises(DeviceError, match=words):
        mc.zeros(1, device="cuda")


def test_two_cupys(monkeypatch):
    monkeypatch.setattr(gpu, "_installed", lambda: ["cupy-cuda12x", "cupy-cuda13x"])
    with pytest.raises(DeviceError, match="cupy-cuda12x and cupy-cuda13x are both installed"):
        mc.zeros(1, device="cuda")


def test_importing_minicnn_imports_no_cupy():
    code = "import sys, minicnn; minicnn.ones(2) + 1; assert 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------------------- memory


def test_figures(machine):
    assert mc.cuda.is_available() and mc.cuda.device_count() == 2
    before = mc.cuda.memory_allocated()
    x = mc.zeros(2**20, device="cuda")  # 4 MiB
    assert mc.cuda.memory_allocated() - before == 2**22 <= mc.cuda.memory_reserved()
    assert mc.cuda.memory_allocated("cuda:1") == 0
    assert "held by tensors        4.0 MiB" in mc.cuda.memory_summary()
    del x
    assert mc.cuda.memory_allocated() == before and mc.cuda.memory_reserved() >= 2**22
    mc.cuda.empty_cache()
    assert mc.cuda.memory_reserved() == before
    free, total = mc.cuda.mem_get_info(1)
    assert (free, total) == (machine.pools[1].memory,) * 2


def test_current_device(machine):
    assert mc.cuda.current_device() == 0
    with mc.cuda.device(1):
        assert mc.zeros(1, device="cuda").device == "cuda:1" and mc.cuda.current_device() == 1
    assert mc.cuda.current_device() == 0
    mc.cuda.set_device("cuda:1")
    assert mc.zeros(1).cuda().device == "cuda:1"
    machine.copies.clear()
    mc.cuda.synchronize("cuda:0")
    assert machine.copies == ["synchronize"]
    with pytest.raises(ArgumentError, match="synchronize: expected a GPU"):
        mc.cuda.synchronize("cpu")


def test_out_of_memory():
    with strict_cupy.installed(memory=2**24):  # 16 MiB
        x = mc.ones(2**21, device="cuda", requires_grad=True)  # 8 MiB
        with pytest.raises(mc.cuda.OutOfMemoryError) as caught:
            mc.cat([x, x])
        text = str(caught.value)
        assert isinstance(caught.value, MemoryError) and isinstance(caught.value, RuntimeError)
        for words in ("cuda:0: out of memory: 16.0 MiB asked for", "8.0 MiB used by tensors",
                      "8.0 MiB free of 16.0 MiB", "Lower the batch size"):  # fmt: skip
            assert words in text
        assert x[:2].sum().item() == 2  # the process goes on
        for ask in (
            lambda: mc.zeros(2**23, device="cuda"), lambda: mc.ones(2**23).cuda(),
            lambda: mc.rand(2**23, device="cuda"), lambda: (x * 2).sum().backward(),
        ):  # fmt: skip
            with pytest.raises(mc.cuda.OutOfMemoryError):
                ask()


def test_a_module_moves_whole_or_not_at_all():
    with strict_cupy.installed(memory=2**16):
        model = nn.Sequential(nn.Linear(10, 10), nn.Linear(1000, 1000))
        with pytest.raises(mc.cuda.OutOfMemoryError):
            model.cuda()
        assert {p.device for p in model.parameters()} == {"cpu"}
