import io
import json
import random

import numpy as np
import pytest
from safetensors.numpy import save as safetensors_bytes

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.serialization import load, save

VALUE = {
    "state": {"w": mc.ones(2, 3), "b": mc.zeros(4, dtype="bool")},
    3: (1, 2**90, float("inf"), "text", None, np.float16(2)),
}


@pytest.fixture
def content(tmp_path):
    save(VALUE, tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


def test_truncated_anywhere(tmp_path, content):
    path = tmp_path / "x"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ArgumentError, match=r"is empty|is damaged or incomplete \("):
            load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ArgumentError, match="is not a safetensors file, or it is damaged or incom"):
        load(path)


def test_changed_bytes_give_data_or_a_documented_error(tmp_path, content):
    """Values may change unnoticed, there is no checksum; nothing else may happen."""
    path, choose, outcomes = tmp_path / "x", random.Random(0), set()
    for _ in range(800):
        changed = bytearray(content)
        for _ in range(choose.choice([1, 1, 2, 8])):
            changed[choose.randrange(len(changed))] = choose.randrange(256)
        path.write_bytes(changed)
        try:
            load(path)
            outcomes.add("data")
        except (ArgumentError, ShapeError, DtypeError) as error:
            assert str(error).startswith("load: '")
            outcomes.add(type(error).__name__)
    assert {"data", "ArgumentError"} <= outcomes


def write_tree(path, text, **arrays):
    path.write_bytes(safetensors_bytes(arrays, {"minicnn_tree": text}))
    return path


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ({"tensor": "gone"}, "tensor 'gone' is named twice or is not in the file"),
        ([{"tensor": "w"}, {"array": "w"}], "tensor 'w' is named twice or is not in the file"),
        (None, "it does not say where tensor 'w' belongs"),
        ({"pickle": "cos"}, "it has an entry 'pickle' that means nothing there"),
        ({"tuple": 3}, "it has an entry 'tuple' that means nothing there"),
        ({"dict": 3}, "it has an entry 'dict' that means nothing there"),
        ({"int": "12"}, "it has an entry 'int' that means nothing there"),
        ({"int": 12}, "it has an entry 'int' that means nothing there"),
        ({"int": "0xyz"}, "'0xyz' is not a number"),
        ({"float": "much"}, "'much' is not a number"),
        ({}, r"it has an entry with the keys \[\]"),
        ({"int": "0x1", "float": "inf"}, r"it has an entry with the keys \['float', 'int'\]"),
        ({"dict": [["a", 1, 2]]}, "a dictionary has an entry that is not a key and a value"),
        ({"dict": [3]}, "a dictionary has an entry that is not a key and a value"),
        ({"dict": [["a", 1], ["a", 2]]}, "a dictionary has the key 'a' twice"),
        ({"dict": [[None, 1]]}, "a dictionary has the key None twice, or it cannot be a key"),
        ({"dict": [[["a"], 1]]}, r"a dictionary has the key \['a'\] twice, or it cannot be a key"),
    ],
)
def test_a_damaged_tree(tmp_path, root, message):
    path = write_tree(tmp_path / "x", json.dumps({"version": 1, "root": root}), w=np.ones(2))
    with pytest.raises(
        ArgumentError,
        match=r"^load: '.*x' is damaged: the description of its structure is not right: " + message,
    ):
        load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its JSON cannot be read"),
        ('{"version": 1, "root": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "its JSON cannot be read"),
        ("3", "it has no version"),
        ('{"root": 3}', "it has no version"),
        ('{"version": 1}', r"version 1 does not have the keys \['version'\]"),
        ('{"version": 0, "root": 3}', "version 0 does not have the keys"),
        (
            '{"version": 2, "root": 3}',
            "was written by a newer minicnn .*version 2.*upgrade minicnn",
        ),
    ],
)
def test_a_tree_that_is_none(tmp_path, text, message):
    with pytest.raises(ArgumentError, match=message):
        load(write_tree(tmp_path / "x", text))


def test_deep_json_within_pythons_limit_is_an_error_too(tmp_path):
    """Deeper than the decoder goes, but not too deep for the JSON parser."""
    text = '{"version": 1, "root": ' + "[" * 900 + "]" * 900 + "}"
    with pytest.raises(ArgumentError, match=r"it is nested too deeply$"):
        load(write_tree(tmp_path / "x", text))


def test_a_damaged_order(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(safetensors_bytes({"w": np.ones(2)}, {"minicnn_order": "["}))
    with pytest.raises(ArgumentError, match="is damaged: the description of its structure"):
        load(path)


def test_bool_bytes_that_are_neither_true_nor_false(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(safetensors_bytes({"mask": np.array([True, False])})[:-1] + b"\x02")
    with pytest.raises(
        ArgumentError, match=r"^load: '.*' is damaged: tensor 'mask' is of dtype bo"
    ):
        load(path)


@pytest.mark.parametrize("dtype", ["I8", "U64", "F8_E4M3"])
def test_dtypes_that_minicnn_does_not_have(tmp_path, dtype):
    size = {"U64": 8}.get(dtype, 1)
    entry = {"w": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}}
    header = json.dumps(entry).encode()
    path = tmp_path / "x"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(3 * size))
    with pytest.raises(
        DtypeError, match=rf"^load: tensor 'w' in '.*x' has dtype {dtype}, which minicnn does not "
    ):
        load(path)


def test_other_files(tmp_path):
    path = tmp_path / "x"
    stream = io.BytesIO()
    np.save(stream, np.ones(3))
    for content in (stream.getvalue(), b"\x89PNG\r\n\x1a\n" * 9, b"epoch,loss\n1,0.5\n", b"\x80"):
        path.write_bytes(content)
        with pytest.raises(
            ArgumentError, match=r"^load: '.*x' is not a safetensors file, or it is"
        ):
            load(path)


def test_a_header_whose_length_looks_like_a_pickle(tmp_path):
    """640 = 0x280: the file begins with the bytes that a pickle begins with."""
    for padding in range(640):
        header = json.dumps({"__metadata__": {"k": "x" * padding}}).encode()
        if len(header) == 640:
            break
    path = tmp_path / "x"
    path.write_bytes((640).to_bytes(8, "little") + header)
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert load(path) == {}
