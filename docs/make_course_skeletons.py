"""Write minicnn/courses/skeletons from the marked sources in examples/courses_source.

    python docs/make_course_skeletons.py            write them
    python docs/make_course_skeletons.py --check    only say whether they are up to date

The sources hold the solutions, so they stand under examples, of which nothing is packaged.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "examples" / "courses_source"
SKELETONS = ROOT / "minicnn" / "courses" / "skeletons"
BEGIN, END = "# >>> solution", "# <<< solution"
_NUMBER = re.compile(r"ex(\d\d)_")


def skeleton(source, name):
    r"""The text of a marked source with every solution replaced by a ``NotImplementedError``.

    Args:
        source: the text; each solution stands between two marks, ``# >>> solution`` and
            ``# <<< solution``, indented alike.
        name: the exercise's, for the message of the error.

    Raises:
        ValueError: marks without their counterpart, none at all, or no Python at the end.

    >>> text = "def f(x):\n    # >>> solution\n    return 2 * x\n    # <<< solution\n"
    >>> print(skeleton(text, "ex05_weight_gradient"), end="")
    def f(x):
        raise NotImplementedError("exercise 5: f is not written yet")
    """
    number = int(_NUMBER.match(name).group(1))
    lines, inside, function, found = [], None, None, 0
    for place, line in enumerate(source.splitlines(), 1):
        stripped = line.strip()
        indent = line[: len(line) - len(line.lstrip())]
        if inside is None and (defined := re.match(r"def (\w+)", line)):
            function = defined.group(1)
        if stripped == BEGIN:
            if inside is not None:
                raise ValueError(f"{name}, line {place}: {BEGIN!r} inside a solution")
            inside, found = indent, found + 1
            text = f"exercise {number}: {function} is not written yet"
            lines.append(f'{indent}raise NotImplementedError("{text}")')
        elif stripped == END:
            if inside != indent:
                raise ValueError(f"{name}, line {place}: {END!r} has no {BEGIN!r} before it")
            inside = None
        elif inside is None:
            lines.append(line)
    if inside is not None or not found:
        raise ValueError(f"{name}: expected {BEGIN!r} … {END!r} around every solution")
    text = "\n".join(lines) + "\n"
    ast.parse(text)
    return text


def solutions(source):
    """The lines of a marked source that no student may get, without indentation."""
    lines, inside = [], False
    for line in source.splitlines():
        stripped = line.strip()
        if stripped in (BEGIN, END):
            inside = stripped == BEGIN
        elif inside and stripped:
            lines.append(stripped)
    return lines


def made():
    """The text of every skeleton, by its path."""
    return {
        SKELETONS / f"{path.stem}.txt": skeleton(path.read_text(encoding="utf-8"), path.stem)
        for path in sorted(SOURCES.glob("ex*.py"))
    }


def outdated():
    """The skeletons that are missing, differ from their source, or have none."""
    texts = made()
    there = {path: path.read_text(encoding="utf-8") for path in SKELETONS.glob("*")}
    return sorted(p for p in texts.keys() | there.keys() if texts.get(p) != there.get(p))


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        names = [path.name for path in outdated()]
        sys.exit(f"not up to date: {', '.join(names)}" if names else 0)
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
