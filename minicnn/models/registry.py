"""The networks by name."""

from minicnn.checks import ArgumentError, closest

_builders = {}


def register(builder):
    """Make the function `builder` known under its own name; stands above it as a decorator."""
    _builders[builder.__name__] = builder
    return builder


def list_models():
    """The names of all networks, sorted.

    >>> "lenet5" in list_models()
    True
    """
    return sorted(_builders)


def get_model_builder(name):
    """The function that builds the network of that name.

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

    >>> get_model("lenet5", activation="relu").act1
    ReLU()
    """
    return get_model_builder(name)(**options)
