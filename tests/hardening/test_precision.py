"""float32 beside float64, for every operation; and the delicate ones at extreme inputs.

The bounds are in ε = 2⁻²³ of the largest number on the way (`precision.py`), and are about twice
what is measured: `python tests/hardening/precision.py` prints that.
"""

import math

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F

EPS = float(np.finfo(np.float32).eps)

# Of the results and of the gradients.
BOUND = (4.0, 6.0)
LARGER = {
    # Nearly equal numbers are divided by their small standard deviation, twice in the gradient.
    "nn.functional.layer_norm": (60, 4000),
    "nn.functional.instance_norm": (8, 32),
    "nn.functional.group_norm": (8, 32),
    "nn.functional.batch_norm": (8, 8),
    # The places between pixels are computed in float32, as PyTorch does.
    "nn.functional.interpolate": (16, 12),
    "nn.functional.conv_transpose2d": (4, 16),
}


def names():
    torch = pytest.importorskip("torch")
    assert torch
    import precision

    return precision.operations()


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
def test_float32_of_every_operation_is_near_float64():
    listed = names()
    import precision

    assert len(listed) > 90 and {"exp", "matmul", "nn.functional.conv2d", "softmax"} <= set(listed)
    assert set(LARGER) <= set(listed)
    wrong = []
    for name in listed:
        worst, count = precision.largest(name, calls=8)
        bounds = LARGER.get(name, BOUND)
        if count == 0 or any(w > b for w, b in zip(worst, bounds, strict=True)):
            wrong.append((name, worst, bounds, count))
    assert not wrong, wrong


@pytest.mark.parity
def test_no_operation_is_left_out_without_a_reason():
    names()
    import precision
    from table import TABLE

    functions = {
        n
        for n in TABLE
        if " (" not in n
        and not n.startswith(("Tensor.", "operator", "optim.", "autograd.", "nn.i"))
    }
    functions -= {n for n in functions if n.startswith("nn.utils.")}
    random = {n for n in functions if TABLE[n].compare is not None}
    assert functions - random == set(precision.operations()) | (
        set(precision.LEFT_OUT) & functions - random
    )


# ---------------------------------------------------------------------- against exact numbers

mpmath = pytest.importorskip("mpmath")

EXTREME = [
    0.0, -0.0, 1e-45, -1e-45, 1e-38, 1e-7, -1e-7, 1e-3, 0.5, 1.0, -1.0, 3.0, -3.0, 10.0, -10.0,
    17.3, -17.3, 50.0, -50.0, 87.0, -87.0, 88.8, -88.8, 103.0, -103.0, 1e3, -1e3, 1e6, -1e6, 1e30,
    -1e30, 3.4e38, -3.4e38,
]  # fmt: skip


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def softplus(x):
    return mpmath.log1p(mpmath.exp(x)) if x < 10_000 else x


# Exact functions of one number; and the error that float32 may have, in units of the last place.
POINTWISE = {
    "sigmoid": (F.sigmoid, sigmoid, 3),
    "tanh": (F.tanh, mpmath.tanh, 2),
    "softplus": (F.softplus, softplus, 2),
    "silu": (F.silu, lambda x: x * sigmoid(x), 4),
    "gelu": (F.gelu, lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2, 4),
    "exp": (mc.exp, mpmath.exp, 2),
    "elu": (F.elu, lambda x: x if x > 0 else mpmath.expm1(x), 2),
}


def exact(function, x):
    """The float64 next to what `function` of the number gives, of 400 binary digits."""
    with mpmath.workprec(400):
        if abs(x) > 1e5:  # e^1e30 has too many digits even there
            x = mpmath.mpf(math.copysign(1e5, x)) if function is not softplus else mpmath.mpf(x)
        return float(function(mpmath.mpf(x)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", POINTWISE)
def test_one_number(name, dtype):
    function, true, ulps = POINTWISE[name]
    values = np.array(EXTREME).astype(dtype)
    with np.errstate(all="ignore"):
        found = np.asarray(function(mc.tensor(values, dtype=getattr(mc, dtype))))
    info = np.finfo(dtype)
    for x, y in zip(values.tolist(), found.tolist(), strict=True):
        expected = exact(true, x)
        if abs(x) > 1e5 and name in ("silu", "gelu", "elu") and x > 0:
            expected = x
        if abs(expected) > float(info.max):
            assert y == math.inf or y == float(info.max), (x, y)
            continue
        # A factor below the normal numbers has fewer digits; erfc magnifies what its argument lost.
        least = float(info.smallest_subnormal) * max(1, min(abs(x), 1e4))
        condition = 1 + x * x if name == "gelu" and x < 0 else 1
        unit = max(abs(expected) * condition * float(info.eps), least)
        assert abs(y - expected) <= ulps * unit, (name, x, y, expected)


ROWS = [
    [0.0, 0.0, 0.0],
    [1e4, 0.0, -1e4],
    [1e30, 1e30, -1e30],
    [-1e30, -1e30, -1e30],
    [3.4e38, -3.4e38, 0.0],
    [88.0, 88.5, -88.0],
    [1e-45, 0.0, -1e-45],
    [-103.9, -104.0, 5.0],
    [16777216.0, 16777217.0, 16777215.0],
    [0.1, 0.2, 0.30000001],
]


def exact_log_softmax(row):
    with mpmath.workprec(4000):
        row = [mpmath.mpf(x) for x in row]
        most = max(row)
        total = mpmath.log(sum(mpmath.exp(x - most) for x in row))
        return [x - most - total for x in row], most + total


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_and_its_logarithm(row, dtype):
    x = np.array([row]).astype(dtype)
    values = x[0].tolist()
    logarithms, total = exact_log_softmax(values)
    tensor = mc.tensor(x, dtype=getattr(mc, dtype))
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).smallest_subnormal)
    found = np.asarray(F.log_softmax(tensor, 1))[0]
    for y, expected in zip(found.tolist(), logarithms, strict=True):
        limit = float(np.finfo(dtype).max)
        if expected < -limit:
            assert y in (-math.inf, -limit)
            continue
        assert abs(y - float(expected)) <= 2 * eps * max(1e-3, abs(float(expected)))
    found = np.asarray(F.softmax(tensor, 1))[0]
    for y, logarithm in zip(found.tolist(), logarithms, strict=True):
        # e^z turns an error of ε in z into a share of ε · |z|.
        share = 4 * eps * (1 + min(200, abs(float(max(logarithm, -1e4)))))
        expected = float(mpmath.exp(max(logarithm, -2000)))
        assert abs(y - expected) <= max(share * expected, tiny), (y, expected)
    assert abs(float(mc.logsumexp(tensor, 1).item()) - float(total)) <= 2 * eps * max(
        1e-3, abs(float(total))
    )


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("target", [0, 1, 2])
def test_cross_entropy_and_its_gradient(row, target):
    x = mc.tensor([row], requires_grad=True)
    logarithms, _ = exact_log_softmax(x.detach().numpy()[0].tolist())
    loss = F.cross_entropy(x, mc.tensor([target]))
    expected = -float(logarithms[target])
    if expected > 3.4e38:
        assert loss.item() == math.inf or loss.item() > 3.3e38
    else:
        assert abs(loss.item() - expected) <= 2 * EPS * max(1e-3, abs(expected))
    loss.backward()
    for k, slope in enumerate(x.grad.numpy()[0].tolist()):
        q = float(mpmath.exp(max(logarithms[k], -2000))) - (k == target)
        assert abs(slope - q) <= 200 * EPS * max(abs(q), EPS), (row, k, slope, q)


@pytest.mark.parametrize("z", EXTREME)
@pytest.mark.parametrize("y", [0.0, 1.0, 0.3])
def test_binary_cross_entropy_with_logits(z, y):
    logit = mc.tensor([z], requires_grad=True)
    z32, y32 = logit.item(), float(np.float32(y))
    loss = F.binary_cross_entropy_with_logits(logit, mc.tensor([y]))
    with mpmath.workprec(400):
        z_ = mpmath.mpf(z32)
        rest = mpmath.log1p(mpmath.exp(-abs(z_))) if abs(z_) < 10_000 else mpmath.mpf(0)
        expected = float(max(z_, 0) - z_ * mpmath.mpf(y32) + rest)
    assert abs(loss.item() - expected) <= 2 * EPS * max(abs(expected), abs(z32) * (y == 0.3), 1e-38)
    loss.backward()
    slope = exact(sigmoid, z32) - y32
    assert abs(logit.grad.item() - slope) <= 3 * EPS * max(abs(slope), y32, 1e-38)


@pytest.mark.parametrize("shift", [0, 1e3, 1e5, 1e7])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e3])
def test_the_variance_of_batch_norm_keeps_its_digits(rng, shift, spread):
    """E[x²] − μ² would lose them all where μ is large against σ."""
    x = (shift + spread * rng.standard_normal((8, 3, 5, 5))).astype(np.float32)
    exact_x = x.astype(np.float64)
    mean, var = exact_x.mean((0, 2, 3)), exact_x.var((0, 2, 3))
    running = mc.zeros(3), mc.ones(3)
    y = F.batch_norm(mc.tensor(x), *running, training=True, momentum=1.0, eps=1e-5)
    np.testing.assert_allclose(np.asarray(running[0]), mean, rtol=2 * EPS, atol=2 * EPS * spread)
    unbiased = var * 200 / 199
    # The mean is rounded to float32, which adds (ε · shift)² to a variance.
    allowed = 8 * EPS * unbiased + (EPS * shift) ** 2
    assert (abs(np.asarray(running[1]) - unbiased) <= allowed).all()
    expected = (exact_x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    error = abs(np.asarray(y) - expected).max()
    assert error <= 16 * EPS * (1 + shift / math.sqrt(spread**2 + 1e-5))
