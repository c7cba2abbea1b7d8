"""CIFAR-10 and CIFAR-100 from files as Python 2 wrote them, which must never be executed."""

import functools
import hashlib
import http.server
import io
import pickle
import pickletools
import struct
import tarfile
import threading

import numpy as np
import pytest

from minicnn.checks import ArgumentError, IndexRangeError
from minicnn.data import CIFAR10, CIFAR100, MissingFilesError
from minicnn.data.download import DownloadError


def text(value):
    """A byte string of Python 2."""
    value = value.encode("latin-1") if isinstance(value, str) else value
    if len(value) < 256:
        return b"U" + bytes([len(value)]) + value
    return b"T" + struct.pack("<i", len(value)) + value


def listed(items):
    return b"](" + b"".join(items) + b"e"


def array(values, dtype="u1"):
    """An array as NumPy told Python 2's pickle module."""
    rows, columns = values.shape
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text("b") + b"tR"
        b"(K\x01(M" + struct.pack("<HB", rows, ord("M")) + struct.pack("<H", columns) + b"t"
        b"cnumpy\ndtype\n(" + text(dtype) + b"K\x00K\x01tR(K\x03" + text("|") + b"NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(values.tobytes()) + b"tb"
    )


def batch(values, labels, /, key="labels", **more):
    """A file: {'batch_label': …, 'labels': […], 'data': array, 'filenames': […]}."""
    entries = {
        "batch_label": text("a batch"),
        key: listed(b"K" + bytes([label]) for label in labels),
        "data": array(values),
        "filenames": listed(text(f"{i}_äö.png".encode()) for i in range(len(labels))),
        **more,
    }
    return b"\x80\x02}(" + b"".join(text(k) + v for k, v in entries.items()) + b"u."


def drawn(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 3072), "uint8"), rng.integers(0, 10, n)


@pytest.fixture
def files():
    """The content of the files by name, and the images in them."""
    names = [*CIFAR10.train_list, *CIFAR10.test_list]
    drawings = {name: drawn(4, seed) for seed, name in enumerate(names)}
    return {name: batch(*drawing) for name, drawing in drawings.items()}, drawings


@pytest.fixture
def root(tmp_path, files):
    (tmp_path / CIFAR10.base_folder).mkdir()
    for name, content in files[0].items():
        (tmp_path / CIFAR10.base_folder / name).write_bytes(content)
    return tmp_path


def test_the_files_here_are_what_pythons_reader_reads(files):
    content = files[0]["data_batch_1"]
    pickletools.dis(content, io.StringIO())
    found = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(found["data"], files[1]["data_batch_1"][0])
    assert found["labels"] == list(files[1]["data_batch_1"][1]) and len(found["filenames"]) == 4


def test_images_and_labels(root, files):
    for train, names in ((True, CIFAR10.train_list), (False, CIFAR10.test_list)):
        data = CIFAR10(root, train)
        images = np.concatenate([files[1][name][0] for name in names])
        labels = np.concatenate([files[1][name][1] for name in names])
        assert len(data) == 4 * len(names)
        np.testing.assert_array_equal(data.targets.array, labels)
        image, label = data[3]
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8 and label == labels[3]
        # A row holds 1,024 reds, then greens, then blues, each row by row.
        assert image[5, 7].tolist() == images[3][[5 * 32 + 7 + 1024 * c for c in range(3)]].tolist()
        np.testing.assert_array_equal(data.data.array[-1, 31, 31], images[-1][[1023, 2047, 3071]])
    assert data.class_to_idx["truck"] == 9 and len(data.classes) == 10
    own = CIFAR10(root / CIFAR10.base_folder, transform=lambda i: i.sum(), target_transform=str)
    assert own[0] == (images_sum(files), str(files[1]["data_batch_1"][1][0]))


def images_sum(files):
    return files[1]["data_batch_1"][0][0].sum()


@pytest.mark.parity
def test_torchvision_reads_the_same(root, monkeypatch):
    import sys
    import types

    pytest.importorskip("torch")
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("empty"))
    theirs = pytest.importorskip("torchvision.datasets").CIFAR10
    monkeypatch.setattr(theirs, "_check_integrity", lambda self: True)
    monkeypatch.setattr(theirs, "_load_meta", lambda self: None)
    other, mine = theirs(root), CIFAR10(root)
    np.testing.assert_array_equal(other.data, mine.data.array)
    assert other.targets == mine.targets.tolist()
    for ours in (CIFAR10, CIFAR100):
        kind = getattr(sys.modules["torchvision.datasets"], ours.__name__)
        assert (kind.base_folder, kind.url, kind.tgz_md5) == (
            ours.base_folder,
            ours.url,
            ours.tgz_md5,
        )
        assert [name for name, _ in kind.train_list] == list(ours.train_list)
        assert [name for name, _ in kind.test_list] == list(ours.test_list)


def test_cifar100_takes_the_fine_labels(tmp_path):
    values, _ = drawn(3, 0)
    coarse = {"coarse_labels": listed([b"K\x01"] * 3)}
    (tmp_path / "train").write_bytes(batch(values, [99, 0, 50], "fine_labels", **coarse))
    data = CIFAR100(tmp_path)
    assert data.targets.tolist() == [99, 0, 50] and data.classes[99] == "worm"
    assert len(set(CIFAR100.classes)) == 100 and sorted(CIFAR100.classes) == list(CIFAR100.classes)
    (tmp_path / "train").write_bytes(batch(values, [100, 0, 50], "fine_labels", **coarse))
    with pytest.raises(IndexRangeError, match=r"label 0 is 100, expected 0 to 99"):
        CIFAR100(tmp_path)


def test_missing_files(root):
    (root / CIFAR10.base_folder / "data_batch_4").unlink()
    with pytest.raises(
        MissingFilesError,
        match=r"CIFAR10: found no data_batch_1, .*py lacks data_batch_4\. Unpack cifar-10-python."
        r"tar.gz .*download=True. BundledMNIST",
    ):
        CIFAR10(root)
    assert len(CIFAR10(root, train=False)) == 4


class Evil:
    def __reduce__(self):
        return print, ("executed",)


IMAGES, LABELS = drawn(2, 9)
DAMAGED = {
    "a call": (pickle.dumps({"data": Evil()}, 2), r"needs __builtin__.print, which has no place"),
    "cut off": (batch(IMAGES, LABELS)[:-5000], r"is damaged or incomplete"),
    "empty": (b"", r"is damaged or incomplete"),
    "no pickle": (b"<html>not found</html>", r"test_batch "),
    "a list": (b"\x80\x02].", r"expected 'data' and 'labels' in .*, found nothing"),
    "other keys": (b"\x80\x02}U\x01aK\x01s.", r"expected 'data' and 'labels' .*found 'a'"),
    "fewer labels": (batch(IMAGES, [1]), r"expected images .*found \(2, 3072\) and 1"),
    "other images": (batch(IMAGES[:, :100], LABELS), r"\(N, 3072\) .*found \(2, 100\) and 2"),
    "floats": (batch(IMAGES, LABELS, data=array(IMAGES, "f4")), r"array that is not of bytes"),
    "lacking bytes": (
        batch(IMAGES, LABELS).replace(b"(K\x01(M\x02\x00", b"(K\x01(M\x03\x00"),
        r"an array of shape \(3, 3072\) has 6,144 bytes",
    ),
    "text for labels": (
        batch(IMAGES, LABELS, labels=listed([text("a"), text("b")])),
        r"labels in .* are not all integers ≥ 0",
    ),
    "an attribute": (b"\x80\x02}}U\x01aK\x01sb.", r"sets the attributes of a dictionary"),
}


@pytest.mark.parametrize("content, message", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(root, capsys, content, message):
    path = root / CIFAR10.base_folder / "test_batch"
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match=rf"CIFAR10: .*{message}") as caught:
        CIFAR10(root, train=False)
    assert str(path) in str(caught.value) and "download=True" in str(caught.value)
    assert "PyTorch" not in str(caught.value) and capsys.readouterr().out == ""


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def packed(path, files, folder=CIFAR10.base_folder):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_download(server, files, tmp_path, monkeypatch):
    folder, url = server
    archive = folder / CIFAR10.filename
    checksum = packed(archive, files[0] | {"../../outside": b"no"})
    monkeypatch.setattr(CIFAR10, "url", url + CIFAR10.filename)
    with pytest.raises(DownloadError, match=r"wrong checksum: .*\nUnpack cifar-10-python.tar.gz"):
        CIFAR10(tmp_path / "new", download=True)
    monkeypatch.setattr(CIFAR10, "tgz_md5", checksum)
    data = CIFAR10(tmp_path / "new", download=True)
    np.testing.assert_array_equal(data.targets.array[:4], files[1]["data_batch_1"][1])
    made = {p.name for p in (tmp_path / "new").rglob("*") if p.is_file()}
    assert made == {*files[0], CIFAR10.filename} and not list(tmp_path.glob("outside"))
    # Nothing is fetched that is there; and an archive that is there is unpacked.
    monkeypatch.setattr(CIFAR10, "url", url + "gone")
    CIFAR10(tmp_path / "new", download=True)
    (tmp_path / "new" / CIFAR10.base_folder / "test_batch").unlink()
    assert len(CIFAR10(tmp_path / "new", train=False, download=True)) == 4


def test_a_damaged_archive_is_fetched_again(server, files, tmp_path, monkeypatch):
    folder, url = server
    monkeypatch.setattr(CIFAR10, "url", url + CIFAR10.filename)
    monkeypatch.setattr(CIFAR10, "tgz_md5", packed(folder / CIFAR10.filename, files[0]))
    half = (folder / CIFAR10.filename).read_bytes()[:2000]
    (tmp_path / CIFAR10.filename).write_bytes(half)
    assert len(CIFAR10(tmp_path, train=False, download=True)) == 4


def test_an_archive_without_the_files(server, files, tmp_path, monkeypatch):
    folder, url = server
    monkeypatch.setattr(CIFAR10, "url", url + CIFAR10.filename)
    checksum = packed(folder / CIFAR10.filename, {"data_batch_1": b"x"})
    monkeypatch.setattr(CIFAR10, "tgz_md5", checksum)
    with pytest.raises(DownloadError, match=r"cannot be unpacked \(.*data_batch_2.*; delete it"):
        CIFAR10(tmp_path / "new", download=True)
