"""What is random: its distribution, where `test_all_functions` compares shape, dtype and range."""

import math

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F

COUNT = 40_000


def distance(sample, distribution):
    """Kolmogorov's: how far the sample's distribution function is from the exact one, times √n."""
    sample = np.sort(np.asarray(sample, float).ravel())
    exact = distribution(sample)
    n = sample.size
    steps = np.arange(n + 1) / n
    return math.sqrt(n) * max(abs(exact - steps[1:]).max(), abs(exact - steps[:-1]).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_and_normal_numbers(dtype):
    assert distance(mc.rand(200, COUNT // 200, dtype=dtype), lambda x: x) < 1.95
    normal = np.vectorize(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2)
    assert distance(mc.randn(COUNT, dtype=dtype), normal) < 1.95


def test_numbers_follow_each_other_without_memory():
    for x in (mc.rand(COUNT, dtype=mc.float64) - 0.5, mc.randn(COUNT, dtype=mc.float64)):
        a = x.array
        assert abs(np.corrcoef(a[:-1], a[1:])[0, 1]) < 5 / math.sqrt(COUNT)


def test_integers_are_equally_frequent():
    counts = np.bincount(mc.randint(3, 13, (COUNT,)).array)
    assert counts[:3].sum() == 0 and len(counts) == 13
    # χ² of 9 degrees of freedom; 27.9 is exceeded once in a thousand times.
    assert ((counts[3:] - COUNT / 10) ** 2 / (COUNT / 10)).sum() < 27.9


def test_every_place_of_a_permutation_is_as_likely():
    drawn = np.stack([mc.randperm(4).array for _ in range(2400)])
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 100) ** 2 / 100).sum() < 49.7  # χ² of 23 degrees of freedom


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize(
    ("function", "shape", "independent"),
    [
        (F.dropout, (COUNT,), COUNT),
        (F.dropout2d, (200, 200, 2, 1), COUNT),
        (lambda x, p: F.stochastic_depth(x, p, "row"), (COUNT, 2), COUNT),
    ],
)
def test_the_share_that_is_dropped(function, shape, independent, p):
    dropped = (function(mc.ones(*shape), p) == 0).array.mean()
    assert abs(dropped - p) < 5 * math.sqrt(p * (1 - p) / independent)


def test_a_batch_is_dropped_as_often_as_asked():
    kept = [F.stochastic_depth(mc.ones(2, 2), 0.3, "batch")[0, 0].item() != 0 for _ in range(2000)]
    assert abs(np.mean(kept) - 0.7) < 5 * math.sqrt(0.21 / 2000)
