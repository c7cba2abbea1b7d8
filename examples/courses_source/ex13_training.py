"""Exercise 13: gradient descent with momentum trains LeNet. Hand-out: ex13_training.md.

Only NumPy may be imported.
"""

import numpy as np


def momentum_step(weight, velocity, gradient, rate, momentum, decay):
    """One step: g ← g + λ·w, v ← μ·v + g, w ← w − η·v (eqs. weight-decay, sgd-momentum).

    Args:
        weight, velocity, gradient: w, v and g, float64 arrays of one shape. Leave them as they are.
        rate, momentum, decay: η, μ and λ, numbers.

    Returns:
        The new w and the new v.
    """
    # >>> solution
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity
    # <<< solution


def train(weights, images, labels, loss_and_gradients, epochs, batch_size, rate, momentum):
    """Train a network: `epochs` times through all images in the order given, no weight decay.

    Args:
        weights: a list of float64 arrays, what the network starts with. Leave them as they are.
        images, labels: arrays with a sample in each row, as many of one as of the other.
        loss_and_gradients: a function: loss_and_gradients(weights, some_images, some_labels) →
            (the mean loss of these samples, a list of its gradients, in the order of the weights).
        epochs, batch_size: integers. The last batch of an epoch is smaller where the images do not
            divide, and is used like the others.
        rate, momentum: η and μ. The velocities are 0 before the first step.

    Returns:
        The list of trained weights, and a list of losses: that of each step, as floats.
    """
    # >>> solution
    velocities = [np.zeros(w.shape) for w in weights]
    losses = []
    for _ in range(epochs):
        for start in range(0, len(images), batch_size):
            batch = slice(start, start + batch_size)
            loss, gradients = loss_and_gradients(weights, images[batch], labels[batch])
            losses.append(float(loss))
            pairs = [
                momentum_step(w, v, g, rate, momentum, 0.0)
                for w, v, g in zip(weights, velocities, gradients, strict=True)
            ]
            weights = [w for w, _ in pairs]
            velocities = [v for _, v in pairs]
    return weights, losses
    # <<< solution
