"""Statements that circulate in a wrong form, as numbers: the wrong one fails, the right one holds.

One test for each of `minicnn.equations.slips`, with its name.
"""

import numpy as np
import pytest

from minicnn import equations
from minicnn import textbook as tb


@pytest.mark.parametrize("slip", equations.slips, ids=lambda s: s.name)
def test_every_slip_has_a_test(slip):
    name = f"test_slip_{slip.name.replace('-', '_')}"
    assert name in globals(), f"{name} is missing"
    assert equations.get(slip.equation).key == slip.equation
    assert slip.circulates != slip.right


def test_every_test_has_a_slip():
    names = [f"test_slip_{slip.name.replace('-', '_')}" for slip in equations.slips]
    assert [name for name in globals() if name.startswith("test_slip_")] == names


# ------------------------------------------------------------------------- equations 1.4 to 1.16


def test_slip_wide_correlation_commutes(rng):
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 4))
    w_x, x_w = tb.cross_correlate(w, x, "wide"), tb.cross_correlate(x, w, "wide")
    assert w_x.shape == x_w.shape == (6, 6)
    assert not np.allclose(w_x, x_w)
    np.testing.assert_allclose(w_x, tb.rot180(x_w))
    np.testing.assert_allclose(
        tb.cross_correlate(tb.rot180(w), x, "wide"), tb.cross_correlate(tb.rot180(x), w, "wide")
    )
    np.testing.assert_allclose(tb.convolve2d(w, x), tb.convolve2d(x, w))


def test_slip_input_derivative_from_itself(rng, check_gradient):
    """∂f/∂X on the right would not even have the shape: it gives (M + m − 1)×(N + n − 1)."""
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 4))
    dy = rng.standard_normal((4, 2))
    dx = tb.input_derivative_rotated_kernel(dy, w)
    check_gradient(lambda x: tb.cross_correlate(w, x), x, dy, dx)
    assert tb.input_derivative_rotated_kernel(dx, w).shape == (6, 6)


def test_slip_sums_over_the_image():
    """An image of 4×5 under a kernel of 2×3: the sum to M and N asks for weights there are not."""
    w, x = np.arange(6.0).reshape(2, 3), np.arange(20.0).reshape(4, 5)

    def summed(rows, columns):
        """Eq. 1.5 at i = j = 1, with the sums up to `rows` and `columns`."""
        total = 0.0
        for u in range(1, rows + 1):
            for v in range(1, columns + 1):
                total += w[u - 1, v - 1] * x[1 + u - 2, 1 + v - 2]
        return total

    with pytest.raises(IndexError):
        summed(4, 5)
    assert summed(2, 3) == tb.cross_correlate(w, x)[0, 0]
    # Only m·n terms meet in a window.
    assert tb.cross_correlate(np.ones((2, 3)), np.ones((4, 5))).tolist() == [[6] * 3] * 3
    assert tb.convolve2d(np.ones((2, 3)), np.ones((4, 5)))[2, 3] == 6


def test_slip_slope_of_the_map_above(rng, check_gradient):
    """Two maps below and two above, so that both forms can be computed."""
    z, w = rng.standard_normal((2, 2, 4, 5)), rng.standard_normal((2, 2, 2, 2))
    delta = rng.standard_normal((2, 2, 3, 4))
    slope = 1 - np.tanh(z) ** 2

    def forward(z):
        return tb.conv2d(tb.tanh(z), w)

    right = tb.error_below_convolution(delta, w, slope)
    check_gradient(forward, z, delta, right)

    wrong = np.zeros_like(z)
    for n in range(2):
        for d in range(2):
            for p in range(2):
                spread = tb.cross_correlate(tb.rot180(w[p, d]), delta[n, p], "wide")
                wrong[n, d] += slope[n, p] * spread
    with pytest.raises(AssertionError):
        check_gradient(forward, z, delta, wrong)
    # With three maps below, a map p above has no slope to offer for the third.
    three = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 3, 2, 2))
    below = tb.error_below_convolution(delta, three[1], 1 - np.tanh(three[0]) ** 2)
    check_gradient(lambda z: tb.conv2d(tb.tanh(z), three[1]), three[0], delta, below)


def test_slip_transposed_example_repeats_a_weight(rng):
    """⟨C x, z⟩ = ⟨x, Cᵀ z⟩ holds with the matrix of [w1, w2, w3]."""
    x, z, w = rng.standard_normal(5), rng.standard_normal(3), np.array([1.0, 2.0, 3.0])
    C = tb.convolution_matrix(w, 5)
    assert C.shape == (3, 5)
    assert [row[row != 0].tolist() for row in C] == [[1, 2, 3]] * 3
    correlated = [sum(w[k] * x[t + k] for k in range(3)) for t in range(3)]
    np.testing.assert_allclose(C @ x, correlated)
    repeated = tb.convolution_matrix(w[[0, 1, 1]], 5)
    assert not np.allclose(repeated @ x, correlated)
    assert z @ correlated == pytest.approx(x @ (C.T @ z))
    assert z @ correlated != pytest.approx(x @ (repeated.T @ z))


# ---------------------------------------------------------------------------------- networks


def test_slip_compound_scaling_keeps_the_cost():
    """Ten layers 100 wide at 100×100 against α·10 layers, β·100 wide, γ·100 large."""
    alpha, beta, gamma = 1.2, 1.1, 1.15

    def cost(phi):
        depth, width, size = (
            round(n * factor**phi) for n, factor in [(1000, alpha), (1000, beta), (1000, gamma)]
        )
        return depth * tb.multiplication_count(width, (3, 3), width, (size, size))

    for phi in (1, 2, 3):
        grown = cost(phi) / cost(phi - 1)
        assert grown == pytest.approx(alpha * beta**2 * gamma**2, rel=5e-3)
        assert grown == pytest.approx(1.92, abs=0.01)
        assert grown != pytest.approx(1, abs=0.9)


def test_slip_bottleneck_multiplications():
    reduce = tb.multiplication_count(192, (1, 1), 16, (28, 28))
    convolve = tb.multiplication_count(16, (5, 5), 32, (28, 28))
    direct = tb.multiplication_count(192, (5, 5), 32, (28, 28))
    assert (reduce, convolve) == (2_408_448, 10_035_200)
    assert reduce + convolve == 12_443_648
    assert round((reduce + convolve) / 1e6, 2) == 12.44 != 12.04
    # What circulates is a tenth of the direct cost, which the bottleneck does not quite reach.
    assert direct == 120_422_400
    assert round(direct / 10 / 1e6, 2) == 12.04


def test_slip_inception_branches(rng):
    """Four branches of 2, 4, 1 and 2 maps on an input of 4 maps of 6×5."""
    x = rng.standard_normal((2, 4, 6, 5))
    reduced = [tb.conv2d(x, rng.standard_normal((2, 4, 1, 1))) for _ in range(2)]
    three, five = rng.standard_normal((4, 2, 3, 3)), rng.standard_normal((1, 2, 5, 5))
    first = tb.conv2d(x, rng.standard_normal((2, 4, 1, 1)))
    pooled = tb.max_pool2d(x, (3, 3), (1, 1), (1, 1))[0]
    last = tb.conv2d(pooled, rng.standard_normal((2, 4, 1, 1)))

    branches = [
        first,
        tb.conv2d(reduced[0], three, padding=(1, 1)),
        tb.conv2d(reduced[1], five, padding=(2, 2)),
        last,
    ]
    assert np.concatenate(branches, axis=1).shape == (2, 9, 6, 5)
    # Along the default axis, the batch: refused for unlike branches, a larger batch for like ones.
    with pytest.raises(ValueError, match="must match"):
        np.concatenate(branches)
    assert np.concatenate([first, last]).shape == (4, 2, 6, 5)
    unpadded = [first, tb.conv2d(reduced[0], three), tb.conv2d(reduced[1], five), last]
    assert [b.shape[2:] for b in unpadded] == [(6, 5), (4, 3), (2, 1), (6, 5)]
    with pytest.raises(ValueError, match="must match"):
        np.concatenate(unpadded, axis=1)
    with pytest.raises(ValueError, match=r"x must have shape \(2, 4, 6, 5\), got \(2, 2, 6, 5\)"):
        tb.conv2d(reduced[0], rng.standard_normal((4, 4, 3, 3)), padding=(1, 1))


def test_slip_dropout_evaluation_factor():
    """p = 0.2: on average training lets 0.8 of the activation through."""
    p, x = 0.2, 10.0
    mean_while_training = (1 - p) * (1 * x) + p * (0 * x)
    evaluated = tb.dropout_classic_evaluation([x], p)
    assert evaluated.tolist() == [mean_while_training] == [8]
    assert p * x != mean_while_training
    # The inverted form is right in expectation, too.
    kept, dropped = (tb.dropout([x], [m], p)[0] for m in (1, 0))
    assert (1 - p) * kept + p * dropped == pytest.approx(x)


def test_slip_dropped_weights(rng):
    """Setting the weight to 0 instead would reach the other sample too, and would have to undo."""
    x, w = np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([[10.0, 1.0]])
    dropped = tb.dropout(x, [[0, 1], [1, 1]], p=0.5)
    assert dropped.tolist() == [[0, 8], [10, 12]]
    assert tb.linear(dropped, w).tolist() == [[8], [112]]
    without_weight = tb.linear(2 * x, w * [[0, 1]])
    assert without_weight.tolist() == [[8], [12]]
    # A weight of 0 keeps its gradient δ·x; that of a dropped activation gets none.
    delta = [[1.0], [0.0]]
    assert tb.linear_weight_gradient(delta, dropped).tolist() == [[0, 8]]
    assert tb.linear_weight_gradient(delta, 2 * x).tolist() == [[6, 8]]


def alexnet_sizes(n, padding):
    sizes = [tb.output_size(n, 11, 4, padding)]
    for kernel, stride, pad in [(3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 2, 0)]:
        sizes.append(tb.output_size(sizes[-1], kernel, stride, pad))
    return sizes


def test_slip_alexnet_input_size():
    assert alexnet_sizes(227, 0) == [55, 27, 27, 13, 13, 6]
    assert alexnet_sizes(224, 2) == [55, 27, 27, 13, 13, 6]
    assert alexnet_sizes(224, 0)[0] == 54
    assert alexnet_sizes(224, 0)[-1] == 5


def test_slip_vgg_flattened_size():
    size = 224
    for _ in range(5):
        size = tb.output_size(tb.output_size(size, 3, padding=1), 2, stride=2)
    assert size == 7
    values = np.zeros((1, 512, size, size)).reshape(1, -1)
    assert values.shape == (1, 25_088)
    with pytest.raises(ValueError, match="25088"):
        tb.linear(values, np.zeros((1, 4096)))  # one of the units of a layer that reads 4096
    assert tb.linear(values, np.zeros((1, 25_088))).shape == (1, 1)
    # The first fully connected layer as a convolution over the whole map.
    assert tb.parameter_count(512, (size, size), 4096) == 25_088 * 4096 + 4096


def test_slip_batch_norm_in_evaluation(rng):
    """Evaluation: running statistics, so a sample's result does not depend on its batch."""
    x = rng.standard_normal((4, 2, 3, 3))
    gamma, beta = np.array([1.0, 2.0]), np.array([0.0, 5.0])
    mean, var = np.array([0.5, -1.0]), np.array([4.0, 0.25])
    evaluated = tb.batch_norm_evaluation(x, gamma, beta, mean, var)
    assert not np.allclose(evaluated, x)
    alone = tb.batch_norm_evaluation(x[:1], gamma, beta, mean, var)
    np.testing.assert_array_equal(alone, evaluated[:1])
    expected = 2 * (x[0, 1, 0, 0] + 1) / np.sqrt(0.25 + 1e-5) + 5
    assert evaluated[0, 1, 0, 0] == pytest.approx(expected)
    trained, *_ = tb.batch_norm(x, gamma, beta)
    assert not np.allclose(tb.batch_norm(x[:1], gamma, beta)[0], trained[:1])


def test_slip_auxiliary_head_size():
    size = tb.output_size(14, 5, stride=3)
    assert size == 4
    flattened = 128 * size * size
    assert flattened == 2048 != 128 * 14 * 14
    # Its two fully connected layers, with 1000 classes.
    layers = [tb.parameter_count(n, (1, 1), m) for n, m in [(flattened, 1024), (1024, 1000)]]
    assert layers == [2_098_176, 1_025_000]


def test_slip_lrn_columns(rng):
    x = rng.standard_normal((1, 4, 3, 5))
    y = tb.local_response_norm(x, alpha=0.1)
    neighbour_column, neighbour_channel = x.copy(), x.copy()
    neighbour_column[0, 1, 1, 3] += 10
    neighbour_channel[0, 2, 1, 2] += 10
    assert tb.local_response_norm(neighbour_column, alpha=0.1)[0, 1, 1, 2] == y[0, 1, 1, 2]
    assert tb.local_response_norm(neighbour_channel, alpha=0.1)[0, 1, 1, 2] != y[0, 1, 1, 2]
    # The wrong reading, with the columns in the place of the channels, gives other numbers.
    over_columns = tb.local_response_norm(x.transpose(0, 3, 2, 1), alpha=0.1).transpose(0, 3, 2, 1)
    assert not np.allclose(over_columns, y)
    # One position: N = 4 maps, each window cut off at the first and the last of them.
    squares = x[0, :, 1, 2] ** 2
    by_hand = [squares[max(0, i - 2) : min(3, i + 2) + 1].sum() for i in range(4)]
    expected = x[0, :, 1, 2] / (2 + 0.1 * np.array(by_hand)) ** 0.75
    np.testing.assert_allclose(y[0, :, 1, 2], expected)


# The errors in % that He et al. 2015 print for CIFAR-10 (table 6 and section 4.2).
TEST_ERROR = {110: 6.43, 1202: 7.93}
TRAINING_ERROR_OF_1202_IS_BELOW = 0.1


def test_slip_a_thousand_layers(rng):
    """Gradients pass through 1202 residual layers, not through plain ones; and descent works."""
    width, blocks = 4, 600
    weights = 0.02 * rng.standard_normal((blocks, 2, width, width))
    x, target = rng.standard_normal((2, width))

    def run(residual, weights):
        """The loss ½|a − target|², and its gradients by the weights and by the input."""
        a, kept = x, []
        for first, second in weights:
            hidden = np.tanh(first @ a)
            kept.append((a, hidden))
            a = second @ hidden + (a if residual else 0)
        delta = a - target
        loss, gradient = 0.5 * delta @ delta, np.empty_like(weights)
        for i in reversed(range(blocks)):
            a, hidden = kept[i]
            gradient[i, 1] = np.outer(delta, hidden)
            inner = (1 - hidden**2) * (weights[i, 1].T @ delta)
            gradient[i, 0] = np.outer(inner, a)
            delta = weights[i, 0].T @ inner + (delta if residual else 0)
        return loss, gradient, np.linalg.norm(delta)

    losses = {}
    for residual in (False, True):
        loss, gradient, at_input = run(residual, weights)
        # One entry of the first block's gradient against finite differences.
        moved = weights.copy()
        moved[0, 1, 2, 1] += 1e-6
        numerical = (run(residual, moved)[0] - loss) / 1e-6
        assert numerical == pytest.approx(gradient[0, 1, 2, 1], rel=1e-3, abs=1e-6)
        trained = weights.copy()
        for _ in range(25):
            trained -= 0.1 * run(residual, trained)[1]
        losses[residual] = loss, run(residual, trained)[0], at_input
    before, after, at_input = losses[False]
    assert at_input < 1e-100
    assert after == pytest.approx(before, rel=0.2)
    before, after, at_input = losses[True]
    assert 0.1 < at_input / np.sqrt(2 * before) < 10
    assert after < 0.01 * before

    # So they train, and fit what they are shown; what grows is the number of parameters.
    def parameters(depth):
        n, count = (depth - 2) // 6, 3 * 9 * 16 + 2 * 16
        for stage, maps in enumerate((16, 32, 64)):
            into = maps // 2 if stage else maps
            count += into * 9 * maps + (2 * n - 1) * maps * 9 * maps + 2 * n * 2 * maps
        return count + 64 * 10 + 10

    assert parameters(110) == pytest.approx(1.7e6, rel=0.05)
    assert parameters(1202) == pytest.approx(19.4e6, rel=0.05)
    images = 50_000
    assert parameters(1202) / images > 380
    # Not "as well as any": the test error is higher. Not degradation: the training error is not.
    assert TEST_ERROR[1202] > TEST_ERROR[110]
    assert min(TEST_ERROR.values()) > TRAINING_ERROR_OF_1202_IS_BELOW


def test_slip_depthwise_separable_cost():
    def share(n_in, n_out, f):
        depthwise = tb.multiplication_count(n_in, (f, f), n_in, (14, 14), groups=n_in)
        pointwise = tb.multiplication_count(n_in, (1, 1), n_out, (14, 14))
        return (depthwise + pointwise) / tb.multiplication_count(n_in, (f, f), n_out, (14, 14))

    assert share(3, 5, 3) == pytest.approx(1 / 5 + 1 / 9)
    assert share(3, 5, 3) == pytest.approx(0.31, abs=0.005)
    assert share(512, 1024, 3) == pytest.approx(1 / 9, rel=0.01)
    assert share(512, 1024, 3) != pytest.approx(0.31, abs=0.1)
    assert share(3, 5, 5) != pytest.approx(0.31, abs=0.05)


# ---------------------------------------------------------- left out rather than stated wrongly


def test_without_r_the_input_gradient_is_a_row_and_a_column_short(rng):
    """8×8 at kernel 3, stride 2, padding 1."""
    w, delta = rng.standard_normal((3, 3)), rng.standard_normal((4, 4))
    spread = tb.insert_zeros(delta, (2, 2))
    short = tb.crop(tb.cross_correlate(tb.rot180(w), spread, "wide"), (1, 1))
    assert short.shape == (7, 7)
    assert tb.leftover(8, 3, 2, 1) == 1
    whole = tb.conv2d_input_gradient(
        delta[None, None], w[None, None], (8, 8), stride=(2, 2), padding=(1, 1)
    )
    assert whole.shape == (1, 1, 8, 8)
    np.testing.assert_allclose(whole[0, 0, :7, :7], short)
    # The last row is no zero row: windows do reach it.
    assert np.abs(whole[0, 0, 7]).max() > 0.1


def test_uncut_weight_gradient_is_a_row_and_a_column_long(rng):
    x, delta = rng.standard_normal((8, 8)), rng.standard_normal((4, 4))
    uncut = tb.cross_correlate(tb.insert_zeros(delta, (2, 2)), tb.pad_zeros(x, (1, 1)))
    assert uncut.shape == (4, 4)
    dw = tb.conv2d_weight_gradient(
        delta[None, None], x[None, None], (3, 3), stride=(2, 2), padding=(1, 1)
    )
    np.testing.assert_allclose(dw[0, 0], uncut[:3, :3])
