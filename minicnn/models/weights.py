"""Published weights: where they are, and how a network takes them."""

from pathlib import Path

from minicnn.checks import ArgumentError
from minicnn.serialization import load


def find_weights(name, weights, progress=True):
    """The file of weights for the network `name`, or None where none are asked for.

    Args:
        name: the builder's name, such as ``"resnet50"``.
        weights: None, or a path to a file of weights (``.safetensors``, ``.pth``, ``.pt``).
        progress: whether a download shows its progress.

    Raises:
        ArgumentError: there is no such file.
    """
    if weights is None:
        return None
    path = Path(weights)
    if not path.is_file():
        raise ArgumentError(f"{name}: there is no file of weights at {path}")
    return path


def build(network, name, weights=None, progress=True, rename=None, **options):
    """`network(**options)`, with `weights` in it if they are given.

    The weights are looked for first, so that a mistake costs no building and no random numbers.

    Args:
        network: the class.
        name: the builder's name, for messages and to find published weights.
        weights: as in `find_weights`.
        progress: whether a download shows its progress.
        rename: a function from a published key to the network's own, for old files.
        options: what the class takes.
    """
    path = find_weights(name, weights, progress)
    model = network(**options)
    if path is not None:
        state = load(path)
        if rename is not None:
            state = {rename(key): value for key, value in state.items()}
        model.load_state_dict(state)
    return model
