"""Values as bytes, between the grader and a student's process. Imports NumPy only.

A message is one line of JSON and the arrays in it as .npy files. Nothing is pickled: what comes
from a student's process is read as numbers, or refused.
"""

import io
import json
import struct

import numpy as np

_LENGTH = struct.Struct("<Q")


class WireError(Exception):
    """A value that cannot be sent, or bytes that are no message."""


def pack(message):
    """A message (None, bool, int, float, str, arrays, lists, tuples, dicts of these) as bytes."""
    files = []
    tree = _tree(message, files)
    head = json.dumps([tree, [len(f) for f in files]]).encode()
    body = b"".join([_LENGTH.pack(len(head)), head, *files])
    return _LENGTH.pack(len(body)) + body


def _tree(value, files):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value  # JSON as Python writes it knows NaN and Infinity
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise WireError("an array of Python objects (a list of unequal lengths, say)")
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
        files.append(file.getvalue())
        return {"array": len(files) - 1}
    if isinstance(value, tuple):
        return {"tuple": [_tree(v, files) for v in value]}
    if isinstance(value, list):
        return {"list": [_tree(v, files) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[_key(k), _tree(v, files)] for k, v in value.items()]}
    raise WireError(f"a value of type {type(value).__name__}")


def _key(key):
    if not isinstance(key, (str, int)):
        raise WireError(f"a dictionary with a key of type {type(key).__name__}")
    return key


def unpack(body):
    """The message in the bytes that follow its length; a `WireError` where there is none."""
    try:
        (size,) = _LENGTH.unpack_from(body)
        tree, sizes = json.loads(body[_LENGTH.size : _LENGTH.size + size])
        at, files = _LENGTH.size + size, []
        for n in sizes:
            files.append(_array(body[at : at + n]))
            at += n
        return _value(tree, files)
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, struct.error, RecursionError) as error:
        raise WireError(f"bytes that are no message ({type(error).__name__})") from error


def _array(data):
    """An array from the bytes of an .npy file, which may claim any size."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise WireError("an array in another format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    count = 1
    for size in shape:
        count *= int(size)
    if dtype.hasobject or count < 0 or count * dtype.itemsize != len(data) - file.tell():
        raise WireError("an array whose size is not what it says")
    file.seek(0)
    return np.load(file, allow_pickle=False)


def _value(tree, files):
    if not isinstance(tree, dict):
        return tree
    ((kind, inside),) = tree.items()
    if kind == "array":
        return files[inside]
    if kind == "dict":
        return {k: _value(v, files) for k, v in inside}
    if kind not in ("tuple", "list"):
        raise WireError("bytes that are no message")
    values = [_value(v, files) for v in inside]
    return tuple(values) if kind == "tuple" else values


def read_message(stream, largest):
    """The next message's bytes from a binary stream; None at its end."""
    head = _exactly(stream, _LENGTH.size)
    if head is None:
        return None
    (size,) = _LENGTH.unpack(head)
    if size > largest:
        raise WireError(f"a message of {size} bytes, where {largest} are allowed")
    return _exactly(stream, size)


def _exactly(stream, size):
    parts, missing = [], size
    while missing:
        part = stream.read(missing)
        if not part:
            return None
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
