"""The exercises: one module each, with an `EXERCISE`."""

import importlib
import pkgutil


def load():
    """All exercises in order, from the modules beside this file."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith("ex")]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted((m.EXERCISE for m in modules), key=lambda e: e.number))
