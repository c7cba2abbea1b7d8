"""`Module`: a layer or a network, with the parameters and modules it is made of."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, closest
from minicnn.dtypes import as_dtype, is_floating
from minicnn.graph import is_grad_enabled, no_grad
from minicnn.nn.backward_hooks import call_with_backward_hooks
from minicnn.nn.parameter import Parameter
from minicnn.tensor import Tensor


class NameTakenError(KeyError, ArgumentError):
    """A name that a module cannot give to a parameter, buffer or module."""

    def __str__(self):  # KeyError would show the message in quotes
        return str(self.args[0])


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` did not find, and what it did not need."""

    missing_keys: list
    unexpected_keys: list


class Module:
    """The base class of layers and networks, as ``torch.nn.Module``.

    A subclass calls ``super().__init__()``, sets parameters and modules as attributes, and defines
    `forward`. What is set is found again by `parameters`, `state_dict` and the others.

    Attributes:
        training: whether layers that behave differently in training (dropout, batch normalisation)
            are to do so; set by `train` and `eval`.

    >>> import minicnn as mc
    >>> class Net(mc.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = mc.nn.Linear(3, 2)
    ...     def forward(self, x):
    ...         return self.fc(x)
    >>> net = Net()
    >>> net
    Net(
      (fc): Linear(in_features=3, out_features=2, bias=True)
    )
    >>> [name for name, _ in net.named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    def __init__(self):
        # Past __setattr__, which needs these.
        for kind in ("_parameters", "_buffers", "_modules", "_forward_hooks", "_backward_hooks"):
            object.__setattr__(self, kind, {})
        object.__setattr__(self, "_unsaved_buffers", set())
        self.training = True

    def forward(self, *inputs):
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *inputs, **options):
        if self._backward_hooks and is_grad_enabled():
            output = call_with_backward_hooks(self, inputs, options)
        else:
            output = self.forward(*inputs, **options)
        for hook in list(self._forward_hooks.values()):
            changed = hook(self, inputs, output)
            if changed is not None:
                output = changed
        return output

    # ------------------------------------------------------------------ attributes

    def __setattr__(self, name, value):
        if "_modules" not in self.__dict__:
            raise ArgumentError(
                f"{type(self).__name__}: call super().__init__() before setting attributes"
            )
        homes = {Parameter: self._parameters, Module: self._modules}
        for kind, home in homes.items():
            if isinstance(value, kind):
                self._put(home, name, value)
                return
        for home in (self._parameters, self._modules, self._buffers):
            if name in home:
                if value is not None and not (home is self._buffers and isinstance(value, Tensor)):
                    raise DtypeError(
                        f"{type(self).__name__}: {name!r} is one of its parameters, modules or "
                        f"buffers and cannot become a {type(value).__name__}; del it first"
                    )
                home[name] = value
                return
        object.__setattr__(self, name, value)

    def _put(self, home, name, value):
        """Set a name in one of the homes, where it keeps its place; it leaves the others."""
        for other in (self._parameters, self._modules, self._buffers, self.__dict__):
            if other is not home:
                other.pop(name, None)
        home[name] = value
        self._unsaved_buffers.discard(name)

    def __getattr__(self, name):
        # Asked only for what is not an ordinary attribute.
        for home in ("_parameters", "_modules", "_buffers"):
            found = self.__dict__.get(home, {})
            if name in found:
                return found[name]
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}{closest(name, dir(self))}"
        )

    def __delattr__(self, name):
        for home in (self._parameters, self._modules, self._buffers):
            if name in home:
                del home[name]
                self._unsaved_buffers.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self):
        own = [
            name
            for h in ("_parameters", "_modules", "_buffers")
            for name in self.__dict__.get(h, ())
        ]
        return [*super().__dir__(), *own]

    def register_parameter(self, name, param):
        """Add a parameter under a name; None reserves the name (a layer without bias)."""
        if param is not None and not isinstance(param, Parameter):
            raise DtypeError(
                f"register_parameter: {name!r} must be a Parameter or None, got "
                f"{type(param).__name__}"
            )
        self._check_name("register_parameter", name, self._parameters)
        self._put(self._parameters, name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that is state but not learnt; not `persistent`: not in `state_dict`."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DtypeError(
                f"register_buffer: {name!r} must be a tensor or None, got {type(tensor).__name__}"
            )
        self._check_name("register_buffer", name, self._buffers)
        self._put(self._buffers, name, tensor)
        if not persistent:
            self._unsaved_buffers.add(name)

    def add_module(self, name, module):
        """Add a module under a name that need not be a Python name."""
        if module is not None and not isinstance(module, Module):
            raise DtypeError(
                f"add_module: {name!r} must be a Module or None, got {type(module).__name__}"
            )
        self._check_name("add_module", name, self._modules)
        self._put(self._modules, name, module)

    def _check_name(self, operation, name, home):
        if not isinstance(name, str):
            raise DtypeError(f"{operation}: the name must be a string, got {name!r}")
        if "." in name or not name:
            raise NameTakenError(f"{operation}: the name must not be empty or hold a '.': {name!r}")
        if name not in home and name in dir(self):
            raise NameTakenError(f"{operation}: {type(self).__name__} has a {name!r} already")

    def register_forward_hook(self, hook):
        """Call ``hook(module, inputs, output)`` after each forward; a result replaces the output.

        Returns a handle; its ``remove()`` takes the hook away.
        """
        handle = _HookHandle(self._forward_hooks)
        self._forward_hooks[handle] = hook
        return handle

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` when both gradients are known.

        Each is a tuple, one entry for each positional input and each output; None for an input
        that wants no gradient. A tuple that the hook returns takes the place of ``grad_input``.
        With `prepend` the hook runs before those that are there. Returns a handle; its ``remove()``
        takes the hook away.
        """
        handle = _HookHandle(self._backward_hooks)
        before = list(self._backward_hooks.items()) if prepend else []
        self._backward_hooks[handle] = hook
        for earlier, other in before:  # to the end again, behind the new one
            del self._backward_hooks[earlier]
            self._backward_hooks[earlier] = other
        return handle

    # ------------------------------------------------------------------ what it is made of

    def named_children(self):
        """(name, module) of the modules directly inside."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The modules directly inside."""
        return (m for _, m in self.named_children())

    def named_modules(self, memo=None, prefix=""):
        """(dotted name, module) of this module and all inside, each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        memo.add(self)
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self):
        """This module and all inside, each once."""
        return (m for _, m in self.named_modules())

    def _named_tensors(self, kind, prefix, recurse):
        seen = set()
        modules = self.named_modules(prefix=prefix) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, t in getattr(module, kind).items():
                if t is not None and t not in seen:
                    seen.add(t)
                    yield (f"{path}.{name}" if path else name), t

    def named_parameters(self, prefix="", recurse=True):
        """(dotted name, parameter) of all parameters, each once."""
        return self._named_tensors("_parameters", prefix, recurse)

    def parameters(self, recurse=True):
        """All parameters, each once: what an optimiser is given."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True):
        """(dotted name, tensor) of all buffers."""
        return self._named_tensors("_buffers", prefix, recurse)

    def buffers(self, recurse=True):
        """All buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    # ------------------------------------------------------------------ for all at once

    def apply(self, fn):
        """Call ``fn(module)`` for every module inside and then this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        """Set `training` here and in all modules inside; returns the module."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Want gradients for all parameters, or for none; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad.zero_()

    def to(self, *args, dtype=None, device=None):
        """Move all parameters and buffers to a dtype (floating-point ones) or device."""
        for given in (*args, dtype):
            if isinstance(given, (np.dtype, type)) and not is_floating(as_dtype(given, "to")):
                raise DtypeError(
                    f"to: the parameters of a module are floating-point numbers; {given} is not"
                )
        for module in self.modules():
            for home in (module._parameters, module._buffers):
                for t in home.values():
                    if t is None:
                        continue
                    t.array = _moved(t, args, dtype, device)
                    if t.grad is not None:
                        t.grad.array = _moved(t.grad, args, dtype, device)
        return self

    def float(self):
        """All floating-point parameters and buffers as float32."""
        return self.to("float32")

    def double(self):
        """All floating-point parameters and buffers as float64."""
        return self.to("float64")

    # ------------------------------------------------------------------ saving and loading

    def state_dict(self, prefix=""):
        """All parameters and persistent buffers by dotted name; the tensors share memory."""
        state = {}
        for path, module in self._every_path(prefix.rstrip(".")):
            for home in (module._parameters, module._buffers):
                for name, t in home.items():
                    if t is not None and name not in module._unsaved_buffers:
                        state[f"{path}.{name}" if path else name] = t.detach()
        return state

    def _every_path(self, path):
        """(dotted name, module), shared modules under each of their names."""
        yield path, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module._every_path(f"{path}.{name}" if path else name)

    def load_state_dict(self, state_dict, strict=True):
        """Overwrite parameters and buffers with those of `state_dict`; all of them or none.

        Args:
            state_dict: dotted names and tensors, as `state_dict` gives.
            strict: refuse names that are missing or unexpected; wrong shapes always are.

        Returns:
            A pair (missing_keys, unexpected_keys).

        Raises:
            ShapeError: names or shapes do not fit; every one is listed, nothing was changed.
        """
        if not isinstance(state_dict, Mapping):
            raise DtypeError(
                f"load_state_dict: expected a dictionary, got {type(state_dict).__name__}"
            )
        for name, value in state_dict.items():
            if not isinstance(value, Tensor):
                raise DtypeError(
                    f"load_state_dict: {name!r} must be a tensor, got {type(value).__name__}"
                )
        own = self.state_dict()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(unexpected)}")
        for name, t in own.items():
            if name in state_dict and tuple(state_dict[name].shape) != t.shape:
                problems.append(
                    f"wrong shape: {name} is {tuple(state_dict[name].shape)} in the state dict, "
                    f"{t.shape} in the model"
                )
        if problems:
            listed = "\n  ".join(problems)
            raise ShapeError(
                f"load_state_dict: the state dict is not one of {type(self).__name__}; nothing "
                f"was loaded\n  {listed}"
            )
        with no_grad():
            for name, t in own.items():
                if name in state_dict:
                    t.copy_(state_dict[name])
        return IncompatibleKeys(missing, unexpected)

    # ------------------------------------------------------------------ text

    def extra_repr(self):
        """What stands in the brackets of the repr: the layer's options."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = [] if not extra else [extra]
        for name, module in self._modules.items():
            text = repr(module).replace("\n", "\n  ")
            lines.append(f"({name}): {text}")
        name = type(self).__name__
        if not self._modules:
            return f"{name}({extra})"
        return f"{name}(\n  " + "\n  ".join(lines) + "\n)"


class _HookHandle:
    def __init__(self, hooks):
        self._hooks = hooks

    def remove(self):
        self._hooks.pop(self, None)


def _moved(t, args, dtype, device):
    """The array of `t` after ``to``; integers change their device but not their dtype."""
    if not t.is_floating_point():
        args = [a for a in args if isinstance(a, str) and a.split(":")[0] in ("cpu", "cuda")]
        dtype = None
    with no_grad():
        return t.to(*args, dtype=dtype, device=device).array
