"""How each library does what is measured. All get the same numbers and do the same arithmetic.

Each method returns a function that does the thing once and returns the seconds it took.
"""

import sys
import time
import types

import numpy as np


def timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


class PyTorchLike:
    """minicnn and PyTorch: the same calls, since minicnn speaks PyTorch's language."""

    def tensors(self, shapes, wanting, format_):
        rng = np.random.default_rng(0)
        made = []
        for position, shape in enumerate(shapes):
            t = self.m.tensor(rng.standard_normal(shape).astype("float32"))
            t = self.in_format(t, format_)
            made.append(t.requires_grad_() if position in wanting else t)
        return made

    def in_format(self, t, format_):
        return t

    def forward(self, function, tensors):
        def run():
            with self.m.no_grad():
                return timed(function, self.m, self.F, *tensors)

        return run

    def backward(self, function, tensors, format_):
        out = function(self.m, self.F, *tensors)
        rng = np.random.default_rng(1)
        delta = self.m.tensor(rng.standard_normal(tuple(out.shape)).astype("float32"))
        delta = self.in_format(delta, format_)

        def run():
            for t in tensors:
                t.grad = None
            out = function(self.m, self.F, *tensors)
            return timed(out.backward, delta)

        return run

    def optimizer_step(self, kind, options):
        model = self.build("resnet18", 1000)
        rng = np.random.default_rng(0)
        for p in model.parameters():
            p.grad = self.m.tensor(rng.standard_normal(tuple(p.shape)).astype("float32"))
        optimizer = getattr(self.optim, kind)(model.parameters(), **options)
        return lambda: timed(optimizer.step)

    def training_step(self, workload, format_):
        model = self.in_format(self.build(workload.network, workload.classes).train(), format_)
        images, labels = self._batch(workload, format_)
        optimizer = self.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)

        def step():
            optimizer.zero_grad()
            loss = self.F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()

        return lambda: timed(step)

    def inference(self, workload, format_):
        model = self.in_format(self.build(workload.network, workload.classes).eval(), format_)
        images, _ = self._batch(workload, format_)

        def run():
            with self.m.no_grad():
                return timed(model, images)

        return run

    def _batch(self, workload, format_):
        rng = np.random.default_rng(0)
        images = rng.standard_normal((workload.batch, *workload.image)).astype("float32")
        labels = rng.integers(0, workload.classes, workload.batch)
        return self.in_format(self.m.tensor(images), format_), self.m.tensor(labels)


class Minicnn(PyTorchLike):
    def __init__(self, threads):
        import minicnn
        import minicnn.nn.functional

        minicnn.set_num_threads(threads)
        self.m, self.F, self.optim = minicnn, minicnn.nn.functional, minicnn.optim

    def build(self, network, classes):
        if network == "lenet5":
            options = {"activation": "relu", "pooling": "max"}
        elif network == "googlenet":
            options = {"aux_logits": False}
        else:
            options = {}
        return self.m.models.get_model(network, num_classes=classes, **options)


class PyTorch(PyTorchLike):
    def __init__(self, threads):
        import torch
        import torch.nn.functional

        torch.set_num_threads(threads)
        self.m, self.F, self.optim = torch, torch.nn.functional, torch.optim

    def in_format(self, t, format_):
        if format_ != "channels_last" or (hasattr(t, "dim") and t.dim() != 4):
            return t
        return t.to(memory_format=self.m.channels_last)

    def build(self, network, classes):
        nn = self.m.nn
        if network == "lenet5":
            return nn.Sequential(
                *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
                *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()),
                nn.Linear(84, classes),
            )
        # Its compiled operators, which the networks do not need, may be for another PyTorch.
        name = "torchvision._meta_registrations"
        sys.modules.setdefault(name, types.ModuleType(name))
        from torchvision import models

        options = {"init_weights": False} if network == "googlenet" else {}
        if network == "googlenet":
            options["aux_logits"] = False
        return models.get_model(network, num_classes=classes, **options)


class DeZero:
    """A framework for learners, too; LeNet only. NumPy 2 has lost a name that it uses."""

    def __init__(self, threads):
        np.int = int
        import dezero
        import dezero.functions
        import dezero.layers

        self.dezero = dezero

    def training_step(self, workload, format_):
        F, L = self.dezero.functions, self.dezero.layers

        class LeNet(self.dezero.Model):
            def __init__(self):
                super().__init__()
                self.conv1, self.conv2 = L.Conv2d(6, 5, pad=2), L.Conv2d(16, 5)
                self.fc1, self.fc2 = L.Linear(120), L.Linear(84)
                self.fc3 = L.Linear(workload.classes)

            def forward(self, x):
                x = F.pooling(F.relu(self.conv1(x)), 2, 2)
                x = F.pooling(F.relu(self.conv2(x)), 2, 2)
                x = F.reshape(x, (len(x), -1))
                return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

        model = LeNet()
        optimizer = self.dezero.optimizers.MomentumSGD(lr=0.001).setup(model)
        rng = np.random.default_rng(0)
        images = rng.standard_normal((workload.batch, *workload.image)).astype("float32")
        labels = rng.integers(0, workload.classes, workload.batch)

        def step():
            loss = F.softmax_cross_entropy(model(images), labels)
            model.cleargrads()
            loss.backward()
            optimizer.update()

        return lambda: timed(step)


class Jax:
    """JAX, compiled by XLA; LeNet only."""

    def __init__(self, threads):
        import jax

        self.jax = jax

    def training_step(self, workload, format_):
        jax, jnp, lax = self.jax, self.jax.numpy, self.jax.lax
        rng = np.random.default_rng(0)
        images = rng.standard_normal((workload.batch, *workload.image)).astype("float32")
        labels = rng.integers(0, workload.classes, workload.batch)
        shapes = [(6, 1, 5, 5), (16, 6, 5, 5), (400, 120), (120, 84), (84, workload.classes)]
        weights = [jnp.asarray(rng.uniform(-0.1, 0.1, s).astype("float32")) for s in shapes]
        biases = [jnp.zeros(s[0] if len(s) == 4 else s[1]) for s in shapes]
        parameters = list(zip(weights, biases, strict=True))
        velocity = jax.tree.map(jnp.zeros_like, parameters)

        def scores(parameters, x):
            for (w, b), padding in zip(parameters[:2], (2, 0), strict=True):
                x = lax.conv(x, w, (1, 1), [(padding, padding)] * 2) + b[:, None, None]
                x = lax.reduce_window(
                    jax.nn.relu(x), -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"
                )
            x = x.reshape(len(x), -1)
            for w, b in parameters[2:-1]:
                x = jax.nn.relu(x @ w + b)
            w, b = parameters[-1]
            return x @ w + b

        def loss(parameters, x, y):
            logarithms = jax.nn.log_softmax(scores(parameters, x))
            return -jnp.mean(jnp.take_along_axis(logarithms, y[:, None], 1))

        @jax.jit
        def update(parameters, velocity, x, y):
            gradients = jax.grad(loss)(parameters, x, y)
            velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, gradients)
            return jax.tree.map(lambda p, v: p - 0.001 * v, parameters, velocity), velocity

        state = [parameters, velocity]
        images, labels = jnp.asarray(images), jnp.asarray(labels)

        def step():
            state[:] = update(*state, images, labels)
            jax.block_until_ready(state[0])

        return lambda: timed(step)


LIBRARIES = {"minicnn": Minicnn, "torch": PyTorch, "dezero": DeZero, "jax": Jax}
