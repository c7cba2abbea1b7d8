"""The argument `weights` of the functions that build networks."""

import enum
import os
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from minicnn.checks import ArgumentError, DtypeError, closest
from minicnn.models.cache import weights_file
from minicnn.models.published import enumeration
from minicnn.nn import init
from minicnn.serialization import load


def named_weights(name, weights):
    """The published weights that `weights` names for the network `name`; None if it names a file.

    Args:
        name: the builder's name, such as ``"resnet50"``.
        weights: a name (``"DEFAULT"``, ``"IMAGENET1K_V1"``, or in full,
            ``"ResNet50_Weights.IMAGENET1K_V1"``), a member of the network's enumeration (minicnn's
            or torchvision's), a path, or None.

    Raises:
        DtypeError: something else, or weights of another network.

    >>> named_weights("resnet50", "DEFAULT")
    ResNet50_Weights.IMAGENET1K_V2
    """
    known = enumeration(name)
    if isinstance(weights, enum.Enum):
        kind = type(weights).__name__
        if known is None or kind != known.__name__:
            raise DtypeError(f"{name}: {kind}.{weights.name} are not weights of this network")
        return known.verify(weights.name)
    if weights is None or isinstance(weights, os.PathLike):
        return None
    if not isinstance(weights, str):
        raise DtypeError(
            f"{name}: weights must be a name, a member of an enumeration of weights, a path or "
            f"None; got {weights!r} ({type(weights).__name__})"
        )
    if known is None:
        return None
    member = weights.removeprefix(f"{known.__name__}.")
    return known[member] if member in known.__members__ else None


def find_weights(name, weights, progress=True):
    """The file of weights for the network `name`, or None where none are asked for.

    Args:
        name: the builder's name, such as ``"resnet50"``.
        weights: as in `named_weights`. Published ones are downloaded, if they are not there yet,
            into `weights_folder()`.
        progress: whether a download shows its progress.

    Raises:
        ArgumentError: there is no such file.
        DownloadError: published weights cannot be had; the message says where to put them.
        DtypeError: as `named_weights`.
    """
    if weights is None:
        return None
    named = named_weights(name, weights)
    if named is not None:
        return weights_file(named.url, progress)
    path = Path(weights)
    if not path.is_file():
        known = enumeration(name)
        raise ArgumentError(
            f"{name}: there is no file of weights at {path}"
            + (
                f"{closest(weights, known.__members__)}; by name there are "
                f"{', '.join(known.__members__)}"
                if known is not None
                else ""
            )
        )
    return path


def read_state(path):
    """What the file holds; what is read is copied soon: no need to have it in memory twice."""
    return load(path, mmap=zipfile.is_zipfile(path))


def build(network, name, weights=None, progress=True, rename=None, **options):
    """`network(**options)`, with `weights` in it if they are given.

    The weights are looked for first, so that a mistake costs no building and no random numbers.
    Published ones say how many classes there are. Initial values are drawn when the network stands,
    those that the weights do not replace.

    Args:
        network: the class.
        name: the builder's name, for messages and to find published weights.
        weights: as in `named_weights`: ``"DEFAULT"``, say, or a path.
        progress: whether a download shows its progress.
        rename: a function from a published key to the network's own, for old files.
        options: what the class takes.

    Raises:
        ArgumentError: `num_classes` is not that of published weights, or the file holds no weights.
        ShapeError: they are weights of another network; everything that differs is listed.
        DownloadError, DtypeError: as `find_weights`.
    """
    named = named_weights(name, weights)
    if named is not None:
        _set_num_classes(name, named, options)
    path = find_weights(name, weights, progress)
    own = _is_minicnns([network, options])
    with init.together() if own else nullcontext({}) as to_be_drawn:
        model = network(**options)
        if path is not None:
            to_be_drawn.clear()
    if path is not None:
        state = read_state(path)
        _check_state(name, path, state)
        if rename is not None:
            state = {rename(key): value for key, value in state.items()}
        model.load_state_dict(state)
    return model


def _is_minicnns(value):
    """Whether there is nothing in `value` but plain values and what minicnn defines.

    A block of the user's may look at the initial values of its layers.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    if isinstance(value, (list, tuple)):
        return all(map(_is_minicnns, value))
    if isinstance(value, dict):
        return all(map(_is_minicnns, value.values()))
    if isinstance(value, partial):
        return _is_minicnns([value.func, value.args, value.keywords])
    kind = value if hasattr(value, "__qualname__") else type(value)
    return kind.__module__.startswith("minicnn.") and (
        kind is value or _is_minicnns(getattr(value, "__dict__", {}))
    )


def _set_num_classes(name, named, options):
    categories = named.meta["categories"]
    if categories is None:
        return
    given = options.setdefault("num_classes", len(categories))
    if given != len(categories):
        raise ArgumentError(
            f"{name}: num_classes={given!r} does not fit {named!r}, which tells {len(categories)} "
            "classes apart; leave num_classes out, and give the network a last layer of your own "
            "afterwards"
        )


def _check_state(name, path, state):
    """Refuse a checkpoint, of which the weights are only a part."""
    if isinstance(state, Mapping):
        parts = [
            k for k, value in state.items() if isinstance(value, Mapping) or type(k) is not str
        ]
        if not parts:
            return
        what = f"a dictionary with {', '.join(repr(key) for key in parts[:5])}"
        advice = f"; model.load_state_dict(minicnn.load(path)[{parts[0]!r}]) takes a part of it"
    else:
        what, advice = f"a {type(state).__name__}", ""
    raise ArgumentError(f"{name}: the file {path} holds {what}, and not weights by name{advice}")
