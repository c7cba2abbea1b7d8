"""Messages between the grader and a student's process."""

import io
import json
import struct

import numpy as np
import pytest

from minicnn.courses.isolation.wire import WireError, pack, read_message, unpack


def there_and_back(value):
    return unpack(read_message(io.BytesIO(pack(value)), 10**6))


@pytest.mark.parametrize("value", [
    None, True, 3, -1.5, float("inf"), "δ", (), [1, (2, "a")], {"a": [None], 3: {"b": ()}},
    10**30,
])  # fmt: skip
def test_values_come_back_as_they_were(value):
    found = there_and_back(value)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3), np.zeros((0, 3), np.float32), np.array(True), np.int64(3),
    np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(["a", "bc"]),
])  # fmt: skip
def test_arrays_come_back_as_they_were(array):
    found = there_and_back({"x": [array]})["x"][0]
    assert found.dtype == array.dtype and found.shape == array.shape
    assert np.array_equal(found, array)


@pytest.mark.parametrize("value", [object(), {1.5: 2}, [np.array([None])], {"x": {1, 2}}, b"x"])
def test_other_values_are_refused(value):
    with pytest.raises(WireError):
        pack(value)


def message(tree, files, sizes=None):
    head = json.dumps([tree, [len(f) for f in files] if sizes is None else sizes]).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(files)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_nothing_is_unpickled(tmp_path):
    class Bad:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    data = npy(np.array([Bad()], dtype=object), allow_pickle=True)
    with pytest.raises(WireError):
        unpack(message({"array": 0}, [data]))
    assert not (tmp_path / "made").exists()


def test_an_array_that_claims_to_be_larger_than_it_is():
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (10**12,), "fortran_order": False, "descr": "<f8"}
    )
    with pytest.raises(WireError, match="size is not what it says"):
        unpack(message({"array": 0}, [header.getvalue() + b"12345678"]))


@pytest.mark.parametrize("body", [
    b"", b"abc", message({"array": 1}, []), message({"list": 3}, []), message({"what": []}, []),
    message({"list": [], "tuple": []}, []), struct.pack("<Q", 3) + b"[1]", message([1], []),
    struct.pack("<Q", 2**63) + b"[]",
])  # fmt: skip
def test_nonsense_is_refused_or_read_as_it_stands(body):
    try:
        found = unpack(body)
    except WireError:
        return
    assert found == [1]


def test_deep_nesting_is_refused():
    text = "[" * 100_000 + "]" * 100_000
    head = f"[{text}, []]".encode()
    with pytest.raises(WireError):
        unpack(struct.pack("<Q", len(head)) + head)


def test_too_large_a_message_is_not_read():
    stream = io.BytesIO(pack("x" * 1000))
    with pytest.raises(WireError, match="where 100 are allowed"):
        read_message(stream, 100)
    assert stream.tell() == 8
    assert read_message(io.BytesIO(b""), 100) is None
    assert read_message(io.BytesIO(pack("x")[:-1]), 100) is None
