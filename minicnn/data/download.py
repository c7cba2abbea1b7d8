"""Fetching a file: from the first mirror that has it whole, or not at all."""

import contextlib
import hashlib
import os
import sys
from pathlib import Path

TIMEOUT = 30  # seconds without an answer
LARGEST = 1 << 30  # bytes; a server that sends more is not sending what was asked for
_CHUNK = 1 << 16


class DownloadError(OSError, RuntimeError):
    """No mirror gave the file.

    minicnn's own; also an OSError.
    """


def fetch(urls, path, md5=None, otherwise="", timeout=TIMEOUT, *, sha256=None, progress=True):
    """Fetch a file into `path`, trying each of `urls` in turn.

    The bytes go into a file beside `path`, which takes its place once the checksum is right; so
    there is either the whole file at `path` or what was there before, and nothing else is left.
    A progress bar is shown where the standard error stream is a terminal.
    One of `md5` and `sha256` must be given.

    Args:
        urls: where the file can be had.
        path: where to put it; its folder must exist.
        md5: the checksum, in hexadecimal.
        otherwise: a sentence for the error message: what to do without a network.
        timeout: seconds to wait for an answer.
        sha256: the other kind of checksum: its first digits, as many as are known.
        progress: whether to show a progress bar.

    Raises:
        DownloadError: no URL gave the file; the message tells why, for each.
        OSError: the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fetch(["http://127.0.0.1:1/x.gz"], f"{folder}/x.gz", "0" * 32, "Copy it from a friend.")
    Traceback (most recent call last):
      ...
    minicnn.data.download.DownloadError: download of x.gz failed.
      http://127.0.0.1:1/x.gz: ...
    Copy it from a friend.
    """
    path = Path(path)
    checksum = ("MD5", md5) if sha256 is None else ("SHA-256", sha256)
    # In the same folder, since a rename is one step only within a file system.
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    failures = []
    try:
        for url in urls:
            with open(partial, "wb") as file:
                failure = _copy(url, file, path.name, checksum, timeout, progress)
            if failure is None:
                os.replace(partial, path)
                return
            failures.append(f"  {url}: {' '.join(failure.split())}")
    finally:
        partial.unlink(missing_ok=True)  # also after Ctrl-C
    raise DownloadError("\n".join([f"download of {path.name} failed.", *failures, otherwise]))


def _copy(url, file, name, checksum, timeout, progress):
    """Copy what `url` gives to `file`; None if all is well, else what went wrong."""
    kind, expected = checksum
    digest = hashlib.sha256() if kind == "SHA-256" else hashlib.md5(usedforsecurity=False)
    received = 0
    try:
        with _connect(url, timeout) as response:
            length = response.headers.get("Content-Length", "")
            length = int(length) if length.isdecimal() else None
            with _progress(name, length, progress) as advance:
                while chunk := _receive(response):
                    file.write(chunk)
                    digest.update(chunk)
                    received += len(chunk)
                    advance(len(chunk))
                    if received > LARGEST:
                        return f"it sends more than {LARGEST:,} bytes"
    except _NetworkError as error:
        return str(error)
    if length is not None and received != length:
        return f"truncated: {received:,} of {length:,} bytes came"
    found = digest.hexdigest()
    if found[: len(expected)] != expected:
        return f"wrong checksum: expected {kind} {expected}, got {found}"
    return None


class _NetworkError(Exception):
    """The connection failed. A full disk is an OSError as well, and must not look the same."""


def _connect(url, timeout):
    # Imported here, since it takes a while and most programs fetch nothing.
    import http.client
    import urllib.error
    import urllib.request

    try:
        return urllib.request.urlopen(url, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise _NetworkError(f"the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _NetworkError(getattr(error, "reason", error)) from None


def _receive(response):
    import http.client

    try:
        return response.read(_CHUNK)
    except http.client.IncompleteRead as error:
        return error.partial  # the number of bytes that came tells the rest
    except (OSError, http.client.HTTPException) as error:
        raise _NetworkError(error) from None


@contextlib.contextmanager
def _progress(name, length, wanted):
    """A function that moves a progress bar on by a number of bytes."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = "{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=length)
        yield lambda n: bar.advance(task, n)
