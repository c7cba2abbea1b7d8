"""Exercise 12, the grader's side: batch normalisation, backwards."""

import numpy as np

from minicnn import textbook
from minicnn.courses.exercise import (
    Derivative,
    Exercise,
    Probe,
    Task,
    Wrong,
    faults,
    gradients,
)


def _probe(title, shape, names, eps=1e-5, scale=1.0, shift=0.0):
    def arguments(rng):
        channels = shape[1]
        # Channels with means and deviations of their own: averages over all of them show.
        factor = scale * (1 + np.arange(channels)).reshape(1, -1, 1, 1)
        values = {
            "x": factor * rng.standard_normal(shape) + shift + factor,
            "gamma": rng.uniform(0.5, 2, channels) * rng.choice([-1, 1], channels),
            "delta": rng.standard_normal(shape) + 0.5,
            "eps": eps,
        }
        return {name: values[name] for name in names}

    return Probe(title, arguments)


def _probes(*names):
    return (
        _probe("N = 3, 2 channels", (3, 2, 2, 3), names),
        _probe("N = 2, 3 channels, large mean", (2, 3, 3, 2), names, shift=20.0),
        _probe("ε = 0.5", (4, 2, 1, 2), names, eps=0.5, scale=0.7),
    )


def _hidden(*names):
    return (_probe("single pixels", (5, 2, 1, 1), names), _probe("N = 1", (1, 2, 3, 4), names))


# ------------------------------------------------------------------------ the right answers


def _all(x, delta, gamma=None, eps=1e-5):
    gamma = np.ones(x.shape[1]) if gamma is None else gamma
    return textbook.batch_norm_gradients(delta, x, gamma, eps)


def _dbeta(delta):
    return _all(np.zeros_like(delta), delta)[2]


def _dgamma(x, delta, eps):
    return _all(x, delta, eps=eps)[1]


def _dx(x, gamma, delta, eps):
    return _all(x, delta, gamma, eps)[0]


def _of_x(v, x, gamma, delta, eps):
    return textbook.batch_norm(v, gamma, np.zeros(len(gamma)), eps)[0]


def _of_gamma(v, x, delta, eps):
    return textbook.batch_norm(x, v, np.zeros(len(v)), eps)[0]


def _terms(result, index, x, gamma, delta, eps):
    """The three parts of ∂L/∂x."""
    channel = index[1]
    own, values = delta[:, channel], x[:, channel]
    deviation = np.sqrt(values.var() + eps)
    x_hat = (values - values.mean()) / deviation
    place = index[0], *index[2:]
    return [
        f"γ/√(σ² + ε) = {gamma[channel] / deviation:.4g}",
        f"δ = {delta[index]:.4g}",
        f"the mean of δ = {own.mean():.4g}",
        f"x̂ · the mean of δ·x̂ = {x_hat[place]:.4g} · {(own * x_hat).mean():.4g}",
    ]


# --------------------------------------------------------------------- the wrong answers


def _broken(operation, x, gamma, delta, eps):
    options = x.shape, (0, 2, 3), (1, x.shape[1], 1, 1), eps
    return gradients(operation(*options), (x, gamma, np.zeros_like(gamma)), delta)


def _broken_dx(operation, **arguments):
    return _broken(operation, **arguments)[0]


def _broken_dgamma(operation, x, delta, eps):
    return _broken(operation, x, np.ones(x.shape[1]), delta, eps)[1]


def _unbiased(x):
    """M/(M − 1): what the biased variance has to be multiplied with."""
    m = x.size / x.shape[1]
    return m / (m - 1)


def _unbiased_dx(x, gamma, delta, eps):
    """∂L/∂x with the unbiased variance in √(σ² + ε), the formula else unchanged."""
    axes = (0, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) * _unbiased(x) + eps)
    x_hat = (x - mean) / deviation
    inner = delta - delta.mean(axis=axes, keepdims=True)
    inner = inner - x_hat * (delta * x_hat).mean(axis=axes, keepdims=True)
    return gamma.reshape(1, -1, 1, 1) / deviation * inner


def _summed(x, gamma, delta, eps):
    """Sums where means belong."""
    axes = (0, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    x_hat = (x - mean) / deviation
    inner = delta - delta.sum(axis=axes, keepdims=True)
    inner = inner - x_hat * (delta * x_hat).sum(axis=axes, keepdims=True)
    return gamma.reshape(1, -1, 1, 1) / deviation * inner


def _each_sample(x, gamma, delta, eps):
    """μ and σ² of each image by itself, as instance normalisation has them."""
    return (
        np.concatenate([_dx(x[n : n + 1], gamma, delta[n : n + 1], eps) for n in range(len(x))])
        if x[0, 0].size > 1
        else np.zeros_like(x)
    )


def _one_group(x, gamma, delta, eps):
    """μ and σ² over the channels, too."""
    n, c, h, w = x.shape
    scaled = delta * gamma.reshape(1, -1, 1, 1)
    flat = _dx(x.reshape(n, 1, c * h, w), np.ones(1), scaled.reshape(n, 1, c * h, w), eps)
    return flat.reshape(x.shape)


_DX = ("x", "gamma", "delta", "eps")
_DGAMMA = ("x", "delta", "eps")

EXERCISE = Exercise(
    number=12,
    name="ex12_batch_norm",
    title="batch normalisation, backwards",
    equations=("bn", "bn-backward"),
    see="minicnn step resnet20 --watch layer1.0 --layer layer1.0 --plain",
    tasks=(
        Task(
            function="norm_dbeta",
            arguments=("delta",),
            results=("dbeta",),
            expected=_dbeta,
            probes=_probes("delta"),
            hidden=_hidden("delta"),
            wrong=(
                Wrong("bn-dbeta-mean", "∂L/∂β averaged, not summed",
                      lambda delta: delta.mean(axis=(0, 2, 3))),
                Wrong("bn-dbeta-mean-over-batch", "∂L/∂β averaged over the batch, not summed",
                      lambda delta: delta.sum(axis=(2, 3)).mean(axis=0)),
                Wrong("bn-dbeta-one-sample", "∂L/∂β without the sum over the batch",
                      lambda delta: delta[0].sum(axis=(1, 2))),
            ),
            derivatives={
                "dbeta": Derivative(
                    lambda v, delta: np.zeros(delta.shape) + v.reshape(1, -1, 1, 1),
                    lambda delta: np.zeros(delta.shape[1]),
                    linear=True,
                )
            },
            linear_in="delta",
        ),
        Task(
            function="norm_dgamma",
            arguments=_DGAMMA,
            results=("dgamma",),
            expected=_dgamma,
            probes=_probes(*_DGAMMA),
            hidden=_hidden(*_DGAMMA),
            wrong=(
                *faults(("bn-dgamma-of-x",), _broken_dgamma),
                Wrong("bn-dgamma-mean", "∂L/∂γ averaged, not summed",
                      lambda x, **a: _dgamma(x, **a) * x.shape[1] / x.size),
                Wrong("bn-dgamma-not-scaled", "Σ δ (x − μ), not divided by √(σ² + ε)",
                      lambda x, delta, eps: _dgamma(x, delta, eps)
                      * np.sqrt(x.var(axis=(0, 2, 3)) + eps)),
                Wrong("bn-dgamma-without-eps", "x̂ without ε",
                      lambda x, delta, eps: _dgamma(x, delta, 0.0)),
                Wrong("bn-dgamma-eps-outside", "σ + ε for √(σ² + ε)",
                      lambda x, delta, eps: _dgamma(x, delta, 0.0)
                      * x.std(axis=(0, 2, 3)) / (x.std(axis=(0, 2, 3)) + eps)),
                Wrong("bn-dgamma-variance", "x̂ = (x − μ)/(σ² + ε): the root left out",
                      lambda x, delta, eps: _dgamma(x, delta, eps)
                      / np.sqrt(x.var(axis=(0, 2, 3)) + eps)),
                Wrong("bn-dgamma-unbiased", "the unbiased variance, divided by M − 1",
                      lambda x, delta, eps: _dgamma(x, delta, eps / _unbiased(x))
                      / np.sqrt(_unbiased(x))),
            ),
            derivatives={
                "dgamma": Derivative(_of_gamma, lambda x, **_: np.ones(x.shape[1]), linear=True)
            },
            linear_in="delta",
        ),
        Task(
            function="norm_dx",
            arguments=_DX,
            results=("dx",),
            expected=_dx,
            probes=_probes(*_DX),
            hidden=_hidden(*_DX),
            wrong=(
                *faults(("bn-without-mean", "bn-without-variance", "bn-constants",
                         "bn-without-gamma"), _broken_dx),
                Wrong("bn-unbiased", "the unbiased variance, divided by M − 1", _unbiased_dx),
                Wrong("bn-sums", "the sums of δ and δ·x̂, not their means", _summed),
                Wrong("bn-each-sample", "μ and σ² of each sample, not of the batch", _each_sample),
                Wrong("bn-all-channels", "μ and σ² over all channels together", _one_group),
                Wrong("bn-without-eps", "√σ² without ε",
                      lambda x, gamma, delta, eps: _dx(x, gamma, delta, 0.0)),
                Wrong("bn-delta-ignored", "δ taken for 1",
                      lambda x, gamma, delta, eps: _dx(x, gamma, np.ones_like(delta), eps)),
            ),
            derivatives={"dx": Derivative(_of_x, lambda x, **_: x)},
            linear_in="delta",
            terms=_terms,
        ),
    ),
)  # fmt: skip
