"""A short part of the fuzzing campaign (`benchmarks/fuzzing.py`), and that it sees what is wrong.

Every public name gets a few calls with bad arguments: PyTorch's result, or a documented error that
names the operation. The calls run in a process of their own, so a crash is seen, too.
"""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn as mc

pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parents[2]
CAMPAIGN = ROOT / "benchmarks" / "fuzzing.py"


# Two calls of each name; networks take long to build.
PART = ("--calls", "1500", "--seed", "70000000", "--names", r"^(?!models\.)")


def campaign(out, *options):
    done = subprocess.run(
        [sys.executable, CAMPAIGN, "--out", out, *options],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    return done, json.loads(out.read_text())


def test_a_few_calls_of_every_name(tmp_path):
    done, state = campaign(tmp_path / "fuzz.json", *PART)
    findings = [f for f in state["findings"] if f["kind"] != "own error"]
    assert not findings, findings
    assert done.returncode == 0, done.stderr
    kinds = [k for name in state["names"].values() for k in name["kinds"]]
    assert {"equal", "both refuse", "minicnn refuses", "answered"} <= set(kinds)
    assert "0 of them a crash" in (tmp_path / "fuzz.md").read_text()
    # The same command goes on where it was, and has nothing left to do.
    _, again = campaign(tmp_path / "fuzz.json", *PART)
    assert again["names"] == state["names"]


def test_every_public_name_has_calls():
    import fuzz_layers
    import fuzz_others
    from building import public
    from fuzz_engine import NAMES
    from table import ELSEWHERE, TABLE

    assert fuzz_layers.missing() <= fuzz_layers.ELSEWHERE
    known = {f"minicnn.{n.split(' (')[0]}" for n in [*NAMES, *TABLE]} | set(fuzz_others.ELSEWHERE)
    missing = {
        n
        for n, thing in public.documented().items()
        if n not in known
        and not (inspect.isclass(thing) and issubclass(thing, BaseException))
        and not (inspect.isclass(thing) and n.startswith("minicnn.tracing."))
    }
    assert not missing, f"public, and not fuzzed: {sorted(missing)}"
    methods = {n for n in dir(mc.Tensor) if n[0] != "_" and callable(getattr(mc.Tensor, n))}
    own = {n for n in methods if f"Tensor.{n}" not in TABLE and f"Tensor.{n}" not in ELSEWHERE}
    assert own <= OWN_METHODS, own


# Methods of tensors that PyTorch's have not, or that its table of cases leaves to other tests.
OWN_METHODS = set()


@pytest.fixture
def judge(monkeypatch):
    import fuzz_engine
    from drawn import Call, Entry

    def judged(function):
        """What becomes of a few calls if `function` stands in the place of ``mc.sin``."""
        monkeypatch.setattr(mc, "sin", function)
        entry = Entry(lambda d: Call(d.t((3,), grad=False)), gradient=False)
        monkeypatch.setitem(fuzz_engine.TABLE, "sin", entry)
        return {fuzz_engine.judge("sin", seed)[0] for seed in range(60)}

    return judged


def test_what_is_right_is_no_finding(judge):
    assert "finding" not in judge(mc.sin)


def raising(error):
    """A function that raises it, as if it stood in minicnn."""
    names = {"error": error}
    place = str(ROOT / "minicnn" / "functions" / "broken.py")
    exec(compile("def sin(input):\n    raise error\n", place, "exec"), names)
    return names["sin"]


WRONG = {
    "a wrong number": lambda x: mc.cos(x),
    "another dtype": lambda x: mc.tensor(mc.tanh(x)).float(),
    "an error that is not ours": raising(KeyError("x")),
    "an error of NumPy's": raising(ValueError("sin: operands could not be broadcast")),
    "no name in the text": raising(mc.nn.init.DtypeError("expected a tensor")),
    "everything is taken": lambda *a, **k: mc.zeros(3),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_a_finding(judge, what):
    assert "finding" in judge(WRONG[what])


CRASHES = {
    "crash": "import ctypes; ctypes.string_at(0)",
    "hang": "import itertools; sum(0 for _ in itertools.count())",
}


@pytest.mark.parametrize("kind", CRASHES)
def test_what_ends_the_process_is_known(tmp_path, kind):
    """The engine, with a function in it that crashes or hangs in its third call."""
    engine = ROOT / "tests" / "hardening" / "fuzz_engine.py"
    broken = tmp_path / "fuzz_engine.py"
    broken.write_text(
        "import sys, runpy\n"
        f"sys.path.insert(0, {str(engine.parent)!r})\n"
        "import fuzz_engine\n"
        "fuzz_engine.SECONDS = 2\n"
        "judge = fuzz_engine.judge\n"
        "def broken(name, seed, place):\n"
        "    place.note(name, seed, 'ours')\n"
        f"    if seed == 2: {CRASHES[kind]}\n"
        "    return judge(name, seed, place)\n"
        "fuzz_engine.judge = broken\n"
        "from pathlib import Path\n"
        "fuzz_engine.serve(Path(sys.argv[1]))\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(CAMPAIGN.parent)!r})\n"
        "import fuzzing, json\n"
        "from pathlib import Path\n"
        f"fuzzing.ENGINE = Path({str(broken)!r})\n"
        "engine = fuzzing.Engine()\n"
        "kinds, findings, _ = engine.batch('abs', 0, 5)\n"
        "engine.close()\n"
        "print(json.dumps([kinds, [[f['kind'], f['seed']] for f in findings]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    kinds, findings = json.loads(done.stdout)
    assert kinds[kind] == 1 and sum(kinds.values()) == 5
    assert findings == [[kind, 2]]
