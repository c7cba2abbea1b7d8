"""Arrays joined by all threads: the same as NumPy's."""

import numpy as np
import pytest

from minicnn.kernels import find
from minicnn.kernels.cpu import joining


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(joining, "LARGE", 0)
    calls = []

    def watched(*arguments, original=joining._put):
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(joining, "_put", watched)
    return calls


@pytest.mark.parametrize("seed", range(60))
def test_joined_as_by_numpy(seed, counted):
    rng = np.random.default_rng(seed)
    shape = list(map(int, rng.integers(1, 8, rng.integers(2, 6))))
    axis = int(rng.integers(1, len(shape)))
    arrays = []
    for _ in range(rng.integers(1, 5)):
        shape[axis] = int(rng.integers(1, 20))
        # Maps of larger images, in their place, turned round, or of their own.
        larger = rng.standard_normal([shape[0], shape[1] + 3, *shape[2:]]).astype("float32")
        view = larger[:, 1 : 1 + shape[1]]
        arrays.append([view, view[..., ::-1], view.copy()][rng.integers(3)])
    if seed % 2:
        axis -= len(shape)
    np.testing.assert_array_equal(find("concatenate")(arrays, axis), np.concatenate(arrays, axis))
    assert len(counted) == len(arrays)


@pytest.mark.parametrize(
    ("shapes", "dtypes", "axis"),
    [
        ([(2, 3), (4, 3)], "ff", 0),
        ([(2, 3), (2, 4)], "fd", 1),
        ([(2, 3), (2, 0)], "ff", 1),
        ([(5,), (3,)], "ff", 0),
        ([(2, 3), (2, 3)], "ll", 1),
    ],
)
def test_the_rest_is_numpy_s(shapes, dtypes, axis, counted, rng):
    arrays = [rng.integers(0, 9, s).astype(d) for s, d in zip(shapes, dtypes, strict=True)]
    found, expected = find("concatenate")(arrays, axis), np.concatenate(arrays, axis)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype and not counted


@pytest.mark.parametrize("other", [(3, 3), (2, 3, 1)])
def test_shapes_that_do_not_fit_are_refused(other, counted):
    with pytest.raises(ValueError):
        find("concatenate")([np.ones((2, 3), "f"), np.ones(other, "f")], 1)
    assert not counted
