"""What PyTorch refuses of windowed and spatial functions is refused with a reason, and before."""

import pytest

import minicnn as mc

pytestmark = pytest.mark.parity

ERRORS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, ZeroDivisionError)


def images(m, *shape, **options):
    return m.ones(shape or (2, 3, 8, 8), **options)


def functional(m):
    return m.nn.functional


# name: (call of a module and its functional, text of minicnn's error)
REFUSED = {
    "conv1d, images": (
        lambda m, F: F.conv1d(images(m, 8), images(m, 2, 3, 3)),
        r"conv1d: expected input of shape \(N, C, L\), or \(C, L\), got \(8,\)",
    ),
    "conv1d, weight": (
        lambda m, F: F.conv1d(images(m, 2, 3, 8), images(m, 2, 3, 3, 3)),
        r"conv1d: expected weight \(F, C/groups, k\), got \(2, 3, 3, 3\)",
    ),
    "conv1d, channels": (
        lambda m, F: F.conv1d(images(m, 2, 3, 8), images(m, 2, 4, 3)),
        r"weight \(2, 4, 3\) expects 4 × groups \(1\). Did you mean Conv1d\(3, 2, 3\)\?",
    ),
    "conv1d, kernel": (
        lambda m, F: F.conv1d(images(m, 2, 3, 8), images(m, 2, 3, 9)),
        "conv1d: a kernel of 9 does not fit into the input of 8",
    ),
    "conv1d, two paddings": (
        lambda m, F: F.conv1d(images(m, 3, 8), images(m, 2, 3, 3), padding=(1, 1)),
        "conv1d: padding must be one integer, got 2",
    ),
    "conv1d, no strides": (
        lambda m, F: F.conv1d(images(m, 3, 8), images(m, 2, 3, 3), stride=()),
        "conv1d: stride must be",
    ),
    "conv2d, no kernels": (
        lambda m, F: F.conv2d(images(m), images(m, 0, 3, 3, 3)),
        r"conv2d: weight of shape \(0, 3, 3, 3\) holds no kernels",
    ),
    "conv2d, no rows": (
        lambda m, F: F.conv2d(images(m, 2, 3, 0, 8), images(m, 2, 3, 3, 3), padding=2),
        r"conv2d: only the batch may be empty; input of shape \(2, 3, 0, 8\) has no entries",
    ),
    "conv2d, stride with same": (
        lambda m, F: F.conv2d(images(m), images(m, 2, 3, 3, 3), stride=2, padding="same"),
        r"conv2d: padding='same' needs stride 1, got \(2, 2\)",
    ),
    "transposed, output padding": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3), output_padding=1),
        r"output_padding \(1\) must be smaller than the stride \(1\) or the dilation \(1\)",
    ),
    "transposed, output padding and dilation": (
        lambda m, F: F.conv_transpose2d(
            images(m), images(m, 3, 2, 3, 3), output_padding=2, dilation=2
        ),
        r"output_padding \(2\) must be smaller than the stride \(1\) or the dilation \(2\)",
    ),
    "transposed, channels": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 4, 2, 3, 3)),
        r"conv_transpose2d: input has 3 channels, but weight \(4, 2, 3, 3\) expects 4",
    ),
    "transposed, groups": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3), groups=2),
        "conv_transpose2d: groups=2 must divide the 3 input channels",
    ),
    "transposed, bias": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3), images(m, 3)),
        r"conv_transpose2d: bias must have shape \(2,\), got \(3,\)",
    ),
    "transposed, negative padding": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3), padding=-1),
        "conv_transpose2d: padding must be at least 0, got -1",
    ),
    "transposed, named padding": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3), padding="same"),
        "conv_transpose2d: padding must be an integer or 2 integers, got 'same'",
    ),
    "transposed, all of it padding": (
        lambda m, F: F.conv_transpose1d(images(m, 1, 1, 2), images(m, 1, 1, 3), padding=3),
        r"conv_transpose1d: padding \(3,\) leaves an output of -2 \(L\)",
    ),
    "transposed, no outputs": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 0, 3, 3)).sum().backward(),
        r"weight \(3, 0, 3, 3\) leads to no output channels",
    ),
    "transposed, stride 0": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3), stride=0),
        "conv_transpose2d: stride must be at least 1, got 0",
    ),
    "transposed, dtypes": (
        lambda m, F: F.conv_transpose2d(images(m), images(m, 3, 2, 3, 3, dtype=m.float64)),
        "conv_transpose2d: input is float32, but weight is float64",
    ),
    "max_pool1d, shape": (
        lambda m, F: F.max_pool1d(images(m, 8), 2),
        r"max_pool1d: expected input of shape \(N, C, L\)",
    ),
    "max_pool1d, padding": (
        lambda m, F: F.max_pool1d(images(m, 3, 8), 3, padding=2),
        r"max_pool1d: padding \(2,\) must be at most half of the kernel \(3,\)",
    ),
    "max_pool1d, integers": (
        lambda m, F: F.max_pool1d(images(m, 2, 3, 8, dtype=m.int64), 2),
        "max_pool1d: expected a floating-point input, got int64",
    ),
    "max_pool2d, no channels": (
        lambda m, F: F.max_pool2d(images(m, 2, 0, 8, 8), 2),
        r"max_pool2d: only the batch may be empty; input of shape \(2, 0, 8, 8\) has no channels",
    ),
    "avg_pool2d, no rows": (
        lambda m, F: F.avg_pool2d(images(m, 2, 3, 0, 8), 1),
        "avg_pool2d: only the batch may be empty",
    ),
    "avg_pool1d, two kernels": (
        lambda m, F: F.avg_pool1d(images(m, 3, 8), (2, 2)),
        "avg_pool1d: kernel_size must be one integer",
    ),
    "adaptive_avg_pool2d, negative": (
        lambda m, F: F.adaptive_avg_pool2d(images(m), -1),
        "adaptive_avg_pool2d: output_size must be at least 1, got -1",
    ),
    "adaptive_avg_pool2d, three": (
        lambda m, F: F.adaptive_avg_pool2d(images(m), (1, 2, 3)),
        "adaptive_avg_pool2d: output_size must be one integer or 2, got 3",
    ),
    "adaptive_avg_pool2d, no rows": (
        lambda m, F: F.adaptive_avg_pool2d(images(m, 2, 3, 0, 8), 2),
        "adaptive_avg_pool2d: only the batch may be empty",
    ),
    "adaptive_avg_pool2d, integers": (
        lambda m, F: F.adaptive_avg_pool2d(images(m, dtype=m.int64), 2),
        "adaptive_avg_pool2d: expected a floating-point input",
    ),
    "adaptive_max_pool2d, no channels": (
        lambda m, F: F.adaptive_max_pool2d(images(m, 2, 0, 8, 8), 2),
        "adaptive_max_pool2d: only the batch may be empty",
    ),
    "lp_pool2d, power 0": (
        lambda m, F: F.lp_pool2d(images(m), 0, 2),
        "lp_pool2d: norm_type must not be 0",
    ),
    "lp_pool2d, window": (
        lambda m, F: F.lp_pool2d(images(m), 2, 9),
        "lp_pool2d: a kernel of 9 × 9 does not fit",
    ),
    "max_unpool2d, index": (
        lambda m, F: F.max_unpool2d(images(m, 1, 1, 1), m.tensor([[[4]]]), 2),
        "max_unpool2d: index 4 is outside an output of 2 × 2; pass the output_size",
    ),
    "max_unpool2d, negative index": (
        lambda m, F: F.max_unpool2d(images(m, 1, 1, 1), m.tensor([[[-1]]]), 2),
        "max_unpool2d: index -1 is outside",
    ),
    "max_unpool2d, size out of reach": (
        lambda m, F: F.max_unpool2d(images(m, 1, 1, 1), m.tensor([[[0]]]), 2, output_size=(4, 3)),
        r"max_unpool2d: output_size \(4, 3\) is out of reach: 4 must lie between 1 and 3",
    ),
    "max_unpool2d, three sizes": (
        lambda m, F: F.max_unpool2d(
            images(m, 1, 1, 1), m.tensor([[[0]]]), 2, output_size=(1, 2, 2)
        ),
        r"max_unpool2d: output_size must be \(H, W\) or \(N, C, H, W\)",
    ),
    "max_unpool2d, dtype": (
        lambda m, F: F.max_unpool2d(images(m, 1, 1, 1), m.tensor([[[0]]], dtype=m.int32), 2),
        "max_unpool2d: indices must be int64, got int32",
    ),
    "max_unpool2d, shapes": (
        lambda m, F: F.max_unpool2d(images(m, 1, 2, 2), m.tensor([[[0, 1]]]), 2),
        r"max_unpool2d: indices must have the input's shape \(1, 2, 2\), got \(1, 1, 2\)",
    ),
    "unfold, window": (
        lambda m, F: F.unfold(images(m), 9),
        "unfold: a kernel of 9 × 9 does not fit into the input of 8 × 8",
    ),
    "unfold, no image": (
        lambda m, F: F.unfold(images(m, 8, 8), 3),
        r"unfold: expected input of shape \(N, C, H, W\)",
    ),
    "unfold, integers": (
        lambda m, F: F.unfold(images(m, dtype=m.int64), 3),
        "unfold: expected a floating-point input",
    ),
    "unfold, no channels": (
        lambda m, F: F.unfold(images(m, 2, 0, 8, 8), 3),
        "unfold: only the batch may be empty",
    ),
    "fold, columns": (
        lambda m, F: F.fold(images(m, 2, 12, 8), 4, 2),
        r"fold: output_size \(4, 4\) has 3 × 3 = 9 windows, but input \(2, 12, 8\) holds 8 columns",
    ),
    "fold, rows": (
        lambda m, F: F.fold(images(m, 2, 11, 9), 4, 2),
        r"fold: the 11 rows of input \(2, 11, 9\) must be C · kh · kw, a multiple of the 4",
    ),
    "fold, no rows": (
        lambda m, F: F.fold(images(m, 2, 0, 9), 4, 2),
        r"fold: expected input of shape \(N, C·kh·kw, L\)",
    ),
    "fold, dimensions": (
        lambda m, F: F.fold(images(m, 2, 2, 12, 9), 4, 2),
        r"fold: expected input of shape \(N, C·kh·kw, L\)",
    ),
    "fold, one size in a tuple": (
        lambda m, F: F.fold(images(m, 2, 12, 9), (4,), 2),
        r"fold: output_size must be \(H, W\) or one number, got \(4,\)",
    ),
    "fold, stride": (
        lambda m, F: F.fold(images(m, 2, 12, 9), 4, 2, stride=0),
        "fold: stride must be at least 1, got 0",
    ),
    "pixel_shuffle, dimensions": (
        lambda m, F: F.pixel_shuffle(images(m, 4, 4), 2),
        r"pixel_shuffle: expected input \(…, C·r², H, W\)",
    ),
    "pixel_shuffle, channels": (
        lambda m, F: F.pixel_shuffle(images(m, 2, 8, 3, 3), 3),
        r"pixel_shuffle: the 8 channels of \(2, 8, 3, 3\) must be divisible by r² = 9",
    ),
    "pixel_shuffle, 0": (
        lambda m, F: F.pixel_shuffle(images(m, 2, 8, 3, 3), 0),
        "pixel_shuffle: upscale_factor must be at least 1, got 0",
    ),
    "pixel_shuffle, fraction": (
        lambda m, F: F.pixel_shuffle(images(m, 2, 8, 3, 3), 2.0),
        "pixel_shuffle: upscale_factor must be an integer",
    ),
    "channel_shuffle, dimensions": (
        lambda m, F: F.channel_shuffle(images(m, 2, 8), 2),
        r"channel_shuffle: expected input \(N, C, …\)",
    ),
    "channel_shuffle, groups": (
        lambda m, F: F.channel_shuffle(images(m, 2, 8, 3, 3), 3),
        r"channel_shuffle: the 8 channels of \(2, 8, 3, 3\) must be divisible by groups=3",
    ),
    "channel_shuffle, 0": (
        lambda m, F: F.channel_shuffle(images(m, 2, 8, 3, 3), 0),
        "channel_shuffle: groups must be at least 1, got 0",
    ),
    "interpolate, both": (
        lambda m, F: F.interpolate(images(m), size=3, scale_factor=2),
        "interpolate: give either size or scale_factor",
    ),
    "interpolate, neither": (
        lambda m, F: F.interpolate(images(m)),
        "interpolate: give either size or scale_factor",
    ),
    "interpolate, three factors": (
        lambda m, F: F.interpolate(images(m), scale_factor=(1, 2, 3)),
        r"interpolate: scale_factor must be one number or 2, got \(1, 2, 3\)",
    ),
    "interpolate, one size in a tuple": (
        lambda m, F: F.interpolate(images(m), size=(4,)),
        r"interpolate: size must be one integer or 2, got \(4,\)",
    ),
    "interpolate, size 0": (
        lambda m, F: F.interpolate(images(m), size=0),
        "interpolate: size must be at least 1, got 0",
    ),
    "interpolate, a tiny factor": (
        lambda m, F: F.interpolate(images(m), scale_factor=0.01),
        r"interpolate: input and output must have entries; the sizes are \(8, 8\) and \(0, 0\)",
    ),
    "interpolate, fractional size": (
        lambda m, F: F.interpolate(images(m), size=3.5),
        "interpolate: size must be an integer",
    ),
    "interpolate, recompute with size": (
        lambda m, F: F.interpolate(images(m), size=3, recompute_scale_factor=True),
        "interpolate: recompute_scale_factor goes with scale_factor",
    ),
    "interpolate, corners of nearest": (
        lambda m, F: F.interpolate(images(m), size=3, align_corners=False),
        "interpolate: align_corners is an option of the linear modes",
    ),
    "interpolate, bilinear signals": (
        lambda m, F: F.interpolate(images(m, 2, 3, 8), size=3, mode="bilinear"),
        r"interpolate: mode 'bilinear' needs input \(N, C, H, W\), got shape \(2, 3, 8\)",
    ),
    "interpolate, linear images": (
        lambda m, F: F.interpolate(images(m), size=3, mode="linear"),
        r"interpolate: mode 'linear' needs input \(N, C, L\)",
    ),
    "interpolate, unknown mode": (
        lambda m, F: F.interpolate(images(m), size=3, mode="bilinaer"),
        "interpolate: mode must be one of .* did you mean 'bilinear'",
    ),
    "interpolate, integers": (
        lambda m, F: F.interpolate(images(m, dtype=m.int64), size=3),
        "interpolate: expected a floating-point input, got int64",
    ),
    "interpolate, no channels": (
        lambda m, F: F.interpolate(images(m, 2, 0, 8, 8), size=3),
        "interpolate: only the batch may be empty",
    ),
    "interpolate, no rows": (
        lambda m, F: F.interpolate(images(m, 2, 3, 0, 8), size=3),
        "interpolate: input and output must have entries",
    ),
    "interpolate, antialias": (
        lambda m, F: F.interpolate(images(m), size=3, antialias=True),
        "interpolate: antialias=True is not supported",
    ),
    "pad, one width": (
        lambda m, F: F.pad(images(m), (1,)),
        r"pad: expected two widths for each padded dimension, at most 8 .* got 1: \(1,\)",
    ),
    "pad, too many widths": (
        lambda m, F: F.pad(images(m), (1,) * 10),
        "pad: expected two widths for each padded dimension, at most 8 .* got 10",
    ),
    "pad, cutting too much": (
        lambda m, F: F.pad(images(m), (-5, -4)),
        r"pad: widths \(-5, -4\) cut more off dimension 3 than its 8 entries",
    ),
    "pad, cutting and growing": (
        lambda m, F: F.pad(images(m), (-9, 3)),
        "pad: widths .* cut more off dimension 3",
    ),
    "pad, fractions": (
        lambda m, F: F.pad(images(m), (1.5, 1)),
        r"pad: the widths must be a tuple of integers.* got \(1.5, 1\)",
    ),
    "pad, a number": (lambda m, F: F.pad(images(m), 1), "pad: the widths must be a tuple"),
    "pad, mode": (
        lambda m, F: F.pad(images(m), (1, 1, 1, 1), mode="zeros"),
        "pad: mode must be one of 'constant', 'reflect', 'replicate', 'circular'; got 'zeros'",
    ),
    "pad, too few widths": (
        lambda m, F: F.pad(images(m), (1, 1), mode="reflect"),
        "pad: mode 'reflect' pads the last 1, 2 or 3 dimensions .* got 2 widths .* 4 dimensions",
    ),
    "pad, value": (
        lambda m, F: F.pad(images(m), (1, 1, 1, 1), mode="reflect", value=2.0),
        "pad: mode 'reflect' takes its border from the input, not value=2.0",
    ),
    "pad, reflect": (
        lambda m, F: F.pad(images(m), (8, 1, 1, 1), mode="reflect"),
        r"pad: mode 'reflect' needs widths smaller than the input: got \(8, 1\) .* 8 entries",
    ),
    "pad, circular": (
        lambda m, F: F.pad(images(m), (9, 1, 1, 1), mode="circular"),
        r"pad: mode 'circular' would wrap around more than once: widths \(9, 1\)",
    ),
    "pad, bool": (
        lambda m, F: F.pad(images(m, dtype=m.bool), (1, 1, 1, 1), mode="replicate"),
        "pad: mode 'replicate' does not work on bool",
    ),
    "pad, no channels": (
        lambda m, F: F.pad(images(m, 2, 0, 8, 8), (1, 1, 1, 1), mode="reflect"),
        "pad: only the batch may be empty",
    ),
    "Conv2d, padding mode": (
        lambda m, F: m.nn.Conv2d(2, 2, 3, padding_mode="relfect"),
        "Conv2d: padding_mode must be one of .* did you mean 'reflect'",
    ),
    "Conv2d, too much reflected": (
        lambda m, F: m.nn.Conv2d(3, 2, 3, padding=3, padding_mode="reflect")(images(m, 1, 3, 3, 3)),
        "pad: mode 'reflect' needs widths smaller than the input",
    ),
    "Conv1d, same with stride": (
        lambda m, F: m.nn.Conv1d(2, 2, 3, stride=2, padding="same"),
        r"Conv1d: padding='same' needs stride 1, got \(2,\)",
    ),
    "Conv1d, groups": (
        lambda m, F: m.nn.Conv1d(3, 2, 3, groups=2),
        r"Conv1d: in_channels \(3\) must be divisible by groups \(2\)",
    ),
    "ConvTranspose2d, padding mode": (
        lambda m, F: m.nn.ConvTranspose2d(2, 2, 3, padding_mode="reflect"),
        "ConvTranspose2d: padding_mode must be one of 'zeros'; got 'reflect'",
    ),
    "ConvTranspose2d, size out of reach": (
        lambda m, F: m.nn.ConvTranspose2d(2, 2, 3, stride=2)(images(m, 1, 2, 4, 4), (11, 9)),
        r"output_size \(11, 9\) is out of reach: .* between \(9, 9\) and \(10, 10\)",
    ),
    "ConvTranspose2d, three sizes": (
        lambda m, F: m.nn.ConvTranspose2d(2, 2, 3)(images(m, 1, 2, 4, 4), (1, 6, 6)),
        r"ConvTranspose2d: output_size must have 2 or 4 numbers",
    ),
    "ConvTranspose2d, a number": (
        lambda m, F: m.nn.ConvTranspose2d(2, 2, 3)(images(m, 1, 2, 4, 4), 6),
        "ConvTranspose2d: output_size must be a tuple of integers, got 6",
    ),
    "ZeroPad2d, three widths": (
        lambda m, F: m.nn.ZeroPad2d((1, 2, -1))(images(m)),
        "ZeroPad2d: padding must be one integer or 4",
    ),
    "Unflatten, sizes": (
        lambda m, F: m.nn.Unflatten(1, (3, -1))(images(m, 2, 8)),
        r"Unflatten: dimension 1 of an input of shape \(2, 8\) has 8 entries, which do not make",
    ),
    "Unflatten, no tuple": (
        lambda m, F: m.nn.Unflatten(1, 4),
        "Unflatten: unflattened_size must be a tuple of integers, got 4",
    ),
    "Unflatten, fractions": (
        lambda m, F: m.nn.Unflatten(1, (2.0, 4)),
        "Unflatten: unflattened_size must be a tuple of integers",
    ),
    "Unflatten, two free": (
        lambda m, F: m.nn.Unflatten(1, (-1, -1))(images(m, 2, 8)),
        "Unflatten: sizes must be ≥ 0 with at most one −1",
    ),
    "Unflatten, dim": (
        lambda m, F: m.nn.Unflatten(5, (2, 4))(images(m, 2, 8)),
        "Unflatten: dim 5 is out of range",
    ),
}
# Supported there, refused here (the errors say so).
ONLY_HERE = {"interpolate, antialias", "transposed, no outputs"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_with_a_reason(name):
    torch = pytest.importorskip("torch")
    call, text = REFUSED[name]
    if name not in ONLY_HERE:
        with pytest.raises(ERRORS) as theirs:
            call(torch, functional(torch))
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError), match=text) as mine:
        call(mc, functional(mc))
    # An `except` clause written for PyTorch's error catches minicnn's; but the IndexError it raises
    # for an image of two dimensions is an accident.
    if name not in {*ONLY_HERE, "unfold, no image"} and theirs.type in (RuntimeError, IndexError):
        assert issubclass(mine.type, theirs.type)


MORE = {
    "replicating nothing": (
        lambda: functional(mc).pad(images(mc), (-4, -4, 1, 1), mode="replicate"),
        r"pad: widths \(-4, -4\) leave nothing of dimension 3 of 8 entries",
    ),
    "bicubic": (
        lambda: functional(mc).interpolate(images(mc), size=3, mode="bicubic"),
        "interpolate: mode must be one of 'nearest', 'linear', 'bilinear'; got 'bicubic'",
    ),
    "an endless factor": (
        lambda: functional(mc).interpolate(images(mc), scale_factor=float("inf")),
        "interpolate: scale_factor must be finite",
    ),
    "a factor that is no number": (
        lambda: functional(mc).interpolate(images(mc), scale_factor="2"),
        "interpolate: scale_factor must be numbers, got '2'",
    ),
    "a power that is no number": (
        lambda: functional(mc).lp_pool2d(images(mc), "2", 2),
        "lp_pool2d: norm_type must be a number, got '2'",
    ),
    "an output of padding": (
        lambda: functional(mc).conv_transpose2d(images(mc), images(mc, 3, 2, 3, 3), padding=5),
        r"conv_transpose2d: padding \(5, 5\) leaves an output of 0 × 0 \(H, W\)",
    ),
    "unpooling to nothing": (
        lambda: functional(mc).max_unpool2d(images(mc, 1, 1, 1), mc.tensor([[[0]]]), 2, padding=1),
        r"max_unpool2d: padding \(1, 1\) leaves an output of \(0, 0\)",
    ),
    "sizes of unpooling": (
        lambda: functional(mc).max_unpool2d(
            images(mc, 1, 1, 1), mc.tensor([[[0]]]), 2, output_size=2
        ),
        "max_unpool2d: output_size must be integers, got 2",
    ),
    "wrapping what was cut": (
        lambda: functional(mc).pad(images(mc), (-3, 7, 1, 1), mode="circular"),
        r"wrap around more than once: widths \(-3, 7\) for the 5 entries",
    ),
    "a list as input": (
        lambda: functional(mc).pad([1, 2], (1, 1)),
        "pad: expected a tensor, got list",
    ),
    "transposed padding by name": (
        lambda: mc.nn.ConvTranspose2d(2, 2, 3, padding="same"),
        "ConvTranspose2d: padding must be integers, got 'same'",
    ),
    "named dimensions": (
        lambda: mc.nn.Unflatten("a", (2, 4)),
        "Unflatten: dimensions have no names here",
    ),
    "no sizes": (
        lambda: mc.nn.Unflatten(1, ())(images(mc, 2, 8)),
        "Unflatten: unflattened_size must not be empty",
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_what_minicnn_does_not_do_is_said(name):
    call, text = MORE[name]
    with pytest.raises((ValueError, TypeError), match=text):
        call()
