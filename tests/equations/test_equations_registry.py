"""The registry: complete, in order, valid, and on the right-hand side of every known slip."""

import dataclasses
import re

import pytest

from minicnn import equations
from minicnn.equations import Equation, UnknownEquation
from minicnn.equations.registry import _index

NUMBERED = [f"1.{number}" for number in range(1, 18)]
NAMED = [
    "sigmoid", "tanh", "relu", "relu6", "hardsigmoid", "hardswish", "silu", "softmax",
    "log-softmax", "softmax-ce", "linear", "conv-size", "conv-r", "conv-dx-stride",
    "conv-dw-stride", "conv-transpose", "conv-transpose-size", "bn", "bn-backward", "lrn",
    "dropout", "residual", "weight-decay", "sgd", "sgd-momentum", "adam", "max-pool",
    "mean-pool", "gaussian", "depthwise-cost", "chain-rule", "broadcast", "sum", "mean",
    "matmul",
]  # fmt: skip
# Commands of plain LaTeX that every converter knows.
COMMANDS = {
    "alpha", "beta", "gamma", "delta", "epsilon", "eta", "lambda", "mu", "pi", "sigma", "tau",
    "Phi", "hat", "tilde", "frac", "sqrt", "sum", "prod", "partial", "cdot", "odot", "otimes",
    "times", "left", "right", "lfloor", "rfloor", "leftarrow", "uparrow", "Rightarrow",
    "approx", "le", "ne", "in", "max", "min", "ln", "sin", "cos", "tanh", "bmod", "ldots", "quad",
    "text",
}  # fmt: skip

every_equation = pytest.mark.parametrize("equation", equations.all(), ids=lambda e: e.key)


def test_numbered_equations_are_there_in_order():
    assert [e.key for e in equations.all() if re.fullmatch(r"1\.\d+", e.key)] == NUMBERED


@pytest.mark.parametrize("key", NAMED)
def test_named_equations_are_there(key):
    assert equations.get(key).key == key


def test_all_and_keys_agree():
    assert [equation.key for equation in equations.all()] == list(equations.keys())
    assert len(set(equations.keys())) == len(equations.keys())


@pytest.mark.parametrize("error", [UnknownEquation, KeyError, ValueError])
def test_unknown_key_offers_the_closest(error):
    with pytest.raises(error) as caught:
        equations.get("batch-softmax")
    assert str(caught.value).startswith("no equation 'batch-softmax'. Did you mean '")
    assert "'softmax'" in str(caught.value)


def test_unknown_key_with_one_or_no_close_one():
    with pytest.raises(UnknownEquation, match=r"Did you mean 'dropout'\?$"):
        equations.get("drop-out")
    with pytest.raises(UnknownEquation, match=r"keys\(\) lists them all"):
        equations.get("zzzz")
    with pytest.raises(UnknownEquation, match=r"no equation 1\.16"):
        equations.get(1.16)


def test_a_key_used_twice_is_refused():
    one = Equation("k", "t", "x", "x", "s")
    with pytest.raises(ValueError, match="'k' is used twice"):
        _index((one,), (one,))


def test_an_equation_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        equations.get("1.5").plain = "y = 0"


@every_equation
def test_fields_are_filled_and_plain_is_one_line(equation):
    for field in ("key", "title", "latex", "plain", "source"):
        text = getattr(equation, field)
        assert text and text == text.strip() and "\n" not in text, field
    assert "\\" not in equation.plain
    assert "shared" not in equation.source and not re.search(r"\.(md|py)\b", equation.source)


@every_equation
def test_latex_is_balanced_and_plain(equation):
    depth = 0
    for character in equation.latex.replace(r"\{", "").replace(r"\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert equation.latex.count(r"\left") - equation.latex.count(
        r"\leftarrow"
    ) == equation.latex.count(r"\right")
    assert set(re.findall(r"\\([A-Za-z]+)", equation.latex)) <= COMMANDS
    assert equation.latex.isascii() and "$" not in equation.latex
    assert equation.latex.count("(") == equation.latex.count(")")


def test_latex_converts_to_mathml():
    convert = pytest.importorskip("latex2mathml.converter").convert
    for equation in equations.all():
        mathml = convert(equation.latex)
        assert mathml.startswith("<math"), equation.key
        # A command the converter does not know is copied to the output.
        assert not re.search(r">\\[^<]*<", mathml), equation.key


def test_sums_of_1_4_and_1_5_run_over_the_kernel():
    for key in ("1.4", "1.5"):
        equation = equations.get(key)
        assert "Σ_{u=1..m} Σ_{v=1..n}" in equation.plain
        assert r"\sum_{u=1}^{m} \sum_{v=1}^{n}" in equation.latex
    assert "x_{i−u+1, j−v+1}" in equations.get("1.4").plain
    assert "x_{i+u−1, j+v−1}" in equations.get("1.5").plain


def test_1_9_has_df_dy_on_both_right_hand_sides():
    left, *right = equations.get("1.9").plain.split("=")
    assert left.strip() == "∂f/∂X" and len(right) == 2
    assert all("∂f/∂Y" in side and "∂f/∂X" not in side for side in right)
    left, *right = equations.get("1.9").latex.split("=")
    assert all(r"\partial Y" in side and r"\partial X" not in side for side in right)


def test_1_16_takes_the_slope_at_the_map_the_error_arrives_at():
    equation = equations.get("1.16")
    assert "f_l'(Z^(l,d))" in equation.plain and "Z^(l,p)" not in equation.plain
    assert "f_l'(Z^{(l,d)})" in equation.latex and "Z^{(l,p)}" not in equation.latex


def test_wide_cross_correlation_is_not_said_to_commute():
    assert equations.get("wide-swap").plain.startswith("W ⊗~ X = rot180(X ⊗~ W)")


def test_notes_follow_the_corrections():
    assert "12,443,648" in equations.get("conv-cost").note
    assert equations.get("compound-scaling").plain.endswith("≈ 2")
    assert "keep probability 1 − p" in equations.get("dropout").note
    assert "(w1 w2 w3 0 0)" in equations.get("conv-transpose").note
    assert "evaluation the running" in equations.get("bn").note
    assert "count channels" in equations.get("lrn").note
    assert "31 % at f = 3 and n_out = 5" in equations.get("depthwise-cost").note
    assert "/(2πσ²)" in equations.get("gaussian").plain.split("G(x, y)")[1]
