"""What several families of small networks share: numbers of channels that hardware likes,
convolution with its normalisation and activation, squeeze-and-excitation, initial weights.

The names, arguments and insides are torchvision's, so that published weights fit.
"""

from minicnn import nn
from minicnn.checks import ArgumentError


def make_divisible(v, divisor, min_value=None):
    """The multiple of `divisor` nearest to `v`, but not below 0.9 · `v`, nor below `min_value`.

    So a number of channels that was multiplied with a width stays one that hardware likes.

    Args:
        v: the number of channels wanted, any positive number.
        divisor: what the result is a multiple of.
        min_value: the least result; `divisor` unless given.

    Raises:
        ArgumentError: `v` is 0 or less, as with a width of 0 or less.

    >>> make_divisible(32 * 0.75, 8), make_divisible(11, 8), make_divisible(10, 8)
    (24, 16, 16)
    """
    if not v > 0:
        raise ArgumentError(
            f"make_divisible: a number of channels must be above 0, got {v}; is the width (such as "
            "width_mult) above 0?"
        )
    least = divisor if min_value is None else min_value
    rounded = max(least, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


class Conv2dNormActivation(nn.Sequential):
    """A convolution that keeps the size at stride 1, then normalisation, then activation.

    Args:
        in_channels, out_channels, kernel_size, stride, groups, dilation: as in `Conv2d`.
        padding: None for the one that keeps the size, (kernel_size − 1)/2 · dilation.
        norm_layer: a function from a number of channels to a layer; None for no normalisation.
        activation_layer: a function that makes the activation; None for none.
        inplace: what the activation is told; None for nothing, where it does not know the option.
        bias: whether the convolution has one; None: only without a normalisation, which has its
            own.

    >>> Conv2dNormActivation(3, 8, stride=2, activation_layer=nn.ReLU6)[0].padding
    (1, 1)
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
    ):
        if padding is None:
            padding = _same_size(kernel_size, dilation)
        if bias is None:
            bias = norm_layer is None
        sizes = kernel_size, stride, padding, dilation, groups
        layers = [nn.Conv2d(in_channels, out_channels, *sizes, bias=bias)]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            options = {} if inplace is None else {"inplace": inplace}
            layers.append(activation_layer(**options))
        super().__init__(*layers)
        self.out_channels = out_channels


def _same_size(kernel_size, dilation):
    """The padding with which a convolution of stride 1 keeps the size (odd kernels)."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    kernel = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    steps = (dilation,) * 2 if isinstance(dilation, int) else dilation
    return tuple((k - 1) // 2 * d for k, d in zip(kernel, steps, strict=True))


class SqueezeExcitation(nn.Module):
    """Each map times a number between 0 and 1 that all maps together decide on.

    Hu, Shen & Sun, "Squeeze-and-excitation networks", 2018, section 3. Squeeze: every map becomes
    its mean. Excitation: two fully connected layers (1×1 convolutions of 1×1 maps) turn the means
    into one factor a map.

    Args:
        input_channels: the number of maps.
        squeeze_channels: the outputs of the first of the two layers.
        activation: makes the activation between them.
        scale_activation: makes the one that brings the factors into 0 … 1.

    Shapes: (N, input_channels, H, W) → the same.

    >>> import minicnn as mc
    >>> SqueezeExcitation(16, 4)(mc.ones(2, 16, 5, 5)).shape
    (2, 16, 5, 5)
    """

    def __init__(
        self, input_channels, squeeze_channels, activation=nn.ReLU, scale_activation=nn.Sigmoid
    ):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input):
        means = self.avgpool(input)  # (N, C, 1, 1)
        hidden = self.activation(self.fc1(means))  # (N, squeeze_channels, 1, 1)
        return input * self.scale_activation(self.fc2(hidden))


def init_weights(model, init_linear):
    """The initial values that the families here have in common with torchvision's.

    Convolutions: normal with variance 2/fan_out; normalisations: 1 and 0; biases: 0.

    Args:
        model: the network.
        init_linear: overwrites the weight of a fully connected layer.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            if module.weight is not None:
                nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            init_linear(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def small_normal_(weight):
    """Normal with a standard deviation of 0.01: the last layer of the MobileNets."""
    return nn.init.normal_(weight, 0, 0.01)
