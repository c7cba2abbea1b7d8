"""Threads that compute at the same time, forked and spawned processes, signals in a kernel's midst.

What the three threading layers of Numba do is tests/kernels/test_threading_layers.py's, and Ctrl-C
in a training run tests/training's.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn

posix = pytest.mark.skipif(os.name != "posix", reason="signals and fork are POSIX's")


def net(seed):
    mc.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 24, 3, padding=1, groups=24), nn.Hardswish(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(24 * 36, 10),
    )  # fmt: skip


def numbers(model, seed):
    """Result, loss and all gradients of one step, as bytes."""
    rng = np.random.default_rng(seed)
    x = mc.tensor(rng.standard_normal((4, 3, 24, 24)).astype("float32"), requires_grad=True)
    model.zero_grad()
    y = model(x)
    F.cross_entropy(y, mc.tensor(rng.integers(0, 10, 4))).backward()
    found = [y.detach(), x.grad, *[p.grad for p in model.parameters()]]
    return b"".join(t.array.tobytes() for t in found)


@pytest.fixture
def two_threads():
    before = mc.get_num_threads()
    mc.set_num_threads(2)
    yield
    mc.set_num_threads(before)


def test_forward_and_backward_in_several_threads(two_threads):
    expected = {seed: numbers(net(seed), seed) for seed in range(4)}
    models = {seed: net(seed) for seed in range(4)}  # made one by one: the seed is the process's

    def again(seed):
        return seed, [numbers(models[seed], seed) for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        for seed, found in pool.map(again, range(4)):
            # Running statistics move on; what the step gives in training does not depend on them.
            assert found == [expected[seed]] * 3


def test_one_model_may_answer_several_threads_at_once(two_threads):
    model = net(0).eval()
    images = [mc.randn(3, 3, 24, 24) for _ in range(6)]
    with mc.no_grad():
        expected = [model(x).array.tobytes() for x in images]

    def answer(x):
        with mc.no_grad():
            return [model(x).array.tobytes() for _ in range(5)]

    with ThreadPoolExecutor(6) as pool:
        for found, bits in zip(pool.map(answer, images), expected, strict=True):
            assert set(found) == {bits}


def test_modes_are_those_of_their_thread():
    """`no_grad`, kernels("plain") and autograd modes of one thread are not seen by another."""
    inside, outside = threading.Event(), threading.Event()

    def without():
        with mc.no_grad(), mc.kernels("plain"):
            inside.set()
            outside.wait(60)
            return mc.is_grad_enabled()

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(without)
        assert inside.wait(60)
        try:
            x = mc.ones(2, requires_grad=True)
            assert mc.is_grad_enabled() and (2 * x).requires_grad
            from minicnn.kernels import registry

            assert registry.in_force() == "cpu"
        finally:
            outside.set()
        assert found.result() is False


def in_child(seed, queue):
    queue.put(numbers(net(seed), seed))


PROGRAM = """
import multiprocessing, os, sys
sys.path.insert(0, sys.argv[1])
import test_processes_and_signals as t

if __name__ == "__main__":
    way, before = sys.argv[2:]
    expected = t.numbers(t.net(3), 3) if before == "used" else None
    context = multiprocessing.get_context(way)
    queue = context.Queue()
    child = context.Process(target=t.in_child, args=(3, queue))
    child.start()
    while child.is_alive() and queue.empty():
        child.join(0.05)
    found = queue.get(timeout=5) if not queue.empty() else None
    child.join()
    expected = expected or t.numbers(t.net(3), 3)
    assert t.numbers(t.net(3), 3) == expected  # the parent goes on
    print(child.exitcode == 0, found == expected)
"""


def child(way, before):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, os.path.dirname(__file__), way, before],
        env={**os.environ, "NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": "omp"},
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split(), done.stderr


@posix
@pytest.mark.parametrize("way", ["spawn", "forkserver", "fork"])
def test_a_child_process_computes_the_same(way):
    """A forked one, as long as no kernel has run before."""
    answer, _ = child(way, "new" if way == "fork" else "used")
    assert answer == ["True", "True"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="GNU OpenMP")
def test_a_fork_after_kernels_have_run_says_so():
    """GNU OpenMP's threads do not survive a fork: Numba ends the child, with a text that says why.

    No hang, and no wrong number. (The loader's worker processes are spawned.)
    """
    answer, text = child("fork", "used")
    assert answer == ["False", "False"]
    assert "fork() called from a process already using GNU OpenMP" in text


# A convolution that takes a while, again and again, while signals arrive.
AT_WORK = """
import signal, sys, time
import numpy as np
import minicnn as mc, minicnn.nn.functional as F
rng = np.random.default_rng(0)
x = mc.tensor(rng.standard_normal((8, 32, 40, 40)).astype("float32"))
w = mc.tensor(rng.standard_normal((32, 32, 3, 3)).astype("float32"))
def step():
    return F.relu(F.conv2d(x, w, padding=1)).array.tobytes()
expected = step()
"""


@posix
@pytest.mark.parametrize("name", ["SIGALRM", "SIGUSR1", "SIGCHLD"])
def test_signals_that_are_handled_do_no_harm(name):
    """Kernels run to their end; the handler runs after them, and the numbers stay the same."""
    code = AT_WORK + (
        "seen = [0]\n"
        f"signal.signal(signal.{name}, lambda *_: seen.__setitem__(0, seen[0] + 1))\n"
        "import os, threading\n"
        "stop = threading.Event()\n"
        "def pester():\n"
        f"    while not stop.wait(0.003): os.kill(os.getpid(), signal.{name})\n"
        "threading.Thread(target=pester, daemon=True).start()\n"
        "assert all(step() == expected for _ in range(40))\n"
        "stop.set()\n"
        "print(seen[0] > 3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250)
    assert done.stdout.strip() == "True", done.stderr[-2000:]


@posix
def test_ctrl_c_in_a_kernel_is_a_keyboard_interrupt_and_no_more():
    """The lock is free again and the next step is right."""
    code = AT_WORK + (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('ready', flush=True)\n"
        "interrupted = 0\n"
        "while interrupted < 5:\n"
        "    try:\n"
        "        while True: step()\n"
        "    except KeyboardInterrupt:\n"
        "        interrupted += 1\n"
        "        assert step() == expected\n"
        "        print('again', flush=True)\n"
        "import threading\n"
        "found = []\n"
        "other = threading.Thread(target=lambda: found.append(step()))\n"
        "other.start(); other.join(100)\n"
        "assert found == [expected], 'the lock is still held'\n"
        "print('done')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "ready"
    for _ in range(5):
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline().strip() == "again", process.stderr.read()
    out, err = process.communicate(timeout=200)
    assert out.strip() == "done" and process.returncode == 0, err


@posix
def test_a_signal_that_ends_the_process_ends_it():
    process = subprocess.Popen(
        [sys.executable, "-c", AT_WORK + "print('ready', flush=True)\nwhile True: step()"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline().strip() == b"ready"
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    process.stdout.close()
