"""Nothing is fetched, told or run that nobody asked for.

The versions at both ends of what setup.cfg allows are tried with constraints-oldest.txt (see
docs/hardening.md). What each hostile pickle leads to stands in tests/serialization; here Python
itself watches: an audit hook ends the process at the first import, system call or connection.
"""

import ast
import importlib.util
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "minicnn"


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=250,
    )  # fmt: skip


# Ends the process at any attempt to reach another machine.
NO_NETWORK = """
import os, sys
def watch(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.gethost", "socket.bind",
                         "socket.sendto", "urllib.", "http.", "ftplib.", "smtplib.")):
        os.write(2, f"network: {event} {arguments}\\n".encode())
        os._exit(7)
sys.addaudithook(watch)
"""


def test_nothing_is_fetched_by_importing_and_training(tmp_path):
    code = NO_NETWORK + (
        "import pkgutil, importlib\n"
        "import minicnn as mc\n"
        "for found in pkgutil.walk_packages(mc.__path__, 'minicnn.'):\n"
        "    if '__main__' in found.name or '.handouts' in found.name or '.lab' in found.name:\n"
        "        continue\n"
        "    try:\n"
        "        importlib.import_module(found.name)\n"
        "    except ImportError as error:\n"
        "        assert 'minicnn[' in str(error) or error.name, (found.name, error)\n"
        "net = mc.models.LeNet5()\n"
        "optimizer = mc.optim.Adam(net.parameters())\n"
        "loss = mc.nn.functional.cross_entropy(net(mc.randn(2, 1, 28, 28)), mc.tensor([1, 2]))\n"
        "loss.backward(); optimizer.step()\n"
        "mc.save(net.state_dict(), sys.argv[1]); mc.load(sys.argv[1])\n"
        "mc.show_config()\n"
        "print(len(sys.modules) > 200)\n"
    )
    done = python(code, tmp_path / "x.safetensors")
    assert done.stdout.strip().endswith("True"), done.stderr[-2000:]


def test_the_watch_sees_a_connection():
    code = NO_NETWORK + "import socket; socket.create_connection(('127.0.0.1', 9))"
    assert python(code).returncode == 7


NETWORK = {"socket", "urllib", "http", "ssl", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name.split(".")[0] for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_one_file_alone_knows_how_to_reach_the_network():
    """So there is no place for telemetry: this one downloads what the user asks for."""
    found = {
        p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py") if NETWORK & {*imports(p)}
    }
    assert found == {"data/download.py"}


# What processes that minicnn has started send to each other.
BETWEEN_OWN_PROCESSES = {
    "data/worker_processes.py",
    "distributed/communicator.py",
}


def test_nothing_is_pickled_or_evaluated_from_files():
    """`pickle`'s own reader runs what a file says: no file of minicnn uses it."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).as_posix() in BETWEEN_OWN_PROCESSES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            name = f"{owner.id if isinstance(owner, ast.Name) else ''}.{node.func.attr}"
            if name in {
                "pickle.load",
                "pickle.loads",
                "pickle.Unpickler",
                "yaml.load",
                "os.system",
            }:
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
            for keyword in node.keywords:
                allowed = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg == "allow_pickle" and not allowed:
                    wrong.append(f"{path.relative_to(ROOT)}: allow_pickle")
    assert not wrong


# Ends the process at anything that a loader of numbers has no need of.
WATCHED_LOADER = """
import encodings.cp437, encodings.ascii, encodings.latin_1, json, os, sys, zipfile
from pathlib import Path
import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError
folder = Path(sys.argv[1])
first, *files = sorted(folder.iterdir())
try:  # what it imports at the first call, it has then
    mc.load(first)
except (ArgumentError, DtypeError):
    pass
answers = {}
def watch(event, arguments):
    harmless = event in ("os.listdir", "os.scandir", "object.__getattr__", "sys._getframe",
                         "os.fspath", "mmap.__new__", "array.__new__", "builtins.id")
    if event == "open":
        mode = arguments[1]
        harmless = str(arguments[0]).startswith(str(folder)) and mode in ("r", "rb", None)
    if not harmless:
        os.write(2, f"forbidden: {event} {arguments!r}\\n".encode()[:500])
        os._exit(9)
sys.addaudithook(watch)
for path in files:
    try:
        mc.load(path)
        answer = "data"
    except (ArgumentError, DtypeError) as error:
        answer = type(error).__name__
    answers[answer] = answers.get(answer, 0) + 1
os.write(1, json.dumps(answers).encode())
os._exit(0)
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The hostile and broken pickles of tests/serialization, as files of all PyTorch's kinds."""
    home = ROOT / "tests" / "serialization"
    hostile, maker = module(home / "test_malicious_pickles.py"), module(home / "conftest.py")
    folder = tmp_path_factory.mktemp("corpus")
    programs = [b"\x80\x04" + harmful + b"." for harmful, _ in hostile.HARMFUL.values()]
    programs += [b"\x80\x04" + broken for broken in hostile.BROKEN.values()]
    programs += [pickle.dumps(hostile.Chain(d), p) for d in (0, 1, 20) for p in (2, 3, 4, 5)]
    programs += [pickle.dumps(Gadget(*g), 2) for g in GADGETS]
    maker = maker.Maker()
    for i, content in enumerate(programs):
        maker.zip(folder / f"{i:04}z.pth", content)
        maker.legacy(folder / f"{i:04}l.pth", content)
        (folder / f"{i:04}a.pth").write_bytes(content)
    return folder


class Gadget:
    """Pickles as a call of a function of Python's own library that leads to another."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


GADGETS = [
    (importlib.import_module, "antigravity"),
    (__import__, "webbrowser"),
    (eval, "__import__('os').system('true')"),
    (exec, "import os"),
    (compile, "1", "x", "eval"),
    (getattr, "abc", "join"),
    (open, "canary", "w"),
    (subprocess.run, ["true"]),
    (re.compile, "(a+)+$"),
    (bytearray, 10**12),
    (type, "X", (), {}),
    (map, print, [1]),
    (sys.exit, 0),
    (input,),
]


def test_loading_runs_nothing(corpus):
    files = list(corpus.iterdir())
    assert len(files) > 120
    done = python(WATCHED_LOADER, corpus)
    assert done.returncode == 0, done.stderr[-1500:]
    counts = re.findall(r'"(\w+)": (\d+)', done.stdout)
    assert sum(int(n) for _, n in counts) == len(files) - 1
    assert {kind for kind, _ in counts} <= {"ArgumentError", "DtypeError"}


def test_the_watch_sees_what_pythons_reader_does(corpus):
    """The same files, read by `pickle`: the process ends at once."""
    code = WATCHED_LOADER.replace("mc.load(path)", "__import__('pickle').loads(path.read_bytes())")
    assert "pickle" in code
    done = python(code, corpus)
    assert done.returncode == 9 and "forbidden" in done.stderr


def test_the_oldest_versions_are_those_of_setup_cfg():
    """constraints-oldest.txt pins what setup.cfg asks for at least."""
    text = (ROOT / "setup.cfg").read_text()
    block = text[text.index("install_requires") : text.index("[options.packages.find]")]
    wanted = dict(re.findall(r"^\s+([\w.-]+) >= ([\d.]+)", block, re.MULTILINE))
    lines = Path(__file__).with_name("constraints-oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    assert set(wanted) == set(pinned)
    for name, version in wanted.items():
        assert pinned[name].startswith(version), (name, version, pinned[name])
