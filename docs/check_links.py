"""Check the built pages: every link within them leads somewhere, and nothing is loaded from afar.

    python docs/check_links.py docs/_build/html

A link to another site is left alone: the reader decides to follow it. But a script, a style, a font
or a picture from another site would be missing where there is no network.
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a page loads by itself, and where its address stands.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
# Not loaded, though a <link>: what browsers and search engines may want to know.
ONLY_SAID = {"canonical", "license", "index", "search", "next", "prev", "author"}


class Page(HTMLParser):
    """The addresses on a page (`ids`), its links, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.update(v for k, v in attributes.items() if k in ("id", "name") and v)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        address = attributes.get(LOADED.get(tag, ""))
        if address and attributes.get("rel") not in ONLY_SAID:
            self.loaded.append(address)
            self.links.append(address)


@cache
def page(path):
    return Page(path.read_text(encoding="utf-8"))


def faults_of(path, root):
    """What is wrong on one page, a sentence each."""
    for address in page(path).loaded:
        if urlsplit(address).scheme in ("http", "https") or address.startswith("//"):
            yield f"loads {address}"
    for address in sorted(set(page(path).links)):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
        if not target.is_relative_to(root) or not target.exists():
            yield f"links to {address}: there is no such file"
        elif (
            parts.fragment
            and target.suffix == ".html"
            and "=" not in parts.fragment  # which the stepper's page reads itself
            and unquote(parts.fragment) not in page(target).ids
        ):
            yield f"links to {address}: there is no such place on that page"


def faults(root):
    """Everything that is wrong below the folder `root`."""
    root = Path(root).resolve()
    for path in sorted(root.rglob("*.html")):
        for fault in faults_of(path, root):
            yield f"{path.relative_to(root)} {fault}"
    for path in sorted(root.rglob("*.css")):
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", path.read_text(encoding="utf-8")):
            if address.startswith(("http:", "https:", "//")):
                yield f"{path.relative_to(root)} loads {address}"


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python docs/check_links.py FOLDER-OF-BUILT-PAGES")
    if not any(Path(sys.argv[1]).rglob("*.html")):
        sys.exit(f"{sys.argv[1]} holds no pages: sphinx-build docs {sys.argv[1]} makes them")
    found = list(faults(sys.argv[1]))
    if found:
        sys.exit("\n".join([*found, f"{len(found)} faults"]))
    print("every link leads to something, and nothing is loaded from afar")


if __name__ == "__main__":
    main()
