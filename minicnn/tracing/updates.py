"""The optimiser's step, recorded: what it changes in each parameter."""

import numpy as np

from minicnn.tracing.steps import Result, Step


def record_update(recording, optimizer):
    """Run ``optimizer.step()`` and record one step for each parameter that has a gradient."""
    add, held = recording.archive.add, []
    for group in optimizer.param_groups:
        held += [(p, p.array.copy(), group) for p in group["params"] if p.grad is not None]
    optimizer.step()
    for p, before, group in held:
        name = recording.leaves.name_of(p)
        layer = name.rpartition(".")[0]
        options = {
            k: v for k, v in group.items() if k not in ("params", "param_names") and np.ndim(v) == 0
        }
        old = add(before, f"{name} before", False, layer, True)
        gradient = add(p.grad.array, f"{name}.grad", False, layer)
        change = add(p.array - before, f"change of {name}", False, layer)
        new = add(p.array, name, False, layer, True)
        state = optimizer.state.get(p, {})
        recording.append(
            Step(
                number=len(recording.steps),
                phase="update",
                operation=type(optimizer).__name__,
                layer=layer,
                attributes=options,
                inputs=(old, gradient),
                outputs=(new,),
                symbols=("θ", "∂L/∂θ", "θ'"),
                results=(Result("θ' − θ", "change", "", 0, name, change, old, new),),
                saved={
                    key: add(value, f"{key} of {name}", False, layer)
                    for key, value in state.items()
                    if isinstance(value, np.ndarray)
                },
            )
        )
