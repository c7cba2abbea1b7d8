"""Making tensors."""

import math

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, flag, integer
from minicnn.device import CPU, as_device, device_of, is_array, made, moved
from minicnn.dtypes import as_dtype, float32, float64, int64, is_floating, result_type
from minicnn.functions.from_data import array_of
from minicnn.functions.operands import NUMBERS, fitting_number, tensor_only
from minicnn.gpu import gpu_arrays
from minicnn.random import generator_for
from minicnn.tensor import Tensor


def tensor(data, *, dtype=None, device=None, requires_grad=False):
    """A tensor with a copy of `data`: a number, nested lists, an array or a tensor.

    Since it copies, it also takes byte-swapped and reversed arrays, which PyTorch refuses.

    As ``torch.tensor``.

    Args:
        dtype: default: float32 for Python floats, int64 for integers, bool for truth values, and an
            array's own dtype.
        device: default: that of `data`, and the CPU for numbers and lists.
        requires_grad: want gradients for it.

    Raises:
        ShapeError: nested lists are ragged, or hold tensors of more than one element.
        ArgumentError: a number does not fit into `dtype`.
        DtypeError: not numbers, or a dtype that minicnn does not have.

    >>> import minicnn as mc
    >>> mc.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if is_array(data) or isinstance(data, Tensor):
        device = device_of(getattr(data, "array", data)) if device is None else device
    device = CPU if device is None else as_device(device)
    return Tensor(moved(array_of("tensor", data, dtype), device), requires_grad)


def as_tensor(data, *, dtype=None, device=None):
    """As `tensor`, without a copy where `data` is a tensor or an array of the right dtype.

    As ``torch.as_tensor``.

    Args:
        data: as for `tensor`.
        dtype: default: that of `data`.
        device: default: that of `data`.

    Raises:
        DtypeError: not numbers, or a dtype that minicnn does not have.
        ShapeError: ragged lists.

    >>> import minicnn as mc
    >>> import numpy as np
    >>> array = np.zeros(2)
    >>> mc.as_tensor(array).array is array
    True
    """
    dtype = None if dtype is None else as_dtype(dtype, "as_tensor")
    if not isinstance(data, Tensor):
        shared = is_array(data)
        data = _shared("as_tensor", data) if shared else Tensor(array_of("as_tensor", data, dtype))
        device = "cpu" if device is None and not shared else device
    return data if device is None and dtype is None else data.to(device, dtype)


def from_numpy(ndarray):
    """A tensor on the memory of a NumPy array: a change of one shows in the other.

    A read-only array gives a tensor that cannot be changed in place, and so does one whose elements
    share memory (of ``as_strided``, say).

    As ``torch.from_numpy``.

    Args:
        ndarray: a NumPy array of any shape.

    Raises:
        DtypeError: not an array, or one whose dtype minicnn does not have.
        ArgumentError: the array is byte-swapped, or has negative strides (a reversed view): as in
            PyTorch its memory cannot be a tensor's; ``.copy()`` makes one that can.

    >>> import minicnn as mc, numpy as np
    >>> array = np.zeros(2)
    >>> x = mc.from_numpy(array)
    >>> array[0] = 1
    >>> x
    tensor([1., 0.], dtype=float64)
    """
    return _shared("from_numpy", ndarray)


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor on the memory of an array of another library, on whatever device it is.

    Args:
        ext_tensor: what has ``__dlpack__``: a tensor of PyTorch's, an array of CuPy's, NumPy's, …
        device: where the tensor is to be; elsewhere than the array only as a copy.
        copy: True: in memory of its own; False: an error where a copy is needed.

    Raises:
        DtypeError: it has none, or a dtype that minicnn does not have.
        ArgumentError: ``copy=False``, and another device.

    >>> import minicnn as mc, numpy as np
    >>> array = np.zeros(2)
    >>> x = mc.from_dlpack(array)
    >>> array[0] = 1
    >>> x
    tensor([1., 0.], dtype=float64)
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise DtypeError(
            f"from_dlpack: expected an array with __dlpack__, got {type(ext_tensor).__name__}; "
            "minicnn.tensor(data) makes a tensor of numbers and lists"
        )
    xp = np if ext_tensor.__dlpack_device__()[0] in _ON_HOST else gpu_arrays()
    try:
        array = xp.from_dlpack(ext_tensor)
    except (RuntimeError, TypeError) as error:  # bfloat16, say, which NumPy has not
        if "dtype" not in str(error):
            raise
        raise DtypeError(
            f"from_dlpack: an array of {getattr(ext_tensor, 'dtype', 'this dtype')} is not one "
            "that minicnn can have; convert it before, for example to float32"
        ) from error
    found = _shared("from_dlpack", array)
    device = found.device if device is None else as_device(device)
    if copy is False and device != found.device:
        raise ArgumentError(
            f"from_dlpack: the array is on {found.device}, and on {device} there is only a copy of "
            "it; leave out copy=False"
        )
    return found.to(device, copy=bool(copy))


_ON_HOST = (1, 3)  # DLPack's numbers for main memory: kDLCPU, and kDLCUDAHost for pinned memory


def _shared(name, array):
    if is_array(array) and not isinstance(array, np.ndarray):
        as_dtype(array.dtype, name)
        return Tensor(array)
    if not isinstance(array, np.ndarray):
        raise DtypeError(f"{name}: expected a NumPy array, got {type(array).__name__}")
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{name}: an array of {array.dtype} is not a tensor of numbers")
    if not array.dtype.isnative:
        raise ArgumentError(
            f"{name}: the array's bytes are in another order than this machine's; convert it, "
            "array.astype(array.dtype.newbyteorder('='))"
        )
    as_dtype(array.dtype, name)
    if any(s < 0 for s in array.strides):
        raise ArgumentError(
            f"{name}: the array is a reversed view (strides {array.strides}); pass array.copy()"
        )
    if any(s % array.itemsize for s in array.strides):
        raise ArgumentError(
            f"{name}: the array's strides {array.strides} are no multiples of its elements' "
            f"{array.itemsize} bytes; pass array.copy()"
        )
    array = np.asarray(array)
    if _overlaps(array):
        array = array.view()
        array.flags.writeable = False
    return Tensor(array)


def _overlaps(array):
    """Whether two elements may share memory: then a change of one would change the other, too."""
    span = array.itemsize
    for step, size in sorted((s, n) for s, n in zip(array.strides, array.shape, strict=True)):
        if size > 1 and step < span:
            return bool(array.size)
        span += step * (size - 1) if size > 1 else 0
    return False


def _shape(name, sizes, keyword=None):
    """Sizes given as separate arguments, as one sequence, or by keyword."""
    if keyword is not None:
        if sizes or hasattr(keyword, "__index__"):
            raise DtypeError(f"{name}: give the sizes once, as arguments or as size=(…)")
        sizes = (keyword,)
    if not sizes:
        raise DtypeError(f"{name}: the sizes are missing; for a 0-d tensor pass ()")
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    shape = tuple(integer(name, "each size", s) for s in sizes)
    if min(shape, default=0) < 0:
        raise ArgumentError(f"{name}: sizes must be at least 0, got {shape}")
    # Zeros apart: NumPy multiplies the other sizes, whatever they are for.
    _fits_into_memory(name, math.prod(s for s in shape if s))
    return shape


def _fits_into_memory(name, count):
    """Refuse what no machine holds, before NumPy tries."""
    if count >= 2**40:
        raise ArgumentError(f"{name}: {count} elements do not fit into memory")


def _made(name, make, dtype, device, requires_grad, default=float32):
    """A tensor of ``make(xp)``, an array of NumPy or CuPy that is made on its device."""
    device = CPU if device is None else as_device(device)
    dtype = default if dtype is None else as_dtype(dtype, name)
    requires_grad = requires_grad is not None and flag(name, "requires_grad", requires_grad)
    with np.errstate(all="ignore"):
        array = made(name, lambda xp: make(xp).astype(dtype, copy=False), device)
    return Tensor(array, requires_grad)


def _filled(name, shape, dtype, device, requires_grad):
    """What the function `name` of NumPy and CuPy makes."""
    dtype = float32 if dtype is None else as_dtype(dtype, name)
    return _made(name, lambda xp: getattr(xp, name)(shape, dtype), dtype, device, requires_grad)


def zeros(*sizes, size=None, dtype=None, device=None, requires_grad=False):
    """A tensor of zeros.

    As ``torch.zeros``.

    Args:
        sizes: the shape: integers ≥ 0, or one tuple of them.
        size: the shape as a tuple, by name.
        dtype: default: float32.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: a size that is no integer, or gradients for integers.
        ArgumentError: a negative size.

    >>> import minicnn as mc
    >>> mc.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _filled("zeros", _shape("zeros", sizes, size), dtype, device, requires_grad)


def ones(*sizes, size=None, dtype=None, device=None, requires_grad=False):
    """A tensor of ones.

    As ``torch.ones``.

    Args:
        sizes: the shape: integers ≥ 0, or one tuple of them.
        size: the shape as a tuple, by name.
        dtype: default: float32.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: a size that is no integer, or gradients for integers.
        ArgumentError: a negative size.

    >>> import minicnn as mc
    >>> mc.ones(2, 3, dtype=mc.int64)
    tensor([[1, 1, 1],
            [1, 1, 1]])
    """
    return _filled("ones", _shape("ones", sizes, size), dtype, device, requires_grad)


def empty(*sizes, size=None, dtype=None, device=None, requires_grad=False):
    """A tensor whose values are whatever was in memory.

    As ``torch.empty``.

    Args:
        sizes: the shape: integers ≥ 0, or one tuple of them.
        size: the shape as a tuple, by name.
        dtype: default: float32.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: a size that is no integer, or gradients for integers.
        ArgumentError: a negative size.

    >>> import minicnn as mc
    >>> mc.empty(2, 3).shape
    (2, 3)
    """
    return _filled("empty", _shape("empty", sizes, size), dtype, device, requires_grad)


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False):
    """A tensor of one number.

    As ``torch.full``.

    Args:
        size: the shape, a tuple of integers ≥ 0.
        fill_value: the number.
        dtype: default: float32 for floats, int64 for integers, bool for truth values.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: a size that is no integer, or a value that is no number.
        ArgumentError: the number does not fit into `dtype`.

    >>> import minicnn as mc
    >>> mc.full((2, 2), 7.0)
    tensor([[7., 7.],
            [7., 7.]])
    """
    shape = _shape("full", (), size)
    if isinstance(fill_value, Tensor) and not fill_value.ndim:
        fill_value = fill_value.item()
    if not isinstance(fill_value, NUMBERS):
        raise DtypeError(f"full: fill_value must be a number, got {type(fill_value).__name__}")
    fill_value = np.asarray(fill_value).item()
    dtype = result_type(fill_value) if dtype is None else as_dtype(dtype, "full")
    value = fitting_number("full", fill_value, dtype).item()
    return _made("full", lambda xp: xp.full(shape, value, dtype), dtype, device, requires_grad)


def zeros_like(input, *, dtype=None, device=None, requires_grad=False):
    """Zeros in the shape and dtype of another tensor.

    As ``torch.zeros_like``.

    Args:
        input: a tensor.
        dtype: default: that of `input`.
        device: default: that of `input`.
        requires_grad: want gradients for the result.

    Raises:
        DtypeError: not a tensor, or gradients for integers.

    >>> import minicnn as mc
    >>> mc.zeros_like(mc.tensor([1, 2]))
    tensor([0, 0])
    """
    tensor_only("zeros_like", input)
    dtype = input.dtype if dtype is None else as_dtype(dtype, "zeros_like")
    device = input.device if device is None else device
    return zeros(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(input, *, dtype=None, device=None, requires_grad=False):
    """Ones in the shape and dtype of another tensor.

    As ``torch.ones_like``.

    Args:
        input: a tensor.
        dtype: default: that of `input`.
        device: default: that of `input`.
        requires_grad: want gradients for the result.

    Raises:
        DtypeError: not a tensor, or gradients for integers.

    >>> import minicnn as mc
    >>> mc.ones_like(mc.tensor([1, 2]), dtype=mc.float32)
    tensor([1., 1.])
    """
    tensor_only("ones_like", input)
    dtype = input.dtype if dtype is None else as_dtype(dtype, "ones_like")
    device = input.device if device is None else device
    return ones(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)


def _plain_number(name, argument, value):
    """A Python number, also from a 0-d tensor or a NumPy scalar."""
    if isinstance(value, Tensor) and not value.ndim:
        value = value.item()
    if not isinstance(value, NUMBERS):
        raise DtypeError(f"{name}: {argument} must be a number, got {type(value).__name__}")
    value = np.asarray(value).item()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ArgumentError(f"{name}: {argument} does not fit into 64 bits, got {value}")
    return value


def arange(start=None, end=None, step=1, *, dtype=None, device=None, requires_grad=False):
    """start, start + step, … below end; ``arange(n)`` is 0 … n − 1.

    As ``torch.arange``.

    Args:
        start, end, step: numbers, or 0-d tensors.
        dtype: default: int64 if all three are integers, else float32.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: not numbers.
        ArgumentError: a step of 0, or one that leads away from `end`.

    >>> import minicnn as mc
    >>> mc.arange(0, 1, 0.25)
    tensor([0.  , 0.25, 0.5 , 0.75])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (
        _plain_number("arange", name, value)
        for name, value in (("start", 0 if start is None else start), ("end", end), ("step", step))
    )
    known = None if dtype is None else as_dtype(dtype, "arange")
    if known is not None and known.kind == "b":
        raise DtypeError("arange: bool has only two values; take a dtype of numbers")
    if known is not None and not is_floating(known):
        start, end, step = int(start), int(end), int(step)
    if not np.isfinite([start, end, step]).all() or not step or (end - start) / step < 0:
        raise ArgumentError(f"arange: steps of {step} do not lead from {start} to {end}")
    whole = not any(isinstance(v, float) for v in (start, end, step))
    count = -(-(end - start) // step) if whole else math.ceil((end - start) / step)
    _fits_into_memory("arange", count)
    numbers = int64 if whole else float64
    return _made(
        "arange", lambda xp: start + step * xp.arange(count, dtype=numbers),
        dtype, device, requires_grad, int64 if whole else float32,
    )  # fmt: skip


def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False):
    """`steps` numbers from start to end, both among them, at equal distances.

    As ``torch.linspace``.

    Args:
        start, end: numbers, or 0-d tensors.
        steps: an integer ≥ 0.
        dtype: default: float32.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: not numbers.
        ArgumentError: fewer than 0 steps.

    >>> import minicnn as mc
    >>> mc.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    start = _plain_number("linspace", "start", start)
    end = _plain_number("linspace", "end", end)
    steps = _count("linspace", "steps", steps)
    known = float32 if dtype is None else as_dtype(dtype, "linspace")
    for number in (start, end):
        if known.kind == "f":
            fitting_number("linspace", number, known)
    kind = known.kind
    if kind == "b":
        raise DtypeError("linspace: bool has only two values; take a dtype of numbers")
    if kind != "f":
        start, end = int(start), int(end)
    if kind == "u" and min(start, end) < 0:
        raise ArgumentError(f"linspace: {min(start, end)} does not fit into uint8")
    step = (end - start) / (steps - 1) if steps > 1 else 0.0

    def numbers(xp):
        i = xp.arange(steps, dtype=float64)
        # From both ends towards the middle, so that the last number is `end` itself.
        from_start = (i < steps // 2) | (steps == 1)
        return xp.where(from_start, start + step * i, end - step * (steps - 1 - i))

    return _made("linspace", numbers, dtype, device, requires_grad)


def _count(name, argument, value):
    value = integer(name, argument, value)
    if value < 0:
        raise ArgumentError(f"{name}: {argument} must be at least 0, got {value!r}")
    _fits_into_memory(name, value)
    return value


def eye(n, m=None, *, dtype=None, device=None, requires_grad=False):
    """The n × m matrix with ones on the diagonal.

    As ``torch.eye``.

    Args:
        n, m: integers ≥ 0; `m` is `n` unless it is given.
        dtype: default: float32.
        device: ``"cpu"``, the default, or a GPU's, such as ``"cuda"``.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: not integers.
        ArgumentError: negative ones.

    >>> import minicnn as mc
    >>> mc.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    n = _count("eye", "n", n)
    m = n if m is None else _count("eye", "m", m)
    _fits_into_memory("eye", n * m)
    return _made("eye", lambda xp: xp.eye(n, m), dtype, device, requires_grad)


def _random_floats(name, dtype):
    """The dtype asked for, and the one to draw in: NumPy draws no float16."""
    dtype = float32 if dtype is None else as_dtype(dtype, name)
    if not is_floating(dtype):
        raise DtypeError(
            f"{name}: expected a floating-point dtype, got {dtype}; randint draws them"
        )
    return dtype, float64 if dtype == float64 else float32


def rand(*sizes, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Uniformly random numbers in [0, 1); sizes as arguments or as ``size=(…)``.

    As ``torch.rand``.

    Args:
        sizes: the shape: integers ≥ 0, or one tuple of them.
        size: the shape as a tuple, by name.
        generator: a `minicnn.Generator`; default: the one that `manual_seed` seeds.
        dtype: float32, the default, or float64.
        device: ``"cpu"``, the default, or a GPU's; on a GPU the numbers are others.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: a size that is no integer, or a dtype of integers.
        ArgumentError: a negative size.

    >>> import minicnn as mc
    >>> x = mc.rand(2, 3, generator=mc.Generator(0))
    >>> x.shape, bool((x >= 0).all() and (x < 1).all())
    ((2, 3), True)
    """
    shape = _shape("rand", sizes, size)
    dtype, drawn = _random_floats("rand", dtype)
    source = generator_for("rand", device, generator)
    return _made("rand", lambda xp: source.uniform(shape, drawn), dtype, device, requires_grad)


def randn(*sizes, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Normally distributed random numbers, mean 0 and variance 1.

    As ``torch.randn``.

    Args:
        sizes: the shape: integers ≥ 0, or one tuple of them.
        size: the shape as a tuple, by name.
        generator: a `minicnn.Generator`; default: the one that `manual_seed` seeds.
        dtype: float32, the default, or float64.
        device: ``"cpu"``, the default, or a GPU's; on a GPU the numbers are others.
        requires_grad: want gradients for it.

    Raises:
        DtypeError: a size that is no integer, or a dtype of integers.
        ArgumentError: a negative size.

    >>> import minicnn as mc
    >>> x = mc.randn(1000, generator=mc.Generator(0))
    >>> abs(x.mean().item()) < 0.1, abs(x.std().item() - 1) < 0.1
    (True, True)
    """
    shape = _shape("randn", sizes, size)
    dtype, drawn = _random_floats("randn", dtype)
    source = generator_for("randn", device, generator)
    return _made("randn", lambda xp: source.normal(shape, drawn), dtype, device, requires_grad)


def randint(
    low=None,
    high=None,
    size=None,
    *,
    generator=None,
    dtype=None,
    device=None,
    requires_grad=False,
):
    """Random integers from `low` to `high` − 1; ``randint(high, size)`` starts at 0.

    As ``torch.randint``.

    Args:
        low, high: integers, `low` < `high`.
        size: the shape, a tuple of integers ≥ 0.
        generator: a `minicnn.Generator`; default: the one that `manual_seed` seeds.
        dtype: default: int64.
        device: ``"cpu"``, the default, or a GPU's.
        requires_grad: want gradients for it; for floating-point dtypes only.

    Raises:
        DtypeError: not integers.
        ArgumentError: no size, or no number to choose from.

    >>> import minicnn as mc
    >>> x = mc.randint(3, 5, (100,), generator=mc.Generator(0))
    >>> x.min().item(), x.max().item()
    (3, 4)
    """
    if size is None and hasattr(high, "__len__"):
        high, size = None, high
    if size is None:
        raise ArgumentError("randint: size is missing; randint(low, high, size)")
    if high is None:
        low, high = 0, low
    low = 0 if low is None else low
    low, high = integer("randint", "low", low), integer("randint", "high", high)
    if low >= high:
        raise ArgumentError(f"randint: expected low < high, got low {low} and high {high}")
    dtype = int64 if dtype is None else as_dtype(dtype, "randint")
    if not is_floating(dtype) and not _holds(dtype, low, high - 1):
        raise ArgumentError(f"randint: {dtype} cannot hold all numbers from {low} to {high - 1}")
    shape, source = _shape("randint", (), size), generator_for("randint", device, generator)
    return _made(
        "randint", lambda xp: source.integers(low, high, shape), dtype, device, requires_grad
    )


def _holds(dtype, low, high):
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return limits[0] <= low and high <= limits[1]


def randperm(n, *, generator=None, dtype=None, device=None, requires_grad=False):
    """The numbers 0 … n − 1 in random order.

    As ``torch.randperm``.

    Args:
        n: an integer ≥ 0.
        generator: a `minicnn.Generator`; default: the one that `manual_seed` seeds.
        dtype: default: int64.
        device: ``"cpu"``, the default, or a GPU's.
        requires_grad: want gradients for it; for floating-point dtypes only.

    Raises:
        DtypeError: not an integer.
        ArgumentError: a negative one.

    >>> import minicnn as mc
    >>> mc.randperm(5, generator=mc.Generator(0)).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    n = _count("randperm", "n", n)
    dtype = int64 if dtype is None else as_dtype(dtype, "randperm")
    if dtype.kind == "b":
        raise DtypeError("randperm: bool has only two values; take a dtype of numbers")
    if n > 1:
        fitting_number("randperm", n - 1, dtype)
    source = generator_for("randperm", device, generator)
    return _made("randperm", lambda xp: source.permutation(n), dtype, device, requires_grad)
