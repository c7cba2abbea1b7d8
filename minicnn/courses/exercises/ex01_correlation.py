"""Exercise 1, the grader's side: cross-correlation of one image with one kernel."""

import numpy as np

from minicnn import textbook
from minicnn.courses.exercise import Exercise, Probe, Task, Wrong


def _probe(title, image, kernel):
    def arguments(rng):
        return {"image": rng.standard_normal(image), "kernel": rng.standard_normal(kernel)}

    return Probe(title, arguments)


def _place(title, image, kernel, i, j):
    pictures = _probe(title, image, kernel)
    return Probe(title, lambda rng: pictures.arguments(rng) | {"i": i, "j": j})


# ------------------------------------------------------------------------ the right answers


def _correlate(image, kernel):
    return textbook.cross_correlate(kernel, image)


def _products(image, kernel, i, j):
    """∂y_ij/∂w, which is the window, times w: element by element what the sum is made of."""
    delta = np.zeros(_correlate(image, kernel).shape)
    delta[i, j] = 1
    return kernel * textbook.kernel_derivative(delta, image)


def _terms(result, index, image, kernel):
    i, j = index
    return [
        f"w[{u},{v}] · x[{i + u},{j + v}] = {kernel[u, v]:.4g} · {image[i + u, j + v]:.4g}"
        for u, v in np.ndindex(kernel.shape)
    ]


# --------------------------------------------------------------------- the wrong answers


def _with(change):
    """The right function of a kernel that has been changed."""
    return lambda image, kernel: _correlate(image, np.ascontiguousarray(change(kernel)))


def _transposed(kernel):
    return kernel.T.reshape(kernel.shape)


def _without_last(kernel):
    kernel = kernel.copy()
    kernel[-1], kernel[:, -1] = 0, 0
    return kernel


def _backwards(image, kernel):
    """y_ij = Σ w_uv · x_{i−u, j−v}, where Python counts negative indices from the end."""
    y = np.zeros(_correlate(image, kernel).shape)
    for i, j in np.ndindex(y.shape):
        for u, v in np.ndindex(kernel.shape):
            y[i, j] += kernel[u, v] * image[i - u, j - v]
    return y


def _window(image, kernel, i, j):
    return _products(image, np.ones(kernel.shape), i, j)


EXERCISE = Exercise(
    number=1,
    name="ex01_correlation",
    title="cross-correlation of one image with one kernel",
    equations=("1.5", "conv-size"),
    see="minicnn step lenet5 --layer conv1 --phases all --plain",
    tasks=(
        Task(
            function="correlate",
            arguments=("image", "kernel"),
            results=("Y",),
            expected=_correlate,
            probes=(
                _probe("7 × 9 image, 3 × 3 kernel", (7, 9), (3, 3)),
                _probe("5 × 6 image, 2 × 3 kernel", (5, 6), (2, 3)),
                _probe("kernel as high as the image", (4, 6), (4, 2)),
            ),
            hidden=(
                _probe("1 × 1 kernel", (3, 4), (1, 1)),
                _probe("kernel as large as the image", (3, 2), (3, 2)),
                _probe("more rows than columns, 2 × 2 kernel", (8, 5), (2, 2)),
            ),
            wrong=(
                Wrong(
                    "corr-rotated",
                    "the kernel turned by 180°: a convolution, not a cross-correlation",
                    _with(lambda w: w[::-1, ::-1]),
                ),
                Wrong(
                    "corr-upside-down",
                    "the kernel's rows in the reverse order",
                    _with(lambda w: w[::-1]),
                ),
                Wrong(
                    "corr-mirrored",
                    "the kernel's columns in the reverse order",
                    _with(lambda w: w[:, ::-1]),
                ),
                Wrong("corr-transposed", "the kernel's rows and columns exchanged",
                      _with(_transposed)),
                Wrong("corr-mean", "the mean of the products, not their sum",
                      _with(lambda w: w / w.size)),
                Wrong("corr-last-left-out", "the kernel's last row and column left out",
                      _with(_without_last)),
                Wrong(
                    "corr-minus",
                    "x[i − u, j − v] for x[i + u, j + v]; Python takes negative indices from "
                    "the end",
                    _backwards,
                ),
                Wrong("corr-kernel-ignored", "every weight taken for 1",
                      _with(np.ones_like)),
            ),
            linear_in="image",
            terms=_terms,
        ),
        Task(
            function="products",
            arguments=("image", "kernel", "i", "j"),
            results=("terms",),
            expected=_products,
            probes=(
                _place("first output", (4, 5), (3, 3), 0, 0),
                _place("output (1, 2)", (5, 6), (3, 3), 1, 2),
                _place("output (2, 1), 2 × 3 kernel", (5, 6), (2, 3), 2, 1),
            ),
            hidden=(_place("output in the last row", (5, 6), (2, 2), 3, 2),),
            wrong=(
                Wrong("products-window", "the pixels of the window without the weights", _window),
                Wrong(
                    "products-rotated",
                    "the kernel turned by 180°",
                    lambda image, kernel, i, j: _products(image, kernel[::-1, ::-1].copy(), i, j),
                ),
                Wrong(
                    "products-exchanged",
                    "i as the column and j as the row",
                    lambda image, kernel, i, j: _products(image, kernel, j, i),
                ),
                Wrong(
                    "products-first-window",
                    "the window in the corner, whatever i and j are",
                    lambda image, kernel, i, j: _products(image, kernel, 0, 0),
                ),
            ),
            linear_in="image",
        ),
    ),
)  # fmt: skip
