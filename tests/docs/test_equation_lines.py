"""From a numbered equation to the line that computes it: the lines are there, and right."""

import ast

import pytest

pytest.importorskip("sphinx")
from building import carriers, lines, places

from minicnn import equations, textbook

NUMBERED = [f"1.{n}" for n in range(1, 18)]


@pytest.mark.parametrize("key", equations.keys())
def test_every_equation_leads_to_code(key):
    found = carriers.carriers(key)
    assert any(found.values())
    for place in (place for kind in found.values() for place in kind):
        source = (places.ROOT / place.file).read_text(encoding="utf-8").splitlines()
        assert source[place.line - 1].strip(), place


@pytest.mark.parametrize("key", NUMBERED)
def test_a_numbered_equation_leads_to_the_line_itself(key):
    """To a statement inside of a function, not to its head; but 1.13, which is a definition."""
    assert key in lines.LINES
    found = carriers.carriers(key)
    if key == "1.13":
        assert found["operation"]
        return
    assert found["textbook"]
    for place in found["textbook"]:
        assert computes(place), place
        assert place.label in vars(textbook), place


def computes(place):
    """Whether the statement on the line adds up, multiplies, or correlates."""
    tree = ast.parse((places.ROOT / place.file).read_text(encoding="utf-8"))
    (statement,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign | ast.Assign | ast.Return) and node.lineno == place.line
    ]
    inside = list(ast.walk(statement))
    called = {n.func.id for n in inside if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    product = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult) for n in inside)
    return isinstance(statement, ast.AugAssign) or product or "cross_correlate" in called


@pytest.mark.parametrize("key", NUMBERED)
def test_the_textbook_function_cites_the_equation(key):
    """So that a line in the table cannot belong to another equation's function."""
    for place in carriers.carriers(key)["textbook"]:
        cited = carriers.cited_by(getattr(textbook, place.label))
        related = {"1.17": {"1.17"}, "1.15": {"1.11", "1.15"}}.get(key, {key})
        assert cited & related, (key, place.label, cited)


@pytest.mark.parametrize("key", ["1.5", *NUMBERED[5:9], "1.11", "1.12", "1.15", "1.16", "1.17"])
def test_the_convolutions_lead_to_operation_and_kernels(key):
    found = carriers.carriers(key)
    assert found["operation"] and len(found["kernel"]) >= 2
    files = [place.file for place in found["kernel"]]
    assert any("plain" in file for file in files) and any("/cpu/" in file for file in files)


def test_a_line_that_has_gone_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "file.py").write_text("def f():\n    a = 1\n    b = 1\n\n\ndef g():\n    a = 2\n")
    monkeypatch.setattr(places, "ROOT", tmp_path)
    assert places.line_in("file.py", "f", "a = ").line == 2
    assert places.line_in("file.py", "g", "a = ").line == 7
    for function, code in (("f", "c = "), ("f", "= 1"), ("h", "a = ")):
        with pytest.raises(LookupError):
            places.line_in("file.py", function, code)


def test_names_are_found():
    place = places.definition("minicnn.textbook.cross_correlate")
    tree = ast.parse((places.ROOT / place.file).read_text(encoding="utf-8"))
    (node,) = [n for n in tree.body if getattr(n, "name", "") == "cross_correlate"]
    assert (place.file, place.line) == ("minicnn/textbook/signals.py", node.lineno)
    with pytest.raises(LookupError, match="there is no nothing"):
        places.definition("minicnn.nn.nothing")
