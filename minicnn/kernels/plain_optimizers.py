"""Steps of optimisers, in NumPy. Each takes lists: one array for every parameter, changed in place.

`parameters` are the values w, `gradients` ∂L/∂w; the other lists are what the optimiser remembers.
"""

from minicnn.arrays import array_module
from minicnn.kernels.registry import register


@register("sgd_update", "plain")
def sgd_update(
    parameters, gradients, velocities, undamped, lr, momentum, decay, nesterov, maximize
):
    """v ← momentum · v + undamped · g;  w ← w − lr · v: see `minicnn.optim.SGD`.

    `velocities` is None without momentum, where v = g; `undamped` has a number for each parameter.
    """
    for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
        g = -g if maximize else g
        if decay:
            g = g + decay * w
        if velocities is not None:
            v = velocities[i]
            v *= momentum
            v += undamped[i] * g
            g = g + momentum * v if nesterov else v
        w -= lr * g


@register("adam_update", "plain")
def adam_update(
    parameters,
    gradients,
    means,
    squares,
    largest,
    steps,
    lr,
    betas,
    eps,
    decay,
    decoupled,
    maximize,
):
    """m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  w ← w − lr · m̂ / (√v̂ + eps).

    `means` are m, `squares` v, `steps` the numbers of this step; `largest` (or None) the largest v
    so far, which takes the place of v. See `minicnn.optim.Adam`.
    """
    beta1, beta2 = betas
    for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
        m, v, xp = means[i], squares[i], array_module(w)
        g = -g if maximize else g
        if decay and decoupled:
            w *= 1 - lr * decay
        elif decay:
            g = g + decay * w
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        if largest is not None:
            v = xp.maximum(largest[i], v, out=largest[i])
        m_hat = m / (1 - beta1 ** steps[i])
        # √v / √(1 − β₂ᵗ) instead of √(v / (1 − β₂ᵗ)): the same, but float16 may hold √v and not v̂.
        root = xp.sqrt(v) / (1 - beta2 ** steps[i]) ** 0.5
        w -= lr * m_hat / (root + eps)


@register("rmsprop_update", "plain")
def rmsprop_update(
    parameters, gradients, squares, means, velocities, lr, alpha, eps, decay, momentum, maximize
):
    """v ← α v + (1 − α) g²;  w ← w − lr · g / (√v + eps): see `minicnn.optim.RMSprop`.

    `squares` are v; `means` (or None) the running means of g, whose square is taken from v;
    `velocities` (or None) what the steps are added to where there is momentum.
    """
    for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
        v, xp = squares[i], array_module(w)
        g = -g if maximize else g
        if decay:
            g = g + decay * w
        v *= alpha
        v += (1 - alpha) * g * g
        if means is not None:
            mean = means[i]
            mean *= alpha
            mean += (1 - alpha) * g
            v = v - mean * mean
        step = g / (xp.sqrt(v) + eps)
        if velocities is not None:
            velocity = velocities[i]
            velocity *= momentum
            velocity += step
            step = velocity
        w -= lr * step


@register("adagrad_update", "plain")
def adagrad_update(parameters, gradients, sums, rates, eps, decay, maximize):
    """v ← v + g²;  w ← w − rate · g / (√v + eps): see `minicnn.optim.Adagrad`.

    `sums` are v; `rates` has the step size of each parameter.
    """
    for w, g, v, rate in zip(parameters, gradients, sums, rates, strict=True):
        g = -g if maximize else g
        if decay:
            g = g + decay * w
        v += g * g
        w -= rate * g / (array_module(w).sqrt(v) + eps)
