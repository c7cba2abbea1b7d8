"""Puts a mutant in the place of code that is loaded already."""

import gc
from itertools import chain
from types import CodeType, FunctionType

FUNCTION = 0x1  # CO_OPTIMIZED: set for the bodies of functions, not for those of classes and files


def nested(code):
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _own(code):
    """All of a code object that decides what it does, but for the code objects within."""
    constants = [
        None if isinstance(constant, CodeType) else (type(constant), repr(constant))
        for constant in code.co_consts
    ]
    return (
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_exceptiontable,
        code.co_argcount,
        code.co_flags,
    )


def _same(old, new):
    a, b = nested(old), nested(new)
    return _own(old) == _own(new) and len(a) == len(b) and all(map(_same, a, b))


def changed_functions(old, new):
    """[(old code, new code)] of the functions that differ; None if a file's or class's body does.

    What such a body does is done when it is imported: for that a new process is needed.
    """
    if old.co_flags & FUNCTION:
        return [] if _same(old, new) else [(old, new)]
    inside, after = nested(old), nested(new)
    if _own(old) != _own(new) or len(inside) != len(after):
        return None
    found = [changed_functions(a, b) for a, b in zip(inside, after, strict=True)]
    return None if None in found else list(chain.from_iterable(found))


def key(code):
    return code.co_filename, code.co_qualname, code.co_firstlineno


def functions_in(files):
    """{`key` of its code: the functions} of all functions that come from `files`."""
    found, files = {}, set(files)
    for value in gc.get_objects():
        if type(value) is FunctionType and value.__code__.co_filename in files:
            found.setdefault(key(value.__code__), []).append(value)
    return found


def patch(functions, pairs):
    """Give the functions their mutated code; False if that cannot be done."""
    for old, new in pairs:
        if old.co_freevars != new.co_freevars or key(old) not in functions:
            return False
        for function in functions[key(old)]:
            function.__code__ = new
    return True


SIMPLE = (bool, int, float, str, bytes, tuple, type(None))


def _unwrapped(value):
    """The function in a method or property, or the function itself."""
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    return value.fget if isinstance(value, property) else value


def _differ(old, new):
    return type(old) is not type(new) or repr(old) != repr(new)


def _renew(old, new):
    """Give a function the arguments' defaults of another; whether they differed."""
    changed = False
    for name in ("__defaults__", "__kwdefaults__"):
        if _differ(getattr(old, name), getattr(new, name)):
            setattr(old, name, getattr(new, name))
            changed = True
    return changed


def transplant(module, code):
    """Run a mutated file beside the loaded `module`, and take over what differs.

    That can be defaults of arguments, and simple values that a class has as attributes. Returns
    whether anything did: if not, the mutation is elsewhere, and a new process is needed.
    """
    space = {"__name__": module.__name__, "__file__": module.__file__}
    space["__package__"] = module.__spec__.parent
    exec(code, space)
    changed = False
    for name, new in space.items():
        old = vars(module).get(name)
        if type(new) is FunctionType and type(old) is FunctionType:
            if new.__module__ == module.__name__:
                changed |= _renew(old, new)
        elif isinstance(new, type) and new.__module__ == module.__name__:
            for attribute, value in vars(new).items():
                before = vars(old).get(attribute)
                if type(_unwrapped(value)) is FunctionType:
                    changed |= _renew(_unwrapped(before), _unwrapped(value))
                elif isinstance(value, SIMPLE) and _differ(before, value):
                    setattr(old, attribute, value)
                    changed = True
    space.clear()
    gc.collect()  # the second classes: nobody shall find them among their parents' children
    return changed
