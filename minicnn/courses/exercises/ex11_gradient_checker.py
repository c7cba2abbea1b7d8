"""Exercise 11, the grader's side: a gradient checker, and backwards that it has to judge."""

import numpy as np

import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.courses.exercise import Call, Exercise, Probe, Task, Wrong
from minicnn.creation import tensor

# ----------------------------------------------------------------- functions to be differentiated


class _Convolution:
    """z = W ⊗ x for a batch, with its gradient; `scale` makes all slopes larger or smaller."""

    shape = (2, 1, 2, 3)

    def __init__(self, rng, scale=1.0):
        self.w = tensor(scale * rng.standard_normal((2, self.shape[1], 2, 2)))

    def forward(self, x):
        return F.conv2d(tensor(x), self.w, padding=1).numpy().copy()

    def backward(self, delta, x):
        return self.with_kernel(self.w.numpy(), delta, x)

    def with_kernel(self, w, delta, x):
        return textbook.conv2d_input_gradient(delta, w, x.shape[2:], padding=(1, 1))


class _TwoMaps(_Convolution):
    shape = (3, 2, 2, 2)


class _NotRotated(_Convolution):
    def backward(self, delta, x):
        return self.with_kernel(self.w.numpy()[:, :, ::-1, ::-1], delta, x)


class _DeltaTransposed(_Convolution):
    def backward(self, delta, x):
        return super().backward(delta.swapaxes(2, 3).reshape(delta.shape), x)


class _DeltaIgnored(_Convolution):
    def backward(self, delta, x):
        return super().backward(np.ones_like(delta), x)


class _BatchReversed(_Convolution):
    def backward(self, delta, x):
        return super().backward(delta, x)[::-1]


class _DividedByN(_Convolution):
    def backward(self, delta, x):
        return super().backward(delta, x) / len(x)


class _OneSample(_Convolution):
    def backward(self, delta, x):
        dx = super().backward(delta, x)
        dx[1:] = 0
        return dx


class _Sign(_Convolution):
    def backward(self, delta, x):
        return -super().backward(delta, x)


class _LastElement(_Convolution):
    """Wrong by a fiftieth of the largest gradient in one corner, right everywhere else."""

    def backward(self, delta, x):
        dx = super().backward(delta, x)
        dx[-1, -1, -1, -1] += 0.02 * np.abs(dx).max()
        return dx


class _InTheFirstSample(_Convolution):
    """One wrong element, neither the first nor in the last sample."""

    def backward(self, delta, x):
        dx = super().backward(delta, x)
        dx[0, -1, -1, -1] += 0.02 * np.abs(dx).max()
        return dx


class _NaN(_Convolution):
    def backward(self, delta, x):
        return np.full(x.shape, np.nan)


class _AxisTooMany(_Convolution):
    def backward(self, delta, x):
        return super().backward(delta, x)[None]


class _Moved(_Convolution):
    """Two elements exchanged: their sum stays what it was."""

    def backward(self, delta, x):
        dx = super().backward(delta, x)
        dx[0, 0, 0, [1, 2]] = dx[0, 0, 0, [2, 1]]
        return dx


class _Curved:
    """y = exp(2x): a difference with a large step, or to one side, is far off."""

    shape = (3, 4)

    def __init__(self, rng):
        pass

    def forward(self, x):
        return np.exp(2 * x)

    def backward(self, delta, x):
        return delta * 2 * np.exp(2 * x)


class _Cubic(_Curved):
    def forward(self, x):
        return x**3 - 2 * x

    def backward(self, delta, x):
        return delta * (3 * x**2 - 2)


class _CubicValue(_Cubic):
    """The chain rule with y itself in the place of its slope."""

    def backward(self, delta, x):
        return delta * self.forward(x)


def _judged(title, subject, **options):
    def arguments(rng):
        made = subject(rng, **options)
        x = rng.standard_normal(made.shape)
        return {"forward": Call(_taking(made.forward)), "backward": Call(_taking(made.backward)),
                "x": x}  # fmt: skip

    return Probe(title, arguments)


def _differentiated(title, subject, h):
    def arguments(rng):
        made = subject(rng)
        x = rng.standard_normal(made.shape)
        delta = rng.standard_normal(made.forward(x).shape)
        return {"forward": Call(_taking(made.forward)), "x": x, "delta": delta, "h": h}

    return Probe(title, arguments)


def _taking(function):
    """`function` of arrays of float64, whatever the student calls it with."""
    return lambda *arrays: function(*(np.asarray(a, np.float64) for a in arrays))


# ------------------------------------------------------------------------ the right answers


def _difference(forward, x, delta, ahead, behind):
    """Σ δ · (f(x + ahead) − f(x + behind)) / (ahead − behind), for every element of x."""
    result = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1
        change = forward.function(x + ahead * unit) - forward.function(x + behind * unit)
        result[place] = (delta * change).sum() / (ahead - behind)
    return result


def _central(forward, x, delta, h):
    return _difference(forward, x, delta, h, -h)


def _jacobian(function, x, h=1e-5):
    """∂y/∂x of all pairs, as an array (shape of x, shape of y)."""
    rows = []
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = h
        rows.append((function(x + unit) - function(x - unit)) / (2 * h))
    return np.array(rows).reshape(*x.shape, *rows[0].shape)


def _is_right(forward, backward, x):
    """Compares with the whole Jacobian, for several δ: nothing can hide from that."""
    jacobian = _jacobian(forward.function, x)
    rng = np.random.default_rng(11)
    shape = jacobian.shape[x.ndim :]
    for _ in range(3):
        delta = rng.standard_normal(shape)
        found = backward.function(delta, x)
        expected = (jacobian * delta).sum(axis=tuple(range(x.ndim, jacobian.ndim)))
        if found.shape != x.shape or not np.isfinite(found).all():
            return False
        if not (np.abs(found - expected) <= 1e-4 * np.abs(expected).max()).all():
            return False
    return True


# --------------------------------------------------------------------- the wrong answers


def _checker(delta_of=None, agree=None, h=1e-5, one_sided=False, shapes=True):
    """A gradient checker with a weakness.

    agree(found, expected) says whether two arrays count as the same.
    """

    def answer(forward, backward, x):
        shape = forward.function(x).shape
        delta = (delta_of or (lambda s: np.random.default_rng(3).standard_normal(s)))(shape)
        found = backward.function(delta, x)
        if shapes and found.shape != x.shape:
            return False
        expected = _difference(forward, x, delta, h, 0 if one_sided else -h)
        return bool((agree or _agree)(found, expected))

    return answer


def _agree(found, expected):
    size = np.abs(expected).max()
    return (np.abs(found - expected) <= 1e-4 * np.abs(expected) + 1e-6 * size).all()


def _any_wrong(found, expected):
    """`not (error > tolerance).any()`: NaN is larger than nothing."""
    return not (np.abs(found - expected) > 1e-4 * np.abs(expected).max()).any()


def _mean_error(found, expected):
    error = np.abs(found - expected).mean()
    return error <= 1e-2 * np.abs(expected).mean()


EXERCISE = Exercise(
    number=11,
    name="ex11_gradient_checker",
    title="a gradient checker that catches planted bugs",
    equations=("finite-difference",),
    seconds=60.0,
    tasks=(
        Task(
            function="numeric_gradient",
            arguments=("forward", "x", "delta", "h"),
            results=("gradient",),
            expected=_central,
            probes=(
                _differentiated("a cubic, h = 0.1", _Cubic, 0.1),
                _differentiated("a convolution, h = 0.001", _Convolution, 1e-3),
                _differentiated("exp(2x), h = 0.01", _Curved, 1e-2),
            ),
            hidden=(_differentiated("a cubic, h = 0.25", _Cubic, 0.25),),
            wrong=(
                Wrong("numeric-forward", "(L(x + h) − L(x))/h: the difference to the right only",
                      lambda forward, x, delta, h: _difference(forward, x, delta, h, 0)),
                Wrong("numeric-backward", "(L(x) − L(x − h))/h: the difference to the left only",
                      lambda forward, x, delta, h: _difference(forward, x, delta, 0, -h)),
                Wrong("numeric-not-halved", "L(x + h) − L(x − h) divided by h, not by 2h",
                      lambda forward, x, delta, h: 2 * _central(forward, x, delta, h)),
                Wrong("numeric-delta-ignored", "δ taken for 1",
                      lambda forward, x, delta, h: _central(forward, x, np.ones_like(delta), h)),
                Wrong("numeric-sign", "L(x − h) − L(x + h): the wrong sign",
                      lambda forward, x, delta, h: -_central(forward, x, delta, h)),
                Wrong("numeric-half-step", "steps of h/2",
                      lambda forward, x, delta, h: _central(forward, x, delta, h / 2)),
            ),
        ),
        Task(
            function="is_right",
            arguments=("forward", "backward", "x"),
            results=("answer",),
            expected=_is_right,
            probes=(
                _judged("a right convolution", _Convolution),
                _judged("a right convolution of two maps", _TwoMaps),
                _judged("right, with slopes of 10⁵", _Convolution, scale=1e5),
                _judged("right, exp(2x)", _Curved),
                _judged("W not rotated by 180°", _NotRotated),
                _judged("wrong, with slopes of 10⁻⁷", _NotRotated, scale=1e-7),
                _judged("δ ignored", _DeltaIgnored),
                _judged("samples in the reverse order", _BatchReversed),
                _judged("divided by N", _DividedByN),
                _judged("a wrong sign", _Sign),
                _judged("right for the first sample only", _OneSample),
                _judged("one wrong element", _LastElement),
                _judged("one wrong element in the first sample", _InTheFirstSample),
                _judged("two elements exchanged", _Moved),
                _judged("NaN", _NaN),
                _judged("an axis too many", _AxisTooMany),
            ),
            hidden=(
                _judged("right, a cubic", _Cubic),
                _judged("y in the place of its slope", _CubicValue),
                _judged("δ transposed", _DeltaTransposed),
                _judged("right, with slopes of 10⁻⁶", _Convolution, scale=1e-6),
            ),
            wrong=(
                Wrong("checker-always", "True for every backward, wrong ones too",
                      lambda **_: True),
                Wrong("checker-never", "False for every backward, right ones too",
                      lambda **_: False),
                Wrong("checker-delta-1",
                      "the same δ everywhere, 1 perhaps, as with L = Σ y: many bugs hide there",
                      _checker(delta_of=np.ones)),
                Wrong("checker-first-element", "a look at the first element only",
                      _checker(agree=lambda a, b: abs(a.flat[0] - b.flat[0])
                               <= 1e-4 * np.abs(b).max())),
                Wrong("checker-sum", "the sums of the two gradients compared, not their elements",
                      _checker(agree=lambda a, b: abs(a.sum() - b.sum())
                               <= 1e-6 * np.abs(b).sum())),
                Wrong("checker-sizes", "absolute values compared: signs are not looked at",
                      _checker(agree=lambda a, b: _agree(np.abs(a), np.abs(b)))),
                Wrong("checker-absolute",
                      "an absolute tolerance: any small gradients are right, large ones wrong",
                      _checker(agree=lambda a, b: (np.abs(a - b) <= 1e-6).all())),
                Wrong("checker-nan", "`not any(error > tolerance)`: NaN is not larger than that",
                      _checker(agree=_any_wrong)),
                Wrong("checker-shape", "broadcasting in the place of a comparison of shapes",
                      _checker(shapes=False)),
                Wrong("checker-loose",
                      "a mean error, or a loose tolerance: one wrong element is lost in it",
                      _checker(agree=_mean_error)),
                Wrong("checker-inaccurate",
                      "differences that are too far off where the function is curved: to one "
                      "side only, or with too large a step",
                      _checker(h=1e-2, one_sided=True)),
            ),
        ),
    ),
)  # fmt: skip
