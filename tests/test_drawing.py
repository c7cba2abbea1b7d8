"""Random numbers in blocks: the right distribution, from the seed alone."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import drawing

SIZE = 3 * drawing.BLOCK + 17


def drawn(size, fill=drawing.fill_normal, seed=0, dtype=np.float32, numbers=(0.0, 1.0)):
    array = np.full(size, np.nan, dtype)
    fill(array, *numbers, np.random.default_rng(seed))
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
    x = drawn(size, drawing.fill_uniform, numbers=(-2.0, 3.0))
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
    drawing.fill_normal(a, 0, 1, rng)
    drawing.fill_normal(b, 0, 1, rng)
    assert not np.array_equal(a, b)


def test_memory_with_gaps():
    whole = np.full((2000, 300), np.nan, np.float32)
    drawing.fill_normal(whole[:, ::2], 0, 1, np.random.default_rng(0))
    assert np.isfinite(whole[:, ::2]).all() and np.isnan(whole[:, 1::2]).all()
