"""On a real GPU: `pytest -m gpu tests/gpu`. Nothing here has a stand-in."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn

pytestmark = pytest.mark.gpu

# A 2-norm of the difference, relative to that of the CPU's gradient, for each parameter.
CLOSE = 1e-4

NETWORKS = {
    "lenet5": ((8, 1, 28, 28), {"num_classes": 10}),
    "resnet18": ((2, 3, 64, 64), {"num_classes": 10}),
    "mobilenet_v2": ((2, 3, 64, 64), {"num_classes": 10}),
    "shufflenet_v2_x1_0": ((2, 3, 64, 64), {"num_classes": 10}),
    "alexnet": ((2, 3, 96, 96), {"num_classes": 10, "dropout": 0.0}),
}


@pytest.fixture(autouse=True)
def gpu():
    assert mc.cuda.is_available(), "these tests were asked for, and there is no GPU"
    assert not getattr(pytest.importorskip("cupy"), "is_stand_in", False)
    yield
    mc.cuda.synchronize()


def gradients(name, device, dtype):
    shape, options = NETWORKS[name]
    mc.manual_seed(0)
    model = mc.models.get_model(name, **options).to(dtype).to(device).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # its numbers are others on a GPU
    rng = np.random.default_rng(1)
    x = mc.tensor(rng.standard_normal(shape), dtype=dtype, device=device)
    y = model(x)
    y.backward(mc.tensor(rng.standard_normal(y.shape), dtype=dtype, device=device))
    return [y.detach().cpu().numpy(), *(p.grad.cpu().numpy() for p in model.parameters())]


@pytest.mark.parametrize("dtype", [mc.float32, mc.float64], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_the_cpus(name, dtype):
    on_cpu = gradients(name, "cpu", dtype)
    on_gpu = gradients(name, "cuda", dtype)
    # What is 0 but for rounding (a bias before batch normalisation) is as large as rounding.
    least = 1e-6 * max(np.linalg.norm(a) for a in on_cpu)
    for a, b in zip(on_cpu, on_gpu, strict=True):
        assert np.linalg.norm(a - b) <= CLOSE * max(np.linalg.norm(a), least / CLOSE)


def test_the_same_bits_again():
    first, second = (gradients("resnet18", "cuda", mc.float32) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parity
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_gradients_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    if not torch.cuda.is_available():
        pytest.fail("this PyTorch is one without CUDA")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    mine = mc.models.get_model(name, num_classes=10).double().cuda().eval()
    theirs = torchvision.models.get_model(name, num_classes=10).double().cuda().eval()
    theirs.load_state_dict({k: torch.from_dlpack(v) for k, v in mine.state_dict().items()})
    rng = np.random.default_rng(1)
    x, delta = rng.standard_normal((2, 3, 64, 64)), rng.standard_normal((2, 10))
    mine(mc.tensor(x, device="cuda")).backward(mc.tensor(delta, device="cuda"))
    theirs(torch.tensor(x, device="cuda")).backward(torch.tensor(delta, device="cuda"))
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        b = b.grad.cpu().numpy()
        assert np.linalg.norm(a.grad.cpu().numpy() - b) <= CLOSE * np.linalg.norm(b) + 1e-9


@pytest.mark.parity
def test_pytorch_shares_memory():
    torch = pytest.importorskip("torch")
    t = torch.zeros(3, device="cuda")
    x = mc.from_dlpack(t)
    x += 2
    mc.cuda.synchronize()
    assert t.tolist() == [2, 2, 2]
    assert torch.from_dlpack(x).data_ptr() == t.data_ptr()


def test_out_of_memory_and_on():
    free, _ = mc.cuda.mem_get_info()
    with pytest.raises(mc.cuda.OutOfMemoryError, match="asked for"):
        mc.zeros(free // 4 + 2**28, device="cuda")
    assert mc.ones(3, device="cuda").sum().item() == 3


def test_labels_out_of_range_and_on():
    with pytest.raises(IndexError, match="out of bounds"):
        nn.functional.cross_entropy(mc.ones(2, 3, device="cuda"), mc.tensor([0, 3], device="cuda"))
    assert mc.ones(3, device="cuda").sum().item() == 3


def test_batches_copied_ahead_are_whole():
    images = mc.arange(64 * 2**16).reshape(64, -1).float()
    loader = mc.data.DataLoader(mc.data.TensorDataset(images), batch_size=4)
    for i, (batch,) in enumerate(mc.data.DeviceLoader(loader, "cuda", ahead=2)):
        product = batch @ batch.T  # keeps the GPU busy while the next is copied
        assert mc.equal(batch.cpu(), images[4 * i : 4 * i + 4]) and product.shape == (4, 4)


def test_random_numbers_are_those_of_any_gpu():
    from minicnn.random import _Counted

    x = mc.rand(1000, generator=mc.Generator(5, "cuda"), device="cuda").cpu().numpy()
    key = np.random.SeedSequence(5).generate_state(1, np.uint64)
    assert np.array_equal(x, _Counted(key).uniform(np, (1000,), "float32"))


def test_a_captured_step_is_the_step():
    """Bit for bit: products by cuBLAS, batch normalisation, dropout and Adam, replayed."""
    found = []
    for captures in (False, True):
        mc.manual_seed(0)
        model = mc.models.lenet5().cuda()
        model = nn.Sequential(model, nn.Dropout(0.2))
        adam = mc.optim.Adam(model.parameters(), lr=1e-3, capturable=True)
        x, labels = mc.zeros(16, 1, 28, 28).cuda(), mc.zeros(16, dtype=mc.int64).cuda()

        def step(model=model, adam=adam, x=x, labels=labels):
            adam.zero_grad()
            nn.functional.cross_entropy(model(x), labels).backward()
            adam.step()

        rng, graph = np.random.default_rng(0), mc.cuda.CUDAGraph()
        for i in range(6):
            x.copy_(mc.tensor(rng.standard_normal(x.shape).astype("float32")))
            labels.copy_(mc.tensor(rng.integers(0, 10, 16)))
            if i == 3 and captures:
                with mc.cuda.graph(graph):
                    step()
            graph.replay() if i >= 3 and captures else step()
        found.append([p.detach().cpu().numpy() for p in model.parameters()])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_what_cannot_be_captured_is_refused():
    x = mc.ones(4, device="cuda")
    refused = pytest.raises(mc.checks.GraphError, match="cannot be captured")
    with refused, mc.cuda.graph(mc.cuda.CUDAGraph()):
        x.sum().item()
    assert x.sum().item() == 4
