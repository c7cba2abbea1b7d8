"""Transposed convolution: as scatter, as Cᵀ, as a wide correlation."""

import numpy as np
import pytest

from minicnn import textbook as tb


def test_matrix_of_a_filter_of_three():
    w1, w2, w3 = 2, 3, 5
    assert tb.convolution_matrix([w1, w2, w3], 5).tolist() == [
        [w1, w2, w3, 0, 0],
        [0, w1, w2, w3, 0],
        [0, 0, w1, w2, w3],
    ]


def test_matrix_in_two_dimensions_by_hand():
    assert tb.convolution_matrix([[1, 2], [3, 4]], (2, 3)).tolist() == [
        [1, 2, 0, 3, 4, 0],
        [0, 1, 2, 0, 3, 4],
    ]


def test_matrix_does_what_the_correlation_does(rng):
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((4, 5))
    C = tb.convolution_matrix(w, (4, 5))
    assert C.shape == (9, 20)
    np.testing.assert_allclose(
        tb.multiply(C, x.reshape(-1)).reshape(3, 3), tb.cross_correlate(w, x)
    )


def test_transposed_matrix_is_the_transposed_convolution(rng):
    w, z = rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
    C = tb.convolution_matrix(w, (4, 6))
    back = tb.multiply_transposed(C, z.reshape(-1)).reshape(4, 6)
    np.testing.assert_allclose(back, tb.conv_transpose2d(z[None, None], w[None, None])[0, 0])
    np.testing.assert_allclose(back, tb.cross_correlate(tb.rot180(w), z, "wide"))


def test_one_dimensional_matrix_transposed(rng):
    w, z = rng.standard_normal(3), rng.standard_normal(3)
    back = tb.multiply_transposed(tb.convolution_matrix(w, 5), z)
    np.testing.assert_allclose(back, tb.convolve1d(w, z))


def test_maps_are_summed_as_in_1_16(rng):
    z, w = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((3, 2, 2, 3))
    expected = np.zeros((2, 2, 5, 7))
    for n in range(2):
        for d in range(2):
            for p in range(3):
                expected[n, d] += tb.cross_correlate(tb.rot180(w[p, d]), z[n, p], "wide")
    np.testing.assert_allclose(tb.conv_transpose2d(z, w), expected)


def test_transposed_convolution_is_the_adjoint(rng):
    """⟨z, conv(x)⟩ = ⟨convᵀ(z), x⟩, here for a layer in groups with r = (1, 0)."""
    x, w = rng.standard_normal((2, 4, 8, 7)), rng.standard_normal((6, 2, 3, 3))
    options = {"stride": (2, 2), "padding": (1, 1), "groups": 2}
    z = rng.standard_normal((2, 6, 4, 4))
    back = tb.conv_transpose2d(z, w, output_padding=(1, 0), **options)
    assert back.shape == x.shape
    assert np.sum(z * tb.conv2d(x, w, **options)) == pytest.approx(np.sum(back * x))


def test_bias_is_added_once_everywhere():
    y = tb.conv_transpose2d(
        np.zeros((2, 1, 2, 3)), np.ones((1, 2, 2, 2)), [1, 10], stride=(3, 3), output_padding=(1, 2)
    )
    assert y.shape == (2, 2, 6, 10)
    assert (y[:, 0] == 1).all() and (y[:, 1] == 10).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tb.conv_transpose2d(np.ones((1, 2, 3, 3)), np.ones((3, 1, 2, 2))),
            r"conv_transpose2d: w must have shape \(2, 1, 2, 2\), got \(3, 1, 2, 2\)",
        ),
        (
            lambda: tb.conv_transpose2d(
                np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), output_padding=(1, 0)
            ),
            "conv_transpose2d: output_padding must be smaller than stride",
        ),
        (
            lambda: tb.conv_transpose2d(np.ones((1, 3, 3, 3)), np.ones((3, 1, 2, 2)), groups=2),
            "must divide the 3 channels",
        ),
        (
            lambda: tb.conv_transpose2d(
                np.ones((1, 1, 1, 3)), np.ones((1, 1, 2, 2)), padding=(1, 1)
            ),
            "conv_transpose2d: padding 1 leaves nothing",
        ),
        (lambda: tb.convolution_matrix([1, 2, 3], 2), "input_size must be an integer ≥ 3, got 2"),
        (lambda: tb.convolution_matrix([[1, 2]], (3, 1)), r"w \(1, 2\) is larger"),
        (lambda: tb.multiply([[1, 2]], [1]), r"multiply: x must have shape \(2,\), got \(1,\)"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
