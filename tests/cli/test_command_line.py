"""The command line: what it prints, and one line for every mistake."""

import configparser
import importlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minicnn as mc
from minicnn.cli import main
from minicnn.cli.command import Command, commands
from minicnn.cli.main import LONGEST

ROOT = Path(mc.__file__).parents[1]

NETWORKS = """\
from __future__ import annotations
from dataclasses import dataclass
from minicnn import nn
import beside

@dataclass
class Sizes:
    hidden: int = 4

class Net(nn.Module):
    def __init__(self, hidden=4):
        super().__init__()
        self.fc = nn.Linear(3, hidden)
    def forward(self, x):
        return self.fc(x)

def broken(**options):
    return beside.nothing

def no_module():
    return 3

class Wrong(Net):
    def forward(self, x):
        return self.fc(x)[0]["a"]

class Narrow(Net):
    def forward(self, x):
        return self.fc(x.reshape(1, -1))
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file with networks, and one that it imports."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside.py").write_text("")
    path = tmp_path / "networks.py"
    path.write_text(NETWORKS)
    return path


def run(line, capsys, status=0):
    """(standard output, standard error) of a command line."""
    assert main(shlex.split(line)) == status
    return capsys.readouterr()


def complaint(line, capsys, status=1):
    """The one line that a mistake leads to."""
    out, err = run(line, capsys, status)
    assert out == ""
    assert err.endswith("\n") and err.count("\n") == 1
    assert len(err) < LONGEST + 100
    return err[:-1]


# ---------------------------------------------------------------- what the commands do


def test_summary_prints_the_table(capsys):
    expected = str(mc.summary(mc.models.lenet5(), (1, 1, 28, 28)))
    assert run("summary lenet5", capsys).out == expected + "\n"


def test_summary_with_its_options(capsys):
    line = "summary lenet5 --input 2,1,32,32 --option num_classes=7 padding=0 --depth 0 --json"
    data = json.loads(run(line, capsys).out)
    assert data["input_shapes"] == [[2, 1, 32, 32]]
    assert [row["output_shapes"] for row in data["rows"]] == [[[2, 7]]]
    found = mc.summary(mc.models.lenet5(num_classes=7, padding=0), (2, 1, 32, 32), depth=0)
    assert data == found.to_dict()


@pytest.mark.parametrize("text", ["1x1x28x28", "1,1,28,28", "(1, 1, 28, 28)", "1×1×28×28"])
def test_sizes_may_be_written_in_several_ways(text, capsys):
    out = run(f"summary lenet5 --depth 0 --json --input '{text}'", capsys).out
    assert json.loads(out)["input_shapes"] == [[1, 1, 28, 28]]


@pytest.mark.parametrize(
    "name, option, shape",
    [
        ("lenet5", "padding=0", [1, 1, 32, 32]),
        ("lenet5", "in_channels=3", [1, 3, 28, 28]),
        ("resnet20", "num_classes=3", [1, 3, 32, 32]),
        ("mobilenet_v3_small", "num_classes=3", [1, 3, 224, 224]),
    ],
)
def test_the_default_input_is_what_the_network_was_made_for(name, option, shape, capsys):
    out = run(f"summary {name} --option {option} --depth 0 --json", capsys).out
    assert json.loads(out)["input_shapes"] == [shape]


@pytest.mark.parametrize(
    "option, value",
    [("3", 3), ("0.5", 0.5), ("(1, 2)", (1, 2)), ("true", True), ("None", None), ("relu", "relu")],
)
def test_values_of_options(option, value):
    from minicnn.cli.networks import _option

    assert _option(f"a={option}") == ("a", value)


def test_order_of_the_run(capsys):
    assert "fc3" in run("summary lenet5 --order run", capsys).out


def test_a_network_in_a_file(file, capsys):
    data = json.loads(run(f"summary {file}:Net --option hidden=9 --json", capsys).out)
    assert (data["input_shapes"], data["parameters"]) == ([[1, 3]], 36)
    assert run(f"summary {file}:Net --input 5,3 --depth 0", capsys).out.startswith("Layer")


def test_weights_from_a_file(file, tmp_path, capsys):
    mc.save(mc.models.lenet5().state_dict(), tmp_path / "w.safetensors")
    mc.save(mc.nn.Linear(3, 4).state_dict(), tmp_path / "other.safetensors")
    run(f"summary lenet5 --weights {tmp_path}/w.safetensors", capsys)
    text = complaint(f"summary lenet5 --weights {tmp_path}/other.safetensors", capsys)
    assert "missing: conv1.weight" in text and "unexpected: " in text
    text = complaint(f"summary {file}:Net --weights {tmp_path}/other.safetensors", capsys)
    assert "missing: fc.weight, fc.bias" in text
    state = {"fc.weight": mc.zeros(4, 3), "fc.bias": mc.zeros(4)}
    mc.save(state, tmp_path / "net.safetensors")
    run(f"summary {file}:Net --weights {tmp_path}/net.safetensors", capsys)


def test_models(capsys):
    assert run("models", capsys).out.split() == mc.models.list_models()
    assert run("models lenet5", capsys).out == "lenet5\n"
    found = run("models 'resnet?8'", capsys).out.split()
    assert found == [n for n in mc.models.list_models() if re.fullmatch("resnet.8", n)]
    assert run("models LeNet5", capsys).out == "lenet5\n"
    assert json.loads(run("models lenet5 --json", capsys).out) == {"lenet5": "LeNet-5"}


def test_config(capsys):
    assert run("config", capsys).out.startswith("minicnn:")
    assert json.loads(run("config --json", capsys).out)["minicnn"] == mc.__version__


def test_on_a_terminal_tables_are_as_wide_as_it_is(capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for line in ("summary lenet5", "models"):
        for width in ("50", "130"):
            monkeypatch.setenv("COLUMNS", width)
            monkeypatch.setattr(sys, "stdout", Terminal())
            assert main(line.split()) == 0
            shown = re.sub(r"\x1b\[[0-9;]*m", "", sys.stdout.getvalue())
            assert max(map(len, shown.splitlines())) <= int(width)
            assert "lenet5" in shown.lower()
        monkeypatch.setattr(sys, "stdout", Terminal())
        main([*line.split(), "--plain"])
        assert "\x1b" not in sys.stdout.getvalue()


# ---------------------------------------------------------------- help


def test_help_lists_all_commands(capsys):
    out = run("", capsys).out
    for name, command in commands().items():
        assert name in out and command.examples
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out == out


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_with_examples(name, file, capsys, monkeypatch):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    monkeypatch.chdir(file.parent)
    own = "from minicnn import nn\n\ndef Net():\n    return nn.Conv2d(1, 2, 3)\n"
    Path("my_network.py").write_text(own)
    for arguments, what in commands()[name].examples:
        assert f"minicnn {arguments}\n      {what}" in text
        if name in ("config", "models", "summary"):  # the others have tests of their own
            assert run(arguments, capsys).out
    assert max(map(len, text.splitlines())) <= 100


def test_each_command_is_a_file_that_registers_itself():
    folder = ROOT / "minicnn" / "cli" / "commands"
    files = {p.stem for p in folder.glob("*.py")} - {"__init__"}
    assert files == set(commands())
    for name, command in commands().items():
        assert isinstance(command, Command) and command.name == name


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "line, status, text",
    [
        ("sumary lenet5", 2, "minicnn: there is no command 'sumary', did you mean 'summary'?"),
        ("summary", 2, "the following arguments are required: NAME|FILE.py:FUNCTION; see minicnn"),
        (
            "summary lenet5 --dept 2",
            2,
            "minicnn: unrecognized arguments: --dept 2, did you mean 'depth'?; "
            "see minicnn summary --help",
        ),
        ("models lenet5 --josn=1", 2, "--josn=1, did you mean 'json'?; see minicnn models --"),
        ("summary lenet5 --depth two", 2, "argument --depth: invalid int value: 'two'"),
        ("summary lenet5 --depth -1", 1, "--depth must be at least 0, got -1"),
        ("summary lenet", 1, "no network is called 'lenet', did you mean 'lenet5'?"),
        ("summary lenet5 --input 1,1,x", 2, "--input takes sizes of at least 1, such as 1,3,224"),
        ("summary lenet5 --input 0,1,28,28", 2, "got '0,1,28,28'"),
        ("summary lenet5 --input ,", 2, "--input takes sizes"),
        ("summary lenet5 --input 1,3,28,28", 1, "images (N, 1, H, W), got shape (1, 3, 28, 28)"),
        ("summary lenet5 --input 1,1,20,28", 1, "expected images of 28 × 28, got 20 × 28"),
        ("summary alexnet --input 1,3,30,90", 1, "too small; the smallest that work are 63 × 63"),
        ("summary lenet5 --option num_clases=3", 1, "did you mean 'num_classes'?; it has num_"),
        ("summary lenet5 --option num_classes", 1, "--option takes NAME=VALUE, such as num_class"),
        ("summary lenet5 --option 3=4", 1, "--option takes NAME=VALUE"),
        ("summary lenet5 --option weights=a", 1, "weights are no --option; give --weights PATH"),
        ("summary lenet5 --option activation=relo", 1, "got 'relo', did you mean 'relu'?"),
        (
            "summary lenet5 --option num_classes=ten",
            1,
            "minicnn summary: Linear: out_features must",
        ),
        ("summary lenet5 --weights nowhere.pth", 1, "no file of weights at nowhere.pth"),
        ("summary nowhere.py:Net", 1, "there is no file "),
        ("summary nowhere.py", 1, "say which function of the file makes the network: nowhere.py:"),
        ("models lenet6x", 1, "no network matches 'lenet6x', did you mean 'lenet5'?"),
        ("config now", 2, "unrecognized arguments: now; see minicnn config --help"),
        ("--wrong", 2, "unrecognized arguments: --wrong; see minicnn --help"),
    ],
)
def test_a_mistake_is_one_line(line, status, text, capsys):
    assert text in complaint(line, capsys, status)


@pytest.mark.parametrize(
    "arguments, text",
    [
        (
            ":broken",
            "AttributeError: module 'beside' has no attribute 'nothing' [networks.py, line",
        ),
        (":no_module", "returned a int; it must return a Module"),
        (":Nett", "networks.py has no function 'Nett', did you mean 'Net'?"),
        ("", "networks.py:Sizes"),
        (":Wrong", "got str"),
        (":Narrow --input 2,3", "linear: "),
        (":Net --option size=3", "unexpected keyword argument 'size'"),
        (":Net --input 1,4", "(in fc, a Linear)"),
        (":Net --input 99999999,99999999,99", "not enough memory"),
    ],
)
def test_mistakes_in_the_users_file_are_one_line(arguments, text, file, capsys):
    assert text in complaint(f"summary {file}{arguments}", capsys)


def test_a_file_that_is_no_python(file, capsys):
    file.write_text("def Net(:\n")
    assert "SyntaxError: " in complaint(f"summary {file}:Net", capsys)
    assert "line 1" in complaint(f"summary {file}:Net", capsys)
    file.write_text("import not_installed_anywhere\n")
    text = complaint(f"summary {file}:Net", capsys)
    assert text.endswith("No module named 'not_installed_anywhere' [networks.py, line 1]")


def test_long_mistakes_are_cut(tmp_path, capsys):
    mc.save({f"layer.with.a.long.name.{i}": mc.zeros(1) for i in range(200)}, tmp_path / "w.pt")
    assert complaint(f"summary lenet5 --weights {tmp_path}/w.pt", capsys).endswith(" …")


def test_a_fault_of_minicnn_itself_is_not_hidden(monkeypatch):
    monkeypatch.setattr(mc.models.LeNet5, "forward", lambda self, x: x.no_such_method())
    with pytest.raises(AttributeError):
        main(["summary", "lenet5"])


def test_ctrl_c(monkeypatch, capsys):
    def interrupt(self, x):
        raise KeyboardInterrupt

    monkeypatch.setattr(mc.models.LeNet5, "forward", interrupt)
    assert complaint("summary lenet5", capsys, 130) == "minicnn summary: interrupted"


# ---------------------------------------------------------------- as a program


@pytest.mark.parametrize(("network", "option"), [("resnet20", "depth=5"), ("vgg11", "features=1")])
def test_what_makes_a_network_this_one_is_no_option(capsys, network, option):
    assert main(["summary", network, "--option", option]) == 1
    name = option.partition("=")[0]
    error = f"minicnn summary: {network}: '{name}' is what makes it this network, and no option\n"
    assert capsys.readouterr() == ("", error)


def test_every_network_knows_the_size_it_was_made_for():
    from minicnn.cli.networks import SIZES, default_input
    from minicnn.models.compound_scaling import PUBLISHED

    layer = mc.nn.Conv2d(3, 1, 1)
    for name, size in [*SIZES.items(), *[(n, p.image_size) for n, p in PUBLISHED.items()]]:
        assert default_input(name, layer) == (1, 3, size, size)
    assert set(SIZES) | set(PUBLISHED) <= set(mc.models.list_models())
    assert default_input("resnet18", layer) == (1, 3, 224, 224)


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "minicnn", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        # A shell lets what runs in the background ignore interrupts, and what that starts, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


def test_as_a_program():
    process = program("summary", "lenet5", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert b"?? fc3" in out  # └─, in letters that there are


def test_who_has_read_enough_is_not_shouted_at():
    with program("models") as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupting_the_program(tmp_path):
    started = tmp_path / "started"
    (tmp_path / "slow.py").write_text(
        f"import time, pathlib\ndef net():\n    pathlib.Path({str(started)!r}).touch()\n"
        "    time.sleep(60)\n"
    )
    process = program("summary", f"{tmp_path}/slow.py:net")
    while not started.exists():
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"minicnn summary: interrupted\n")


def test_the_console_script_points_to_main():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    name, _, target = setup["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = target.partition(":")
    assert name == "minicnn"
    assert getattr(importlib.import_module(module), function) is main
