"""Nothing is left behind by a training step, however it ends; loops without gradients stay flat.

The collector of reference cycles is off throughout: what only it could free counts as left behind.

    pytest -m slow -s tests/hardening/test_memory_leaks.py

takes the 10,000 steps of the issue and prints what docs/hardening_mutation.md says.
"""

import gc
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import optim
from minicnn.autograd import Function

STATUS = Path("/proc/self/status")
# Bytes of the smallest object that holds another: a tuple of one.
SMALLEST = sys.getsizeof((1,))


class Mine(Exception):
    """An error of the user's own."""


class Breaks(Function):
    """The identity, whose backward fails."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx, delta):
        raise Mine


def _raise(*_):
    raise Mine


class Training:
    """LeNet-5 with all that a step needs; each method is one step."""

    def __init__(self):
        mc.manual_seed(7)
        self.model = mc.models.lenet5()
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.x, self.y = mc.rand(4, 1, 28, 28), mc.tensor([3, 1, 4, 1])
        self.left_behind = []

    def loss(self):
        self.optimizer.zero_grad()
        return F.cross_entropy(self.model(self.x), self.y)

    def plain(self):
        self.loss().backward()
        self.optimizer.step()

    def retained(self):
        loss = self.loss()
        loss.backward(retain_graph=True)
        loss.backward(retain_graph=True)  # and the graph goes with `loss`
        self.optimizer.step()

    def failing_function(self):
        """Fails in the middle: below the break nothing has run, above it all has."""
        self.optimizer.zero_grad()
        x = self.model.pool1(self.model.act1(self.model.conv1(self.x)))
        x = self.model.act2(self.model.conv2(Breaks.apply(x)))
        with pytest.raises(Mine):
            (x * x).sum().backward()

    def failing_function_retained(self):
        loss = (Breaks.apply(self.model(self.x)) * 2).sum()
        for _ in range(2):
            with pytest.raises(Mine):
                loss.backward(retain_graph=True)

    def failing_hooks(self):
        """A hook of a tensor, one of a leaf, and one that runs when a leaf has its gradient."""
        loss, weight = self.loss(), self.model.conv1.weight
        loss.register_hook(_raise)
        with pytest.raises(Mine):
            loss.backward()
        hooked = (weight.register_hook, weight.register_post_accumulate_grad_hook)
        for retain, register in zip((True, False), hooked, strict=True):
            handle = register(_raise)
            with pytest.raises(Mine):
                self.loss().backward(retain_graph=retain)
            handle.remove()

    def changed_in_place(self):
        """The error that minicnn itself raises: a saved tensor was changed."""
        h = self.model.conv1(self.x).exp()
        loss = h.sum()
        with mc.no_grad():
            h += 1
        with pytest.raises(RuntimeError, match="in place"):
            loss.backward()

    def anomaly(self):
        """NaN in backward, found."""
        with mc.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="NaN"):
            (self.model(self.x * 0).sum() * float("nan")).backward()

    def leaking(self):
        """Keeps what it should not: a small array at every step."""
        self.plain()
        self.left_behind.append(np.zeros(2, np.float32))

    def cycle(self):
        """Makes what only the collector can free."""
        self.plain()
        cycle = []
        cycle.append(cycle)


STEPS = [
    "plain",
    "retained",
    "failing_function",
    "failing_function_retained",
    "failing_hooks",
    "changed_in_place",
    "anomaly",
]


@pytest.fixture(autouse=True)
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def one_thread():
    """While memory is traced, a kernel's thread that makes an array takes Python's lock."""
    before = mc.get_num_threads()
    mc.set_num_threads(1)
    yield
    mc.set_num_threads(before)


def left_behind(step, steps, windows=8):
    """What `steps` steps left: bytes, and objects that only the collector found.

    The bytes are those of Python's objects and NumPy's arrays. Of a few windows of so many steps
    the one counts that left least: stores that fill (of names that were looked up, say) fill once,
    a leak leaks in each. (Names that a library makes anew in each step are kept for a while, and
    go; so there are a few more windows.) A full collection empties Python's own stores of freed
    tuples.
    """
    tracemalloc.start()
    try:
        found = []
        for _ in range(windows + 1):
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(steps):
                step()
            cycles = gc.collect()
            found.append((tracemalloc.get_traced_memory()[0] - before, cycles))
        return min(found[1:])
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", STEPS)
def test_a_step_leaves_nothing_behind(name):
    size, cycles = left_behind(getattr(Training(), name), 50)
    assert size < SMALLEST * 50
    assert cycles == 0


def test_a_small_leak_would_be_noticed():
    size, cycles = left_behind(Training().leaking, 50)
    assert size > SMALLEST * 50
    assert cycles == 0
    size, cycles = left_behind(Training().cycle, 50)
    assert cycles >= 50


def rss():
    """Bytes of memory that the process has (Linux)."""
    text = STATUS.read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not STATUS.exists(), reason="reads /proc")
@pytest.mark.parametrize("name", STEPS)
def test_ten_thousand_steps(name, capsys):
    training = Training()
    step = getattr(training, name)
    for _ in range(1000):
        step()
    first = rss()
    for _ in range(9000):
        step()
    last = rss()
    left, cycles = left_behind(step, 200)
    with capsys.disabled():
        print(
            f"\n{name}: {first / 2**20:.1f} MiB after 1,000 steps, {last / 2**20:.1f} MiB after "
            f"10,000; then {left} bytes and {cycles} cyclic objects in 200 steps"
        )
    # A graph of this batch is 0.3 MiB: one left behind in a hundred steps would be 27 MiB.
    assert last - first < 4 * 2**20
    assert left < SMALLEST * 200
    assert cycles == 0


# ---------------------------------------------------------------- loops without gradients


def peaks(body, rounds):
    """The most memory in use during each round of ten, in bytes."""
    found = []
    tracemalloc.start()
    try:
        for _ in range(rounds // 10):
            gc.collect()  # Python's own stores of freed tuples, see above
            tracemalloc.reset_peak()
            for _ in range(10):
                body()
            found.append(tracemalloc.get_traced_memory()[1])
        return found
    finally:
        tracemalloc.stop()


class Recurrent:
    """h ← tanh(conv(h)): with gradients every round makes the graph longer."""

    def __init__(self):
        mc.manual_seed(7)
        self.conv, self.h = mc.nn.Conv2d(3, 3, 3, padding=1), mc.rand(2, 3, 16, 16)

    def __call__(self):
        self.h = mc.tanh(self.conv(self.h))


class Evaluation:
    """A forward of LeNet-5, and the sum of all losses so far."""

    def __init__(self):
        training = Training()
        self.model, self.x, self.y = training.model.eval(), training.x, training.y
        self.total = mc.tensor(0.0)

    def __call__(self):
        self.total = self.total + F.cross_entropy(self.model(self.x), self.y)


def rise(found):
    """How far the peaks of the second half are above those of the first, without its beginning."""
    half = len(found) // 2
    return max(found[half:]) - max(found[half // 2 : half])


@pytest.mark.parametrize("make", [Recurrent, Evaluation])
def test_the_peak_of_a_loop_without_gradients_is_flat(make):
    body = make()
    with mc.no_grad():
        found = peaks(body, 200)
    assert rise(found) < SMALLEST * 100
    # The same loop with gradients is what the flat one is not.
    assert rise(peaks(make(), 200)) > 1000 * 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("make", [Recurrent, Evaluation])
def test_the_peak_of_ten_thousand_rounds_is_flat(make, capsys):
    body = make()
    with mc.no_grad():
        found = peaks(body, 10_000)
    early, late = max(found[10:100]), max(found[900:])
    with capsys.disabled():
        print(f"\n{make.__name__}: peak {early} bytes in rounds 100 to 1,000, {late} in the last")
    assert late - early < SMALLEST * 1000
