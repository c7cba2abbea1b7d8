"""A short text that changes when a data set, or what is done to its samples, does."""

import hashlib
import os
import struct
import sys
import sysconfig
import types
from enum import Enum
from functools import partial
from pathlib import Path

import numpy as np

from minicnn._version import __version__
from minicnn.checks import DtypeError
from minicnn.random import Generator
from minicnn.tensor import Tensor

_NUMBERS = (bool, int, float, complex)
_FUNCTIONS = (types.FunctionType, types.MethodType)
_BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, np.ufunc)

_CONSTANT = (
    *_NUMBERS, *_FUNCTIONS, *_BUILT_IN, str, bytes, tuple, frozenset, type, np.ndarray, np.generic,
    Tensor, partial,
)  # fmt: skip


def fingerprint(*values):
    """A text of 32 hexadecimal digits that says what `values` are, down to their last array.

    Looked at are the pixels of arrays and tensors, the attributes of objects, the code of functions
    and of classes with the constants, functions and classes that they name (those of installed
    packages count by their name, minicnn's by its version), and size and time of the last change of
    the files that paths name. Where an object should be judged otherwise, its class defines
    ``fingerprint()``, whose result takes its place.

    Args:
        *values: anything made of these.

    Raises:
        DtypeError: there is something whose content cannot be seen, such as an open file.

    >>> from minicnn.data.transforms import Normalize
    >>> fingerprint(Normalize(0.5, 0.5)) == fingerprint(Normalize(0.5, 0.5))
    True
    >>> fingerprint(Normalize(0.5, 0.5)) == fingerprint(Normalize(0.5, 0.25))
    False
    >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: x + 2)
    False
    """
    reader = _Reader()
    reader.put("minicnn", __version__)
    reader.read(list(values), "value")
    return reader.digest.hexdigest()


class _Reader:
    def __init__(self):
        self.digest = hashlib.blake2b(digest_size=16)
        self.seen = {}  # the objects read, by id: one that contains itself is read once

    def put(self, *parts):
        """Add parts, each with its length: ("ab", "c") and ("a", "bc") are not the same."""
        for part in parts:
            content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            self.digest.update(struct.pack("<q", len(content)))
            self.digest.update(content)

    def read(self, value, place):
        """Add `value`; `place` says where it is, for messages."""
        kind = type(value)
        if value is None or value is ... or kind in _NUMBERS:
            self.put(kind.__name__, repr(value))
        elif kind in (str, bytes, bytearray):
            self.put(kind.__name__, value)
            if kind is str and os.sep in value:
                self._file(value)
        elif id(value) in self.seen:
            self.put("again", str(self.seen[id(value)][0]))
        else:
            # Kept, so that its id is not given to another object.
            self.seen[id(value)] = len(self.seen), value
            self._read_new(value, kind, place)

    def _read_new(self, value, kind, place):
        if isinstance(value, Tensor):
            self.read(value.array, place)
        elif isinstance(value, np.ndarray) and value.dtype != object:
            self.put("array", value.dtype.str, repr(value.shape))
            self.put(memoryview(np.ascontiguousarray(value).reshape(-1)).cast("B"))
        elif isinstance(value, np.generic):
            self.put("scalar", value.dtype.str, value.tobytes())
        elif isinstance(value, (list, tuple, range)) and kind in (list, tuple, range):
            self.put(kind.__name__, str(len(value)))
            for i, entry in enumerate(value if kind is not range else (repr(value),)):
                self.read(entry, f"{place}[{i}]")
        elif kind in (set, frozenset):
            self.put(kind.__name__, *sorted(fingerprint(entry) for entry in value))
        elif kind is dict:
            self.put("dict", str(len(value)))
            for key, entry in value.items():
                self.read(key, place)
                self.read(entry, f"{place}[{key!r}]")
        elif isinstance(value, Path):
            self.put("path", str(value))
            self._file(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, _FUNCTIONS):
            self._function(value, place)
        elif isinstance(value, types.CodeType):
            self._code(value, place)
        elif isinstance(value, types.ModuleType):
            self.put("module", value.__name__)
        elif isinstance(value, Enum):
            self.put("enum", kind.__qualname__, value.name)
        elif isinstance(value, partial):
            self.read([value.func, value.args, value.keywords], place)
        elif hasattr(value, "py_func"):  # compiled by Numba
            self.read(value.py_func, place)
        elif isinstance(value, _BUILT_IN):
            self.put("built-in", getattr(value, "__qualname__", repr(value)))
        elif isinstance(value, Generator):
            self.read(value.get_state(), place)
        elif callable(getattr(value, "fingerprint", None)):
            self._class(kind)
            self.read(value.fingerprint(), place)
        else:
            self._object(value, kind, place)

    def _file(self, path):
        try:
            about = os.stat(path)
        except (OSError, ValueError):
            return
        if os.path.isfile(path):
            self.put("file", f"{about.st_size} {about.st_mtime_ns}")

    def _class(self, kind):
        """The name, and for a class that is no installed package's what it defines."""
        self.put("class", kind.__module__, kind.__qualname__)
        if kind.__module__.partition(".")[0] in _INSTALLED or _is_installed(kind.__module__):
            return
        for base in kind.__mro__[1:-1]:
            self.read(base, base.__qualname__)
        for name, member in sorted(vars(kind).items()):
            if name not in _NOT_READ:
                member = getattr(member, "__func__", member)  # of static and class methods
                member = member.fget if isinstance(member, property) else member
                if not isinstance(member, (types.MemberDescriptorType, types.GetSetDescriptorType)):
                    self.put(name)
                    self.read(member, f"{kind.__qualname__}.{name}")

    def _function(self, function, place):
        if isinstance(function, types.MethodType):
            self.read(function.__self__, place)
            function = function.__func__
        self.put("function", function.__module__ or "", function.__qualname__)
        if _is_installed(function.__module__ or "") and "<" not in function.__qualname__:
            return  # but a lambda's name says nothing
        self._code(function.__code__, place)
        for name in sorted(_names(function.__code__) & function.__globals__.keys()):
            # Not lists and other objects, which may change while a program runs.
            if isinstance(used := function.__globals__[name], _CONSTANT):
                self.put(name)
                self.read(used, f"{name} in {place}")
        cells = [c.cell_contents for c in function.__closure__ or () if _is_filled(c)]
        self.read([function.__defaults__, function.__kwdefaults__, cells], place)

    def _code(self, code, place):
        self.put("code", code.co_code, *code.co_names, *code.co_varnames)
        self.read(list(code.co_consts), place)

    def _object(self, value, kind, place):
        slots = [n for c in kind.__mro__ for n in _as_tuple(vars(c).get("__slots__", ()))]
        attributes = {n: getattr(value, n) for n in slots if hasattr(value, n)}
        attributes.update(getattr(value, "__dict__", {}))
        attributes.pop("__dict__", None), attributes.pop("__weakref__", None)
        try:
            made_of = value.__reduce_ex__(4)
        except TypeError:  # how an open file, a lock, an iterator say that they are no data
            raise DtypeError(
                f"fingerprint: {place} is a {kind.__name__}, whose content cannot be seen; give "
                "its class a method fingerprint() that returns what decides the samples, or give "
                "key= (a text of your own, to be changed when the data or the transform change)"
            ) from None
        if not attributes and isinstance(made_of, tuple):  # one of C's: a date, say, or a deque
            parts = [list(p) if i > 2 and p is not None else p for i, p in enumerate(made_of)]
            self.read(parts, place)
        self._class(kind)
        if isinstance(value, (list, tuple, dict)):  # a kind of its own: a named tuple, say
            content = dict(value) if isinstance(value, dict) else list(value)
            self.read(content, place)
        for name, entry in sorted(attributes.items()):
            self.put(name)
            self.read(entry, f"{place}.{name}")


_INSTALLED = {"minicnn", "builtins", "numpy", "PIL", "torchvision", "torch"}
_NOT_READ = {
    "__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__annotations__",
    "__slots__", "__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl",
    "__parameters__", "__orig_bases__", "__match_args__", "__dataclass_fields__",
    "__dataclass_params__",
}  # fmt: skip


def _is_installed(module):
    """Whether a module belongs to Python or to an installed package (or to minicnn)."""
    top = module.partition(".")[0]
    if top in _INSTALLED or (top in sys.stdlib_module_names and top != "__main__"):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return file is not None and any(Path(file).is_relative_to(f) for f in folders)


def _names(code):
    """The names of globals (and attributes) that the code uses, with those of functions inside."""
    inside = (_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*inside)


def _is_filled(cell):
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _as_tuple(names):
    return (names,) if isinstance(names, str) else tuple(names)
