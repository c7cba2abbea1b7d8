"""The fully connected layer, and layers that only pass on."""

import math

from minicnn.checks import truth
from minicnn.creation import empty
from minicnn.functions.shaping import flatten
from minicnn.nn import functional as F
from minicnn.nn import init
from minicnn.nn.module import Module
from minicnn.nn.parameter import Parameter
from minicnn.shapes import as_number


def uniform_by_fan_in(weight, bias):
    """PyTorch's initial values: both uniform in ±1/√fan_in."""
    bound = 1 / math.sqrt(max(1, init.fans(weight)[0]))
    init.uniform_(weight, -bound, bound)
    if bias is not None:
        init.uniform_(bias, -bound, bound)


class Linear(Module):
    """Z = X Wᵀ + b, eq. 1.10 for each row of X.


    Shapes: (…, in_features) → (…, out_features); weight (out, in), bias (out).
    Initial values: uniform in ±1/√in_features, as in PyTorch.

    As ``torch.nn.Linear``.

    Args:
        in_features, out_features: lengths of a row of X and of Z.
        bias: whether there is a b.
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ArgumentError: lengths < 0.
        ShapeError: called on rows of another length.
        DtypeError: lengths that are no integers; called on another dtype than that of the weight.

    >>> import minicnn as mc
    >>> mc.nn.Linear(20, 30)(mc.ones(8, 20)).shape
    (8, 30)
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features = as_number("Linear", "in_features", in_features, 1)
        self.out_features = as_number("Linear", "out_features", out_features, 1)
        bias = truth("Linear", "bias", bias)
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new initial values."""
        uniform_by_fan_in(self.weight, self.bias)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Flatten(Module):
    """Dimensions `start_dim` … `end_dim` as one: (N, C, H, W) → (N, C·H·W) by default.

    As ``torch.nn.Flatten``.

    Args:
        start_dim, end_dim: the first and the last dimension to join.

    Raises:
        IndexRangeError: called on a tensor without these dimensions.
        DtypeError: called on what is not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.Flatten()(mc.zeros(8, 16, 5, 5)).shape
    (8, 400)
    """

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Passes its input on; takes any arguments, so that it can stand in for any layer.

    As ``torch.nn.Identity``.

    It raises nothing.

    Args:
        args, kwargs: anything; they are forgotten. Nor does it look at its input: nothing is
            raised.

    >>> import minicnn as mc
    >>> mc.nn.Identity(54, unused=True)(mc.tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input
