"""Random numbers, other libraries, pinned memory, whole steps of training; on the stand-in."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn, optim
from minicnn.checks import ArgumentError, DeviceError, DtypeError

# ------------------------------------------------------------------------------ random numbers


@pytest.mark.usefixtures("machine")
class TestRandom:
    def test_the_seed_decides(self):
        draws = []
        for _ in range(2):
            mc.manual_seed(3)
            x = [mc.rand(5, device="cuda"), mc.randn(4, device="cuda"), mc.rand(3, device="cuda:1")]
            x.append(nn.functional.dropout(mc.ones(50, device="cuda")))
            draws.append([t.tolist() for t in x])
        assert draws[0] == draws[1]
        mc.cuda.manual_seed(4)
        assert mc.rand(5, device="cuda").tolist() != draws[0][0]

    def test_state(self):
        mc.rand(3, device="cuda")
        state = mc.cuda.get_rng_state()
        first = mc.randn(7, device="cuda").tolist()
        mc.cuda.set_rng_state(state)
        assert mc.randn(7, device="cuda").tolist() == first

    def test_distributions(self):
        u = mc.rand(100_000, device="cuda").cpu().numpy()
        assert u.min() >= 0 and u.max() < 1 and abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01
        assert np.abs(np.histogram(u, 20, (0, 1))[0] - 5000).max() < 5 * 5000**0.5
        n = mc.randn(100_001, device="cuda", dtype=mc.float64).cpu().numpy()
        assert abs(n.mean()) < 0.02 and abs(n.std() - 1) < 0.02
        assert abs((n**3).mean()) < 0.05 and abs((n**4).mean() - 3) < 0.15
        i = mc.randint(-2, 3, (50_000,), device="cuda").cpu().numpy()
        assert np.abs(np.bincount(i + 2, minlength=5) - 10_000).max() < 500
        p = mc.randperm(1000, device="cuda").cpu().numpy()
        assert sorted(p) == list(range(1000)) and abs(np.corrcoef(p, range(1000))[0, 1]) < 0.15

    def test_dropout_drops_its_share(self):
        y = nn.functional.dropout(mc.ones(10_000, device="cuda"), 0.3).cpu().numpy()
        assert abs((y == 0).mean() - 0.3) < 0.02
        assert np.allclose(y[y != 0], 1 / 0.7)

    def test_initial_weights_are_those_of_the_cpu(self):
        mc.manual_seed(0)
        a = nn.Conv2d(3, 4, 3)
        mc.manual_seed(0)
        b = nn.Conv2d(3, 4, 3, device="cuda")
        assert b.weight.is_cuda and mc.equal(a.weight, b.weight.cpu())


# ------------------------------------------------------------------------------ other libraries


@pytest.mark.usefixtures("machine")
class TestDlpack:
    def test_cupy_shares_memory(self):
        import cupy

        array = cupy.zeros(3, "float32")
        x = mc.from_dlpack(array)
        array[0] = 5
        assert x.is_cuda and x.tolist() == [5, 0, 0]
        again = cupy.from_dlpack(x)
        again[1] = 7
        assert x.tolist() == [5, 7, 0]
        assert x.__dlpack_device__() == (2, 0)
        assert mc.from_dlpack(array, device="cpu").tolist() == [5, 7, 0]
        own = mc.from_dlpack(array, copy=True)
        own += 1
        assert array.tolist() == [5, 7, 0] and own.device == "cuda:0"
        with pytest.raises(ArgumentError, match="on cuda:0, and on cpu there is only a copy"):
            mc.from_dlpack(array, device="cpu", copy=False)

    @pytest.mark.parity
    def test_pytorch_shares_memory(self):
        torch = pytest.importorskip("torch")
        t = torch.zeros(3)
        x = mc.from_dlpack(t)
        t[0] = 5
        x[1] = 7
        assert x.tolist() == t.tolist() == [5, 7, 0]
        back = torch.from_dlpack(x)
        back[2] = 9
        assert x.tolist() == [5, 7, 9]
        with pytest.raises(DtypeError, match=r"an array of torch\.bfloat16 .* to float32"):
            mc.from_dlpack(t.bfloat16())

    def test_refused(self):
        with pytest.raises(DtypeError, match="from_dlpack: expected an array with __dlpack__"):
            mc.from_dlpack([1, 2])
        with pytest.raises(RuntimeError, match="requires grad"):
            mc.ones(1, device="cuda", requires_grad=True).__dlpack__()


# ------------------------------------------------------------------------------ pinned memory


def test_pinned(machine):
    x = mc.arange(6).reshape(2, 3)
    y = x.pin_memory()
    assert y.is_pinned() and not x.is_pinned() and y.pin_memory() is y
    assert y[0].is_pinned() and mc.equal(x, y)
    assert mc.equal(y.to("cuda", non_blocking=True).cpu(), x)
    with pytest.raises(DeviceError, match="pin_memory: only tensors in main memory"):
        x.cuda().pin_memory()


# ------------------------------------------------------------------------------ a whole step


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}


def test_no_optimizer_is_left_out():
    there = {
        name
        for name, found in vars(optim).items()
        if isinstance(found, type) and issubclass(found, optim.Optimizer)
    }
    assert there - {"Optimizer"} == set(OPTIMIZERS)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_training_is_that_of_the_cpu(make, machine, rng):
    x = rng.standard_normal((6, 1, 8, 8)).astype("float32")
    labels = rng.integers(0, 3, 6)
    found = []
    for device in ("cpu", "cuda:1"):
        mc.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, groups=2), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 3),
        ).to(device)  # fmt: skip
        optimizer = make(model.parameters())
        images, targets = mc.tensor(x, device=device), mc.tensor(labels, device=device)
        machine.copies.clear()
        for _ in range(3):
            loss = nn.functional.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        # In each step the host asks once: whether all labels are in range.
        assert machine.copies == (["bool"] * 3 if device != "cpu" else [])
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        kept = [v for s in optimizer.state.values() for v in s.values() if hasattr(v, "shape")]
        assert {str(mc.Tensor(v).device) for v in kept} <= {device}
        found.append([loss.item(), *[p.detach().cpu().numpy() for p in model.parameters()]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_plain_kernels_run_there_too(machine):
    x = mc.rand(2, 3, 7, 7)
    layer = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.GELU(), nn.MaxPool2d(2))
    expected = layer(x)
    layer.cuda()
    with mc.kernels("plain"):
        y = layer(x.cuda())
        y.sum().backward()
    assert y.is_cuda and mc.allclose(y.cpu(), expected, atol=1e-5)
    assert layer[0].weight.grad.is_cuda


# ------------------------------------------------------------------------ what stays on the CPU


def test_tools_that_look_at_single_numbers_say_so(machine, tmp_path):
    model, x = nn.Linear(2, 1).cuda(), mc.ones(1, 2, device="cuda")
    double = mc.ones(2, dtype=mc.float64, device="cuda", requires_grad=True)

    def traced(model):
        with mc.trace(model):
            x * 2

    for use in (
        lambda: traced(model), lambda: traced(None), lambda: mc.gradcheck(mc.exp, double),
        lambda: mc.onnx.export(model, x, tmp_path / "x.onnx"),
    ):  # fmt: skip
        with pytest.raises(DeviceError, match=r"works on the CPU only.*model\.cpu\(\)"):
            use()


def test_operations_of_the_users_own(machine):
    class Cube(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, delta):
            (x,) = ctx.saved_tensors
            return 3 * x * x * delta

    x = mc.tensor([1.0, 2.0], device="cuda:1", requires_grad=True)
    with mc.autograd.detect_anomaly():
        y = Cube.apply(x)
        (dx,) = mc.autograd.grad(y, x, mc.tensor([1.0, 10.0], device="cuda:1"), retain_graph=True)
        y.backward(mc.ones(2, device="cuda:1"))
    assert dx.device == x.grad.device == "cuda:1"
    assert dx.tolist() == [3, 120] and x.grad.tolist() == [3, 12]


def test_gradients_clipped_over_two_devices(machine):
    parameters = [mc.zeros(2, device=d, requires_grad=True) for d in ("cuda:0", "cuda:1")]
    for p in parameters:
        p.grad = mc.tensor([3.0, 4.0], device=p.device)
    total = nn.utils.clip_grad_norm_(parameters, 5.0)
    assert total.item() == pytest.approx(50**0.5)
    lengths = [float((p.grad * p.grad).sum()) ** 0.5 for p in parameters]
    assert lengths == pytest.approx([5 / 2**0.5] * 2, rel=1e-5)


def test_precision_is_a_switch():
    assert mc.get_float32_matmul_precision() == "highest"
    mc.set_float32_matmul_precision("medium")
    try:
        assert mc.get_float32_matmul_precision() == "high"
    finally:
        mc.set_float32_matmul_precision("highest")
    with pytest.raises(ArgumentError, match="precision must be one of 'highest', 'high'"):
        mc.set_float32_matmul_precision("low")


def test_dropout_goes_on_where_a_checkpoint_left_it(machine, tmp_path):
    from minicnn.training import load_checkpoint, save_checkpoint

    model, x = nn.Linear(2, 2).cuda(1), mc.ones(40, device="cuda:1")
    nn.functional.dropout(x)
    save_checkpoint(tmp_path / "c", model=model)
    first = nn.functional.dropout(x).tolist()
    assert nn.functional.dropout(x).tolist() != first
    load_checkpoint(tmp_path / "c", model=model)
    assert nn.functional.dropout(x).tolist() == first and model.weight.device == "cuda:1"


def test_kernels_are_chosen_by_the_array(machine):
    from minicnn.kernels import find, registry

    on_cpu, on_gpu = np.ones(2, "float32"), mc.ones(2, device="cuda:1").array
    registry.names()  # loads all of them
    known = registry._kernels["conv2d"]
    assert find("conv2d", on_cpu) is find("conv2d") is known["cpu"]
    assert find("conv2d", on_gpu) is known["cuda"]
    # The kernels in CUDA C are for floats, and some things have none.
    whole = mc.ones(2, dtype=mc.int64, device="cuda").array
    assert find("relu", whole) is registry._kernels["relu"]["plain"]
    assert find("histogram", on_gpu) is registry._kernels["histogram"]["plain"]
    with mc.kernels("plain"):
        assert find("conv2d", on_gpu) is find("conv2d", on_cpu) is known["plain"]


def test_the_stream_is_splitmix64():
    from minicnn.random import _Counted

    stream = _Counted(1234567)
    expected = [
        *(6457827717110365317, 3203168211198807973, 9817491932198370423),
        *(4593380528125082431, 16408922859458223821),
    ]
    assert [*stream.bits(np, 2).tolist(), *stream.bits(np, 3).tolist()] == expected
