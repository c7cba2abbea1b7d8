"""`save` and `load`: one kind of file for everything.

The file is a safetensors file: a header that lists each tensor's name, dtype, shape and position,
then the bytes. It holds data and nothing else, so reading one runs no code. What is not a tensor,
and how all of it is nested, stands as JSON in the header's metadata (see ``tree.py``).
"""

import contextlib
import io
import json
import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from minicnn.checks import ArgumentError, DtypeError, closest
from minicnn.device import CPU, as_device
from minicnn.functions.conversions import of_tensors
from minicnn.serialization import pytorch
from minicnn.serialization.atomic import as_path, atomic_write
from minicnn.serialization.tree import RESERVED_NAME, DamagedTree, decode, encode, parse
from minicnn.tensor import Tensor

# The names that safetensors gives to minicnn's dtypes.
SAFETENSORS_DTYPES = ("F32", "F64", "F16", "I64", "I32", "U8", "BOOL")

TREE_KEY, TREE_VERSION = "minicnn_tree", 1

# safetensors sorts tensors by dtype and name; this keeps the order of a state dict's layers.
ORDER_KEY = "minicnn_order"

LARGEST_HEADER = 100_000_000  # bytes; no reader of safetensors takes more


def save(obj, f):
    """Write `obj` to the file `f`, which `load` reads back.

    The file is a safetensors file. If `obj` is a flat dictionary of names and tensors, as
    ``model.state_dict()`` is, every reader of safetensors gets the same names and tensors from it.
    The file gets its new content in one step: a write that fails leaves the old one as it was.

    As ``torch.save``, but for the format.

    Args:
        obj: dictionaries (keys: strings or integers), lists and tuples, nested as you like, of
            tensors, NumPy arrays and scalars (float16, float32, float64, int32, int64, uint8,
            bool), Python numbers, strings, True, False and None. Values come back exactly, infinity
            and integers of any length included. Kinds of dictionary (OrderedDict) come back as
            plain ones. `requires_grad` is not kept, and tensors that share memory come back as
            separate copies.
        f: the file's name, a string or a path (an existing file is replaced), or a file open for
            writing bytes.

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
    if not _is_open_file(f, "write"):
        f = as_path("save", f)
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
    if isinstance(f, Path):
        with atomic_write(f, "save") as file:
            file.write(content)
    else:
        _check_is_binary("save", f)
        f.write(content)


def _is_open_file(f, method):
    return callable(getattr(f, method, None)) and not isinstance(f, (str, os.PathLike))


def _check_is_binary(operation, f):
    if isinstance(f, io.TextIOBase):
        raise DtypeError(
            f"{operation}: the file {_name_of(f)} is open for text; open it for bytes, with mode "
            f"{'wb' if operation == 'save' else 'rb'!r}"
        )


def _name_of(f):
    """What messages call a file object."""
    return repr(f.name) if hasattr(f, "name") else f"the content of the {type(f).__name__}"


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


def load(f, map_location=None, *, weights_only=None, mmap=None):
    """Read what `save` wrote to `f`, any safetensors file, or a file of ``torch.save``.

    Nothing in the file is executed, whatever it holds. Of PyTorch's files (``.pth``, ``.pt``; the
    format of today and the one before PyTorch 1.6) tensors, numbers, strings, lists, tuples and
    dictionaries are taken, nested as they are; a file that holds anything else, such as a whole
    model, is refused with its name. PyTorch need not be installed.

    As ``torch.load``, but for the format.

    Args:
        f: the file's name, a string or a path, or a file open for reading bytes.
        map_location: the device that the tensors go to, such as ``"cuda"``; None: the CPU. (A file
            of minicnn's does not say where tensors were; of PyTorch's it is not asked.)
        weights_only: None (the same) or True. False, which lets PyTorch execute what a file holds,
            is refused.
        mmap: True leaves the tensors of a PyTorch file in the file until they are used, which saves
            time and memory. Changes to them never reach the file; but while they are in use, nobody
            may write to it. Needs a file's name and the format of today, as in PyTorch. For other
            files of no effect: the tensors are copies of their own.

    Returns:
        The value that was given to `save`. For a safetensors file written by another program, a
        dictionary of tensors by name. For a PyTorch file what it holds, kinds of dictionary as
        plain ones, parameters as tensors; tensors that share memory still share it. bfloat16, which
        minicnn does not have, becomes float32, in which every bfloat16 has a place. Tensors do not
        require grad.

    Raises:
        FileNotFoundError: there is no such file.
        ArgumentError: not a file of these kinds, or a damaged one; one written by a newer minicnn;
            a PyTorch file that holds something else than what is named above;
            ``weights_only=False``; a device that is not there.
        DtypeError: a tensor of a dtype that minicnn does not have, such as int8.

    >>> import minicnn as mc, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save({"conv1.weight": mc.ones(1, 2), "conv1.bias": mc.zeros(1)}, path)
    >>> load(path)
    {'conv1.weight': tensor([[1., 1.]]), 'conv1.bias': tensor([0.])}
    """
    device = _check_options(f, map_location, weights_only, mmap)
    if not _is_open_file(f, "read"):
        path = as_path("load", f)
        _check_is_file(path)
        found = _load(path, repr(str(path)), mmap)
    else:
        _check_is_binary("load", f)
        with _on_disk(f) as path:
            found = _load(path, _name_of(f))
    return found if device == CPU else of_tensors(lambda t: t.to(device), found)


def _check_options(f, map_location, weights_only, mmap):
    if map_location is not None and not isinstance(map_location, str):
        raise DtypeError(
            "load: map_location must be None or 'cpu', or the name of another device, such as "
            f"'cuda'; got a {type(map_location).__name__}"
        )
    device = CPU if map_location is None else as_device(map_location)
    if weights_only not in (None, True):
        raise ArgumentError(
            f"load: weights_only must be True or None, got {weights_only!r}: minicnn never "
            "executes what a file holds, so it reads weights and plain values only. Leave "
            "weights_only out"
        )
    if mmap and _is_open_file(f, "read"):
        raise ArgumentError(
            f"load: mmap=True needs the name of a file, got a {type(f).__name__}; leave mmap out"
        )
    return device


@contextlib.contextmanager
def _on_disk(f):
    """The rest of the open file `f` as a file of its own, because safetensors reads from a disk."""
    with tempfile.TemporaryDirectory(prefix="minicnn-") as folder:
        path = Path(folder, "content")
        path.write_bytes(f.read())
        yield path


def _load(path, shown, mmap=None):
    """The content of the file `path`, which messages call `shown`."""
    with open(path, "rb") as file:
        start = file.read(4)
    if pytorch.is_zip(start):
        return _from_pytorch(pytorch.read_zip, path, shown, bool(mmap))
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            header = cache(lambda: _header(path))
            names = file.keys()
            arrays = {name: _read(file, path, name, shown, header) for name in names}
    except (SafetensorError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        if not pytorch.may_be_legacy(start):
            raise ArgumentError(_why_unreadable(path, shown, error)) from None
        if mmap:
            raise ArgumentError(
                f"load: {shown} is in the old format of torch.save, which cannot be mapped into "
                "memory; leave mmap out"
            ) from None
        return _from_pytorch(pytorch.read_legacy, path, shown)
    try:
        if TREE_KEY in metadata:
            return _from_tree(metadata[TREE_KEY], arrays, shown)
        names = parse(metadata.get(ORDER_KEY, "null"))
    except DamagedTree as error:
        raise ArgumentError(
            f"load: {shown} is damaged: the description of its structure is not right: {error}"
        ) from None
    # Another program may have changed the tensors and kept the metadata: then its names count.
    if not isinstance(names, list) or sorted(map(repr, names)) != sorted(map(repr, arrays)):
        names = list(arrays)
    return {name: Tensor(arrays[name]) for name in names}


def _from_pytorch(read, path, shown, *options):
    try:
        return read(path, *options)
    except pytorch.Refused as error:
        raise error.kind(f"load: {shown} {error}") from None


def _check_is_file(path):
    if not path.exists():
        folder = path.parent
        known = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        raise FileNotFoundError(f"load: there is no file {str(path)!r}{closest(path.name, known)}")
    if not path.is_file():
        raise ArgumentError(f"load: {str(path)!r} is not a file; give the name of a file")


def _read(file, path, name, shown, header):
    dtype = file.get_slice(name).get_dtype()
    if dtype == "BF16":
        return _read_bfloat16(path, name, *header())
    if dtype not in SAFETENSORS_DTYPES:
        raise DtypeError(
            f"load: tensor {name!r} in {shown} has dtype {dtype}, which minicnn does not "
            f"have; convert it to one of {', '.join(SAFETENSORS_DTYPES)} where the file was made"
        )
    array = file.get_tensor(name)
    if dtype == "BOOL" and array.size and array.view(np.uint8).max() > 1:
        raise ArgumentError(
            f"load: {shown} is damaged: tensor {name!r} is of dtype bool, and holds bytes "
            "that are neither 0 nor 1"
        )
    return array


def _header(path):
    """The header of a file that `safe_open` has checked, and where the tensors begin behind it.

    The length of the header comes first, in 8 bytes, then the header as JSON, then the tensors.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


def _read_bfloat16(path, name, entries, start):
    """float32 of a tensor for which NumPy has no dtype; the header says where it lies."""
    begin, end = entries[name]["data_offsets"]
    with open(path, "rb") as file:
        file.seek(start + begin)
        halves = np.frombuffer(file.read(end - begin), "<u2")
    return pytorch.widened(halves).reshape(entries[name]["shape"])


def _from_tree(text, arrays, shown):
    tree = parse(text)
    if not isinstance(tree, dict) or not isinstance(tree.get("version"), int):
        raise DamagedTree("it has no version")
    if tree["version"] > TREE_VERSION:
        raise ArgumentError(
            f"load: {shown} was written by a newer minicnn (its structure has version "
            f"{tree['version']}, this minicnn reads {TREE_VERSION}); upgrade minicnn"
        )
    if tree["version"] != TREE_VERSION or set(tree) != {"version", "root"}:
        raise DamagedTree(f"version {tree['version']} does not have the keys {sorted(tree)}")
    return decode(tree["root"], arrays)


def _why_unreadable(path, shown, error):
    """What to say about a file that is not a safetensors file."""
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        return f"load: {shown} is empty"
    if start[257:262] == b"ustar":
        return (
            f"load: {shown} is a tar archive, as torch.save wrote before PyTorch 0.1.10; load it "
            "with PyTorch and save it again"
        )
    return f"load: {shown} is not a safetensors file, or it is damaged or incomplete ({error})"
