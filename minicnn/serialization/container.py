"""`save` and `load`: one kind of file for everything.

The file is a safetensors file: a header that lists each tensor's name, dtype, shape and position,
then the bytes. It holds data and nothing else, so reading one runs no code. What is not a tensor,
and how all of it is nested, stands as JSON in the header's metadata (see ``tree.py``).
"""

import json

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from minicnn.checks import ArgumentError, DtypeError, closest
from minicnn.serialization.atomic import as_path, atomic_write
from minicnn.serialization.tree import RESERVED_NAME, DamagedTree, decode, encode, parse
from minicnn.tensor import Tensor

# The names that safetensors gives to minicnn's dtypes.
SAFETENSORS_DTYPES = ("F32", "F64", "F16", "I64", "I32", "U8", "BOOL")

TREE_KEY, TREE_VERSION = "minicnn_tree", 1

# safetensors sorts tensors by dtype and name; this keeps the order of a state dict's layers.
ORDER_KEY = "minicnn_order"

LARGEST_HEADER = 100_000_000  # bytes; no reader of safetensors takes more


def save(obj, path):
    """Write `obj` to the file `path`, which `load` reads back.

    The file is a safetensors file. If `obj` is a flat dictionary of names and tensors, as
    ``model.state_dict()`` is, every reader of safetensors gets the same names and tensors from it.
    The file gets its new content in one step: a write that fails leaves the old one as it was.

    Args:
        obj: dictionaries (keys: strings or integers), lists and tuples, nested as you like, of
            tensors, NumPy arrays and scalars (float16, float32, float64, int32, int64, uint8,
            bool), Python numbers, strings, True, False and None. Values come back exactly, infinity
            and integers of any length included. Kinds of dictionary (OrderedDict) come back as
            plain ones. `requires_grad` is not kept, and tensors that share memory come back as
            separate copies.
        path: the file's name; an existing file is replaced.

    Raises:
        DtypeError: something in `obj` cannot be stored; the message says where it is.
        ArgumentError: more than 100 levels of nesting; a structure that contains itself; more than
            100 MB of what is not in tensors.
        FileNotFoundError: there is no such folder.

    >>> import minicnn as mc, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> save({"epoch": 3, "weights": [mc.ones(2), mc.zeros(1)]}, path)
    >>> load(path)
    {'epoch': 3, 'weights': [tensor([1., 1.]), tensor([0.])]}
    """
    path = as_path("save", path)
    tree, arrays = encode(obj)
    if _is_plain(obj):
        metadata = {ORDER_KEY: json.dumps(list(obj))}
    else:
        metadata = {TREE_KEY: json.dumps({"version": TREE_VERSION, "root": tree})}
    # Beside its name, a tensor's entry in the header takes less than 200 bytes.
    header = len(json.dumps([metadata, list(arrays)])) + 200 * len(arrays)
    if header > LARGEST_HEADER:
        raise ArgumentError(
            f"save: what is not in tensors takes {header / 1e6:.0f} MB, and a safetensors file "
            f"has room for {LARGEST_HEADER / 1e6:.0f} MB of that; put long lists of numbers into "
            "tensors"
        )
    content = safetensors_bytes({n: _row_major(a) for n, a in arrays.items()}, metadata)
    with atomic_write(path, "save") as file:
        file.write(content)


def _is_plain(obj):
    """Whether names and tensors are all there is, so that no tree is needed."""
    return isinstance(obj, dict) and all(
        type(name) is str and name != RESERVED_NAME and _is_text(name) and isinstance(value, Tensor)
        for name, value in obj.items()
    )


def _is_text(name):
    try:
        name.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _row_major(array):
    # safetensors writes memory as it lies. (np.ascontiguousarray would make 0-d arrays 1-d.)
    return np.asarray(array, order="C")


def load(path):
    """Read what `save` wrote to `path`, or any safetensors file as a dictionary of tensors.

    Nothing in the file is executed, whatever it holds.

    Args:
        path: the file's name.

    Returns:
        The value that was given to `save`. For a safetensors file written by another program, a
        dictionary of tensors by name. Tensors are on the CPU and do not require grad.

    Raises:
        FileNotFoundError: there is no such file.
        ArgumentError: not a safetensors file, or a damaged one; one written by a newer minicnn; a
            PyTorch file (``.pth``, ``.pt``).
        DtypeError: a tensor of a dtype that minicnn does not have, such as bfloat16.

    >>> import minicnn as mc, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save({"conv1.weight": mc.ones(1, 2), "conv1.bias": mc.zeros(1)}, path)
    >>> load(path)
    {'conv1.weight': tensor([[1., 1.]]), 'conv1.bias': tensor([0.])}
    """
    path = as_path("load", path)
    _check_is_file(path)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: _read(file, name, path) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(_why_unreadable(path, error)) from None
    try:
        if TREE_KEY in metadata:
            return _from_tree(metadata[TREE_KEY], arrays, path)
        names = parse(metadata.get(ORDER_KEY, "null"))
    except DamagedTree as error:
        raise ArgumentError(
            f"load: {str(path)!r} is damaged: the description of its structure is not right: "
            f"{error}"
        ) from None
    # Another program may have changed the tensors and kept the metadata: then its names count.
    if not isinstance(names, list) or sorted(map(repr, names)) != sorted(map(repr, arrays)):
        names = list(arrays)
    return {name: Tensor(arrays[name]) for name in names}


def _check_is_file(path):
    if not path.exists():
        folder = path.parent
        known = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        raise FileNotFoundError(f"load: there is no file {str(path)!r}{closest(path.name, known)}")
    if not path.is_file():
        raise ArgumentError(f"load: {str(path)!r} is not a file; give the name of a file")


def _read(file, name, path):
    dtype = file.get_slice(name).get_dtype()
    if dtype not in SAFETENSORS_DTYPES:
        raise DtypeError(
            f"load: tensor {name!r} in {str(path)!r} has dtype {dtype}, which minicnn does not "
            f"have; convert it to one of {', '.join(SAFETENSORS_DTYPES)} where the file was made"
        )
    array = file.get_tensor(name)
    if dtype == "BOOL" and array.size and array.view(np.uint8).max() > 1:
        raise ArgumentError(
            f"load: {str(path)!r} is damaged: tensor {name!r} is of dtype bool, and holds bytes "
            "that are neither 0 nor 1"
        )
    return array


def _from_tree(text, arrays, path):
    tree = parse(text)
    if not isinstance(tree, dict) or not isinstance(tree.get("version"), int):
        raise DamagedTree("it has no version")
    if tree["version"] > TREE_VERSION:
        raise ArgumentError(
            f"load: {str(path)!r} was written by a newer minicnn (its structure has version "
            f"{tree['version']}, this minicnn reads {TREE_VERSION}); upgrade minicnn"
        )
    if tree["version"] != TREE_VERSION or set(tree) != {"version", "root"}:
        raise DamagedTree(f"version {tree['version']} does not have the keys {sorted(tree)}")
    return decode(tree["root"], arrays)


def _why_unreadable(path, error):
    """What to say about a file that is not a safetensors file."""
    with open(path, "rb") as file:
        start = file.read(4)
    pytorch = None
    if start == b"PK\x03\x04":
        pytorch = "a zip archive, as torch.save writes for .pth and .pt"
    elif start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        pytorch = "a pickle, as old versions of torch.save write for .pth and .pt"
    if pytorch:
        return (
            f"load: {str(path)!r} is {pytorch}; minicnn does not read these. Where PyTorch is "
            "installed, safetensors.torch.save_file(model.state_dict(), 'model.safetensors') "
            "writes a file that it does read"
        )
    if not start:
        return f"load: {str(path)!r} is empty"
    return (
        f"load: {str(path)!r} is not a safetensors file, or it is damaged or incomplete ({error})"
    )
