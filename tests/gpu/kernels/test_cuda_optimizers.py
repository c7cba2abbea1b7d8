"""Steps of the optimisers on the GPU, emulated, against plain."""

import numpy as np
import pytest
from kernel_checks import agree, drawn, plain

from minicnn.kernels.cuda import optimizers

pytestmark = pytest.mark.usefixtures("emulated")

# One of more than a chunk, one of exactly one; more and fewer than threads; one of nothing.
SIZES = [(4097,), (3, 5), (4096,), (0,), (), (2, 2, 70)]
COUNT = len(SIZES)


def lists(dtype, *, last=True):
    """Parameters, gradients and three states that are not negative; the last one perhaps None."""
    made = [drawn(seed, dtype, *SIZES) for seed in range(5)]
    states = [[np.asarray(abs(a)) for a in arrays] for arrays in made[2:]]
    return [*made[:2], *states[:2], states[2] if last else None]


def compare(kernel, arrays, options, dtype):
    """`kernel` against its namesake in float64: every list; gradients stay as they were."""
    exact = [None if s is None else [a.astype(np.float64) for a in s] for s in arrays]
    gradients = [g.copy() for g in arrays[1]]
    plain(kernel.__name__, *exact, *options)
    kernel(*arrays, *options)
    for found, expected in zip(arrays, exact, strict=True):
        for a, b in zip(found or (), expected or (), strict=True):
            agree(a, b, dtype, 5)
    for a, b in zip(arrays[1], gradients, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("momentum, decay", [(0, 0), (0.9, 0), (0.9, 0.1)])
@pytest.mark.parametrize("nesterov, maximize", [(False, True), (True, False)])
@pytest.mark.parametrize("undamped", [[1] * COUNT, [0.7, 1] * (COUNT // 2)])
def test_sgd(momentum, decay, nesterov, maximize, undamped, dtype):
    parameters, gradients, velocities, *_ = lists(dtype)
    arrays = [parameters, gradients, velocities if momentum else None]
    options = undamped, 0.1, momentum, decay, nesterov, maximize
    compare(optimizers.sgd_update, arrays, options, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("decoupled, decay", [(False, 0), (False, 0.1), (True, 0.1)])
@pytest.mark.parametrize("amsgrad, maximize", [(False, True), (True, False)])
@pytest.mark.parametrize("steps", [[1] * COUNT, [3, 7] * (COUNT // 2)])
def test_adam(decoupled, decay, amsgrad, maximize, steps, dtype):
    arrays = lists(dtype, last=amsgrad)
    options = steps, 0.1, (0.8, 0.99), 1e-3, decay, decoupled, maximize
    compare(optimizers.adam_update, arrays, options, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("centered, momentum", [(False, 0), (True, 0), (False, 0.9), (True, 0.9)])
@pytest.mark.parametrize("decay, maximize", [(0, True), (0.1, False)])
def test_rmsprop(centered, momentum, decay, maximize, dtype):
    parameters, gradients, squares, means, velocities = lists(dtype)
    squares = [np.asarray(s + 4) for s in squares]  # above the square of any mean
    arrays = [
        parameters, gradients, squares, means if centered else None,
        velocities if momentum else None,
    ]  # fmt: skip
    compare(optimizers.rmsprop_update, arrays, (0.1, 0.8, 1e-3, decay, momentum, maximize), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("decay, maximize", [(0, True), (0.1, False)])
@pytest.mark.parametrize("rates", [[0.1] * COUNT, [0.1, 0.3] * (COUNT // 2)])
def test_adagrad(decay, maximize, rates, dtype):
    arrays = lists(dtype)[:3]
    compare(optimizers.adagrad_update, arrays, (rates, 1e-3, decay, maximize), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_steps_counted_on_the_gpu(dtype):
    """Parameters that share a number of steps, or have one of their own."""
    counted = lists(dtype, last=False)
    expected = [s and [a.copy() for a in s] for s in counted]
    a, b = np.full((), 3, np.float32), np.full((), 1000, np.float32)
    options = 0.1, (0.8, 0.999), 1e-3, 0.1, False, False
    optimizers.adam_update(*counted, [a, b] * (COUNT // 2), *options)
    optimizers.adam_update(*expected, [3, 1000] * (COUNT // 2), *options)
    for found, wanted in zip(counted[:4], expected[:4], strict=True):
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(x, y)


def test_the_first_correction_keeps_its_digits():
    """1 − βᵗ where βᵗ is almost 1: as a difference of float32 it would have three digits."""
    w, g, m, v = (np.full(3, x, np.float32) for x in (1, 0.5, 0, 0))
    exact = [[a.astype(np.float64)] for a in (w, g, m, v)]
    options = [1], 0.1, (0.9999, 0.99999), 0.0, 0, False, False
    optimizers.adam_update([w], [g], [m], [v], None, *options)
    plain("adam_update", *exact, None, *options)
    np.testing.assert_allclose(w, exact[0][0], rtol=1e-6)


def test_beta_may_be_zero():
    w, g, m, v = (np.full(3, x, np.float32) for x in (1, 0.5, 7, 7))
    optimizers.adam_update([w], [g], [m], [v], None, [2], 0.1, (0.0, 0.0), 0.0, 0, False, False)
    np.testing.assert_allclose(w, 0.9, rtol=1e-6)


def test_more_tensors_than_a_launch_takes():
    count = 2 * optimizers.TENSORS + 1
    p, g = drawn(0, "float32", *[(3,)] * count), drawn(1, "float32", *[(3,)] * count)
    expected = [a - np.float32(0.1) * b for a, b in zip(p, g, strict=True)]
    optimizers.sgd_update(p, g, None, [1] * count, 0.1, 0, 0, False, False)
    for a, b in zip(p, expected, strict=True):
        agree(a, b, "float32")


def test_what_is_not_a_number_stays_one():
    """The largest v so far, and with it the parameter."""
    w, g, m, v, largest = (np.ones(3, np.float32) for _ in range(5))
    largest[1] = np.nan
    options = [1], 0.1, (0.8, 0.99), 1e-3, 0, False, False
    optimizers.adam_update([w], [g], [m], [v], [largest], *options)
    np.testing.assert_array_equal(np.isnan(largest), [False, True, False])
    np.testing.assert_array_equal(np.isnan(w), [False, True, False])


def test_one_launch_for_all(monkeypatch):
    launches = []
    launch = optimizers.launching.launch
    monkeypatch.setattr(
        optimizers.launching, "launch", lambda *a: launches.append(a[1]) or launch(*a)
    )
    parameters, gradients, velocities, *_ = lists("float32")
    options = [1] * COUNT, 0.1, 0.9, 0, False, False
    optimizers.sgd_update(parameters, gradients, velocities, *options)
    assert launches == ["sgd_update"]


def test_memory_with_gaps_and_several_dtypes_at_once():
    made = [drawn(i, "float32", (40,), (40,), (40,)) for i in range(3)]
    made = [[a[::2] for a in made[0]], made[1], [a.astype(np.float16) for a in made[2]]]
    expected = [(p - 0.5 * (0.9 * v + g), 0.9 * v + g, g.copy()) for p, g, v in made]
    columns = [list(column) for column in zip(*made, strict=True)]
    optimizers.sgd_update(*columns, [1, 1, 1], 0.5, 0.9, 0, False, False)
    for (p, g, v), (new_p, new_v, old_g) in zip(made, expected, strict=True):
        bound = 1e-5 if p.dtype == np.float32 else 3e-3
        np.testing.assert_allclose(p, new_p, rtol=bound, atol=bound)
        np.testing.assert_allclose(v, new_v, rtol=bound, atol=bound)
        np.testing.assert_array_equal(g, old_g)


def test_nothing_to_do():
    optimizers.sgd_update([], [], None, [], 0.1, 0, 0, False, False)
    nothing = [np.zeros(0, np.float32)]
    optimizers.sgd_update(nothing, nothing, None, [1], 0.1, 0, 0, False, False)


def test_more_chunks_than_blocks(monkeypatch):
    monkeypatch.setattr(optimizers.launching, "BLOCKS", 2)
    p, g = drawn(0, "float32", (5 * optimizers.CHUNK + 1,), (5 * optimizers.CHUNK + 1,))
    expected = p - np.float32(0.1) * g
    optimizers.sgd_update([p], [g], None, [1], 0.1, 0, 0, False, False)
    agree(p, expected, "float32")
