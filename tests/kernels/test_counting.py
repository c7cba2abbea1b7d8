"""The kernels behind what is kept of an array that is left out of a trace."""

from itertools import pairwise

import numpy as np
import pytest

from minicnn.kernels import find, kernels
from minicnn.tracing.values import BINS, TOP, digest

rng = np.random.default_rng(5)
ARRAYS = {
    "normal": rng.standard_normal(50_001),
    "on the edges": rng.integers(0, BINS + 1, 3000) / 8,
    "narrow, far from 0": 1000 + rng.integers(0, 400, 5000) * 1e-7,
    "zeros": np.maximum(rng.standard_normal(5000), 0),
    "not finite": np.array([np.nan, 2.0, np.inf, -3.0, -np.inf, 0.5, np.nan] * 40),
    "few": np.array([3.0, -4.0]),
    "one": np.array([-0.25]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_histograms_count_every_entry_once_and_exactly(x, dtype):
    x = x.astype(dtype)
    finite = x[np.isfinite(x)]
    for low, high in ((finite.min() - 1, finite.max()), (finite.min(), finite.max() + 0.7)):
        edges = np.linspace(float(low), float(high), BINS + 1)
        found = find("histogram")(x, edges)
        wide = finite.astype(np.float64)
        expected = [((a <= wide) & (wide < b)).sum() for a, b in pairwise(edges)]
        expected[-1] += (wide == edges[-1]).sum()
        assert found.tolist() == expected and found.sum() == finite.size
        with kernels("plain"):
            assert np.array_equal(find("histogram")(x, edges), found)


@pytest.mark.parametrize("ends", [(0.25, 0.5), (-0.125, 4.0), (1000, 1000.00001)])
def test_entries_outside_of_all_bins_are_not_counted(ends):
    x = np.concatenate([ARRAYS["normal"], ARRAYS["on the edges"], ARRAYS["narrow, far from 0"]])
    edges = np.linspace(*ends, BINS + 1)
    found = find("histogram")(x, edges)
    assert found.tolist() == np.histogram(x, edges)[0].tolist()
    assert 0 < found.sum() < x.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_the_largest_entries_and_of_equal_ones_the_first(x, dtype):
    x = x.astype(dtype)
    sizes = [np.inf if np.isnan(v) else abs(v) for v in x]
    expected = sorted(range(len(x)), key=lambda k: (-sizes[k], k))[:TOP]
    assert find("largest_entries")(x, TOP).tolist() == expected
    with kernels("plain"):
        assert find("largest_entries")(x, TOP).tolist() == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
def test_digests(dtype):
    x = np.clip(rng.standard_normal((3, 5, 40, 70)) * 50, -120, 120)
    x = x > 40 if dtype == "bool" else x.astype(dtype)
    for shown in (x, x[1:2], x.transpose(0, 2, 1, 3)):
        found = digest(shown)
        counts, edges = np.histogram(shown.astype(np.float64), BINS)
        assert found.counts == tuple(counts) and found.edges == tuple(edges)
        assert len(found.top) == TOP and all(shown[i] == v for i, v in found.top)
        assert abs(found.top[0][1]) == np.abs(shown.astype(np.float64)).max()
        assert found.stride[1] == 5  # pixels a thumbnail's pixel, of 70
        rows = shown[..., :: found.stride[0], ::5].reshape(-1, *found.thumbnails.shape[1:])
        assert np.array_equal(found.thumbnails, rows[:8].astype(np.float32))


@pytest.mark.parametrize("entries, counts, edges", [
    ([], (0,), (0, 0)),
    ([7.0, 7.0], (2,), (7, 7)),
    ([1e20, 1e20, np.nan], (2,), (1e20, 1e20)),
    ([np.nan, np.inf], (0,), (0, 0)),
    ([1.0, np.nextafter(1, 2)], (2,), (1, np.nextafter(1, 2))),
    ([-1.7e308, 1.7e308], (2,), (-1.7e308, 1.7e308)),
    ([0.0, 5e-324], (2,), (0, 5e-324)),
])  # fmt: skip
def test_where_no_bins_can_be_made_there_is_one(entries, counts, edges):
    found = digest(np.array(entries))
    assert (found.counts, found.edges) == (counts, edges)
