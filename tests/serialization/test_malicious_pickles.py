"""Pickles that would do harm: none of them does anything, each is refused by name.

Every one that runs something would make a file, the canary, if Python's own reader read it.
"""

import pickle
import struct
import time
import tracemalloc

import numpy as np
import pytest

from minicnn.checks import ArgumentError
from minicnn.serialization import load


def text(value):
    """The instruction that pushes a string."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def call(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"tR"


TOUCH = text("touch CANARY")
PYTHON = text("open('CANARY','w').close()")

# What is to run, and the name that the message must hold.
HARMFUL = {
    "os.system": (call(name("os", "system"), TOUCH), "os.system"),
    "posix.system": (call(name("posix", "system"), TOUCH), "posix.system"),
    "subprocess": (call(name("subprocess", "getoutput"), TOUCH), "subprocess.getoutput"),
    "eval": (call(name("builtins", "eval"), PYTHON), "builtins.eval"),
    "exec of Python 2": (call(name("__builtin__", "exec"), PYTHON), "__builtin__.exec"),
    "open": (call(name("builtins", "open"), text("CANARY"), text("w")), "builtins.open"),
    "getattr": (
        call(call(name("builtins", "getattr"), name("os", "path"), text("join")), text("a")),
        "builtins.getattr",
    ),
    "a name on the stack": (
        text("os") + text("system") + b"\x93" + b"(" + TOUCH + b"tR",
        "os.system",
    ),
    "a dotted name on the stack": (
        text("torch") + text("_utils.os.system") + b"\x93" + b"(" + TOUCH + b"tR",
        "torch._utils.os.system",
    ),
    "a name that looks like a known one": (
        call(name("torch", "_utils._rebuild_tensor_v2.__globals__"), TOUCH),
        "torch._utils._rebuild_tensor_v2.__globals__",
    ),
    "a known name with a space": (
        text("collections") + text("OrderedDict system") + b"\x93" + b"(" + TOUCH + b"tR",
        "collections.OrderedDict system",
    ),
    "a name from the memo": (
        text("os") + b"q\x00" + text("system") + b"q\x01" + b"\x93(" + TOUCH + b"tR",
        "os.system",
    ),
    "INST": (b"(" + TOUCH + b"ios\nsystem\n", "os.system"),
    "OBJ": (b"(" + name("os", "system") + TOUCH + b"o", "os.system"),
    "NEWOBJ": (name("subprocess", "Popen") + b"(" + TOUCH + b"t\x81", "subprocess.Popen"),
    "NEWOBJ_EX": (
        name("subprocess", "Popen") + b"(" + TOUCH + b"t}\x92",
        "subprocess.Popen",
    ),
    "NEWOBJ of a known name": (
        name("collections", "OrderedDict") + b")\x81",
        "an object of a class (NEWOBJ)",
    ),
    "BUILD with __setstate__": (
        b"}" + b"}" + text("__setstate__") + name("os", "system") + b"sb" + TOUCH + b"b",
        "os.system",
    ),
    "BUILD of a known name": (
        name("collections", "OrderedDict") + b"}" + text("x") + b"K\x01sb",
        "sets the attributes of collections.OrderedDict",
    ),
    "a code object": (call(name("types", "CodeType"), TOUCH), "types.CodeType"),
    "a nested pickle": (call(name("_pickle", "loads"), text("cos\nsystem\n")), "_pickle.loads"),
    "PyTorch's own loader": (
        call(name("torch", "load"), text("http://127.0.0.1/x")),
        "torch.load",
    ),
    "PyTorch's bytes loader": (
        call(name("torch.storage", "_load_from_bytes"), text("x")),
        "torch.storage._load_from_bytes",
    ),
    "NumPy's loader": (call(name("numpy", "load"), text("x")), "numpy.load"),
    "minicnn itself": (call(name("minicnn", "save"), text("x")), "minicnn.save"),
    "the extension registry, EXT1": (b"\x82\x01", "Python's extension registry (EXT1)"),
    "EXT2": (b"\x83\x01\x00", "Python's extension registry (EXT2)"),
    "EXT4": (b"\x84\x01\x00\x00\x00", "Python's extension registry (EXT4)"),
    "a persistent id as text": (b"P1\n", "the instruction PERSID"),
    "a persistent id that is a name": (name("os", "system") + b"Q", "os.system"),
    "a persistent id that is a number": (b"K\x01Q", "what should be a storage is not one"),
    "a module as a persistent id": (
        b"(" + text("module") + name("evil", "Net") + text("n.py") + TOUCH + b"tQ",
        "evil.Net",
    ),
    "a storage of a wrong type": (
        b"("
        + text("storage")
        + name("collections", "OrderedDict")
        + text("0")
        + text("cpu")
        + b"K\x01tQ",
        "what should be a storage is not one",
    ),
    "a call of a string": (call(TOUCH, TOUCH), "calls a str"),
    "a call of a type of storage": (
        call(name("torch", "FloatStorage"), b"K\x01"),
        "calls torch.FloatStorage",
    ),
    "a call of a class": (call(name("torch", "Tensor"), b"K\x01"), "calls torch.Tensor"),
    "a call of a dtype": (call(name("torch", "float32"), b"K\x01"), "calls a Float32DType"),
    "a call without a tuple": (
        name("collections", "OrderedDict") + b"]R",
        "collections.OrderedDict is called with no tuple",
    ),
    "a call with too much": (
        call(name("collections", "OrderedDict"), b"]", b"]", b"]"),
        "collections.OrderedDict is called with 3 arguments",
    ),
    "a name as a value": (name("torch", "Tensor"), "holds torch.Tensor itself as a value"),
    "a function in a list": (
        b"](" + name("torch._utils", "_rebuild_tensor_v2") + b"e",
        "holds torch._utils._rebuild_tensor_v2 itself as a value",
    ),
    "hooks": (
        call(
            name("torch._utils", "_rebuild_tensor_v2"),
            *[b"K\x00"] * 5,
            b"}(K\x01" + name("os", "system") + b"u",
        ),
        "os.system",
    ),
    "a subclass of a tensor": (
        call(
            name("torch._tensor", "_rebuild_from_type_v2"),
            name("collections", "OrderedDict"),
            name("torch", "Tensor"),
            b")",
            b"}",
        ),
        "holds a tensor of a class of its own",
    ),
    "a set": (b"\x8f(K\x01\x90", "holds a set"),
    "a frozen set": (b"(K\x01\x91", "holds a frozen set"),
    "bytes": (b"C\x01x", "holds a bytes object"),
    "a bytearray": (b"\x96" + struct.pack("<Q", 1) + b"x", "holds a bytearray"),
    "a buffer": (b"\x97", "the instruction NEXT_BUFFER"),
    "what is dropped again": (b"K\x01" + name("os", "system") + b"0", "os.system"),
    "a string as text": (b"S'\\c'\n", "the instruction STRING"),
    "a name with an escape": (name("os", "\\c"), "os.\\\\c"),
    "numbers as text": (b"I1\n", "the instruction INT"),
    "a long line": (b"c" + b"a" * 100_000 + b"\n" + b"b" * 100_000 + b"\n", "a" * 117 + "…"),
    "a name with colours": (name("\x1b[31mred", "x"), "needs \\x1b[31mred.x"),
}


@pytest.fixture
def canary(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "CANARY").exists()


@pytest.mark.parametrize("case", HARMFUL)
@pytest.mark.parametrize("where", ["alone", "in a state dict"])
def test_nothing_runs_and_the_message_names_it(
    tmp_path, canary, maker, format, without_imports, case, where
):
    harmful, named = HARMFUL[case]
    content = b"\x80\x04" + harmful + b"."
    if where == "in a state dict":
        state, storages = maker.pickle({"w": maker.tensor(np.ones(2, "float32"))})
        content = state[:-1] + text("x") + harmful + b"s."
    path = getattr(maker, format)(tmp_path / "x.pth", content, storages if "in" in where else ())
    with pytest.raises(ArgumentError) as raised:
        load(path)
    message = str(raised.value)
    assert message.startswith(f"load: '{path}' ") and named in message, message
    assert len(message) < 800 and message.isprintable()


def test_the_corpus_is_harmful_to_pythons_own_reader(tmp_path, monkeypatch):
    """So that a canary that was never made means something."""
    monkeypatch.chdir(tmp_path)
    for case in ("os.system", "eval", "a name on the stack", "INST", "OBJ"):
        pickle.loads(b"\x80\x04" + HARMFUL[case][0] + b".")
        assert (tmp_path / "CANARY").exists(), case
        (tmp_path / "CANARY").unlink()


class Chain:
    def __init__(self, depth):
        self.depth = depth

    def __reduce__(self):
        if self.depth:
            return getattr, (Chain(self.depth - 1), "x")
        return eval, ("open('CANARY','w').close()",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_chains_of_reduce(tmp_path, canary, maker, format, protocol):
    path = getattr(maker, format)(tmp_path / "x.pth", pickle.dumps(Chain(20), protocol))
    with pytest.raises(ArgumentError, match=r"needs (builtins|__builtin__)\.getattr, which mini"):
        load(path)
    path.write_bytes(pickle.dumps(Chain(0), protocol))  # a pickle alone, in no file of PyTorch's
    with pytest.raises(ArgumentError, match=r"needs (builtins|__builtin__)\.eval, which minicnn"):
        load(path)


BROKEN = {
    "an empty stack": b".",
    "no mark": b"t.",
    "no item": b"]a.",
    "nothing to append to": b"a.",
    "appends to a tuple": b")K\x01a.",
    "appends to a dictionary": b"}(K\x01e.",
    "an item for a list": b"]K\x01K\x02s.",
    "half an item": b"}(K\x01u.",
    "a place in the memo that is empty": b"h\x05.",
    "a far place in the memo": b"j\xff\xff\xff\xff.",
    "the memo of an empty stack": b"r\xff\xff\xff\xff.",
    "no end": b"K\x01",
    "an unknown instruction": b"\xff.",
    "a string longer than the file": b"X\xff\xff\xff\xffabc.",
    "a string of 2**63 bytes": b"\x8d" + b"\xff" * 7 + b"\x7fabc.",
    "a string of 2**64 bytes": b"\x8d" + b"\xff" * 8 + b"abc.",
    "a number longer than the file": b"\x8b\xff\xff\xff\x7f\x01.",
    "a number of negative length": b"\x8b\xff\xff\xff\xff\x01.",
    "a string of Python 2 of negative length": b"T\xff\xff\xff\xff\x01.",
    "a surrogate": b"X\x03\x00\x00\x00\xed\xa0\x80."[:-4] + b"\xff\xff\xff.",
    "not UTF-8": b"U\x01\xff.",
    "a frame longer than the file": b"\x95" + b"\xff" * 8,
    "a name without a line end": b"cos",
    "a name that is a number": b"K\x01K\x02\x93.",
    "a name that is not ASCII": b"c\xff\n\xff\n.",
    "a storage of negative size": b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\xff\xff\xff\xfftQ.",
    "a storage of 2**70 elements": b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu\x8a\x09" + bytes(8) + b"\x40tQ.",
    "a dictionary of numbers": call(name("collections", "OrderedDict"), b"](K\x01K\x02e") + b".",
    "a dictionary of a number": call(name("collections", "OrderedDict"), b"K\x01") + b".",
    "a size of strings": call(name("torch", "Size"), b"(" + text("a") + b"t") + b".",
    "a device that is a number": call(name("torch", "device"), b"K\x01") + b".",
    "a parameter of a number": call(
        name("torch._utils", "_rebuild_parameter"), b"K\x01", b"\x89", b"}"
    )
    + b".",
    "a tensor of nothing": call(
        name("torch._utils", "_rebuild_tensor"), b"K\x01", b"K\x00", b")", b")"
    )
    + b".",
    "a tensor of no dtype": call(
        name("torch._utils", "_rebuild_tensor_v3"), *[b"K\x00"] * 6, text("float32")
    )
    + b".",
    "a dictionary as a key": b"}}K\x01s.",
    "a list as a key": b"}]K\x01s.",
    "a tuple as a key": b"})K\x01s.",
    "a name as a key": b"}" + name("torch", "Tensor") + b"K\x01s.",
    "a number of 65 bits as a key": b"}\x8a\x09" + bytes(8) + b"\x01K\x01s.",
    "a list that contains itself": b"]q\x00h\x00a.",
    "a dictionary that contains itself": b"}q\x00K\x01h\x00s.",
    "a tuple in a list in it": b"]q\x00h\x00\x85a.",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_programs(tmp_path, maker, format, case):
    path = getattr(maker, format)(tmp_path / "x.pth", b"\x80\x04" + BROKEN[case])
    with pytest.raises(ArgumentError, match=r"^load: '.*x.pth' (is damaged|holds|appends)"):
        load(path)


def test_containers_that_laugh_a_billion_times(tmp_path, maker, format):
    """Each list holds the one before ten times; the file has 200 bytes."""
    content = b"\x80\x02]"
    for i in range(12):
        content += b"q" + bytes([i]) + b"](" + (b"h" + bytes([i])) * 10 + b"e"
    path = getattr(maker, format)(tmp_path / "x.pth", content + b".")
    began = time.perf_counter()
    with pytest.raises(ArgumentError, match="holds more than 4,000,000 values, repeated ones in"):
        load(path)
    assert time.perf_counter() - began < 1


def test_keys_that_take_for_ever_to_hash(tmp_path, maker, format):
    content = b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 60
    path = getattr(maker, format)(tmp_path / "x.pth", content + b"}h\x00K\x01s.")
    with pytest.raises(ArgumentError, match="holds a dictionary with a tuple as a key"):
        load(path)


@pytest.mark.parametrize("depth", [101, 100_000])
@pytest.mark.parametrize("kind", ["list", "tuple", "dictionary"])
def test_deep_nesting(tmp_path, maker, format, kind, depth):
    begin, end = {
        "list": (b"]", b"a"),
        "tuple": (b"", b"\x85"),
        "dictionary": (b"}K\x01", b"s"),
    }[kind]
    content = b"\x80\x02" + begin * depth + b")" + end * depth + b"."
    path = getattr(maker, format)(tmp_path / "x.pth", content)
    with pytest.raises(ArgumentError, match=r"is nested more than 100 levels deep$"):
        load(path)


def test_nesting_within_bounds(tmp_path, maker, format):
    content = b"\x80\x02" + b"]" * 99 + b")" + b"a" * 99 + b"."
    found = load(getattr(maker, format)(tmp_path / "x.pth", content))
    for _ in range(99):
        (found,) = found
    assert found == ()


def test_one_value_in_many_places_is_no_cycle(tmp_path, maker, format):
    shared = [1]
    value = {"a": shared, "b": [shared, (shared, shared)]}
    assert load(maker.save(tmp_path / "x.pth", value, format)) == value


def test_little_memory_for_large_promises(tmp_path, maker, format):
    """Sizes are checked against the file before anything is made for them."""
    huge = maker.Bytes("0", "Float", bytes(4), numel=2**40)
    path = maker.save(tmp_path / "x.pth", maker.view(huge, 0, (2**40,), (1,)), format)
    content = b"\x80\x02" + b"".join(b"r" + struct.pack("<I", 2**32 - 1 - i) for i in range(100))
    other = getattr(maker, format)(
        tmp_path / "y.pth", content.replace(b"\x80\x02", b"\x80\x02]") + b"."
    )
    tracemalloc.start()
    with pytest.raises(ArgumentError, match=r"is damaged|is incomplete"):
        load(path)
    assert load(other) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_calls_that_look_at_much_again_and_again(tmp_path, maker, format, monkeypatch):
    """What is long stands in the memo: to name it in the next call takes a few bytes."""
    from minicnn.serialization import unpickler

    monkeypatch.setattr(unpickler, "MOST_STEPS", 10_000)
    tensor = maker.tensor(np.ones(1, "float32"))
    cases = {
        "dictionaries of one list": ([(i, None) for i in range(500)], "collections OrderedDict"),
        "sizes of one tuple": (((1,) * 500,), "torch Size"),
        "many arguments": ((tensor, *[None] * 500), "torch._utils _rebuild_parameter"),
    }
    for long, function in cases.values():
        arguments = (long,) if isinstance(long, list) else long
        for calls in (5, 500):
            value = [maker.Call(*function.split()) for _ in range(calls)]
            for call_again in value:
                call_again.arguments = arguments  # one tuple, so that it is named again
            path = maker.save(tmp_path / "x.pth", value, format)
            if calls == 5:
                assert len(load(path)) == 5
            else:
                with pytest.raises(ArgumentError, match="calls take more than 10,000 values"):
                    load(path)


def test_many_parts_of_a_storage_that_has_to_be_converted(tmp_path, maker, format):
    """It is converted once, and not once for each part."""
    content = np.arange(100_000, dtype="uint16").view("uint8").tobytes()
    parts = [
        maker.Bytes("0", "BFloat16", content, part=[("1", i, 100_000 - i)]) for i in range(200)
    ]
    path = maker.save(tmp_path / "x.pth", [maker.view(p, 1, (1,), (1,)) for p in parts], format)
    load(path)
    tracemalloc.start()
    found = load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = (np.arange(1, 201, dtype="uint32") << 16).view("float32")
    assert [f.numpy()[0] for f in found] == list(expected)
    assert peak < 5_000_000  # one conversion: 400 kB


def test_too_many_tensors(tmp_path, maker, format, monkeypatch):
    from minicnn.serialization import pickled_names

    monkeypatch.setattr(pickled_names, "MOST_TENSORS", 10)
    value = [maker.tensor(np.ones(1, "float32")) for _ in range(11)]
    assert len(load(maker.save(tmp_path / "x.pth", value[:10], format))) == 10
    with pytest.raises(ArgumentError, match="holds more than 10 tensors"):
        load(maker.save(tmp_path / "x.pth", value, format))
