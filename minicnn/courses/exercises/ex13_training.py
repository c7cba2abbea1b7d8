"""Exercise 13, the grader's side: gradient descent with momentum, which trains LeNet."""

from functools import cache

import numpy as np

import minicnn.nn.functional as F
from minicnn import models, optim, textbook
from minicnn.courses.exercise import Call, Exercise, Probe, Task, Wrong
from minicnn.creation import tensor
from minicnn.data import BundledMNIST
from minicnn.functions.elementwise import tanh
from minicnn.nn import Parameter


def _step(title, shape, rate, momentum, decay):
    def arguments(rng):
        arrays = {name: rng.standard_normal(shape) for name in ("weight", "velocity", "gradient")}
        return arrays | {"rate": rate, "momentum": momentum, "decay": decay}

    return Probe(title, arguments)


# ------------------------------------------------------------------------------- networks


class _Network:
    """A network as a function of its weights: what the student's process may call.

    Args:
        scores: scores(tensors, images) → (N, K), of minicnn tensors.
        shapes: those of the weights.
    """

    def __init__(self, scores, shapes):
        self.scores, self.shapes = scores, shapes

    def initial(self, rng):
        """Weights to start with: uniform, within 1/√(inputs of a unit)."""
        weights, bound = [], 1.0
        for shape in self.shapes:
            if len(shape) > 1:  # a bias follows its weight, and gets the same bound
                bound = 1 / np.sqrt(np.prod(shape[1:]))
            weights.append(rng.uniform(-bound, bound, shape))
        return weights

    def loss_and_gradients(self, weights, images, labels):
        """(mean loss, gradients in the order of the weights); the student calls this."""
        found = [np.shape(w) for w in weights]
        if found != self.shapes:
            raise ValueError(f"expected weights of shapes {self.shapes}, got {found}")
        if len(images) != len(labels) or not len(images):
            raise ValueError(f"got {len(images)} images and {len(labels)} labels")
        tensors = [tensor(np.array(w, np.float64), requires_grad=True) for w in weights]
        images = tensor(np.asarray(images, np.float64))
        loss = F.cross_entropy(self.scores(tensors, images), tensor(np.asarray(labels)))
        loss.backward()
        return loss.item(), [t.grad.numpy().copy() for t in tensors]


def _two_layers(tensors, images):
    w1, b1, w2, b2 = tensors
    return F.linear(tanh(F.linear(images, w1, b1)), w2, b2)


def _lenet(tensors, images):
    """LeNet-5 as minicnn.models has it, of weights that are given."""
    c1, d1, c2, d2, w1, b1, w2, b2, w3, b3 = tensors
    x = F.avg_pool2d(tanh(F.conv2d(images, c1, d1, padding=2)), 2)  # (N, 6, 14, 14)
    x = F.avg_pool2d(tanh(F.conv2d(x, c2, d2)), 2)  # (N, 16, 5, 5)
    x = tanh(F.linear(x.flatten(1), w1, b1))
    return F.linear(tanh(F.linear(x, w2, b2)), w3, b3)  # (N, 10)


@cache
def lenet():
    """LeNet-5 as a function of its weights."""
    shapes = [tuple(p.shape) for p in models.lenet5().parameters()]
    return _Network(_lenet, shapes)


@cache
def _bundled(train):
    data = BundledMNIST(train=train)
    return np.asarray(data.data), np.asarray(data.targets, np.int64)


def digits(first, count, train=True):
    """Some of the bundled digits: (N, 1, 28, 28) with mean 0, deviation 1; and their labels."""
    images, labels = (a[first : first + count] for a in _bundled(train))
    return (images[:, None] / 255 - 0.1307) / 0.3081, labels


def _training(network, images, labels, rng, **options):
    return {
        "weights": network.initial(rng),
        "images": images,
        "labels": labels,
        "loss_and_gradients": Call(network.loss_and_gradients),
        **options,
    }


def _small(title, samples, epochs, batch_size, rate=0.5, momentum=0.9, units=(5, 4, 3)):
    """Two layers; `units`: inputs, hidden units, classes."""

    def arguments(rng):
        inputs, hidden, classes = units
        shapes = [(hidden, inputs), (hidden,), (classes, hidden), (classes,)]
        network = _Network(_two_layers, shapes)
        images = rng.standard_normal((samples, inputs))
        labels = rng.integers(0, classes, samples)
        return _training(network, images, labels, rng, epochs=epochs, batch_size=batch_size,
                         rate=rate, momentum=momentum)  # fmt: skip

    return Probe(title, arguments)


def _digits(title, samples, batch_size):
    def arguments(rng):
        images, labels = digits(int(rng.integers(0, 8000 - samples)), samples)
        return _training(lenet(), images, labels, rng, epochs=1, batch_size=batch_size,
                         rate=0.05, momentum=0.9)  # fmt: skip

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _momentum_step(weight, velocity, gradient, rate, momentum, decay):
    gradient = textbook.weight_decay(gradient, weight, decay)
    return textbook.sgd_momentum_step(weight, gradient, velocity, rate, momentum)


def _train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
    """With minicnn's own SGD."""
    parameters = [Parameter(tensor(w.copy())) for w in weights]
    optimizer = optim.SGD(parameters, lr=rate, momentum=momentum)
    losses = []
    for _ in range(epochs):
        for start in range(0, len(images), batch_size):
            batch = slice(start, start + batch_size)
            now = [p.detach().numpy().copy() for p in parameters]
            loss, gradients = loss_and_gradients.function(now, images[batch], labels[batch])
            losses.append(loss)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = tensor(gradient)
            optimizer.step()
    return [p.detach().numpy().copy() for p in parameters], losses


# --------------------------------------------------------------------- the wrong answers


def _another_step(update):
    """update(w, v, g, η, μ, λ) → (w, v)"""

    def answer(weight, velocity, gradient, rate, momentum, decay):
        return update(weight, velocity, gradient, rate, momentum, decay)

    return answer


def _classic(w, v, g, rate, momentum):
    v = momentum * v + g
    return w - rate * v, v


def _loop(
    forget=lambda epoch, step: False,
    update=_classic,
    stuck=False,
    whole=False,
    once=False,
    restart=False,
):
    """A training loop with one thing wrong."""

    def answer(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
        first, velocities, losses = weights, [np.zeros_like(w) for w in weights], []
        last = len(images) - batch_size + 1 if whole else len(images)
        for epoch in range(1 if once else epochs):
            weights = first if restart else weights
            for step, start in enumerate(range(0, last, batch_size)):
                if forget(epoch, step):
                    velocities = [np.zeros_like(w) for w in weights]
                batch = slice(start, start + batch_size)
                loss, gradients = loss_and_gradients.function(
                    first if stuck else weights, images[batch], labels[batch]
                )
                losses.append(loss)
                pairs = [
                    update(w, v, g, rate, momentum)
                    for w, v, g in zip(weights, velocities, gradients, strict=True)
                ]
                weights, velocities = [w for w, _ in pairs], [v for _, v in pairs]
        return weights, losses

    return answer


def _uphill(w, v, g, rate, momentum):
    v = momentum * v + g
    return w + rate * v, v


def _damped(w, v, g, rate, momentum):
    v = momentum * v + (1 - momentum) * g
    return w - rate * v, v


def _old_velocity(w, v, g, rate, momentum):
    return w - rate * v, momentum * v + g


def _nesterov(w, v, g, rate, momentum):
    v = momentum * v + g
    return w - rate * (g + momentum * v), v


def _decayed(update):
    """A step without weight decay, made one with it."""
    return lambda w, v, g, rate, momentum, decay: update(w, v, g + decay * w, rate, momentum)


def _beside(w, v, g, rate, momentum, decay):
    """Decoupled weight decay, as in AdamW: beside the velocity, not in it."""
    new, v = _classic(w, v, g, rate, momentum)
    return new - rate * decay * w, v


def _rate_inside(w, v, g, rate, momentum, decay):
    """v ← μ·v + η·g, w ← w − v."""
    v = momentum * v + rate * (g + decay * w)
    return w - v, v


EXERCISE = Exercise(
    number=13,
    name="ex13_training",
    title="gradient descent with momentum trains LeNet",
    equations=("sgd-momentum", "weight-decay"),
    see="minicnn train lenet5 --epochs 1",
    seconds=60.0,
    tasks=(
        Task(
            function="momentum_step",
            arguments=("weight", "velocity", "gradient", "rate", "momentum", "decay"),
            results=("weight", "velocity"),
            expected=_momentum_step,
            probes=(
                _step("μ = 0.9, λ = 0", (3, 4), 0.1, 0.9, 0.0),
                _step("μ = 0.5, λ = 0.3", (2, 3, 2), 0.25, 0.5, 0.3),
                _step("μ = 0, λ = 0.1", (5,), 0.5, 0.0, 0.1),
            ),
            hidden=(_step("μ = 0.99, λ = 0.01", (2, 2, 3, 3), 0.03, 0.99, 0.01),),
            wrong=tuple(
                Wrong(f"step-{key}", text, _another_step(update))
                for key, text, update in (
                    ("uphill", "w + η·v: a step up, not down", _decayed(_uphill)),
                    ("damped", "(1 − μ)·g added to the velocity, not g", _decayed(_damped)),
                    ("old-velocity", "the velocity from before this step", _decayed(_old_velocity)),
                    ("nesterov", "Nesterov's momentum", _decayed(_nesterov)),
                    ("rate-inside", "η inside the velocity: v ← μ·v + η·g", _rate_inside),
                    ("decay-beside", "the weight decay beside the velocity, not in it", _beside),
                    ("decay-ignored", "the weight decay left out",
                     lambda w, v, g, rate, mu, decay: _classic(w, v, g, rate, mu)),
                    ("decay-sign", "g − λ·w, which makes weights grow",
                     lambda w, v, g, rate, mu, decay: _classic(w, v, g - decay * w, rate, mu)),
                    ("momentum-ignored", "w − η·g: the velocity is g alone",
                     lambda w, v, g, rate, mu, decay: _classic(w, 0 * v, g + decay * w, rate, mu)),
                )
            ),
        ),
        Task(
            function="train",
            arguments=("weights", "images", "labels", "loss_and_gradients", "epochs",
                       "batch_size", "rate", "momentum"),
            results=("weights", "losses"),
            expected=_train,
            probes=(
                _small("12 samples in batches of 4, 3 epochs", 12, 3, 4),
                _small("10 samples in batches of 4, 2 epochs, layers of one shape", 10, 2, 4,
                       momentum=0.5, units=(3, 3, 3)),
                _digits("LeNet, 480 bundled digits", 480, 32),
            ),
            hidden=(_small("one sample at a time", 5, 2, 1, rate=0.2),),
            wrong=tuple(
                Wrong(f"train-{key}", text, answer)
                for key, text, answer in (
                    ("velocity-forgotten", "the velocity set to 0 before every step",
                     _loop(forget=lambda epoch, step: True)),
                    ("velocity-each-epoch", "the velocity set to 0 at the start of every epoch",
                     _loop(forget=lambda epoch, step: step == 0)),
                    ("stuck", "gradients at the first weights, not at the present ones",
                     _loop(stuck=True)),
                    ("last-batch", "the smaller last batch left out", _loop(whole=True)),
                    ("one-epoch", "one epoch only", _loop(once=True)),
                    ("restart", "the first weights again at the start of every epoch",
                     _loop(restart=True)),
                    ("uphill", "steps up, not down", _loop(update=_uphill)),
                    ("damped", "(1 − μ)·g added to the velocity, not g", _loop(update=_damped)),
                    ("nesterov", "Nesterov's momentum", _loop(update=_nesterov)),
                    ("old-velocity", "the velocity from before each step",
                     _loop(update=_old_velocity)),
                )
            ),
        ),
    ),
)  # fmt: skip
