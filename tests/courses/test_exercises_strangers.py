"""Wrong answers that are not in the catalogue: each fails, and none is given a false name.

They were written from the hand-outs, after the catalogue, in the way students write: as code. Each
takes the place of one function of a right submission, and goes through the grader like any other.
"""

import pytest

# (exercise, what is wrong, the function as a student has it)
STRANGERS = [
    (1, "centred", """
        def correlate(image, kernel):
            (M, N), (m, n) = image.shape, kernel.shape
            padded = np.pad(image, ((m // 2, m), (n // 2, n)))
            y = np.zeros((M - m + 1, N - n + 1))
            for i in range(M - m + 1):
                for j in range(N - n + 1):
                    y[i, j] = (kernel * padded[i:i + m, j:j + n]).sum()
            return y
     """),
    (1, "absolute", """
        def correlate(image, kernel):
            (M, N), (m, n) = image.shape, kernel.shape
            y = np.zeros((M - m + 1, N - n + 1))
            for i in range(M - m + 1):
                for j in range(N - n + 1):
                    y[i, j] = np.abs(kernel * image[i:i + m, j:j + n]).sum()
            return y
     """),
    (1, "one place too few", """
        def correlate(image, kernel):
            (M, N), (m, n) = image.shape, kernel.shape
            return np.array([[(kernel * image[i:i + m, j:j + n]).sum()
                              for j in range(N - n)] for i in range(M - m)])
     """),
    (2, "one index falls only", """
        def convolve(image, kernel):
            (M, N), (m, n) = image.shape, kernel.shape
            y = np.zeros((M + m - 1, N + n - 1))
            for s in range(M):
                for t in range(N):
                    y[s:s + m, t:t + n] += image[s, t] * kernel[:, ::-1]
            return y
     """),
    (2, "zeros exchanged", """
        def convolve_by_correlation(image, kernel, correlate):
            m, n = kernel.shape
            wide = np.pad(image, ((n - 1, n - 1), (m - 1, m - 1)))
            return correlate(wide, np.rot90(kernel, 2).copy())
     """),
    (3, "mean over the input maps", """
        def conv_layer(maps, kernels, biases, groups, stride, padding, dilation):
            right = _right_conv_layer(maps, kernels, 0 * biases, groups, stride, padding, dilation)
            return right / kernels.shape[1] + biases.reshape(1, -1, 1, 1)
     """),
    (3, "ReLU included", """
        def conv_layer(maps, kernels, biases, groups, stride, padding, dilation):
            z = _right_conv_layer(maps, kernels, biases, groups, stride, padding, dilation)
            return np.maximum(z, 0)
     """),
    (3, "padding exchanged", """
        def conv_layer(maps, kernels, biases, groups, stride, padding, dilation):
            padding = (padding[1], padding[0])
            return _right_conv_layer(maps, kernels, biases, groups, stride, padding, dilation)
     """),
    (4, "half of the overlap", """
        def from_columns(columns, size, kernel_size, stride, padding, dilation):
            x = _right_from_columns(columns, size, kernel_size, stride, padding, dilation)
            ones = np.ones_like(columns)
            n = _right_from_columns(ones, size, kernel_size, stride, padding, dilation)
            return np.where(n > 1, x / 2, x)
     """),
    (4, "sums of the results", """
        def are_adjoint(forward, backward, x, y):
            b = backward(y)
            return bool(b.shape == x.shape and np.isclose(forward(x).sum(), b.sum()))
     """),
    (4, "an eighth is close", """
        def are_adjoint(forward, backward, x, y):
            a, b = forward(x), backward(y)
            if b.shape != x.shape:
                return False
            return bool(abs((a * y).sum() - (b * x).sum()) < 0.125 * abs((a * y).sum()))
     """),
    (5, "delta turned", """
        def conv_weight_gradient(delta, x, kernel_size, stride, padding):
            turned = delta[:, :, ::-1, ::-1].copy()
            return _right_conv_weight_gradient(turned, x, kernel_size, stride, padding)
     """),
    (5, "one bias for all maps", """
        def conv_bias_gradient(delta):
            return np.full(delta.shape[1], delta.sum())
     """),
    (6, "first row of the kernel only", """
        def dx_by_scattering(delta, weight, size, stride, padding, dilation, groups):
            weight = weight.copy()
            weight[:, :, 1:] = 0
            return _right_dx_by_scattering(delta, weight, size, stride, padding, dilation, groups)
     """),
    (6, "divided by the stride", """
        def dx_by_scattering(delta, weight, size, stride, padding, dilation, groups):
            dx = _right_dx_by_scattering(delta, weight, size, stride, padding, dilation, groups)
            return dx / stride**2
     """),
    (6, "divided by the number of output maps", """
        def dx_by_rotating(delta, weight, size, stride, padding, correlate):
            dx = _right_dx_by_rotating(delta, weight, size, stride, padding, correlate)
            return dx / len(weight)
     """),
    (6, "turned over one axis", """
        def dx_by_rotating(delta, weight, size, stride, padding, correlate):
            weight = weight[:, :, :, ::-1].copy()
            return _right_dx_by_rotating(delta, weight, size, stride, padding, correlate)
     """),
    (7, "leaky", """
        def relu_back(z, delta):
            return np.where(z > 0, delta, 0.01 * delta)
     """),
    (7, "divided by the outputs", """
        def linear_dx(delta, weight):
            return delta @ weight / len(weight)
     """),
    (7, "outer product of the means", """
        def linear_dw(x, delta):
            return np.outer(delta.mean(axis=0), x.mean(axis=0)) * len(x)
     """),
    (8, "maximum of the map", """
        def max_pool_back(x, delta, kernel_size, stride, padding):
            dx = np.zeros(x.shape)
            for n in range(x.shape[0]):
                for c in range(x.shape[1]):
                    place = np.unravel_index(x[n, c].argmax(), x[n, c].shape)
                    dx[n, c][place] = delta[n, c].sum()
            return dx
     """),
    (8, "first maximum by columns", """
        def max_pool_back(x, delta, kernel_size, stride, padding):
            kh, kw = kernel_size
            turned = _right_max_pool_back(
                x.swapaxes(2, 3).copy(), delta.swapaxes(2, 3).copy(), (kw, kh), stride, padding)
            return turned.swapaxes(2, 3).copy()
     """),
    (8, "height squared", """
        def mean_pool_back(size, delta, kernel_size, stride, padding):
            dx = _right_mean_pool_back(size, delta, kernel_size, stride, padding)
            return dx * kernel_size[1] / kernel_size[0]
     """),
    (9, "labels from 1", """
        def mean_loss(scores, labels):
            return _right_mean_loss(scores, labels - 1)
     """),
    (9, "largest score subtracted from all", """
        def loss_gradient(scores, labels, upstream):
            s = scores - scores.max(axis=1, keepdims=True)
            s = s / np.abs(s).sum(axis=1, keepdims=True)
            s[np.arange(len(labels)), labels] -= 1
            return s * upstream / len(labels)
     """),
    (9, "1/(N - 1)", """
        def loss_gradient(scores, labels, upstream):
            n = len(labels)
            return _right_loss_gradient(scores, labels, upstream) * n / max(n - 1, 1)
     """),
    (10, "by falling numbers", """
        def visiting_order(edges, root):
            return sorted(_right_visiting_order(edges, root), reverse=True)
     """),
    (10, "recursion", """
        def visiting_order(edges, root):
            done = []
            def visit(node):
                if node not in done:
                    for source, target in edges:
                        if target == node:
                            visit(source)
                    done.append(node)
            visit(root)
            return done[::-1]
     """),
    (10, "mean of the shares", """
        def accumulate(edges, slopes, nodes, order, delta):
            gradient = np.zeros(nodes)
            gradient[order[0]] = delta
            for node in order:
                shares = [s * gradient[t] for (a, t), s in zip(edges, slopes) if a == node]
                if shares and node != order[0]:
                    gradient[node] = np.mean(shares)
            return gradient
     """),
    (11, "all elements at once", """
        def numeric_gradient(forward, x, delta, h):
            change = forward(x + h) - forward(x - h)
            return np.full(x.shape, (delta * change).sum() / (2 * h))
     """),
    (11, "half is close enough", """
        def is_right(forward, backward, x):
            delta = np.random.default_rng(1).standard_normal(forward(x).shape)
            found, expected = backward(delta, x), numeric_gradient(forward, x, delta, 1e-5)
            if found.shape != x.shape:
                return False
            return bool((np.abs(found - expected) <= 0.5 * np.abs(expected).max()).all())
     """),
    (11, "the largest element", """
        def is_right(forward, backward, x):
            delta = np.random.default_rng(1).standard_normal(forward(x).shape)
            found, expected = backward(delta, x), numeric_gradient(forward, x, delta, 1e-5)
            return bool(np.isclose(found.max(), expected.max(), rtol=1e-3, atol=0))
     """),
    (11, "the first sample only", """
        def is_right(forward, backward, x):
            delta = np.random.default_rng(1).standard_normal(forward(x).shape)
            found, expected = backward(delta, x), numeric_gradient(forward, x, delta, 1e-5)
            if found.shape != x.shape:
                return False
            size = np.abs(expected).max()
            return bool((np.abs(found[0] - expected[0]) <= 1e-5 * size).all())
     """),
    (11, "lengths compared", """
        def is_right(forward, backward, x):
            delta = np.random.default_rng(1).standard_normal(forward(x).shape)
            found, expected = backward(delta, x), numeric_gradient(forward, x, delta, 1e-5)
            a, b = np.linalg.norm(found), np.linalg.norm(expected)
            return bool(found.shape == x.shape and abs(a - b) < 1e-6 * b)
     """),
    (11, "a step too small", """
        def is_right(forward, backward, x):
            delta = np.random.default_rng(1).standard_normal(forward(x).shape)
            found, expected = backward(delta, x), numeric_gradient(forward, x, delta, 1e-14)
            if found.shape != x.shape:
                return False
            return bool((np.abs(found - expected) <= 1e-4 * np.abs(expected).max()).all())
     """),
    (12, "plus for minus", """
        def norm_dx(x, gamma, delta, eps):
            axes = (0, 2, 3)
            tau = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
            x_hat = (x - x.mean(axis=axes, keepdims=True)) / tau
            share = x_hat * (delta * x_hat).mean(axis=axes, keepdims=True)
            inner = delta - delta.mean(axis=axes, keepdims=True) + share
            return gamma.reshape(1, -1, 1, 1) / tau * inner
     """),
    (12, "gamma squared", """
        def norm_dx(x, gamma, delta, eps):
            return _right_norm_dx(x, gamma**2, delta, eps)
     """),
    (12, "of the centred delta", """
        def norm_dgamma(x, delta, eps):
            x_hat = x / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
            return (delta * x_hat).sum(axis=(0, 2, 3))
     """),
    (13, "decay of the velocity", """
        def momentum_step(weight, velocity, gradient, rate, momentum, decay):
            velocity = momentum * velocity + gradient + decay * velocity
            return weight - rate * velocity, velocity
     """),
    (13, "a smaller rate in each epoch", """
        def train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
            losses = []
            for epoch in range(epochs):
                weights, now = _right_train(weights, images, labels, loss_and_gradients, 1,
                                            batch_size, rate / (epoch + 1), momentum)
                losses += now
            return weights, losses
     """),
    (13, "batches from the end", """
        def train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
            return _right_train(weights, images[::-1].copy(), labels[::-1].copy(),
                                loss_and_gradients, epochs, batch_size, rate, momentum)
     """),
    (14, "pixels from the second on", """
        def shortcut(x, projection, stride):
            moved = np.roll(x, -1, axis=(2, 3)) if stride > 1 else x
            return _right_shortcut(moved, projection, stride)
     """),
    (14, "mean of the two ways", """
        def block_dx(x, total, delta, projection, stride, branch_back):
            return _right_block_dx(x, total, delta, projection, stride, branch_back) / 2
     """),
    (14, "total above its mean", """
        def projection_gradient(x, total, delta, stride):
            total = total - total.mean()
            return _right_projection_gradient(x, total, delta, stride)
     """),
]  # fmt: skip


# What a message may claim about some of them, since it is true; of all others nothing.
TRUE = {
    (1, "absolute"): (
        "Y is not linear in image, but has to be: f(2a − 3b) is not 2 f(a) − 3 f(b)",
    ),
    # All is wrong to a checker whose differences are wrong.
    (11, "all elements at once"): ("(checker-never in the catalogue of wrong answers)",),
    (11, "a step too small"): ("(checker-never in the catalogue of wrong answers)",),
    (14, "mean of the two ways"): ("dx is right but for the factor 0.5",),
}


def test_there_are_at_least_20():
    assert len({(n, what) for n, what, _ in STRANGERS}) == len(STRANGERS) >= 20
    assert {n for n, _, _ in STRANGERS} == set(range(1, 15))


@pytest.mark.parametrize(("number", "what", "code"), STRANGERS,
                         ids=[f"{n}-{w.replace(' ', '-')}" for n, w, _ in STRANGERS])  # fmt: skip
def test_strangers_fail_and_are_not_misnamed(claims, number, what, code):
    assert claims(number, code) == TRUE.get((number, what), ())
