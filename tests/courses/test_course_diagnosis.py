"""What is said of wrong values: where they are, their structure, the cause if it is known."""

import re
from pathlib import Path

import numpy as np
import pytest

from minicnn.courses.exercise import Task, Wrong
from minicnn.courses.grading import FEEDBACK, grade_exercise
from minicnn.courses.grading.answers import Asked
from minicnn.courses.grading.diagnosis import cause, structure
from minicnn.courses.grading.submission import chosen

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "courses_source"
FIVE = "ex05_weight_gradient"
RIGHT = (SOURCES / f"{FIVE}.py").read_text("utf-8")
(EXERCISE,) = chosen([5])


def graded(old, new):
    """The result of exercise 5 for the reference with `old` replaced."""
    assert old in RIGHT
    return grade_exercise(EXERCISE, {f"{FIVE}.py": RIGHT.replace(old, new).encode()}, seed=3)


def told(result, feedback="window"):
    return "\n".join(result.lines(feedback))


def test_levels_tell_more_and_more():
    result = graded("return dw", "return dw[:, :, ::-1, ::-1].copy()")
    assert result.verdict == "wrong"
    shown = {level: told(result, level) for level in FEEDBACK}
    assert shown["none"] == ""
    assert "first: dW[0,0,0,0] is" in shown["where"] and "finite differences say" in shown["where"]
    assert "conv-dw-rotated" not in shown["where"] and "turned by 180°" not in shown["where"]
    assert "(conv-dw-rotated in the catalogue" in shown["cause"]
    assert "dW is the right one turned by 180° in its last two axes" in shown["cause"]
    assert "δ[0,0,1,1] · x[0,0,0,0]" not in shown["cause"]
    assert "δ[0,0,1,1] · x[0,0,0,0]" in shown["window"]


def test_the_readme_shows_what_is_told():
    result = graded("return dw", "return dw[:, :, ::-1, ::-1].copy()")
    readme = (SOURCES.parents[1] / "README.md").read_text("utf-8")
    assert f"```\n{result.text('cause')}\n```" in readme


@pytest.mark.parametrize(("new", "text"), [
    ("return dw / len(x)", "dW is right but for the factor 1/N, N being the number of samples"),
    ("return dw * len(x)", "dW is right but for the factor N, N being the number of samples"),
    ("return -dw", "dW is right but for the factor −1"),
    ("return 3.5 * dw", "dW is right but for the factor 3.5"),
    ("return dw[::-1].copy()", "dW is right but for the order along its first axis"),
    ("return dw * delta[0, 0, 0, 0]", "dW is not linear in delta"),
    ("return dw + 1", "⟨δ, f(u)⟩ and ⟨dW, u⟩ must be equal for every u; for a random one"),
])  # fmt: skip
def test_structure(new, text):
    assert text in told(graded("return dw", new), "cause")


def factor_found(factor_of, argument):
    """What is said of y = factor · x where arrays of 2, 3 and 4 rows are the argument."""
    task = Task("f", (argument,), ("y",), lambda **_: None, ())
    pairs = []
    for n in (2, 3, 4):
        x = np.random.default_rng(n).standard_normal((n, 5))
        pairs.append(({argument: x}, (factor_of(n) * x,), (x,)))
    return [f.text for f in structure(task, pairs, Asked())]


def test_only_a_batch_has_samples():
    found = "y is right but for the factor 1/N, N being the number of samples"
    assert factor_found(lambda n: 1 / n, "delta") == [found]
    assert factor_found(lambda n: 1 / n, "image") == []
    assert factor_found(lambda n: 1 / (n + 1), "delta") == []
    # The same on all probes is no N, whatever the number.
    same = ["y is right but for the factor 0.333333"]
    assert factor_found(lambda n: 1 / 3, "delta") == same
    assert factor_found(lambda n: -1, "image") == ["y is right but for the factor −1"]


def test_a_factor_needs_two_numbers():
    task = Task("f", ("x",), ("y",), lambda **_: None, ())

    def found(*numbers):
        return [f.text for f in structure(task, [({}, (2 * x,), (x,)) for x in numbers], Asked())]

    assert found(1.5) == []
    assert found(1.5, 0.5) == ["y is right but for the factor 2"]


def test_a_number_is_not_taken_for_n_where_all_batches_are_alike():
    task = Task("f", ("delta",), ("y",), lambda **_: None, ())
    pairs = []
    for k in range(3):
        x = np.random.default_rng(k).standard_normal((3, 5))
        pairs.append(({"delta": x}, (x / 3,), (x,)))
    (found,) = structure(task, pairs, Asked())
    assert found.text == "y is right but for the factor 0.333333"


def test_the_first_wrong_array_of_a_list_is_shown():
    (training,) = chosen([13])
    right = (SOURCES / f"{training.name}.py").read_text("utf-8")

    def told_of(old, new):
        assert right.count(old) == 1
        files = {f"{training.name}.py": right.replace(old, new).encode()}
        right_one, *lines = grade_exercise(training, files).lines("cause")
        assert right_one == "momentum_step: right"
        return lines

    lines = told_of("return weights, losses", "weights[2][1, 2] += 1\n    return weights, losses")
    assert lines[1] == "1 of 4 elements of weights are wrong; the first:"
    assert lines[2].startswith("1 of 12 values of weights[2] are wrong")
    assert lines[3].startswith("first: weights[2][1,2] is ") and ", expected " in lines[3]
    lines = told_of("return weights, losses", "losses[4] += 1\n    return weights, losses")
    assert lines[1] == "1 of 9 elements of losses are wrong; the first:"
    assert re.fullmatch(r"losses\[4\] is [\d.]+, expected [\d.]+", lines[2])


def test_yes_and_no_are_called_weak_evidence():
    (checker,) = chosen([11])
    right = (SOURCES / f"{checker.name}.py").read_text("utf-8")
    files = {
        f"{checker.name}.py": f"{right}\n\ndef is_right(forward, backward, x):\n    return True"
    }
    text = told(grade_exercise(checker, {k: v.encode() for k, v in files.items()}))
    assert "(checker-always in the catalogue" in text and "yes and no tell little" in text
    assert "tell little" not in told(graded("return dw", "return -dw"))


def test_shares_by_place():
    new = "dw[..., 0, 0] += 1\n    return dw"
    text = told(graded("return dw", new), "where")
    assert "4 of 36 values of dW are wrong (25% at corners, 0% at edges, 0% inside)" in text


# From the hand-out alone, none of them in the catalogue.
NOT_IN_THE_CATALOGUE = [
    "return dw + 1e-3", "return dw * 1.001", "return np.abs(dw)", "return np.round(dw, 2)",
    "return dw.cumsum(axis=0)", "return dw * len(x)", "return dw - dw.mean()", "return dw ** 2",
    "return np.roll(dw, 1, axis=-1)", "return dw[:, ::-1].copy()", "dw[0] = 0\n    return dw",
    "return dw / stride", "return dw * (1 + padding)", "return np.sort(dw, axis=-1)",
    "dw[:, :, -1] = 0\n    return dw", "return dw + dw.mean(axis=1, keepdims=True)",
    "return dw / delta.shape[2]", "return np.clip(dw, -1, 1)", "return np.tanh(dw)",
    "dw[-1, -1, -1, -1] = -dw[-1, -1, -1, -1]\n    return dw",
]  # fmt: skip


@pytest.mark.parametrize("new", NOT_IN_THE_CATALOGUE)
def test_what_is_not_in_the_catalogue_is_not_named(new):
    result = graded("return dw", new)
    assert result.verdict == "wrong"
    assert "cause not identified" in told(result) and "in the catalogue" not in told(result)


def test_a_cause_is_named_only_if_it_is_the_only_one():
    def task(*factors):
        entries = [Wrong(f"times {f}", "", lambda x, f=f: f * x) for f in factors]
        return Task("f", ("x",), ("y",), lambda x: x, (), wrong=tuple(entries))

    answers = [
        ({"x": np.arange(3.0)}, (2 * np.arange(3.0),)),
        ({"x": np.ones(2)}, (2 * np.ones(2),)),
    ]
    assert cause(task(2, 3), answers).key == "times 2"
    assert cause(task(2, 3, 2), answers) is None
    assert cause(task(3), answers) is None
    assert cause(task(2, 3), [*answers, ({"x": np.ones(2)}, (np.ones(2),))]) is None
