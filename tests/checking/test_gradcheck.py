"""gradcheck passes what is right and catches what is not."""

import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.checking import GradcheckError
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
    with pytest.raises(GradcheckError, match=r"1 of 6 elements. First at \(1, 2\)"):
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
    with pytest.raises(ValueError, match="does fn detach"):
        mc.gradcheck(lambda t: t.detach() * 2, (x,))
