"""Make a lab: the folder that a student works in."""

from importlib.resources import files

from minicnn.courses.grading.submission import chosen
from minicnn.courses.writing import write_folder

_LAB = {
    "README.md": "README.md",
    "conftest.txt": "conftest.py",
    "test_exercises.txt": "test_exercises.py",
    "pytest.txt": "pytest.ini",
}


def texts(names=None):
    """All files of a lab, {path: text}.

    Args:
        names: names or numbers of exercises; all where None.
    """
    here = files("minicnn.courses")
    found = {new: _read(here / "lab" / old) for old, new in _LAB.items()}
    exercises = chosen(names)
    listed = "".join(f'    "{e.name}",\n' for e in exercises)
    found["test_exercises.py"] = found["test_exercises.py"].replace("[]", f"[\n{listed}]")
    for exercise in exercises:
        found[f"{exercise.name}.py"] = _read(here / "skeletons" / f"{exercise.name}.txt")
        for ending in ("md", "zh.md", "svg"):
            handout = here / "handouts" / f"{exercise.name}.{ending}"
            if handout.is_file():
                found[f"handouts/{exercise.name}.{ending}"] = _read(handout)
    return found


def new_lab(folder, names=None):
    """Make `folder` with skeletons, hand-outs and tests: all of it, or nothing.

    Raises:
        ArgumentError: there is something in `folder` already, or its parent is no folder.
    """
    write_folder("assign new", folder, texts(names))


def _read(file):
    return file.read_text(encoding="utf-8")
