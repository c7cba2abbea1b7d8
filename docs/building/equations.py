"""Equations on pages: shown beside links to the lines that compute them, and cited.

    ```{equation} 1.7        shows one, with its links
    ```
    ```{equations}           shows all of them, each with an address: the catalogue
    ```
    ```{slip} dropped-weights    shows one of `minicnn.equations.slips`
    ```
    {eq}`1.7`                cites one: a link to its place in the catalogue

Pages below zh/ have Chinese words around the formulas, and the titles of the stepper's page.
"""

import json

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from minicnn import equations

from . import chinese
from .carriers import KINDS, carriers
from .places import ROOT
from .sources import to_root

logger = logging.getLogger(__name__)
_WORDS = {
    "en": {"eq": "eq.", "textbook": "textbook", "operation": "operation", "kernel": "kernels"},
    "zh": {"eq": "式", "textbook": "教科书函数", "operation": "运算", "kernel": "内核"},
}
_CHINESE = json.loads((ROOT / "minicnn/stepper/page/texts/zh.json").read_text(encoding="utf-8"))
_TITLES = chinese.TITLES | _CHINESE["equation titles"]


def language(docname):
    return "zh" if docname.startswith("zh/") else "en"


def anchor(key):
    """The address of an equation on the page of the catalogue."""
    return nodes.make_id(f"eq-{key}")


def _catalogue(docname):
    page = "zh/equations.html" if language(docname) == "zh" else "equations.html"
    return to_root(docname) + page


def _shown(env, key, place):
    """The nodes of one equation; `place`: whether this is where its address leads."""
    equation, words = equations.get(key), _WORDS[language(env.docname)]
    box = nodes.container(classes=["equation"])
    title = equation.title
    if language(env.docname) == "zh":
        title = _TITLES.get(key, title)
    head = nodes.paragraph(classes=["equation-title"])
    number = f"{words['eq']} {key}"
    if place:
        box["ids"] = [anchor(key)]
        head += nodes.strong(text=number)
    else:
        head += _link(f"{_catalogue(env.docname)}#{anchor(key)}", nodes.strong(text=number))
    head += nodes.Text(f" · {title}")
    box += head
    formula = nodes.math_block(equation.latex, equation.latex, nowrap=True, number=None)
    formula["label"] = formula["docname"] = None
    box += formula
    box += _links(env.docname, carriers(key), words)
    if place and language(env.docname) == "en":
        text = ". ".join(t.rstrip(".") for t in (equation.note, f"Source: {equation.source}") if t)
        box += nodes.paragraph("", text + ".", classes=["equation-note"])
    return box


def _links(docname, found, words):
    """One line: the functions, operations and kernels that carry the equation, as links."""
    line = nodes.paragraph(classes=["carriers"])
    for kind in KINDS:
        if not found[kind]:
            continue
        line += nodes.inline(text=words[kind], classes=["kind"])
        for place in found[kind]:
            line += nodes.Text(" ")
            file = place.file.removeprefix("minicnn/")
            # Kernels of the same name lie in plain.py and in files of the fast ones.
            stem = file.rpartition("/")[2].removesuffix(".py")
            label = f"{stem}.{place.label}" if kind == "kernel" else place.label
            link = _link(to_root(docname) + place.address, nodes.literal(text=label))
            link["reftitle"] = f"{file}, line {place.line}"
            line += link
        line += nodes.Text(" ")
    return line


def _link(address, inside):
    return nodes.reference("", "", inside, refuri=address, internal=True)


class ShowEquation(SphinxDirective):
    required_arguments = 1

    def run(self):
        try:
            return [_shown(self.env, self.arguments[0], place=False)]
        except (LookupError, ValueError) as error:
            logger.warning("equation: %s", error, location=self.get_location())
            return []


class ShowEquations(SphinxDirective):
    """All of them; with an argument "numbered" or "others", those."""

    optional_arguments = 1

    def run(self):
        which = self.arguments[0] if self.arguments else None
        shown = []
        for key in equations.keys():  # noqa: SIM118, a function of minicnn's
            if which is None or (which == "numbered") == key.startswith("1."):
                shown.append(_shown(self.env, key, place=True))
        return shown


class ShowSlip(SphinxDirective):
    """What circulates and what is right, from `minicnn.equations.slips`."""

    required_arguments = 1

    def run(self):
        found = [slip for slip in equations.slips if slip.name == self.arguments[0]]
        if not found:
            logger.warning("no slip %s", self.arguments[0], location=self.get_location())
            return []
        (slip,) = found
        shown = nodes.definition_list(classes=["slip"])
        for term, text in (("One meets", slip.circulates), ("What holds", slip.right)):
            item = nodes.definition_list_item("", nodes.term(text=term))
            item += nodes.definition("", nodes.paragraph(text=text))
            shown += item
        address = f"{_catalogue(self.env.docname)}#{anchor(slip.equation)}"
        link = _link(address, nodes.Text(f"eq. {slip.equation}"))
        return [shown, nodes.paragraph("", "", nodes.Text("About "), link, nodes.Text("."))]


class CiteEquation(SphinxRole):
    def run(self):
        try:
            equations.get(self.text)
        except ValueError as error:
            logger.warning("eq: %s", error, location=self.get_location())
            return [nodes.Text(self.text)], []
        docname = self.env.docname
        text = f"{_WORDS[language(docname)]['eq']} {self.text}"
        return [_link(f"{_catalogue(docname)}#{anchor(self.text)}", nodes.Text(text))], []


def setup(app):
    app.add_directive("equation", ShowEquation)
    app.add_directive("equations", ShowEquations)
    app.add_directive("slip", ShowSlip)
    app.add_role("eq", CiteEquation(), override=True)  # Sphinx has one for labelled formulas
    return {"parallel_read_safe": True, "parallel_write_safe": True}
