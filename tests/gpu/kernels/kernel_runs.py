"""Every kernel at least once, on small arrays, with two blocks where a grid has a loop.

For what all kernels must have in common: no step beyond an array, no race, 64-bit indices. Whether
their results are right is tested elsewhere.
"""

import os
import sys

import kernel_checks
import numpy as np

from minicnn.kernels.cuda import (
    activation,
    channels,
    convolution,
    launching,
    losses,
    maps,
    optimizers,
    places,
    pooling,
    products,
    random,
)

LAUNCHED = set()  # the kernels that runs have used


def put(array):
    """An array where the kernels find it; on a real GPU another function takes this one's place."""
    return array


def drawn(seed, dtype, *shapes):
    return [put(a) for a in kernel_checks.drawn(seed, dtype, *shapes)]


def convolutions(dtype):
    for groups, f, kernel, stride, padding, dilation, out in (
        (1, 5, (3, 2), (2, 1), (1, 1), (1, 2), (4, 9)),
        (2, 4, (1, 1), (1, 1), (0, 0), (1, 1), (7, 9)),
        (4, 8, (3, 3), (2, 2), (1, 2), (1, 1), (4, 6)),
    ):
        x, w, delta, b = drawn(
            f, dtype, (3, 4, 7, 9), (f, 4 // groups, *kernel), (3, f, *out), (f,)
        )
        options = stride, padding, dilation, groups
        yield convolution.conv2d(x, w, *options, b, (b, b, b), delta, "relu6")
        yield convolution.conv2d_input_gradient(delta, w, (7, 9), *options)
        yield convolution.conv2d_weight_gradient(delta, x, kernel, *options)


def pools(dtype):
    # 70 windows: more than the threads that bring δ back have in one round.
    x, delta = drawn(0, dtype, (3, 2, 9, 40), (3, 2, 5, 14))
    window = (3, 4), (2, 3), (1, 2), (1, 1), (5, 14)
    y, argmax = pooling.max_pool2d(x, *window)
    yield from (y, argmax, pooling.max_pool2d_gradient(delta, argmax, (9, 40)))
    # All maxima in one place: as many threads as can be want to write there.
    yield pooling.max_pool2d_gradient(delta, np.full_like(argmax, 359), (9, 40))
    divisors = put(np.arange(1, 71).reshape(5, 14).astype(dtype))
    yield pooling.avg_pool2d(x, *window[:3], divisors)
    yield pooling.avg_pool2d_gradient(delta, (9, 40), *window[:3], divisors)
    yield from pooling.adaptive_max_pool2d(x, (5, 14))
    yield pooling.adaptive_avg_pool2d(x, (5, 14))
    yield pooling.adaptive_avg_pool2d_gradient(delta, (9, 40))


def one_number_a_map(dtype):
    x, delta, scale = drawn(0, dtype, (3, 2, 5, 70), (3, 2, 5, 70), (3, 2, 1, 1))
    yield from (maps.map_means(x), maps.scale_maps(x, scale))
    yield from maps.scale_maps_gradient(delta, x, scale)


def normalizations(dtype):
    for shape in ((3, 2, 350), (2, 3, 5)):  # by several blocks, and by one
        x, delta, a, b, c = drawn(0, dtype, shape, shape, *[(shape[1],)] * 3)
        yield from channels.channel_moments(x)
        yield from channels.channel_normalize(x, a, b, c, a)
        yield from channels.channel_sums(delta, x)
        yield channels.channel_gradient(delta, x, a, b, c)
        for act, shortcut in (("silu", False), ("relu", True)):
            y, mean, var = channels.norm_act(x, a, b, 1e-2, None, act, x if shortcut else None)
            yield y
            gradients = channels.norm_act_gradient(
                delta, x, y, a, b, 1e-2, False, mean, var, act, shortcut
            )
            yield from gradients[: 3 + shortcut]


def activations(dtype):
    x, delta = drawn(0, dtype, (600,), (600,))
    for name in ("logistic", "relu", "relu6", "silu", "hardsigmoid", "hardswish"):
        yield getattr(activation, name)(x)
        yield getattr(activation, f"{name}_gradient")(delta, x)
    yield activation.normal_cdf(x)


def linear_layers(dtype):
    x, w, b, delta = drawn(0, dtype, (3, 5), (4, 5), (4,), (3, 4))
    yield products.linear(x, w, b)
    yield products.linear_input_gradient(delta, w)
    yield products.linear_weight_gradient(delta, x)


def of_classes(dtype):
    target = put(np.array([[4, 0, 7], [39, -1, 2]]))
    for classes in (5, 40):  # of which a thread takes all, or a block
        y, delta = drawn(0, dtype, (2, classes, 3), (2, classes, 3))
        (share,) = drawn(1, dtype, (2, 3))
        yield from (losses.softmax(y, 1), losses.log_softmax(y, 1))
        yield losses.softmax_gradient(delta, y, 1)
        yield losses.log_softmax_gradient(delta, y, 1)
        yield losses.pick_classes(y, target)
        yield losses.cross_entropy_gradient(y, target, share)


def random_numbers(dtype):
    for start in (np.uint64(7), put(np.array(7, np.uint64))):
        numbers = put(np.empty((3, 300), dtype))
        random.random_uniform(numbers, start)
        yield numbers


def steps_and_places(dtype):
    arrays = [[abs(a) for a in drawn(i, dtype, (9000,), (5,), (300,))] for i in range(5)]
    optimizers.sgd_update(*arrays[:3], [1, 1, 1], 0.1, 0.9, 0.1, True, False)
    optimizers.adam_update(*arrays, [2, 2, 2], 0.1, (0.9, 0.99), 1e-3, 0.1, False, True)
    optimizers.rmsprop_update(*arrays, 0.1, 0.9, 1e-3, 0.1, 0.9, True)
    optimizers.adagrad_update(*arrays[:3], [0.1, 0.1, 0.2], 1e-3, 0.1, False)
    yield from (a for several in arrays for a in several)
    (delta,) = drawn(0, dtype, (3, 9, 40))
    yield places.add_to_places(delta, np.array([0, 3, 3, 6, 6, 6, 1, 0, 3]), 8, 1)


RUNS = {
    run.__name__: run
    for run in (
        convolutions,
        pools,
        one_number_a_map,
        normalizations,
        activations,
        linear_layers,
        of_classes,
        random_numbers,
        steps_and_places,
    )
}


def noting(function):
    """`launching._function`, noting what it was asked for."""

    def found(raw_module, file, kernel, dtype, wide):
        LAUNCHED.add(kernel)
        return function(raw_module, file, kernel, dtype, wide)

    return found


def results(name, dtype, patch):
    """The arrays of a run, with no more than two blocks, two slices and two images at a time."""
    patch.setattr(launching.blocks_for, "__defaults__", (2,))
    patch.setattr(channels, "VALUES_OF_A_BLOCK", 400)
    patch.setattr(convolution, "WORKSPACE_BYTES", 2**14)
    patch.setattr(launching, "_function", noting(launching._function))
    return list(RUNS[name](dtype))


def misplaced(source):
    """`launching.source`, with many kernels writing one entry too far."""

    def found(name):
        return source(name).replace("y[i] =", "y[i + 1] =")

    return found


if __name__ == "__main__":
    # All of them with AddressSanitizer: it ends the process at the first step beyond an array.
    import pytest
    from emulated_launches import emulated_launches

    assert os.environ["EMULATION_SANITIZE"] == "1"
    for run in RUNS:
        with emulated_launches(), pytest.MonkeyPatch.context() as monkeypatch:
            if sys.argv[1:] == ["planted"]:
                monkeypatch.setattr(launching, "source", misplaced(launching.source))
            results(run, "float32", monkeypatch)
    print("kernels without a step beyond an array:", len(LAUNCHED))
