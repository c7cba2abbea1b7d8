"""Every public function gives on a GPU what it gives on the CPU, and leaves its results there.

The calls are those that the comparison with PyTorch draws (tests/parity). What a function makes the
host wait for, or copies from one to the other, is counted: only those named here may.
"""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

from compared import base, flat, function_of  # noqa: E402
from drawn import Built, Draw  # noqa: E402
from strict_machine import Machines  # noqa: E402
from table import ELSEWHERE, TABLE, required  # noqa: E402

import minicnn as mc  # noqa: E402

CASES = 8

# What makes tensors: on a GPU when told so.
MAKERS = {
    *("tensor", "as_tensor", "zeros", "ones", "full", "empty", "arange", "linspace", "eye"),
    *("rand", "randn", "randint", "randperm", "zeros_like", "ones_like"),
}

# Their results are drawn at random: by another generator on a GPU than on the CPU.
DRAWN = "rand randn randint randperm dropout dropout1d dropout2d stochastic_depth"
RANDOM = {n for n in TABLE if base(n).rpartition(".")[2] in DRAWN.split()}

# Their results are not tensors, or belong to the host.
ON_HOST = {"from_numpy", "Tensor.numpy", "Tensor.cpu", "Tensor.to"}


# Initial values that are drawn at random.
DRAWN_WEIGHTS = [
    *("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_"),
    *("kaiming_uniform_", "kaiming_normal_"),
]

# Compared in another way, by tests of this folder.
ELSEWHERE_HERE = {n for n in TABLE if TABLE[n].compare} | RANDOM | {"Tensor.numpy"}


class OnGpu:
    """minicnn, whose functions make their tensors on a GPU."""

    def __init__(self, device):
        self.device = device

    def __getattr__(self, name):
        found = getattr(mc, name)
        if name not in MAKERS:
            return found
        return lambda *args, **named: found(*args, **{"device": self.device, **named})


# What the host has to know before it can go on, or to bring along.
WAITS = {
    "bool": "equal gather index_select one_hot cross_entropy nll_loss max_unpool2d [] []= "
    "remainder % floor_divide // pow ** square div allclose in prod",  # ranges, zeros, truth values
    "mask": "[] []=",  # how many elements a mask selects
    "int": "one_hot [] []=",  # how many classes there are; 0-d tensors as indices
    "item": "item masked_fill clamp full",  # a number that must fit into the dtype
    "tolist": "tolist",
    "nonzero": "where",
    "get": "cpu to sparse trunc_normal",
    # Places that the host works out; values that it has drawn; indices that are not on the GPU.
    "set": "pad interpolate orthogonal eye dirac sparse tensor as_tensor [] []= to cpu",
    "unique": "pad interpolate",
    "float": "float",
}


def may_wait(name, copies):
    """What the function of that name has waited for, and should not have."""
    short = base(name).rpartition(".")[2].removeprefix("operator ").removesuffix("_")
    return {c for c in copies if short not in WAITS[c].split()}


def outputs(module, name, entry, call, seed, copies=None):
    """(results, gradients) of a call, as tensors and other values; or the error.

    To the list `copies` is added what made host and GPU wait for each other.
    """
    copies = [] if copies is None else copies
    noted = Machines.now.copies
    built = None
    try:
        built = Built(module, call)
        noted.clear()
        if entry.call:
            method = base(name).startswith(("Tensor.", "operator"))
            out = entry.call(
                module, None if method else function_of(module, base(name)), built, call
            )
        elif name.startswith("Tensor."):
            out = getattr(built.args[0], base(name)[7:])(*built.args[1:], **built.named)
        else:
            out = function_of(module, base(name))(*built.args, **built.named)
        copies += noted if entry.call is None else []
        found = flat(out)
        wanted = [o for o in found if isinstance(o, mc.Tensor) and o.requires_grad]
        if wanted:
            rng = np.random.default_rng([seed, 7])
            deltas = [module.tensor(rng.standard_normal(o.shape)).to(o) for o in wanted]
            noted.clear()
            mc.autograd.backward(wanted, deltas)
            copies += noted
    except RuntimeError as error:
        return error, None
    return found, [t.grad for t in built.leaves]


def differs(a, b, tolerance):
    """In words, how the result b on the GPU differs from a."""
    if isinstance(a, mc.Tensor):
        if not isinstance(b, mc.Tensor) or (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"{b!r} for {a!r}"
        a, b = a.detach().numpy(), b.detach().cpu().numpy()
        exact = a.dtype.kind != "f"
        with np.errstate(all="ignore"):
            near = (a == b) | ((a != a) & (b != b))
            near |= False if exact else np.abs(a - b) <= tolerance * (1 + np.abs(a))
        return "" if near.all() else f"{b[~near][:4]} for {a[~near][:4]}"
    if isinstance(a, float) and a != b:
        return differs(mc.tensor(a), mc.tensor(b), tolerance) if isinstance(b, float) else f"{b!r}"
    return "" if isinstance(a, np.ndarray) or a == b else f"{b!r} for {a!r}"


@pytest.mark.parametrize("name", [n for n in TABLE if n not in ELSEWHERE_HERE])
def test_same_as_on_the_cpu(name, machine):
    compare(name, "cuda:1")  # which is not the current one


@pytest.mark.gpu
@pytest.mark.parametrize("name", [n for n in TABLE if n not in ELSEWHERE_HERE])
def test_same_on_a_real_gpu(name):
    assert mc.cuda.is_available(), "these tests were asked for, and there is no GPU"
    compare(name, "cuda:0")


def compare(name, device):
    """The function `name` on the CPU and on the device, in so many cases."""
    entry, compared = TABLE[name], 0
    for seed in itertools.count():
        call = entry.draw(Draw([seed, *name.encode()]))
        on_cpu, gradients = outputs(mc, name, entry, call, seed)
        copies = []
        on_gpu, gpu_gradients = outputs(OnGpu(device), name, entry, call, seed, copies)
        where = f"{name}, case {seed}: {call}"
        assert not may_wait(name, copies), f"{where}: waits for {copies}"
        if isinstance(on_cpu, RuntimeError):
            assert isinstance(on_gpu, RuntimeError), f"{where}: the CPU refuses it: {on_cpu!r}"
            continue
        if isinstance(on_gpu, RuntimeError):
            raise AssertionError(f"{where}: refused on a GPU: {on_gpu!r}") from on_gpu
        tolerance = max(entry.tolerance, 2e-2 if "float16" in repr(call) else 3e-5)
        for a, b in zip([*on_cpu, *gradients], [*on_gpu, *gpu_gradients], strict=True):
            if name not in ON_HOST and isinstance(b, mc.Tensor):
                assert b.device == device, f"{where}: a result is on {b.device}"
            if name not in RANDOM:
                text = differs(a, b, tolerance)
                assert not text, f"{where}: {text}"
        compared += 1
        if compared == CASES:
            break
        assert seed < 20 * CASES


# Functions without a case here, and where a GPU meets them.
KNOWN_ELSEWHERE = set(ELSEWHERE) | {
    "Tensor.numpy",  # refused; test_devices
    *("rand", "randn", "randint", "randperm"),  # test_devices, TestRandom
    *(f"nn.functional.{n}" for n in ("dropout", "dropout2d", "stochastic_depth")),
    *(f"nn.init.{n}" for n in DRAWN_WEIGHTS),
}


def test_no_function_is_left_out():
    tested = {base(n) for n in TABLE if n not in ELSEWHERE_HERE}
    missing = required() - tested - KNOWN_ELSEWHERE
    assert not missing, f"a GPU never meets {sorted(missing)}"
    assert not KNOWN_ELSEWHERE & tested


@pytest.mark.parametrize("name", DRAWN_WEIGHTS)
def test_initial_values_are_those_of_the_cpu(name, machine):
    found = []
    for device in ("cpu", "cuda:1"):
        mc.manual_seed(5)
        t = mc.zeros(7, 9, device=device)
        assert getattr(mc.nn.init, name)(t) is t and t.device == device
        found.append(t.tolist())
    assert found[0] == found[1] and np.any(found[0])


@pytest.mark.parametrize("name", ["dropout", "dropout2d", "stochastic_depth"])
def test_what_is_dropped_is_dropped_in_the_gradient(name, machine):
    x = (mc.rand(6, 4, 3, 3) + 1).to("cuda:1").requires_grad_()
    options = {"mode": "row"} if name == "stochastic_depth" else {}
    y = getattr(mc.nn.functional, name)(x, 0.5, **options)
    y.backward(mc.ones_like(y))
    assert y.device == x.grad.device == "cuda:1"
    kept = (y != 0).float()
    assert mc.allclose(x.grad, 2 * kept) and mc.allclose(y, 2 * kept * x)
    assert 0 < kept.mean().item() < 1
