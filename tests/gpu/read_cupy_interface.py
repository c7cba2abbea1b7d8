"""Writes ``cupy_interface.json``: what CuPy offers, and which arguments its functions take.

CuPy can be imported where there is no GPU, so its interface can be read anywhere it is installed::

    python tests/gpu/read_cupy_interface.py

`strict_cupy` refuses whatever is not in that file.
"""

import inspect
import json
import re
from pathlib import Path

PLACE = Path(__file__).with_name("cupy_interface.json")
# As in "_ndarray_base.max(self, axis=None, out=None, keepdims=False) -> _ndarray_base"
COMPILED = re.compile(r"^(?:_ndarray_base|ndarray)\.\w+\((.*?)\)(?: ->.*)?$")


def parameters(function):
    """The names of the parameters; those that cannot be given by keyword keep their mark."""
    found = []
    for p in inspect.signature(function).parameters.values():
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        found.append(mark + p.name)
    return found


def compiled_parameters(text):
    """The same from the first line of a compiled method's docstring; None where it has none."""
    match = COMPILED.match((text or "").strip().split("\n")[0])
    if match is None:
        return None
    names = [re.split(r"[=\s]", p.strip())[-1 if "=" not in p else 0] for p in _split(match[1])]
    return [n for n in names if n not in ("self", "*", "")]


def _split(text):
    """At the commas, which the defaults here do not hold."""
    return [
        re.sub(r"^(?:_ndarray_base|Py_ssize_t|int|tuple) ", "", p.strip()) for p in text.split(",")
    ]


def interface(cupy):
    found = {
        "version": cupy.__version__,
        "functions": {},
        "ufuncs": {},
        "others": [],
        "methods": {},
    }
    for space, prefix in ((cupy, ""), (cupy.linalg, "linalg.")):
        for name in sorted(vars(space)):
            value = getattr(space, name)
            if name.startswith("_") or inspect.ismodule(value):
                continue
            if isinstance(value, cupy.ufunc):
                found["ufuncs"][prefix + name] = value.nin
            elif inspect.isfunction(value) or inspect.isbuiltin(value):
                try:
                    found["functions"][prefix + name] = parameters(value)
                except ValueError:
                    found["others"].append(prefix + name)
            else:
                found["others"].append(prefix + name)
    for name in sorted(dir(cupy.ndarray)):
        value = getattr(cupy.ndarray, name)
        if not name.startswith("_"):
            found["methods"][name] = compiled_parameters(value.__doc__) if callable(value) else None
    return found


if __name__ == "__main__":
    import cupy

    PLACE.write_text(json.dumps(interface(cupy), indent=0) + "\n", encoding="utf-8")
