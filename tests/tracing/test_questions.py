"""`why_zero`, `finite_difference` and `compare`: what a learner asks a trace."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checking.faults import FAULTS
from minicnn.checks import ArgumentError, GraphError
from minicnn.kernels import find


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3)
        self.conv2 = nn.Conv2d(3, 2, 2)
        self.fc = nn.Linear(18, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc(mc.tanh(self.conv2(x)).flatten(1))


def traced(model=None, x=None, **options):
    model = model or Small()
    x = mc.randn(2, 1, 10, 10) if x is None else x
    with mc.trace(model, **options) as tr:
        loss = F.cross_entropy(model(x), mc.tensor(np.arange(len(x.array)) % 4))
    list(tr.backward(loss))
    return tr, model


# ------------------------------------------------------------------------ why is it zero


def test_a_dead_relu():
    model = Small()
    with mc.no_grad():
        model.conv1.bias[1] = -100.0
    tr, _ = traced(model)
    found = tr.why_zero("conv1.weight", (1, 0, 2, 2))
    assert found.value == 0
    kinds = {c.kind for c in found.causes}
    assert kinds == {"off"}
    off = next(c for c in found.causes if c.kind == "off")
    assert tr.steps[off.step].operation == "ReLU" and "its input is ≤ 0" in off.text
    assert found.summary.startswith("∂L/∂conv1.weight[1,0,2,2] is 0 (in sample 0): ")


def test_pixels_that_lost_to_others():
    x = mc.tensor([[[[1.0, 5.0, 2.0, 4.0]]]], requires_grad=True)
    with mc.trace() as tr:
        loss = (F.max_pool2d(x, (1, 2)) * mc.tensor([3.0, 7.0])).sum()
    list(tr.backward(loss))
    found = tr.why_zero("input", (0, 0, 0, 2))
    assert [c.kind for c in found.causes] == ["lost maximum"]
    assert "is not zero: it is 7" in tr.why_zero("input", (0, 0, 0, 3)).summary


def test_inputs_and_weights_of_zero():
    x = mc.tensor([[0.0, 2.0]], requires_grad=True)
    w = mc.tensor([[3.0, 0.0]], requires_grad=True)
    with mc.trace() as tr:
        loss = F.linear(x, w).sum()
    list(tr.backward(loss))
    leaves = {v.name: v for v in tr.values if v.number in tr._recording.leaves.whole}
    names = list(leaves)
    assert tr.why_zero(names[0], (0, 1)).causes[0].kind == "zero weight"
    assert tr.why_zero(names[1], (0, 0)).causes[0].kind == "zero input"


def test_dropped_units():
    x = mc.ones(1, 40, requires_grad=True)
    with mc.trace() as tr:
        loss = (F.dropout(x, 0.5) * mc.randn(1, 40)).sum()
    list(tr.backward(loss))
    place = int(np.flatnonzero(x.grad.array[0] == 0)[0])
    assert [c.kind for c in tr.why_zero("a leaf", (0, place)).causes] == ["dropped"]


def test_the_cause_is_found_through_several_layers():
    """Nothing comes from the loss but through one unit; all else is zero upstream of it."""
    model = Small()
    with mc.no_grad():
        model.fc.weight.fill_(0.0)
        model.conv1.bias.fill_(50.0)  # no ReLU is off
    tr, _ = traced(model)
    found = tr.why_zero("conv2.weight", (0, 0, 0, 0))
    assert {c.kind for c in found.causes} == {"zero weight"}
    assert tr.steps[found.causes[0].step].layer == "fc"


def test_saturation_makes_gradients_tiny():
    x = mc.tensor([15.0, 0.1], requires_grad=True)
    with mc.trace() as tr:
        loss = (mc.sigmoid(x) * mc.tensor([2.0, 3.0])).sum()
    list(tr.backward(loss))
    text = tr.why_zero("a leaf", (0,)).summary
    assert "is tiny" in text and "f' of Sigmoid" in text


def test_nan_is_traced_to_where_it_began():
    x = mc.tensor([-1.0, 4.0], requires_grad=True)
    with mc.trace() as tr:
        loss = (mc.sqrt(x) * 2).sum()
    list(tr.backward(loss))
    text = tr.why_zero("a leaf", (0,)).summary
    assert "is nan: the first NaN or infinity comes from step 0 (forward)" in text


def test_none_is_explained():
    class Unused(Small):
        def __init__(self):
            super().__init__()
            self.spare = nn.Linear(2, 2)
            self.side = nn.Linear(18, 2)
            self.frozen = nn.Linear(4, 4)
            self.frozen.requires_grad_(False)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = mc.tanh(self.conv2(x)).flatten(1)
            self.side(x)
            return self.frozen(self.fc(x))

    tr, _ = traced(Unused())
    assert "the forward did not use spare.weight" in tr.why_zero("spare.weight", (0, 0)).summary
    assert "nothing that was computed from it goes into the loss" in (
        tr.why_zero("side.weight", (0, 0)).summary
    )
    assert "requires_grad=False" in tr.why_zero("frozen.weight", (0, 0)).summary
    with pytest.raises(ArgumentError, match=r"nothing is called 'conv3\.weight', did you mean"):
        tr.why_zero("conv3.weight", (0, 0))


# ------------------------------------------------------------------------ finite differences


@pytest.mark.parametrize("name", ["conv1.weight", "conv1.bias", "conv2.weight", "fc.weight"])
def test_finite_differences_agree_with_backward(name):
    tr, model = traced()
    shape = dict(model.named_parameters())[name].shape
    for seed in range(3):
        index = tuple(int(i) for i in np.random.default_rng(seed).integers(0, shape))
        found = tr.finite_difference(name, index)
        assert found.slope == pytest.approx(found.gradient, rel=1e-3, abs=1e-6)
        loss = next(s for s in tr.steps if s.phase == "loss").outputs[0].array
        assert found.middle == pytest.approx(float(loss), rel=1e-5)
        assert (found.right - found.left) / (2 * found.h) == found.slope


def test_finite_differences_survive_the_update():
    model = Small()
    optimizer = mc.optim.SGD(model.parameters(), lr=10.0)
    tr, _ = traced(model, optimizer=optimizer)
    tr.update()
    found = tr.finite_difference("fc.bias", (2,))
    assert found.slope == pytest.approx(found.gradient, rel=1e-3)


def test_a_kink_is_named():
    x = mc.tensor([0.0, 1.0], requires_grad=True)
    with mc.trace() as tr:
        loss = (mc.relu(x) * 2).sum()
    list(tr.backward(loss))
    found = tr.finite_difference("a leaf", (0,))
    assert found.slope == pytest.approx(1) and found.gradient == 0
    assert "a kink: 1 inputs of" in found.warning
    assert tr.finite_difference("a leaf", (1,)).warning == ""


def test_dropout_is_not_drawn_again():
    x = mc.ones(1, 8, requires_grad=True)
    with mc.trace() as tr:
        loss = (F.dropout(x, 0.5) ** 2).sum()
    list(tr.backward(loss))
    for place in range(8):
        found = tr.finite_difference("a leaf", (0, place))
        assert found.slope == pytest.approx(found.gradient, abs=1e-6)


def test_changes_in_place_are_repeated():
    w = mc.tensor([2.0, 3.0], requires_grad=True)
    with mc.trace() as tr:
        y = w * 3
        y += w
        loss = (y * y).sum()
    list(tr.backward(loss))
    assert tr.finite_difference("a leaf", (1,)).slope == pytest.approx(2 * 16 * 3)
    assert w.grad.tolist() == [64.0, 96.0]


def test_runs_that_cannot_be_repeated_say_so():
    w = mc.tensor([2.0, 3.0], requires_grad=True)
    y = w * 3
    with mc.trace() as tr:
        loss = (y * w).sum()
    list(tr.backward(loss))
    with pytest.raises(GraphError, match="the run cannot be repeated: Mul was not recorded"):
        tr.finite_difference("a leaf", (0,))
    with pytest.raises(ArgumentError, match=r"called 'conv1', did you mean 'conv1\."):
        traced()[0].finite_difference("conv1", (0,))


# ------------------------------------------------------------------------ compare


def conv_backward(delta, x, w, stride, padding, dilation, groups):
    options = (stride, padding, dilation, groups)
    dx = find("conv2d_input_gradient")(delta, w, x.shape[2:], *options)
    dw = find("conv2d_weight_gradient")(delta, x, w.shape[2:], *options)
    return dx, dw, delta.sum(axis=(0, 2, 3))


def conv_step(**options):
    tr, _ = traced(**options)
    return tr, tr.step_of("conv2")


@pytest.mark.parametrize("sample", [0, None])
def test_a_right_backward_is_right(sample):
    tr, step = conv_step(sample=sample)
    found = tr.compare(conv_backward, step)
    assert found.right and str(found) == "dX, dW, db of conv2 · Conv2d: right, every entry"


def test_the_first_wrong_entry_and_its_sum():
    tr, step = conv_step()

    def wrong(delta, x, w, stride, padding, dilation, groups):
        dx, dw, db = conv_backward(delta, x, w, stride, padding, dilation, groups)
        dw[1, 2, 0, 1] += 1
        return dx, dw, db

    found = tr.compare(wrong, step.number)
    assert (found.right, found.short, found.index) == (False, "dW", (1, 2, 0, 1))
    assert found.got == pytest.approx(found.expected + 1, rel=1e-5)
    assert "δ[0,1,0,0] · X[0,2,0,1]" in found.text and found.cause == ""


def as_function(fault):
    """A fault as a student would hand it in: a function of arrays and options."""

    def backward(delta, x, w, b, stride, padding, dilation, groups):
        operation = fault.broken(stride, padding, dilation, groups)
        operation.run(x, w, b)
        return operation.gradients(delta)

    return backward


@pytest.mark.parametrize("key", [k for k, f in FAULTS.items() if f.operation == "conv2d"])
def test_causes_are_named_only_where_one_fits(key):
    tr, step = conv_step(sample=None)
    fault = FAULTS[key]
    try:
        found = tr.compare(as_function(fault), step)
    except Exception:  # a fault whose arrays do not even have the right shape, say
        return
    assert found.cause in ("", key)


def test_a_missing_rotation_is_named():
    tr, step = conv_step(sample=None)

    def backward(delta, x, w, stride, padding, dilation, groups):
        operation = FAULTS["conv-dx-not-rotated"].broken(stride, padding, dilation, groups)
        operation.run(x, w)
        return operation.gradients(delta)[0]

    found = tr.compare(backward, step)
    assert not found.right and found.short == "dX"
    assert found.cause == "conv-dx-not-rotated" and "rotating" in found.text


def test_a_mistake_that_is_in_no_catalogue_is_not_named():
    tr, step = conv_step(sample=None)

    def backward(delta, x, w, stride, padding, dilation, groups):
        return conv_backward(delta, x, w, stride, padding, dilation, groups)[0] * 1.37

    found = tr.compare(backward, step)
    assert not found.right and found.cause == ""


def test_wrong_shapes_and_wrong_places():
    tr, step = conv_step()
    assert "shape (2,), expected" in tr.compare(lambda delta: np.zeros(2), step).text
    with pytest.raises(ArgumentError, match="go to a backward step"):
        tr.compare(conv_backward, tr.steps[0])
