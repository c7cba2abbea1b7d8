"""Steps of optimisers for all parameters at once, against a few lines of NumPy."""

import itertools

import numpy as np
import pytest

from minicnn.kernels import find, kernels

SHAPES = [(), (5,), (3, 4, 5), (0,), (70_001,), (1,), (33,)]
SGD = list(itertools.product((0, 0.9), (0, 0.01), (False, True), (False, True)))
ADAM = list(itertools.product((0, 0.1), (False, True), (False, True), (False, True)))


def arrays(rng, dtype, shapes=SHAPES):
    return [np.asarray(rng.standard_normal(s)).astype(dtype) for s in shapes]


def copies(lists):
    return [None if arrays is None else [a.copy() for a in arrays] for arrays in lists]


def both(name, lists, *options):
    """The lists after the fast and after the plain kernel; all but the gradients must change."""
    found = []
    for variant in ("cpu", "plain"):
        changed = copies(lists)
        with kernels(variant):
            find(name)(*changed, *options)
        found.append(changed)
    assert not np.array_equal(found[0][0][-1], lists[0][-1])
    for a, b in zip(found[0][1], lists[1], strict=True):
        np.testing.assert_array_equal(a, b)
    fast, plain = ([a for given in of if given is not None for a in given] for of in found)
    return zip(fast, plain, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sgd_equals_plain(dtype):
    rng = np.random.default_rng(0)
    for momentum, decay, nesterov, maximize in SGD:
        lists = arrays(rng, dtype), arrays(rng, dtype), arrays(rng, dtype) if momentum else None
        undamped = rng.uniform(0.2, 1, len(SHAPES)).tolist()
        for a, b in both("sgd_update", lists, undamped, 0.1, momentum, decay, nesterov, maximize):
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_equals_plain(dtype):
    rng = np.random.default_rng(0)
    for decay, decoupled, amsgrad, maximize in ADAM:
        squares, largest = ([np.abs(a, out=a) for a in arrays(rng, dtype)] for _ in range(2))
        if not amsgrad:
            largest = None
        lists = arrays(rng, dtype), arrays(rng, dtype), arrays(rng, dtype), squares, largest
        steps = rng.integers(1, 50, len(SHAPES)).tolist()
        options = steps, 0.1, (0.9, 0.99), 1e-3, decay, decoupled, maximize
        for a, b in both("adam_update", lists, *options):
            np.testing.assert_allclose(a, b, rtol=3e-6, atol=3e-6)


def test_the_largest_square_keeps_nan():
    nan, one = np.float32("nan"), np.ones(4, np.float32)
    for square, so_far in ((one, one * nan), (one * nan, one)):
        lists = [[one], [one], [one], [square], [so_far]]
        options = [2], 0.1, (0.9, 0.99), 1e-3, 0, False, False
        changed = copies(lists)
        find("adam_update")(*changed, *options)
        assert np.isnan(changed[4][0]).all() and np.isnan(changed[0][0]).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_no_bit(threads):
    import minicnn as mc

    rng = np.random.default_rng(0)
    lists = arrays(rng, np.float32), arrays(rng, np.float32), arrays(rng, np.float32)
    options = [1] * len(SHAPES), 0.1, 0.9, 0.01, True, False
    expected = copies(lists)
    find("sgd_update")(*expected, *options)
    before = mc.get_num_threads()
    mc.set_num_threads(threads)
    try:
        changed = copies(lists)
        find("sgd_update")(*changed, *options)
    finally:
        mc.set_num_threads(before)
    for a, b in zip(changed, expected, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def some_gaps(rng):
    return [rng.standard_normal(40)[::2], rng.standard_normal(5)]


def half(rng):
    return arrays(rng, np.float16, [(40,), (5,)])


def mixed(rng):
    return arrays(rng, np.float32, [(40,)]) + arrays(rng, np.float64, [(5,)])


@pytest.mark.parametrize("make", [some_gaps, half, mixed])
def test_what_is_left_to_numpy(make):
    rng = np.random.default_rng(0)
    p, g = make(rng), make(rng)
    expected = [w - 0.5 * d for w, d in zip(p, g, strict=True)]
    find("sgd_update")(p, g, None, [1, 1], 0.5, 0, 0, False, False)
    for w, e in zip(p, expected, strict=True):
        np.testing.assert_allclose(w, e, rtol=1e-2 if w.dtype == np.float16 else 1e-6)


def test_a_parameter_that_is_there_twice_moves_twice():
    w, g = np.zeros(3, np.float32), np.ones(3, np.float32)
    find("sgd_update")([w, w], [g, g], None, [1, 1], 0.5, 0, 0, False, False)
    np.testing.assert_array_equal(w, [-1, -1, -1])


def of_another_shape(kind, array):
    return {"shorter": array[:3].copy(), "one number": np.float32(1).reshape(())}[kind]


@pytest.mark.parametrize("kind", ["shorter", "one number"])
@pytest.mark.parametrize("which", [1, 2])
def test_an_array_of_another_shape_is_not_read_beyond_its_end(kind, which):
    """A gradient of one number is NumPy's to stretch; what does not fit is an error."""
    arrays = [np.arange(6, dtype=np.float32) for _ in range(3)]
    arrays[which] = of_another_shape(kind, arrays[which])
    lists = [[a] for a in arrays]
    options = [1], 0.5, 0.9, 0, False, False
    with kernels("plain"):
        expected = copies(lists)
        try:
            find("sgd_update")(*expected, *options)
        except ValueError:
            expected = None
    if expected is None:
        with pytest.raises(ValueError):
            find("sgd_update")(*lists, *options)
    else:
        find("sgd_update")(*lists, *options)
        np.testing.assert_array_equal(lists[0][0], expected[0][0])


def test_memory_that_is_read_only_is_not_written_to():
    w, g = np.ones(4, np.float32), np.ones(4, np.float32)
    w.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        find("sgd_update")([w], [g], None, [1], 0.5, 0, 0, False, False)
    assert (w == 1).all()
