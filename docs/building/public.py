"""The public names: what a user of minicnn imports, and where each is documented."""

import importlib
import inspect
from types import ModuleType

# Each of these has a page; what it imports from other parts of minicnn for its users is on it.
MODULES = {
    "minicnn": "Tensors, and functions of tensors",
    "minicnn.nn": "Layers",
    "minicnn.nn.functional": "Layers as functions",
    "minicnn.nn.init": "Initial weights",
    "minicnn.nn.utils": "Parameters as a whole",
    "minicnn.optim": "Optimisers",
    "minicnn.optim.lr_scheduler": "Learning rates that change",
    "minicnn.autograd": "Gradients, and operations of your own",
    "minicnn.cuda": "GPUs",
    "minicnn.amp": "Training in float16",
    "minicnn.data": "Data sets and loaders",
    "minicnn.data.transforms": "Transforms of images",
    "minicnn.models": "Networks",
    "minicnn.training": "Training",
    "minicnn.training.transfer": "Transfer learning",
    "minicnn.distributed": "Several processes",
    "minicnn.tracing": "Recorded runs",
    "minicnn.checking": "Gradient checks",
    "minicnn.plot": "Pictures",
    "minicnn.onnx": "Export",
    "minicnn.checks": "Errors",
    "minicnn.equations": "Equations as data",
    "minicnn.textbook": "Equations as loops",
}


def names_of(module):
    """The public names of a module: its `__all__`, else what it shows of minicnn's own."""
    module = importlib.import_module(module)
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    found = []
    for name, thing in vars(module).items():
        if name.startswith("_") or isinstance(thing, ModuleType):
            continue
        if module.__name__ == "minicnn.checks" and not inspect.isclass(thing):
            continue  # of the checks only the errors are for users
        # A module's helpers come from elsewhere in minicnn; a package shows what is in its files.
        if (getattr(thing, "__module__", "") or "").startswith(module.__name__):
            found.append(name)
    return sorted(found)


def documented():
    """{dotted name: object} of every public function and class, each once, where met first."""
    found, seen = {}, set()
    for module in MODULES:
        for name in names_of(module):
            thing = getattr(importlib.import_module(module), name)
            if isinstance(thing, ModuleType) or not (inspect.isclass(thing) or callable(thing)):
                continue
            if id(thing) not in seen:
                seen.add(id(thing))
                found[f"{module}.{name}"] = thing
    return found
