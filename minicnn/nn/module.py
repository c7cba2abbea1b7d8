"""`Module`: a layer or a network, with the parameters and modules it is made of."""

import warnings

from minicnn.checks import ArgumentError, DtypeError, closest
from minicnn.device import computed, moved
from minicnn.dtypes import is_floating
from minicnn.functions.conversions import gpu_named, target
from minicnn.nn import state
from minicnn.nn.hooks import Hook, call_with_hooks, register
from minicnn.nn.parameter import Parameter
from minicnn.tensor import Tensor


class NameTakenError(KeyError, ArgumentError):
    """A name that a module cannot give to a parameter, buffer or module."""

    def __str__(self):  # KeyError would show the message in quotes
        return str(self.args[0])


HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class Module:
    """The base class of layers and networks, as ``torch.nn.Module``.

    A subclass calls ``super().__init__()``, sets parameters and modules as attributes, and defines
    `forward`. What is set is found again by `parameters`, `state_dict` and the others.

    Attributes:
        training: whether layers that behave differently in training (dropout, batch normalisation)
            are to do so; set by `train` and `eval`.
        stays_in_eval: True where `train` is to leave the module in evaluation mode; minicnn's own,
            set by `minicnn.training.transfer.freeze`.

    Raises:
        AttributeError: a parameter or module is set before ``super().__init__()``; a name that is
            not there is read.

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

    stays_in_eval = False

    # Names of its state without which old files are complete.
    _may_be_missing = ()

    def __init__(self):
        # Past __setattr__, which needs these.
        for kind in ("_parameters", "_buffers", "_modules", *HOOKS):
            object.__setattr__(self, kind, {})
        object.__setattr__(self, "_unsaved_buffers", set())
        self.training = True

    def forward(self, *inputs):
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *inputs, **options):
        own = self.__dict__
        if any([own[kind] for kind in HOOKS]):
            return call_with_hooks(self, inputs, options)
        return self.forward(*inputs, **options)

    # ------------------------------------------------------------------ attributes

    def __setattr__(self, name, value):
        own = self.__dict__
        if "_modules" not in own:
            raise ArgumentError(
                f"{type(self).__name__}: call super().__init__() before setting attributes"
            )
        if isinstance(value, Parameter):
            self._put(own["_parameters"], name, value)
        elif isinstance(value, Module):
            self._put(own["_modules"], name, value)
        else:
            for kind in ("_parameters", "_modules", "_buffers"):
                if name in own[kind]:
                    self._replace(kind, name, value)
                    return
            object.__setattr__(self, name, value)

    def _replace(self, kind, name, value):
        """Set one of its parameters, modules or buffers to what is none: to None, or a tensor."""
        if value is not None and not (kind == "_buffers" and isinstance(value, Tensor)):
            raise DtypeError(
                f"{type(self).__name__}: {name!r} is one of its parameters, modules or "
                f"buffers and cannot become a {type(value).__name__}; del it first"
            )
        self.__dict__[kind][name] = value

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
        """Add a parameter under a name; None reserves the name (a layer without bias).

        Args:
            name: a string without dots that is no attribute yet.
            param: a `Parameter`, or None.

        Raises:
            DtypeError: neither of these, or a name that is no string.
            NameTakenError: a name that is taken, or cannot be used.
        """
        if param is not None and not isinstance(param, Parameter):
            raise DtypeError(
                f"register_parameter: {name!r} must be a Parameter or None, got "
                f"{type(param).__name__}"
            )
        self._check_name("register_parameter", name, self._parameters)
        self._put(self._parameters, name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that is state but not learnt; not `persistent`: not in `state_dict`.

        Args:
            name: a string without dots that is no attribute yet.
            tensor: a tensor, or None.

        Raises:
            DtypeError: neither of these, or a name that is no string.
            NameTakenError: a name that is taken, or cannot be used.
        """
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
        if name not in home and self._has(name):
            raise NameTakenError(f"{operation}: {type(self).__name__} has a {name!r} already")

    def _has(self, name):
        """Whether there is an attribute of that name (``name in dir(self)`` makes a long list)."""
        own = self.__dict__
        if name in own or hasattr(type(self), name):
            return True
        return name in own["_parameters"] or name in own["_modules"] or name in own["_buffers"]

    # ------------------------------------------------------------------ hooks

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before each forward; a result replaces the inputs.

        With `prepend` the hook runs before those that are there. `with_kwargs` makes it
        ``hook(module, args, kwargs)``, which returns None or a pair of both. Returns a handle; its
        ``remove()`` takes the hook away.
        """
        return register(self._forward_pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after each forward; a result replaces the output.

        With `prepend` the hook runs before those that are there. `with_kwargs` makes it
        ``hook(module, args, kwargs, output)``. With `always_call` it runs after an error too, with
        the output so far or None. Returns a handle; its ``remove()`` takes the hook away.
        """
        return register(self._forward_hooks, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` before the gradients pass through the module.

        ``grad_output`` is a tuple, one entry for each output. A tuple that the hook returns takes
        its place. Returns a handle; its ``remove()`` takes the hook away.

        With `prepend` it comes before those that are there.
        """
        return register(self._backward_pre_hooks, Hook(hook), prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` when both gradients are known.

        Each is a tuple, one entry for each positional input and each output; None for an input
        that wants no gradient. A tuple that the hook returns takes the place of ``grad_input``.
        With `prepend` the hook runs before those that are there. Returns a handle; its ``remove()``
        takes the hook away.
        """
        return register(self._backward_hooks, Hook(hook), prepend)

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

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted name, module) of this module and all inside, each once.

        Modules in the set `memo` are left out. Without `remove_duplicate` a shared module comes
        under each of its names.

        `prefix` is put before all names.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                inner = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, inner, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """This module and all inside, each once; without `remove_duplicate` as often as it is
        named.
        """
        return (m for _, m in self.named_modules(remove_duplicate=remove_duplicate))

    def _named_tensors(self, kind, prefix, recurse, remove_duplicate):
        seen = set()
        modules = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in modules:
            for name, t in getattr(module, kind).items():
                if t is None or t in seen:
                    continue
                if remove_duplicate:
                    seen.add(t)
                yield (f"{path}.{name}" if path else name), t

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, parameter) of all parameters, each once, or under each of its names.

        `prefix` is put before all names; without `recurse` only those directly here; without
        `remove_duplicate` a shared one comes under each of its names.
        """
        return self._named_tensors("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """All parameters, each once: what an optimiser is given.

        Without `recurse` only those directly in this module.
        """
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, tensor) of all buffers, each once, or under each of its names.

        `prefix` is put before all names; without `recurse` only those directly here; without
        `remove_duplicate` a shared one comes under each of its names.
        """
        return self._named_tensors("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """All buffers.

        Without `recurse` only those directly in this module.
        """
        return (b for _, b in self.named_buffers(recurse=recurse))

    # ------------------------------------------------------------------ for all at once

    def apply(self, fn):
        """Call ``fn(module)`` for every module inside and then this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        """Set `training` here and in all modules inside; returns the module.

        Modules with `stays_in_eval`, frozen ones, stay in evaluation mode.
        """
        if not isinstance(mode, bool):
            raise ArgumentError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode and not module.stays_in_eval
        return self

    def eval(self):
        """Set evaluation mode, here and in all modules inside: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Want gradients for all parameters (`requires_grad`), or for none; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters; without `set_to_none` they become 0."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad.zero_()

    def to(self, *args, dtype=None, device=None, non_blocking=False):
        """Move all parameters and buffers to a dtype (floating-point ones) or device.

        As in PyTorch: ``to(device, dtype, non_blocking)``, ``to(dtype, non_blocking)`` or
        ``to(other, non_blocking)``, where `other` is a tensor whose dtype and device are taken.
        Integer buffers keep their dtype. The parameters stay the same objects; returns the module.

        Args:
            args: a dtype, a device, or a tensor, whose dtype and device are taken.
        """
        device, dtype, _ = target("to", args, dtype, device, non_blocking)
        if dtype is not None and not is_floating(dtype):
            raise DtypeError(
                f"to: the parameters of a module are floating-point numbers; {dtype} is not"
            )
        # All are converted before the first takes its new place: a GPU may run out of memory.
        found = {}
        for module in self.modules():
            for home in (module._parameters, module._buffers):
                for t in home.values():
                    if t is not None:
                        _convert(t, device, dtype if t.is_floating_point() else None, found)
        for part, array in found.values():
            part.array = array
        return self

    def float(self):
        """All floating-point parameters and buffers as float32."""
        return self.to("float32")

    def double(self):
        """All floating-point parameters and buffers as float64."""
        return self.to("float64")

    def half(self):
        """All floating-point parameters and buffers as float16."""
        return self.to("float16")

    def cpu(self):
        """All parameters and buffers in the computer's main memory."""
        return self.to("cpu")

    def cuda(self, device=None):
        """All parameters and buffers on a GPU: the current one, or `device`."""
        return self.to(gpu_named("cuda", device))

    # ------------------------------------------------------------------ saving and loading

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """All parameters and persistent buffers by dotted name; the tensors share memory.

        Args:
            destination: a dictionary to add them to, which is returned; default: a new one.
            prefix: what the names begin with, as in ``prefix="encoder."``.
            keep_vars: give the parameters themselves, not tensors without their history.
            args: PyTorch's older way to give the others.

        >>> import minicnn as mc
        >>> list(mc.nn.Linear(2, 1).state_dict(prefix="fc."))
        ['fc.weight', 'fc.bias']
        """
        if args:
            warnings.warn(
                "state_dict: give destination, prefix and keep_vars by keyword; by position they "
                "are deprecated, as in PyTorch",
                FutureWarning,
                stacklevel=2,
            )
            given = (destination, prefix, keep_vars)
            destination, prefix, keep_vars = (*args[:3], *given[len(args) :])
        found = {} if destination is None else destination
        for name, entry in state.entries(self, prefix):
            found[name] = entry.tensor if keep_vars else entry.tensor.detach()
        return found

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Overwrite parameters and buffers with those of `state_dict`; all of them or none.

        Args:
            state_dict: dotted names and tensors, as `state_dict` gives.
            strict: refuse names that are missing or unexpected; wrong shapes always are.
            assign: make the tensors of `state_dict` the module's own, with their dtypes, in place
                of copying their values; an optimiser made before does not know them.

        Returns:
            A pair (missing_keys, unexpected_keys).

        Raises:
            ShapeError: names or shapes do not fit; every one is listed, nothing was changed.
        """
        return state.load(self, state_dict, strict, assign)

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


def _convert(t, device, dtype, found):
    """Put into `found` the arrays that a tensor and its gradient are to have; nothing changes."""
    for part in (t, t.grad):
        if part is None:
            continue
        array = part.array
        if dtype is not None:
            array = computed("to", lambda a: a.astype(dtype, copy=False), array)
        if device is not None:
            array = moved(array, device)
        found[id(part)] = part, array
