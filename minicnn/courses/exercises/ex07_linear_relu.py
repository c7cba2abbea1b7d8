"""Exercise 7, the grader's side: ReLU and a linear layer, backwards."""

import numpy as np

from minicnn import textbook
from minicnn.courses.exercise import (
    Derivative,
    Exercise,
    Probe,
    Task,
    Wrong,
    apart,
    faults,
    gradients,
)
from minicnn.ops.activation import ReLU


def _relu(title, z):
    def arguments(rng):
        values = z(rng)
        return {"z": values, "delta": rng.standard_normal(values.shape)}

    return Probe(title, arguments)


def _with_zeros(*shape):
    return lambda rng: rng.integers(-1, 2, shape).astype(np.float64)


def _sizes(title, n, inputs, outputs, *names):
    """The arguments `names` of a layer with so many inputs and outputs."""

    def arguments(rng):
        shapes = {"x": (n, inputs), "weight": (outputs, inputs), "delta": (n, outputs)}
        return {name: rng.standard_normal(shapes[name]) for name in names}

    return Probe(title, arguments)


def _probes(*names):
    return (
        _sizes("as many inputs as outputs", 3, 4, 4, *names),
        _sizes("5 inputs, 2 outputs", 4, 5, 2, *names),
    )


def _hidden(*names):
    return (
        _sizes("as many samples, inputs and outputs", 3, 3, 3, *names),
        _sizes("one input", 4, 1, 3, *names),
    )


# ------------------------------------------------------------------------ the right answers


def _relu_back(z, delta):
    return textbook.relu_gradient(delta, z)


def _dx(delta, weight):
    return textbook.linear_input_gradient(delta, weight)


def _dw(x, delta):
    return textbook.linear_weight_gradient(delta, x)


def _db(delta):
    return textbook.linear_bias_gradient(delta)


def _dw_terms(result, index, x, delta):
    k, i = index
    return [
        f"δ[{n},{k}] · x[{n},{i}] = {delta[n, k]:.4g} · {x[n, i]:.4g}" for n in range(len(delta))
    ]


def _dx_terms(result, index, delta, weight):
    n, i = index
    return [
        f"δ[{n},{k}] · w[{k},{i}] = {delta[n, k]:.4g} · {weight[k, i]:.4g}"
        for k in range(len(weight))
    ]


# --------------------------------------------------------------------- the wrong answers


def _broken_relu(operation, z, delta):
    return gradients(operation(), (z,), delta)[0]


class _Value(ReLU):
    """The value of ReLU in the place of its slope."""

    def forward(self, x):
        self.a = super().forward(x)
        return self.a

    def backward(self, delta):
        return delta * self.a


# Where the shapes do not fit, the numbers stay in their order, as after a reshape.


def _weight_transposed(delta, weight):
    return delta @ weight.T.reshape(weight.shape)


def _result_transposed(x, delta):
    return (x.T @ delta).reshape(delta.shape[1], x.shape[1])


def _one_sample(x, delta):
    return _dw(x[:1], delta[:1])


EXERCISE = Exercise(
    number=7,
    name="ex07_linear_relu",
    title="ReLU and a linear layer, backwards",
    equations=("relu", "linear"),
    see="minicnn step lenet5 --layer fc1 --plain",
    tasks=(
        Task(
            function="relu_back",
            arguments=("z", "delta"),
            results=("dz",),
            expected=_relu_back,
            probes=(
                _relu("away from 0", apart(3, 4)),
                _relu("images, away from 0", apart(2, 3, 4, 5)),
                _relu("some z are 0", _with_zeros(4, 5)),
            ),
            wrong=(
                *faults(("relu-leaks", "relu-at-zero", "relu-of-delta"), _broken_relu),
                Wrong("relu-value", "ReLU(z) · δ: the value in the place of the slope",
                      lambda **a: _broken_relu(_Value, **a)),
                Wrong("relu-delta-ignored", "the slope without δ",
                      lambda z, delta: _relu_back(z, np.ones_like(delta))),
                Wrong("relu-mirrored", "δ where z is negative, 0 where it is positive",
                      lambda z, delta: _relu_back(-z, delta)),
            ),
            linear_in="delta",
        ),
        Task(
            function="linear_dx",
            arguments=("delta", "weight"),
            results=("dX",),
            expected=_dx,
            probes=_probes("delta", "weight"),
            hidden=_hidden("delta", "weight"),
            wrong=(
                Wrong("linear-weight-transposed", "∂L/∂X = δ Wᵀ, not δ W", _weight_transposed),
                Wrong("linear-dx-delta-ignored", "δ taken for 1",
                      lambda delta, weight: _dx(np.ones_like(delta), weight)),
                Wrong("linear-dx-mean", "∂L/∂X divided by the size of the batch",
                      lambda delta, weight: _dx(delta / len(delta), weight)),
                Wrong("linear-dx-sign", "the wrong sign",
                      lambda delta, weight: -_dx(delta, weight)),
            ),
            derivatives={
                "dX": Derivative(
                    lambda x, delta, weight: textbook.linear(x, weight),
                    lambda delta, weight: np.zeros((len(delta), weight.shape[1])),
                    linear=True,
                )
            },
            linear_in="delta",
            terms=_dx_terms,
        ),
        Task(
            function="linear_dw",
            arguments=("x", "delta"),
            results=("dW",),
            expected=_dw,
            probes=_probes("x", "delta"),
            hidden=_hidden("x", "delta"),
            wrong=(
                Wrong("linear-delta-transposed", "∂L/∂W = Xᵀ δ, not δᵀ X", _result_transposed),
                Wrong("linear-dw-mean", "∂L/∂W averaged over the batch, not summed",
                      lambda x, delta: _dw(x, delta) / len(x)),
                Wrong("linear-dw-one-sample", "∂L/∂W without the sum over the batch", _one_sample),
                Wrong("linear-delta-ignored", "δ taken for 1",
                      lambda x, delta: _dw(x, np.ones_like(delta))),
                Wrong("linear-dw-sign", "the wrong sign", lambda x, delta: -_dw(x, delta)),
            ),
            derivatives={
                "dW": Derivative(
                    lambda w, x, delta: textbook.linear(x, w),
                    lambda x, delta: np.zeros((delta.shape[1], x.shape[1])),
                    linear=True,
                )
            },
            linear_in="delta",
            terms=_dw_terms,
        ),
        Task(
            function="linear_db",
            arguments=("delta",),
            results=("db",),
            expected=_db,
            probes=_probes("delta"),
            hidden=_hidden("delta"),
            wrong=(
                Wrong("linear-db-mean", "∂L/∂b averaged over the batch, not summed",
                      lambda delta: delta.mean(axis=0)),
                Wrong("linear-db-one-sample", "∂L/∂b without the sum over the batch",
                      lambda delta: delta[0].copy()),
                Wrong("linear-db-everything", "the sum over the outputs, too",
                      lambda delta: np.full(delta.shape[1], delta.sum())),
            ),
            derivatives={
                "db": Derivative(
                    lambda b, delta: np.zeros(delta.shape) + b,
                    lambda delta: np.zeros(delta.shape[1]),
                    linear=True,
                )
            },
            linear_in="delta",
        ),
    ),
)  # fmt: skip
