"""The folder that published weights are kept in, and how they get there."""

import hashlib
import os
import re
from pathlib import Path

from minicnn.data.download import fetch


def weights_folder():
    """Where downloaded weights are put: ``$MINICNN_HOME/weights``, or ``~/.cache/minicnn/weights``.

    minicnn's own; the folder need not be there yet, and nothing is raised.

    >>> weights_folder().name
    'weights'
    """
    home = os.environ.get("MINICNN_HOME") or "~/.cache/minicnn"
    return Path(home).expanduser() / "weights"


def _pytorch_folder():
    """Where PyTorch keeps what it downloads."""
    home = os.environ.get("TORCH_HOME") or "~/.cache/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def weights_file(url, progress=True, check_hash=True):
    """The file of weights that is published at `url`, downloaded if it is not there yet.

    It is looked for in `weights_folder()`, and where PyTorch keeps its downloads. Its name holds
    the first digits of the checksum of its content, ``…-0676ba61.pth``: a file that has another is
    fetched anew.

    Args:
        url: where it is published.
        progress: show the progress of a download, if the standard error stream is a terminal.
        check_hash: False: take a file that is there as it is.

    Returns:
        Its path.

    Raises:
        DownloadError: it is not there and cannot be had; the message tells why, and where to put it
            by hand.
        OSError: it cannot be written.
    """
    name = url.rsplit("/", 1)[1]
    digits = re.search(r"-([0-9a-f]{8,64})\.", name)
    sha256 = digits[1] if digits else ""
    folder = weights_folder()
    damaged = []
    for path in (folder / name, _pytorch_folder() / name):
        if path.is_file():
            if not check_hash or _checksum(path).startswith(sha256):
                return path
            damaged.append(f" (The one at {path} is damaged or incomplete.)")
    folder.mkdir(parents=True, exist_ok=True)
    otherwise = (
        f"Without a network: fetch {url} on another machine and put it at {folder / name}, or give "
        f"the path of the file as weights.{''.join(damaged)}"
    )
    fetch([url], folder / name, otherwise=otherwise, sha256=sha256, progress=progress)
    return folder / name


def _checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
