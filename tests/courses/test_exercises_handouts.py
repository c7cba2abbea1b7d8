"""Hand-outs: their numbers are right, their examples run, their figures are what a script draws."""

import ast
import doctest
import importlib.util
import inspect
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from minicnn import equations
from minicnn.courses.exercises import load
from minicnn.courses.exercises.ex13_training import digits, lenet

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "examples" / "courses_source"
HANDOUTS = ROOT / "minicnn" / "courses" / "handouts"
EXERCISES = load()
DERIVATIONS = (2, 5, 6, 9, 12)
PAGES = sorted(HANDOUTS.glob("*.md"))


@pytest.fixture
def references():
    """The sources can be imported, as the files of a lab can from its folder."""
    sys.path.insert(0, str(SOURCES))
    yield
    sys.path.remove(str(SOURCES))
    for exercise in EXERCISES:
        sys.modules.pop(exercise.name, None)


def reference(exercise):
    path = SOURCES / f"{exercise.name}.py"
    spec = importlib.util.spec_from_file_location(exercise.name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name):
    return (HANDOUTS / name).read_text(encoding="utf-8")


def test_there_are_14_exercises_with_their_hand_outs():
    assert [e.number for e in EXERCISES] == list(range(1, 15))
    for exercise in EXERCISES:
        assert (HANDOUTS / f"{exercise.name}.md").is_file()
        assert (HANDOUTS / f"{exercise.name}.svg").is_file()
        assert exercise.name.startswith(f"ex{exercise.number:02}_")
        translated = (HANDOUTS / f"{exercise.name}.zh.md").is_file()
        assert translated == (exercise.number in DERIVATIONS), exercise.name
    assert len(PAGES) == 14 + len(DERIVATIONS)


def test_at_least_40_wrong_answers_are_in_the_catalogue():
    assert len({w.key for e in EXERCISES for t in e.tasks for w in t.wrong}) >= 40


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_a_hand_out_names_what_is_to_be_written(exercise):
    for ending in ("md", "zh.md"):
        page = HANDOUTS / f"{exercise.name}.{ending}"
        if not page.is_file():
            continue
        text = page.read_text(encoding="utf-8")
        assert f"{exercise.name}.py" in text and f"({exercise.name}.svg)" in text
        for task in exercise.tasks:
            assert f"`{task.function}`" in text
        if exercise.see:
            assert exercise.see in text
    for key in exercise.equations:
        equations.get(key)


def calculations(text):
    """(what is calculated, the sign, the result) of every line like ``y = 1·2 + 3 = 5``."""
    pattern = r"[=:] +((?:[\d.·+−/() ]|ln)*\d\)?) +(=|≈) +(−?[\d.]+)(?=\s|$)"
    for line in text.splitlines():
        if line.startswith("    ") and ">>>" not in line:
            for expression, sign, result in re.findall(pattern, line):
                if re.search(r"[·+−/]|ln", expression):
                    yield expression, sign, result


def number(expression):
    for shown, meant in (("·", "*"), ("−", "-"), ("ln ", "ln:")):
        expression = expression.replace(shown, meant)
    expression = re.sub(r"ln:(\d+)", lambda m: repr(math.log(int(m[1]))), expression)
    tree = ast.parse(expression.strip(), mode="eval")
    return eval(compile(tree, "hand-out", "eval"), {"__builtins__": {}})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_calculations_by_hand_are_right(page):
    found = list(calculations(page.read_text(encoding="utf-8")))
    assert len(found) >= 2
    for expression, sign, result in found:
        value, digits_shown = number(result), len(result.partition(".")[2])
        bound = 1e-12 if sign == "=" else 0.51 * 10**-digits_shown
        assert abs(number(expression) - value) <= bound, f"{expression} {sign} {result}"


def test_wrong_calculations_would_be_found():
    (wrong,) = calculations("    y_00 = 1·2 + 3·4 = 15")
    assert number(wrong[0]) == 14 and number(wrong[2]) == 15
    assert number("(ln 3 − ln 2)/2") == pytest.approx(math.log(1.5) / 2)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_examples_run_on_the_reference(page, references):
    text = page.read_text(encoding="utf-8")
    assert f"python -m doctest handouts/{page.name}" in text
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(test.examples) >= 4
    failed = []
    doctest.DocTestRunner(verbose=False).run(test, out=failed.append)
    assert not failed, "".join(failed)


@pytest.mark.parametrize("number", DERIVATIONS)
def test_both_languages_have_the_same_numbers(number):
    name = EXERCISES[number - 1].name
    pages = [read(f"{name}.{ending}") for ending in ("md", "zh.md")]
    calculated = [list(calculations(p)) for p in pages]
    assert calculated[0] == calculated[1] and calculated[0]
    examples = [
        [(e.source, e.want) for e in doctest.DocTestParser().get_examples(p)] for p in pages
    ]
    assert examples[0] == examples[1]
    keys = [set(re.findall(r"    +\(([\w.-]+)\)$", p, re.MULTILINE)) for p in pages]
    assert keys[0] == keys[1]
    assert re.search("[\u4e00-\u9fff]", pages[1]) and not re.search("[\u4e00-\u9fff]", pages[0])
    assert [p.count("\n## ") for p in pages] in ([4, 4], [5, 5])


def test_figures_are_what_the_script_draws():
    path = ROOT / "docs" / "make_course_figures.py"
    spec = importlib.util.spec_from_file_location("make_course_figures", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.made()
    assert len(made) == 13
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"run python docs/{script.__name__}.py"
        assert "<title>" in text and "nan" not in text


def test_no_hand_out_holds_a_solution():
    texts = "\n".join(p.read_text(encoding="utf-8") for p in PAGES)
    for path in SOURCES.glob("ex*.py"):
        marked = path.read_text(encoding="utf-8").split("# >>> solution")[1:]
        assert marked
        for part in marked:
            for line in map(str.strip, part.partition("# <<< solution")[0].splitlines()):
                assert len(line) < 20 or line not in texts, line


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_sources_fit_the_grader(exercise):
    module = reference(exercise)
    tree = ast.parse((SOURCES / f"{exercise.name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert [a.name for a in node.names] == ["numpy"]
    for task in exercise.tasks:
        function = getattr(module, task.function)
        assert tuple(inspect.signature(function).parameters) == task.arguments
        text = inspect.getdoc(function)
        assert "Args:" in text and "Returns:" in text
        for argument in task.arguments:
            assert re.search(rf"\b{argument}\b", text.partition("Args:")[2]), argument


def test_what_exercise_13_trains_reads_digits():
    """More of the same than the grader asks for: LeNet learns the digits."""
    network = lenet()
    weights, losses = reference(EXERCISES[12]).train(
        network.initial(np.random.default_rng(0)), *digits(0, 3200),
        network.loss_and_gradients, 1, 32, 0.05, 0.9,
    )  # fmt: skip
    assert losses[0] == pytest.approx(math.log(10), abs=0.1)
    assert np.mean(losses[-10:]) < 0.6
    loss, _ = network.loss_and_gradients(weights, *digits(0, 500, train=False))
    assert loss < 0.6
