"""Every source file as a page with an address for each line, every table of results as one, too.

In a page, {source}`minicnn.nn.Conv2d` leads to where that is defined, and a Markdown link to a file
of the repository, as in ``[lenet.py](../minicnn/models/lenet.py)``, to the file's page.
"""

import posixpath
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from markdown_it import MarkdownIt
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from .places import ROOT, definition

logger = logging.getLogger(__name__)
FOLDERS = ("minicnn", "examples")


@cache
def files():
    """The files that get a page, as paths from the repository's root."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@cache
def results():
    """The tables that the benchmarks have written."""
    found = (ROOT / "benchmarks" / "results").rglob("*.md")
    return {path.relative_to(ROOT).as_posix() for path in found}


def to_root(docname):
    """The way from a page up to the site's root."""
    return "../" * docname.count("/")


class Source(SphinxRole):
    """A link to where something is defined."""

    def run(self):
        try:
            place = definition(self.text)
        except LookupError as error:
            logger.warning("source: %s", error, location=self.get_location())
            return [nodes.literal(text=self.text)], []
        address = to_root(self.env.docname) + place.address
        link = nodes.reference("", "", nodes.literal(text=self.text), refuri=address)
        return [link], []


def page_of(target):
    """The page of a file or folder of this repository, from the site's root; None: it has none."""
    if (ROOT / target).is_dir():
        target += "/__init__.py"
    if target in files():
        return f"source/{target.removesuffix('.py')}.html"
    if target in results():
        return target.removeprefix("benchmarks/").removesuffix(".md") + ".html"
    return None


def link_to_pages(app, doctree):
    """Links to sources and results lead to their pages; MyST knows pages below docs/ only."""
    docname = app.env.docname
    for kind in (addnodes.download_reference, addnodes.pending_xref):
        for node in list(doctree.findall(kind)):
            if node.get("reftype") != "myst":
                continue
            target = node["reftarget"]
            if node.get("refdomain") == "doc":  # MyST took the ending off
                target += ".md"
            folder = (ROOT / "docs" / docname).parent
            target = Path(posixpath.normpath(folder / target))
            if not target.is_relative_to(ROOT):
                continue
            address = page_of(target.relative_to(ROOT).as_posix())
            if address:
                link = nodes.reference("", "", refuri=to_root(docname) + address)
                link += [nodes.inline("", "", *child.children) for child in node.children]
                node.replace_self(link)


def pages(app):
    """Every source file, highlighted, line 12 at ``#L-12``; every table of results."""
    for file in files():
        text = (ROOT / file).read_text(encoding="utf-8")
        code = app.builder.highlighter.highlight_block(
            text, "python", linespans="L", linenos="inline"
        )
        body = f'<h1>{file}</h1><div class="source-page">{code}</div>'
        yield f"source/{file.removesuffix('.py')}", {"title": file, "body": body}, "page.html"
    markdown = MarkdownIt("commonmark").enable("table")
    for file in results():
        text = (ROOT / file).read_text(encoding="utf-8")
        # Beside each other here as there; pictures of docs/ are not repeated.
        text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", "", text)
        text = re.sub(r"\]\((\w+)\.md\)", r"](\1.html)", text)
        body = f'<div class="results-page">{markdown.render(text)}</div>'
        name = file.removeprefix("benchmarks/").removesuffix(".md")
        yield name, {"title": file, "body": body}, "page.html"


def setup(app):
    app.add_role("source", Source())
    app.connect("doctree-read", link_to_pages)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
