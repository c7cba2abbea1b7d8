import os
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError
from minicnn.serialization import atomic_write, load, save


def write(path, content):
    with atomic_write(path) as file:
        file.write(content)


def test_a_new_file_and_a_replaced_one(tmp_path):
    path = tmp_path / "x"
    write(path, b"first, and longer")
    assert path.read_bytes() == b"first, and longer"
    write(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["x"]


def test_until_the_block_ends_the_old_content_is_there(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_failing_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_the_bytes_are_on_the_disk_before_the_name_points_to_them(tmp_path, monkeypatch):
    """The order is what saves the file in a power failure: content, name, folder."""
    events = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle):
        is_folder = os.path.isdir(f"/proc/self/fd/{handle}")
        size = None if is_folder else os.fstat(handle).st_size
        events.append("sync folder" if is_folder else f"sync {size} bytes")
        fsync(handle)

    def watched_replace(source, target):
        events.append("replace")
        assert Path(source).parent == Path(target).parent
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write(tmp_path / "x", b"12345")
    if os.path.isdir("/proc/self/fd"):
        assert events == ["sync 5 bytes", "replace", "sync folder"]
    else:
        assert events[1] == "replace"


KILLED = """
import os, sys
import minicnn as mc
from minicnn.serialization import atomic_write, save
where, path = sys.argv[1:]
if where == "in the block":
    with atomic_write(path) as file:
        file.write(b"half of it")
        file.flush()
        os._exit(9)
os.fsync = lambda handle: os._exit(9)
save({"w": mc.ones(1000)}, path)
"""


@pytest.mark.parametrize("where", ["in the block", "before the sync"])
def test_a_killed_process_leaves_the_old_file_as_it_was(tmp_path, where):
    path = tmp_path / "weights.safetensors"
    save({"w": mc.tensor([1.0, 2.0])}, path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, where, str(path)], timeout=120)
    assert done.returncode == 9
    assert path.read_bytes() == before
    assert load(path)["w"].tolist() == [1, 2]
    save({"w": mc.tensor([3.0])}, path)  # and what was left behind is in nobody's way
    assert load(path)["w"].tolist() == [3]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX systems")
def test_permissions_are_the_usual_ones_and_are_kept(tmp_path):
    path = tmp_path / "x"
    write(path, b"")
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o640)
    write(path, b"")
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX systems")
def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "x", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_what_cannot_be_replaced(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^atomic_write: the folder '.*missing' does not "):
        write(tmp_path / "missing" / "x", b"")
    with pytest.raises(ArgumentError, match=r"^atomic_write: '.*' is a folder; give the name of"):
        write(tmp_path, b"")
    with pytest.raises(DtypeError, match=r"^atomic_write: expected a file name .* got int"):
        write(3, b"")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    """A pipe stands for /dev/null, which a broken atomic_write would take from the whole system."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ArgumentError, match="pipe' is not a regular file; give the"):
        write(pipe, b"x")
    assert pipe.is_fifo()
