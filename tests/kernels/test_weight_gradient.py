"""The weight gradient by panels equals the plain one, whatever the shapes leave over."""

import numpy as np
import pytest

from minicnn.kernels import plain
from minicnn.kernels.cpu import convolution, weight_gradient
from minicnn.kernels.cpu.rectangles import OUTERS
from minicnn.kernels.cpu.vectors import WIDTH

# (N, C, H, W, F, kernel, stride, padding, dilation, groups)
SHAPES = [
    (2, 3, 9, 11, 12, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (3, 5, 7, 6, 33, (3, 2), (1, 1), (0, 0), (1, 1), 1),  # maps and k's that fill no vector
    (2, 8, 12, 10, 40, (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (1, 4, 13, 17, 64, (5, 3), (1, 1), (2, 1), (1, 2), 1),
    (2, 32, 6, 9, 70, (2, 2), (1, 1), (0, 0), (1, 1), 2),
    (2, 20, 30, 31, 17, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (2, 24, 9, 9, 144, (1, 1), (1, 1), (0, 0), (1, 1), 1),  # the smaller matrix is turned round
    (2, 40, 8, 8, 48, (1, 1), (2, 2), (0, 0), (1, 1), 1),
    (9, 16, 5, 5, 16, (3, 3), (1, 1), (1, 1), (1, 1), 1),  # several images at a time
    (1, 2, 3, 700, 16, (3, 3), (1, 1), (1, 1), (1, 1), 1),  # a row longer than a piece
]


def compare(shape):
    n, c, h, w, f, kernel, stride, padding, dilation, groups = shape
    rng = np.random.default_rng(sum(shape[:5]))
    x = rng.standard_normal((n, c, h, w))
    out = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip((h, w), padding, dilation, kernel, stride, strict=True)
    ]
    delta = rng.standard_normal((n, f, *out))
    options = kernel, stride, padding, dilation, groups
    expected = plain.conv2d_weight_gradient(delta, x, *options)
    found = convolution.conv2d_weight_gradient(
        delta.astype("float32"), x.astype("float32"), *options
    )
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * abs(expected).max())


@pytest.fixture
def counted(monkeypatch):
    calls = []

    def count(*arguments):
        calls.append(arguments)
        return weight_gradient.weight_gradient(*arguments)

    monkeypatch.setattr(convolution, "weight_gradient", count)
    return calls


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_plain(shape, counted):
    compare(shape)
    assert len(counted) == 1


@pytest.mark.parametrize("kind", range(len(OUTERS)))
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_every_rectangle(shape, kind, monkeypatch):
    monkeypatch.setattr(weight_gradient, "best_kind", lambda maps, steps: kind)
    compare(shape)


@pytest.mark.parametrize("shape", [SHAPES[3], SHAPES[4], SHAPES[6], SHAPES[8]])
@pytest.mark.parametrize("sums", [600, 5000])
def test_cut_into_parts_and_pieces(shape, sums, monkeypatch):
    monkeypatch.setattr(weight_gradient, "SUMS", sums)
    monkeypatch.setattr(weight_gradient, "PLACES", 20)
    monkeypatch.setattr(weight_gradient, "LONG_PLACES", 30)
    weight_gradient.best_parts.cache_clear()
    compare(shape)
    weight_gradient.best_parts.cache_clear()


def test_parts_are_as_many_as_threads_need():
    parts = weight_gradient.best_parts(1, 1, 50, 14 * 32, 1000, 1000, 4)
    assert parts[0] * parts[1] % 4 == 0
    for blocks, rectangles, groups in ((8, 50, 1), (3, 7, 2), (16, 400, 1)):
        map_parts, step_parts = weight_gradient.best_parts(
            groups, blocks, rectangles, 448, 10**6, 10**5, 2
        )
        assert groups * map_parts * step_parts % 2 == 0 or step_parts == rectangles
        assert (
            -(-blocks // map_parts) * -(-rectangles // step_parts) * 448 <= 2 * weight_gradient.SUMS
        )


def test_which_rectangle():
    assert OUTERS[weight_gradient.best_kind(3 * WIDTH, 900)] in (OUTERS[2], OUTERS[1])
    assert OUTERS[weight_gradient.best_kind(WIDTH, 900)][1] == 1
    assert OUTERS[weight_gradient.best_kind(2 * WIDTH, 14 * 9)] == OUTERS[0]
