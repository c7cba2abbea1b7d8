"""Modules that hold modules."""

from minicnn.checks import DtypeError, IndexRangeError
from minicnn.nn.fusion import run_in_order
from minicnn.nn.module import Module


def _index(name, i, n):
    if not hasattr(i, "__index__"):
        raise DtypeError(f"{name}: the index must be an integer or a slice, got {i!r}")
    if not -n <= i < n:
        raise IndexRangeError(f"{name}: index {i} is out of range for {n} modules")
    return str(i % n)


class _Numbered(Module):
    """Modules named "0", "1", …"""

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, i):
        if isinstance(i, slice):
            return type(self)._of(list(self._modules.values())[i])
        return self._modules[_index(type(self).__name__, i, len(self))]

    def __setitem__(self, i, module):
        self.add_module(_index(type(self).__name__, i, len(self)), module)

    def append(self, module):
        """Add a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self


class Sequential(_Numbered):
    """Modules that run one after another; from modules, or from a dict of named ones.

    A batch normalisation and the activation behind it are run together where nothing shows the
    difference (`minicnn.nn.fusion`).

    As ``torch.nn.Sequential``.

    Args:
        modules: several modules; or one dictionary of them.

    Raises:
        DtypeError: something in it is not a module.

    >>> import minicnn as mc
    >>> net = Sequential(mc.nn.Linear(4, 3), mc.nn.ReLU(), mc.nn.Linear(3, 2))
    >>> net(mc.ones(5, 4)).shape
    (5, 2)
    """

    def __init__(self, *modules):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            for module in modules:
                self.append(module)

    @classmethod
    def _of(cls, modules):
        return cls(*modules)

    def __getitem__(self, i):
        # The modules may have names of their own.
        names = list(self._modules)
        if isinstance(i, slice):
            return Sequential({name: self._modules[name] for name in names[i]})
        return self._modules[names[int(_index("Sequential", i, len(names)))]]

    def __setitem__(self, i, module):
        self.add_module(list(self._modules)[int(_index("Sequential", i, len(self)))], module)

    def forward(self, input):
        return run_in_order(list(self), input)


class ModuleList(_Numbered):
    """A list of modules whose parameters are found.

    As ``torch.nn.ModuleList``.

    Args:
        modules: an iterable of modules.

    Raises:
        DtypeError: something in it is not a module.

    >>> import minicnn as mc
    >>> len(list(ModuleList([mc.nn.Linear(2, 2), mc.nn.Linear(2, 2)]).parameters()))
    4
    """

    def __init__(self, modules=None):
        super().__init__()
        self.extend(() if modules is None else modules)

    @classmethod
    def _of(cls, modules):
        return cls(modules)

    def extend(self, modules):
        """Add several modules at the end; returns the list."""
        for module in modules:
            self.append(module)
        return self


class ModuleDict(Module):
    """A dictionary of modules whose parameters are found.

    As ``torch.nn.ModuleDict``.

    Args:
        modules: a dictionary, or pairs (name, module).

    Raises:
        DtypeError: something in it is not a module.

    >>> import minicnn as mc
    >>> list(ModuleDict({"a": mc.nn.ReLU()}).keys())
    ['a']
    """

    def __init__(self, modules=None):
        super().__init__()
        self.update({} if modules is None else modules)

    def update(self, modules):
        """Add the modules of a dictionary."""
        try:
            named = dict(modules)
        except (TypeError, ValueError):
            raise DtypeError(
                "ModuleDict: expected a dictionary of modules, or pairs (name, module), got "
                f"{type(modules).__name__}"
            ) from None
        for name, module in named.items():
            self[name] = module

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, name):
        return name in self._modules

    def __getitem__(self, name):
        return self._modules[name]

    def __setitem__(self, name, module):
        self.add_module(name, module)

    def __delitem__(self, name):
        del self._modules[name]

    def keys(self):
        """The names, in order."""
        return self._modules.keys()

    def values(self):
        """The modules, in order."""
        return self._modules.values()

    def items(self):
        """Pairs (name, module), in order."""
        return self._modules.items()
