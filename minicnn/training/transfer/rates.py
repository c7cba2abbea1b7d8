"""Learning rates that differ from stage to stage."""

from minicnn.checks import ArgumentError, real
from minicnn.training.transfer.stages import stages_or_children


def parameter_groups(model, lr, decay):
    """Parameter groups for an optimizer: the earlier a stage, the lower its learning rate.

    Early layers see edges and spots, which new data have as well; late ones know the old classes.
    The last stage has the rate η, the one before it η · decay, and so on: stage s of S has
    η · decay^(S − s).

    Args:
        model: a network; its `stages` count (of one without known stages its children, in the order
            they were defined). What belongs to no stage, such as auxiliary heads, has the rate η.
        lr: η, above 0.
        decay: in 0 … 1; 1 gives all stages the same rate.

    Returns:
        A list of dictionaries with "params", "lr" and "name", the stage's. Frozen parameters are
        left out, and groups without others.

    Raises:
        ArgumentError: `lr` or `decay` out of range; nothing that is not frozen.
        DtypeError: not a module; numbers that are none.

    Source: J. Howard, S. Ruder, "Universal language model fine-tuning for text classification",
    2018, section 3.2, "Discriminative fine-tuning", with decay = 1/2.6.

    >>> from minicnn import models, optim
    >>> groups = parameter_groups(models.lenet5(), lr=0.08, decay=0.5)
    >>> [(group["name"], group["lr"]) for group in groups]
    [('conv1', 0.005), ('conv2', 0.01), ('fc1', 0.02), ('fc2', 0.04), ('fc3', 0.08)]
    >>> sgd = optim.SGD(groups, lr=0.08, momentum=0.9)
    """
    lr, decay = real("parameter_groups", "lr", lr), real("parameter_groups", "decay", decay)
    if not 0 < lr < float("inf") or not 0 < decay <= 1:
        raise ArgumentError(
            f"parameter_groups: lr must be above 0 and decay in 0 … 1, got {lr} and {decay}"
        )
    stages = stages_or_children(model)
    groups, seen = [], set()
    for position, (name, stage) in enumerate(stages.items(), start=1):
        rate = lr * decay ** (len(stages) - position)
        groups.append({"params": _new(stage.parameters(), seen), "lr": rate, "name": name})
    groups[-1]["params"] += _new(model.parameters(), seen)
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise ArgumentError(
            "parameter_groups: all parameters are frozen; unfreeze(model, last=1), or give it a "
            "new head with replace_head"
        )
    return groups


def _new(parameters, seen):
    """Those that are trained and not in `seen`, to which they are added."""
    found = [p for p in parameters if p.requires_grad and p not in seen]
    seen.update(found)
    return found
