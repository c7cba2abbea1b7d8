"""Activation functions as modules; each is applied element by element, shapes stay as they are."""

from minicnn.nn import functional as F
from minicnn.nn.module import Module


class _InPlace(Module):
    """One that can overwrite its input: saves memory where nobody else needs the input."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """max(x, 0), element by element; equation ``relu``. With `inplace` the input is overwritten.

    As ``torch.nn.ReLU``.

    Args:
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.ReLU()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([0. , 0. , 1.5, 8. ])
    """

    def forward(self, input):
        return F.relu(input, self.inplace)


class ReLU6(_InPlace):
    """min(max(x, 0), 6); equation ``relu6``. With `inplace` the input is overwritten.

    As ``torch.nn.ReLU6``.

    Args:
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.ReLU6()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([0. , 0. , 1.5, 6. ])
    """

    def forward(self, input):
        return F.relu6(input, self.inplace)


class LeakyReLU(_InPlace):
    """x for x > 0, else `negative_slope` · x; equation ``leaky-relu``.

    As ``torch.nn.LeakyReLU``.

    Args:
        negative_slope: the slope below 0; a number.
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a floating-point tensor.

    >>> LeakyReLU(0.2)
    LeakyReLU(negative_slope=0.2)
    """

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}{', inplace=True' if self.inplace else ''}"


class ELU(_InPlace):
    """x for x > 0, else `alpha` · (eˣ − 1); equation ``elu``.

    As ``torch.nn.ELU``.

    Args:
        alpha: the distance from 0 to where it levels off; a number.
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.ELU()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([-0.9817,  0.    ,  1.5   ,  8.    ])
    """

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}{', inplace=True' if self.inplace else ''}"


class GELU(Module):
    """x · Φ(x), or with `approximate` = ``"tanh"`` its approximation; equations ``gelu``…

    As ``torch.nn.GELU``.

    Args:
        approximate: ``"none"`` or ``"tanh"``.

    Raises:
        DtypeError: called on what is not a floating-point tensor.
        ArgumentError: called, where `approximate` is another word.

    >>> import minicnn as mc
    >>> mc.nn.GELU()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([-1.2668e-04,  0.0000e+00,  1.3998e+00,  8.0000e+00])
    """

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(_InPlace):
    """x · σ(x), also called swish; equation ``silu``. With `inplace` the input is overwritten.

    As ``torch.nn.SiLU``.

    Args:
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.SiLU()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([-0.0719,  0.    ,  1.2264,  7.9973])
    """

    def forward(self, input):
        return F.silu(input, self.inplace)


class Sigmoid(Module):
    """1 / (1 + e^(−x)), element by element; equation ``sigmoid``.

    As ``torch.nn.Sigmoid``.

    Raises:
        DtypeError: called on what is not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.Sigmoid()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([0.018 , 0.5   , 0.8176, 0.9997])
    """

    def forward(self, input):
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent, element by element; equation ``tanh``.

    As ``torch.nn.Tanh``.

    Raises:
        DtypeError: called on what is not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.Tanh()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([-0.9993,  0.    ,  0.9051,  1.    ])
    """

    def forward(self, input):
        return F.tanh(input)


class Hardsigmoid(_InPlace):
    """ReLU6(x + 3)/6; equation ``hardsigmoid``. With `inplace` the input is overwritten.

    As ``torch.nn.Hardsigmoid``.

    Args:
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.Hardsigmoid()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([0.  , 0.5 , 0.75, 1.  ])
    """

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self):
        return ""  # PyTorch's says nothing


class Hardswish(_InPlace):
    """x · ReLU6(x + 3)/6; equation ``hardswish``. With `inplace` the input is overwritten.

    As ``torch.nn.Hardswish``.

    Args:
        inplace: True: overwrite the input, a tensor of any shape.

    Raises:
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.Hardswish()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([-0.   ,  0.   ,  1.125,  8.   ])
    """

    def forward(self, input):
        return F.hardswish(input, self.inplace)

    def extra_repr(self):
        return ""


class Softplus(Module):
    """ln(1 + e^(βx))/β, but x where βx > `threshold`; equation ``softplus``.

    As ``torch.nn.Softplus``.

    Args:
        beta: how sharp the bend is; a number.
        threshold: from where on the input itself is given; a number.

    Raises:
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.Softplus()(mc.tensor([-4.0, 0.0, 1.5, 8.0]))
    tensor([0.0181, 0.6931, 1.7014, 8.0003])
    """

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """Positive numbers that sum to 1 along `dim`; equation ``softmax``.

    Without `dim` PyTorch's guess is taken, with a warning: see `minicnn.nn.functional.softmax`.

    As ``torch.nn.Softmax``.

    Args:
        dim: the dimension of the classes; an integer, or None.

    Raises:
        DtypeError: called on what is not a floating-point tensor.
        IndexRangeError: called on a tensor without that dimension.

    >>> import minicnn as mc
    >>> mc.nn.Softmax(dim=1)(mc.tensor([[0.0, 0.0], [0.0, 1000.0]]))
    tensor([[0.5, 0.5],
            [0. , 1. ]])
    """

    function = staticmethod(F.softmax)

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return self.function(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`; equation ``log-softmax``.

    As ``torch.nn.LogSoftmax``.

    Args:
        dim: the dimension of the classes; an integer, or None.

    Raises:
        DtypeError: called on what is not a floating-point tensor.
        IndexRangeError: called on a tensor without that dimension.

    >>> import minicnn as mc
    >>> mc.nn.LogSoftmax(dim=1)(mc.tensor([[0.0, 0.0], [0.0, 1000.0]]))
    tensor([[-6.9315e-01, -6.9315e-01],
            [-1.0000e+03,  0.0000e+00]])
    """

    function = staticmethod(F.log_softmax)
