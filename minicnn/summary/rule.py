"""What a rule is: how an operation changes the receptive field.

A rule is given the operation, the fields of its inputs (None: independent of the image), the shapes
of its inputs and that of an output; it answers with the field of the output.
"""

from dataclasses import replace

from minicnn.summary.field import union

rules = {}  # class of the operation → function


def rule(*kinds):
    """The function below is the rule for these classes of operations, and for those derived."""

    def add(function):
        rules.update(dict.fromkeys(kinds, function))
        return function

    return add


def rule_of_first(*kinds):
    """A rule for what looks at places of its first input; the others are its parameters."""

    def add(function):
        def of_first(operation, fields, shapes, shape):
            first, *others = fields
            if first is None:
                return from_everything(others, shape)
            found = function(operation, first, shapes, shape)
            # Parameters computed from the image carry all of it to every place.
            return replace(found, everywhere=True) if any(others) else found

        rules.update(dict.fromkeys(kinds, of_first))
        return function

    return add


def from_everything(fields, shape):
    return union([f if f is None else f.gathered_into(shape) for f in fields], shape)
