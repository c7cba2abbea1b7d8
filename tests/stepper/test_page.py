"""The page of a run as a file: what is in it, how large it is, and that it holds only text."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import equations, nn
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError
from minicnn.stepper import page
from minicnn.stepper.page.arrays import RECIPES, Arrays, page_type, plain
from minicnn.stepper.page.build import SCRIPTS, build
from minicnn.stepper.page.formulas import mathml
from minicnn.stepper.page.steps import KNOWN_MOVES, KNOWN_SLOPES, to_json
from minicnn.tracing.values import Value, digest, statistics

HERE = Path(page.__file__).parent


class Reader(HTMLParser):
    """The elements of a page, and the text of its scripts by their ids."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.inside = dict(attributes).get("id", tag)

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.scripts[self.inside] = self.scripts.get(self.inside, "") + data

    def run(self):
        return json.loads(self.scripts["run"])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 16 * 16, 3)

    def forward(self, x):
        a = F.relu(self.conv(x))
        return self.fc((a + F.silu(a)).flatten(1))


def traced(update=True, n=2, **options):
    model = Net()
    optimizer = mc.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with mc.trace(model, optimizer=optimizer, **options) as tr:
        loss = F.cross_entropy(model(mc.randn(n, 1, 16, 16)), mc.tensor([0, 2, 1, 0][:n]))
    list(tr.backward(loss))
    if update:
        tr.update()
    return tr


def stored(reader, number, values):
    """The entries of a value, as the page would find them."""
    data = values[number]
    if "recipe" in data:
        name, *operands = data["recipe"]
        known = [stored(reader, o, values) if isinstance(o, int) else o for o in operands]
        return RECIPES[name](*known)
    raw = base64.b64decode(json.loads(reader.scripts["arrays"])[data["at"]])
    kind = {"f": "<f4", "i": "<i4", "u": "u1"}[data["type"]]
    return np.frombuffer(raw, kind).reshape(data["kept"])


def test_every_array_is_in_the_file_bit_for_bit(tmp_path):
    tr = traced()
    tr.save_html(tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    reader = Reader(text)
    values = reader.run()["values"]
    recipes = set()
    for value in tr.values:
        found = stored(reader, value.number, values)
        expected = page_type(value.array)[0]
        assert np.array_equal(found, expected, equal_nan=True), value.name
        assert values[value.number]["shape"] == list(value.shape)
        recipes |= {values[value.number].get("recipe", [None])[0]}
    assert recipes == {None, *RECIPES}, "every recipe is used by this network"


def test_what_is_said_of_a_step():
    tr = traced()
    run = Reader(build(tr, title="A run", note="Of noise.", language="zh")).run()
    assert (run["title"], run["note"], run["language"]) == ("A run", "Of noise.", "zh")
    assert (run["sample"], run["batch"]) == (0, 2)
    assert [s["number"] for s in run["steps"]] == list(range(len(tr.steps)))
    step = tr.step_of("conv")
    said = run["steps"][step.number]
    assert said["source"][0] == "tests/stepper/test_page.py" or "/" not in said["source"][0]
    assert said["source"][2] == "a = F.relu(self.conv(x))"
    assert said["attributes"]["padding"] == [1, 1]
    assert [r["equation"] for r in said["results"]] == ["conv-dw-stride", "1.14"]
    update = next(s for s in run["steps"] if s["phase"] == "update")
    assert update["equations"] == ["sgd-momentum"]
    cited = {k for s in run["steps"] for k in s["equations"]}
    assert cited <= run["equations"].keys()


def test_the_policy_names_the_only_script_and_the_only_style():
    text = build(traced())
    reader = Reader(text)
    policy = next(a["content"] for t, a in reader.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    for name in ("script", "style"):
        inside = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL).group(1)
        digested = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digested}'" in policy
    assert "unsafe" not in policy and "http" not in policy
    for tag, attributes in reader.tags:
        assert not {"style", "src", "onclick", "onerror"} & attributes.keys(), (tag, attributes)
        assert attributes.get("href", "#")[:5] in ("#step", "data:", "#")


def test_nothing_in_the_file_is_an_address_to_load():
    text = build(traced())
    addresses = set(re.findall(r"\bhttps?://[^\s\"'<>\\]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}
    assert "@import" not in text and "url(" not in text


@pytest.mark.parametrize("text", [
    "</script><script>alert(1)</script>", "<!--<script>", "' \" & <img src=x onerror=alert(1)>",
    "\u2028\u2029", "{{RUN}}{{SCRIPT}}", "汉字 δ 😀",
])  # fmt: skip
def test_names_stay_text(text):
    model = nn.Sequential()
    model.add_module(text.replace(".", ""), nn.Linear(2, 2))
    with mc.trace(model) as tr:
        model(mc.randn(1, 2))
    html = build(tr, title=text, note=text)
    reader = Reader(html)
    run = reader.run()
    assert run["title"] == run["note"] == text
    assert run["steps"][0]["layer"] == text.replace(".", "")
    assert [tag for tag, _ in reader.tags].count("script") == 4
    assert "img" not in [tag for tag, _ in reader.tags]
    for name in ("run", "arrays", "texts"):
        assert "<" not in reader.scripts[name]


def test_numbers_that_json_lacks():
    assert json.loads(to_json([plain(float("nan")), plain(np.float32(-np.inf)), 1.5])) == [
        {"float": "NaN"}, {"float": "-Infinity"}, 1.5,
    ]  # fmt: skip
    x = mc.tensor([np.nan, np.inf, 1.0], requires_grad=True)
    with mc.trace() as tr:
        loss = mc.clamp(x, max=float("inf")).sum()
    list(tr.backward(loss))
    reader = Reader(build(tr))
    values = reader.run()["values"]
    assert np.array_equal(stored(reader, 0, values), x.numpy(force=True), equal_nan=True)
    assert values[0]["stats"]["nan"] == 1 and values[0]["stats"]["infinite"] == 1


def test_sizes():
    tr = traced()
    whole = build(tr)
    assert len(whole.encode()) < 400_000
    bare = len(build(tr, budget=1).encode())
    for budget in (bare + 10_000, bare + 30_000):
        small = build(tr, budget=budget)
        assert len(small.encode()) <= budget
        missing = [v for v in Reader(small).run()["values"] if "leftOut" in v]
        assert missing and all(v["leftOut"]["why"] == "page" for v in missing)
        assert all(v["digest"]["top"] for v in missing)


def test_convolutions_are_the_last_to_be_left_out():
    tr = traced()
    bare = len(build(tr, budget=1).encode())
    values = Reader(build(tr, budget=bare + 25_000)).run()["values"]
    assert any("leftOut" in v for v in values)
    step = tr.step_of("conv")
    for value in (*step.inputs, step.deltas[0], *(r.contribution for r in step.results)):
        assert "leftOut" not in values[value.number]


def test_what_the_trace_left_out():
    values = Reader(build(traced(watch="conv"))).run()["values"]
    reasons = {v["leftOut"]["why"] for v in values if "leftOut" in v}
    assert reasons == {"watch"}
    values = Reader(build(traced(budget=5000))).run()["values"]
    assert {v["leftOut"]["why"] for v in values if "leftOut" in v} == {"budget"}


def test_arrays_that_are_equal_are_there_once():
    arrays = Arrays(10**6)
    a = np.arange(500, dtype=np.float32)
    for k in range(3):
        value = Value(k, "a", a.copy(), False, statistics(a))
        arrays.put(k, arrays.describe(value, 0), value.array)
    assert len(arrays.stored) == 1 and [arrays.values[k]["at"] for k in range(3)] == [0, 0, 0]


def test_a_recipe_that_is_off_by_a_bit_is_not_used():
    arrays = Arrays(10**6)
    a, b = np.random.default_rng(0).normal(size=(2, 100)).astype(np.float32)
    wrong = a + b
    wrong[50] = np.nextafter(wrong[50], np.float32(9))
    for k, array in enumerate((a, b, a + b, wrong)):
        value = Value(k, "", array, False, statistics(array))
        arrays.put(k, arrays.describe(value, 0), array, [("add", 0, 1)])
    assert arrays.values[2]["recipe"] == ["add", 0, 1]
    assert "recipe" not in arrays.values[3]


def test_thumbnails_are_a_byte_a_pixel():
    a = np.random.default_rng(0).normal(size=(9, 40, 33)).astype(np.float32)
    a[0, 0, 0] = np.nan
    arrays = Arrays(10)
    value = Value(0, "", a, False, statistics(a))
    arrays.put(0, arrays.describe(value, 0), None, (), {"why": "watch"}, digest(a))
    found = arrays.values[0]["digest"]
    levels = np.frombuffer(base64.b64decode(arrays.stored[found["at"]]), np.int8)
    assert found["shape"] == [8, 14, 11] and levels[0] == -128
    assert levels.size == 8 * 14 * 11 and np.abs(levels[1:].astype(int)).max() == 127


def test_symbols_of_every_equation_are_marked():
    assert 'data-g="W"' in mathml(equations.get("1.12").latex)
    assert 'data-s="δ"' in mathml(equations.get("1.12").latex)
    hats = mathml(equations.get("bn").latex)
    assert hats.count("data-s") < hats.count("<mi")
    for key in equations.keys():  # noqa: SIM118
        assert mathml(equations.get(key).latex).startswith("<math")
        assert "style=" not in mathml(equations.get(key).latex)


def test_a_trace_from_a_file_and_a_forward_alone(tmp_path):
    tr = traced(update=False)
    tr.save(tmp_path / "run.trace")
    run = Reader(build(mc.trace.load(tmp_path / "run.trace"))).run()
    assert len(run["steps"]) == len(tr.steps)
    model = Net()
    with mc.trace(model) as tr:
        model(mc.randn(2, 1, 16, 16))
    assert {s["phase"] for s in Reader(build(tr)).run()["steps"]} == {"forward"}


def test_wrong_arguments():
    with pytest.raises(IndexRangeError, match="nothing is recorded"):
        build(mc.trace())
    tr = traced()
    with pytest.raises(ArgumentError, match="language must be one of 'en', 'zh'; got 'fr'"):
        build(tr, language="fr")
    with pytest.raises(DtypeError, match="title must be a string, got int"):
        build(tr, title=3)
    for budget in (0, -1, float("nan"), "8 MB", True):
        with pytest.raises(ArgumentError, match="budget must be a number of bytes > 0"):
            build(tr, budget=budget)


def test_scripts_are_all_there_and_do_not_collide():
    files = {file.stem for file in (HERE / "js").glob("*.js")}
    assert files == set(SCRIPTS)
    names = []
    for name in SCRIPTS:
        text = (HERE / "js" / f"{name}.js").read_text(encoding="utf-8")
        assert (
            "</script" not in text
            and "<!--" not in text
            and "innerHTML" not in ("" if name == "formulas" else text)
        )
        names += re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)), {n for n in names if names.count(n) > 1}


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_scripts_parse():
    for name in SCRIPTS:
        subprocess.run(["node", "--check", HERE / "js" / f"{name}.js"], check=True)


def test_texts():
    texts = {c: json.loads((HERE / f"texts/{c}.json").read_text("utf-8")) for c in ("en", "zh")}
    titles = texts["zh"].pop("equation titles")
    assert texts["en"].keys() == texts["zh"].keys()
    assert titles.keys() <= set(equations.keys())
    for key, text in texts["en"].items():
        assert text and texts["zh"][key]
        blanks = [set(re.findall(r"\{\w+\}", texts[c][key])) for c in ("en", "zh")]
        assert blanks[0] == blanks[1], key
    used = "".join((HERE / "js" / f"{n}.js").read_text("utf-8") for n in SCRIPTS)
    used += (HERE / "template.html").read_text("utf-8")
    for key in re.findall(r'\bt\("([^"]+)"', used) + re.findall(r'data-t(?:-label)?="(.+?)"', used):
        assert key in texts["en"], key


def test_what_the_page_works_out_itself_it_knows():
    """Both sides have the same list of operations that need no help."""
    text = (HERE / "js" / "rules_elementwise.js").read_text("utf-8")
    same = re.search(r"const SAME = \[(.*?)\]", text).group(1)
    slopes = re.search(r"const SLOPES = \{(.*?)^\};", text, re.DOTALL | re.MULTILINE).group(1)
    names = re.findall(r'"(\w+)"', same) + re.findall(r"^  (\w+): \(", slopes, re.MULTILINE)
    assert sorted(names) == sorted(KNOWN_SLOPES)
    assert all(f'"{name}"' in text for name in KNOWN_MOVES)
