"""Nested Python values as JSON, with the arrays taken out and kept by name.

JSON has no tuples, no integer keys and no infinity, so what it lacks is an object with one key that
says what it is:

===============================  =================================
Python                           JSON
===============================  =================================
None, True, "text", 7, 0.5       the same
[a, b]                           ``[a, b]``
(a, b)                           ``{"tuple": [a, b]}``
{"lr": a, 3: b}                  ``{"dict": [["lr", a], [3, b]]}``
integers of 64 bits and more     ``{"int": "0x1f…"}``
inf, -inf, nan                   ``{"float": "inf"}``
a tensor                         ``{"tensor": name}``
a NumPy array                    ``{"array": name}``
a NumPy scalar                   ``{"scalar": name}``
===============================  =================================
"""

import itertools
import json
import math

import numpy as np

from minicnn.arrays import on_host
from minicnn.checks import ArgumentError, DtypeError
from minicnn.dtypes import DTYPES
from minicnn.tensor import Tensor

# Far more than real data has, and few enough for Python's own limits; see _encode.
DEEPEST = 100

# safetensors keeps its own entries under this name.
RESERVED_NAME = "__metadata__"


def encode(value):
    """`value` as something that JSON can write, and a dictionary of its arrays by name.

    >>> encode({"lr": 0.5, "best": (3, float("inf")), "w": np.zeros(2)})
    ({'dict': [['lr', 0.5], ['best', {'tuple': [3, {'float': 'inf'}]}], ['w', {'array': 'w'}]]},
     {'w': array([0., 0.])})
    """
    arrays = {}
    return _encode(value, (), arrays), arrays


def _encode(value, path, arrays):
    if len(path) > DEEPEST:
        raise ArgumentError(
            f"save: the structure is nested more than {DEEPEST} levels deep, or contains itself: "
            f"{_place(path[:3])}…"
        )
    # Exact types: what is stored as an int must have been one, not an IntEnum.
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        # Python refuses to write or read decimal numbers of thousands of digits, not hexadecimal.
        return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, Tensor):
        return {"tensor": _take_out(on_host(value.array), path, arrays)}
    if kind is np.ndarray:
        return {"array": _take_out(value, path, arrays)}
    if isinstance(value, np.generic):
        return {"scalar": _take_out(np.asarray(value), path, arrays)}
    if isinstance(value, dict):
        return {
            "dict": [
                [_encode_key(key, path), _encode(item, (*path, key), arrays)]
                for key, item in value.items()
            ]
        }
    if kind in (list, tuple):
        items = [_encode(item, (*path, i), arrays) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    name = kind.__name__
    raise DtypeError(
        f"save: cannot store {'an' if name[:1].lower() in 'aeiou' else 'a'} {name}{_at(path)}; "
        "what can be stored are dictionaries, lists, tuples, tensors, NumPy arrays, numbers, "
        "strings, True, False and None"
    )


def _encode_key(key, path):
    if type(key) not in (str, int):
        raise DtypeError(
            f"save: cannot store the key {key!r} ({type(key).__name__}) of the dictionary"
            f"{_at(path)}; keys must be strings or integers"
        )
    return _encode(key, (), None)


def _take_out(array, path, arrays):
    if array.dtype.newbyteorder("=") not in DTYPES:
        names = ", ".join(d.name for d in DTYPES)
        raise DtypeError(
            f"save: cannot store an array of dtype {array.dtype}{_at(path)}; convert it to one of "
            f"{names}"
        )
    name = _free_name(path, arrays)
    arrays[name] = array
    return name


def _free_name(path, arrays):
    """The path joined by dots, as in a state dict, or with a number where that name is taken."""
    name = ".".join(str(key) for key in path) if path else "value"
    name = name.encode("utf-8", "replace").decode()  # a file's text has no lone surrogates
    names = itertools.chain([name], (f"{name}#{n}" for n in itertools.count(2)))
    return next(n for n in names if n not in arrays and n != RESERVED_NAME)


def _place(path):
    return "".join(f"[{key!r}]" for key in path)


def _at(path):
    return f" at {_place(path)}" if path else ""


class DamagedTree(Exception):
    """The JSON is not what `encode` writes; the text says what is wrong with it."""


def parse(text):
    """JSON as Python values; `DamagedTree` for anything else."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DamagedTree(f"its JSON cannot be read ({error})") from None


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def decode(node, arrays):
    """The value that `encode` was given; each of `arrays` must be used exactly once."""
    arrays = dict(arrays)
    try:
        value = _decode(node, arrays)
    except RecursionError:
        raise DamagedTree("it is nested too deeply") from None
    if arrays:
        raise DamagedTree(f"it does not say where tensor {next(iter(arrays))!r} belongs")
    return value


def _decode(node, arrays):
    if isinstance(node, list):
        return [_decode(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) != 1:
        raise DamagedTree(f"it has an entry with the keys {sorted(node)}")
    ((tag, content),) = node.items()
    if tag == "dict" and isinstance(content, list):
        return _decode_dict(content, arrays)
    if tag == "tuple" and isinstance(content, list):
        return tuple([_decode(item, arrays) for item in content])
    if isinstance(content, str):
        if tag == "int" and content.lstrip("-").startswith("0x"):
            return _number(lambda text: int(text, 16), content)
        if tag == "float":
            return _number(float, content)
        if tag in ("tensor", "array", "scalar"):
            if content not in arrays:
                raise DamagedTree(f"tensor {content!r} is named twice or is not in the file")
            array = arrays.pop(content)
            if tag == "tensor":
                return Tensor(array)
            return array if tag == "array" else array[()]
    raise DamagedTree(f"it has an entry {tag!r} that means nothing there")


def _decode_dict(pairs, arrays):
    result = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise DamagedTree("a dictionary has an entry that is not a key and a value")
        key = _decode(pair[0], {})
        if type(key) not in (str, int) or key in result:
            raise DamagedTree(f"a dictionary has the key {key!r} twice, or it cannot be a key")
        result[key] = _decode(pair[1], arrays)
    return result


def _number(read, text):
    try:
        return read(text)
    except ValueError:
        raise DamagedTree(f"{text!r} is not a number") from None
