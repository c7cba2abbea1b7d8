"""The table of floors, from the list that the tests hold the imports to."""

import ast

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .places import ROOT


def floors():
    """The floors, from the ground up: a list of lists of names."""
    tree = ast.parse((ROOT / "tests" / "test_floors.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "FLOORS":
            return ast.literal_eval(node.value)
    raise LookupError("tests/test_floors.py has no FLOORS")


class ShowFloors(SphinxDirective):
    def run(self):
        shown = nodes.enumerated_list(enumtype="arabic")
        for names in floors():
            line = nodes.paragraph()
            for name in names:
                line += [nodes.literal(text=name), nodes.Text("  ")]
            shown += nodes.list_item("", line)
        return [shown]


def setup(app):
    app.add_directive("floors", ShowFloors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
