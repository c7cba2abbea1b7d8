"""The same seed and the same number of threads give the same bits: in one process, and in others.

Small networks of each kind are trained for a few steps; the digest of all weights, buffers and
losses is what is compared.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, models, nn, optim

NESTEROV = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}


def lenet():
    return models.LeNet5(), (1, 28, 28), optim.SGD, {"lr": 0.05, "momentum": 0.9}


def residual():
    return models.CifarResNet(8), (3, 32, 32), optim.SGD, NESTEROV


def mobile():
    """Depthwise convolutions, hard-swish, squeeze-and-excitation, dropout."""
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
        nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False), nn.BatchNorm2d(16), nn.SiLU(),
        nn.Conv2d(16, 32, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(128, 10),
    )  # fmt: skip
    return net, (3, 32, 32), optim.AdamW, {"lr": 1e-2}


def grouped():
    net = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2), nn.GroupNorm(2, 8), nn.GELU(), nn.ChannelShuffle(2),
        nn.ConvTranspose2d(8, 4, 3, 2, 1), nn.InstanceNorm2d(4, affine=True), nn.ELU(),
        nn.MaxPool2d(3, 2), nn.LocalResponseNorm(3), nn.Dropout2d(0.2), nn.Flatten(),
        nn.Linear(4 * 9 * 9, 10),
    )  # fmt: skip
    return net, (4, 12, 12), optim.RMSprop, {"lr": 1e-3}


def upsampling():
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding="same", padding_mode="reflect"), nn.LeakyReLU(),
        nn.AvgPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.PixelShuffle(2),
        nn.LPPool2d(2, 2), nn.Flatten(), nn.LayerNorm(2 * 64), nn.Linear(128, 10),
    )  # fmt: skip
    return net, (2, 8, 8), optim.Adagrad, {"lr": 1e-2}


KINDS = {f.__name__: f for f in (lenet, residual, mobile, grouped, upsampling)}


def trained(kind, workers=0, steps=4):
    """The digest of a network, trained from nothing but the seed 7."""
    mc.manual_seed(7)
    net, shape, optimizer, options = KINDS[kind]()
    optimizer = optimizer(net.parameters(), **options)
    images, labels = mc.randn(8 * steps, *shape), mc.randint(0, 10, (8 * steps,))
    loader = data.DataLoader(
        data.TensorDataset(images, labels), batch_size=8, shuffle=True, num_workers=workers
    )
    digest = hashlib.sha256()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        digest.update(loss.array.tobytes())
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.array.tobytes())
    return digest.hexdigest()


@pytest.fixture
def threads():
    before = mc.get_num_threads()
    yield mc.set_num_threads
    mc.set_num_threads(before)


def in_another_process(count, hash_seed):
    """{kind: digest}, with so many threads, and another order of Python's hashes."""
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "import minicnn as mc, test_determinism as t\n"
        "mc.set_num_threads(int(sys.argv[2]))\n"
        "print(json.dumps({k: t.trained(k) for k in t.KINDS}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(count)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "NUMBA_NUM_THREADS": "2"},
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("count", [1, 2])
def test_the_same_bits_in_every_run_and_process(threads, count):
    threads(count)
    here = {kind: trained(kind) for kind in KINDS}
    assert len(set(here.values())) == len(KINDS)
    assert {kind: trained(kind) for kind in KINDS} == here
    assert in_another_process(count, "1") == here
    if count == 2:
        assert in_another_process(count, "2") == here


def test_workers_of_the_loader_change_nothing(threads):
    threads(1)
    assert trained("mobile", workers=2) == trained("mobile")


def test_another_seed_gives_other_bits(threads, monkeypatch):
    """So that equal digests mean something."""
    threads(1)
    first = trained("lenet")
    seed = mc.manual_seed
    monkeypatch.setattr(mc, "manual_seed", lambda n: seed(n + 1))
    assert trained("lenet") != first
