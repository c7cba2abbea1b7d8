"""What must be the same on all ranks, compared before it matters."""

import platform
import zlib
from importlib.metadata import version

import numpy as np

from minicnn._version import __version__
from minicnn.arrays import on_host
from minicnn.checks import ArgumentError


def must_agree(ranks, operation, facts, advice):
    """Refuse, on all ranks alike, what differs between them.

    Args:
        ranks: the `Communicator`.
        operation: what the message begins with.
        facts: a dictionary of names and of what can be compared and shown.
        advice: the end of the message: what to try.

    Raises:
        ArgumentError: something differs; the first of it is shown.
    """
    everyone = ranks.gather_objects(facts, f"what ranks must agree on ({operation})")
    first = everyone[0]
    for rank, theirs in enumerate(everyone):
        if theirs == first:
            continue
        names = [*first, *(name for name in theirs if name not in first)]
        name = next(n for n in names if first.get(n) != theirs.get(n))
        raise ArgumentError(
            f"{operation}: the ranks differ in {name}: {_shown(first, name)} on rank 0, "
            f"{_shown(theirs, name)} on rank {rank}. {advice}"
        )


def _shown(facts, name):
    return facts.get(name, "there is none")


def versions():
    """What decides how a program runs: with other versions results may differ, or files."""
    return {
        "the version of minicnn": __version__,
        "the version of Python": ".".join(platform.python_version_tuple()[:2]),
        "the version of NumPy": np.__version__,
        "the version of Numba": version("numba"),
    }


def fingerprint(module):
    """What the parameters and buffers of a network are, and in which order."""
    tensors = {
        **{f"the parameter {n!r}": t for n, t in module.named_parameters()},
        **{f"the buffer {n!r}": t for n, t in module.named_buffers()},
    }
    facts = {name: _kind(t) for name, t in tensors.items()}
    # Dictionaries are equal in any order, and gradients travel in this one.
    facts["the order of parameters"] = [n for n, _ in module.named_parameters()]
    return facts


def _kind(t):
    wanted = ", trained" if t.requires_grad else ""
    where = "" if t.device.type == "cpu" else f" on {t.device.type}"
    return f"{tuple(t.shape)} {t.dtype}{where}{wanted}"


def check_weights(ranks, module):
    """Refuse to go on with parameters that are no longer the same, bit for bit, on all ranks."""
    sums = {
        f"the checksum of {name!r}": zlib.crc32(np.ascontiguousarray(on_host(p.array)))
        for name, p in module.named_parameters()
    }
    must_agree(
        ranks,
        "training on several ranks",
        sums,
        "Weights were changed on one rank only, by a callback perhaps; change them on all alike",
    )
