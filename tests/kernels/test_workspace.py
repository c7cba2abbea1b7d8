"""Memory that is kept: what an earlier call left there shows in no result."""

import threading

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import workspace as module
from minicnn.kernels.workspace import LARGEST, workspace


@pytest.fixture(autouse=True)
def none_kept():
    before = dict(module._kept.__dict__)
    module._kept.__dict__.clear()
    yield
    module._kept.__dict__.clear()
    module._kept.__dict__.update(before)


def test_the_same_memory_as_long_as_it_suffices():
    first = workspace("a", 100)
    first[:] = 3
    second = workspace("a", 60)
    assert second.size == 60 and np.shares_memory(first, second)
    larger = workspace("a", 101)
    assert larger.size == 101 and not np.shares_memory(first, larger)
    assert np.shares_memory(workspace("a", 5), larger)
    assert not np.shares_memory(workspace("b", 5), larger)
    assert larger.dtype == np.float32


def test_what_is_very_large_is_not_kept():
    kept = workspace("a", LARGEST)
    assert np.shares_memory(kept, workspace("a", LARGEST))
    assert not np.shares_memory(workspace("a", LARGEST + 1), workspace("a", LARGEST + 1))
    assert np.shares_memory(kept, workspace("a", 1))


def test_each_thread_has_its_own():
    found = []
    mine = workspace("a", 10)
    thread = threading.Thread(target=lambda: found.append(workspace("a", 10)))
    thread.start()
    thread.join()
    assert not np.shares_memory(found[0], mine)


# (x's shape, w's shape, stride, padding, dilation, groups)
CONVOLUTIONS = [
    ((2, 3, 9, 8), (5, 3, 3, 3), 1, 1, 1, 1),
    ((2, 3, 3, 3), (5, 3, 2, 2), 1, 0, 1, 1),  # shorter than a vector
    ((2, 16, 9, 8), (20, 16, 3, 3), 1, 1, 1, 1),  # δ is turned round
    ((2, 16, 9, 8), (33, 16, 3, 2), 2, 1, 1, 1),
    ((1, 4, 13, 17), (14, 4, 5, 3), 1, (2, 1), (1, 2), 1),
    ((2, 24, 5, 5), (50, 24, 1, 1), 1, 0, 1, 1),  # x is turned round
    ((2, 24, 5, 5), (17, 24, 1, 1), 2, 0, 1, 1),
    ((2, 8, 7, 7), (26, 4, 3, 3), 1, 1, 1, 2),
    ((2, 6, 7, 7), (6, 1, 3, 3), 1, 1, 1, 6),
    ((2, 2, 1, 1), (3, 2, 3, 3), 3, 1, 1, 1),
]


def results(case):
    x_shape, w_shape, *options = case
    rng = np.random.default_rng(3)
    x, w = (
        mc.tensor(rng.standard_normal(s).astype(np.float32), requires_grad=True)
        for s in (x_shape, w_shape)
    )
    y = F.conv2d(x, w, None, *options)
    y.backward(mc.tensor(rng.standard_normal(y.shape).astype(np.float32)))
    return y.detach().numpy(), x.grad.numpy(), w.grad.numpy()


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("left", [np.nan, np.inf, 1e30])
def test_what_was_left_changes_nothing(case, left):
    expected = results(case)
    for name, kept in list(module._kept.__dict__.items()):
        # Larger than what is needed, too: then there is something behind it.
        module._kept.__dict__[name] = np.full(kept.size + 1000, left, np.float32)
    for a, b in zip(results(case), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_large_call_before_a_small_one():
    expected = [results(case) for case in CONVOLUTIONS]
    results(((3, 40, 20, 21), (70, 40, 3, 3), 1, 1, 1, 1))
    for case, once in zip(CONVOLUTIONS, expected, strict=True):
        for a, b in zip(results(case), once, strict=True):
            np.testing.assert_array_equal(a, b)


def test_results_are_no_part_of_it():
    for case in CONVOLUTIONS:
        found = results(case)
        for kept in module._kept.__dict__.values():
            assert not any(np.shares_memory(kept, a) for a in found)
