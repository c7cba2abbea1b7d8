"""The networks by name."""

from inspect import cleandoc

from minicnn.checks import ArgumentError, closest

_builders = {}

# What is true of every function that builds a network: `register` adds it to their docstrings.
_IN_COMMON = """

Shapes: images (N, C, H, W), float32 → scores (N, num_classes).

Args:
    weights: the name of published ones, such as ``"DEFAULT"``, or a file; None: random ones.
    progress: show how far a download is.
    options: what else there is to choose, such as ``num_classes=10``.

Raises:
    ArgumentError: there are no such weights, or they do not fit.
    DtypeError: `weights` is neither a name nor a file.
    TypeError: an option that the network does not have.
"""


def register(builder):
    """Make the function `builder` known under its own name; stands above it as a decorator."""
    _builders[builder.__name__] = builder
    if builder.__doc__:  # python -OO takes them away
        text, prompt, example = cleandoc(builder.__doc__).partition("\n>>>")
        builder.__doc__ = text.rstrip() + _IN_COMMON + prompt + example
    return builder


def list_models():
    """The names of all networks, sorted.

    As ``torchvision.models.list_models``.

    It raises nothing.

    >>> "lenet5" in list_models()
    True
    """
    return sorted(_builders)


def get_model_builder(name):
    """The function that builds the network of that name.

    As ``torchvision.models.get_model_builder``.

    Args:
        name: a string.

    Raises:
        ArgumentError: no network has it; the message offers the nearest names.

    >>> get_model_builder("lenet5").__name__
    'lenet5'
    """
    if name not in _builders:
        raise ArgumentError(
            f"get_model: no network is called {name!r}{closest(name, _builders)}; "
            "models.list_models() has all names"
        )
    return _builders[name]


def get_model(name, **options):
    """The network of that name, built with its options, such as ``num_classes=10``.

    As ``torchvision.models.get_model``.

    Args:
        name: one of `list_models`, a string.
        options: those of the network.

    Raises:
        ArgumentError: no network is called so; the message offers the nearest names.

    >>> get_model("lenet5", activation="relu").act1
    ReLU()
    """
    return get_model_builder(name)(**options)
