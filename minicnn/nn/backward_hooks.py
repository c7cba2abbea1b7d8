"""How a module learns of the gradients at its inputs and outputs.

Its inputs and its outputs each pass through a node that changes nothing. On the way back the node
behind the module is reached first, and receives the gradients of the outputs; the node before it
receives those of the inputs last, when everything inside the module is done.
"""

from minicnn.autograd import Function
from minicnn.checks import DtypeError, ShapeError
from minicnn.tensor import Tensor


class ModuleBoundary(Function):
    """The identity on several tensors; ``watch(gradients)`` may return others in their place."""

    equations = ("identity",)

    @staticmethod
    def forward(ctx, watch, *tensors):
        ctx.watch = watch
        ctx.set_materialize_grads(False)
        return tensors

    @staticmethod
    def backward(ctx, *deltas):
        return (None, *ctx.watch(deltas))


def between_boundaries(module, inputs, forward):
    """``forward(inputs)`` between two boundaries that run the backward hooks of `module`."""
    places = _wanting(inputs)
    # The number, not the list: the graph must not hold the tensors that it is made for.
    count, at_output = len(inputs), []

    def inputs_known(deltas):
        gradients = _spread(count, places, deltas)
        for hook in list(module._backward_hooks.values()):
            changed = hook.function(module, gradients, at_output[0])
            if changed is not None:
                gradients = _checked(module, "inputs", changed, gradients)
        return [gradients[place] for place in places]

    inputs = list(inputs)
    if places:
        passed = ModuleBoundary.apply(inputs_known, *[inputs[i] for i in places])
        for place, tensor in zip(places, passed, strict=True):
            inputs[place] = tensor
    output = forward(tuple(inputs))
    outputs = list(output) if isinstance(output, tuple) else [output]
    leaving, width = _wanting(outputs), len(outputs)

    def outputs_known(deltas):
        gradients = _spread(width, leaving, deltas)
        for hook in list(module._backward_pre_hooks.values()):
            changed = hook.function(module, gradients)
            if changed is not None:
                gradients = _checked(module, "outputs", changed, gradients)
        at_output[:] = [gradients]
        if not places:  # no gradient goes on to the inputs, which are known to have none
            inputs_known(())
        return [gradients[place] for place in leaving]

    if leaving:
        passed = ModuleBoundary.apply(outputs_known, *[outputs[i] for i in leaving])
        for place, tensor in zip(leaving, passed, strict=True):
            outputs[place] = tensor
    return tuple(outputs) if isinstance(output, tuple) else outputs[0]


def _spread(count, places, deltas):
    """A tuple of `count` entries: the deltas at their places, None elsewhere."""
    gradients = [None] * count
    for place, delta in zip(places, deltas, strict=True):
        gradients[place] = delta
    return tuple(gradients)


def _wanting(values):
    return [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]


def _checked(module, which, changed, gradients):
    """What a hook returned in place of the gradients of the inputs, or of the outputs."""
    registered = "hook" if which == "inputs" else "pre_hook"
    name = f"register_full_backward_{registered}: a hook on {type(module).__name__}"
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(gradients):
        raise ShapeError(
            f"{name} returned {len(changed)} gradients for {len(gradients)} {which}; return a "
            "tuple with one for each, or None"
        )
    for new, old in zip(changed, gradients, strict=True):
        if old is not None and not isinstance(new, Tensor):
            raise DtypeError(f"{name} returned a {type(new).__name__} where a tensor belongs")
    return changed
