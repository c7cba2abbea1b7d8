"""Steps of the optimisers, in place, for all parameters in one launch."""

import functools

import numpy as np

from minicnn.arrays import array_module
from minicnn.kernels.cuda import launching
from minicnn.kernels.registry import register

CHUNK = 4096  # as in source/optimizers.cu: what a block does at a time


def _alike(parameters, numbers):
    """Places of parameters with the same dtype and number, and that number; empty ones nowhere."""
    found = {}
    for i, (p, number) in enumerate(zip(parameters, numbers, strict=True)):
        if p.size:
            found.setdefault((p.dtype.name, number), []).append(i)
    return [(places, number) for (_, number), places in found.items()]


@functools.lru_cache(maxsize=16)
def _on_gpu(xp, words):
    """The table of `words` on the GPU. In a training loop arrays come back to the same addresses,
    so that the table of the last step serves again and nothing is copied."""
    return xp.asarray(np.frombuffer(words, np.int64))


def _launch(kernel, places, lists, numbers):
    """Run a kernel for the arrays at `places` of the lists; None is a list that there is not.

    The first list holds the parameters, the second the gradients, which stay as they are. What does
    not lie in one piece is worked on as a copy that does, and copied back.
    """
    slots = [[s[i] for i in places] if s is not None else None for s in lists]
    xp = array_module(slots[0][0])
    pieces = [s and [launching.contiguous(a) for a in s] for s in slots]
    sizes = [p.size for p in pieces[0]]
    counts = [-(-size // CHUNK) for size in sizes]
    first = np.cumsum([0, *counts[:-1]])
    addresses = [[launching.address(a) for a in s] if s else [0] * len(sizes) for s in pieces]
    table = _on_gpu(xp, np.concatenate([sizes, first, *addresses]).astype(np.int64).tobytes())
    chunks = sum(counts)
    arguments = [table, len(sizes), chunks, *numbers]
    blocks = min(chunks, launching.BLOCKS)
    launching.launch("optimizers", kernel, slots[0][0].dtype, blocks, arguments)
    for originals, copies in zip([slots[0], *slots[2:]], [pieces[0], *pieces[2:]], strict=True):
        for original, copy in zip(originals or (), copies or (), strict=True):
            if original is not copy:
                original[...] = copy


@register("sgd_update", "cuda")
def sgd_update(
    parameters, gradients, velocities, undamped, lr, momentum, decay, nesterov, maximize
):
    """v ← momentum · v + undamped · g;  w ← w − lr · v: see `minicnn.optim.SGD`.

    `velocities` is None without momentum, where v = g; `undamped` has a number for each parameter.
    """
    lists = parameters, gradients, velocities
    for places, share in _alike(parameters, undamped if velocities else [0] * len(parameters)):
        numbers = [float(n) for n in (lr, momentum, share, decay)]
        _launch("sgd_update", places, lists, [*numbers, nesterov, maximize])


@register("adam_update", "cuda")
def adam_update(
    parameters,
    gradients,
    means,
    squares,
    largest,
    steps,
    lr,
    betas,
    eps,
    decay,
    decoupled,
    maximize,
):
    """m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  w ← w − lr · m̂ / (√v̂ + eps).

    `means` are m, `squares` v, `steps` the numbers of this step; `largest` (or None) the largest v
    so far, which takes the place of v. See `minicnn.optim.Adam`.
    """
    lists, (beta1, beta2) = (parameters, gradients, means, squares, largest), betas
    shrink, decay = (1 - lr * decay, 0) if decoupled else (1, decay)
    for places, step in _alike(parameters, steps):
        numbers = [
            lr, beta1, 1 - beta1, beta2, 1 - beta2, eps, decay, shrink,
            1 - beta1**step, (1 - beta2**step) ** 0.5,
        ]  # fmt: skip
        _launch("adam_update", places, lists, [*map(float, numbers), maximize])
