"""Random numbers in blocks: the right distribution, from the seed alone."""

import math

import numpy as np
import pytest

import minicnn as mc
from minicnn import drawing

SIZE = 3 * drawing.BLOCK + 17


def drawn(size, kind=drawing.normal, seed=0, dtype=np.float32, numbers=(0.0, 1.0)):
    array = np.full(size, np.nan, dtype)
    drawing.fill([(array, kind(*numbers))], np.random.default_rng(seed))
    return array


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 1000, SIZE])
def test_normal(size, dtype):
    x = drawn(size, dtype=dtype, numbers=(3.0, 0.5)).astype(float)
    assert np.isfinite(x).all()
    if size > 1:
        assert x.mean() == pytest.approx(3, abs=4 * 0.5 / size**0.5 + 1e-3)
        assert x.std() == pytest.approx(0.5, rel=0.1 if size < 2000 else 0.01)


@pytest.mark.parametrize("size", [1, 1000, SIZE])
def test_uniform(size):
    x = drawn(size, drawing.uniform, numbers=(-2.0, 3.0))
    assert x.min() >= -2 and x.max() <= 3
    if size > 1:
        assert x.mean() == pytest.approx(0.5, abs=4 * 1.45 / size**0.5)
        assert np.histogram(x, 5)[0].min() > 0.8 * size / 5


def test_blocks_differ_from_each_other():
    x = drawn(SIZE)
    blocks = [x[i * drawing.BLOCK : (i + 1) * drawing.BLOCK] for i in range(3)]
    assert len(np.unique(x[:: drawing.BLOCK])) == 4
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert abs(np.corrcoef(blocks[a], blocks[b])[0, 1]) < 0.01


def test_the_seed_decides_and_the_threads_do_not():
    before = mc.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            mc.set_num_threads(threads)
            found.append(drawn(SIZE, seed=7))
    finally:
        mc.set_num_threads(before)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], drawn(SIZE, seed=8))


def test_the_generator_moves_on():
    rng = np.random.default_rng(0)
    a, b = np.empty(SIZE, np.float32), np.empty(SIZE, np.float32)
    drawing.fill([(a, drawing.normal(0, 1))], rng)
    drawing.fill([(b, drawing.normal(0, 1))], rng)
    assert not np.array_equal(a, b)


def test_memory_with_gaps():
    whole = np.full((2000, 300), np.nan, np.float32)
    drawing.fill([(whole[:, ::2], drawing.normal(0, 1))], np.random.default_rng(0))
    assert np.isfinite(whole[:, ::2]).all() and np.isnan(whole[:, 1::2]).all()


def test_several_at_once():
    """Small and large, float16 among them: each has numbers of its own."""
    sizes = [(10, np.float32), (SIZE, np.float32), (10, np.float16), (SIZE, np.float64)]
    arrays = [np.full(size, np.nan, dtype) for size, dtype in sizes]
    drawing.fill([(a, drawing.normal(0, 1)) for a in arrays], np.random.default_rng(0))
    assert all(np.isfinite(a).all() and a.std() > 0.3 for a in arrays)
    assert len({float(a[0]) for a in arrays}) == 4


def test_a_failure_in_a_thread_is_not_lost():
    def fails(rng, block):
        raise MemoryError("no")

    with pytest.raises(MemoryError, match="no"):
        drawing.fill([(np.empty(SIZE, np.float32), fails)], np.random.default_rng(0))


def test_normal_numbers_are_normal_throughout():
    """Shares below some heights, tails, and neighbours in pairs that know nothing of each other."""
    x = drawn(2**20 + 1).astype(float)
    for height in (-4, -3, -2, -1, -0.3, 0, 0.3, 1, 2, 3, 4):
        share = (1 + math.erf(height / 2**0.5)) / 2
        assert (x < height).mean() == pytest.approx(
            share, abs=4 * (share * (1 - share) / 2**20) ** 0.5
        )
    half = drawing.BLOCK // 2
    for a, b in ((x[:half], x[half : 2 * half]), (x[:-1], x[1:])):
        for f in (np.abs, np.square, np.sign):
            assert abs(np.corrcoef(f(a), f(b))[0, 1]) < 0.02
