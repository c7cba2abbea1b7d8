"""Initial values of weights: PyTorch's ``torch.nn.init``.

Each function overwrites a tensor in place, outside the graph, and returns it. Random ones take a
`generator` (default: the one that ``minicnn.manual_seed`` seeds). It is one of the CPU, also for a
tensor on a GPU, to which the values are copied: so a seed gives the same network everywhere.

A layer keeps the size of its signal if the variance of a weight is 1 over the number of inputs it
sums (`fan_in`), and the size of its gradient with 1/`fan_out`.

A tensor of the wrong dtype or something else than a tensor raises `DtypeError`, one of the wrong
shape `ShapeError`, another wrong argument `ArgumentError`.
"""

import math
import numbers
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from minicnn import drawing
from minicnn.arrays import on_host
from minicnn.checks import ArgumentError, DtypeError, ShapeError, integer, one_of, real
from minicnn.device import moved
from minicnn.dtypes import is_floating
from minicnn.functions.operands import NUMBERS, fitting_number
from minicnn.gpu import beside
from minicnn.random import numpy_generator
from minicnn.tensor import Tensor

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity, param=None):
    """By what an activation shrinks a signal, to be multiplied onto the weights.

    As ``torch.nn.init.calculate_gain``.

    Args:
        nonlinearity: the function's name in `nn.functional`, or a layer's (which shrinks nothing).
        param: the slope of ``"leaky_relu"`` below 0; 0.01 unless given.

    Raises:
        ArgumentError: another name, or a slope that is not a number.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    return _gain("calculate_gain", nonlinearity, param)


def _gain(name, nonlinearity, param):
    if isinstance(nonlinearity, str) and nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, numbers.Real):
            raise ArgumentError(f"{name}: the slope must be a number, got {slope!r}")
        if slope != slope:
            raise ArgumentError(f"{name}: the slope is NaN")
        return math.sqrt(2 / (1 + slope * slope))
    one_of(name, "nonlinearity", nonlinearity, (*_GAINS, "leaky_relu"))
    return _GAINS[nonlinearity]


def fans(tensor, name="init"):
    """(fan_in, fan_out): how many inputs a unit sums, and how many units an input feeds.

    minicnn's own: what Xavier's and Kaiming's formulas are made of (equation ``xavier-init``).

    Args:
        tensor: a weight, (out, in, …).
        name: what an error calls the function.

    Raises:
        ShapeError: fewer than two dimensions.
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.init.fans(mc.empty(6, 3, 5, 5))
    (75, 150)
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"{name}: expected a tensor, got {type(tensor).__name__}")
    if tensor.ndim < 2:
        raise ShapeError(
            f"{name}: fan in and fan out need at least 2 dimensions (out, in, …), got "
            f"{tensor.shape}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


# The name under which layers written for PyTorch know it.
_calculate_fan_in_and_fan_out = fans


def _overwrite(name, tensor, values):
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"{name}: expected a tensor, got {type(tensor).__name__}")
    tensor._writable(name)
    with beside(tensor.array):
        tensor.array[...] = moved(values, tensor.device) if hasattr(values, "shape") else values
    tensor._version.changes += 1
    return tensor


# What `together` puts off: the tensor, the count of its changes so far, and how it is to be drawn.
_put_off = ContextVar("put_off", default=None)


@contextmanager
def together():
    """Inside, random initial values are noted only; at the end they are drawn all at once.

    For networks that give their layers other values than the layers themselves: what something has
    overwritten is not drawn, and the rest is on all cores. Inside, no value may be looked at, and
    none written past its tensor, through ``.data`` or ``.array``.

    Gives the notes, which ``clear()`` empties: where other values come.

    minicnn's own. Raises nothing.

    >>> import minicnn as mc
    >>> with together():
    ...     layer = mc.nn.Linear(2, 3)
    ...     w = zeros_(layer.weight)
    >>> bool(layer.weight.any()), bool(layer.bias.any())
    (False, True)
    """
    notes = {}
    before = _put_off.set(notes)
    try:
        yield notes
    finally:
        _put_off.reset(before)
    left = [(t, draw) for t, changes, draw in notes.values() if t._version.changes == changes]
    drawing.fill([(t.array, draw) for t, draw in left], numpy_generator(None))
    for t, _ in left:
        t._version.changes += 1


def _draw(name, tensor, draw, generator):
    notes = _put_off.get()
    if notes is None or generator is not None:
        return _draw_now(name, tensor, draw, generator)
    tensor._writable(name)
    notes[id(tensor)] = tensor, tensor._version.changes, draw
    return tensor


def _draw_now(name, tensor, draw, generator):
    tensor._writable(name)
    drawing.fill([(tensor.array, draw)], numpy_generator(generator, name))
    tensor._version.changes += 1
    return tensor


def _floating(name, tensor):
    """Refuse what cannot hold a random number."""
    if not isinstance(tensor, Tensor) or not is_floating(tensor.dtype):
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise DtypeError(f"{name}: expected a floating-point tensor, got {kind}")


def _numbers(name, **arguments):
    for argument, value in arguments.items():
        real(name, argument, value)


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform in [a, b).

    As ``torch.nn.init.uniform_``.

    Args:
        tensor: any shape; it is filled in place, and returned.
        a, b: the limits.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> w = mc.nn.init.uniform_(mc.empty(1000), -2.0, -1.0)
    >>> bool((w >= -2).all() and (w < -1).all())
    True
    """
    _floating("uniform_", tensor)
    _numbers("uniform_", a=a, b=b)
    if not a <= b or not math.isfinite(b - a):
        raise ArgumentError(f"uniform_: expected a ≤ b, both finite, got a={a} and b={b}")
    return _draw("uniform_", tensor, drawing.uniform(a, b), generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal with that mean and standard deviation.

    As ``torch.nn.init.normal_``.

    Args:
        tensor: any shape; it is filled in place, and returned.
        mean, std: the mean and the standard deviation.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> w = mc.nn.init.normal_(mc.empty(1000), mean=5.0, generator=mc.Generator(0))
    >>> abs(w.mean().item() - 5) < 0.1
    True
    """
    _floating("normal_", tensor)
    _numbers("normal_", mean=mean, std=std)
    if not std >= 0:
        raise ArgumentError(f"normal_: std must be at least 0, got {std}")
    return _draw("normal_", tensor, drawing.normal(mean, std), generator)


def constant_(tensor, val):
    """One number everywhere.

    As ``torch.nn.init.constant_``.

    Args:
        tensor: any shape; it is filled in place, and returned.
        val: the number.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.init.constant_(mc.empty(3), 0.5)
    tensor([0.5, 0.5, 0.5])
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"constant_: expected a tensor, got {type(tensor).__name__}")
    if isinstance(val, Tensor) and not val.ndim:
        val = val.item()
    if not isinstance(val, NUMBERS):
        raise DtypeError(f"constant_: val must be a number, got {type(val).__name__}")
    return _overwrite("constant_", tensor, fitting_number("constant_", val, tensor.dtype))


def zeros_(tensor):
    """0 everywhere.

    As ``torch.nn.init.zeros_``.

    Args:
        tensor: any shape; it is filled in place, and returned.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.init.zeros_(mc.empty(3))
    tensor([0., 0., 0.])
    """
    return _overwrite("zeros_", tensor, 0)


def ones_(tensor):
    """1 everywhere.

    As ``torch.nn.init.ones_``.

    Args:
        tensor: any shape; it is filled in place, and returned.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.init.ones_(mc.empty(3))
    tensor([1., 1., 1.])
    """
    return _overwrite("ones_", tensor, 1)


def eye_(tensor):
    """1 on the diagonal of a matrix, 0 elsewhere: a linear layer that changes nothing.

    As ``torch.nn.init.eye_``.

    Args:
        tensor: a matrix (out, in); it is filled in place, and returned.

    Raises:
        DtypeError: not a tensor.
        ShapeError: not a matrix.

    >>> import minicnn as mc
    >>> mc.nn.init.eye_(mc.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"eye_: expected a tensor, got {type(tensor).__name__}")
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: expected a tensor of 2 dimensions, got {tensor.shape}")
    return _overwrite("eye_", tensor, np.eye(*tensor.shape))


def dirac_(tensor, groups=1):
    """Kernels that hand on their input: 1 in the middle of kernel (i, i), 0 elsewhere.

    As ``torch.nn.init.dirac_``.

    Args:
        tensor: the weight of a convolution, (F, C/groups, …) with 1 to 3 dimensions of a kernel.
        groups: each group hands on its own channels; divides F.

    Raises:
        ShapeError: other dimensions. ArgumentError: `groups` does not divide F.
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.init.dirac_(mc.empty(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"dirac_: expected a tensor, got {type(tensor).__name__}")
    groups = integer("dirac_", "groups", groups)
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: expected a tensor of 3, 4 or 5 dimensions, got {tensor.shape}")
    filters, channels, *kernel = tensor.shape
    if 0 in kernel:
        raise ShapeError(f"dirac_: the kernels of shape {tensor.shape} have no middle")
    if groups < 1 or filters % groups:
        raise ArgumentError(f"dirac_: groups={groups} must divide the {filters} output channels")
    values = np.zeros(tensor.shape)
    middle = tuple(k // 2 for k in kernel)
    for g in range(groups if filters else 0):
        for i in range(min(filters // groups, channels)):
            values[(g * (filters // groups) + i, i, *middle)] = 1
    return _overwrite("dirac_", tensor, values)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal, drawn again wherever a value falls outside [a, b] (which are no multiples of std).

    As ``torch.nn.init.trunc_normal_``.

    Args:
        tensor: any shape; it is filled in place, and returned.
        mean, std: of the normal distribution that is cut off.
        a, b: the limits.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> w = mc.nn.init.trunc_normal_(mc.empty(1000), std=0.02, a=-0.04, b=0.04)
    >>> bool(w.abs().max() <= 0.04)
    True
    """
    name = "trunc_normal_"
    _floating(name, tensor)
    _numbers(name, mean=mean, std=std, a=a, b=b)
    if not math.isfinite(mean) or std == math.inf:
        raise ArgumentError(f"{name}: mean and std must be finite, got {mean} and {std}")
    if not a <= b:
        raise ArgumentError(f"{name}: expected a ≤ b, got a={a} and b={b}")
    if not std > 0:
        raise ArgumentError(f"{name}: std must be greater than 0, got {std}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"{name}: [{a}, {b}] lies more than two standard deviations ({std}) from the mean "
            f"{mean}; a and b are bounds, not numbers of standard deviations",
            stacklevel=2,
        )
    rng = numpy_generator(generator, name)
    inside = (math.erf((b - mean) / std / 2**0.5) - math.erf((a - mean) / std / 2**0.5)) / 2
    if inside <= 0.3:
        return _overwrite(name, tensor, _drawn_in_tail(tensor.shape, mean, std, a, b, rng))
    _draw_now(name, tensor, drawing.normal(mean, std), generator)
    values = on_host(tensor.array)
    outside = np.asarray((values < a) | (values > b))  # NumPy makes a scalar of a 0-d one
    while outside.any():
        drawn = rng.normal(mean, std, int(outside.sum())).astype(values.dtype)
        values[outside] = drawn
        outside[outside] = (drawn < a) | (drawn > b)
    return tensor if values is tensor.array else _overwrite(name, tensor, values)


def _drawn_in_tail(shape, mean, std, a, b, rng):
    """Normal numbers inside [a, b], where few would fall: uniform ones, kept by their density."""
    values, missing = np.empty(shape), np.ones(shape, bool)
    peak = min(max(mean, a), b)  # where in [a, b] the density is highest
    # Ten standard deviations beyond it the density is e⁻⁵⁰ of that: nothing is drawn there.
    reach = math.hypot(peak - mean, 10 * std)
    # Within [a, b] also where the mean is so far away that its last digit is larger than that.
    low, high = max(a, min(mean - reach, b)), min(b, max(mean + reach, a))
    while missing.any():
        drawn = rng.uniform(low, high, int(missing.sum()))
        exponent = (((peak - mean) / std) ** 2 - ((drawn - mean) / std) ** 2) / 2
        good = rng.random(drawn.shape) <= np.exp(exponent)
        values[missing] = drawn
        missing[missing] = ~good
    return values


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform with variance gain² · 2/(fan_in + fan_out) (equation ``xavier-init``).

    Glorot & Bengio 2010, eq. 16.

    As ``torch.nn.init.xavier_uniform_``.

    Args:
        tensor: a weight, (out, in, …); it is filled in place, and returned.
        gain: a factor, see `calculate_gain`.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.
        ShapeError: fewer than two dimensions.

    >>> import minicnn as mc
    >>> w = mc.nn.init.xavier_uniform_(mc.empty(120, 400))
    >>> bool(w.abs().max() <= (6 / 520) ** 0.5)
    True
    """
    bound = math.sqrt(3) * _xavier_std("xavier_uniform_", tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal with variance gain² · 2/(fan_in + fan_out) (equation ``xavier-init``).

    As ``torch.nn.init.xavier_normal_``.

    Args:
        tensor: a weight, (out, in, …); it is filled in place, and returned.
        gain: a factor, see `calculate_gain`.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.
        ShapeError: fewer than two dimensions.

    >>> import minicnn as mc
    >>> w = mc.nn.init.xavier_normal_(mc.empty(100, 50), generator=mc.Generator(0))
    >>> abs(w.std().item() - (2 / 150) ** 0.5) < 0.01
    True
    """
    return normal_(tensor, 0.0, _xavier_std("xavier_normal_", tensor, gain), generator)


def _xavier_std(name, tensor, gain):
    _floating(name, tensor)
    _numbers(name, gain=gain)
    total = sum(fans(tensor, name))
    if not 0 <= gain < math.inf:
        raise ArgumentError(f"{name}: gain must be at least 0 and finite, got {gain}")
    if not total:
        raise ShapeError(f"{name}: fan in and fan out of shape {tensor.shape} are both 0")
    return gain * math.sqrt(2 / total)


def _kaiming_std(name, tensor, a, mode, nonlinearity):
    """gain/√fan; None for a tensor without elements, of which PyTorch warns."""
    _floating(name, tensor)
    if 0 in tensor.shape:
        warnings.warn(f"{name}: shape {tensor.shape} has nothing to initialise", stacklevel=3)
        return None
    mode = mode.lower() if isinstance(mode, str) else mode
    one_of(name, "mode", mode, ("fan_in", "fan_out"))
    fan = fans(tensor, name)[mode == "fan_out"]
    return _gain(name, nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform with variance gain²/fan (equation ``kaiming-init``).

    As ``torch.nn.init.kaiming_uniform_``.

    Args:
        tensor: a weight, (out, in, …).
        a: the slope of ``"leaky_relu"`` below 0.
        mode: ``"fan_in"`` keeps the size of the signal, ``"fan_out"`` that of the gradient.
        nonlinearity: what follows the layer; gives the gain, by `calculate_gain`.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.
        ShapeError: fewer than two dimensions.
        ArgumentError: another mode or nonlinearity.

    >>> import minicnn as mc
    >>> w = mc.nn.init.kaiming_uniform_(mc.empty(64, 3, 3, 3), nonlinearity="relu")
    >>> bool(w.abs().max() <= (6 / 27) ** 0.5)
    True
    """
    std = _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal with variance gain²/fan (equation ``kaiming-init``).

    As ``torch.nn.init.kaiming_normal_``.

    Args:
        tensor: a weight, (out, in, …); it is filled in place, and returned.
        a, mode, nonlinearity: as for `kaiming_uniform_`.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.
        ShapeError: fewer than two dimensions.
        ArgumentError: another mode or nonlinearity.

    >>> import minicnn as mc
    >>> generator = mc.Generator(0)
    >>> w = mc.nn.init.kaiming_normal_(mc.empty(100, 50), nonlinearity="relu", generator=generator)
    >>> abs(w.std().item() - (2 / 50) ** 0.5) < 0.01
    True
    """
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor, gain=1, generator=None):
    """Rows (or columns, if there are more rows) that are orthogonal and of length `gain`.

    Saxe et al. 2014. Dimensions after the first count as one.

    As ``torch.nn.init.orthogonal_``.

    Args:
        tensor: a weight, (out, in, …); it is filled in place, and returned.
        gain: a factor, see `calculate_gain`.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.
        ShapeError: fewer than two dimensions.

    >>> import minicnn as mc
    >>> w = mc.nn.init.orthogonal_(mc.empty(3, 5))
    >>> mc.allclose(w @ w.T, mc.eye(3), atol=1e-6)
    True
    """
    _floating("orthogonal_", tensor)
    _numbers("orthogonal_", gain=gain)
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: expected at least 2 dimensions, got {tensor.shape}")
    if not tensor.numel():
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    values = numpy_generator(generator, "orthogonal_").standard_normal((rows, columns))
    q, r = np.linalg.qr(values.T if rows < columns else values)
    # Without the signs of R's diagonal Q would not be uniform over all rotations (Mezzadri 2007).
    q = q * np.sign(np.diag(r))
    q = q.T if rows < columns else q
    return _overwrite("orthogonal_", tensor, gain * q.reshape(tensor.shape))


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Normal, with a share `sparsity` of each column set to 0. Martens 2010.

    As ``torch.nn.init.sparse_``.

    Args:
        tensor: a matrix; it is filled in place, and returned.
        sparsity: the share of zeros, 0 … 1.
        std: the standard deviation of the others.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        DtypeError: not a tensor.
        ShapeError: not a matrix.

    >>> import minicnn as mc
    >>> w = mc.nn.init.sparse_(mc.empty(10, 4), sparsity=0.25)
    >>> (w == 0).sum(0)
    tensor([3, 3, 3, 3])
    """
    _floating("sparse_", tensor)
    _numbers("sparse_", sparsity=sparsity, std=std)
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: expected a tensor of 2 dimensions, got {tensor.shape}")
    if not std >= 0:
        raise ArgumentError(f"sparse_: std must be at least 0, got {std}")
    if not math.isfinite(sparsity):
        raise ArgumentError(f"sparse_: sparsity must be finite, got {sparsity}")
    normal_(tensor, 0.0, std, generator)
    rows, columns = tensor.shape
    rng = numpy_generator(generator, "sparse_")
    values = on_host(tensor.array)
    for column in range(columns):
        values[rng.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return tensor if values is tensor.array else _overwrite("sparse_", tensor, values)
