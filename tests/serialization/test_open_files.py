"""`save` and `load` with open files, and the options of `load`, as PyTorch has them."""

import io
import pickle

import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError

VALUE = {"epoch": 3, "weights": [mc.ones(2), mc.zeros(1)], "best": (0.5, None)}


def same(a, b):
    return repr(a) == repr(b)


def test_files_in_memory_and_on_disk(tmp_path):
    memory = io.BytesIO()
    mc.save(VALUE, memory)
    memory.seek(0)
    assert same(mc.load(memory), VALUE)
    with open(tmp_path / "run", "wb") as file:
        mc.save(VALUE, file)
    assert (tmp_path / "run").read_bytes() == memory.getvalue()
    with open(tmp_path / "run", "rb") as file:
        assert same(mc.load(file), VALUE)
    assert same(mc.load(str(tmp_path / "run")), VALUE)


def test_reading_begins_where_the_file_stands():
    file = io.BytesIO()
    file.write(b"before")
    mc.save({"w": mc.ones(2)}, file)
    file.seek(6)
    assert mc.load(file)["w"].tolist() == [1, 1]


def test_what_does_not_fit_writes_nothing():
    file = io.BytesIO()
    with pytest.raises(DtypeError, match=r"cannot store an object at \['x'\]"):
        mc.save({"x": object()}, file)
    assert file.getvalue() == b""


def test_names_and_options(tmp_path):
    f = tmp_path / "run"
    mc.save(obj=VALUE, f=f)
    for options in (
        {"map_location": "cpu"},
        {"map_location": mc.ones(1).device},
        {"map_location": None, "weights_only": True, "mmap": True},
        {"weights_only": None, "mmap": False},
    ):
        assert same(mc.load(f=f, **options), VALUE)
    assert same(mc.load(f, "cpu"), VALUE)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"weights_only": False}, ArgumentError, "minicnn never executes what a file holds"),
        ({"map_location": "cuda"}, ArgumentError, "'cuda' is not available"),
        ({"map_location": "tpu"}, ArgumentError, "unknown device 'tpu'"),
        ({"map_location": {"cuda:0": "cpu"}}, DtypeError, "None or 'cpu', .* got a dict"),
        ({"mmap": True}, ArgumentError, "mmap=True needs the name of a file, got a BytesIO"),
    ],
)
def test_refused_options(options, error, text):
    file = io.BytesIO()
    mc.save(1, file)
    file.seek(0)
    with pytest.raises(error, match=f"^(load|device): .*{text}"):
        mc.load(file, **options)


def test_text_files_and_damaged_ones_are_called_by_name(tmp_path):
    for mode, call in (("w", lambda f: mc.save(1, f)), ("r", lambda f: mc.load(f))):
        text = rf"text' is open for text; .* mode '{mode}b'"
        with open(tmp_path / "text", mode) as file, pytest.raises(DtypeError, match=text):
            call(file)
    with pytest.raises(ArgumentError, match=r"^load: the content of the BytesIO is empty"):
        mc.load(io.BytesIO())
    (tmp_path / "broken").write_bytes(b"no safetensors")
    text = r"^load: '.*broken' is not a safetensors file"
    with open(tmp_path / "broken", "rb") as file, pytest.raises(ArgumentError, match=text):
        mc.load(file)


def test_a_pickle_is_not_executed():
    class Evil:
        def __reduce__(self):
            return pytest.fail, ("executed",)

    with pytest.raises(RuntimeError):
        mc.load(io.BytesIO(pickle.dumps(Evil())), weights_only=True)


@pytest.mark.parity
def test_the_same_calls_work_in_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    for module in (mc, torch):
        file = io.BytesIO()
        module.save({"w": module.ones(2)}, f=file)
        file.seek(0)
        read = module.load(file, "cpu", weights_only=True, mmap=None)
        assert read["w"].tolist() == [1, 1]
        with pytest.raises((ValueError, RuntimeError)):
            module.load(file, mmap=True)
        module.save({"w": module.ones(2)}, tmp_path / "x")
        assert module.load(f=tmp_path / "x", map_location="cpu", mmap=True)["w"].tolist() == [1, 1]
