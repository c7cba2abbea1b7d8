"""The textbook's defaults, the least values of its arguments, and constants it holds.

What only an argument's default or its least value decides, no equation's test can notice.
"""

import inspect

import numpy as np
import pytest

import minicnn.nn.functional as F
from minicnn import textbook as tb

FUNCTIONS = {
    name: value
    for name, value in vars(tb).items()
    if inspect.isfunction(value) and not name.startswith("_")
}


def defaults(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


# Another name than in minicnn.nn.functional, whose defaults are PyTorch's; k: see below.
RENAMED = {"b": "bias", "slope": "negative_slope"}
OTHERWISE = {
    ("local_response_norm", "k"): 2.0,  # AlexNet's, as its equation; PyTorch has 1
    ("local_response_norm", "n"): 5,
    ("pad", "value"): 0.0,  # None in PyTorch, and the same
    ("interpolate_bilinear", "align_corners"): False,
    ("interpolate_bilinear", "scale_factor"): None,
    ("interpolate_nearest", "scale_factor"): None,
    ("sgd_momentum_step", "momentum"): 0.9,
    ("sgd_momentum_step", "dampening"): 0.0,
    ("sgd_momentum_step", "nesterov"): False,
    ("adam_step", "lr"): 1e-3,
    ("adam_step", "betas"): (0.9, 0.999),
    ("adam_step", "eps"): 1e-8,
    ("update_running", "momentum"): 0.1,
    ("dilated_size", "dilation"): 1,
    ("parameter_count", "groups"): 1,
    ("parameter_count", "bias"): True,
    ("multiplication_count", "groups"): 1,
    ("gaussian_kernel", "normalize"): True,
    ("decay_signal", "w"): (1, 0.5, 0.25),
    ("cross_correlate", "mode"): "narrow",
    ("residual", "projection"): None,
    ("dropout_classic_evaluation", "p"): 0.5,
    ("batch_norm_evaluation", "eps"): 1e-5,
    **{(name, "ceil_mode"): False for name in ("output_size",)},
    **{
        (name, argument): value
        for name in ("output_size", "leftover", "transposed_output_size")
        for argument, value in {"stride": 1, "padding": 0, "dilation": 1}.items()
    },
    ("transposed_output_size", "output_padding"): 0,
    ("error_below_mean_pooling", "stride"): None,
    ("error_below_mean_pooling", "padding"): (0, 0),
}
OF_GRADIENTS = ("_input_gradient", "_weight_gradient", "_gradients", "_gradient")


def _forward_of(name):
    """The function whose gradient `name` is."""
    name = name.removesuffix("_scatter").removesuffix("_direct")
    if name == "error_below_convolution":
        return "conv2d"
    for ending in OF_GRADIENTS:
        if name.endswith(ending):
            return name.removesuffix(ending)
    return None


@pytest.mark.parametrize("name", sorted(n for n, f in FUNCTIONS.items() if defaults(f)))
def test_defaults_are_those_of_pytorch_or_stated(name):
    forward = _forward_of(name)
    for argument, value in defaults(FUNCTIONS[name]).items():
        if forward is not None:
            expected = defaults(FUNCTIONS[forward])[argument]
        elif (name, argument) in OTHERWISE:
            expected = OTHERWISE[name, argument]
        else:
            expected = defaults(getattr(F, name))[RENAMED.get(argument, argument)]
            if isinstance(value, tuple):
                expected = (expected, expected)
        assert value == expected, argument
        assert type(value) is type(expected), argument


ONE = np.ones((1, 2, 4, 4))
LINE = np.ones((1, 2, 4))
PLACES = np.zeros((1, 2, 4, 4), int)

# What is wrong, how the function is called with it, and what the error begins with.
TOO_SMALL = [
    ("groups", lambda: tb.conv2d(ONE, np.ones((2, 2, 1, 1)), groups=0)),
    ("groups", lambda: tb.conv2d_weight_gradient(ONE, ONE, (1, 1), groups=0)),
    ("stride", lambda: tb.conv2d(ONE, np.ones((2, 2, 1, 1)), stride=(0, 1))),
    ("padding", lambda: tb.conv2d(ONE, np.ones((2, 2, 1, 1)), padding=(0, -1))),
    ("dilation", lambda: tb.conv2d(ONE, np.ones((2, 2, 1, 1)), dilation=(1, 0))),
    ("kernel_size", lambda: tb.conv2d_weight_gradient(ONE, ONE, (0, 1))),
    ("groups", lambda: tb.conv1d(LINE, np.ones((2, 2, 1)), groups=0)),
    ("groups", lambda: tb.conv1d_input_gradient(LINE, np.ones((2, 2, 1)), 4, groups=0)),
    ("groups", lambda: tb.conv_transpose1d(LINE, np.ones((2, 2, 1)), groups=0)),
    ("groups", lambda: tb.conv_transpose1d_weight_gradient(LINE, LINE, 1, groups=0)),
    ("kernel_size", lambda: tb.conv_transpose1d_weight_gradient(LINE, LINE, 0)),
    ("stride", lambda: tb.conv1d(LINE, np.ones((2, 2, 1)), stride=0)),
    ("padding", lambda: tb.conv1d(LINE, np.ones((2, 2, 1)), padding=-1)),
    ("dilation", lambda: tb.conv1d(LINE, np.ones((2, 2, 1)), dilation=0)),
    ("groups", lambda: tb.conv_transpose2d(ONE, np.ones((2, 2, 1, 1)), groups=0)),
    ("stride", lambda: tb.conv_transpose2d(ONE, np.ones((2, 2, 1, 1)), stride=(0, 1))),
    ("padding", lambda: tb.conv_transpose2d(ONE, np.ones((2, 2, 1, 1)), padding=(-1, 0))),
    ("dilation", lambda: tb.conv_transpose2d(ONE, np.ones((2, 2, 1, 1)), dilation=(0, 1))),
    (
        "output_padding",
        lambda: tb.conv_transpose2d(ONE, np.ones((2, 2, 1, 1)), output_padding=(-1, 0)),
    ),
    ("groups", lambda: tb.conv_transpose2d_weight_gradient(ONE, ONE, (1, 1), groups=0)),
    ("kernel_size", lambda: tb.conv_transpose2d_weight_gradient(ONE, ONE, (1, 0))),
    ("kernel_size", lambda: tb.max_pool1d(LINE, 0)),
    ("stride", lambda: tb.max_pool1d(LINE, 2, stride=0)),
    ("padding", lambda: tb.max_pool1d(LINE, 2, padding=-1)),
    ("dilation", lambda: tb.max_pool1d(LINE, 2, dilation=0)),
    ("stride", lambda: tb.avg_pool1d(LINE, 2, stride=0)),
    ("input_size", lambda: tb.max_pool2d_gradient(ONE, PLACES, (0, 4))),
    ("output_size", lambda: tb.max_unpool2d(ONE, PLACES, (4, 0))),
    ("output_size", lambda: tb.adaptive_max_pool2d(ONE, (0, 1))),
    ("output_size", lambda: tb.adaptive_avg_pool2d(ONE, (1, 0))),
    ("groups", lambda: tb.group_norm(ONE, 0, np.ones(2), np.zeros(2))),
    ("groups", lambda: tb.channel_shuffle(ONE, 0)),
    ("input_size", lambda: tb.interpolate_bilinear_gradient(ONE, (0, 4))),
    ("input_size", lambda: tb.interpolate_nearest_gradient(ONE, (4, 0))),
    ("n", lambda: tb.local_response_norm(ONE, n=0)),
    ("n", lambda: tb.local_response_norm(ONE, n=(0, -1))),
    ("kernel", lambda: tb.dilated_size(0)),
    ("dilation", lambda: tb.dilated_size(3, 0)),
]


@pytest.mark.parametrize("argument, call", TOO_SMALL)
def test_an_argument_below_its_least_value_is_named(argument, call):
    with pytest.raises(ValueError, match=rf"^\w+: {argument} must be (an integer|a pair).* ≥ [01]"):
        call()


def test_least_values_are_allowed():
    np.testing.assert_array_equal(tb.channel_shuffle(ONE, 1), ONE)
    # A window of the channel alone, in both ways to say it.
    alone = tb.local_response_norm(ONE, n=(0, 0), k=1.0, alpha=1.0, beta=1.0)
    np.testing.assert_allclose(alone, 1 / 2)
    np.testing.assert_array_equal(
        alone, tb.local_response_norm(ONE, n=1, k=1.0, alpha=1.0, beta=1.0)
    )
    assert tb.interpolate_bilinear_gradient(ONE, (1, 1)).shape == (1, 2, 1, 1)
    assert tb.adaptive_max_pool2d(ONE, (1, 1))[0].tolist() == [[[[1.0]], [[1.0]]]]
    assert tb.max_pool2d_gradient(ONE[..., :1, :1], PLACES[..., :1, :1], (1, 1)).sum() == 2


def test_leaky_relu_has_its_slope_at_0_too():
    assert tb.leaky_relu_gradient([4.0, 4.0], [0.0, 1e-30], 0.5).tolist() == [2, 4]
    assert tb.elu_gradient([4.0], [0.0], 3.0).tolist() == [12]


@pytest.mark.parametrize("mode", ["a", "full", "xyz"])
def test_cross_correlate_knows_three_modes(mode):
    with pytest.raises(ValueError, match=f"mode must be 'narrow', .* got '{mode}'"):
        tb.cross_correlate(np.ones((3, 3)), np.ones((3, 3)), mode)


def test_a_circular_border_is_no_wider_than_what_is_left():
    x = np.arange(4.0)
    # Two cut away, two are left: they go round once, no further.
    assert tb.pad(x, [(-2, 2)], "circular").tolist() == [2, 3, 2, 3]
    with pytest.raises(ValueError, match="do not fit an axis of 4: circular"):
        tb.pad(x, [(-2, 3)], "circular")


def test_the_kernels_for_images():
    identity, sharpen, emboss, mean, gauss = tb.image_kernels.values()
    assert list(tb.image_kernels) == [
        "identity", "sharpen", "emboss", "mean blur", "gaussian blur",
    ]  # fmt: skip
    delta = np.zeros((3, 3))
    delta[1, 1] = 1
    np.testing.assert_array_equal(identity, delta)
    np.testing.assert_array_equal(sharpen, 10 * delta - 1)
    np.testing.assert_array_equal(emboss, [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]])
    cross = np.abs(np.subtract.outer(range(3), [1, 1, 1])) + np.abs([-1, 0, 1]) <= 1
    np.testing.assert_array_equal(mean, 0.2 * cross)
    np.testing.assert_array_equal(gauss, tb.gaussian_kernel((3, 3), 1))
    for kernel in tb.image_kernels.values():
        assert not kernel.flags.writeable


def test_a_transposed_signal_has_its_length_from_the_kernel():
    # Two maps in, three out, a kernel of five: no two sizes that could be mistaken for each other.
    y = tb.conv_transpose1d(np.ones((1, 2, 4)), np.ones((2, 3, 5)), stride=2)
    assert y.shape == (1, 3, 2 * 3 + 5)


def test_two_sizes_are_refused_as_a_pair():
    # Not only by the check of a single axis, which comes later and says less.
    text = (
        r"conv_transpose2d: output_padding must be a pair \(h, w\) of integers ≥ 0, got \(-1, 0\)"
    )
    with pytest.raises(ValueError, match=text):
        tb.conv_transpose2d(ONE, np.ones((2, 2, 1, 1)), output_padding=(-1, 0))
