"""Files that torch.save wrote, read without it, against torch.load."""

import random

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError
from minicnn.serialization import load

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
DTYPES += (torch.int64, torch.int32, torch.uint8, torch.bool)


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, mc.Tensor) and not ours.requires_grad
        theirs = theirs.detach()
        theirs = theirs.float() if theirs.dtype == torch.bfloat16 else theirs
        assert ours.array.dtype == theirs.numpy().dtype
        assert ours.shape == tuple(theirs.shape)
        assert ours.array.tobytes() == theirs.numpy().tobytes()
    elif isinstance(theirs, dict):
        assert type(ours) is dict and list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is (list if isinstance(theirs, list) else tuple)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert type(ours) is type(theirs) and ours == theirs


def some_tensor(choose, shared):
    """A tensor of any dtype and layout; some are views of a storage that others view, too."""
    dtype = choose.choice(DTYPES)
    shape = [choose.choice([0, 1, 1, 2, 3, 5]) for _ in range(choose.randrange(5))]
    numbers = torch.randint(0, 200, shape)
    t = (numbers - 100 if dtype.is_floating_point else numbers).to(dtype)
    kind = choose.randrange(8)
    if kind == 0 and shared:
        whole = choose.choice(shared)
        begin = choose.randrange(20)
        return choose.choice([whole[begin:], whole[begin::3], whole.view(4, 5).t(), whole[begin]])
    if kind == 1:
        shared.append(torch.arange(20).to(dtype))
        return shared[-1]
    if kind == 2:
        return t.unsqueeze(-1).expand(*shape, 3)
    if kind == 3 and t.dim() > 1:
        return t.transpose(0, -1)
    if kind == 4 and t.dim() == 4:
        return t.contiguous(memory_format=torch.channels_last)
    if kind == 5 and dtype.is_floating_point:
        return torch.nn.Parameter(t)
    return t


def some_value(choose, shared, depth=0):
    kind = choose.randrange(10 if depth < 3 else 6)
    if kind < 3:
        return some_tensor(choose, shared)
    if kind < 6:
        numbers = [choose.randrange(-300, 300), 2 ** choose.randrange(100), choose.random()]
        return choose.choice([*numbers, None, True, False, "text", "δ" * 300, float("inf")])
    items = [some_value(choose, shared, depth + 1) for _ in range(choose.randrange(5))]
    if kind == 6:
        return tuple(items)
    if kind == 7:
        return items
    keys = [choose.choice([f"layer{i}.weight", i]) for i in range(len(items))]
    return dict(zip(keys, items, strict=True))


@pytest.mark.parametrize("new", [True, False])
def test_random_values(tmp_path, new):
    for case in range(200):
        choose = random.Random(case)
        torch.manual_seed(case)
        value = {"value": some_value(choose, []), "tensor": some_tensor(choose, [])}
        path = tmp_path / "x.pth"
        torch.save(
            value,
            path,
            _use_new_zipfile_serialization=new,
            pickle_protocol=choose.choice([2, 2, 3, 4, 5]),
        )
        same(load(path), torch.load(path, weights_only=False))
        if new:
            same(load(path, mmap=True), torch.load(path, mmap=True, weights_only=False))


@pytest.mark.parametrize("new", [True, False])
def test_a_checkpoint(tmp_path, new):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    optimizers = [
        torch.optim.Adam(model.parameters(), amsgrad=True),
        torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
    ]
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizers[1], [3, 3, 5])
    model(torch.randn(2, 3, 8, 8)).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()
    checkpoint = {
        "model": model.state_dict(),
        "optimizers": [o.state_dict() for o in optimizers],
        "scheduler": scheduler.state_dict(),
        "epoch": 7,
        "device": torch.device("cpu"),
        "rng": torch.get_rng_state(),
    }
    path = tmp_path / "x.pth"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=new)
    found, expected = load(path), torch.load(path, weights_only=False)
    assert found.pop("device") == "cpu" and expected.pop("device")
    same(found, expected)
    ours = mc.nn.Sequential(mc.nn.Conv2d(3, 4, 3), mc.nn.BatchNorm2d(4))
    ours.load_state_dict(found["model"])
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype("float32")
    expected = model.eval()(torch.tensor(x)).detach().numpy()
    assert np.abs(ours.eval()(mc.tensor(x)).detach().numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("new", [True, False])
def test_shared_memory_stays_shared(tmp_path, new):
    weight = torch.zeros(4, 3)
    value = {"encoder": weight, "decoder": weight.t(), "row": weight[1]}
    path = tmp_path / "x.pth"
    torch.save(value, path, _use_new_zipfile_serialization=new)
    found = load(path)
    found["encoder"].array[1, 2] = 7
    assert found["decoder"][2, 1].item() == 7 and found["row"].tolist() == [0, 0, 7]


class OwnClass:
    pass


@pytest.mark.parametrize("new", [True, False])
def test_what_is_refused(tmp_path, new):
    quantised = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    for value, kind, message in (
        (torch.nn.ReLU(), ArgumentError, "needs torch.nn.modules.activation.ReLU"),
        (OwnClass(), ArgumentError, r"needs .*OwnClass"),
        (np.ones(2), ArgumentError, r"needs numpy"),
        ({"x": {1, 2}}, ArgumentError, "needs __builtin__.set"),
        (torch.ones(2).to_sparse(), ArgumentError, "holds a sparse tensor"),
        (torch.ones(2, 2).to_sparse_csr(), ArgumentError, "holds a sparse tensor"),
        (torch.ones(2, device="meta"), ArgumentError, "holds a tensor of the device 'meta'"),
        (quantised, (ArgumentError, DtypeError), "holds a "),
        *[
            (torch.ones(2).to(dtype), DtypeError, f"of dtype {str(dtype)[6:]} ")
            for dtype in (
                torch.int8,
                torch.int16,
                torch.uint16,
                torch.uint32,
                torch.uint64,
                torch.complex64,
                torch.complex128,
                torch.float8_e4m3fn,
                torch.float8_e5m2,
            )
        ],
        (torch.ones(2, dtype=torch.complex64).conj().imag, ArgumentError, "negative view"),
    ):
        path = tmp_path / "x.pth"
        try:
            torch.save(value, path, _use_new_zipfile_serialization=new)
        except (RuntimeError, AttributeError):  # PyTorch itself has no way to write some of them
            assert not new
            continue
        with pytest.raises(kind, match=message):
            load(path)


@pytest.mark.filterwarnings("ignore")
def test_a_script(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "x.pt")
    with pytest.raises(ArgumentError, match="is a TorchScript program"):
        load(tmp_path / "x.pt")
