"""Exercise 9, the grader's side: softmax and cross-entropy."""

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


def _probe(title, n, classes, scale=1.0, upstream=False):
    def arguments(rng):
        values = {
            "scores": scale * rng.standard_normal((n, classes)),
            "labels": rng.integers(0, classes, n),
        }
        return values | ({"upstream": float(rng.uniform(1.5, 3))} if upstream else {})

    return Probe(title, arguments)


def _same_label(title, n, classes, upstream=False):
    """Labels that are not all different: those of the first two samples are equal."""
    drawn = _probe(title, n, classes, upstream=upstream)

    def arguments(rng):
        values = drawn.arguments(rng)
        values["labels"][:2] = values["labels"][-1]
        return values

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _loss(scores, labels):
    return float(textbook.cross_entropy(scores, labels))


def _gradient(scores, labels, upstream):
    return textbook.cross_entropy_gradient(scores, labels) * upstream


def _terms(result, index, scores, labels, upstream):
    n, k = index
    e = np.exp(scores[n] - scores[n].max())
    hit = int(labels[n] == k)
    return [
        f"softmax(z)[{n},{k}] = {e[k] / e.sum():.4g}, onehot = {hit}, N = {len(scores)}, "
        f"∂J/∂L = {upstream:.4g}"
    ]


# --------------------------------------------------------------------- the wrong answers


def _log_softmax(scores, axis=1):
    z = scores - scores.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def _mean_of(values):
    """A wrong loss, from what stands at the labels."""
    return lambda scores, labels: float(np.mean(values(scores, np.asarray(labels))))


def _at(values, labels):
    return values[np.arange(len(labels)), labels]


def _broken(operation, scores, labels, upstream):
    return gradients(operation(np.asarray(labels), "mean", -100), (scores,), upstream)[0]


def _all_pairs(scores, labels, upstream):
    dz = np.exp(_log_softmax(scores))
    dz[:, labels] -= 1
    return dz * upstream / len(scores)


def _over_the_batch(scores, labels, upstream):
    dz = np.exp(_log_softmax(scores, axis=0))
    dz[np.arange(len(labels)), labels] -= 1
    return dz * upstream / len(scores)


def _diagonal(scores, labels, upstream):
    """softmax' taken for s (1 − s), so that only the label's score gets a gradient."""
    s = np.exp(_log_softmax(scores))
    dz = np.zeros(s.shape)
    dz[np.arange(len(labels)), labels] = _at(s, labels) - 1
    return dz * upstream / len(scores)


EXERCISE = Exercise(
    number=9,
    name="ex09_softmax_loss",
    title="softmax and cross-entropy, with its 1/N",
    equations=("softmax-ce", "softmax"),
    see="minicnn step lenet5 --plain",
    tasks=(
        Task(
            function="mean_loss",
            arguments=("scores", "labels"),
            results=("L",),
            expected=_loss,
            probes=(
                _probe("N = 4, 3 classes", 4, 3),
                _same_label("N = 3, 5 classes, equal labels", 3, 5),
                _probe("scores of about ±1000", 4, 3, scale=1000.0),
            ),
            hidden=(_probe("N = 2, 7 classes", 2, 7), _probe("one sample", 1, 4)),
            wrong=(
                Wrong("loss-sum", "the sum over the batch, not the mean",
                      lambda scores, labels: len(scores) * _loss(scores, labels)),
                Wrong("loss-divided-by-all", "1/(N·K), not 1/N",
                      lambda scores, labels: _loss(scores, labels) / scores.shape[1]),
                Wrong("loss-sign", "the wrong sign",
                      lambda scores, labels: -_loss(scores, labels)),
                Wrong("loss-base-2", "the logarithm to base 2",
                      lambda scores, labels: _loss(scores, labels) / float(np.log(2))),
                Wrong("loss-without-log", "−softmax(z) at the labels, without the logarithm",
                      _mean_of(lambda z, t: -_at(np.exp(_log_softmax(z)), t))),
                Wrong("loss-over-batch", "softmax over the samples, not over the classes",
                      _mean_of(lambda z, t: -_at(_log_softmax(z, axis=0), t))),
                Wrong("loss-all-pairs", "z[:, t]: every sample with the labels of all samples",
                      _mean_of(lambda z, t: -_log_softmax(z)[:, t])),
                Wrong("loss-of-scores", "−z at the labels, without softmax",
                      _mean_of(lambda z, t: -_at(z, t))),
            ),
        ),
        Task(
            function="loss_gradient",
            arguments=("scores", "labels", "upstream"),
            results=("dz",),
            expected=_gradient,
            probes=(
                _probe("N = 4, 3 classes", 4, 3, upstream=True),
                _same_label("N = 3, 5 classes, equal labels", 3, 5, upstream=True),
                _probe("scores of about ±1000", 4, 3, scale=1000.0, upstream=True),
            ),
            hidden=(
                _probe("N = 2, 7 classes", 2, 7, upstream=True),
                _probe("one sample", 1, 4, upstream=True),
            ),
            wrong=(
                *faults(("ce-not-divided", "ce-divided-twice", "ce-divided-by-classes",
                         "ce-delta-ignored", "ce-without-target", "ce-sign"), _broken),
                Wrong("ce-all-pairs", "dz[:, t] −= 1: every sample with the labels of all samples",
                      _all_pairs),
                Wrong("ce-over-batch", "softmax over the samples, not over the classes",
                      _over_the_batch),
                Wrong("ce-label-only", "softmax − 1 at the label, and 0 at all other classes",
                      _diagonal),
            ),
            derivatives={
                "dz": Derivative(
                    lambda z, scores, labels, upstream: np.float64(_loss(z, labels)),
                    lambda scores, **_: scores,
                    delta="upstream",
                )
            },
            terms=_terms,
        ),
    ),
)  # fmt: skip
