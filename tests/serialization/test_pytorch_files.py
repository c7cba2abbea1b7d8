"""Files of torch.save, made here without PyTorch."""

import io
import math
import os
import zipfile

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError
from minicnn.serialization import load, unpickler

ARRAYS = {
    "Float": np.array([[1.5, -2, np.inf], [np.nan, 0, 3e-40]], "float32"),
    "Double": np.array([math.pi, -0.0]),
    "Half": np.array([1, 65504, 6e-8], "float16"),
    "Long": np.array([-(2**63), 2**63 - 1]),
    "Int": np.array([-(2**31), 2**31 - 1], "int32"),
    "Byte": np.array([0, 255], "uint8"),
    "Bool": np.array([True, False, True]),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_every_dtype_bit_by_bit(tmp_path, maker, format, kind):
    path = maker.save(tmp_path / "x.pth", {"a": maker.tensor(ARRAYS[kind], kind)}, format)
    found = load(path)["a"]
    assert isinstance(found, mc.Tensor) and not found.requires_grad
    assert found.dtype == ARRAYS[kind].dtype and found.shape == ARRAYS[kind].shape
    assert found.array.tobytes() == ARRAYS[kind].tobytes()
    assert found.array.flags.aligned and found.array.flags.writeable


def test_bfloat16_becomes_float32_exactly(tmp_path, maker, format):
    """All 65,536 of them are the first halves of float32 numbers."""
    halves = np.arange(2**16, dtype="uint16")
    path = maker.save(tmp_path / "x.pth", maker.tensor(halves, "BFloat16"), format)
    found = load(path)
    assert found.dtype == mc.float32
    assert np.array_equal(found.array.view("uint32"), halves.astype("uint32") * 65536)


def test_containers_and_plain_values(tmp_path, maker, format):
    value = {
        "epoch": 3,
        "best": (0.5, None, True, -1, 2**40, -(2**90), float("inf"), "δ", ""),
        "nested": [[], {}, (), [1, [2, (3,)]], {5: "five", 0.5: 1, None: 2}],
        "many": list(range(3000)),
    }
    found = load(maker.save(tmp_path / "x.pth", value, format))
    assert found == value and list(found) == list(value)


def test_kinds_of_dictionary_become_plain_ones(tmp_path, maker, format):
    call = maker.Call
    w, b = maker.tensor(np.ones(2, "float32")), maker.tensor(np.zeros(1, "float32"))
    metadata = call("collections", "OrderedDict", [["", {"version": 2}]])
    pairs = [["w", w], ("b", b)]
    value = [
        call("collections", "OrderedDict", pairs, state={"_metadata": metadata}),
        call("collections", "Counter", {3: 1}),
        call("torch", "Size", (2, 3)),
        call("torch", "device", "cuda", 1),
        maker.Name("torch", "float64"),
    ]
    state, counter, size, device, dtype = load(maker.save(tmp_path / "x.pth", value, format))
    assert type(state) is dict and list(state) == ["w", "b"] and state["w"].tolist() == [1, 1]
    assert (type(counter), counter) == (dict, {3: 1})
    assert (type(size), size) == (tuple, (2, 3))
    assert device == "cuda:1" and dtype == mc.float64


def test_parameters_and_tensors_with_attributes_become_tensors(tmp_path, maker, format):
    call, name = maker.Call, maker.Name
    hooks = call("collections", "OrderedDict")
    t = maker.tensor(np.arange(3, dtype="float32"))
    old = call(
        "torch._utils", "_rebuild_tensor", maker.storage(np.ones(2), "Double"), 1, (1,), (1,)
    )
    value = [
        call("torch._utils", "_rebuild_parameter", t, True, hooks),
        call("torch._utils", "_rebuild_parameter_with_state", t, True, hooks, {"a": 1}),
        call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            t.function,
            name("torch.nn.parameter", "Parameter"),
            t.arguments,
            {"note": 1},
        ),
        old,
    ]
    found = load(maker.save(tmp_path / "x.pth", value, format))
    assert [f.tolist() for f in found] == [[0, 1, 2]] * 3 + [[1]]
    assert not any(f.requires_grad for f in found)


def test_views_share_their_storage_as_they_did(tmp_path, maker, format):
    storage = maker.storage(np.arange(24, dtype="float32"), "Float")
    sizes = {
        "whole": (0, (4, 6), (6, 1)),
        "transposed": (0, (6, 4), (1, 6)),
        "part": (5, (2, 3), (6, 2)),
        "scalar": (23, (), ()),
        "expanded": (7, (3, 2), (0, 1)),
        "odd steps": (0, (1, 2), (2**62, 23)),
        "empty": (24, (0, 3), (3, 1)),
        "empty far away": (2**40, (2, 0), (1, 1)),
    }
    value = {name: maker.view(storage, *where) for name, where in sizes.items()}
    found = load(maker.save(tmp_path / "x.pth", value, format))
    whole = np.arange(24, dtype="float32").reshape(4, 6)
    assert np.array_equal(found["whole"].array, whole)
    assert np.array_equal(found["transposed"].array, whole.T)
    assert found["part"].tolist() == [[5, 7, 9], [11, 13, 15]]
    assert found["scalar"].shape == () and found["scalar"].item() == 23
    assert found["expanded"].tolist() == [[7, 8]] * 3
    assert found["odd steps"].tolist() == [[0, 23]]
    assert found["empty"].shape == (0, 3) and found["empty far away"].shape == (2, 0)
    found["whole"].array[0, 5] = 100
    assert found["transposed"][5, 0].item() == 100 and found["part"][0, 0].item() == 100
    with pytest.raises(ArgumentError, match="read-only"):
        found["expanded"].zero_()


def test_views_of_a_part_of_a_storage_in_the_old_format(tmp_path, maker):
    numbers = np.arange(10, dtype="int64").tobytes()
    part = maker.Bytes("7", "Long", numbers, part=[("8", 4, 3)])
    rest = maker.Bytes("7", "Long", numbers, part=[None])
    value = [maker.view(part, 1, (2,), (1,)), maker.view(rest, 1, (2,), (1,))]
    found = load(maker.save(tmp_path / "x.pth", value, "legacy"))
    assert [f.tolist() for f in found] == [[5, 6], [1, 2]]
    for wrong in (("8", 8, 3), ("8", -1, 3), ("8", 4), 3):
        part.part = [wrong]
        path = maker.save(tmp_path / "x.pth", maker.view(part, 0, (1,), (1,)), "legacy")
        with pytest.raises(ArgumentError, match="part of storage '7'"):
            load(path)
    part.part = [("8", 4, 3)]
    path = maker.save(tmp_path / "x.pth", maker.view(part, 0, (4,), (1,)), "legacy")
    with pytest.raises(ArgumentError, match=r"size \(4,\) goes beyond .*, which has 3 elements"):
        load(path)


def test_strings_of_python_2(tmp_path, maker, format):
    content = b"\x80\x02}(U\x05caf\xc3\xa9K\x01T\x03\x00\x00\x00abcK\x02u."
    assert load(getattr(maker, format)(tmp_path / "x.pth", content)) == {"café": 1, "abc": 2}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol(tmp_path, maker, format, protocol):
    value = {"w": maker.tensor(np.ones(2, "float32")), "l": [1, (2, "x" * 300)]}
    path = getattr(maker, format)(tmp_path / "x.pth", *maker.pickle(value, protocol))
    assert load(path)["l"] == [1, (2, "x" * 300)]


def test_names_on_the_stack(tmp_path, maker):
    content = b"\x80\x04\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94."
    assert load(maker.zip(tmp_path / "x.pth", content)) == {}


def test_an_open_file(tmp_path, maker, format):
    path = maker.save(tmp_path / "x.pth", {"w": maker.tensor(np.ones(2, "float32"))}, format)
    assert load(io.BytesIO(path.read_bytes()))["w"].tolist() == [1, 1]


def test_mapped_tensors_leave_the_file_as_it_is(tmp_path, maker):
    path = tmp_path / "x.pth"
    numbers = np.arange(1000, dtype="float64")
    # The entry before moves the storage about: it begins once at a multiple of 8, else not.
    for i in range(8):
        maker.save(path, {"w": maker.tensor(numbers, "Double")}, version=bytes(i))
        before = path.read_bytes()
        found = load(path, mmap=True)["w"]
        assert np.array_equal(found.array, numbers) and found.array.flags.aligned
        found.add_(1)
        assert np.array_equal(found.array, numbers + 1)
        assert path.read_bytes() == before
        assert np.array_equal(load(path, mmap=True)["w"].array, numbers)


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs Linux")
def test_mapped_tensors_are_in_the_file_and_others_are_not(tmp_path, maker):
    def file_is_mapped():
        with open("/proc/self/maps") as maps:
            return str(path) in maps.read()

    path = tmp_path / "mapped.pth"
    mapped = []
    for i in range(4):
        maker.save(path, {"w": maker.tensor(np.ones(1000, "float32"))}, version=bytes(i))
        found = load(path)
        assert not file_is_mapped()
        found = load(path, mmap=True)
        mapped.append(file_is_mapped())
        del found
        assert not file_is_mapped()
    assert sorted(mapped) == [False, False, False, True]  # where a number begins at multiples of 4


def test_mapping_the_old_format_is_refused_as_in_pytorch(tmp_path, maker):
    path = maker.save(tmp_path / "x.pth", {"w": maker.tensor(np.ones(2, "float32"))}, "legacy")
    with pytest.raises(ArgumentError, match="which cannot be mapped"):
        load(path, mmap=True)


def refused(path, message, kind=ArgumentError):
    with pytest.raises(kind) as raised:
        load(path)
    assert str(raised.value).startswith(f"load: '{path}' {message}"), str(raised.value)
    assert isinstance(raised.value, RuntimeError)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (25,), (1,)),
        (1, (24,), (1,)),
        (24, (1,), (1,)),
        (24, (), ()),
        (0, (4, 6), (7, 1)),
        (0, (2**29, 2**31), (2**31, 1)),
        (2**62, (1,), (1,)),
        (0, (2,), (2**62,)),
        (0, (13,), (2,)),
    ],
)
def test_tensors_that_go_beyond_their_storage(tmp_path, maker, format, offset, size, stride):
    storage = maker.storage(np.arange(24, dtype="float32"), "Float")
    path = maker.save(tmp_path / "x.pth", maker.view(storage, offset, size, stride), format)
    refused(path, f"is damaged: a tensor of size {size} goes beyond the end of storage '0'")


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, [2], [1]),
        (0, (2.0,), (1,)),
        (0, (True,), (1,)),
        (None, (2,), (1,)),
        (0, (2**63,), (0,)),
        (0, ("2",), (1,)),
        (2**70, (), ()),
    ],
)
def test_sizes_that_are_none(tmp_path, maker, format, offset, size, stride):
    storage = maker.storage(np.arange(24, dtype="float32"), "Float")
    path = maker.save(tmp_path / "x.pth", maker.view(storage, offset, size, stride), format)
    refused(path, "is damaged: a tensor's offset, size or stride is not right")


def test_expanded_beyond_any_memory(tmp_path, maker, format):
    storage = maker.storage(np.ones(1, "float32"), "Float")
    many = maker.view(storage, 0, (2**30, 2**30), (0, 0))
    found = load(maker.save(tmp_path / "x.pth", many, format))
    assert found.shape == (2**30, 2**30) and found.array.strides == (0, 0)  # 4 bytes of memory
    more = maker.view(storage, 0, (2**62, 4), (0, 0))
    refused(
        maker.save(tmp_path / "x.pth", more, format), "is damaged: a tensor has more elements than"
    )
    nothing = maker.view(storage, 0, (2**62, 0, 4), (0, 0, 0))
    refused(
        maker.save(tmp_path / "x.pth", nothing, format), "is damaged: a tensor has more elements th"
    )
    deep = maker.view(storage, 0, (1,) * 65, (1,) * 65)
    refused(maker.save(tmp_path / "x.pth", deep, format), "holds a tensor of 65 dimensions")
    assert (
        load(
            maker.save(tmp_path / "x.pth", maker.view(storage, 0, (1,) * 64, (1,) * 64), format)
        ).shape
        == (1,) * 64
    )


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("Short", "int16"), ("Char", "int8"), ("ComplexFloat", "complex64"), ("QInt8", "qint8")],
)
def test_dtypes_that_minicnn_does_not_have(tmp_path, maker, format, kind, dtype):
    path = maker.save(tmp_path / "x.pth", maker.tensor(np.ones(2, "int8"), kind), format)
    refused(path, f"holds a tensor of dtype {dtype} (torch.{kind}Storage), which", DtypeError)
    v3 = maker.Call(
        "torch._utils",
        "_rebuild_tensor_v3",
        maker.storage(np.ones(2, "uint16"), "Untyped"),
        0,
        (2,),
        (1,),
        False,
        maker.Call("collections", "OrderedDict"),
        maker.Name("torch", "uint16"),
    )
    path = maker.save(tmp_path / "x.pth", v3, format)
    refused(path, "holds a tensor of dtype uint16 (torch.uint16), which minicnn", DtypeError)


def test_kinds_of_tensor_that_minicnn_does_not_have(tmp_path, maker, format):
    for name, what in {
        "_rebuild_sparse_tensor": "a sparse tensor; save tensor.to_dense()",
        "_rebuild_qtensor": "a quantised tensor; save tensor.dequantize()",
        "_rebuild_meta_tensor_no_storage": "a tensor of the device 'meta'",
    }.items():
        path = maker.save(tmp_path / "x.pth", maker.Call("torch._utils", name), format)
        refused(path, f"holds {what}")
    path = maker.save(tmp_path / "x.pth", maker.storage(np.ones(1), "Double"), format)
    refused(path, "holds a storage that belongs to no tensor")
    negative = maker.tensor(np.ones(1, "float32"))
    negative.arguments += ({"neg": True},)
    refused(
        maker.save(tmp_path / "x.pth", negative, format), "holds a conjugate or negative view of a"
    )


def test_bool_bytes_that_are_neither_true_nor_false(tmp_path, maker, format):
    path = maker.save(tmp_path / "x.pth", maker.tensor(np.array([0, 2], "uint8"), "Bool"), format)
    refused(path, "is damaged: a tensor of dtype bool has bytes that are neither 0 nor 1")


def test_big_endian_machines(tmp_path, maker):
    value = {"w": maker.tensor(np.ones(2, "float32"))}
    path = maker.save(tmp_path / "x.pth", value, byteorder=b"big")
    refused(path, "was written on a big-endian machine")
    path = maker.save(tmp_path / "x.pth", value, byteorder=b"little big")
    refused(path, "is damaged: its byte order is none")
    assert load(maker.save(tmp_path / "x.pth", value, byteorder=None))["w"].tolist() == [1, 1]
    path = maker.save(tmp_path / "x.pth", value, "legacy", machine={"little_endian": False})
    refused(path, "was written on a big-endian machine")


def test_other_zip_archives(tmp_path, maker):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.ones(2))
    refused(path, "is a zip archive, but not one that torch.save wrote: it has no data.pkl")
    content, storages = maker.pickle({"w": maker.tensor(np.ones(2, "float32"))})
    maker.zip(path, content, storages, **{"constants.pkl": b"\x80\x02)."})
    refused(path, "is a TorchScript program, which minicnn does not run")
    maker.zip(path, content, storages, pack=zipfile.ZIP_DEFLATED)
    refused(path, "has an entry byteorder that is compressed or encrypted")
    with zipfile.ZipFile(maker.zip(path, content), "a") as archive:
        archive.writestr("second/data.pkl", content)
    refused(path, "is a zip archive, but not one that torch.save wrote")


def test_a_zip_bomb(tmp_path, maker):
    """Many entries that lie on the same bytes."""
    storage = maker.storage(np.zeros(100_000, "float32"), "Float")
    value = []
    for key in range(100):
        part = maker.Bytes(str(key), "Float", storage.content)
        value.append(maker.view(part, 0, (100_000,), (1,)))
    content, storages = maker.pickle(value)
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", content)
        archive.writestr("a/data/0", storage.content)
        first = archive.getinfo("a/data/0")
        for key in list(storages)[1:]:
            entry = zipfile.ZipInfo(f"a/data/{key}")
            entry.header_offset, entry.CRC = first.header_offset, first.CRC
            entry.file_size = entry.compress_size = first.file_size
            archive.filelist.append(entry)
            archive.NameToInfo[entry.filename] = entry
        archive._didModify = True
    assert path.stat().st_size < 500_000
    refused(path, "is damaged or incomplete: its entry data/1 goes beyond its end")


def test_entries_that_are_missing_or_of_another_size(tmp_path, maker):
    content, storages = maker.pickle({"w": maker.tensor(np.ones(4, "float32"))})
    path = maker.zip(tmp_path / "x.pth", content)
    refused(path, "is damaged: it has no entry data/0")
    for data in (bytes(15), bytes(17), b""):
        maker.zip(path, content, {"0": maker.Bytes("0", "Byte", data)})
        refused(path, f"is damaged: its entry data/0 has {len(data)} bytes, and should have 16")
    maker.zip(path, content, storages)
    changed = bytearray(path.read_bytes())
    changed[changed.index(np.ones(4, "float32").tobytes())] ^= 1
    path.write_bytes(changed)
    refused(path, "is damaged: the checksum of its entry data/0 is wrong")


def test_one_storage_with_two_sizes(tmp_path, maker, format):
    first = maker.Bytes("0", "Float", bytes(16))
    second = maker.Bytes("0", "Float", bytes(16), numel=5)
    for pair in ((first, second), (second, first)):
        value = [maker.view(s, 0, (1,), (1,)) for s in pair]
        refused(
            maker.save(tmp_path / "x.pth", value, format), "is damaged: storage '0' has two sizes"
        )


def test_damage_in_the_old_format(tmp_path, maker):
    content, storages = maker.pickle({"w": maker.tensor(np.ones(4, "float32"))})
    path = tmp_path / "x.pth"
    refused(maker.legacy(path, content, storages, version=1002), "is in a version of PyTorch's old")
    refused(maker.legacy(path, content, storages, keys="0"), "is damaged: it has no list of storag")
    refused(maker.legacy(path, content, storages, keys=[]), "is damaged: storage '0' is not in it")
    refused(
        maker.legacy(path, content, storages, keys=["0", "1"]),
        "is damaged: it has a storage that belongs to no tensor",
    )
    refused(
        maker.legacy(path, content, {"0": maker.Bytes("0", "Float", bytes(20))}),
        "is damaged or incomplete: storage '0' should have 4 elements",
    )
    path.write_bytes(maker.legacy(path, content, storages).read_bytes()[:-1])
    refused(path, "is incomplete: it ends within storage '0'")
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, "is damaged or incomplete: storage '0' should have 4 elements")
    path.write_bytes(b"\x80\x02}.")
    refused(path, "is a pickle, but not one that torch.save wrote")


def test_tar_archives_of_the_oldest_format(tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "x.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    refused(tmp_path / "x.pth", "is a tar archive, as torch.save wrote before PyTorch 0.1.10")


def test_a_pickle_that_is_too_large(tmp_path, maker, monkeypatch):
    monkeypatch.setattr(unpickler, "MOST_STEPS", 1000)
    path = maker.save(tmp_path / "x.pth", list(range(2000)))
    refused(path, "has a pickle of more than 1,000 instructions")
    from minicnn.serialization import pytorch

    monkeypatch.setattr(pytorch, "LARGEST_PICKLE", 1000)
    refused(path, "has an entry data.pkl of ")
