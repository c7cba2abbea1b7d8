"""Steps of the optimisers, in place, for all parameters in one launch."""

import math

import numpy as np

from minicnn.kernels.cuda import launching
from minicnn.kernels.registry import register

# As in source/optimizers.cu: what a block does at a time, how many tensors a launch takes, how many
# arrays belong to each, and the structure that says where they are.
CHUNK, TENSORS, SLOTS = 4096, 64, 5
TABLE = np.dtype(
    [("sizes", "i8", TENSORS), ("arrays", "i8", (SLOTS, TENSORS)), ("first_chunk", "i4", TENSORS)],
    align=True,
)


def _alike(parameters, numbers):
    """Places of parameters with the same dtype and number, and that number; empty ones nowhere."""
    found = {}
    for i, (p, number) in enumerate(zip(parameters, numbers, strict=True)):
        if p.size:
            key = number if isinstance(number, (int, float)) else id(number)
            found.setdefault((p.dtype.name, key), (number, []))[1].append(i)
    return [(places, number) for number, places in found.values()]


def _launch(kernel, places, lists, numbers):
    """Run a kernel for the arrays at `places` of the lists; None is a list that there is not.

    The first list holds the parameters, the second the gradients, which stay as they are. What does
    not lie in one piece is worked on as a copy that does, and copied back.
    """
    for first in range(0, len(places), TENSORS):
        part = places[first : first + TENSORS]
        slots = [s and [s[i] for i in part] for s in lists]
        pieces = [s and [launching.contiguous(a) for a in s] for s in slots]
        table, sizes = np.zeros((), TABLE), [p.size for p in pieces[0]]
        counts = [-(-size // CHUNK) for size in sizes]
        table["sizes"][: len(part)] = sizes
        table["first_chunk"][: len(part)] = np.cumsum([0, *counts[:-1]])
        for row, s in zip(table["arrays"], pieces, strict=False):
            if s:
                row[: len(part)] = [launching.address(a) for a in s]
        chunks = sum(counts)
        arguments = [table, len(part), chunks, *numbers]
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

    `means` are m, `squares` v, `steps` the numbers of this step, integers or 0-d arrays of float32
    on the GPU; `largest` (or None) the largest v so far, which takes the place of v. See
    `minicnn.optim.Adam`.
    """
    lists = parameters, gradients, means, squares, largest
    shrink, decay = (1 - lr * decay, 0) if decoupled else (1, decay)
    each = [n for beta in betas for n in (beta, 1 - beta, math.log(beta) if beta else -math.inf)]
    for places, step in _alike(parameters, steps):
        counted = [None, float(step)] if isinstance(step, int) else [step, 0.0]
        numbers = [*counted, *map(float, [lr, *each, eps, decay, shrink])]
        _launch("adam_update", places, lists, [*numbers, maximize])


@register("rmsprop_update", "cuda")
def rmsprop_update(
    parameters, gradients, squares, means, velocities, lr, alpha, eps, decay, momentum, maximize
):
    """v ← α v + (1 − α) g²;  w ← w − lr · g / (√v + eps): see `minicnn.optim.RMSprop`."""
    lists = parameters, gradients, squares, means, velocities
    numbers = [float(n) for n in (lr, alpha, 1 - alpha, eps, decay, momentum)]
    for places, _ in _alike(parameters, [0] * len(parameters)):
        _launch("rmsprop_update", places, lists, [*numbers, maximize])


@register("adagrad_update", "cuda")
def adagrad_update(parameters, gradients, sums, rates, eps, decay, maximize):
    """v ← v + g²;  w ← w − rate · g / (√v + eps): see `minicnn.optim.Adagrad`."""
    for places, rate in _alike(parameters, rates):
        numbers = [float(n) for n in (rate, eps, decay)]
        _launch("adagrad_update", places, (parameters, gradients, sums), [*numbers, maximize])
