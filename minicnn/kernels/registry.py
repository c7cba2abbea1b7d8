"""Which function stands behind the name of a kernel, for an array on the CPU or on a GPU."""

from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module

from numpy import generic, ndarray

from minicnn.checks import one_of

VARIANTS = ("cpu", "plain")

_kernels = {}
_loaded = set()
# A context variable: a thread that asks for the plain kernels does not change the others'.
_variant = ContextVar("minicnn_kernel_variant", default="cpu")


def register(name, variant):
    """Decorator: the function is the kernel `name` in `variant`."""

    def add(function):
        _kernels.setdefault(name, {})[variant] = function
        return function

    return add


def _load(variant):
    # On first use: importing minicnn does not wait for Numba.
    if variant not in _loaded:
        import_module(f"minicnn.kernels.{variant}")
        _loaded.add(variant)


def find(name, array=None):
    """The kernel `name` for `array`: in the variant in force, plain where that has none of its own.

    For an array on a GPU "cuda" stands in place of "cpu", if it is of floats: only for these there
    are kernels.
    """
    variant = _variant.get()
    if type(array) is not ndarray and variant == "cpu" and _is_on_gpu(array):
        variant = "cuda" if array.dtype.kind == "f" else "plain"
    if variant not in _loaded:
        _load("plain")
        _load(variant)
    found = _kernels[name]
    return found.get(variant) or found["plain"]


def _is_on_gpu(array):
    return array is not None and not isinstance(array, (ndarray, generic))


def in_force():
    """The variant in force."""
    return _variant.get()


def names():
    """The names of all kernels."""
    for variant in (*VARIANTS, "cuda"):
        _load(variant)
    return sorted(_kernels)


def variants(name):
    """The variants that kernel `name` has."""
    names()
    return sorted(_kernels[name])


@contextmanager
def kernels(variant):
    """Inside ``with kernels("plain"):`` operations use that variant of every kernel.

    minicnn's own.

    Args:
        variant: ``"cpu"`` (the default everywhere else; on a GPU its own kernels) or ``"plain"``.

    Raises:
        ArgumentError: there is no such variant.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> x, w = mc.rand(1, 1, 5, 5), mc.rand(2, 1, 3, 3)
    >>> with mc.kernels("plain"):
    ...     slow = F.conv2d(x, w)
    >>> mc.allclose(slow, F.conv2d(x, w))
    True
    """
    one_of("kernels", "variant", variant, VARIANTS)
    token = _variant.set(variant)
    try:
        yield
    finally:
        _variant.reset(token)
