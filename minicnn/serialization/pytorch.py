"""Reading the files of ``torch.save`` without PyTorch, and without executing anything.

There are two kinds of them. Since PyTorch 1.6 a file is a zip archive of uncompressed entries:
``data.pkl`` describes the value, ``data/0``, ``data/1``, … are the storages, the memory that
tensors are views of. Before, it was five pickles one after the other (a magic number, the format's
version, facts about the machine, the value, the storages' keys), and then the storages.

Source: the file formats as in ``torch/serialization.py``.
"""

import mmap
import struct
import sys
import zipfile
import zlib

import numpy as np

from minicnn.serialization.pickled_values import LARGEST_PICKLE, Refused, shown
from minicnn.serialization.unpickler import Unpickler

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_LOCAL_HEADER = 30  # bytes, before the entry's name


def is_zip(start):
    """Whether a file that begins with the bytes `start` is a zip archive."""
    return start[:4] == b"PK\x03\x04"


def may_be_legacy(start):
    """Whether a file that begins with `start` may be a pickle (or a header of that length)."""
    return start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def read_zip(path, map_memory=False):
    """The value in the zip archive `path`.

    Args:
        map_memory: leave the tensors' bytes in the file until they are used. Changes to the tensors
            do not reach the file; but the file must stay as it is while they are in use.

    Raises:
        Refused: damaged, or it holds what is not taken.
    """
    content = _mapped(path)
    archive = _Archive(content)
    reader = Unpickler(archive.bytes("data.pkl", LARGEST_PICKLE))
    value = reader.load()
    storages = _storages(reader.views)
    places = {key: archive.place(f"data/{key}", storage.whole) for key, storage in storages.items()}
    _set_arrays(reader.views, content, places, map_memory)
    return value


def read_legacy(path):
    """The value in the file `path` of several pickles."""
    content = _mapped(path)
    head = content[:LARGEST_PICKLE]
    magic = Unpickler(head)
    if magic.load() != _MAGIC:
        raise Refused("is a pickle, but not one that torch.save wrote")
    version, after = _next(head, magic)
    if version != _VERSION:
        raise Refused(f"is in a version of PyTorch's old format that is not {_VERSION}")
    machine, after = _next(head, after)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise Refused(_BIG_ENDIAN)
    reader = Unpickler(head, after.position)
    value = reader.load()
    keys, after = _next(head, reader)
    if type(keys) is not list:
        raise Refused("is damaged: it has no list of storages")
    _set_arrays(reader.views, content, _legacy_places(content, after, keys, reader.views), False)
    return value


_BIG_ENDIAN = (
    "was written on a big-endian machine; load it there and save its tensors with minicnn.save"
)


def _next(head, before):
    """The value of the pickle after another, and its reader."""
    reader = Unpickler(head, before.position)
    return reader.load(), reader


def _storages(views):
    """The storages by key; only one size of each may be spoken of."""
    storages = {}
    for view in views:
        storage = view.storage
        if storages.setdefault(storage.key, storage).whole != storage.whole:
            raise Refused(f"is damaged: storage '{shown(storage.key)}' has two sizes")
    return storages


def _legacy_places(content, reader, keys, views):
    """Where each storage begins: one after the other, each after its number of elements."""
    storages = _storages(views)
    places, position = {}, reader.position
    for key in keys:
        if type(key) is not str or key not in storages:
            raise Refused("is damaged: it has a storage that belongs to no tensor")
        storage = storages[key]
        (numel,) = struct.unpack_from("<q", content[position : position + 8].ljust(8, b"\xff"))
        if numel * storage.itemsize != storage.whole:
            raise Refused(
                f"is damaged or incomplete: storage '{shown(key)}' should have "
                f"{storage.whole // storage.itemsize} elements, and has another number of them"
            )
        places[key] = position + 8
        position += 8 + storage.whole
        if position > len(content):
            raise Refused(f"is incomplete: it ends within storage '{shown(key)}'")
    for key in storages:
        if key not in places:
            raise Refused(f"is damaged: storage '{shown(key)}' is not in it")
    return places


def _mapped(path):
    with open(path, "rb") as file:
        # Copy on write: changes to the memory stay in memory.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


class _Archive:
    """The entries of a zip archive that torch.save wrote."""

    def __init__(self, content):
        self._content = content
        self._used = 0
        try:
            with zipfile.ZipFile(content) as file:
                self._entries = {entry.filename: entry for entry in file.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise Refused(
                f"is damaged or incomplete: its list of entries cannot be read "
                f"({shown(str(error))})"
            ) from None
        roots = [name.removesuffix("/data.pkl") for name in self._entries if "/data.pkl" in name]
        roots = [root for root in roots if "/" not in root]
        if len(roots) != 1:
            raise Refused("is a zip archive, but not one that torch.save wrote: it has no data.pkl")
        self._root = roots[0]
        if f"{self._root}/constants.pkl" in self._entries:
            raise Refused(
                "is a TorchScript program, which minicnn does not run; where PyTorch is installed, "
                "torch.save(torch.jit.load(path).state_dict(), 'weights.pth') writes its weights"
            )
        order = self.bytes("byteorder", 100) if f"{self._root}/byteorder" in self._entries else b""
        if order not in (b"", b"little"):
            raise Refused(_BIG_ENDIAN if order == b"big" else "is damaged: its byte order is none")

    def bytes(self, name, largest):
        """The content of an entry, if it has no more than so many bytes."""
        entry = self._entries.get(f"{self._root}/{name}")
        if entry is not None and entry.file_size > largest:
            raise Refused(
                f"has an entry {name} of {entry.file_size:,} bytes, more than {largest:,}"
            )
        begin = self.place(name)
        return self._content[begin : begin + entry.file_size]

    def place(self, name, nbytes=None):
        """Where the bytes of an entry begin, once they are known to be there and whole."""
        entry = self._entries.get(f"{self._root}/{name}")
        if entry is None:
            raise Refused(f"is damaged: it has no entry {shown(name)}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise Refused(
                f"has an entry {shown(name)} that is compressed or encrypted, which torch.save "
                "does not do; unpack the archive, and pack it again with zip -0"
            )
        if nbytes not in (None, entry.file_size):
            raise Refused(
                f"is damaged: its entry {shown(name)} has {entry.file_size:,} bytes, and should "
                f"have {nbytes:,}"
            )
        header = self._content[entry.header_offset : entry.header_offset + _LOCAL_HEADER]
        if len(header) < _LOCAL_HEADER or not is_zip(header):
            raise Refused(f"is damaged: its entry {shown(name)} is not where it should be")
        begin = entry.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", header[26:30]))
        end = begin + entry.file_size
        # Entries that lie on each other could make much of a small file.
        self._used += entry.file_size
        if end > len(self._content) or self._used > len(self._content):
            raise Refused(f"is damaged or incomplete: its entry {shown(name)} goes beyond its end")
        with memoryview(self._content) as whole, whole[begin:end] as part:
            if zlib.crc32(part) != entry.CRC:
                raise Refused(
                    f"is damaged: the checksum of its entry {shown(name)} is wrong. (If it was "
                    "saved under torch.serialization.set_crc32_options(False), there is none: save "
                    "it again without)"
                )
        return begin


def _set_arrays(views, content, places, map_memory):
    """Give every tensor its array; those that shared a storage do so again."""
    memory, converted = {}, {}
    for view in views:
        storage = view.storage
        if storage.key not in memory:
            begin = places[storage.key]
            part = np.frombuffer(content, np.uint8, storage.whole, begin)
            if not map_memory:
                part = part.copy()
            memory[storage.key] = part
        # Once a storage, however many parts of it there are: a conversion needs memory.
        itemsize = np.dtype(_FOUND_AS.get(view.dtype, view.dtype)).itemsize
        first, odd = divmod(storage.first, itemsize)
        kind = storage.key, view.dtype, odd
        if kind not in converted:
            converted[kind] = _elements(memory[storage.key][odd:], view.dtype)
        view.tensor.array = _strided(converted[kind], view, first + view.offset)


_FOUND_AS = {"bfloat16": "<u2"}


def _elements(part, dtype):
    """The bytes `part` as numbers; the same memory wherever the processor can use it as it is."""
    if dtype == "bool" and part.size and part.max() > 1:
        raise Refused("is damaged: a tensor of dtype bool has bytes that are neither 0 nor 1")
    if dtype == "bfloat16":
        whole = part.size // 2 * 2
        return widened(np.frombuffer(part[:whole].tobytes(), _FOUND_AS[dtype]))
    found = np.dtype(dtype)
    part = part[: part.size // found.itemsize * found.itemsize]
    if part.ctypes.data % found.itemsize:  # within a file anything may begin anywhere
        part = part.copy()
    if sys.byteorder == "big":
        return part.view(found.newbyteorder("<")).astype(found)
    return part.view(found)


def widened(halves):
    """bfloat16 as float32, of which it is the first half: nothing is lost."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def _strided(elements, view, first):
    """The view of `elements` that the tensor is; its bounds were checked with the pickle.

    Args:
        first: the place in `elements` of the tensor's first one.
    """
    itemsize = elements.itemsize
    if 0 in view.size:
        return np.empty(view.size, elements.dtype)
    # Steps along a dimension of size 1 lead nowhere, and may be anything.
    steps = [
        s * itemsize if n > 1 else itemsize for n, s in zip(view.size, view.stride, strict=True)
    ]
    array = np.ndarray(view.size, elements.dtype, elements, first * itemsize, steps)
    if _may_overlap(view):
        # As of an expanded tensor: writing to one element would change others.
        array.flags.writeable = False
    return array


def _may_overlap(view):
    reach = 0
    for step, n in sorted(zip(view.stride, view.size, strict=True)):
        if n > 1:
            if step <= reach:
                return True
            reach += (n - 1) * step
    return False
