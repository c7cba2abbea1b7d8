import json
import math
import struct
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError
from minicnn.dtypes import DTYPES
from minicnn.serialization import container, load, save

# Hypothesis runs a test many times with the same folder, which is fine: the file is replaced.
repeated = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    )
)
tensors = arrays.map(mc.Tensor)
scalars = arrays.filter(lambda a: a.size > 0).map(lambda a: a.reshape(-1)[0])
text = st.text(st.characters(codec=None), max_size=8)  # lone surrogates too
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | text
    | tensors
    | arrays
    | scalars
)
# Few different keys, so that paths such as "a" → "b" and "a.b" meet.
keys = st.sampled_from(["a", "b", "a.b", "a#2", "", "__metadata__", 0, -1, 2**70]) | text
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


def same(a, b):
    """Equal in value, type, order of keys, dtype, shape and every bit, nan and −0.0 included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, mc.Tensor):
        return not b.requires_grad and same(a.detach().array, b.array)
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return math.isnan(b) if math.isnan(a) else struct.pack("d", a) == struct.pack("d", b)
    return a == b


@given(trees)
@repeated
def test_what_is_saved_comes_back(tmp_path, tree):
    save(tree, tmp_path / "x")
    assert same(tree, load(tmp_path / "x"))


@given(st.dictionaries(st.text(max_size=8).filter(lambda k: k != "__metadata__"), tensors))
@repeated
def test_a_state_dict_is_a_plain_safetensors_file(tmp_path, state):
    save(state, tmp_path / "x")
    read = load_file(tmp_path / "x")  # what another program sees
    assert set(read) == set(state)
    assert all(same(read[name], np.array(state[name].array)) for name in state)
    with safe_open(tmp_path / "x", "np") as file:
        assert "minicnn_tree" not in file.metadata()
    assert same(state, load(tmp_path / "x"))  # the order of the layers included


@given(st.dictionaries(st.text(max_size=8).filter(lambda k: k != "__metadata__"), arrays))
@repeated
def test_safetensors_files_of_other_programs(tmp_path, state):
    save_file({name: np.array(a, order="C") for name, a in state.items()}, tmp_path / "x")
    read = load(tmp_path / "x")
    assert set(read) == set(state)
    assert all(same(mc.Tensor(state[name]), read[name]) for name in state)


def test_metadata_of_other_programs_is_no_hindrance(tmp_path):
    for metadata in ({"format": "pt"}, {"minicnn_order": '["gone"]'}, {"minicnn_order": "[1]"}):
        save_file({"1": np.ones(2)}, tmp_path / "x", metadata)
        assert load(tmp_path / "x")["1"].tolist() == [1, 1]


def test_memory_that_does_not_lie_in_order(tmp_path):
    x = mc.tensor(np.arange(24.0).reshape(2, 3, 4))
    big_endian = np.arange(4, dtype=">i4")
    value = [x.permute(2, 0, 1), x[:, ::2], x.flip(0), mc.zeros(1).expand(3), big_endian]
    save(value, tmp_path / "x")
    read = load(tmp_path / "x")
    assert all(mc.equal(a, b) for a, b in zip(value[:4], read[:4], strict=True))
    assert read[4].dtype == np.dtype("int32")
    assert read[4].tolist() == [0, 1, 2, 3]


def test_what_is_not_kept(tmp_path):
    w = mc.ones(3, requires_grad=True)
    save({"w": w, "same": w, "computed": 2 * w}, tmp_path / "x")
    read = load(tmp_path / "x")
    assert not any(t.requires_grad for t in read.values())
    read["w"][0] = 5.0  # loaded tensors can be changed, and have memory of their own
    assert read["same"].tolist() == [1, 1, 1]
    save(OrderedDict(a=1), tmp_path / "x")
    assert type(load(tmp_path / "x")) is dict


@pytest.mark.parametrize(
    "value",
    [
        [math.inf, -math.inf, math.nan, -0.0, 5e-324, 0.1, 1.0, True, 1],
        # Names in the file that would meet, or that safetensors keeps for itself or cannot write.
        {"a": {"b": mc.zeros(1)}, "a.b": mc.ones(1), "a.b#2": mc.full((1,), 2.0)},
        {"a.b#2": mc.zeros(1), "a.b": mc.ones(1), "a": {"b": mc.full((1,), 2.0)}},
        {"__metadata__": mc.ones(1), "w": mc.zeros(1)},
        dict([("\ud800", mc.ones(1)), ("\udfff", mc.zeros(1)), ("?", mc.full((1,), 2.0))]),
        {"\ud800": {"w": mc.ones(1)}, 1: [mc.zeros(0)], "1": mc.ones(1)},
        mc.ones(2, 0),
        {"": mc.ones(1)},
        {},
        [],
        (),
        (1, [2, (3,)]),
    ],
)
def test_what_is_hard_to_write(tmp_path, value):
    save(value, tmp_path / "x")
    assert same(value, load(tmp_path / "x"))


def test_numbers_of_any_length(tmp_path):
    value = [10**5000, -(10**5000), 2**63, 2**63 - 1, -(2**63), -(2**63) - 1]
    save(value, tmp_path / "x")
    assert load(tmp_path / "x") == value


def test_names_in_the_file_are_readable(tmp_path):
    save({"model": {"conv1.weight": mc.ones(1)}, "steps": [mc.ones(1)], 3: 1}, tmp_path / "x")
    assert set(load_file(tmp_path / "x")) == {"model.conv1.weight", "steps.0"}


class Odd:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {1},
            r"^save: cannot store a set; what can be stored are dictionaries, lists, .* and None$",
        ),
        (
            {"optimizer": {"x": {1}}},
            r"^save: cannot store a set at \['optimizer'\]\['x'\]; what can be stored are",
        ),
        ([0, (1, Odd())], r"^save: cannot store an Odd at \[1\]\[1\]; "),
        ({"f": lambda: 0}, r"^save: cannot store a function at \['f'\]; "),
        ({"a": 1j}, r"^save: cannot store a complex at \['a'\]; "),
        ({"a": b""}, r"^save: cannot store a bytes at \['a'\]; "),
        (
            {"a": {1.5: 0}},
            r"^save: cannot store the key 1.5 \(float\) of the dictionary at \['a'\]; keys must be "
            "strings or integers$",
        ),
        ({True: 0}, r"^save: cannot store the key True \(bool\) of the dictionary; keys"),
        (
            {"a": np.ones(2, "complex64")},
            r"^save: cannot store an array of dtype complex64 at \['a'\]; convert it to one of "
            "float32, ",
        ),
        (np.array(["a"]), r"^save: cannot store an array of dtype <U1; "),
        ([np.ones(1), np.ma.ones(1)], r"^save: cannot store a MaskedArray at \[1\]; "),
    ],
)
def test_what_cannot_be_stored_leaves_the_old_file(tmp_path, value, message):
    path = tmp_path / "x"
    save(7, path)
    with pytest.raises(DtypeError, match=message):
        save(value, path)
    assert load(path) == 7
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_endless_structures(tmp_path):
    endless = []
    endless.append({"again": endless})
    with pytest.raises(
        ArgumentError, match=r"nested more than 100 levels deep, or contains itself"
    ):
        save(endless, tmp_path / "x")
    deep = 1
    for _ in range(100):
        deep = [deep]
    save(deep, tmp_path / "x")
    assert load(tmp_path / "x") == deep
    with pytest.raises(ArgumentError, match="nested more than 100 levels"):
        save([deep], tmp_path / "x")


def test_more_text_than_a_header_holds(tmp_path):
    with pytest.raises(
        ArgumentError, match=r"^save: what is not in tensors takes 100 MB, and a sa"
    ):
        save("x" * 100_000_001, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_paths(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^save: the folder '.*nowhere' does not exist; "):
        save(1, tmp_path / "nowhere" / "x")
    with pytest.raises(DtypeError, match=r"^save: expected a file name .*, got dict"):
        save(tmp_path / "x", {})
    with pytest.raises(DtypeError, match=r"^load: expected a file name .*, got NoneType"):
        load(None)
    with pytest.raises(ArgumentError, match=r"^load: '.*' is not a file; give the name of a file$"):
        load(tmp_path)
    save(1, tmp_path / "lenet.safetensors")
    with pytest.raises(
        FileNotFoundError,
        match=r"^load: there is no file '.*lenet.safetensor', did you mean 'lenet",
    ):
        load(tmp_path / "lenet.safetensor")
    with pytest.raises(FileNotFoundError, match=r"^load: there is no file '.*nowhere.x'$"):
        load(tmp_path / "nowhere" / "x")


def test_bfloat16_of_another_program_becomes_float32(tmp_path):
    numbers = np.array([[1.0, -2.5], [0.15625, np.inf], [3e38, -0.0]], "float32")
    halves = (numbers.view(np.uint32) >> 16).astype("<u2")
    content = {"first": np.arange(4, dtype="<f4"), "w": halves}
    entries, end = {}, 0
    for name, array in content.items():
        begin, end = end, end + array.nbytes
        dtype = "BF16" if name == "w" else "F32"
        entries[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    path = tmp_path / "x.safetensors"
    content = b"".join(array.tobytes() for array in content.values())
    path.write_bytes(len(header).to_bytes(8, "little") + header + content)
    found = mc.load(path)["w"].array
    assert found.dtype == np.float32 and found.shape == (3, 2)
    expected = (halves.astype(np.uint32) << 16).view(np.float32)
    assert found.tobytes() == expected.tobytes()
    assert found[0].tolist() == [1, -2.5] and found[1, 1] == np.inf


def test_the_header_is_read_once_for_all_bfloat16(tmp_path, monkeypatch):
    """Not for each tensor: a file has as much header as it has tensors."""
    halves = np.arange(600, dtype="<u2").reshape(300, 2) << 4
    entries = {
        f"w{i}": {"dtype": "BF16", "shape": [2], "data_offsets": [4 * i, 4 * i + 4]}
        for i in range(300)
    }
    header = json.dumps(entries).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + halves.tobytes())
    read, original = [], container._header
    monkeypatch.setattr(container, "_header", lambda path: read.append(path) or original(path))
    found = mc.load(path)
    assert read == [path] and len(found) == 300
    for i in (0, 1, 299):
        expected = (halves[i].astype(np.uint32) << 16).view(np.float32)
        assert found[f"w{i}"].numpy().tobytes() == expected.tobytes()
