"""Write a folder whole or not at all; the seeds that go into it."""

import secrets
import shutil
import tempfile
from pathlib import Path

from minicnn.checks import ArgumentError, integer


def write_folder(operation, folder, texts):
    """Make `folder` with the files of `texts`, {path: text}: all of them, or nothing.

    Raises:
        ArgumentError: there is something in `folder` already, or its parent is no folder.
    """
    folder = Path(folder)
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise ArgumentError(f"{operation}: {str(folder)!r} is not empty; give a new folder")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise ArgumentError(f"{operation}: there is no folder {str(parent)!r} to make it in")
    made = Path(tempfile.mkdtemp(dir=parent, prefix=".minicnn-"))
    try:
        for path, text in texts.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, encoding="utf-8")
        made.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def seed_or_new(operation, seed):
    """`seed`, an integer ≥ 0, or a new one where it is None."""
    if seed is None:
        return secrets.randbits(32)
    if integer(operation, "seed", seed) < 0:
        raise ArgumentError(f"{operation}: the seed must be an integer ≥ 0, got {seed}")
    return seed
