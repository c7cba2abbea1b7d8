"""`Optimizer`: parameter groups, their options and their state."""

import copy
import numbers
import warnings
from collections.abc import Mapping

import numpy as np

from minicnn.arrays import array_module
from minicnn.checks import ArgumentError, DtypeError, GraphError, sequence
from minicnn.device import CPU
from minicnn.gpu import beside, capturing, copied
from minicnn.modes import enable_grad, no_grad
from minicnn.tensor import Tensor


def not_negative(name, **options):
    """Refuse options that are below 0 or not numbers."""
    for option, value in options.items():
        known = isinstance(value, numbers.Real) and not isinstance(value, bool)
        # An integer of more than 64 bits is no number for NumPy.
        if not known or not value >= 0 or (isinstance(value, int) and value >= 2**63):
            raise ArgumentError(f"{name}: {option} must be a number ≥ 0, got {value!r}")


# Options of PyTorch that choose an implementation, or differentiate through the step itself.
_IMPLEMENTATIONS = {
    "foreach": "minicnn has one implementation",
    "fused": "minicnn has one implementation",
    "differentiable": "minicnn's gradients are first-order: a step leaves no graph",
}


def one_implementation(name, group):
    """Refuse PyTorch's ``foreach``, ``fused`` and ``differentiable``, if set."""
    for option, reason in _IMPLEMENTATIONS.items():
        if group.get(option):
            raise ArgumentError(
                f"{name}: {option}={group[option]!r} is not supported: {reason}. Leave it out"
            )


def count_step(parameters, states, group):
    """Add 1 to the number of the step in every state, and return these numbers.

    With ``capturable`` they are arrays on the GPU: so a step that was captured in a CUDA graph
    counts each time that it is replayed. Parameters that have made as many steps share one.
    """
    if group["capturable"]:
        xp, shared = array_module(parameters[0]), {}
        for state in states:
            if isinstance(state["step"], int):
                before = state["step"]
                if before not in shared:
                    shared[before] = xp.full((), before, np.float32)
                state["step"] = shared[before]
        for step in {id(state["step"]): state["step"] for state in states}.values():
            step += 1
    else:
        for state in states:
            state["step"] = int(state["step"]) + 1
    return [state["step"] for state in states]


def _by_device(tensors):
    """The tensors in lists, one for each device."""
    lists = {}
    for t in tensors:
        lists.setdefault(t.device, []).append(t)
    return lists.values()


class Optimizer:
    """The base class. A subclass defines ``update(parameter, gradient, state, group)``.

    Or ``update_all``, which is given lists.

    As ``torch.optim.Optimizer``.

    Args:
        defaults: a dictionary of the options, for groups that do not say otherwise.

    Attributes:
        param_groups: dictionaries with ``"params"`` and the options that hold for them.
        state: for each parameter a dictionary of what the optimiser remembers (velocities, …).

    Raises:
        DtypeError: something else than tensors.
        ArgumentError: no parameters, or one that occurs twice.

    >>> import minicnn as mc
    >>> class Descent(Optimizer):
    ...     def update(self, parameter, gradient, state, group):
    ...         parameter -= group["lr"] * gradient
    >>> w = mc.tensor([1.0], requires_grad=True)
    >>> w.grad = mc.tensor([2.0])
    >>> Descent([w], {"lr": 0.25}).step()
    >>> w
    tensor([0.5], requires_grad=True)
    """

    def __init__(self, params, defaults):
        if not isinstance(defaults, Mapping):
            raise DtypeError(
                f"{type(self).__name__}: defaults must be a dictionary of options, got "
                f"{type(defaults).__name__}"
            )
        self.defaults = defaults
        self.param_groups = []
        self.state = {}
        self._has_stepped = False  # schedulers warn if it is their turn before the optimiser's
        if isinstance(params, Tensor):
            raise DtypeError(
                f"{type(self).__name__}: params must be tensors in a list or another iterable, "
                "such as model.parameters(); got a single tensor"
            )
        # A set is refused by add_param_group: its order changes from run to run.
        name = type(self).__name__
        whole = isinstance(params, (set, frozenset))
        groups = [{"params": params}] if whole else sequence(name, "params", params)
        if not groups:
            raise ArgumentError(f"{type(self).__name__}: the list of parameters is empty")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group):
        """Add parameters with options of their own: ``{"params": […], "lr": 0.01}``.

        The parameters may be pairs (name, tensor), as ``model.named_parameters()`` gives them.

        Args:
            param_group: the dictionary; options that it lacks are those of the optimiser.

        Raises:
            DtypeError: not a dictionary, or parameters that are no tensors.
            ArgumentError: a parameter that is in a group already, or options out of their range.
        """
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise DtypeError(
                f"{name}: a parameter group must be a dict, got {type(param_group).__name__}"
            )
        group = dict(param_group)
        if "params" not in group:
            raise ArgumentError(f"{name}: a parameter group has no 'params', only {list(group)}")
        self._read_parameters(name, group)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        if any(id(p) in known for p in group["params"]):
            raise ArgumentError(f"{name}: some parameters appear in more than one group")
        if any(("param_names" in g) != ("param_names" in group) for g in self.param_groups):
            raise ArgumentError(f"{name}: either all groups have names for parameters, or none")
        for option, value in self.defaults.items():
            group.setdefault(option, value)
        for option in self.defaults:
            if isinstance(group[option], np.ndarray) and group[option].size != 1:
                raise DtypeError(f"{name}: {option} must be one number or flag, got an array")
        one_implementation(name, group)
        self.check(group)
        self.param_groups.append(group)

    def _read_parameters(self, name, group):
        """Make ``group["params"]`` a list of leaves, and their names, if given, another list."""
        params = group["params"]
        if isinstance(params, (set, frozenset)):
            raise DtypeError(
                f"{name}: params came as a set, whose order changes from run to run; use a list"
            )
        params = [params] if isinstance(params, Tensor) else sequence(name, "params", params)
        names = [p[0] if p else None for p in params if isinstance(p, tuple)]
        if names:
            if len(names) < len(params):
                raise ArgumentError(f"{name}: either all parameters have names, or none")
            if any(len(p) != 2 for p in params):
                raise ArgumentError(f"{name}: a parameter with its name is a pair (name, tensor)")
            group["param_names"], params = names, [p[1] for p in params]
        group["params"] = params
        for p in params:
            if not isinstance(p, Tensor):
                raise DtypeError(f"{name}: parameters must be tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ArgumentError(f"{name}: a computed tensor cannot be optimised, only leaves")
        if len({id(p) for p in params}) < len(params):
            warnings.warn(
                f"{name}: a parameter appears more than once in a group; each step will update it "
                "as often",
                stacklevel=5,
            )

    def check(self, group):
        """Refuse options that make no sense; for subclasses.

        Args:
            group: the dictionary of a parameter group.

        Raises:
            ArgumentError: options out of their range.
        """

    def remembers(self, group):
        """Whether a step needs what the ones before have left; for subclasses.

        Args:
            group: the dictionary of a parameter group.
        """
        return True

    def counts_steps(self):
        """Whether that is also how many there were; for subclasses."""
        return True

    def _check_capture(self):
        """Refuse steps that a CUDA graph could not replay: its kernels repeat, Python does not."""
        name = type(self).__name__
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            capturable = group.get("capturable")
            if capturable and any(p.device == CPU for p in moving):
                raise ArgumentError(
                    f"{name}: capturable=True is for parameters on a GPU, got one on cpu. Move the "
                    "model there, model.to('cuda'), or leave it out"
                )
            if not capturing() or not self.remembers(group):
                continue
            if self.counts_steps() and not capturable:
                raise GraphError(
                    f"{name}: a step that is captured would always be the same one, since steps "
                    "are counted on the host. "
                    + ("Use capturable=True" if "capturable" in group else "Use SGD or Adam")
                )
            states = [self.state.get(p) for p in moving]
            if any(not s or isinstance(s.get("step"), int) for s in states):
                raise GraphError(
                    f"{name}: what the optimiser remembers is made in its first step, and would be "
                    "made again by each replay; take a step before the capture begins"
                )

    def update_all(self, parameters, gradients, states, group):
        """Change the arrays `parameters` in place: one after the other.

        For subclasses that have a quicker way for all of them together. The arrays are on one
        device.

        Args:
            parameters, gradients: lists of arrays.
            states: a list of dictionaries, one a parameter.
            group: the dictionary of their parameter group.
        """
        for parameter, gradient, state in zip(parameters, gradients, states, strict=True):
            self.update(parameter, gradient, state, group)

    def update(self, parameter, gradient, state, group):
        """Change the array `parameter` in place; for subclasses.

        Args:
            parameter, gradient: arrays of one shape.
            state: the dictionary of what the optimiser remembers of it.
            group: the dictionary of its parameter group.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def zero_grad(self, set_to_none=True):
        """Forget the gradients, before the next backward adds to them; or set them to 0
        (`set_to_none`).
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad.zero_()

    def step(self, closure=None):
        """Update every parameter that has a gradient; returns what `closure` does, if given."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._check_capture()
        self._has_stepped = True
        # A step that overflows is for the loss to show; NumPy would warn.
        with no_grad(), np.errstate(all="ignore"):
            for group in self.param_groups:
                moving = [p for p in group["params"] if p.grad is not None]
                for parameters in _by_device(moving):
                    values = [p.array for p in parameters]
                    gradients = [p.grad.array for p in parameters]
                    states = [self.state.setdefault(p, {}) for p in parameters]
                    with beside(values[0]):
                        self.update_all(values, gradients, states, group)
                    for p in parameters:
                        p._version.changes += 1
        return loss

    def state_dict(self):
        """Options and state, with parameters named by their position: what `mc.save` takes."""
        position = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                position.setdefault(p, len(position))
            options = {k: v for k, v in group.items() if k != "params"}
            groups.append({**options, "params": [position[p] for p in group["params"]]})
        state = {
            position[p]: {k: Tensor(v).clone() if hasattr(v, "shape") else v for k, v in s.items()}
            for p, s in self.state.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over options and state; refused, with nothing changed, where they do not fit.

        Args:
            state_dict: what `state_dict` gave.
        """
        name = type(self).__name__
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ArgumentError(
                f"{name}: expected what state_dict() gives, a dictionary with 'state' and "
                "'param_groups'"
            )
        saved, own = state_dict["param_groups"], self.param_groups
        sizes = [[len(g["params"]) for g in groups] for groups in (saved, own)]
        if sizes[0] != sizes[1]:
            raise ArgumentError(
                f"{name}: the state has parameter groups of {sizes[0]} parameters, this optimiser "
                f"of {sizes[1]}; it belongs to another network or optimiser"
            )
        for group in saved:
            missing = sorted(set(self.defaults) - set(group))
            if missing:
                raise ArgumentError(
                    f"{name}: the state has no {', '.join(missing)}; it belongs to another kind of "
                    "optimiser"
                )
            lr = group["lr"]
            # Below 0 is where a schedule may have led it, and may lead it back from.
            negative = isinstance(lr, numbers.Real) and lr < 0
            self.check({**group, "lr": -lr} if negative else group)
        parameters = {}
        for saved_group, group in zip(saved, own, strict=True):
            for position, p in zip(saved_group["params"], group["params"], strict=True):
                parameters[position] = p
        state = {}
        for position, entries in state_dict["state"].items():
            if position not in parameters:
                raise ArgumentError(f"{name}: the state has a parameter {position}, unknown here")
            p = parameters[position]
            state[p] = {}
            for key, value in entries.items():
                if key == "step":
                    value = int(value)  # PyTorch keeps it in a tensor
                elif isinstance(value, Tensor):
                    if value.ndim and value.shape != p.shape:
                        raise ArgumentError(
                            f"{name}: the state {key!r} of parameter {position} has shape "
                            f"{value.shape}, the parameter {p.shape}"
                        )
                    value = value.to(p.device, p.dtype).array
                    value = copied(value)
                state[p][key] = value
        for saved_group, group in zip(saved, own, strict=True):
            options = {k: copy.copy(v) for k, v in saved_group.items() if k != "params"}
            group.update(options)
        self.state = state

    def __repr__(self):
        lines = []
        for i, group in enumerate(self.param_groups):
            options = "\n".join(f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params")
            lines.append(f"Parameter Group {i}\n{options}")
        return f"{type(self).__name__} (\n" + "\n".join(lines) + "\n)"
