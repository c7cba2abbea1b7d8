"""What the page adds up in the browser is what Python adds up, factor by factor."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F

ASK = """
const [questions] = arguments;
return questions.map(([number, short, index]) => {
  const { sum, problem } = stepper.ask(stepper.steps[number], short, index);
  if (problem) return problem.key;
  const plain = (f) => [f.symbol, f.index, Number.isFinite(f.value) ? f.value : String(f.value)];
  return { terms: sum.terms.map((term) => term.map(plain)), total: sum.total,
           recorded: sum.recorded, rest: sum.rest, samples: sum.samples };
});
"""


def leaf(*shape):
    return mc.randn(shape).requires_grad_()


def traced(function, tensors, sample):
    mc.manual_seed(7)
    tensors = [leaf(*shape) for shape in tensors]
    with mc.trace(sample=sample) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


def questions_of(tr, entries=4):
    """(step, short, index) for random entries of every array that Python can write out."""
    rng = np.random.default_rng(1)
    found = []
    for step in tr.steps:
        shorts = [r.short for r in step.results] if step.phase == "backward" else []
        shorts += ["out"] if step.phase == "forward" else []
        for short in shorts:
            value = step.outputs[0] if short == "out" else step.result(short).contribution
            for _ in range(entries):
                index = [int(rng.integers(n)) for n in value.shape]
                if value.batched and tr.sample is not None:
                    index[0] = tr.sample
                try:
                    step.terms(short, index)
                except (mc.checks.ArgumentError, KeyError):
                    continue
                found.append((step, short, index))
    return found


def key(term):
    return [(symbol, None if index is None else tuple(index)) for symbol, index, _ in term]


def check(browser, tr, path, entries=4):
    """Ask the page of the trace everything, and compare. Returns how many entries there were."""
    tr.save_html(path)
    browser.open(path)
    questions = questions_of(tr, entries)
    answers = browser.run(ASK, [[s.number, short, list(index)] for s, short, index in questions])
    for (step, short, index), answer in zip(questions, answers, strict=True):
        about = (step.operation, short, index)
        expected = step.terms(short, index)
        assert isinstance(answer, dict), (about, answer)
        mine = [[[f.symbol, f.index, f.value] for f in t.factors] for t in expected.terms]
        theirs = answer["terms"]
        assert sorted(map(key, theirs), key=str) == sorted(map(key, mine), key=str), about
        by_place = {str(key(t)): [v for *_, v in t] for t in theirs}
        for term in mine:
            got = by_place[str(key(term))]
            assert got == pytest.approx([v for *_, v in term], rel=2e-6, abs=1e-7), about
        scale = sum(abs(t.product) for t in expected.terms) + 1e-6
        assert abs(answer["total"] - expected.total) <= 1e-5 * scale, about
        assert answer["recorded"] == pytest.approx(expected.recorded, rel=1e-6), about
        assert abs(answer["rest"] - expected.rest) <= 1e-5 * scale + 1e-7, about
        assert answer["samples"] == expected.samples, about
    assert browser.complaints() == []
    return len(questions)


CONVOLUTIONS = {
    "plain": {},
    "stride, padding": {"stride": (2, 1), "padding": (1, 2)},
    "dilation": {"dilation": (2, 1), "padding": 2},
    "all and groups": {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
    "depthwise": {"stride": 3, "padding": 2, "groups": 4},
}


@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution(browser, tmp_path, options, sample):
    groups = options.get("groups", 1)
    shapes = [(2, 4, 9, 7), (8, 4 // groups, 3, 2), (8,)]
    tr = traced(lambda *t: F.conv2d(*t, **options), shapes, sample)
    assert check(browser, tr, tmp_path / "run.html", 8) >= 32


@pytest.mark.parametrize("sample", [None, 0])
@pytest.mark.parametrize("options", [
    {}, {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 2, "groups": 2},
    {"stride": (3, 1), "padding": (0, 1), "output_padding": (2, 0)},
])  # fmt: skip
def test_transposed_convolution(browser, tmp_path, options, sample):
    shapes = [(2, 4, 4, 5), (4, 3, 3, 2), (3 * options.get("groups", 1),)]
    tr = traced(lambda *t: F.conv_transpose2d(*t, **options), shapes, sample)
    assert check(browser, tr, tmp_path / "run.html", 8) >= 32


@pytest.mark.parametrize("pool", [
    lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.max_pool2d(x, 2, dilation=2, stride=1),
    lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.avg_pool2d(x, (2, 3), (1, 2), divisor_override=5),
    lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    lambda x: F.adaptive_max_pool2d(x, (3, 2)),
])  # fmt: skip
def test_pooling(browser, tmp_path, pool):
    assert check(browser, traced(pool, [(2, 3, 7, 8)], 1), tmp_path / "run.html", 12) >= 24


@pytest.mark.parametrize("shape", [(3, 5), (5,), (2, 3, 5)])
def test_linear(browser, tmp_path, shape):
    sample = 1 if len(shape) == 3 else None
    tr = traced(F.linear, [shape, (4, 5), (4,)], sample)
    assert check(browser, tr, tmp_path / "run.html") >= 16


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (6, 4)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(browser, tmp_path, training, shape):
    mean, var = mc.randn(4), mc.rand(4) + 0.5
    tr = traced(
        lambda x, g, b: F.batch_norm(x, mean, var, g, b, training),
        [shape, (4,), (4,)],
        1 if len(shape) == 4 else None,
    )
    assert check(browser, tr, tmp_path / "run.html", 6) >= 18


def test_element_by_element(browser, tmp_path):
    def function(x):
        y = F.leaky_relu(mc.tanh(x), 0.2) + mc.sigmoid(x) * F.gelu(x) - F.hardswish(x)
        z = F.dropout(mc.relu(y), 0.4) / (1 + mc.exp(-x)) + mc.clamp(F.silu(x), -0.2, 0.7)
        return mc.maximum(-z, y) * 3

    assert check(browser, traced(function, [(3, 4, 5)], 2), tmp_path / "run.html") > 60


def test_broadcasting(browser, tmp_path):
    def function(x, row, column, number):
        return mc.maximum(((x + row) * column - number) / (2 + mc.exp(row)), column)

    tr = traced(function, [(3, 4, 5), (5,), (4, 1), ()], 1)
    assert check(browser, tr, tmp_path / "run.html") > 30


def test_moving(browser, tmp_path):
    def function(x):
        y = mc.cat([x, x.flip((1,)), x[:, [0, 2]]], dim=1).permute(0, 2, 1)
        y = F.pad(y, (1, 2)) + mc.roll(F.pad(y, (0, 3)), 2, 1)
        return y[:, :, ::2].reshape(3, -1) + x[:, :1, :1].expand(3, 1, 35).flatten(1)

    assert check(browser, traced(function, [(3, 4, 5)], 1), tmp_path / "run.html") > 40


def test_sums_and_losses(browser, tmp_path):
    def function(x):
        return x.sum(1) + x.mean(1) + x.mean((1, 2), keepdim=True).reshape(3, 1)

    assert check(browser, traced(function, [(3, 4, 5)], 1), tmp_path / "run.html") > 15
    for options in ({}, {"reduction": "sum"}, {"ignore_index": 1}):
        z = leaf(3, 5)
        with mc.trace(sample=0) as tr:
            loss = F.cross_entropy(z, mc.tensor([2, 1, 4]), **options)
        list(tr.backward(loss))
        assert check(browser, tr, tmp_path / "run.html", 5) == 5


def test_a_whole_network(browser, tmp_path, small_page):
    _, tr = small_page
    assert check(browser, tr, tmp_path / "run.html") > 80


@pytest.mark.parametrize("shapes", [
    ((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)), ((5,), (5,)),
], ids=str)  # fmt: skip
def test_matrix_products(browser, tmp_path, shapes):
    for sample in {None, 1} if max(map(len, shapes)) > 2 else {None}:
        tr = traced(mc.matmul, shapes, sample)
        assert check(browser, tr, tmp_path / "run.html", 6) >= 18


def test_a_batch_along_the_rows_of_a_matrix(browser, tmp_path):
    x, w = mc.randn(3, 4), mc.nn.Parameter(mc.randn(4, 5))
    with mc.trace(sample=1) as tr:
        loss = ((x @ w) * mc.randn(3, 5)).sum()
    list(tr.backward(loss))
    step = next(s for s in tr.steps if (s.phase, s.operation) == ("backward", "Matmul"))
    assert step.delta.batched and step.terms("dB", (0, 0)).samples == 3
    assert check(browser, tr, tmp_path / "run.html", 6) >= 12


def test_softmax(browser, tmp_path):
    def function(z):
        return F.softmax(z, 1) + F.log_softmax(z, -1) * F.softmax(z, 0)

    tr = traced(function, [(3, 4, 5)], 1)
    assert check(browser, tr, tmp_path / "run.html", 8) >= 40


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", ["numbers", "probabilities"])
@pytest.mark.parametrize("options", [{}, {"reduction": "none"}, {"reduction": "sum"}])
def test_smoothed_cross_entropy(browser, tmp_path, options, target, weighted):
    given = mc.tensor([[2, 1], [0, 4], [1, 1]])
    if target == "numbers":
        options = {**options, "ignore_index": 1}
    else:
        given = F.softmax(mc.randn(3, 5, 2), 1).requires_grad_()
    if weighted:
        options = {**options, "weight": mc.rand(5) + 0.5}
    with mc.trace(sample=0) as tr:
        loss = F.cross_entropy(leaf(3, 5, 2), given, label_smoothing=0.2, **options)
    list(tr.backward(loss, mc.randn(loss.shape)))
    asked = 12 if target == "numbers" else 24
    assert check(browser, tr, tmp_path / "run.html", 12) == asked


NORMS = {
    "layer, last axis": (lambda x, g, b: F.layer_norm(x, (4,), g, b), (3, 5, 4), (4,)),
    "layer, two axes": (lambda x, g, b: F.layer_norm(x, (5, 4), g, b), (3, 5, 4), (5, 4)),
    "group": (lambda x, g, b: F.group_norm(x, 2, g, b), (3, 6, 2, 3), (6,)),
    "instance": (lambda x, g, b: F.instance_norm(x, None, None, g, b), (3, 2, 4, 3), (2,)),
    "batch": (lambda x, g, b: F.batch_norm(x, None, None, g, b, True), (3, 2, 4, 3), (2,)),
}


@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("function, shape, parameters", NORMS.values(), ids=NORMS)
def test_norms(browser, tmp_path, function, shape, parameters, sample):
    tr = traced(function, [shape, parameters, parameters], sample)
    assert check(browser, tr, tmp_path / "run.html", 8) >= 32


@pytest.mark.parametrize("size", [5, 4])
def test_local_response_norm(browser, tmp_path, size):
    def function(a):
        return F.local_response_norm(a, size, alpha=0.9, beta=0.6, k=1.5)

    assert check(browser, traced(function, [(2, 7, 3, 2)], 1), tmp_path / "run.html", 12) >= 24


@pytest.mark.parametrize("function", [
    lambda x: F.layer_norm(x, x.shape), lambda x: F.batch_norm(x, None, None, training=True),
])  # fmt: skip
def test_what_needs_samples_that_are_not_kept_is_not_shown(browser, tmp_path, function):
    tr = traced(function, [(3, 2, 4)], 1)
    step = next(s for s in tr.steps if s.phase == "backward" and s.operation.endswith("Norm"))
    with pytest.raises(mc.checks.ArgumentError, match="sample=None"):
        step.terms("dx", (1, 1, 2))
    tr.save_html(tmp_path / "run.html")
    browser.open(tmp_path / "run.html")
    assert browser.run(ASK, [[step.number, "dx", [1, 1, 2]]]) == ["sum left out"]
    # The other samples' rows are not there, whatever is asked.
    assert browser.run(ASK, [[step.number, "dx", [0, 1, 2]]]) == ["sum left out"]


def test_targets_of_samples_that_are_not_kept(browser, tmp_path):
    """Of the class probabilities one sample is kept, of the scores (as of a parameter) all are."""
    z, q = leaf(3, 5), F.softmax(mc.randn(3, 5), 1)
    with mc.trace(sample=0) as tr:
        loss = F.cross_entropy(z, q)
    list(tr.backward(loss))
    step = next(s for s in tr.steps if s.phase == "backward")
    assert step.terms("dz", (0, 1)).terms
    with pytest.raises(mc.checks.IndexRangeError, match="sample 2 of input is not kept"):
        step.terms("dz", (2, 1))
    tr.save_html(tmp_path / "run.html")
    browser.open(tmp_path / "run.html")
    here, missing = browser.run(ASK, [[step.number, "dz", [k, 1]] for k in (0, 2)])
    assert len(here["terms"]) == 2 and missing == "sum left out"


SCATTER = """
const [number, n, d] = arguments;
return [...stepper.scatterMap(stepper.steps[number], n, d)];
"""


@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_scattering_gives_what_gathering_gives(browser, tmp_path, options):
    groups = options.get("groups", 1)
    shapes = [(2, 4, 9, 7), (8, 4 // groups, 3, 2)]
    tr = traced(lambda *t: F.conv2d(*t, **options), shapes, 1)
    step = next(s for s in tr.steps if s.phase == "backward" and s.operation == "Conv2d")
    tr.save_html(tmp_path / "run.html")
    browser.open(tmp_path / "run.html", f"#step={step.number}")
    for d in range(4):
        found = browser.run(SCATTER, step.number, 1, d)
        recorded = step.result("dX").contribution.array[0, d].ravel()
        assert np.allclose(found, recorded, atol=1e-5)


LENS = """
const [number, short, index, pairs] = arguments;
const step = stepper.steps[number];
return pairs.map(([p, d]) => {
  const { products } = stepper.lensGrids(step, short, index, p, d);
  let sum = 0;
  for (let r = 0; r < products.rows; r++) {
    for (let c = 0; c < products.columns; c++) sum += products.at(r, c).value;
  }
  return sum;
});
"""


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_the_windows_close_up_add_up_to_the_entry(browser, tmp_path, options, transposed):
    """Zeros inserted, appended and around, the rotation and the crop: all maps' products together
    are the entry, forwards (narrow) and backwards (wide)."""
    groups = options.get("groups", 1)
    shapes = [(2, 4, 9, 7), (8, 4 // groups, 3, 2)]
    function = F.conv2d
    if transposed:
        shapes = [(2, 8, 5, 4), (8, 4 // groups, 3, 2)]
        function = F.conv_transpose2d
    tr = traced(lambda *t: function(*t, **options), shapes, 0)
    step = next(s for s in tr.steps if s.phase == "backward" and "Conv" in s.operation)
    tr.save_html(tmp_path / "run.html")
    browser.open(tmp_path / "run.html")
    rng = np.random.default_rng(0)
    wide = "out" if transposed else "dX"
    per_group = (8 // groups, 4 // groups)  # of p, of d
    for short in ("out", "dX"):
        value = step.outputs[0] if short == "out" else step.result("dX").contribution
        for _ in range(6):
            index = [0, *(int(rng.integers(n)) for n in value.shape[1:])]
            group = index[1] // per_group[short == wide]
            others = per_group[short != wide]
            maps = range(group * others, (group + 1) * others)
            pairs = [(m, index[1]) if short == wide else (index[1], m) for m in maps]
            number = step.pair if short == "out" else step.number
            found = sum(browser.run(LENS, number, short, index, pairs))
            assert found == pytest.approx(float(value.array[tuple(index)]), abs=2e-5), index


ZERO = """
const [number, short, index] = arguments;
const step = stepper.steps[number];
const found = stepper.whyZero(step, stepper.resultOf(step, short), index);
return found.causes.map((c) => [c.kind, c.step.number, c.count]);
"""

# What the page calls otherwise than `why_zero`.
KINDS = {"in no window": "not reached", "not taken": "not reached", "goes nowhere": "not reached",
         "softmax zero": "saturated", "taken away": "cancels", "other samples": "cancels",
         "too small": "cancels"}  # fmt: skip


def test_causes_of_zeros_are_those_of_why_zero(browser, tmp_path, small_page):
    path, tr = small_page
    browser.open(path)
    asked = 0
    arrived = [r.destination for s in tr.steps for r in s.results if s.phase == "backward"]
    for step in tr.steps:
        for result in step.results if step.phase == "backward" else ():
            value = result.contribution
            if arrived.count(result.destination) > 1:
                continue  # why_zero asks about all of them together
            for place in np.argwhere(value.array == 0)[:6]:
                index = [int(k) for k in place]
                if value.batched:
                    index[0] += tr.sample
                expected = tr.why_zero(result.destination, index)
                found = browser.run(ZERO, step.number, result.short, index)
                mine = sorted((c.kind, c.step, c.count) for c in expected.causes)
                assert sorted((KINDS.get(k, k), s, c) for k, s, c in found) == mine
                asked += 1
    assert asked > 20


def causes_on_the_page(browser, tr, path, name, index):
    """The kinds of cause of `why_zero` for an entry, and what the page says in both languages."""
    tr.save_html(path, language="en")
    browser.open(path)
    step, result = next((s, r) for s in tr.steps for r in s.results if r.destination == name)
    kinds = {cause.kind for cause in tr.why_zero(name, index).causes}
    found = browser.run(ZERO, step.number, result.short, list(index))
    assert {KINDS.get(kind, kind) for kind, *_ in found} == kinds
    browser.run("stepper.go(arguments[0])", step.number)
    said = []
    for language in ("en", "zh"):
        browser.run("stepper.setLanguage(arguments[0])", language)
        browser.run("stepper.update({ short: arguments[0], index: arguments[1] })",
                    result.short, list(index))  # fmt: skip
        said.append(browser.run("return document.querySelector('.zero').innerText"))
    assert browser.run("return [...stepper.missingTexts]") == []
    return kinds, *said


def test_a_target_that_is_ignored(browser, tmp_path):
    with mc.trace(sample=1) as tr:
        loss = F.cross_entropy(leaf(2, 3), mc.tensor([1, 2]), ignore_index=2)
    list(tr.backward(loss))
    kinds, english, chinese = causes_on_the_page(
        browser, tr, tmp_path / "run.html", "a leaf", (1, 0)
    )
    assert kinds == {"ignored"}
    assert "this target is ignored" in english and "这个目标被忽略" in chinese


def test_products_that_are_too_small(browser, tmp_path):
    x = mc.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    y = mc.tensor([1e-300, 1.0], dtype="float64")
    with mc.trace() as tr:
        loss = (x * y).sum()
    list(tr.backward(loss, mc.tensor(1e-300, dtype="float64")))
    kinds, english, chinese = causes_on_the_page(browser, tr, tmp_path / "run.html", "a leaf", (0,))
    assert kinds == {"underflow"}
    assert "too small for their product" in english and "乘积成了 0" in chinese


def test_what_two_paths_take_from_each_other(browser, tmp_path):
    x = leaf(3)
    with mc.trace() as tr:
        y = x * 2.0
        loss = (y * 3.0 - y * 3.0).sum()
    list(tr.backward(loss))
    kinds, english, chinese = causes_on_the_page(browser, tr, tmp_path / "run.html", "a leaf", (0,))
    assert kinds == {"cancels"}
    assert "another path brings the opposite" in english and "相反的数" in chinese
