"""Per-sample random numbers: decided by (seed, epoch, index), and by nothing else."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError
from minicnn.data.sample_random import generator, sample_generator
from minicnn.random import default_generator


def drawn(*numbers):
    with sample_generator(*numbers):
        return tuple(generator().numpy.integers(2**62, size=2))


def test_the_three_numbers_decide():
    large = 2**32
    keys = [(s, e, i) for s in (0, 1, large) for e in (0, 1, large) for i in (0, 1, large)]
    first = {key: drawn(*key) for key in keys}
    assert len(set(first.values())) == len(keys)
    mc.manual_seed(3)
    assert {key: drawn(*key) for key in reversed(keys)} == first


def test_it_goes_on_within_a_sample_and_starts_anew_with_the_next():
    with sample_generator(1, 2, 3):
        numbers = [generator().numpy.integers(2**62) for _ in range(2)]
    assert tuple(numbers) == drawn(1, 2, 3)


def test_outside_it_is_minicnns_own():
    assert generator() is default_generator
    with pytest.raises(ZeroDivisionError), sample_generator(0, 0, 0):
        assert generator() is not default_generator
        raise ZeroDivisionError
    assert generator() is default_generator


def test_minicnns_own_stays_as_it_is():
    before = default_generator.get_state()
    drawn(0, 0, 0)
    assert default_generator.get_state() == before


def test_the_inner_one_holds():
    with sample_generator(0, 0, 0):
        outer = generator()
        assert drawn(5, 5, 5) != drawn(0, 0, 0)
        assert generator() is outer


def test_threads_have_a_sample_each():
    meet = Barrier(4, timeout=30)

    def work(index):
        with sample_generator(0, 0, index):
            meet.wait()
            first = generator().numpy.integers(2**62)
            meet.wait()
            return first, generator().numpy.integers(2**62)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found == [drawn(0, 0, i) for i in range(4)]


def test_numpys_integers_will_do():
    assert drawn(np.int64(1), np.uint8(2), np.int32(3)) == drawn(1, 2, 3)


@pytest.mark.parametrize(
    "numbers, message",
    [
        ((-1, 0, 0), r"sample_generator: seed must be at least 0, got -1"),
        ((0, 1.5, 0), r"sample_generator: epoch must be an integer ≥ 0, got 1.5 \(float\)"),
        ((0, 0, "a"), r"sample_generator: index must be an integer ≥ 0, got 'a' \(str\)"),
        ((0, 0, True), r"sample_generator: index must be an integer ≥ 0, got True"),
    ],
)
def test_refuses(numbers, message):
    with pytest.raises(ArgumentError, match=message), sample_generator(*numbers):
        pass
