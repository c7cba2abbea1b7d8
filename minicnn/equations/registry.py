"""Finding an equation by its key."""

from difflib import get_close_matches

from .activations import ACTIVATIONS
from .convolution import CONVOLUTION
from .derivatives import DERIVATIVES
from .elementwise import ELEMENTWISE
from .layers import LAYERS
from .losses import LOSSES
from .normalization import NORMALIZATION
from .optimization import OPTIMIZATION
from .pooling import POOLING
from .resampling import RESAMPLING
from .signals import SIGNALS
from .sizes import SIZES


class UnknownEquation(KeyError, ValueError):
    """No equation has this key. A KeyError and a ValueError, so that either `except` works."""

    def __str__(self):
        # KeyError would print the message with quotes around it.
        return self.args[0]


def _index(*groups):
    """One dictionary, in the order of the groups; a key used twice is a mistake in this package."""
    index = {}
    for group in groups:
        for equation in group:
            if equation.key in index:
                raise ValueError(f"equations: the key {equation.key!r} is used twice")
            index[equation.key] = equation
    return index


# DERIVATIVES holds 1.6-1.9, CONVOLUTION 1.10-1.16, POOLING 1.17: the numbers come out in order.
_EQUATIONS = _index(
    SIGNALS,
    DERIVATIVES,
    CONVOLUTION,
    POOLING,
    RESAMPLING,
    SIZES,
    LAYERS,
    ELEMENTWISE,
    ACTIVATIONS,
    LOSSES,
    NORMALIZATION,
    OPTIMIZATION,
)


def get(key):
    """The equation with this key, a string; UnknownEquation, naming close keys, if there is none.

    >>> print(get("1.14"))
    eq. 1.14 (bias gradient of a convolution layer): ∂L/∂b^(l,p) = Σ_i Σ_j [δ^(l,p)]_ij
    >>> try:
    ...     get("sofmax")
    ... except ValueError as error:
    ...     print(error)
    no equation 'sofmax'. Did you mean 'softmax', 'softmax-ce' or 'log-softmax'?
    """
    if isinstance(key, str) and key in _EQUATIONS:
        return _EQUATIONS[key]
    close = [repr(name) for name in get_close_matches(str(key), _EQUATIONS, n=3)]
    if len(close) > 1:
        hint = f"Did you mean {', '.join(close[:-1])} or {close[-1]}?"
    elif close:
        hint = f"Did you mean {close[0]}?"
    else:
        hint = "minicnn.equations.keys() lists them all."
    raise UnknownEquation(f"no equation {key!r}. {hint}")


def keys():
    """All keys, strings, in order: 1.1 to 1.17 with what belongs to them, then the rest by subject.

    minicnn's own; it raises nothing.

    >>> keys()[:3]
    ('1.1', '1.2', '1.3')
    """
    return tuple(_EQUATIONS)


def all():
    """All equations, in the order of `keys()`.

    minicnn's own; it raises nothing.

    >>> [equation.key for equation in all()] == list(keys())
    True
    """
    return tuple(_EQUATIONS.values())
