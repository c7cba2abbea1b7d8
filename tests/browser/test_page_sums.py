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
         "softmax zero": "saturated"}  # fmt: skip


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
