"""Sizes and costs, with the numbers of well-known networks."""

import pytest

from minicnn import textbook as tb


def windows(n, kernel, stride, padding, dilation):
    """Starts of all windows that fit into the padded input, by trying every one of them."""
    end = n + 2 * padding
    reach = (kernel - 1) * dilation
    return [start for start in range(0, end, stride) if start + reach < end]


@pytest.mark.parametrize("n", [1, 5, 6, 7, 8])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_output_size_and_leftover_count_windows(n, kernel, stride, padding, dilation):
    starts = windows(n, kernel, stride, padding, dilation)
    if not starts:
        with pytest.raises(ValueError, match="does not fit"):
            tb.output_size(n, kernel, stride, padding, dilation)
        return
    assert tb.output_size(n, kernel, stride, padding, dilation) == len(starts)
    last_read = starts[-1] + (kernel - 1) * dilation
    rest = n + 2 * padding - 1 - last_read
    assert tb.leftover(n, kernel, stride, padding, dilation) == rest
    # The transposed convolution leads back to n once r is said.
    if rest < max(stride, dilation):
        assert n == tb.transposed_output_size(len(starts), kernel, stride, padding, rest, dilation)


def test_ceil_mode():
    assert tb.output_size(6, 3, stride=2) == 2
    assert tb.output_size(6, 3, stride=2, ceil_mode=True) == 3
    assert tb.output_size(7, 3, stride=2, ceil_mode=True) == 3
    # A window that would start in the padding at the right is dropped …
    assert tb.output_size(3, 2, stride=3, padding=1, ceil_mode=True) == 2
    # … and one that starts inside the input is not.
    assert tb.output_size(4, 2, stride=3, padding=1, ceil_mode=True) == 3 - 1
    assert tb.output_size(1, 2, stride=2, ceil_mode=True) == 1


def test_narrow_wide_equal_width():
    assert tb.output_size(9, 4) == 9 - 4 + 1
    assert tb.output_size(9, 4, padding=3) == 9 + 4 - 1
    assert tb.output_size(9, 5, padding=2) == 9
    assert tb.output_size(9, 3, padding=2, dilation=2) == 9


def test_output_padding_below_the_dilation_will_do():
    assert tb.transposed_output_size(3, 3, stride=1, output_padding=1, dilation=2) == 8


def test_ten_5x5_layers_take_240_to_200():
    size = 240
    for _ in range(10):
        size = tb.output_size(size, 5)
    assert size == 200


def test_receptive_field_grows_in_three_ways():
    assert tb.receptive_field([(5, 1, 1)]) == tb.receptive_field([(3, 1, 1)] * 2) == 5
    assert tb.receptive_field([(3, 1, 1), (2, 2, 1), (3, 1, 1)]) == 8
    assert tb.receptive_field([(3, 1, 1), (3, 1, 2), (3, 1, 4)]) == 15
    assert tb.receptive_field([(2, 2, 1), (2, 2, 1), (3, 1, 1)]) == 12
    assert tb.receptive_field([]) == 1


def test_parameters_of_lenet_and_sharing():
    assert tb.parameter_count(1, (5, 5), 6) == 156
    assert tb.parameter_count(6, (5, 5), 16) == 2416
    assert tb.parameter_count(6, (5, 3), 16, bias=False) == 6 * 15 * 16
    assert tb.parameter_count(32, (3, 3), 32, groups=32) == 32 * 9 + 32
    # 10⁶ pixels fully connected to 10³ units: as a kernel of the size of the image
    assert tb.parameter_count(1, (1000, 1000), 1000, bias=False) == 10**9


def test_errors_name_function_and_value():
    with pytest.raises(ValueError, match="output_size: stride must be an integer ≥ 1, got 0"):
        tb.output_size(5, 3, stride=0)
    with pytest.raises(ValueError, match=r"output_size: kernel must be an integer ≥ 1, got 2\.0"):
        tb.output_size(5, 2.0)
    with pytest.raises(ValueError, match="got True"):
        tb.output_size(5, 3, padding=True)
    with pytest.raises(ValueError, match="transposed_output_size: output_padding must be smaller"):
        tb.transposed_output_size(5, 3, stride=2, output_padding=2)
    with pytest.raises(ValueError, match=r"groups \(2\) must divide in_channels \(3\)"):
        tb.parameter_count(3, (3, 3), 4, groups=2)
