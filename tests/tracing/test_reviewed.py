"""What a review of the traces found wrong once."""

import gc
import io
import weakref

import numpy as np
import pytest
from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checking.faults import FAULTS
from minicnn.checks import ArgumentError, DtypeError, GraphError, ShapeError
from minicnn.stepper.cards import card
from minicnn.stepper.heat import plane
from minicnn.stepper.terminal import walk
from minicnn.tracing.values import statistics


def leaf(*shape):
    return mc.randn(shape).requires_grad_()


def steps_of(tr, operation, phase="backward"):
    return [s for s in tr.steps if s.phase == phase and s.operation == operation]


def run(function, *tensors, **options):
    """The trace of Σ δ ⊙ function(tensors) with a random δ."""
    with mc.trace(**options) as tr:
        y = function(*tensors)
        loss = (y * mc.randn(y.shape)).sum()
    list(tr.backward(loss))
    return tr


# ------------------------------------------------------------------------ what is the batch


def test_weights_as_long_as_the_batch_are_no_batch():
    """Without a model, too: what comes second to a convolution is its kernel."""
    x, w = mc.randn(3, 2, 6, 5), leaf(3, 2, 3, 3)
    tr = run(lambda: F.conv2d(x, w), sample=1)
    step = steps_of(tr, "Conv2d")[0]
    assert [v.batched for v in step.inputs] == [True, False]
    assert step.inputs[1].array.shape == (3, 2, 3, 3)
    assert step.results[0].contribution.array.shape == (3, 2, 3, 3)


@pytest.mark.parametrize("function", [
    lambda x: x.flip((0,)), lambda x: mc.roll(x, 1, 0), lambda x: x[[2, 0, 1]],
    lambda x: x[0], lambda x: x.permute(1, 0, 2), lambda x: x.reshape(9, 4)[:3],
])  # fmt: skip
def test_rows_that_are_no_longer_the_samples(function):
    x = leaf(3, 3, 4)
    tr = run(lambda x: function(x), x, sample=2)
    for step in tr.steps:
        if step.phase == "backward":
            for result in step.results:
                value = result.contribution
                index = (2,) + (0,) * (len(value.shape) - 1) if value.shape else ()
                found = step.terms(result.short, index)
                assert found.total + found.rest == pytest.approx(found.recorded, abs=1e-5)
    moved = next(s for s in tr.steps if s.operation not in ("View", "Reshape"))
    assert not moved.outputs[0].batched and moved.outputs[0].array.shape == moved.outputs[0].shape


def test_an_image_without_a_batch():
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    tr = run(model, mc.randn(3, 6, 6), model=model)
    value = tr.steps[0].inputs[0]
    assert value.name == "input" and not value.batched and value.array.shape == (3, 6, 6)


def test_one_row_of_a_parameter_for_each_sample():
    """Of δ one sample is kept, of the parameter all rows are."""
    x, w = mc.randn(4, 2, 3), nn.Parameter(mc.randn(4, 2, 3))
    model = nn.Module()
    model.w = w
    tr = run(lambda: x * model.w, model=model, sample=2)
    step = next(s for s in steps_of(tr, "Mul") if s.results[0].destination == "w")
    assert step.terms("dx2", (2, 1, 1)).total == pytest.approx(w.grad.array[2, 1, 1].item())
    other = step.terms("dx2", (3, 1, 1))
    assert other.terms == () and other.rest == pytest.approx(w.grad.array[3, 1, 1].item())
    with pytest.raises(ArgumentError, match=r"record with trace.*sample=None"):
        tr.compare(lambda delta, x, w: (delta * w, delta * x), step)


def test_losses_of_scores_whose_first_axis_is_not_the_batch():
    z = leaf(4, 4)
    x = mc.randn(4, 4, 1, 1)
    with mc.trace(sample=3) as tr:
        loss = F.cross_entropy(z + x.mean((0, 2, 3)), mc.tensor([0, 1, 2, 3]))
    list(tr.backward(loss))
    step = steps_of(tr, "CrossEntropy")[0]
    assert not step.inputs[0].batched and not step.saved["target"].batched
    found = step.terms("dz", (0, 2))
    assert found.total == pytest.approx(found.recorded, rel=1e-4)


def test_the_parts_of_the_samples_add_up():
    x, w, b = mc.randn(3, 2, 6, 5), leaf(3, 2, 3, 3), leaf(3)
    delta = mc.randn(3, 3, 4, 3)
    parts = []
    for sample in range(3):
        with mc.trace(sample=sample) as tr:
            loss = (F.relu(F.conv2d(x, w, b)) * delta).sum()
        w.grad = None
        list(tr.backward(loss))
        found = steps_of(tr, "Conv2d")[0].terms("dW", (2, 1, 0, 2))
        parts.append(found.total)
        assert found.total + found.rest == pytest.approx(w.grad.array[2, 1, 0, 2].item(), rel=1e-5)
    assert sum(parts) == pytest.approx(w.grad.array[2, 1, 0, 2].item(), rel=1e-5)


def test_batch_norm_whose_parameters_want_no_gradient():
    x, bn = leaf(3, 2, 4, 3), nn.BatchNorm2d(2, affine=False)
    step = steps_of(run(bn, x, sample=None), "BatchNorm")[0]
    assert step.terms("dx", (1, 1, 2, 0)).total == pytest.approx(
        x.grad.array[1, 1, 2, 0].item(), abs=1e-6
    )
    step = steps_of(run(bn, x, sample=1), "BatchNorm")[0]
    with pytest.raises(ArgumentError, match=r"sums over the whole batch.*sample=None"):
        step.terms("dx", (1, 1, 2, 0))


# ------------------------------------------------------------------------ names, memory, budget


def test_every_output_has_a_name_of_its_own():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            return self.pool(F.relu(self.conv(F.relu(self.conv(x))) + x))

    model = nn.Sequential(Block(), nn.Flatten())
    tr = run(model, mc.randn(2, 2, 4, 4), model=model)
    names = [v.name for s in tr.steps if s.phase == "forward" for v in s.outputs]
    assert names == [
        "0.conv (output)", "0 · ReLU (output)", "0.conv (output 2)", "0 · Add (output)",
        "0 · ReLU (output 2)", "0.pool (output)", "argmax of 0.pool", "1 (output)",
        "Mul (output)", "Sum (output)",
    ]  # fmt: skip
    # The first of the two uses of the convolution, and not both.
    first = steps_of(tr, "ReLU")[-1].deltas[0].array
    place = tuple(int(i) for i in np.argwhere(first)[0])
    value = tr.why_zero("0 · ReLU (output)", place).value
    assert value == first[place]


def test_a_dropped_trace_is_gone_without_the_collector():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())
    gc.collect()
    gc.disable()
    try:
        tr = run(model, mc.randn(2, 1, 5, 5), model=model)
        gone = [weakref.ref(o) for o in (tr, tr._recording, tr.steps[0], tr.values[0])]
        del tr
        assert [r() for r in gone] == [None] * 4
    finally:
        gc.enable()


def test_without_any_budget():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    with mc.trace(model, budget=0) as tr:
        loss = F.cross_entropy(model(mc.randn(2, 1, 5, 5)), mc.tensor([0, 1]))
    list(tr.backward(loss))
    assert tr._recording.kept == 0 and tr.steps[-1] is not None
    assert next(s for s in tr.steps if s.phase == "loss").outputs[0].array is not None
    with pytest.raises(GraphError, match="did not fit into the budget"):
        tr.finite_difference("0.bias", (1,))


def test_statistics_of_what_is_not_finite():
    s = statistics(np.array([np.nan, np.inf, -1.0, 0.0], np.float32))
    assert (s.nan, s.infinite, s.minimum, s.maximum, s.zeros) == (1, 1, -1.0, 0.0, 0.25)
    assert statistics(np.array([np.nan])).minimum is None
    assert statistics(np.zeros((0, 3))).mean is None


# ------------------------------------------------------------------------ hooks, several passes


@pytest.mark.parametrize("in_place", [True, False])
def test_hooks_that_change_a_gradient(in_place):
    x = leaf(4)
    with mc.trace() as tr:
        y = x * 3
        y.register_hook(lambda g: g.mul_(0) if in_place else g * 0)
        loss = (y * y).sum()
    list(tr.backward(loss))
    assert x.grad.tolist() == [0, 0, 0, 0]
    step = steps_of(tr, "Mul")[-1]
    assert step.delta.array.tolist() == [0, 0, 0, 0] and "changed by a hook" in step.delta.name
    arrived = [r for s in tr.steps for r in s.results if r.to == step.number]
    assert np.all(arrived[-1].after.array != 0)
    text = tr.why_zero(step.outputs[0].name, (1,)).summary
    assert "is 0: a hook made it so" in text


def test_two_losses_and_two_passes():
    w = leaf(3)
    with mc.trace() as tr:
        y = w * w
        first, second = y.sum(), (y * 2).sum()
    list(tr.backward(first, retain_graph=True))
    list(tr.backward(second))
    np.testing.assert_allclose(w.grad.array, 6 * w.array, rtol=1e-6)
    accumulated = [s for s in tr.steps if s.phase == "accumulate"]
    np.testing.assert_array_equal(accumulated[1].results[0].after.array, w.grad.array)
    found = tr.finite_difference("a leaf", (1,))  # of the last one
    assert found.gradient == pytest.approx(4 * w.array[1].item())
    assert found.slope == pytest.approx(found.gradient, rel=1e-5)
    with pytest.raises(GraphError, match="Pass retain_graph=True"):
        tr.backward(first)


def test_a_backward_that_failed_leaves_nothing_behind():
    class Fails(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, delta):
            raise ValueError("on purpose")

    w = leaf(3)
    with mc.trace() as tr:
        y = w * w
        broken, fine = (Fails.apply(y) + y).sum(), (y + y * 5).sum()
    with pytest.raises(ValueError, match="on purpose"):
        tr.backward(broken, retain_graph=True)
    list(tr.backward(fine))
    np.testing.assert_allclose(w.grad.array, 12 * w.array, rtol=1e-6)
    last = [s for s in steps_of(tr, "Mul") if s.inputs[0].name == "a leaf"][-1]
    arrived = [r for s in tr.steps for r in s.results if r.to == last.number]
    assert len(arrived) == 2 and arrived[-1].after.array.tolist() == [6, 6, 6]


def test_a_plain_backward_inside_the_trace():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 2, 2))
    with mc.trace(model) as tr:
        loss = (model(mc.randn(2, 1, 6, 6)) ** 2).mean()
        loss.backward()
    assert [s.phase for s in tr.steps].count("loss") == 1
    assert [s.composition.equation for s in tr.steps if s.composition] == ["1.16"]
    found = tr.finite_difference("0.bias", (1,))
    assert found.slope == pytest.approx(found.gradient, rel=1e-3, abs=1e-6)


def test_gradients_that_do_not_fit():
    x = leaf(2, 3)
    with mc.trace() as tr:
        y = x * 2
    with pytest.raises(ShapeError, match=r"shape \(3,\), the tensor \(2, 3\)"):
        tr.backward(y, mc.ones(3))
    with pytest.raises(DtypeError, match="gradient must be a tensor, got ndarray"):
        tr.backward(y, np.ones((2, 3)))
    list(tr.backward(y, mc.ones(2, 3)))
    with pytest.raises(ArgumentError, match="needs a loss of one number"):
        tr.finite_difference("a leaf", (0, 0))


def test_an_output_that_nobody_used():
    class Two(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            assert a is None
            return b * 3

    x = leaf(1, 2)
    with mc.trace() as tr:
        loss = Two.apply(x)[1].sum()
    list(tr.backward(loss))
    step = steps_of(tr, "Two")[0]
    assert step.deltas[0] is None and "nobody used this output" in str(step)
    card(step)
    with pytest.raises(ArgumentError, match="an operation of your own"):
        tr.compare(lambda delta: delta, step)


# ------------------------------------------------------------------------ 1.16 and 1.17


def test_levels_are_counted_along_the_path():
    """A branch beside does not come between l and l + 1; a stride is said."""

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.beside = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 5)
            self.second = nn.Conv2d(2, 2, 3, stride=2, padding=1)

        def forward(self, x):
            a = mc.tanh(self.first(x))
            b = self.beside(x)
            return self.second(a).sum() + b.sum()

    model = Branches()
    with mc.trace(model) as tr:
        loss = model(mc.randn(2, 1, 8, 8))
    list(tr.backward(loss))
    (c,) = [s.composition for s in tr.steps if s.composition]
    assert (c.lower, c.upper, c.upper_name) == (1, 2, "second")
    assert "stride, padding and dilation" in c.text


@pytest.mark.parametrize("layers, shape, equations", [
    ((nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Conv1d(3, 4, 3)), (2, 2, 9), ["1.16"]),
    ((nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3)), (2, 8, 7), ["1.16"]),
    ((nn.Conv1d(2, 3, 3), nn.Tanh(), nn.MaxPool1d(2)), (2, 2, 9), ["1.17"]),
    ((nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3)),
     (2, 2, 8, 7), ["1.16"]),
    ((nn.Conv2d(2, 3, 3), nn.LocalResponseNorm(3), nn.ReLU(), nn.Conv2d(3, 4, 3)), (2, 2, 8, 7),
     []),
    ((nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Dropout(), nn.Conv2d(3, 4, 3)), (2, 2, 8, 7), []),
    ((nn.ReLU(), nn.Conv2d(2, 3, 3)), (2, 2, 8, 7), []),
])  # fmt: skip
def test_where_the_compositions_are(layers, shape, equations):
    model = nn.Sequential(*layers)
    tr = run(model, mc.randn(shape), model=model)
    found = [s.composition for s in tr.steps if s.composition]
    assert [c.equation for c in found] == equations
    for c in found:
        assert (c.lower, c.upper, c.maps) == (1, 2, 3)
        assert ("Z is taken after BatchNorm" in c.text) == (len(layers) == 4)


# ------------------------------------------------------------------------ why is it zero


def test_pixels_outside_of_all_windows_and_weights_over_the_padding():
    x = leaf(1, 1, 1, 5)
    tr = run(lambda x: F.max_pool2d(x, (1, 1), (1, 2)), x)
    found = tr.why_zero("input", (0, 0, 0, 1))
    assert [c.kind for c in found.causes] == ["not reached"] and "no window" in found.summary
    w = leaf(1, 1, 3, 3)
    tr = run(lambda w: F.conv2d(mc.randn(1, 1, 1, 1), w, padding=1), w)
    name = steps_of(tr, "Conv2d")[0].results[0].destination
    assert "lies over the padding only" in tr.why_zero(name, (0, 0, 0, 0)).summary


def test_ignored_targets_are_not_called_saturated():
    z = leaf(2, 3)
    with mc.trace(sample=None) as tr:
        loss = F.cross_entropy(z, mc.tensor([1, 0]), ignore_index=0)
    list(tr.backward(loss))
    found = tr.why_zero("a leaf", (1, 2))
    assert [c.kind for c in found.causes] == ["ignored"]


def test_paths_that_cancel():
    x = leaf(3)
    with mc.trace() as tr:
        loss = (x * 2 - x * 2).sum()
    list(tr.backward(loss))
    found = tr.why_zero("a leaf", (1,))
    assert {c.kind for c in found.causes} == {"cancels"} and "another path" in found.summary


def test_a_bias_in_front_of_batch_norm_is_tiny_because_it_cancels():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    tr = run(model, mc.randn(4, 1, 9, 9), model=model, sample=None)
    assert "products cancel" in tr.why_zero("0.bias", (0,)).summary


def test_a_cause_that_is_not_alone_says_so():
    """Two layers are off, one above the other: to switch one on does not help."""
    x = leaf(1)
    with mc.no_grad():
        x.fill_(-1.0)
    with mc.trace() as tr:
        loss = F.relu(F.relu(x) - 1).sum()
    list(tr.backward(loss))
    found = tr.why_zero("a leaf", (0,))
    assert found.causes[0].kind == "off" and "the δ that meets it is 0 as well" in found.summary


def test_none_for_inputs_losses_and_cuts():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    with mc.trace(model) as tr:
        with mc.no_grad():
            h = model[0](mc.randn(2, 3))
        h = model[1](h).detach()
        loss = model[2](h).sum()
    list(tr.backward(loss))
    assert "input has requires_grad=False" in tr.why_zero("input").summary
    assert "built no graph: it ran under no_grad()" in tr.why_zero("0.weight", (0, 0)).summary
    assert "backpropagation begins" in tr.why_zero("Sum (output)").summary
    with pytest.raises(ArgumentError, match="nothing is called"):
        tr.why_zero("∂L/∂W of 2", (0, 0))


# ------------------------------------------------------------------------ finite differences


def test_kinks_beside_zero_and_ties():
    for function, at in ((F.relu6, 6.0), (F.hardswish, 3.0), (lambda x: mc.clamp(x, -1, 2), 2.0)):
        x = mc.tensor([at], requires_grad=True)
        tr = run(function, x)
        assert "a kink" in tr.finite_difference("a leaf", (0,)).warning
        x = mc.tensor([0.5], requires_grad=True)
        tr = run(function, x)
        assert tr.finite_difference("a leaf", (0,)).warning == ""
    tr = run(lambda x: mc.maximum(x, x * 1), mc.tensor([1.0], requires_grad=True))
    assert tr.finite_difference("a leaf", (0,)).warning == ""


def test_what_was_detached_is_said():
    w = mc.tensor([3.0], requires_grad=True)
    with mc.trace() as tr:
        loss = (w * w.detach()).sum()
    list(tr.backward(loss))
    found = tr.finite_difference("a leaf", (0,))
    assert found.slope == pytest.approx(6) and found.gradient == 3
    assert "was detached" in found.warning
    with pytest.raises(ArgumentError, match="h must be a number > 0"):
        tr.finite_difference("a leaf", (0,), h=0)


def test_every_sample_has_its_gradient():
    x = leaf(3, 2, 2)
    tr = run(mc.tanh, x, sample=None)
    found = tr.finite_difference("input", (2, 1, 0))
    assert found.gradient == x.grad.array[2, 1, 0]


def test_questions_leave_the_graph_alone():
    z = leaf(4, 3)
    with mc.trace(sample=1) as tr:
        loss = F.cross_entropy(z, mc.tensor([0, 1, 2, 0]))
    list(tr.backward(loss, retain_graph=True))
    before = z.grad.array.copy()
    tr.finite_difference("a leaf", (1, 1))
    z.grad = None
    loss.backward()
    assert np.array_equal(z.grad.array, before)


# ------------------------------------------------------------------------ compare


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_a_function_may_ask_for_targets_and_masks():
    z = leaf(4, 3)
    with mc.trace(sample=None) as tr:
        loss = F.cross_entropy(z, mc.tensor([0, 1, 2, 0]))
    list(tr.backward(loss))
    step = steps_of(tr, "CrossEntropy")[0]

    def backward(delta, z, target):
        return delta * (softmax(z) - np.eye(z.shape[1])[target]) / len(z)

    assert tr.compare(backward, step).right
    found = tr.compare(lambda delta, z, target: len(z) * backward(delta, z, target), step)
    assert found.cause == "ce-not-divided"
    assert not tr.compare(lambda delta, z, target: 2 * backward(delta, z, target), step).cause
    with pytest.raises(
        ArgumentError, match=r"asks for nonsense as well; by name it can have .*tar"
    ):
        tr.compare(lambda delta, z, nonsense: z, step)


@pytest.mark.parametrize("key", ["linear-delta-transposed", "linear-weight-transposed"])
def test_faults_of_a_wrong_shape_are_named(key):
    tr = run(F.linear, leaf(3, 4), leaf(4, 4), leaf(4), sample=None)

    def backward(delta, x, w, b):
        operation = FAULTS[key].broken()
        operation.run(x, w, b)
        return operation.backward(delta)

    assert tr.compare(backward, steps_of(tr, "Linear")[0]).cause == key


def test_a_cause_is_named_in_the_first_layer_too():
    """The images want no gradient, which a fault's ∂L/∂X must not hide."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3))
    tr = run(model, mc.randn(3, 2, 6, 5), model=model, sample=None)

    def backward(delta, x, w, b, stride, padding, dilation, groups):
        operation = FAULTS["conv-dw-rotated"].broken(stride, padding, dilation, groups)
        operation.run(x, w, b)
        return operation.backward(delta)

    found = tr.compare(backward, steps_of(tr, "Conv2d")[0])
    assert (found.short, found.cause) == ("dW", "conv-dw-rotated")


def test_infinite_entries_hide_nothing():
    x = mc.tensor([0.0, 4.0], requires_grad=True)
    tr = run(mc.sqrt, x)
    step = steps_of(tr, "Sqrt")[0]
    assert tr.compare(lambda delta, x: delta / (2 * np.sqrt(x)), step).right
    assert not tr.compare(lambda delta, x: delta / np.sqrt(x), step).right


# ------------------------------------------------------------------------ files, cards


@pytest.mark.parametrize("function", [
    lambda x: x[:, 1:, ::2], lambda x: x[[1, 0, 1]], lambda x: F.pad(x, (1, 0, 2, 1)),
    lambda x: x.double().float(), lambda x: F.pad(x[None], (1, 1, 1, 1), mode="replicate"),
])  # fmt: skip
def test_a_file_keeps_what_operations_were_told(function, tmp_path):
    x = leaf(3, 4, 5)
    tr = run(function, x, sample=None)
    tr.save(tmp_path / "run.trace")
    again = mc.trace.load(tmp_path / "run.trace")
    asked = 0
    for a, b in zip(tr.steps, again.steps, strict=True):
        for result in a.results if a.phase == "backward" else ():
            index = (0,) * len(result.contribution.shape)
            try:
                text = str(a.terms(result.short, index))
            except ArgumentError:
                continue
            asked += 1
            assert str(b.terms(result.short, index)) == text
    assert asked >= 2
    constant = steps_of(tr, "Mul")[0].inputs[1].name
    text = tr.why_zero(constant).summary
    assert "requires_grad=False" in text and again.why_zero(constant).summary == text


def test_a_picture_names_the_sample_and_the_map():
    assert plane(np.zeros((1, 3, 4, 5)), 2)[1] == "sample 2, map 0"
    assert plane(np.zeros((2, 3, 4, 5)), None)[1] == "output map 0, input map 0"


def test_names_with_spaces_and_gradients_of_none_in_the_terminal():
    model = nn.Sequential(nn.Linear(3, 2))
    tr = run(model, mc.randn(2, 3), model=model)
    console = Console(file=io.StringIO(), width=100)
    lines = iter(["w 0 (output) 0,1", "w input", "t dx1 0,0", "w 0.weight"])

    def read(_):
        line = next(lines, None)
        if line is None:
            raise KeyboardInterrupt
        return line

    tr.goto(steps_of(tr, "Mul")[0].number)
    walk(tr, console=console, read=read)
    text = console.file.getvalue()
    assert "∂L/∂0 (output)[0,1] is not zero" in text
    assert "∂L/∂input is None: input has requires_grad=False" in text
    assert "∂L/∂x₁[0,0] = " in text
    assert "has 2 dimensions (2, 3), the index () has 0" in text
