import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from minicnn.checks import ArgumentError, DtypeError
from minicnn.data import idx
from minicnn.data.idx import read_idx, write_idx

ARRAYS = st.sampled_from(["uint8", "int8", "int16", "int32", "float32", "float64"]).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=1, max_dims=4, min_side=0))
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "file"


def header(code, *shape):
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def bytes_of(array, file):
    write_idx(file, array)
    return file.read_bytes()


def refused(file, content, match):
    file.write_bytes(content)
    with pytest.raises(ArgumentError, match=match):
        read_idx(file)


@given(array=ARRAYS, packed=st.booleans())
def test_round_trip(array, packed, file):
    content = bytes_of(array, file)
    file.write_bytes(gzip.compress(content, 1) if packed else content)
    found = read_idx(file)
    assert found.dtype == array.dtype and found.dtype.isnative
    assert found.flags.writeable and found.flags.c_contiguous
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "code, format, values",
    [
        (0x08, "B", [0, 255]),
        (0x09, "b", [-128, 127]),
        (0x0B, "h", [-2, 300]),
        (0x0C, "i", [-70000, 70000]),
        (0x0D, "f", [0.5, -1.25]),
        (0x0E, "d", [0.1, -1e200]),
    ],
)
def test_element_types_are_big_endian(code, format, values, file):
    file.write_bytes(header(code, 2) + struct.pack(f">2{format}", *values))
    assert read_idx(file).tolist() == values
    array = np.array(values, np.dtype(format))
    assert bytes_of(array, file) == header(code, 2) + struct.pack(f">2{format}", *values)


def test_big_endian_and_strided_arrays_are_written_by_value(file):
    array = np.arange(12, dtype=">i4").reshape(3, 4)[:, ::-2]
    write_idx(file, array)
    np.testing.assert_array_equal(read_idx(file), array)


def test_gzip_is_told_by_content_not_by_name(tmp_path):
    array = np.arange(6, dtype="uint8").reshape(2, 3)
    write_idx(tmp_path / "a.gz", array)
    assert (tmp_path / "a.gz").read_bytes()[:2] == b"\x1f\x8b"
    (tmp_path / "a.gz").rename(tmp_path / "a")
    write_idx(tmp_path / "b", array)
    (tmp_path / "b").rename(tmp_path / "b.gz")
    for name in ("a", "b.gz"):
        np.testing.assert_array_equal(read_idx(tmp_path / name), array)


@given(array=ARRAYS, data=st.data(), packed=st.booleans())
def test_every_truncation_is_refused(array, data, packed, file):
    content = bytes_of(array, file)
    kept = content[: data.draw(st.integers(0, len(content) - 1))]
    refused(file, gzip.compress(kept, 1) if packed else kept, "truncated|not an IDX file")


@given(array=ARRAYS, extra=st.binary(min_size=1, max_size=40), packed=st.booleans())
def test_every_extra_byte_is_refused(array, extra, packed, file):
    content = bytes_of(array, file) + extra
    refused(file, gzip.compress(content, 1) if packed else content, "too long")


@given(array=ARRAYS, data=st.data())
def test_every_cut_or_lengthened_gzip_file_is_refused(array, data, file):
    content = gzip.compress(bytes_of(array, file), 1)
    refused(file, content[: data.draw(st.integers(2, len(content) - 1))], "is damaged|truncated")
    refused(file, content + b"\x01", "is damaged")


@given(
    content=st.binary(max_size=80)
    | st.tuples(
        st.sampled_from(list(idx.ELEMENT_TYPES)), st.integers(0, 255), st.binary(max_size=80)
    ).map(lambda t: bytes([0, 0, *t[:2]]) + t[2]),
    packed=st.booleans(),
    gzip_like=st.booleans(),
)
def test_random_bytes_give_an_array_or_the_documented_error(content, packed, gzip_like, file):
    content = gzip.compress(content, 1) if packed else content
    file.write_bytes(b"\x1f\x8b" + content if gzip_like else content)
    try:
        found = read_idx(file)
    except ArgumentError as error:
        assert str(error).startswith(f"read_idx: {file}")
    else:
        assert isinstance(found, np.ndarray)


@given(flip=st.integers(10, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_gzip_body_is_noticed(flip, bit, file):
    content = bytearray(gzip.compress(bytes_of(np.arange(200, dtype="uint8") ** 2, file)))
    # Of the bytes from 10 on, all are data, checksum or length.
    content[10 + flip % (len(content) - 10)] ^= 1 << bit
    refused(file, content, "is damaged|too long|truncated|not an IDX file|holds|promises|header")


def test_messages_have_the_bytes_expected_and_found(file):
    content = header(0x08, 2, 3) + bytes(6)
    refused(
        file, content[:-1], r"truncated: expected 18 bytes for 2 × 3 elements of uint8, found 17"
    )
    refused(file, content + b"x", "too long: expected 18 bytes .*, found 19")
    refused(file, gzip.compress(content[:-2]), "truncated: expected 18 bytes .*, found 16")
    refused(file, gzip.compress(content + b"xy"), "too long: expected 18 bytes .*, found more")
    refused(file, header(0x0B, 2, 3)[:9], "truncated: expected 12 bytes of header for 2 dim.* 9")


def test_files_that_are_no_idx_files(file):
    refused(file, b"", "not an IDX file: .*08, 09, 0b, 0c, 0d, 0e.*found nothing")
    refused(file, b"\x89PNG\r\n", "not an IDX file: .*found 89 50 4e 47")
    refused(file, b"\0\0\x0a\x01\0\0\0\0", "not an IDX file: .*found 00 00 0a 01")
    refused(file, b"\0\1\x08\x01\0\0\0\0", "not an IDX file")
    refused(file, b"\0\0\x08\x00\0", "gives 0 dimensions, expected 1 to 64")
    refused(file, header(0x08, *[1] * 65) + b"\0", "gives 65 dimensions")


def test_claims_are_checked_before_anything_is_allocated(file):
    refused(file, header(0x0E, 2**32 - 1, 2**31), "larger than any array can be")
    refused(file, header(0x08, 0, 2**32 - 1, 2**32 - 1), "larger than any array can be")
    refused(file, header(0x08, 2**31, 2**20), "truncated: expected .* found 12")
    refused(
        file,
        gzip.compress(header(0x08, 2**31, 2**20)),
        r"more than a gzip file of \d+ bytes can hold",
    )


@pytest.mark.parametrize("promised", [5, 3 << 19])
def test_a_decompression_bomb_is_not_unpacked(promised, file, monkeypatch):
    unpacked = 0
    read = gzip.GzipFile.read

    def counted(self, size=-1):
        nonlocal unpacked
        chunk = read(self, size)
        unpacked += len(chunk)
        return chunk

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    refused(file, gzip.compress(header(0x08, promised) + bytes(50_000_000)), "too long")
    assert unpacked == 8 + promised + 1


def test_a_large_file_comes_in_several_chunks(file):
    array = np.random.default_rng(0).integers(0, 256, 3 << 20).astype("uint8")
    file.write_bytes(gzip.compress(bytes_of(array, file), 1))
    np.testing.assert_array_equal(read_idx(file), array)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing"):
        read_idx(tmp_path / "nothing")


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(DtypeError, match=r"write_idx: IDX files hold uint8, int8, .*; got int64"):
        write_idx(tmp_path / "x", np.arange(3))
    with pytest.raises(ArgumentError, match=r"expected 1 to 64 dimensions .* the shape \(\)"):
        write_idx(tmp_path / "x", np.uint8(3))
    with pytest.raises(ArgumentError, match=r"of less than 2³² each, got the shape \(4294967296"):
        write_idx(tmp_path / "x", np.empty((2**32, 0), "uint8"))
    assert not list(tmp_path.iterdir())
