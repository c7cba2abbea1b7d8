"""A second set of wrong answers that are not in the catalogue, written from the hand-outs alone.

As in test_exercises_strangers.py: each fails, and nothing untrue is said of any. The first set was
written for the grader, this one after it, by somebody who had not seen it.
"""

import pytest

# (exercise, what is wrong, the function as a student has it)
STRANGERS = [
    (1, "divided by the sum of the kernel", """
        def correlate(image, kernel):
            return _right_correlate(image, kernel) / kernel.sum()
     """),
    (1, "windows side by side", """
        def correlate(image, kernel):
            y = np.zeros_like(_right_correlate(image, kernel))
            for i, j in np.ndindex(y.shape):
                moved = np.roll(image, (-i * len(kernel), -j * kernel.shape[1]), (0, 1))
                y[i, j] = (moved[:len(kernel), :kernel.shape[1]] * kernel).sum()
            return y
     """),
    (1, "sums that run on", """
        def products(image, kernel, i, j):
            return np.cumsum(_right_products(image, kernel, i, j)).reshape(kernel.shape)
     """),
    (2, "turned over the other diagonal", """
        def turned(kernel):
            if len(kernel) == kernel.shape[1]:
                return kernel.T[::-1, ::-1].copy()
            return kernel[::-1, ::-1].copy()
     """),
    (2, "the last row lands on the first", """
        def convolve(image, kernel):
            y = _right_convolve(image, kernel)
            y[0] += y[-1]
            return y
     """),
    (3, "groups dealt out", """
        def conv_layer(maps, kernels, biases, groups, stride, padding, dilation):
            z = np.zeros_like(
                _right_conv_layer(maps, kernels, biases, groups, stride, padding, dilation))
            for p in range(len(kernels)):
                z[:, p:p + 1] = _right_conv_layer(
                    maps[:, p % groups::groups].copy(), kernels[p:p + 1], biases[p:p + 1], 1,
                    stride, padding, dilation)
            return z
     """),
    (3, "the stride across used down", """
        def conv_layer(maps, kernels, biases, groups, stride, padding, dilation):
            z = _right_conv_layer(maps, kernels, biases, groups, stride, padding, dilation)
            other = _right_conv_layer(
                maps, kernels, biases, groups, (stride[1], stride[1]), padding, dilation)
            return np.resize(other, z.shape) if stride[0] != stride[1] else z
     """),
    (4, "the largest, not the sum", """
        def from_columns(columns, size, kernel_size, stride, padding, dilation):
            x = 0
            for k in range(columns.shape[1]):
                one = np.zeros_like(columns)
                one[:, k] = columns[:, k]
                x = np.maximum(
                    x, _right_from_columns(one, size, kernel_size, stride, padding, dilation))
            return x
     """),
    (4, "the padding cut off at the top and left only, twice", """
        def from_columns(columns, size, kernel_size, stride, padding, dilation):
            larger = (size[0] + 2 * padding, size[1] + 2 * padding)
            x = _right_from_columns(columns, larger, kernel_size, stride, 0, dilation)
            return x[:, :, -size[0]:, -size[1]:].copy()
     """),
    (4, "the first sample only", """
        def are_adjoint(forward, backward, x, y):
            a, b = forward(x), backward(y)
            if b.shape != x.shape:
                return False
            a, b = (a * y)[:1], (b * x)[:1]
            return bool(abs(a.sum() - b.sum()) <= 1e-9 * (np.abs(a).sum() + np.abs(b).sum()))
     """),
    (5, "the stride at u, not at i", """
        def conv_weight_gradient(delta, x, kernel_size, stride, padding):
            dw = _right_conv_weight_gradient(delta, x, kernel_size, stride, padding)
            x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
            for u, v in np.ndindex(*kernel_size):
                moved = np.roll(x, (-u * stride, -v * stride), (2, 3))
                moved = moved[:, :, :delta.shape[2], :delta.shape[3]]
                dw[:, :, u, v] = np.einsum("npij,ndij->pd", delta, moved)
            return dw
     """),
    (5, "mean over the places", """
        def conv_weight_gradient(delta, x, kernel_size, stride, padding):
            dw = _right_conv_weight_gradient(delta, x, kernel_size, stride, padding)
            return dw / delta[0, 0].size
     """),
    (5, "positive delta only", """
        def conv_weight_gradient(delta, x, kernel_size, stride, padding):
            return _right_conv_weight_gradient(
                np.maximum(delta, 0), x, kernel_size, stride, padding)
     """),
    (5, "the border mirrored", """
        def conv_weight_gradient(delta, x, kernel_size, stride, padding):
            x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "reflect")
            return _right_conv_weight_gradient(delta, x, kernel_size, stride, 0)
     """),
    (5, "gradients that nobody clears", """
        _sums = {}
        def conv_weight_gradient(delta, x, kernel_size, stride, padding):
            dw = _right_conv_weight_gradient(delta, x, kernel_size, stride, padding)
            _sums[dw.shape] = _sums.get(dw.shape, 0) + dw
            return _sums[dw.shape]
     """),
    (6, "padding folded into the border", """
        def dx_by_scattering(delta, weight, size, stride, padding, dilation, groups):
            larger = (size[0] + 2 * padding, size[1] + 2 * padding)
            dx = _right_dx_by_scattering(delta, weight, larger, stride, 0, dilation, groups)
            for axis in (2, 3):
                dx = dx.swapaxes(0, axis)
                for k in range(padding):
                    dx[padding] += dx[k]
                    dx[-padding - 1] += dx[-k - 1]
                dx = dx[padding:len(dx) - padding].swapaxes(0, axis)
            return dx.copy()
     """),
    (6, "a mean of what meets in a pixel", """
        def dx_by_scattering(delta, weight, size, stride, padding, dilation, groups):
            dx, n = (
                _right_dx_by_scattering(d, w, size, stride, padding, dilation, groups)
                for d, w in ((delta, weight), (np.ones_like(delta), np.ones_like(weight))))
            return dx / np.maximum(n, 1)
     """),
    (6, "np.rot90 without its axes", """
        def dx_by_rotating(delta, weight, size, stride, padding, correlate):
            def turned_otherwise(a, w):
                return correlate(a, np.rot90(w[:, :, ::-1, ::-1].swapaxes(0, 1), 2)
                                 .swapaxes(0, 1).copy())
            return _right_dx_by_rotating(delta, weight, size, stride, padding, turned_otherwise)
     """),
    (7, "sums of the samples", """
        def linear_db(delta):
            return np.resize(delta.sum(axis=1), delta.shape[1])
     """),
    (7, "the last sample", """
        def linear_dw(x, delta):
            return np.outer(delta[-1], x[-1])
     """),
    (8, "the largest absolute value", """
        def max_pool_back(x, delta, kernel_size, stride, padding):
            return _right_max_pool_back(np.abs(x), delta, kernel_size, stride, padding)
     """),
    (8, "windows on the border left out", """
        def max_pool_back(x, delta, kernel_size, stride, padding):
            if padding:
                delta = delta.copy()
                delta[:, :, 0] = delta[:, :, :, 0] = 0
            return _right_max_pool_back(x, delta, kernel_size, stride, padding)
     """),
    (9, "a small number in the logarithm", """
        def mean_loss(scores, labels):
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            s = e / e.sum(axis=1, keepdims=True)
            return float(-np.log(s[np.arange(len(labels)), labels] + 1e-12).mean())
     """),
    (9, "upstream at the softmax only", """
        def loss_gradient(scores, labels, upstream):
            onehot = np.eye(scores.shape[1])[labels] / len(labels)
            return upstream * (_right_loss_gradient(scores, labels, 1.0) + onehot) - onehot
     """),
    (10, "parts counted that the root does not need", """
        def visiting_order(edges, root):
            count = {}
            for source, _ in edges:
                count[source] = count.get(source, 0) + 1
            order, ready = [], [root]
            while ready:
                order.append(ready.pop())
                for source, target in edges:
                    if target == order[-1]:
                        count[source] -= 1
                        if not count[source]:
                            ready.append(source)
            return order
     """),
    (10, "slopes added", """
        def accumulate(edges, slopes, nodes, order, delta):
            gradient = np.zeros(nodes)
            gradient[order[0]] = delta
            for node in order:
                for (source, target), slope in zip(edges, slopes):
                    if target == node:
                        gradient[source] += slope + gradient[node]
            return gradient
     """),
    (11, "directions compared", """
        def is_right(forward, backward, x):
            delta = np.random.default_rng(1).standard_normal(forward(x).shape)
            a, b = backward(delta, x), numeric_gradient(forward, x, delta, 1e-5)
            lengths = np.linalg.norm(a) * np.linalg.norm(b)
            return bool(a.shape == b.shape and (a * b).sum() >= (1 - 1e-6) * lengths)
     """),
    (11, "two steps to one side", """
        def numeric_gradient(forward, x, delta, h):
            return _right_numeric_gradient(forward, x - h / 2, delta, 1.5 * h)
     """),
    (11, "divided by the number of columns", """
        def numeric_gradient(forward, x, delta, h):
            return _right_numeric_gradient(forward, x, delta, h) / x.shape[1]
     """),
    (12, "the mean of each sample", """
        def norm_dx(x, gamma, delta, eps):
            tau = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
            other = delta.mean(axis=(0, 2, 3), keepdims=True)
            other = other - delta.mean(axis=(1, 2, 3), keepdims=True)
            return _right_norm_dx(x, gamma, delta, eps) + gamma.reshape(1, -1, 1, 1) / tau * other
     """),
    (13, "the last batch filled up", """
        def train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
            starts = range(0, len(images), batch_size)
            rows = [min(s, len(images) - batch_size) + k for s in starts for k in range(batch_size)]
            return _right_train(weights, images[rows], labels[rows], loss_and_gradients, epochs,
                                batch_size, rate, momentum)
     """),
    (13, "one velocity for each shape", """
        def train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
            weights, losses = list(weights), []
            velocities = {w.shape: np.zeros(w.shape) for w in weights}
            for _ in range(epochs):
                for i in range(0, len(images), batch_size):
                    loss, gradients = loss_and_gradients(
                        weights, images[i:i + batch_size], labels[i:i + batch_size])
                    losses.append(loss)
                    for k, (w, g) in enumerate(zip(weights, gradients)):
                        weights[k], velocities[w.shape] = momentum_step(
                            w, velocities[w.shape], g, rate, momentum, 0.0)
            return weights, losses
     """),
    (13, "a loss for each epoch", """
        def train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
            weights, losses = _right_train(weights, images, labels, loss_and_gradients, epochs,
                                           batch_size, rate, momentum)
            return weights, [float(np.mean(e)) for e in np.array_split(losses, epochs)]
     """),
    (14, "delta through the branch twice", """
        def block_dx(x, total, delta, projection, stride, branch_back):
            dx = _right_block_dx(x, total, delta, projection, stride, branch_back)
            return dx + branch_back(delta * (total > 0))
     """),
    (14, "where delta is positive", """
        def block_dx(x, total, delta, projection, stride, branch_back):
            return _right_block_dx(x, delta, delta, projection, stride, branch_back)
     """),
    (14, "mean over the places", """
        def projection_gradient(x, total, delta, stride):
            return _right_projection_gradient(x, total, delta, stride) / delta[0, 0].size
     """),
]  # fmt: skip

# What a message may claim about some of them, since it is true; of all others nothing.
TRUE = {
    (2, "turned over the other diagonal"): ("turned holds the right values in the wrong places",),
    (4, "the largest, not the sum"): (
        "x is not linear in columns, but has to be: f(2a − 3b) is not 2 f(a) − 3 f(b)",
    ),
    (5, "positive delta only"): (
        "dW is not linear in delta, but has to be: f(2a − 3b) is not 2 f(a) − 3 f(b)",
    ),
    (14, "where delta is positive"): (
        "dx is not linear in delta, but has to be: f(2a − 3b) is not 2 f(a) − 3 f(b)",
    ),
}

# With few probes more mistakes give the same numbers: in a lab, too, nothing untrue is said.
ON_PUBLIC_PROBES = [
    (1, "def correlate(image, kernel):\n    return _right_correlate(image, kernel) / len(image)"),
    (5, "def conv_weight_gradient(delta, x, *window):\n"
        "    return _right_conv_weight_gradient(delta, x, *window) / delta.shape[1]"),
    (8, "def mean_pool_back(size, delta, kernel_size, stride, padding):\n"
        "    dx = _right_mean_pool_back(size, delta, kernel_size, stride, padding)\n"
        "    return dx / stride"),
]  # fmt: skip


def test_there_are_at_least_20():
    assert len({(n, what) for n, what, _ in STRANGERS}) == len(STRANGERS) >= 20
    assert {n for n, _, _ in STRANGERS} == set(range(1, 15))


@pytest.mark.parametrize(("number", "what", "code"), STRANGERS,
                         ids=[f"{n}-{w.replace(' ', '-')}" for n, w, _ in STRANGERS])  # fmt: skip
def test_strangers_fail_and_are_not_misnamed(claims, number, what, code):
    assert claims(number, code) == TRUE.get((number, what), ())


@pytest.mark.parametrize(("number", "code"), ON_PUBLIC_PROBES)
def test_public_probes_name_nothing_else_n(claims, number, code):
    assert claims(number, code, seed=None) == ()


@pytest.mark.parametrize("divisor", [3, 4])
def test_a_number_that_some_batches_have_is_called_a_number(claims, divisor):
    code = f"def linear_dx(delta, weight):\n    return delta @ weight / {divisor}"
    (found,) = claims(7, code, seed=None)
    assert found == f"dX is right but for the factor {1 / divisor:.6g}"
