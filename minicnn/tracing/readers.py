"""What shows a trace: cards and pages stand a floor above, and make themselves known here."""

from importlib import import_module

_readers = {}


def reader(name):
    """Decorator: the function shows a trace or a step in the way called `name`."""

    def add(function):
        _readers[name] = function
        return function

    return add


def find_reader(name):
    """The function that shows things in the way called `name`."""
    # On first use, as kernels are: importing minicnn does not wait for what draws.
    import_module("minicnn.stepper")
    return _readers[name]
