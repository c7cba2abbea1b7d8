"""`autograd.detect_anomaly`: a NaN in backward names the operation and the line of its forward."""

import gc
import warnings
import weakref

import pytest

import minicnn as mc
from minicnn.autograd import detect_anomaly, record


def zero_times_infinity():
    x = mc.tensor([0.0, 4.0], requires_grad=True)
    return x, mc.sqrt(x) * 0  # this line is to be named


def test_the_operation_and_its_line_are_named():
    with detect_anomaly():
        _, y = zero_times_infinity()
        with pytest.raises(RuntimeError) as error:
            y.sum().backward()
    text = str(error.value)
    assert text.startswith("Sqrt: backward returned NaN in the gradient for input 0. Its forward")
    line = zero_times_infinity.__code__.co_firstlineno + 2
    assert f"{__file__}, line {line}, in zero_times_infinity" in text
    assert "mc.sqrt(x) * 0  # this line is to be named" in text


def test_a_nan_that_came_from_above_is_told_from_one_made_here():
    with detect_anomaly():
        x = mc.tensor([1.0], requires_grad=True)
        y = x * 2
        with pytest.raises(RuntimeError, match=r"Mul: .*there was NaN in the δ it received"):
            y.backward(mc.tensor([float("nan")]))


def test_without_a_forward_inside_the_line_is_not_known():
    _, y = zero_times_infinity()
    with detect_anomaly(), pytest.raises(RuntimeError, match="run it under detect_anomaly too"):
        y.sum().backward()


def test_what_pytorch_raises_minicnn_raises():
    torch = pytest.importorskip("torch")
    for m in (mc, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, that this mode takes time
            anomaly = m.autograd.detect_anomaly()
        with anomaly:
            y = m.sqrt(m.tensor([0.0], requires_grad=True)) * 0
            with pytest.raises(RuntimeError, match="Sqrt"):
                y.backward()


def test_outside_and_with_check_nan_off_nothing_is_raised():
    _, y = zero_times_infinity()
    y.sum().backward()
    with detect_anomaly(check_nan=False):
        x, y = zero_times_infinity()
        y.sum().backward()
    assert x.grad[0].isnan().item()


def test_infinity_and_what_no_input_wants_are_no_anomaly():
    with detect_anomaly():
        x = mc.tensor([0.0], requires_grad=True)
        mc.sqrt(x).backward(mc.tensor([1.0]))
        assert x.grad.item() == float("inf")
        # The gradient for the constant bound would be NaN, but nobody asked for it.
        z = mc.tensor([1.0], requires_grad=True)
        (z * mc.tensor([float("inf")])).backward(mc.tensor([0.5]))
        assert z.grad.item() == float("inf")


def test_as_a_decorator_and_with_a_user_function():
    class Broken(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x + 1

        @staticmethod
        def backward(ctx, delta):
            return delta * float("nan")

    @detect_anomaly()
    def step():
        Broken.apply(mc.ones(2, requires_grad=True)).sum().backward()

    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"Broken: .* in step: Broken\.apply"):
            step()


def test_a_recorder_that_was_there_sees_everything():
    seen = []

    class Watch:
        def forward(self, node, operation, inputs, outputs):
            seen.append(f"forward {operation.name}")

        def backward(self, node, deltas, gradients):
            seen.append(f"backward {node.operation.name}")

        def accumulate(self, leaf, delta):
            seen.append("accumulate")

    with record(Watch()), detect_anomaly():
        x = mc.ones(1, requires_grad=True)
        mc.exp(x).backward()
    assert seen == ["forward Exp", "backward Exp", "accumulate"]


def test_watching_keeps_no_graph_alive():
    with detect_anomaly():
        x = mc.ones(1, requires_grad=True)
        y = mc.exp(x)
        node = weakref.ref(y.grad_fn)
        gc.disable()
        try:
            del y
            assert node() is None
        finally:
            gc.enable()
