"""Initial values: their statistics, PyTorch's bounds and refusals, and what is not random."""

import math

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.nn import init
from minicnn.random import Generator


def many(*shape, dtype=mc.float64):
    return mc.empty(*shape, dtype=dtype)


def variance_of(values, expected, kurtosis):
    """The sample variance lies within 5 of its standard deviations of what is expected."""
    n = values.size
    assert abs(values.var() / expected - 1) < 5 * math.sqrt((kurtosis - 1) / n)
    assert abs(values.mean()) < 5 * math.sqrt(expected / n)


UNIFORM, NORMAL = 1.8, 3.0  # the fourth moment over the squared variance

# name: (function, its variance for a weight (60, 40, 3, 2): fan_in 240, fan_out 360, kurtosis)
VARIANCES = {
    "uniform": (lambda t: init.uniform_(t, -2, 2), 16 / 12, UNIFORM),
    "normal": (lambda t: init.normal_(t, 0, 0.3), 0.09, NORMAL),
    "xavier uniform": (lambda t: init.xavier_uniform_(t, 2), 4 * 2 / 600, UNIFORM),
    "xavier normal": (lambda t: init.xavier_normal_(t, 0.5), 0.25 * 2 / 600, NORMAL),
    "kaiming uniform": (lambda t: init.kaiming_uniform_(t), 2 / 240, UNIFORM),
    "kaiming uniform, slope": (
        lambda t: init.kaiming_uniform_(t, math.sqrt(5)),
        2 / 6 / 240,
        UNIFORM,
    ),
    "kaiming normal": (
        lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
        2 / 360,
        NORMAL,
    ),
    "kaiming normal, mode in capitals": (
        lambda t: init.kaiming_normal_(t, mode="FAN_OUT", nonlinearity="tanh"),
        25 / 9 / 360,
        NORMAL,
    ),
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("dtype", [mc.float64, mc.float32])
def test_variances(name, dtype):
    function, expected, kurtosis = VARIANCES[name]
    tensor = many(60, 40, 3, 2, dtype=dtype)
    assert function(tensor) is tensor
    variance_of(tensor.array.astype(np.float64), expected, kurtosis)
    if kurtosis == UNIFORM:
        bound = math.sqrt(3 * expected)
        assert 0.99 * bound < np.abs(tensor.array).max() <= np.float32(bound)


@pytest.mark.parity
@pytest.mark.parametrize("name", VARIANCES)
def test_distributions_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    function = VARIANCES[name][0]
    mine = np.sort(function(many(60, 40, 3, 2)).array.ravel())
    torch.manual_seed(0)
    theirs = torch.empty(60, 40, 3, 2, dtype=torch.float64)
    code = function.__code__.replace()
    function = type(function)(code, {"init": torch.nn.init, "math": math})
    theirs = np.sort(function(theirs).numpy().ravel())
    # Kolmogorov and Smirnov: the largest distance of the two empirical distributions.
    both = np.concatenate([mine, theirs])
    ranks = [np.searchsorted(v, both, side="right") / v.size for v in (mine, theirs)]
    assert np.abs(ranks[0] - ranks[1]).max() < 1.95 * math.sqrt(2 / mine.size)


@pytest.mark.parametrize("bounds", [(-0.5, 2.0), (1.0, 3.0), (2.5, 4.0), (-1e-3, 1e-3)])
def test_truncated_normal(bounds, recwarn):
    a, b = bounds
    values = init.trunc_normal_(many(40000), 0.2, 0.9, a, b).array
    assert a <= values.min() and values.max() <= b
    # The distribution function, of a truncated normal and of the sample.
    points = np.linspace(a, b, 9)
    phi = np.array([math.erf((p - 0.2) / 0.9 / math.sqrt(2)) for p in points])
    expected = (phi - phi[0]) / (phi[-1] - phi[0])
    found = (values[:, None] <= points).mean(0)
    np.testing.assert_allclose(found, expected, atol=5 * 0.5 / math.sqrt(values.size))
    assert len(recwarn) == (a == 2.5)
    if recwarn:
        assert "more than two standard deviations" in str(recwarn[0].message)
    narrow = init.trunc_normal_(many(1000, dtype=mc.float32), std=1.0, a=-0.1, b=0.1).array
    assert np.abs(narrow).max() <= np.float32(0.1)


def test_generators_decide():
    one, two = (
        [
            init.normal_(many(3), generator=g).tolist(),
            init.orthogonal_(many(3, 2), generator=g).tolist(),
            init.sparse_(many(5, 2), 0.4, generator=g).tolist(),
            init.trunc_normal_(many(3), generator=g).tolist(),
        ]
        for g in (mc.Generator(3), mc.Generator(3))
    )
    assert one == two
    assert init.normal_(many(3)).tolist() != init.normal_(many(3)).tolist()


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (4, 2, 3, 3), (1, 1)])
def test_orthogonal(shape):
    tensor = init.orthogonal_(many(*shape), gain=1.5)
    matrix = tensor.array.reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 2.25 * np.eye(len(matrix)), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations():
    # Without the signs of R's diagonal, the first entry would never be positive.
    first = [init.orthogonal_(many(2, 2)).array[0, 0] for _ in range(400)]
    assert abs(np.mean(np.sign(first))) < 5 / math.sqrt(400)
    assert abs(np.mean(np.square(first)) - 0.5) < 5 * math.sqrt(1 / 8 / 400)


def test_sparse():
    tensor = init.sparse_(many(40, 300), sparsity=0.21, std=0.5)
    zeros = tensor.array == 0
    assert (zeros.sum(0) == 9).all()
    assert zeros.any(1).all()  # not always the same rows
    variance_of(tensor.array[~zeros], 0.25, NORMAL)


EXACT = {
    "constant": ((3, 4), lambda i, t: i.constant_(t, 2.5)),
    "zeros": ((3, 4), lambda i, t: i.zeros_(t)),
    "ones": ((), lambda i, t: i.ones_(t)),
    "eye": ((3, 5), lambda i, t: i.eye_(t)),
    "dirac 1d": ((4, 3, 5), lambda i, t: i.dirac_(t)),
    "dirac 2d": ((3, 5, 4, 3), lambda i, t: i.dirac_(t)),
    "dirac 3d": ((3, 2, 3, 2, 3), lambda i, t: i.dirac_(t)),
    "dirac groups": ((6, 2, 3), lambda i, t: i.dirac_(t, 3)),
    "dirac groups of few": ((6, 4, 3), lambda i, t: i.dirac_(t, groups=2)),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", EXACT)
def test_what_is_not_random_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    shape, function = EXACT[name]
    results = [
        function(module.nn.init, module.zeros(shape, requires_grad=True)) for module in (mc, torch)
    ]
    assert results[0].requires_grad and results[0].is_leaf
    np.testing.assert_array_equal(*[r.detach().numpy() for r in results])


@pytest.mark.parity
def test_gains_are_pytorchs():
    torch = pytest.importorskip("torch")
    names = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid"
    for name in (*names.split(), "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0, 0.3, -2.0):
        assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain(
            "leaky_relu", slope
        )


ERRORS = {
    "fans of a vector": (
        lambda m: m.nn.init.xavier_uniform_(m.zeros(3)),
        ValueError,
        r"at least 2 dimensions \(out, in, …\), got \(3,\)",
    ),
    "kaiming of a vector": (
        lambda m: m.nn.init.kaiming_normal_(m.zeros(3)),
        ValueError,
        "at least 2 dimensions",
    ),
    "mode": (
        lambda m: m.nn.init.kaiming_normal_(m.zeros(3, 3), mode="fan_inn"),
        ValueError,
        "mode must be one of 'fan_in', 'fan_out'; got 'fan_inn', did you mean 'fan_in'",
    ),
    "nonlinearity": (
        lambda m: m.nn.init.kaiming_normal_(m.zeros(3, 3), nonlinearity="rellu"),
        ValueError,
        "got 'rellu', did you mean 'relu'",
    ),
    "slope": (
        lambda m: m.nn.init.calculate_gain("leaky_relu", True),
        ValueError,
        "the slope must be a number, got True",
    ),
    "eye": (lambda m: m.nn.init.eye_(m.zeros(3)), ValueError, r"eye_: .* 2 dimensions, got \(3,\)"),
    "dirac": (lambda m: m.nn.init.dirac_(m.zeros(3, 3)), ValueError, "dirac_: .* 3, 4 or 5"),
    "dirac groups": (
        lambda m: m.nn.init.dirac_(m.zeros(3, 3, 3), 2),
        ValueError,
        "groups=2 must divide the 3 output channels",
    ),
    "orthogonal": (lambda m: m.nn.init.orthogonal_(m.zeros(3)), ValueError, "at least 2 dim"),
    "sparse": (lambda m: m.nn.init.sparse_(m.zeros(3), 0.1), ValueError, "sparse_: .* 2 dimensi"),
    "uniform": (lambda m: m.nn.init.uniform_(m.zeros(3), 2, 1), RuntimeError, "expected a ≤ b"),
    "normal": (
        lambda m: m.nn.init.normal_(m.zeros(3), 0, -1),
        RuntimeError,
        "std must be at least",
    ),
    "integers": (
        lambda m: m.nn.init.normal_(m.zeros(3, dtype=m.int64)),
        RuntimeError,
        "normal_: expected a floating-point tensor, got int64",
    ),
    "truncated, no width": (
        lambda m: m.nn.init.trunc_normal_(m.zeros(3), std=0.0),
        Exception,
        "std must be greater than 0",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_arguments_are_refused(name):
    call, error, text = ERRORS[name]
    with pytest.raises((ValueError, TypeError), match=text) as info:
        call(mc)
    assert isinstance(info.value, error)


@pytest.mark.parity
@pytest.mark.parametrize("name", ERRORS)
def test_pytorch_refuses_the_same(name):
    torch = pytest.importorskip("torch")
    call, error, _ = ERRORS[name]
    with pytest.raises(error):
        call(torch)


def test_more_is_refused():
    with pytest.raises(ValueError, match="trunc_normal_: expected a ≤ b"):
        init.trunc_normal_(many(3), a=1, b=0)
    with pytest.raises(TypeError, match="zeros_: expected a tensor, got list"):
        init.zeros_([1.0])
    with pytest.raises(ValueError, match="ones_: this tensor's memory is read-only"):
        init.ones_(mc.zeros(1).expand(3))
    with pytest.raises(ValueError, match=r"fan out of shape \(0, 0\) are both 0"):
        init.xavier_normal_(many(0, 0))
    with pytest.warns(
        UserWarning, match=r"kaiming_uniform_: shape \(0, 3\) has nothing to initialise"
    ):
        init.kaiming_uniform_(many(0, 3))
    assert init.orthogonal_(many(0, 3)).shape == (0, 3)


def test_a_tensor_that_backward_needs_is_protected():
    w = mc.ones(2, 2, requires_grad=True)
    loss = (w * w).sum()
    init.eye_(w)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_together_draws_only_what_was_not_overwritten():
    layers = [nn.Linear(300, 300) for _ in range(4)]
    before = [layer.weight.detach().numpy().copy() for layer in layers]
    with init.together():
        for layer in layers:
            init.uniform_(layer.weight, 5.0, 6.0)
        init.normal_(layers[0].weight, 100.0, 1.0)
        init.zeros_(layers[1].weight)
        with mc.no_grad():
            layers[2].weight.copy_(mc.full((300, 300), 7.0))
        for layer, values in zip(layers[:1] + layers[3:], before[:1] + before[3:], strict=True):
            assert (layer.weight.detach().numpy() == values).all()  # nothing was drawn yet
    normal, zeros, copied, uniform = (layer.weight.detach().numpy() for layer in layers)
    assert normal.mean() == pytest.approx(100, abs=0.1) and normal.std() == pytest.approx(1, 0.05)
    assert (zeros == 0).all() and (copied == 7).all()
    assert uniform.min() >= 5 and uniform.max() <= 6 and uniform.std() > 0.2


def test_together_with_a_generator_or_another_end():
    layer, generator = nn.Linear(5, 5), Generator(3)
    with init.together():
        init.normal_(layer.weight, generator=generator)
        now = layer.weight.detach().numpy().copy()
    assert (layer.weight.detach().numpy() == now).all()
    expected = init.normal_(mc.empty(5, 5), generator=Generator(3))
    assert (now == expected.numpy()).all()
    with init.together() as notes:
        init.zeros_(layer.weight)
        init.normal_(layer.weight)
        notes.clear()
    assert not layer.weight.any()
    with pytest.raises(KeyError), init.together():
        init.normal_(layer.weight)
        raise KeyError
    assert not layer.weight.any()
    init.normal_(layer.weight)  # at once again
    assert layer.weight.any()


def test_together_depends_on_the_seed_only():
    def drawn(seed):
        mc.manual_seed(seed)
        with init.together():
            model = nn.Sequential(nn.Linear(500, 400), nn.Linear(400, 3))
        return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])

    assert (drawn(1) == drawn(1)).all() and (drawn(1) != drawn(2)).mean() > 0.99
