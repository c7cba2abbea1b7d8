"""A recorded run: every number as it was, every step where it belongs."""

import ast
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import graph, nn, optim
from minicnn.checks import ArgumentError, DtypeError, GraphError
from minicnn.modes import record


class Residual(nn.Module):
    """Every kind of step in one small network."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, stride=2, padding=1, dilation=2, groups=2)
        self.skip = nn.Conv2d(4, 4, 1, stride=2)
        self.up = nn.ConvTranspose2d(8, 3, 3, stride=2, output_padding=1)
        self.lrn = nn.LocalResponseNorm(3)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.mean = nn.AdaptiveAvgPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        a = F.relu(self.bn1(self.conv1(x)))
        b = F.silu(self.conv2(a)[:, :, :4, :3] + self.skip(a)[:, :, :4, :3])
        c = mc.cat([b, mc.sigmoid(b)], dim=1)
        d = self.pool(self.lrn(mc.tanh(self.up(c))))
        return self.fc(self.drop(self.mean(d).flatten(1)))


def batch(n=3):
    return mc.randn(n, 2, 9, 8), mc.tensor(np.arange(n) % 5)


def gradients(model):
    return {name: p.grad.array.copy() for name, p in model.named_parameters()}


def run(model, x, y):
    mc.manual_seed(5)  # dropout
    return F.cross_entropy(model(x), y)


@pytest.fixture
def traced():
    """A trace of `Residual` with its backward, the model, and the plain run's gradients."""
    model, (x, y) = Residual(), batch()
    with mc.trace(model, optimizer=optim.SGD(model.parameters(), lr=0.1, momentum=0.9)) as tr:
        loss = run(model, x, y)
    list(tr.backward(loss))
    return tr, model, x, y


class Nobody:
    """A recorder that records nothing; while it watches, no operations are run together."""

    def forward(self, *_):
        pass

    backward = accumulate = forward


def test_stepped_gradients_are_those_of_backward_bit_for_bit(traced):
    _, model, x, y = traced
    stepped = gradients(model)
    model.zero_grad()
    # The running statistics have moved; the batch's own, which training uses, have not.
    with record(Nobody()):
        run(model, x, y).backward()
    plain = gradients(model)
    assert stepped.keys() == plain.keys()
    for name, gradient in plain.items():
        assert np.array_equal(stepped[name], gradient), name
    # What normalisation and activation in one kernel find is the same to rounding.
    model.zero_grad()
    run(model, x, y).backward()
    for name, gradient in gradients(model).items():
        scale = abs(plain[name]).max()
        np.testing.assert_allclose(gradient, plain[name], rtol=0, atol=2e-5 * scale, err_msg=name)


def test_results_are_the_gradients_that_arrived(traced):
    tr, model, *_ = traced
    leaves = {s.results[0].destination: s for s in tr.steps if s.phase == "accumulate"}
    for name, p in model.named_parameters():
        assert np.array_equal(leaves[name].results[0].contribution.array, p.grad.array), name


def test_every_backward_step_has_its_forward(traced):
    tr, *_ = traced
    backward = [s for s in tr.steps if s.phase == "backward"]
    assert len(backward) == 20
    for step in backward:
        forward = tr.steps[step.pair]
        assert forward.phase == "forward" and forward.pair == step.number
        assert (forward.operation, forward.layer) == (step.operation, step.layer)
        assert [v.number for v in forward.inputs] == [v.number for v in step.inputs]


def test_layers_lines_and_options(traced):
    tr, *_ = traced
    step = tr.step_of("conv2")
    assert (step.operation, step.layer_type) == ("Conv2d", "Conv2d")
    assert step.attributes == {
        "stride": (2, 2), "padding": (1, 1), "dilation": (2, 2), "groups": 2,
    }  # fmt: skip
    assert step.source.file == __file__
    assert step.source.text.startswith("b = F.silu(self.conv2(a)")
    assert [r.short for r in step.results] == ["dX", "dW", "db"]
    assert [r.equation for r in step.results] == ["conv-dx-stride", "conv-dw-stride", "1.14"]
    assert [r.destination for r in step.results][1:] == ["conv2.weight", "conv2.bias"]
    functional = next(s for s in tr.steps if s.operation == "ReLU")
    assert (
        functional.layer == "" and functional.source.text == "a = F.relu(self.bn1(self.conv1(x)))"
    )


def test_bindings_name_what_stands_for_what(traced):
    tr, *_ = traced
    bound = dict(tr.step_of("conv2").bindings())
    assert list(bound) == ["X", "W", "b", "Z", "δ", "∂L/∂X", "∂L/∂W", "∂L/∂b"]
    assert bound["W"].name == "conv2.weight" and bound["W"].parameter
    assert bound["X"].shape == (3, 4, 9, 8) and bound["X"].array.shape == (1, 4, 9, 8)


def test_the_chosen_sample_is_kept(traced):
    _, model, x, y = traced
    for sample in (0, 2):
        with mc.trace(model, sample=sample) as tr:
            run(model, x, y)
        image = next(v for v in tr.values if v.name == "input")
        assert np.array_equal(image.array, x.array[sample : sample + 1])
        assert image.statistics.maximum == x.array.max()  # of the whole batch
        assert tr.batch == 3
    with mc.trace(model, sample=None) as tr:
        run(model, x, y)
    assert np.array_equal(next(v for v in tr.values if v.name == "input").array, x.array)


def test_what_several_paths_bring_adds_up(traced):
    """a is read by conv2 and by skip: its δ is the sum of both, in the order of arrival."""
    tr, *_ = traced
    relu = next(s for s in tr.steps if s.operation == "ReLU" and s.phase == "backward")
    came = [(s, r) for s in tr.steps for r in s.results if r.to == relu.number]
    assert {s.layer for s, _ in came} == {"conv2", "skip"}
    (_, first), (_, second) = came
    assert first.before is None and first.after is first.contribution
    assert second.before is first.contribution
    total = first.contribution.array + second.contribution.array
    assert np.array_equal(second.after.array, total)
    assert second.after is relu.delta


def test_history_is_not_rewritten():
    w = mc.tensor([2.0, 3.0], requires_grad=True)
    with mc.trace() as tr:
        y = w * w
        with mc.no_grad():
            constant = mc.ones(2)
            z = y + constant
            constant += 5
        loss = (y + z.detach()).sum()
    list(tr.backward(loss))
    with mc.no_grad():
        w += 100
    kept = [v.array.tolist() for v in tr.values if v.array is not None]
    assert [2.0, 3.0] in kept and [1.0, 1.0] in kept and [6.0, 6.0] in kept


def test_a_leaf_that_already_had_a_gradient():
    w = mc.tensor([2.0, 3.0], requires_grad=True)
    (w * 3).sum().backward()
    with mc.trace() as tr:
        loss = (w * w).sum()
    (step,) = tr.backward(loss, phases=("accumulate",))
    result = step.results[0]
    assert result.before.array.tolist() == [3.0, 3.0]
    assert result.contribution.array.tolist() == [4.0, 6.0]
    assert result.after.array.tolist() == [7.0, 9.0] == w.grad.tolist()


def test_shared_weights_gather_from_all_their_uses():
    layer, x = nn.Linear(3, 3), mc.randn(4, 3)
    with mc.trace(layer) as tr:
        loss = (layer(layer(x)) ** 2).sum()
    list(tr.backward(loss))
    arrived = [
        r for s in tr.steps for r in s.results if r.destination == "weight" and r.short == "dW"
    ]
    assert len(arrived) == 2 and arrived[1].before is arrived[0].contribution
    assert np.array_equal(arrived[1].after.array, layer.weight.grad.array)


def test_forward_and_update_are_steps_too(traced):
    tr, model, *_ = traced
    before = model.fc.weight.array.copy()
    gradient = model.fc.weight.grad.array.copy()
    steps = tr.update()
    assert len(steps) == len(list(model.parameters()))
    step = next(s for s in steps if s.results[0].destination == "fc.weight")
    result = step.results[0]
    assert np.array_equal(result.before.array, before)
    assert np.array_equal(result.after.array, model.fc.weight.array)
    np.testing.assert_allclose(result.contribution.array, -0.1 * gradient, rtol=1e-4, atol=1e-7)
    assert step.attributes["lr"] == 0.1 and step.attributes["momentum"] == 0.9
    assert [s.operation for s in tr.steps if s.phase == "forward"][:2] == ["Conv2d", "BatchNorm"]


def test_functions_of_the_user():
    class Cube(mc.autograd.Function):
        equations = ("y = x³, ∂L/∂x = 3 x² δ",)

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, delta):
            (x,) = ctx.saved_tensors
            return 3 * x * x * delta

    x = mc.tensor([1.0, 2.0], requires_grad=True)
    with mc.trace() as tr:
        loss = Cube.apply(x).sum()
    step = next(s for s in tr.backward(loss) if s.operation == "Cube")
    assert step.results[0].contribution.array.tolist() == [3.0, 12.0]
    assert "y = x³, ∂L/∂x = 3 x² δ" in str(step)


def test_over_budget_arrays_are_left_out_and_say_so():
    model, (x, y) = Residual(), batch()
    with mc.trace(model, budget=2000) as tr:
        loss = run(model, x, y)
    list(tr.backward(loss))
    missing = [v for v in tr.values if v.array is None]
    assert missing and tr._recording.archive.kept <= 2000
    for value in missing:
        assert "raise budget=" in value.left_out
        assert value.digest.top[0][1] == pytest.approx(
            max(value.digest.top, key=lambda t: abs(t[1]))[1]
        )
        assert sum(value.digest.counts) == np.prod(value.shape) / (3 if value.batched else 1)


def test_watched_layers_are_kept_whole():
    model, (x, y) = Residual(), batch()
    with mc.trace(model, watch="conv2") as tr:
        loss = run(model, x, y)
    list(tr.backward(loss))
    step = tr.step_of("conv2")
    assert all(
        v.array is not None for v in (*step.outputs, step.inputs[1], step.results[1].contribution)
    )
    assert "only conv2 is watched" in tr.step_of("conv1").outputs[0].left_out


def test_a_step_whose_forward_was_not_seen():
    w = mc.tensor([2.0, 3.0], requires_grad=True)
    y = w * w
    with mc.trace() as tr:
        loss = y.sum()
    steps = list(tr.backward(loss))
    assert "was not recorded" in next(s for s in steps if s.operation == "Mul").note
    assert w.grad.tolist() == [4.0, 6.0]


def test_without_a_recorder_nothing_is_asked_but_whether_there_is_one():
    """By structure: in `apply` and in the walk the recorder is touched after ``is not None``."""
    found = 0
    for file in (graph.__file__, Path(graph.__file__).with_name("tensor.py")):
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        guarded = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "recorder is not None" in ast.unparse(node.test)
        ]
        inside = {id(child) for node in guarded for child in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and "recorder." in ast.unparse(node.func):
                found += 1
                assert id(node) in inside, ast.unparse(node)
    assert found >= 4


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: mc.trace(3), DtypeError, "model must be a Module or None, got int"),
        (lambda: mc.trace(Residual(), optimizer=3), DtypeError, "must be an optimiser"),
        (lambda: mc.trace(sample=-1), ArgumentError, "sample must be an integer ≥ 0"),
        (lambda: mc.trace(Residual(), watch="conv3"), ArgumentError, "called 'conv3'.*mean 'conv"),
    ],
)  # fmt: skip
def test_mistakes_in_the_call(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_sample_that_the_batch_does_not_have():
    model, (x, y) = Residual(), batch()
    with (
        pytest.raises(ArgumentError, match="sample=3, but the batch has 3 samples"),
        mc.trace(model, sample=3),
    ):
        run(model, x, y)


def test_losses_that_cannot_be_stepped_through():
    model, (x, y) = Residual(), batch()
    outside = run(model, x, y)
    with mc.trace(model) as tr:
        scores = model(x)
        loss = F.cross_entropy(scores, y)
    for value, text in (
        (scores, r"a loss is one number, this tensor has shape \(3, 5\)"),
        (outside, "computed outside of the trace"),
        (loss.detach(), "does not require grad"),
    ):
        with pytest.raises(GraphError, match=text):
            tr.backward(value)
    list(tr.backward(loss))
    with pytest.raises(GraphError, match="was freed by an earlier backward"):
        tr.backward(loss)
    with pytest.raises(ArgumentError, match="no phase is called 'backwards', did you mean"):
        tr.backward(loss, phases=("backwards",))
