"""Numba has three ways to start threads. Under each of them the results are the same, bit for bit.

(With another number of threads some sums are cut into other parts, and their last bits differ.)
Which one is used is settled once in a process, by a variable or by what is installed: so each has a
process of its own here. In it several threads of Python train networks at the same time.
"""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn, optim

LAYERS = ("omp", "workqueue", "tbb")


def train(seed, steps=4):
    """A name for the bits of a network's weights, trained on random images."""
    rng = np.random.default_rng(seed)
    images = mc.tensor(rng.standard_normal((16, 3, 24, 24)).astype(np.float32))
    labels = mc.tensor(rng.integers(0, 10, 16))
    shapes = {
        "conv1": (32, 3, 5, 5), "conv2": (32, 32, 3, 3), "depthwise": (32, 1, 3, 3),
        "gamma": (32,), "beta": (32,), "linear": (10, 32 * 36),
    }  # fmt: skip
    w = {
        name: mc.tensor((0.1 * rng.standard_normal(shape)).astype(np.float32), requires_grad=True)
        for name, shape in shapes.items()
    }
    optimizer = optim.SGD(w.values(), lr=0.01, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        x = F.max_pool2d(F.relu(F.conv2d(images, w["conv1"], padding=2)), 2)
        x = F.conv2d(x, w["conv2"], padding=1)
        x = F.relu(F.batch_norm(x, None, None, w["gamma"], w["beta"], training=True))
        x = F.max_pool2d(F.conv2d(x, w["depthwise"], padding=1, groups=32), 2)
        F.cross_entropy(F.linear(x.flatten(1), w["linear"]), labels).backward()
        optimizer.step()
    digest = hashlib.sha256()
    for p in w.values():
        digest.update(p.array.tobytes())
    return digest.hexdigest()


def in_threads(count, seeds=(1, 2, 3)):
    """`train` for each seed, all at once, with so many threads for the kernels."""
    mc.set_num_threads(count)
    with ThreadPoolExecutor(len(seeds)) as pool:
        return list(pool.map(train, seeds))


def one_by_one(count, seeds=(1, 2, 3)):
    """As `in_threads`, one after another."""
    mc.set_num_threads(count)
    return [train(seed) for seed in seeds]


@pytest.fixture
def knob():
    before = mc.get_num_threads()
    yield
    mc.set_num_threads(before)


def available(layer):
    if layer != "tbb":
        return True
    try:
        importlib.metadata.version("tbb")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@pytest.mark.parametrize("layer", LAYERS)
def test_each_threading_layer_gives_the_same_bits(layer, knob):
    if not available(layer):
        pytest.skip("needs the package tbb (extra `dev`)")
    expected = [*one_by_one(2), *one_by_one(1)]
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    # The package puts its library there.
    environment["LD_LIBRARY_PATH"] = os.path.join(sys.prefix, "lib")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numba, test_threading_layers as t\n"
        "print(*t.in_threads(2), *t.in_threads(1), numba.threading_layer())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, os.path.dirname(__file__)],
        env=environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*expected, layer]


def test_networks_that_run_at_the_same_time_do_not_mix(knob):
    for count in (1, numba.config.NUMBA_NUM_THREADS):
        alone = one_by_one(count)
        assert len(set(alone)) == 3
        assert in_threads(count) == alone


def test_layers_share_their_work_buffers_without_mixing_them():
    """Convolutions of different sizes, alternating in threads that run side by side."""
    rng = np.random.default_rng(0)
    layers = [nn.Conv2d(c, f, 3, padding=1) for c, f in ((8, 40), (40, 8), (24, 24))]
    inputs = [
        mc.tensor(rng.standard_normal((4, layer.in_channels, 14, 14)).astype(np.float32))
        for layer in layers
    ]
    with mc.no_grad():
        expected = [layer(x).array for layer, x in zip(layers, inputs, strict=True)]

    def again(i):
        with mc.no_grad():
            return [np.array_equal(layers[i](inputs[i]).array, expected[i]) for _ in range(30)]

    with ThreadPoolExecutor(6) as pool:
        for equal in pool.map(again, [0, 1, 2] * 2):
            assert all(equal)
