"""Exercise 14, the grader's side: a residual block with a projection."""

import numpy as np

import minicnn.nn.functional as F
from minicnn.courses.exercise import Call, Derivative, Exercise, Probe, Task, Wrong
from minicnn.creation import tensor


class _Branch:
    """conv 3×3 with the block's stride, ReLU, conv 3×3: a branch, forwards and backwards."""

    def __init__(self, rng, x, maps, stride):
        self.x, self.stride = x, stride
        self.w1 = tensor(rng.standard_normal((3, x.shape[1], 3, 3)) / 3)
        self.w2 = tensor(rng.standard_normal((maps, 3, 3, 3)) / 3)

    def tensor(self, x):
        z = F.conv2d(x, self.w1, stride=self.stride, padding=1)
        return F.conv2d(F.relu(z), self.w2, padding=1)

    def forward(self, x):
        return self.tensor(tensor(x)).numpy()

    def back(self, delta):
        """∂L/∂x of the branch alone; this is what the student may call."""
        x = tensor(self.x, requires_grad=True)
        y = self.tensor(x)
        delta = np.asarray(delta, np.float64)
        if delta.shape != tuple(y.shape):
            raise ValueError(f"expected δ of shape {tuple(y.shape)}, got {delta.shape}")
        y.backward(tensor(delta))
        return x.grad.numpy().copy()


def _arguments(rng, shape, maps, stride):
    x = rng.standard_normal(shape)
    projection = rng.standard_normal((maps, shape[1]))
    branch = _Branch(rng, x, maps, stride)
    total = branch.forward(x) + _shortcut(x, projection, stride)
    # Away from the kink: elements near 0 are moved to a side.
    total = np.where(np.abs(total) < 1e-3, 1e-3, total)
    return {
        "x": x,
        "projection": projection,
        "stride": stride,
        "total": total,
        "delta": rng.standard_normal(total.shape),
        "branch_back": Call(branch.back),
    }


def _probe(title, shape, maps, stride, names):
    def arguments(rng):
        values = _arguments(rng, shape, maps, stride)
        return {name: values[name] for name in names}

    return Probe(title, arguments)


def _probes(*names):
    return (
        _probe("C = F, stride 1", (3, 2, 3, 4), 2, 1, names),
        _probe("C = F, stride 2", (2, 3, 5, 6), 3, 2, names),
        _probe("C ≠ F, stride 2 that does not divide", (2, 2, 6, 7), 3, 2, names),
    )


def _hidden(*names):
    return (
        _probe("one map becomes four", (2, 1, 4, 3), 4, 1, names),
        _probe("stride 3", (2, 3, 7, 5), 3, 3, names),
    )


# ------------------------------------------------------------------------ the right answers


def _shortcut(x, projection, stride):
    weight = tensor(projection.reshape(*projection.shape, 1, 1))  # (F, C) → (F, C, 1, 1)
    return F.conv2d(tensor(x), weight, stride=stride).numpy().copy()


def _ways(x, total, delta, projection, stride):
    """(∂L/∂(both summands), ∂L/∂x by the shortcut, ∂L/∂W_s), by minicnn's backward."""
    before = tensor(total, requires_grad=True)
    F.relu(before).backward(tensor(delta))
    image = tensor(x, requires_grad=True)
    weight = tensor(projection.reshape(*projection.shape, 1, 1), requires_grad=True)
    F.conv2d(image, weight, stride=stride).backward(before.grad)
    dweight = weight.grad.numpy().reshape(projection.shape).copy()
    return before.grad.numpy().copy(), image.grad.numpy().copy(), dweight


def _dx(x, total, delta, projection, stride, branch_back):
    before, dx, _ = _ways(x, total, delta, projection, stride)
    return dx + branch_back.function(before)


def _dprojection(x, total, delta, stride):
    projection = np.zeros((total.shape[1], x.shape[1]))
    return _ways(x, total, delta, projection, stride)[2]


# What the results are derivatives of.


def _block(x, total, projection, stride, branch_back, **_):
    """The block as a function of x. `total` was moved away from 0 here and there: so is this."""
    branch = branch_back.function.__self__
    moved = total - branch.forward(branch.x) - _shortcut(branch.x, projection, stride)
    return np.maximum(branch.forward(x) + _shortcut(x, projection, stride) + moved, 0)


def _of_projection(projection, x, total, delta, stride):
    return np.maximum(total + _shortcut(x, projection, stride), 0)


# --------------------------------------------------------------------- the wrong answers


def _exchanged(projection):
    """Rows and columns exchanged; where that does not fit, the numbers in their order."""
    return np.ascontiguousarray(projection.T).reshape(projection.shape)


def _dx_without(shortcut=True, branch=True, relu=(True, True), change=None):
    """One of the ways left out, or ReLU left out on one of them."""

    def answer(x, total, delta, projection, stride, branch_back):
        open_ = np.abs(total)
        by_shortcut = _ways(x, total if relu[0] else open_, delta, projection, stride)[1]
        before = np.where((total > 0) | (not relu[1]), delta, 0)
        result = np.zeros_like(x)
        if shortcut:
            result += by_shortcut
        if branch:
            result += branch_back.function(before)
        return result

    return answer


def _with_projection(change):
    def answer(projection, **arguments):
        return _dx(projection=change(projection), **arguments)

    return answer


def _repeated(x, total, delta, projection, stride, branch_back):
    """The shortcut's gradient goes to all pixels of a block of stride × stride."""
    right = _ways(x, total, delta, projection, stride)[1]
    dense = right[:, :, ::stride, ::stride].repeat(stride, axis=2).repeat(stride, axis=3)
    before = np.where(total > 0, delta, 0)
    return dense[:, :, : x.shape[2], : x.shape[3]] + branch_back.function(before)


def _value(x, total, delta, projection, stride, branch_back):
    before = delta * np.maximum(total, 0)
    return _dx(x, np.abs(total) + 1, before, projection, stride, branch_back)


def _from_corner(x, stride):
    """The pixels of a window that starts at the top left, without gaps between them."""
    rows, columns = (range(0, n, stride) for n in x.shape[2:])
    moved = np.zeros_like(x)
    moved[:, :, ::stride, ::stride] = x[:, :, : len(rows), : len(columns)]
    return moved


_DX = ("x", "total", "delta", "projection", "stride", "branch_back")
_DPROJECTION = ("x", "total", "delta", "stride")
_SHORTCUT = ("x", "projection", "stride")

EXERCISE = Exercise(
    number=14,
    name="ex14_residual",
    title="a residual block with a projection",
    equations=("residual", "chain-rule"),
    see="minicnn step resnet20 --watch layer2.0 --layer layer2.0 --plain",
    seconds=30.0,
    tasks=(
        Task(
            function="shortcut",
            arguments=_SHORTCUT,
            results=("projected",),
            expected=_shortcut,
            probes=_probes(*_SHORTCUT),
            hidden=_hidden(*_SHORTCUT),
            wrong=(
                Wrong("shortcut-transposed", "W_s with its rows and columns exchanged",
                      lambda x, projection, stride: _shortcut(x, _exchanged(projection), stride)),
                Wrong("shortcut-stride-ignored", "neighbouring pixels, whatever the stride is",
                      lambda x, projection, stride: _shortcut(
                          _from_corner(x, stride), projection, stride)),
                Wrong("shortcut-one-map", "the first input map only, no sum over the others",
                      lambda x, projection, stride: _shortcut(
                          x[:, :1].copy(), projection[:, :1].copy(), stride)),
                Wrong("shortcut-positive", "ReLU of the result: it belongs behind the sum",
                      lambda **a: np.maximum(_shortcut(**a), 0)),
            ),
            linear_in="x",
        ),
        Task(
            function="block_dx",
            arguments=_DX,
            results=("dx",),
            expected=_dx,
            probes=_probes(*_DX),
            hidden=_hidden(*_DX),
            wrong=(
                Wrong("residual-without-shortcut", "δ to the branch only",
                      _dx_without(shortcut=False)),
                Wrong("residual-without-branch", "δ to the shortcut only",
                      _dx_without(branch=False)),
                Wrong("residual-without-relu", "δ as it is, without the last ReLU's slope",
                      _dx_without(relu=(False, False))),
                Wrong("residual-shortcut-without-relu",
                      "the last ReLU's slope on the way to the branch only",
                      _dx_without(relu=(False, True))),
                Wrong("residual-branch-without-relu",
                      "the last ReLU's slope on the way to the shortcut only",
                      _dx_without(relu=(True, False))),
                Wrong("residual-projection-transposed", "W_s δ, not W_sᵀ δ",
                      _with_projection(_exchanged)),
                Wrong("residual-projection-identity", "δ through the shortcut without W_s",
                      _with_projection(lambda w: np.eye(*w.shape))),
                Wrong("residual-repeated",
                      "δ repeated over stride × stride pixels, where the others get 0", _repeated),
                Wrong("residual-relu-value", "ReLU's value in the place of its slope", _value),
            ),
            derivatives={"dx": Derivative(lambda v, **a: _block(**a | {"x": v}),
                                          lambda x, **_: x)},
            linear_in="delta",
        ),
        Task(
            function="projection_gradient",
            arguments=_DPROJECTION,
            results=("dW",),
            expected=_dprojection,
            probes=_probes(*_DPROJECTION),
            hidden=_hidden(*_DPROJECTION),
            wrong=(
                Wrong("projection-without-relu", "δ as it is, without the last ReLU's slope",
                      lambda total, **a: _dprojection(total=np.abs(total), **a)),
                Wrong("projection-transposed", "the result with its rows and columns exchanged",
                      lambda **a: _exchanged(_dprojection(**a))),
                Wrong("projection-mean", "the mean over the batch, not the sum",
                      lambda x, **a: _dprojection(x, **a) / len(x)),
                Wrong("projection-one-sample", "no sum over the batch",
                      lambda x, total, delta, stride: _dprojection(
                          x[:1], total[:1], delta[:1], stride)),
                Wrong("projection-stride-ignored", "δ meets neighbouring pixels of x",
                      lambda x, stride, **a: _dprojection(
                          _from_corner(x, stride), stride=stride, **a)),
                Wrong("projection-of-total", "the sum in the place of δ",
                      lambda total, delta, **a: _dprojection(total=total, delta=total, **a)),
            ),
            derivatives={
                "dW": Derivative(_of_projection,
                                 lambda x, total, **_: np.zeros((total.shape[1], x.shape[1])))
            },
            linear_in="delta",
        ),
    ),
)  # fmt: skip
