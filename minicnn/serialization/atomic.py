"""Files that are there completely or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

from minicnn.checks import ArgumentError, DtypeError


def as_path(operation, path):
    """`path` as a `Path`; a `DtypeError` unless it is a string or a path."""
    if not isinstance(path, (str, os.PathLike)):
        raise DtypeError(
            f"{operation}: expected a file name (a string or a path), got {type(path).__name__}"
        )
    return Path(path)


@contextlib.contextmanager
def atomic_write(path, operation="atomic_write"):
    """Open `path` for writing bytes; it gets its new content when the block ends without an error.

    The bytes go to a temporary file in the same folder, which takes the place of `path` in one step
    at the end. Whatever happens before that step (an exception, a full disk, Ctrl-C), the old file
    stays as it was and the temporary one is removed. Only if the process is killed at once does the
    temporary file (``.minicnn-….tmp``) stay behind; the old one is untouched then too.

    Args:
        path: the file's name. A link is followed; an existing file's permissions are kept.
        operation: what error messages begin with.

    Raises:
        FileNotFoundError: there is no such folder.
        ArgumentError: `path` is a folder or a device.
        OSError: as the system reports it, for example when the disk is full.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with atomic_write(path) as file:
    ...     _ = file.write(b"all of it")
    >>> path.read_bytes()
    b'all of it'
    """
    # Replacing a link would leave the file that it points to as it was.
    path = Path(os.path.realpath(as_path(operation, path)))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{operation}: the folder {str(path.parent)!r} does not exist; make it first"
        )
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not a regular file"
        raise ArgumentError(f"{operation}: {str(path)!r} is {what}; give the name of a file")

    # In the same folder, because a file can only be moved in one step within a file system.
    temporary = path.parent / f".minicnn-{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the content is on the disk before the name points to it
        if path.exists():
            os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    except BaseException:  # KeyboardInterrupt too
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Have the new name survive a power failure, on systems where a folder can be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
