"""A network's head: its last layer, which gives a score for each class."""

from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, closest, integer
from minicnn.training.transfer.freezing import hold
from minicnn.training.transfer.stages import AUXILIARY


def find_head(model, name=None):
    """(dotted name, layer) of the fully connected layer that gives the scores.

    minicnn's own.

    Args:
        model: a network of `minicnn.models`, or any whose last layer with parameters is a `Linear`,
            last in the order in which they were defined.
        name: the layer's name, where that is not so.

    Raises:
        ArgumentError: there is no layer of that name; it, or the last layer, is no `Linear`.
        DtypeError: not a module.

    >>> from minicnn import models
    >>> find_head(models.lenet5())
    ('fc3', Linear(in_features=84, out_features=10, bias=True))
    """
    return _found("find_head", model, name)


def _found(operation, model, name):
    if not isinstance(model, nn.Module):
        raise DtypeError(f"{operation}: model must be a Module, got {type(model).__name__}")
    layers = dict(model.named_modules())
    if name is None:
        own = [n for n, m in layers.items() if any(True for _ in m.parameters(recurse=False))]
        if not own:
            raise ArgumentError(f"{operation}: {type(model).__name__} has no layer with parameters")
        head, advice = own[-1], "; if another layer gives the scores, say name="
    else:
        if name not in layers:
            raise ArgumentError(
                f"{operation}: {type(model).__name__} has no layer {name!r}{closest(name, layers)}"
            )
        head, advice = name, ""
    if type(layers[head]) is not nn.Linear:
        raise ArgumentError(
            f"{operation}: {head!r} of {type(model).__name__} is a {type(layers[head]).__name__}, "
            f"and the head must be a Linear{advice}"
        )
    return head, layers[head]


def replace_head(model, num_classes, name=None):
    """Give a network a new last layer, for other classes; all else stays.

    The new layer is a `Linear` with PyTorch's initial values, with as many inputs as the old one,
    its dtype, its mode, and a bias if it had one; it is not frozen. Auxiliary heads (GoogLeNet,
    Inception v3) get one each, too. An optimizer made before knows the old layer only.

    Args:
        model: as in `find_head`.
        num_classes: the number of outputs of the new layer.
        name: the old layer's name, where it is not the last.

    Returns:
        The new layer (that of the network, not those of auxiliary heads).

    Raises:
        ArgumentError: `num_classes` below 1; no layer to replace, see `find_head`.
        DtypeError: not a module, or not an integer.

    >>> from minicnn import models
    >>> model = models.resnet18()
    >>> replace_head(model, 7)
    Linear(in_features=512, out_features=7, bias=True)
    >>> model.fc.out_features
    7
    """
    num_classes = integer("replace_head", "num_classes", num_classes)
    if num_classes < 1:
        raise ArgumentError(f"replace_head: num_classes must be at least 1, got {num_classes}")
    path, old = _found("replace_head", model, name)
    if path == "":
        raise ArgumentError(
            "replace_head: the model is itself a Linear, which nothing holds; make a new one, "
            f"nn.Linear({old.in_features}, {num_classes})"
        )
    new = _replaced(model, old, num_classes)
    if name is None:
        for head in _auxiliary_heads(model):
            _replaced(model, _found("replace_head", head, None)[1], num_classes)
    if isinstance(getattr(model, "num_classes", None), int):
        model.num_classes = num_classes
    if any(module.stays_in_eval for module in model.modules()):
        hold(model)
    return new


def _replaced(model, old, num_classes):
    weight = old.weight
    bias = old.bias is not None
    new = nn.Linear(old.in_features, num_classes, bias, device=weight.device, dtype=weight.dtype)
    new.training = model.training if old.stays_in_eval else old.training
    for module in model.modules():
        for inner, child in module._modules.items():
            if child is old:
                module.add_module(inner, new)
    return new


def _auxiliary_heads(model):
    children = dict(model.named_children())
    return [children[name] for name in AUXILIARY if name in children]
