"""gradcheck passes what is right and catches what is not."""

import re

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.checking import GradcheckError, NotDifferentiableError
from minicnn.checking.report import seen_by
from minicnn.ops.activation import ReLU
from minicnn.ops.convolution import Conv2d
from minicnn.tensor import apply


class Rotated(Conv2d):
    """A convolution whose backward forgets rot180."""

    def backward(self, delta):
        w = self.w
        self.w = w[:, :, ::-1, ::-1].copy()
        dx, dw = super().backward(delta)
        self.w = w
        return dx, dw


class Reversed(Conv2d):
    """A convolution whose ∂L/∂W comes out reversed."""

    def backward(self, delta):
        dx, dw = super().backward(delta)
        return dx, dw[:, :, ::-1, ::-1].copy()


class IgnoresDelta(Conv2d):
    """A backward that takes δ for 1."""

    def backward(self, delta):
        return super().backward(delta * 0 + 1)


class Shuffled(Conv2d):
    """A backward that mixes up the samples of the batch."""

    def backward(self, delta):
        dx, dw = super().backward(delta)
        return dx[::-1].copy(), dw


def inputs(rng):
    x = mc.tensor(rng.standard_normal((2, 2, 5, 4)), requires_grad=True)
    w = mc.tensor(rng.standard_normal((2, 2, 3, 3)), requires_grad=True)
    return x, w


@pytest.mark.parametrize("wrong", [Rotated, Reversed, IgnoresDelta, Shuffled])
def test_wrong_backwards_are_caught(wrong, rng):
    def fn(x, w):
        return apply(wrong((1, 1), (1, 1)), x, w)

    assert mc.gradcheck(lambda x, w: F.conv2d(x, w, padding=1), inputs(rng))
    with pytest.raises(GradcheckError, match=r"input [01].*backward says .*differences say"):
        mc.gradcheck(fn, inputs(rng))
    assert mc.gradcheck(fn, inputs(rng), raise_exception=False) is False


def test_the_message_says_where(rng):
    class OneWrong(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, delta):
            result = delta * 2
            result[1, 2] += 1
            return result

    x = mc.tensor(rng.standard_normal((2, 3)), requires_grad=True)
    with pytest.raises(GradcheckError, match=r"1 of 6 elements \(17%\). First at \(1, 2\)"):
        mc.gradcheck(OneWrong.apply, (x,))


def test_inputs_are_left_as_they_were(rng):
    x = mc.tensor(rng.standard_normal(4), requires_grad=True)
    before = x.tolist()
    mc.gradcheck(lambda t: (t * t, t.sum()), (x,))
    assert x.tolist() == before
    assert x.grad is None


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(TypeError, match="input 0 is float32; finite differences need float64"):
        mc.gradcheck(mc.exp, (mc.ones(2, requires_grad=True),))
    with pytest.raises(ValueError, match="none of the inputs requires grad"):
        mc.gradcheck(mc.exp, (mc.ones(2, dtype=mc.float64),))
    x = mc.ones(2, dtype=mc.float64, requires_grad=True)
    with pytest.raises(ValueError, match="does func detach"):
        mc.gradcheck(lambda t: t.detach() * 2, (x,))


# ------------------------------------------------------------------------------ what is reported


def twice(wrong_backward):
    """y = 2x, with a backward of one's own."""

    class Twice(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, delta):
            return wrong_backward(delta)

    return Twice.apply


def numbers(rng, *shape, dtype=mc.float64):
    return mc.tensor(rng.standard_normal(shape), dtype=dtype, requires_grad=True)


def message(*args, **kwargs):
    with pytest.raises(GradcheckError) as info:
        mc.gradcheck(*args, **kwargs)
    return info.value


def test_the_error_has_attributes(rng):
    error = message(twice(lambda delta: delta * 3), numbers(rng, 2, 3))
    assert (error.input, error.index, error.share, error.window) == (0, (0, 0), 1.0, None)
    np.testing.assert_allclose(error.got, 1.5 * error.expected, rtol=1e-5)
    assert "backward is 1.5 times what it should be, everywhere" in str(error)
    assert isinstance(error, AssertionError) and isinstance(error, RuntimeError)


def test_a_backward_that_is_not_linear_in_delta(rng):
    error = message(twice(lambda delta: delta * delta), numbers(rng, 2, 3))
    assert "is wrong in 6 of 6" in str(error) and "not linear in δ" in str(error)
    error = message(twice(lambda delta: mc.ones_like(delta)), numbers(rng, 2, 3))
    assert "not linear in δ: the gradient of input 0 for δ + 2δ'" in str(error)


@pytest.mark.parametrize("options", [{}, {"fast_mode": True}])
def test_a_backward_that_is_right_for_one_delta_only(options, rng):
    known = {}

    def remembers(delta):
        known.setdefault("first", delta)
        return 2 * known["first"]

    error = message(twice(remembers), numbers(rng, 2, 3), **options)
    assert "right for some δ, but not for all" in str(error)


@pytest.mark.parametrize("mode", ["fast_mode", "whole_jacobian"])
def test_the_other_modes_report_as_well(mode, rng):
    x = numbers(rng, 2, 3)
    assert mc.gradcheck(lambda t: (t * t, mc.exp(t).sum(0)), (x,), **{mode: True})
    error = message(twice(lambda delta: 2 * delta + 0.1 * delta.flip(0)), x, **{mode: True})
    assert "is wrong in" in str(error) and error.index is not None
    if mode == "whole_jacobian":
        assert "with δ = 1 at (0, 0) of output 0, else 0" in str(error)
        assert (error.got, error.index) == (pytest.approx(0.1), (1, 0))


def test_fast_mode_is_fast(rng):
    calls = []

    def func(t):
        calls.append(1)
        return t * t

    assert mc.gradcheck(func, numbers(rng, 30, 30), fast_mode=True)
    assert len(calls) < 10


def test_a_kink_is_not_blamed_on_backward():
    x = mc.tensor([1.0, 0.0, -1.0], dtype=mc.float64, requires_grad=True)
    error = message(mc.relu, x)
    assert isinstance(error, NotDifferentiableError)
    text = r"not differentiable here: with respect to input 0 at \(1,\) the slope is .* to the left"
    assert re.search(text, str(error)) and "in 1 of 3 elements" in str(error)
    assert mc.gradcheck(mc.relu, x, ties="first")


def test_a_tie_is_not_blamed_on_backward():
    x = mc.zeros(1, 1, 2, 3, dtype=mc.float64, requires_grad=True)
    with pytest.raises(NotDifferentiableError, match="a kink or a tie"):
        mc.gradcheck(lambda t: F.max_pool2d(t, 2, 1), x)
    assert mc.gradcheck(lambda t: F.max_pool2d(t, 2, 1), x, ties="first")


def test_a_kink_nearby_is_stepped_around():
    x = mc.tensor([3e-7, -4e-7], dtype=mc.float64, requires_grad=True)
    assert mc.gradcheck(mc.relu, x)


def test_a_wrong_backward_is_blamed_in_spite_of_a_kink_elsewhere():
    x = mc.tensor([1.0, 0.0, -1.0], dtype=mc.float64, requires_grad=True)
    error = message(lambda t: mc.relu(t) + twice(lambda d: d * 5)(t), x)
    assert not isinstance(error, NotDifferentiableError)
    assert "is wrong in 2 of 3 elements (67%)" in str(error)
    assert "1 elements where the function has no derivative were left out" in str(error)


def test_a_strong_curve_is_no_kink():
    x = mc.tensor([0.0, 0.1], dtype=mc.float64, requires_grad=True)
    assert mc.gradcheck(lambda t: mc.sin(300 * t), x, eps=1e-4, atol=0.2)


def test_windows_are_named(rng):
    x, w = numbers(rng, 1, 1, 7, 8), numbers(rng, 1, 1, 3, 3)
    layer = {"kernel_size": 3, "stride": 2, "padding": 1}

    class OneWrong(Conv2d):
        def backward(self, delta):
            dx, dw = super().backward(delta)
            if self.wrong == 0:
                dx[0, 0, 3, 4] += 1
            else:
                dw[0, 0, 2, 0] += 1
            return dx, dw

    def func(wrong):
        def run(x, w):
            operation = OneWrong((2, 2), (1, 1))
            operation.wrong = wrong
            return apply(operation, x, w)

        return run

    # Output 1 looks at rows 1 … 3, output 2 at rows 3 … 5; both of them for columns, too.
    error = message(func(0), (x, w), window=layer)
    assert "(0, 0, 3, 4) lies in the windows of output rows 1, 2 and columns 2" in str(error)
    assert error.window is not None
    error = message(func(1), (x, w), window=mc.nn.Conv2d(1, 1, 3, 2, 1))
    assert "(0, 0, 2, 0) meets input row 2·i+1 and column 2·j-1 in the window of" in str(error)


def test_an_element_that_no_window_reaches():
    options = {"kernel_size": 3, "stride": 3}
    assert seen_by(0, (0, 0, 6, 3), (1, 1, 8, 8), options) == "(0, 0, 6, 3) lies in no window"
    whole = options | {"ceil_mode": True}
    assert "output rows 2 and columns 1" in seen_by(0, (0, 0, 6, 3), (1, 1, 8, 8), whole)
    assert "rows 0 … 2 and columns 1 … 3" in seen_by(0, (0, 2, 3), (1, 8, 8), {"kernel_size": 3})
    assert seen_by(1, (0,), (4,), options) is None


def test_a_pooling_layer_names_its_windows(rng):
    class Shifted(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return F.avg_pool2d(x, 2)

        @staticmethod
        def backward(ctx, delta):
            return mc.zeros(1, 1, 4, 5, dtype=mc.float64)

    error = message(Shifted.apply, numbers(rng, 1, 1, 4, 5), window=mc.nn.AvgPool2d(2))
    assert error.window == "(0, 0, 0, 0) lies in the windows of output rows 0 and columns 0"


# ---------------------------------------------------------------------- what must always hold


def test_a_forward_that_draws_numbers(rng):
    def noisy(t):
        return t + mc.randn(3, dtype=mc.float64)

    assert "func gives different results for the same inputs" in str(
        message(noisy, numbers(rng, 3))
    )

    def nearly(t):
        return t + 1e-9 * mc.rand(3, dtype=mc.float64)

    assert mc.gradcheck(nearly, numbers(rng, 3), nondet_tol=1e-6, atol=1e-2)


def test_a_backward_that_draws_numbers(rng):
    error = message(twice(lambda delta: delta * mc.rand(3, dtype=mc.float64)), numbers(rng, 3))
    assert "backward gives different gradients of input 0 for the same δ" in str(error)


def test_inputs_must_stay_as_they_are(rng):
    def changes(t):
        result = t * 1
        t.array[0] += 1
        return result

    assert "func changed the values of input 0" in str(message(changes, numbers(rng, 3)))

    class ChangesInput(ReLU):
        def forward(self, x):
            self.x = x
            return super().forward(x)

        def backward(self, delta):
            self.x[...] = 0
            return delta

    text = "backward changed the values of input 0"
    assert text in str(message(lambda t: apply(ChangesInput(), t), numbers(rng, 3)))


def test_delta_must_stay_as_it_is(rng):
    class ChangesDelta(ReLU):
        def backward(self, delta):
            delta *= self.y > 0
            return delta

    text = "backward changed the values of δ"
    assert text in str(message(lambda t: apply(ChangesDelta(), t), numbers(rng, 30)))


def test_a_gradient_of_another_shape(rng):
    class Flat(ReLU):
        def backward(self, delta):
            return delta.ravel()

    error = message(lambda t: apply(Flat(), t), numbers(rng, 2, 3))
    assert "backward failed. Flat: backward returned a gradient of shape (6,)" in str(error)
    assert (
        mc.gradcheck(lambda t: apply(Flat(), t), numbers(rng, 2, 3), raise_exception=False) is False
    )


def test_no_mode_changes_the_inputs_or_their_gradients(rng):
    x = numbers(rng, 2, 3)
    before = x.tolist()
    for options in ({}, {"fast_mode": True}, {"whole_jacobian": True}, {"ties": "first"}):
        mc.gradcheck(lambda t: mc.relu(t) * 2, x, **options)
        assert x.tolist() == before and x.grad is None


def test_it_works_under_no_grad_too(rng):
    with mc.no_grad():
        assert mc.gradcheck(mc.tanh, numbers(rng, 3))


def test_computed_inputs_and_lists_of_outputs(rng):
    x = numbers(rng, 3) * 2
    assert mc.gradcheck(lambda t: [t * t, mc.exp(t), t > 0], x)


# --------------------------------------------------------------------------------- precision


def test_float32_when_asked(rng):
    x, w = (numbers(rng, *s, dtype=mc.float32) for s in ((2, 2, 5, 4), (3, 2, 3, 3)))
    convolve = lambda x, w: F.conv2d(x, w, padding=1)  # noqa: E731
    for options in ({}, {"fast_mode": True}):
        assert mc.gradcheck(convolve, (x, w), allow_float32=True, **options)
    wrong = lambda x, w: apply(Rotated((1, 1), (1, 1)), x, w)  # noqa: E731
    assert "is wrong in" in str(message(wrong, (x, w), allow_float32=True))
    with pytest.raises(TypeError, match="or allow_float32=True"):
        mc.gradcheck(convolve, (x, w))


def test_tolerances_and_steps_are_used(rng):
    nearly = twice(lambda delta: delta * 2.01)
    x = numbers(rng, 4)
    message(nearly, x)
    assert mc.gradcheck(nearly, x, rtol=0.1)
    assert mc.gradcheck(nearly, x, atol=0.5)
    # A step of 1 sees (x + 1)³ − (x − 1)³ over 2: 3x² + 1.
    message(lambda t: t**3, x, eps=1.0, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ties": "last"}, "ties must be one of 'first'"),
        ({"fast_mode": True, "whole_jacobian": True}, "exclude each other"),
    ],
)
def test_bad_options_are_refused(options, text, rng):
    with pytest.raises(ValueError, match=text):
        mc.gradcheck(mc.exp, numbers(rng, 2), **options)


def test_read_only_inputs_are_refused(rng):
    with pytest.raises(ValueError, match="input 0 is read-only"):
        mc.gradcheck(mc.exp, numbers(rng, 1).expand(3))


def test_the_same_generator_gives_the_same_check(rng):
    x = numbers(rng, 3)
    errors = [message(twice(lambda d: d), x, generator=mc.Generator(4)) for _ in range(2)]
    assert errors[0].got == errors[1].got
