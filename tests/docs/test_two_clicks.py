"""From a numbered equation to the line that computes it, by the links of the built pages.

A part of the site is built, and the links are followed as a reader would: from the derivation, or
from any place that cites an equation by way of the catalogue.
"""

import html
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

for part in ("sphinx", "myst_nb", "furo", "latex2mathml", "matplotlib", "PIL"):
    pytest.importorskip(part)
from building import lines  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NUMBERED = [f"1.{n}" for n in range(1, 18)]
# Not needed here: what runs notebooks, and what is not on the way.
LEFT_OUT = "_build,generated/pages,api/*,lessons/*,zh/*,networks*,guides/*,contributing/*"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the first page, the derivation, the catalogue, and the pages of the sources."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-D", "nb_execution_mode=off"]
    command += ["-D", f"exclude_patterns={LEFT_OUT}", "-d", folder / "read", ROOT / "docs"]
    done = subprocess.run([*command, folder / "pages"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "pages"


class Boxes(HTMLParser):
    """The equations on a page: for each box its key and the links in it."""

    def __init__(self, text):
        super().__init__()
        self.boxes, self.depth, self.key = [], 0, ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        classes = (attributes.get("class") or "").split()
        if tag == "div":
            if self.depth:
                self.depth += 1
            elif "equation" in classes:
                self.depth, self.key = 1, attributes.get("id", "")
                self.boxes.append((self.key, []))
        if tag == "a" and self.depth:
            self.boxes[-1][1].append(attributes["href"])

    def handle_endtag(self, tag):
        if tag == "div" and self.depth:
            self.depth -= 1


@cache
def boxes(path):
    """{key: links}; a box of the derivation is known by its first link, into the catalogue."""
    found = {}
    for name, links in Boxes(path.read_text(encoding="utf-8")).boxes:
        name = name or links[0].partition("#")[2]
        found[name] = [link for link in links if "/source/" in f"/{link}"]
    return found


def line_at(page, link):
    """The source line that a link leads to."""
    address, _, place = link.partition("#")
    text = (page.parent / address).resolve().read_text(encoding="utf-8")
    (shown,) = re.findall(rf'<span id="{place}"><span class="linenos">.*?</span>(.*)', text)
    return html.unescape(re.sub(r"<[^>]+>", "", shown))


def identifier(key):
    return "eq-" + key.replace(".", "-")


@pytest.mark.parametrize("key", NUMBERED)
def test_one_click_from_the_derivation(site, key):
    pages = sorted((site / "derivation").glob("*.html"))
    (page,) = [p for p in pages if identifier(key) in boxes(p)]
    check(page, key, boxes(page)[identifier(key)])


@pytest.mark.parametrize("key", NUMBERED)
def test_two_clicks_from_wherever_it_is_cited(site, key):
    """The first leads into the catalogue, to the box of this equation; the second to the line."""
    catalogue = site / "equations.html"
    assert f'id="{identifier(key)}"' in catalogue.read_text(encoding="utf-8")
    check(catalogue, key, boxes(catalogue)[identifier(key)])


def check(page, key, links):
    """The links lead to exactly the lines of `lines.py`, textbook, operations and kernels."""
    shown = [line_at(page, link) for link in links]
    wanted = [code for kind in lines.LINES[key] for _, _, code in kind]
    assert len(shown) == len(wanted) > 0
    for line, code in zip(shown, wanted, strict=True):
        assert code in line, (key, line)


def test_every_link_into_the_catalogue_finds_its_equation(site):
    catalogue, count = boxes(site / "equations.html"), 0
    for page in [*site.glob("*.html"), *(site / "derivation").glob("*.html")]:
        for name in re.findall(r'href="[./]*equations\.html#(eq-[^"]+)"', page.read_text("utf-8")):
            assert catalogue[name], (page, name)
            count += 1
    assert count > 80


def test_the_sources_are_part_of_the_site(site):
    """So that the second click works without a network, and shows the code as it is."""
    page = (site / "source" / "minicnn" / "textbook" / "signals.html").read_text(encoding="utf-8")
    source = (ROOT / "minicnn" / "textbook" / "signals.py").read_text(encoding="utf-8")
    assert page.count('<span id="L-') == len(source.splitlines())
