import gzip
import hashlib
from importlib.resources import files

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data import MNIST, BundledMNIST, FashionMNIST, MissingFilesError, write_idx
from minicnn.data.transforms import ToTensor

PARTS = ("train", "t10k")


def write_files(folder, suffix="", parts=PARTS, n=(6, 4), images=None, labels=None):
    """Small data sets with the names of the real ones; returns the images by part."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers, written = np.random.default_rng(0), {}
    for part, size in zip(PARTS, n, strict=True):
        if part in parts:
            pixels = numbers.integers(0, 256, (size, 28, 28), "uint8") if images is None else images
            digits = (np.arange(size) % 10).astype("uint8") if labels is None else labels
            write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", pixels)
            write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", digits)
            written[part] = pixels
    return written


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
@pytest.mark.parametrize("below", ["", "{name}/raw", "{package}", "share/datasets/{package}"])
def test_files_are_found(tmp_path, kind, below, suffix):
    package = {MNIST: "mnist", FashionMNIST: "fashion-mnist"}[kind]
    folder = tmp_path / below.format(name=kind.__name__, package=package)
    written = write_files(folder, suffix)
    for root in (tmp_path, str(tmp_path)):
        for train, part in zip((True, False), PARTS, strict=True):
            data = kind(root, train=train)
            np.testing.assert_array_equal(data.data.array, written[part])
            assert data.data.dtype == mc.uint8 and data.targets.dtype == mc.int64
            assert data.targets.tolist() == list(range(len(data)))
            assert data.train is train
    assert repr(data) == f"{kind.__name__}(4 images of 28 × 28)"


def test_the_folder_with_the_data_sets_name_comes_before_root(tmp_path):
    write_files(tmp_path, n=(6, 4))
    write_files(tmp_path / "datasets" / "fashion-mnist", n=(3, 2))
    assert len(FashionMNIST(tmp_path)) == 3 and len(MNIST(tmp_path)) == 6


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_files(tmp_path / "digits")
    assert len(MNIST("~/digits")) == 6


def test_samples(tmp_path):
    written = write_files(tmp_path)["train"]
    data = MNIST(tmp_path)
    image, label = data[-1]
    assert type(image) is np.ndarray and image.dtype == np.uint8 and image.shape == (28, 28)
    np.testing.assert_array_equal(image, written[5])
    assert type(label) is int and label == 5
    image[:] = 0  # the data set's own pixels stay as they are
    np.testing.assert_array_equal(data[np.int64(5)][0], written[5])
    changed = MNIST(tmp_path, transform=ToTensor(), target_transform=lambda label: -label)
    image, label = changed[mc.tensor(5)]
    np.testing.assert_array_equal(image.array, written[5][None] / np.float32(255))
    assert label == -5
    for wrong in (6, -7):
        with pytest.raises(IndexRangeError, match=f"MNIST: index {wrong} is out of .* 6 images"):
            data[wrong]
    with pytest.raises(DtypeError, match=r"an index must be an integer, got slice; .* .data and"):
        data[:2]
    with pytest.raises(DtypeError, match=r"transform is the class ToTensor, .*mean ToTensor\(\)"):
        MNIST(tmp_path, transform=ToTensor)
    with pytest.raises(DtypeError, match=r"MNIST: target_transform must be callable, got int"):
        MNIST(tmp_path, target_transform=3)


def test_classes():
    assert MNIST.classes[7] == "7 - seven" and len(FashionMNIST.classes) == 10
    data = BundledMNIST(train=False)
    assert data.class_to_idx["3 - three"] == 3 and len(data.class_to_idx) == 10


def test_missing_files_say_what_to_put_where(tmp_path):
    with pytest.raises(MissingFilesError) as raised:
        MNIST(tmp_path)
    text = str(raised.value)
    assert "MNIST: found no train-images-idx3-ubyte with train-labels-idx1-ubyte" in text
    for name, _ in MNIST.resources:
        assert name in text
    assert f"into {tmp_path / 'MNIST' / 'raw'}, or fetch them with download=True" in text
    assert "BundledMNIST() needs no files" in text
    assert isinstance(raised.value, (FileNotFoundError, RuntimeError))
    with pytest.raises(MissingFilesError, match=r"FashionMNIST: .*dataset-fashion-mnist.*'/usr'"):
        FashionMNIST(tmp_path / "nowhere")


def test_half_of_the_files(tmp_path):
    write_files(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert len(MNIST(tmp_path)) == 6
    with pytest.raises(
        MissingFilesError, match=r"has t10k-images-idx3-ubyte but not t10k-labels-idx1-ubyte"
    ):
        MNIST(tmp_path, train=False)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    with pytest.raises(
        MissingFilesError, match=r"has train-labels-idx1-ubyte but not train-images"
    ):
        MNIST(tmp_path)


def test_damaged_files(tmp_path):
    write_files(tmp_path)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    content = images.read_bytes()
    images.write_bytes(content[:-10])
    with pytest.raises(ArgumentError, match=r"train-images.* truncated: expected 4,720 .* 4,710"):
        MNIST(tmp_path)
    images.write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(ArgumentError, match=r"train-images-idx3-ubyte is damaged"):
        MNIST(tmp_path)
    images.write_bytes(content)
    labels.write_bytes(b"<html>")
    with pytest.raises(ArgumentError, match=r"train-labels-idx1-ubyte is not an IDX file"):
        MNIST(tmp_path)


def test_swapped_files(tmp_path):
    write_files(tmp_path)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    content = images.read_bytes(), labels.read_bytes()
    images.write_bytes(content[1])
    with pytest.raises(ArgumentError, match=r"expected images in .*6 single numbers.*swapped"):
        MNIST(tmp_path)
    images.write_bytes(content[0])
    labels.write_bytes(content[0])
    with pytest.raises(ArgumentError, match=r"expected labels in .*\(6, 28, 28\).*swapped"):
        MNIST(tmp_path)


def test_contents_of_another_kind(tmp_path):
    def refused(error, match, **content):
        write_files(tmp_path, parts=["train"], **content)
        with pytest.raises(error, match=match):
            MNIST(tmp_path)

    pixels = np.zeros((6, 28, 28), "uint8")
    refused(
        ArgumentError, r"found uint8 of shape \(6, 32, 32\)", images=np.zeros((6, 32, 32), "u1")
    )
    refused(ArgumentError, "uint8 images of .* found float32", images=pixels.astype("f4"))
    refused(ArgumentError, "found int32 of shape", images=pixels, labels=np.zeros(6, "int32"))
    refused(
        ArgumentError, r"labels .* shape \(6, 2\)", images=pixels, labels=np.zeros((6, 2), "u1")
    )
    refused(ShapeError, "MNIST: 6 images but 4 labels", images=pixels, labels=np.zeros(4, "u1"))
    refused(
        IndexRangeError,
        "MNIST: label 2 is 10, expected 0 to 9",
        images=pixels,
        labels=np.array([0, 9, 10, 3, 4, 255], "uint8"),
    )
    refused(ArgumentError, "there are no images", images=pixels[:0], labels=np.zeros(0, "u1"))


def test_bundled_digits():
    train, test = BundledMNIST(), BundledMNIST(train=False)
    assert (len(train), len(test)) == (8000, 2000)
    assert train.data.shape == (8000, 28, 28) and train.data.dtype == mc.uint8
    assert train.targets.dtype == mc.int64
    # Class by class, the numbers of the first 10,000 of MNIST's training images.
    digits = np.concatenate([train.targets.array, test.targets.array])
    counts = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]
    assert np.bincount(digits).tolist() == counts
    pixels = np.concatenate([train.data.array, test.data.array])
    assert len({p.tobytes() for p in pixels}) == 10000  # no image twice
    # Labels belong to images: the nearest mean image is right for most.
    means = np.stack([train.data.array[train.targets.array == d].mean(0) for d in range(10)])
    distances = ((test.data.array[:, None].astype("f4") - means) ** 2).sum((2, 3))
    assert (distances.argmin(1) == test.targets.array).mean() > 0.75
    seven = BundledMNIST(True, ToTensor(), str)[0]
    assert seven[0].shape == (1, 28, 28) and seven[1] == "6"


def test_the_note_on_the_bundled_file():
    note = (files("minicnn.data") / "files" / "README.md").read_text()
    for part in ("Yann LeCun and Corinna Cortes", "CC BY-SA 3.0", "`mnist` 1.1.0", "MIT"):
        assert part in note


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_checksums_and_mirrors_are_complete(kind):
    assert len(kind.resources) == 4 and len(kind.mirrors) >= 1
    for name, md5 in kind.resources:
        assert name.endswith("-ubyte.gz") and len(md5) == hashlib.md5(b"").digest_size * 2
    assert all(m.endswith("/") for m in kind.mirrors)
