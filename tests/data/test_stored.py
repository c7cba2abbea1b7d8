"""Samples on disk, and the text that says whether they still are what one wants."""

import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data import DataLoader, Dataset, StoredDataset, Subset, stored
from minicnn.data import stored as stored_function
from minicnn.data import transforms as T
from minicnn.data.fingerprint import fingerprint
from minicnn.data.sample_random import generator
from minicnn.data.transforms import Compose, Normalize, ToTensor


class Noisy(Dataset):
    """Counts what is computed."""

    classes = ("even", "odd")

    def __init__(self, n=40, scale=1.0):
        self.n, self.scale = n, scale

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        computed.append(index)
        image = generator().numpy.random((2, 3)).astype("float32") * self.scale
        return mc.tensor(image), index % 2

    @property
    def targets(self):
        return [i % 2 for i in range(self.n)]

    def fingerprint(self):
        return [self.n, self.scale]


computed = []


@pytest.fixture(autouse=True)
def nothing_computed():
    computed.clear()


def lists(data):
    return [(image.tolist(), label) for image, label in data]


def test_samples_are_computed_once_and_come_from_disk(tmp_path):
    first = stored(Noisy(), tmp_path / "new" / "folder")
    assert computed == list(range(40))
    again = stored(Noisy(), tmp_path / "new" / "folder")
    assert computed == list(range(40))
    assert lists(first) == lists(again)
    assert len({str(image) for image, _ in lists(first)}) == 40
    image, label = first[7]
    assert isinstance(image, mc.Tensor) and image.dtype == mc.float32 and type(label) is int
    image.array[:] = 0  # a copy
    assert lists(first) == lists(again)
    assert first.classes == Noisy.classes and first.targets.tolist() == Noisy().targets
    assert lists([first[-1]]) == lists([first[39]])
    for wrong in (40, -41, "a"):
        with pytest.raises(IndexRangeError, match="out of range for 40 samples"):
            first[wrong]
    assert repr(first) == f"StoredDataset(40 samples in {str(first.folder)!r})"


def test_they_are_what_a_loader_gives(tmp_path):
    def images(data, epoch):
        loader = DataLoader(data, 5, generator=mc.Generator(9))
        loader.set_epoch(epoch)
        return [x for batch, _ in loader for x in batch.tolist()]

    kept = stored(Noisy(), tmp_path, copies=2, seed=9)
    assert len(kept) == 80 and kept.targets.tolist() == Noisy().targets * 2
    found = [image for image, _ in lists(kept)]
    assert found == images(Noisy(), 0) + images(Noisy(), 1)
    assert found != [image for image, _ in lists(stored(Noisy(), tmp_path, copies=2, seed=8))]
    many = stored(Noisy(), tmp_path / "many", copies=2, seed=9, num_workers=2)
    assert lists(many) == lists(kept)


def test_other_data_and_other_options_are_other_files(tmp_path):
    parts = [
        stored(Noisy(**options), tmp_path, **more).folder
        for options, more in (({}, {}), ({"scale": 2}, {}), ({"n": 39}, {}), ({}, {"copies": 2}))
    ]
    assert len({*parts}) == 4 == len(list(tmp_path.iterdir()))
    keyed = [stored(Noisy(), tmp_path, key=key).folder for key in ("a", "b", "a")]
    assert keyed[0] == keyed[2] != keyed[1]


def test_kinds_of_samples(tmp_path):
    rows = [
        [{"a": np.arange(3) + i, "b": np.float64(i)} for i in range(3)],
        [[np.uint8(i), True, 1.5, mc.tensor(i)] for i in range(3)],
        [mc.zeros(2) + i for i in range(3)],
        [(np.zeros((0, 2)),) for i in range(3)],
    ]
    for data in rows:
        kept = stored(data, tmp_path)
        for found, wanted in zip(kept, data, strict=True):
            assert type(found) is type(wanted)
            assert str(found) == str(wanted)
    assert [type(x) for x in stored(rows[1], tmp_path)[0]] == [np.uint8, bool, float, mc.Tensor]


@pytest.mark.parametrize(
    "data, error, text",
    [
        ([], ArgumentError, "the data set is empty"),
        (["a"], DtypeError, r"sample 0 holds a str; what can be stored .* ToTensor\(\)"),
        ([None], DtypeError, "sample 0 holds a NoneType"),
        ([np.zeros(2, "complex64")], DtypeError, "holds a ndarray of complex64"),
        ([{1: 2}], DtypeError, "keys that are no strings"),
        ([(mc.zeros(2), 1), (mc.zeros(3), 1)], ShapeError, r"sample 1 is .*\(3,\), .*sample 0"),
        ([1, 1.5], ShapeError, "sample 1 is float float64"),
    ],
)
def test_what_cannot_be_stored(tmp_path, data, error, text):
    with pytest.raises(error, match=f"stored: .*{text}"):
        stored(data, tmp_path)
    assert not list(tmp_path.glob("*[!l]/complete.json"))


def test_wrong_arguments(tmp_path):
    with pytest.raises(ArgumentError, match="copies must be at least 1"):
        stored([1], tmp_path, copies=0)
    with pytest.raises(DtypeError, match="key must be a string, got int"):
        stored([1], tmp_path, key=3)


# ---------------------------------------------------------------- interruptions


def test_an_interrupted_computation_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[stored_function.__module__], "_BETWEEN", 0)
    whole = stored(Noisy(), tmp_path / "whole", copies=2)

    class Stopped(Noisy):
        def __getitem__(self, index):
            if len(computed) == stop:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    Stopped.__qualname__ = Noisy.__qualname__
    computed.clear()
    # Batches end at 16, 32, 40; 56, 72, 80. The second time it is at 16 + 50 when it is stopped.
    for stop, done in ((20, 16), (70, 56)):  # noqa: B007
        with pytest.raises(KeyboardInterrupt):
            stored(Stopped(), tmp_path / "parts", copies=2, key="x")
        (partial,) = (tmp_path / "parts").glob("*.partial")
        assert json.loads((partial / "progress.json").read_text())["done"] == done
    computed.clear()
    stop = None
    parts = stored(Stopped(), tmp_path / "parts", copies=2, key="x")
    assert len(computed) == 80 - 56
    assert lists(parts) == lists(whole)
    assert [p.name for p in (tmp_path / "parts").iterdir()] == [parts.folder.name]


KILLED = """\
import sys, time
import numpy as np
from minicnn.data import stored
import minicnn.data.stored
sys.modules["minicnn.data.stored"]._BETWEEN = 0.01
class Slow:
    def __len__(self): return 400
    def __getitem__(self, index):
        time.sleep(0.002)
        return np.full(50, index)
stored(Slow(), sys.argv[1], key="slow")
print("complete")
"""


def test_a_killed_computation_goes_on(tmp_path, rng):
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=-1)
        time.sleep(0.7 + rng.random() / 2)
        process.kill()
        process.communicate()
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=True).returncode == 0
    (folder,) = tmp_path.iterdir()
    assert [row.tolist() for row in StoredDataset(folder)] == [[i] * 50 for i in range(400)]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved here")
def test_a_full_disk(tmp_path, monkeypatch):
    def full(handle, start, size):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            stored(Noisy(), tmp_path)
    assert not list(tmp_path.glob("*/part*")) and computed == list(range(16))
    assert len(lists(stored(Noisy(), tmp_path))) == 40


def test_several_at_once_compute_once(tmp_path):
    class Slow(Noisy):
        def __getitem__(self, index):
            time.sleep(0.001)
            return super().__getitem__(index)

    for attempt in range(10):
        found, together = [], threading.Barrier(3)
        computed.clear()

        def ask(found=found, together=together, key=f"try {attempt}"):
            together.wait()
            found.append(lists(stored(Slow(), tmp_path, key=key)))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(computed) == 40
        assert len(found) == 3 and found[0] == found[1] == found[2] and len(found[0]) == 40
        assert [label for _, label in found[0]] == [i % 2 for i in range(40)]
        assert len(list(tmp_path.iterdir())) == attempt + 1


def test_processes_map_the_files_themselves(tmp_path):
    import pickle

    kept = stored([(np.zeros(10_000) + i, i) for i in range(9)], tmp_path)
    content = pickle.dumps(kept)
    assert len(content) < 2000
    assert str(list(pickle.loads(content))) == str(list(kept))
    batches = list(DataLoader(kept, 3, num_workers=1, workers="processes"))
    assert [b[1].tolist() for b in batches] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


# ---------------------------------------------------------------- fingerprints


class Options:
    def __init__(self, **options):
        self.options = options


def make(n):
    return lambda x: x + n


def helper_using(text):
    """A function made of source, as after an edit of its file."""
    names = {"__name__": "somewhere"}
    exec(text, names)
    return names["f"]


@pytest.mark.parametrize(
    "one, other",
    [
        (1, True), (1, 1.0), ("a", b"a"), (["ab", "c"], ["a", "bc"]), ([], ()), (None, "None"),
        ([[1], 2], [[1, 2]]), ({"a": 1}, {"a": 2}), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2}, {1, 3}), (np.zeros(3), np.zeros(3, "f4")), (np.zeros(4), np.zeros((2, 2))),
        (np.array([0.0, 1]), np.array([1, 0.0])), (np.int64(1), np.int32(1)),
        (mc.zeros(3), mc.ones(3)), (Options(a=1), Options(a=2)), (Options(a=1), Options()),
        (make(1), make(2)), (lambda x: x + 1, lambda x: x - 1),
        (functools.partial(print, 1), functools.partial(print, 2)), (len, max), (np.sin, np.cos),
        (mc.Generator(0), mc.Generator(1)), (range(3), range(4)), (Options, make),
        (datetime(2020, 1, 1), datetime(2020, 1, 2)), (deque([1]), deque([2])),
        (Subset("abc", [1]), Subset("abc", [2])),
        (Compose([ToTensor(), Normalize(0, 1)]), Compose([ToTensor(), Normalize(0, 2)])),
        (helper_using("def f(x): return g(x)\ndef g(x): return 2 * x"),
         helper_using("def f(x): return g(x)\ndef g(x): return 3 * x")),
        (helper_using("class f:\n  def m(self, x): return 2 * x"),
         helper_using("class f:\n  def m(self, x): return 3 * x")),
        (helper_using("class B:\n  y = 1\nclass C(B): pass\nf = C()"),
         helper_using("class B:\n  y = 2\nclass C(B): pass\nf = C()")),
    ],
)  # fmt: skip
def test_what_differs_has_another_fingerprint(one, other):
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one)


def test_what_is_alike_has_the_same_fingerprint():
    def things():
        ring = [1]
        ring.append(ring)
        return [Options(a=[1.5, mc.zeros(2)]), make(3), {2, 1}, ring, mc.Generator(4), Options]

    assert fingerprint(*things()) == fingerprint(*things())
    text = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_stored as t;"
        "print(t.fingerprint(t.Options(a={'x', 'y', 'z'}), t.make(3), t.Options))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", text, str(Path(__file__).parent)],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    }  # fmt: skip
    assert len(found) == 1


def test_files_that_change(tmp_path):
    path = tmp_path / "a.png"
    before = fingerprint([(str(path), 0)]), fingerprint(path)
    path.write_bytes(b"123")
    os.utime(path, ns=(5, 5))
    then = fingerprint([(str(path), 0)]), fingerprint(path)
    path.write_bytes(b"124")
    os.utime(path, ns=(6, 6))
    after = fingerprint([(str(path), 0)]), fingerprint(path)
    assert len({*before, *then, *after}) == 6


def test_what_cannot_be_looked_into(tmp_path):
    with open(tmp_path / "f", "wb") as file, pytest.raises(DtypeError, match=r"value\[0\].f is a"):
        fingerprint(type("Has", (), {"__init__": lambda self, f: setattr(self, "f", f)})(file))
    with pytest.raises(DtypeError, match=r"is a lock, whose content .* fingerprint\(\) .* key="):
        stored([threading.Lock()], tmp_path)


@pytest.mark.parametrize(
    "transform",
    [
        T.Pad(2, fill=3), T.Pad(1, fill=(1, 2, 3)), T.RandomCrop(20, padding=2), T.Resize(9),
        T.RandomAffine(9, interpolation=T.InterpolationMode.BILINEAR), T.ElasticTransform(),
        T.ColorJitter(0.1, 0.1, 0.1, 0.1), T.RandomErasing(1.0), T.TenCrop(9), T.ToTensor(),
        T.Compose([T.ToTensor(), T.Normalize(0.5, 0.5)]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_transform_that_was_used_is_the_same(transform):
    before = fingerprint(transform)
    transform(np.zeros((24, 24, 3), "uint8"))
    assert fingerprint(transform) == before
