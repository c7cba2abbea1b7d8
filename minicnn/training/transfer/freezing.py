"""Freezing: layers that training is to leave as they are.

A frozen parameter wants no gradient, so no optimizer changes it. That is not all: batch
normalisation goes on measuring its batches, and dropout goes on dropping, whether their network
learns or not. So what is frozen also stays in evaluation mode, by `Module.stays_in_eval`, which
`Module.train` respects: ``model.train()``, and with it `fit`, leaves it there.
"""

from fnmatch import fnmatchcase

from minicnn.checks import ArgumentError, DtypeError, closest, integer
from minicnn.training.transfer.stages import stages_or_children


def freeze(model, *, first=None, names=None):
    """Freeze a network, its first stages, or what has certain names; adds to what is frozen.

    Frozen parameters have ``requires_grad`` False. A module whose parameters are all frozen stays
    in evaluation mode with all that it holds, and so does a stage with the layers between. What is
    frozen is no part of ``state_dict()``.

    Args:
        model: the whole network.
        first: how many of its `stages`, from the input on. (Of a network without known stages its
            children count, in the order they were defined.)
        names: a pattern, or a list of them, of names of parameters or of modules, ``*`` and ``?``
            as in file names: ``"features.*"``, ``["layer1", "*.bias"]``.

    Returns:
        The model.

    Raises:
        ArgumentError: both `first` and `names`; more stages than there are; a pattern that nothing
            has as its name.
        DtypeError: arguments of other types.

    Sources: J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep
    neural networks?", 2014; batch normalisation in evaluation mode as in Keras's
    ``trainable = False``.

    >>> from minicnn import models
    >>> model = freeze(models.resnet20(), first=4)
    >>> model.layer1[0].bn1.training, model.train().layer1[0].bn1.training
    (False, False)
    >>> sorted({name.split(".")[0] for name, p in model.named_parameters() if not p.requires_grad})
    ['bn1', 'conv1', 'layer1']
    """
    for parameter in _chosen("freeze", model, "first", first, names):
        parameter.requires_grad_(False)
        parameter.grad = None  # a step would still use it
    hold(model)
    return model


def unfreeze(model, *, last=None, names=None):
    """Undo `freeze`, for all of a network, its last stages, or what has certain names.

    What is no longer frozen takes part in training and evaluation mode again, beginning with the
    mode that the model is in. An optimizer that was made without its parameters must be given them
    by ``add_param_group``.

    minicnn's own.

    Args:
        model: the whole network.
        last: how many of its `stages`, from the output on; an integer.
        names: as in `freeze`.

    Returns:
        The model.

    Raises:
        ArgumentError, DtypeError: as `freeze`.

    >>> from minicnn import models
    >>> model = unfreeze(freeze(models.lenet5()), last=2)
    >>> [name for name, p in model.named_parameters() if p.requires_grad]
    ['fc2.weight', 'fc2.bias', 'fc3.weight', 'fc3.bias']
    """
    for parameter in _chosen("unfreeze", model, "last", last, names):
        parameter.requires_grad_(True)
    hold(model)
    return model


def hold(model):
    """Keep in evaluation mode what is frozen, and nothing else.

    The model itself follows `train` and `eval` even when all of it is frozen (unless it is a single
    layer), so that its mode is what was asked for.
    """
    held = set()
    for part in (*stages_or_children(model).values(), *model.modules()):
        if is_frozen(part):
            held.update(part.modules())
    if any(True for _ in model.children()):
        held.discard(model)
    for module in model.modules():
        if module in held:
            module.stays_in_eval, module.training = True, False
        elif module.stays_in_eval:
            del module.stays_in_eval
            module.training = model.training


def is_frozen(module):
    """Whether it has parameters, and none of them wants a gradient."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(p.requires_grad for p in parameters)


def _chosen(operation, model, which, count, names):
    """The parameters that the arguments of `freeze` or `unfreeze` name."""
    groups = list(stages_or_children(model).items())
    if count is not None and names is not None:
        raise ArgumentError(f"{operation}: give either {which}= or names=, not both")
    if names is not None:
        return _named(operation, model, names)
    if count is None:
        return list(model.parameters())
    count = integer(operation, which, count)
    if not 0 <= count <= len(groups):
        raise ArgumentError(
            f"{operation}: {which} must be 0 to {len(groups)}, got {count}; the stages of "
            f"{type(model).__name__} are {', '.join(name for name, _ in groups)}"
        )
    taken = groups[:count] if which == "first" else groups[len(groups) - count :]
    return [p for _, stage in taken for p in stage.parameters()]


def _named(operation, model, names):
    patterns = [names] if isinstance(names, str) else names
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise DtypeError(
            f"{operation}: names must be a pattern such as 'features.*', or a list of patterns; "
            f"got {names!r}"
        )
    known = dict(model.named_parameters(remove_duplicate=False))
    chosen = []
    for pattern in patterns:
        # A module's name stands for all that is in it.
        found = [
            p for n, p in known.items() if fnmatchcase(n, pattern) or fnmatchcase(n, f"{pattern}.*")
        ]
        if not found:
            modules = [n for n, _ in model.named_modules() if n]
            raise ArgumentError(
                f"{operation}: no parameter or module of {type(model).__name__} is called "
                f"{pattern!r}{closest(pattern, [*modules, *known])}"
            )
        chosen += found
    return chosen
