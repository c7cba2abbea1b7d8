"""`Names`: what the layers, parameters and arrays of a run are called."""

from collections import Counter

from minicnn.tracing.attributes import operation_called


class Names:
    """The names in a model, and those that a trace gives to what has none.

    Args:
        model: the module whose parts give their names, or None.

    Attributes:
        layers: id(module) → its path.
        parameters: id(tensor) → the path of a parameter or a buffer.
        wanted: path of a parameter or buffer → whether it wants a gradient.
    """

    def __init__(self, model):
        self.layers, self.parameters, self.wanted = {}, {}, {}
        self._given = Counter()  # how many arrays have a name
        if model is not None:
            for path, module in model.named_modules():
                self.layers.setdefault(id(module), path)
            for path, tensor in (*model.named_parameters(), *model.named_buffers()):
                self.parameters.setdefault(id(tensor), path)
                self.wanted[path] = tensor.requires_grad

    def layer_of(self, modules):
        """The innermost of these modules that is part of the model: its path, and itself."""
        for module in modules:
            if id(module) in self.layers:
                return self.layers[id(module)], module
        return "", None

    def for_leaf(self, kind):
        """Such as ``input``; numbered from the second on."""
        self._given[kind] += 1
        return kind if self._given[kind] == 1 else f"{kind} ({self._given[kind]})"

    def for_output(self, operation, layer, module):
        """Such as ``conv1 (output)``; numbered where a layer gives several, or is used again."""
        of = layer
        has_parts = module is None or any(True for _ in module.children())
        other = operation_called(type(module).__name__) and type(module).__name__ != operation.name
        if not layer or has_parts or other:
            of = f"{layer} · {operation.name}" if layer else operation.name
        self._given[of] += 1
        return f"{of} (output{f' {self._given[of]}' if self._given[of] > 1 else ''})"
