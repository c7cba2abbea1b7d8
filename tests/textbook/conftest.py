import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def check_gradient(rng):
    """check(f, x, delta, gradient): gradient against central differences of L = Σ δ · f(x).

    One entry of x after the other while x is small, else along random directions.
    """

    def check(f, x, delta, gradient, h=1e-5):
        assert gradient.shape == x.shape

        def loss(x):
            y = f(x)
            # A δ that broadcasts, or a constant one, would hide wrong gradients.
            assert y.shape == delta.shape
            return float(np.sum(delta * y))

        if x.size <= 60:
            directions = np.eye(x.size).reshape(x.size, *x.shape)
        else:
            directions = rng.standard_normal((4, *x.shape))
        for direction in directions:
            numerical = (loss(x + h * direction) - loss(x - h * direction)) / (2 * h)
            np.testing.assert_allclose(
                np.sum(gradient * direction), numerical, rtol=1e-6, atol=1e-7
            )

    return check
