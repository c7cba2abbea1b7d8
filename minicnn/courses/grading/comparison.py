"""Is a result what was expected? First its form, then its values."""

import numpy as np


def results_of(task, value):
    """A function's result as a tuple, one entry for each of `task.results`; or a text."""
    if len(task.results) == 1:
        return (value,)
    if not isinstance(value, (tuple, list)) or len(value) != len(task.results):
        names = ", ".join(task.results)
        return f"returned {kind(value)}, expected a tuple ({names})"
    return tuple(value)


def kind(value):
    """What a value is, in words.

    >>> kind(np.zeros((2, 3)))
    'an array (2, 3) of float64'
    """
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return f"a number of {value.dtype}"
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def form_problem(name, got, expected):
    """What is wrong with a result before its values are looked at, in words; else None."""
    if isinstance(expected, np.ndarray) and expected.ndim:
        return _array_problem(name, got, expected)
    if isinstance(expected, (bool, np.bool_)):
        is_bool = isinstance(got, bool) or (_is_number(got) and np.asarray(got).dtype == bool)
        return None if is_bool else f"{name} is {kind(got)}, expected True or False"
    if _is_number(expected):
        if not _is_number(got) or np.asarray(got).dtype == bool:
            return f"{name} is {kind(got)}, expected a number"
        if not np.isfinite(got):
            return f"{name} is {float(got)}"
        return None
    if isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return f"{name} is {kind(got)}, expected a {type(expected).__name__}"
        if len(got) != len(expected):
            return f"{name} has {len(got)} elements, expected {len(expected)}"
        return next(filter(None, (form_problem(*p) for p in _inside(name, got, expected))), None)
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return f"{name} is {kind(got)}, expected a dictionary"
        if got.keys() != expected.keys():
            return f"{name} has the keys {_listed(got)}, expected {_listed(expected)}"
        return next(filter(None, (form_problem(*p) for p in _inside(name, got, expected))), None)
    if type(got) is not type(expected):
        return f"{name} is {kind(got)}, expected {kind(expected)}"
    return None


def leaves(name, got, expected):
    """(label, got, expected) of all that lists and dictionaries of one form hold.

    >>> [label for label, _, _ in leaves("y", [1, {"a": 2}], [1, {"a": 3}])]
    ['y[0]', "y[1]['a']"]
    """
    if not isinstance(expected, (list, tuple, dict)):
        yield name, got, expected
        return
    for part in _inside(name, got, expected):
        yield from leaves(*part)


def _inside(name, got, expected):
    keys = expected if isinstance(expected, dict) else range(len(expected))
    return [(f"{name}[{k!r}]", got[k], expected[k]) for k in keys]


def _is_number(value):
    if isinstance(value, np.ndarray):
        return not value.ndim and value.dtype.kind in "fiub"
    return isinstance(value, (int, float, np.number, np.bool_))


def _listed(keys):
    return ", ".join(sorted(map(str, keys))) or "none"


def _array_problem(name, got, expected):
    if not isinstance(got, np.ndarray):
        hint = "; does the function return anything?" if got is None else ""
        return f"{name} is {kind(got)}, expected {kind(expected)}{hint}"
    if got.shape != expected.shape:
        return f"{name} has shape {got.shape}, expected {expected.shape}"
    if got.dtype != expected.dtype and not (got.dtype.kind == expected.dtype.kind == "i"):
        return f"{name} has dtype {got.dtype}, expected {expected.dtype}"
    bad = ~np.isfinite(got)
    if bad.any():
        place = first_place(bad)
        where = ",".join(map(str, place))
        return f"{name}[{where}] is {got[place]}; {bad.sum()} of {got.size} values are not finite"
    return None


def wrong_places(got, expected, tolerance):
    """For arrays of one shape: a mask of the elements that are off by too much."""
    if expected.dtype.kind != "f":
        return got != expected
    largest = np.abs(expected).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        off = ~(np.abs(got - expected) <= tolerance * max(largest, 1e-3))
    return off & ~(np.isnan(got) & np.isnan(expected))


def first_place(mask):
    """The index of the first True, as a tuple."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def same(got, expected, tolerance):
    """Whether two values of any kind are equal, numbers within the tolerance."""
    if isinstance(expected, np.ndarray) or _is_number(expected):
        if not isinstance(got, np.ndarray) and not _is_number(got):
            return False
        a, b = np.asarray(got), np.asarray(expected)
        if a.shape != b.shape or a.dtype.kind not in "fiub":
            return False
        return not wrong_places(a, b, tolerance).any()
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(expected)
            and all(same(g, e, tolerance) for g, e in zip(got, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and all(same(got[k], expected[k], tolerance) for k in expected)
        )
    return type(got) is type(expected) and got == expected
