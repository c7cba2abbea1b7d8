"""Files of torch.save with changed bytes: they give data or a documented error, and soon."""

import random
import struct
import time

import numpy as np
import pytest

from minicnn.checks import ArgumentError, DtypeError
from minicnn.serialization import load

CASES = 800  # of each kind


@pytest.fixture
def content(tmp_path, maker, format):
    storage = maker.storage(np.arange(12, dtype="float32"), "Float")
    value = {
        "state": maker.Call(
            "collections",
            "OrderedDict",
            [
                ["w", maker.view(storage, 0, (3, 4), (4, 1))],
                ["t", maker.view(storage, 1, (2, 2), (1, 4))],
                ["mask", maker.tensor(np.array([True, False]), "Bool")],
                ["half", maker.tensor(np.ones(3, "uint16"), "BFloat16")],
            ],
            state={"_metadata": {"": {"version": 1}}},
        ),
        3: (1, 2**90, float("inf"), "text", None, True, [-1, 300, 70000]),
    }
    return maker.save(tmp_path / "whole", value, format).read_bytes()


def outcome(path, content):
    path.write_bytes(content)
    try:
        load(path)
        return "data"
    except (ArgumentError, DtypeError) as error:
        assert str(error).startswith(f"load: '{path}' "), str(error)
        assert len(str(error)) < 1000
        return type(error).__name__


def changed(content, choose):
    """Bytes replaced, or a stretch of them removed, repeated, or put elsewhere."""
    content = bytearray(content)
    kind = choose.randrange(8)
    if kind < 5:
        for _ in range(choose.choice([1, 1, 1, 2, 8])):
            content[choose.randrange(len(content))] = choose.choice(
                [choose.randrange(256), 0, 255, choose.choice(content)]
            )
    elif kind < 7:
        begin = choose.randrange(len(content))
        part = content[begin : begin + choose.choice([1, 2, 8, 50])]
        at = choose.randrange(len(content))
        content[at : at + choose.choice([0, len(part)])] = part
    else:
        at = choose.randrange(len(content) - 4)
        content[at : at + 4] = struct.pack("<I", choose.choice([2**31, 2**32 - 1, 2**16, 1]))
    return bytes(content)


def test_truncated_anywhere(tmp_path, content):
    for length in range(4, len(content)):
        assert outcome(tmp_path / "x", content[:length]) == "ArgumentError"


def test_changed_bytes(tmp_path, content):
    choose, outcomes, slowest = random.Random(1), set(), 0
    for _ in range(CASES):
        began = time.perf_counter()
        outcomes.add(outcome(tmp_path / "x", changed(content, choose)))
        slowest = max(slowest, time.perf_counter() - began)
    assert {"data", "ArgumentError"} <= outcomes and slowest < 2


def test_changed_pickles(tmp_path, maker, format):
    """The same within the pickle alone, where no checksum stands before the interpreter."""
    storage = maker.storage(np.arange(12, dtype="float32"), "Float")
    value = {
        "w": maker.view(storage, 0, (3, 4), (4, 1)),
        "size": maker.Call("torch", "Size", (3, 4)),
        "names": ["a", ("b", 1.5, None)],
        "n": maker.view(storage, 11, (), ()),
    }
    choose, outcomes, slowest = random.Random(2), set(), 0
    for case in range(CASES):
        content, storages = maker.pickle(value, 2 + case % 4)
        path = getattr(maker, format)(tmp_path / "y", changed(content, choose), storages)
        began = time.perf_counter()
        outcomes.add(outcome(tmp_path / "x", path.read_bytes()))
        slowest = max(slowest, time.perf_counter() - began)
    assert {"data", "ArgumentError"} <= outcomes and slowest < 2


def test_random_programs(tmp_path, maker):
    """Instructions in a random order, with the arguments they need."""
    names = [b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"ctorch\nFloatStorage\n"]
    names += [b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n"]
    names += [b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nTensor\n", b"ctorch\ndevice\n"]
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x03tQ"
    parts = [b"(", b")", b"]", b"}", b"t", b"\x85", b"\x86", b"\x87", b"a", b"e", b"s", b"u", b"R"]
    parts += [b"b", b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"\x94", b"N", b"\x88", b"K\x00"]
    parts += [b"K\x03", b"J\xff\xff\xff\xff", b"X\x01\x00\x00\x00a", b"\x8a\x01\x02", storage]
    parts += [storage + b"K\x00K\x03\x85K\x01\x85\x89Nt", *names, *names]
    data = {"0": maker.Bytes("0", "Float", bytes(12))}
    choose, outcomes = random.Random(3), {}
    for _ in range(600):
        program = b"".join(choose.choices(parts, k=choose.randrange(1, 25)))
        maker.zip(tmp_path / "x", b"\x80\x04N" + program + b".", data)
        found = outcome(tmp_path / "x", (tmp_path / "x").read_bytes())
        outcomes[found] = outcomes.get(found, 0) + 1
    assert outcomes["data"] > 10 and outcomes["ArgumentError"] > 300


def test_changed_entries_with_right_checksums(tmp_path, maker, with_checksums):
    value = {
        "w": maker.tensor(np.arange(6, dtype="float32")),
        "b": maker.tensor(np.ones(2), "Double"),
    }
    content = maker.save(tmp_path / "whole", value).read_bytes()
    choose, outcomes = random.Random(4), set()
    begin, end = content.index(b"data.pkl"), content.index(b"PK\x01\x02")
    for _ in range(CASES // 2):
        copy = bytearray(content)
        copy[choose.randrange(begin + 8, end)] = choose.randrange(256)
        try:
            copy = with_checksums(copy)
        except Exception:
            continue  # the list of entries itself is broken: the tests above have that
        outcomes.add(outcome(tmp_path / "x", copy))
    assert {"data", "ArgumentError"} <= outcomes
