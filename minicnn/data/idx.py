"""The IDX format, in which MNIST and its relatives are kept: a short header, then the numbers.

======  ======================================================================
bytes   meaning
======  ======================================================================
0, 1    zero
2       the type of an element (`ELEMENT_TYPES`)
3       the number of dimensions n
4 n     the sizes, each a big-endian unsigned 32-bit integer
rest    the elements, big-endian, the last dimension varying fastest
======  ======================================================================

Source: "The MNIST database of handwritten digits", the section "File formats" of its web page.
"""

import gzip
import math
import os
import zlib

import numpy as np

from minicnn.checks import ArgumentError, DtypeError
from minicnn.serialization.atomic import as_path

ELEMENT_TYPES = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MOST_DIMENSIONS = 64  # as many as NumPy has
_GZIP_START = b"\x1f\x8b"
# Deflate, the method of gzip, packs at most 1032 bytes into one.
_MOST_PER_GZIP_BYTE = 1032
_CHUNK = 1 << 20


def read_idx(path):
    """The array in an IDX file, plain or packed with gzip (told apart by content, not by name).

    Nothing is allocated on the header's word alone: what it promises is compared with the size of
    the file first, and a gzip file is unpacked no further than one byte past what was promised.

    minicnn's own; the format is that of LeCun's page of MNIST.

    Args:
        path: the file.

    Returns:
        A NumPy array of the shape in the header, in native byte order; its dtype is uint8, int8,
        int16, int32, float32 or float64.

    Raises:
        ArgumentError: not an IDX file, longer or shorter than its header says, or damaged gzip.
        OSError: the file is missing or cannot be read.
        DtypeError: not a path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(f"{folder}/x.gz", np.array([[1, 2, 3], [4, 5, 6]], "uint8"))
    ...     read_idx(f"{folder}/x.gz")
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    """
    # A number would be an open file of the process, which would be closed here.
    with open(as_path("read_idx", path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(2) == _GZIP_START
        file.seek(0)
        if not packed:
            return _read(file, path, size, None)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read(stream, path, size * _MOST_PER_GZIP_BYTE, size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ArgumentError(
                f"read_idx: {path} is damaged: {error}. It is a gzip file of {size:,} bytes; "
                "fetch or copy it again"
            ) from None


def _read(stream, path, most, packed_size):
    """Read header and elements; the stream holds at most `most` bytes."""
    dtype, shape, header_size = _read_header(stream, path)
    expected = header_size + math.prod(shape) * dtype.itemsize
    if packed_size is None:
        found = most  # a plain file: its size is known
    elif expected > most:
        raise ArgumentError(
            f"read_idx: {path}: the header promises {_described(shape, dtype)}, {expected:,} bytes "
            f"in all, more than a gzip file of {packed_size:,} bytes can hold"
        )
    else:
        found = None
    if found is None or found == expected:
        data = _read_at_most(stream, expected - header_size + 1)
        found = header_size + len(data)
    if found != expected:
        raise ArgumentError(
            f"read_idx: {path} is {'truncated' if found < expected else 'too long'}: expected "
            f"{expected:,} bytes for {_described(shape, dtype)}, found "
            f"{'more' if packed_size and found > expected else f'{found:,}'}"
        )
    # In memory of its own, which can be written to, in the byte order of this machine.
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read_header(stream, path):
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in ELEMENT_TYPES:
        codes = ", ".join(f"{c:02x}" for c in ELEMENT_TYPES)
        raise ArgumentError(
            f"read_idx: {path} is not an IDX file: expected it to start with the bytes 00 00, an "
            f"element type ({codes}) and the number of dimensions; found "
            f"{start.hex(' ') or 'nothing'}"
        )
    dtype, ndim = ELEMENT_TYPES[start[2]], start[3]
    if not 1 <= ndim <= _MOST_DIMENSIONS:
        raise ArgumentError(
            f"read_idx: {path}: the header gives {ndim} dimensions, expected 1 to "
            f"{_MOST_DIMENSIONS}"
        )
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ArgumentError(
            f"read_idx: {path} is truncated: expected {4 + 4 * ndim} bytes of header for {ndim} "
            f"dimensions, found {4 + len(sizes)}"
        )
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    # A size of 0 makes the product 0; what NumPy cannot hold must be caught without it.
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > np.iinfo(np.intp).max:
        raise ArgumentError(
            f"read_idx: {path}: the header promises {_described(shape, dtype)}, which is larger "
            "than any array can be"
        )
    return dtype, shape, 4 + 4 * ndim


def _read_at_most(stream, n):
    """The next `n` bytes, or fewer at the end; memory grows only as they arrive."""
    data = bytearray()
    while len(data) < n:
        chunk = stream.read(min(n - len(data), _CHUNK))
        if not chunk:
            break
        data += chunk
    return data


def _described(shape, dtype):
    return f"{' × '.join(str(n) for n in shape)} elements of {dtype.newbyteorder('=').name}"


def write_idx(path, array):
    """Write an array as an IDX file, packed with gzip if the name ends in ``.gz``.

    minicnn's own; the format is that of LeCun's page of MNIST (see `read_idx`).

    Args:
        path: the file; it is replaced if it exists.
        array: of uint8, int8, int16, int32, float32 or float64, with 1 to 64 dimensions.

    Raises:
        DtypeError: the format has no such element type.
        ArgumentError: no dimensions, too many, or one too large for the header.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(f"{folder}/x", np.array([7, 8], "int16"))
    ...     Path(folder, "x").read_bytes().hex(" ")
    '00 00 0b 01 00 00 00 02 00 07 00 08'
    """
    array = np.asarray(array)
    codes = {dtype.newbyteorder("="): code for code, dtype in ELEMENT_TYPES.items()}
    code = codes.get(array.dtype.newbyteorder("="))
    if code is None:
        raise DtypeError(
            f"write_idx: IDX files hold {', '.join(d.name for d in codes)}; got {array.dtype}. "
            "Convert it first, for example with .astype('int32')"
        )
    if not 1 <= array.ndim <= _MOST_DIMENSIONS or max(array.shape) >= 1 << 32:
        raise ArgumentError(
            f"write_idx: expected 1 to {_MOST_DIMENSIONS} dimensions of less than 2³² each, got "
            f"the shape {array.shape}"
        )
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    opened = gzip.open if str(as_path("write_idx", path)).endswith(".gz") else open
    with opened(path, "wb") as file:
        file.write(header + array.astype(ELEMENT_TYPES[code]).tobytes())
