"""What every function of the textbook must offer, and what it must not lean on."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from minicnn import equations, textbook

FUNCTIONS = [
    getattr(textbook, name)
    for name in textbook.__all__
    if inspect.isfunction(getattr(textbook, name))
]
SOURCES = sorted(Path(textbook.__file__).parent.glob("*.py"))
# What an equation's own sum or maximum would disappear into.
SHORTCUTS = {
    "einsum", "dot", "matmul", "tensordot", "convolve", "correlate", "sliding_window_view",
    "pad", "flip", "rot90", "sum", "mean", "var", "max", "argmax", "maximum", "cumsum", "outer",
}  # fmt: skip


def cited_keys(function):
    lines = inspect.getdoc(function).splitlines()
    cited = re.findall(r"[Ee]qs?\. ([\w.-]+(?:, [\w.-]+)*)", " ".join(lines))
    return [key.rstrip(".") for group in cited for key in group.split(", ")]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_docstring_cites_an_equation_and_has_an_example(function):
    keys = cited_keys(function)
    assert keys
    assert set(keys) <= set(equations.keys())
    assert ">>>" in function.__doc__


def test_every_numbered_equation_is_written_out():
    cited = {key for function in FUNCTIONS for key in cited_keys(function)}
    # 1.3 is a shorthand of 1.2, 1.13 the definition of δ.
    assert {f"1.{n}" for n in range(1, 18)} - cited == {"1.13"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_imports_numpy_and_the_textbook_only(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert [alias.name for alias in node.names] == ["numpy"]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_the_loops_are_written_out(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in SHORTCUTS, f"{path.name}:{node.lineno}"
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_files_stay_short(path):
    assert len(path.read_text("utf-8").splitlines()) <= 350


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_results_have_the_dtype_of_the_input(dtype, rng):
    x = rng.standard_normal((2, 2, 4, 5)).astype(dtype)
    w = rng.standard_normal((3, 2, 2, 2)).astype(dtype)
    delta = textbook.conv2d(x, w)
    y, argmax = textbook.max_pool2d(x, (2, 2))
    assert argmax.dtype == np.int64
    results = [
        delta,
        y,
        textbook.conv2d_input_gradient(delta, w, (4, 5)),
        textbook.conv2d_input_gradient_scatter(delta, w, (4, 5)),
        textbook.conv2d_weight_gradient(delta, x, (2, 2)),
        textbook.conv2d_weight_gradient_direct(delta, x, (2, 2)),
        textbook.conv2d_bias_gradient(delta),
        textbook.conv_transpose2d(delta, w),
        textbook.max_pool2d_gradient(y, argmax, (4, 5)),
        textbook.avg_pool2d(x, (2, 2)),
        textbook.avg_pool2d_gradient(y, (4, 5), (2, 2)),
        textbook.relu(x),
        textbook.sigmoid(x),
        *textbook.batch_norm(x, np.ones(2), np.zeros(2)),
        *textbook.batch_norm_gradients(x, x, np.ones(2)),
        textbook.local_response_norm(x),
        textbook.local_response_norm_gradient(x, x),
        textbook.softmax(x[:, :, 0, 0]),
        textbook.cross_entropy(x[:, :, 0, 0], [0, 1]),
        textbook.cross_entropy_gradient(x[:, :, 0, 0], [0, 1]),
        textbook.linear(x[0, 0], w[0, 0, :, :1].repeat(5, axis=1)),
        textbook.cross_correlate(w[0, 0], x[0, 0], "wide"),
        textbook.convolve2d(w[0, 0], x[0, 0]),
    ]
    assert [result.dtype for result in results] == [dtype] * len(results)
    assert all(isinstance(result, np.ndarray) for result in results)


def test_integers_become_float64_and_sums_are_made_in_float64():
    assert textbook.linear([[1]], [[2]]).dtype == np.float64
    # In float32, 1e8 + 1 is 1e8: the 1 would be lost.
    x = np.array([[1e8, 1, -1e8]], dtype=np.float32)
    assert textbook.linear(x, np.ones((1, 3), dtype=np.float32)).tolist() == [[1.0]]
    x = x.reshape(1, 1, 1, 3)
    assert textbook.conv2d(x, np.ones((1, 1, 1, 3), dtype=np.float32)).tolist() == [[[[1.0]]]]


def test_inputs_are_left_alone(rng):
    x = rng.standard_normal((2, 2, 4, 5))
    w = rng.standard_normal((3, 2, 2, 2))
    copies = x.copy(), w.copy()
    delta = textbook.conv2d(x, w, padding=(1, 1))
    textbook.conv2d_input_gradient(delta, w, (4, 5), padding=(1, 1))
    textbook.conv2d_weight_gradient(delta, x, (2, 2), padding=(1, 1))
    textbook.error_below_max_pooling(x, np.zeros(x.shape, dtype=int), x)
    textbook.batch_norm_gradients(x, x, np.ones(2))
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(w, copies[1])
