"""What a module's state is, and how one is put into it: `Module.state_dict` and its opposite."""

from collections.abc import Mapping
from typing import NamedTuple

from minicnn.checks import DtypeError, ShapeError
from minicnn.modes import no_grad
from minicnn.nn.parameter import Parameter
from minicnn.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` did not find, and what it did not need."""

    missing_keys: list
    unexpected_keys: list


class Entry(NamedTuple):
    """One parameter or buffer of the state: where it lives."""

    home: dict
    name: str
    may_be_missing: bool = False

    @property
    def tensor(self):
        return self.home[self.name]


def entries(module, prefix=""):
    """(dotted name, `Entry`) of all that is saved, shared modules under each of their names."""
    for home in (module._parameters, module._buffers):
        for name, t in home.items():
            if t is not None and name not in module._unsaved_buffers:
                yield f"{prefix}{name}", Entry(home, name, name in module._may_be_missing)
    for name, inner in module._modules.items():
        if inner is not None:
            yield from entries(inner, f"{prefix}{name}.")


def load(module, state_dict, strict, assign):
    """What `Module.load_state_dict` does: everything fits and is loaded, or nothing is."""
    _check_are_tensors(state_dict)
    own = dict(entries(module))
    missing = [n for n, e in own.items() if n not in state_dict and not e.may_be_missing]
    unexpected = [name for name in state_dict if name not in own]
    problems = []
    if strict and missing:
        problems.append(f"missing: {', '.join(missing)}")
    if strict and unexpected:
        problems.append(f"unexpected: {', '.join(unexpected)}")
    for name, entry in own.items():
        if name in state_dict and state_dict[name].shape != entry.tensor.shape:
            problems.append(
                f"wrong shape: {name} is {tuple(state_dict[name].shape)} in the state dict, "
                f"{entry.tensor.shape} in the model"
            )
    if problems:
        listed = "\n  ".join(problems)
        raise ShapeError(
            f"load_state_dict: the state dict is not one of {type(module).__name__}; nothing "
            f"was loaded\n  {listed}"
        )
    given = {name: entry for name, entry in own.items() if name in state_dict}
    with no_grad():
        for name, entry in given.items():
            if assign:
                entry.home[entry.name] = _in_place_of(entry.tensor, state_dict[name])
            else:
                entry.tensor.detach().copy_(state_dict[name])
    return IncompatibleKeys(missing, unexpected)


def _check_are_tensors(state_dict):
    if not isinstance(state_dict, Mapping):
        raise DtypeError(f"load_state_dict: expected a dictionary, got {type(state_dict).__name__}")
    for name, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise DtypeError(
                f"load_state_dict: {name!r} must be a tensor, got {type(value).__name__}"
            )


def _in_place_of(own, given):
    """`given`, as what it is to replace: a parameter that wants gradients or not, or a buffer."""
    if not isinstance(own, Parameter):
        return given
    if isinstance(given, Parameter):
        return given.requires_grad_(own.requires_grad)
    return Parameter(given, own.requires_grad)
