"""Files like those of torch.save, made without PyTorch."""

import io
import pickle
import struct
import sys
import zipfile
import zlib

import numpy as np
import pytest

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class Name:
    """A name that the pickle is to hold, without anything behind it."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise AssertionError


class Call:
    """A call that the pickle is to hold."""

    def __init__(self, module, name, *arguments, state=None):
        self.function, self.arguments, self.state = Name(module, name), arguments, state


class Bytes:
    """A storage: bytes in the file under a key."""

    def __init__(self, key, kind, content, numel=None, part=()):
        self.key, self.kind, self.content, self.part = key, kind, content, part
        itemsize = {"Float": 4, "Int": 4, "Double": 8, "Long": 8, "Half": 2, "BFloat16": 2}
        self.numel = len(content) // itemsize.get(kind, 1) if numel is None else numel


class Pickler(pickle._Pickler):
    """Writes what is asked for, without looking whether it is there."""

    def __init__(self, file, protocol, storages):
        super().__init__(file, protocol)
        self.storages = storages

    def reducer_override(self, value):
        if isinstance(value, Name):
            return value.name
        if isinstance(value, Call):
            return value.function, value.arguments, value.state
        return NotImplemented

    def save_global(self, value, name=None):
        self.write(f"c{value.module}\n{value.name}\n".encode())
        self.memoize(value)

    def persistent_id(self, value):
        if not isinstance(value, Bytes):
            return None
        self.storages.setdefault(value.key, value)
        kind = Name("torch", f"{value.kind}Storage")
        return ("storage", kind, value.key, "cpu", value.numel, *value.part)


class Maker:
    """Makes tensors, pickles and files."""

    Name, Call, Bytes, MAGIC, VERSION = Name, Call, Bytes, MAGIC, VERSION

    def __init__(self):
        self.keys = 0

    def storage(self, array, kind):
        self.keys += 1
        return Bytes(str(self.keys - 1), kind, np.ascontiguousarray(array).tobytes())

    def view(self, storage, offset, size, stride):
        hooks = Call("collections", "OrderedDict")
        return Call(
            "torch._utils", "_rebuild_tensor_v2", storage, offset, size, stride, False, hooks
        )

    def tensor(self, array, kind="Float"):
        array = np.ascontiguousarray(array)
        stride = tuple(s // array.itemsize for s in array.strides) if array.ndim else ()
        return self.view(self.storage(array, kind), 0, array.shape if array.ndim else (), stride)

    def pickle(self, value, protocol=2):
        """The pickle, and the storages it names."""
        file, storages = io.BytesIO(), {}
        Pickler(file, protocol, storages).dump(value)
        return file.getvalue(), storages

    def zip(self, path, content, storages=(), root="archive", pack=zipfile.ZIP_STORED, **entries):
        """A file of today's format with the pickle `content`."""
        entries = {"byteorder": b"little", "version": b"3\n"} | entries
        with zipfile.ZipFile(path, "w", pack) as archive:
            archive.writestr(f"{root}/data.pkl", content)
            for name, data in entries.items():
                if data is not None:
                    archive.writestr(f"{root}/{name}", data)
            for key, storage in dict(storages).items():
                archive.writestr(f"{root}/data/{key}", storage.content)
        return path

    def legacy(self, path, content, storages=(), machine=None, version=VERSION, keys=None):
        """A file of the format before PyTorch 1.6."""
        machine = {"little_endian": True} if machine is None else machine
        storages = dict(storages)
        keys = list(storages) if keys is None else keys
        parts = [pickle.dumps(v, 2) for v in (MAGIC, version, machine)]
        parts += [content, pickle.dumps(keys, 2)]
        for storage in storages.values():
            parts += [struct.pack("<q", storage.numel), storage.content]
        path.write_bytes(b"".join(parts))
        return path

    def save(self, path, value, format="zip", **options):
        return getattr(self, format)(path, *self.pickle(value), **options)


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture(params=["zip", "legacy"])
def format(request):
    return request.param


@pytest.fixture
def without_imports(maker, format, tmp_path, monkeypatch):
    """Nothing may be imported while a file is read: what a pickle names stays a name."""
    import builtins

    from minicnn.serialization import load

    load(maker.save(tmp_path / "first", {}, format))  # zipfile needs some codecs

    def refused(name, *arguments, **options):
        if name not in sys.modules:
            raise AssertionError(f"{name} was imported")
        return real(name, *arguments, **options)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refused)


@pytest.fixture
def with_checksums():
    """A function that gives a changed zip file right checksums again."""

    def correct(content):
        content = bytearray(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
        at = content.rindex(b"PK\x05\x06")
        (at,) = struct.unpack("<I", content[at + 16 : at + 20])
        for entry in entries:
            n, m = struct.unpack("<HH", content[entry.header_offset + 26 :][:4])
            begin = entry.header_offset + 30 + n + m
            crc = zlib.crc32(content[begin : begin + entry.file_size])
            content[at + 16 : at + 20] = struct.pack("<I", crc)
            n, m, k = struct.unpack("<HHH", content[at + 28 : at + 34])
            at += 46 + n + m + k
        return bytes(content)

    return correct
