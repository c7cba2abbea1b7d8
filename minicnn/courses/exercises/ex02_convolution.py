"""Exercise 2, the grader's side: true convolution, and what it has to do with correlation."""

import numpy as np

from minicnn import textbook
from minicnn.courses.exercise import Call, Exercise, Probe, Task, Wrong


def _kernel(title, *shape):
    return Probe(title, lambda rng: {"kernel": rng.standard_normal(shape)})


def _probe(title, image, kernel, **more):
    def arguments(rng):
        arrays = {"image": rng.standard_normal(image), "kernel": rng.standard_normal(kernel)}
        return arrays | more

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _turned(kernel):
    return textbook.rot180(kernel)


def _convolve(image, kernel, **_):
    return textbook.convolve2d(kernel, image)


def _narrow(a, w):
    """What the student's `correlate` computes."""
    return textbook.cross_correlate(w, a)


def _terms(result, index, image, kernel, **_):
    i, j = index
    return [
        f"w[{u},{v}] · x[{i - u},{j - v}] = {kernel[u, v]:.4g} · {image[i - u, j - v]:.4g}"
        for u, v in np.ndindex(kernel.shape)
        if 0 <= i - u < image.shape[0] and 0 <= j - v < image.shape[1]
    ]


# --------------------------------------------------------------------- the wrong answers


def _transposed(kernel):
    return kernel.T.reshape(kernel.shape)


def _wide_correlation(image, kernel, **_):
    return textbook.cross_correlate(kernel, image, "wide")


def _result_turned(image, kernel, **_):
    return textbook.rot180(_convolve(image, kernel))


def _assigned(image, kernel):
    y = np.zeros(_convolve(image, kernel).shape)
    m, n = kernel.shape
    for s, t in np.ndindex(image.shape):
        y[s : s + m, t : t + n] = image[s, t] * kernel
    return y


def _negative_indices(image, kernel):
    """As eq. 1.4, but only i − u < M is asked for: −1 is the last row then."""
    y = np.zeros(_convolve(image, kernel).shape)
    (height, width), (m, n) = image.shape, kernel.shape
    for i, j in np.ndindex(y.shape):
        for u, v in np.ndindex(m, n):
            s, t = i - u, j - v
            if -height <= s < height and -width <= t < width:
                y[i, j] += kernel[u, v] * image[s, t]
    return y


def _border(mode):
    """The right thing with another border around the image."""

    def answer(image, kernel, **_):
        m, n = kernel.shape
        wide = np.pad(image, ((m - 1, m - 1), (n - 1, n - 1)), mode=mode)
        return _narrow(wide, textbook.rot180(kernel))

    return answer


def _one_side(image, kernel, **_):
    m, n = kernel.shape
    wide = np.pad(image, ((2 * m - 2, 0), (2 * n - 2, 0)))
    return _narrow(wide, textbook.rot180(kernel))


_NOT_TURNED = Wrong(
    "convolve-not-turned",
    "a wide cross-correlation: the kernel is not turned by 180°",
    _wide_correlation,
)
_RESULT_TURNED = Wrong(
    "convolve-result-turned",
    "the image turned by 180° in the place of the kernel, so that the result is turned",
    _result_turned,
)

EXERCISE = Exercise(
    number=2,
    name="ex02_convolution",
    title="true convolution, and convolution = correlation with rot180",
    equations=("1.4", "1.5", "conv-rot180"),
    see='python -c "from minicnn import equations; print(equations.get(\'conv-rot180\'))"',
    tasks=(
        Task(
            function="turned",
            arguments=("kernel",),
            results=("turned",),
            expected=_turned,
            probes=(_kernel("3 × 3", 3, 3), _kernel("2 × 4", 2, 4)),
            hidden=(_kernel("one row", 1, 5), _kernel("4 × 3", 4, 3)),
            wrong=(
                Wrong("turned-upside-down", "the rows in the reverse order, but not the columns",
                      lambda kernel: kernel[::-1].copy()),
                Wrong("turned-mirrored", "the columns in the reverse order, but not the rows",
                      lambda kernel: kernel[:, ::-1].copy()),
                Wrong("turned-transposed", "the transpose", _transposed),
                Wrong("turned-by-90", "a turn by 90°, not by 180°",
                      lambda kernel: np.rot90(kernel).reshape(kernel.shape).copy()),
            ),
            linear_in="kernel",
        ),
        Task(
            function="convolve",
            arguments=("image", "kernel"),
            results=("Y",),
            expected=_convolve,
            probes=(
                _probe("5 × 7 image, 3 × 3 kernel", (5, 7), (3, 3)),
                _probe("4 × 5 image, 2 × 3 kernel", (4, 5), (2, 3)),
                _probe("a kernel larger than the image", (2, 3), (4, 4)),
            ),
            hidden=(
                _probe("1 × 1 kernel", (3, 4), (1, 1)),
                _probe("a column of pixels", (6, 1), (3, 2)),
            ),
            wrong=(
                _NOT_TURNED,
                _RESULT_TURNED,
                Wrong(
                    "convolve-transposed",
                    "the kernel's rows and columns exchanged",
                    lambda image, kernel: _convolve(image, _transposed(kernel)),
                ),
                Wrong("convolve-assigned", "= for += where the copies of the kernel overlap",
                      _assigned),
                Wrong(
                    "convolve-negative-indices",
                    "indices below 0 not left out: Python counts them from the end",
                    _negative_indices,
                ),
            ),
            linear_in="image",
            terms=_terms,
        ),
        Task(
            function="convolve_by_correlation",
            arguments=("image", "kernel", "correlate"),
            results=("Y",),
            expected=_convolve,
            probes=(
                _probe("5 × 7 image, 3 × 3 kernel", (5, 7), (3, 3), correlate=Call(_narrow)),
                _probe("4 × 5 image, 2 × 3 kernel", (4, 5), (2, 3), correlate=Call(_narrow)),
            ),
            hidden=(
                _probe("a kernel larger than the image", (3, 2), (4, 5), correlate=Call(_narrow)),
            ),
            wrong=(
                _NOT_TURNED,
                _RESULT_TURNED,
                Wrong(
                    "convolve-both-turned",
                    "the image and the kernel both turned by 180°",
                    lambda image, kernel, correlate: _wide_correlation(
                        textbook.rot180(image), textbook.rot180(kernel)
                    ),
                ),
                Wrong(
                    "convolve-zeros-on-one-side",
                    "all zeros at the top and left, none at the bottom and right",
                    _one_side,
                ),
                Wrong(
                    "convolve-edge-repeated",
                    "the image's edge repeated around it, where zeros belong",
                    _border("edge"),
                ),
                Wrong(
                    "convolve-wrapped",
                    "the image repeated around itself, where zeros belong",
                    _border("wrap"),
                ),
            ),
            linear_in="image",
            terms=_terms,
        ),
    ),
)  # fmt: skip
