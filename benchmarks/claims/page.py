"""Put the tables of all claims into docs/claims.md.

    python benchmarks/claims/page.py

Between ``<!-- claim: NAME -->`` and ``<!-- end of claim -->`` comes what
``benchmarks/results/claims/NAME.md`` has: table, figure, command and origin. What is written around
it, the claim and how to read the figures, is written by hand.
"""

import re

import experiment
import machine

PAGE = machine.ROOT / "docs" / "claims.md"
PLACE = re.compile(r"(<!-- claim: (\w+) -->\n).*?(<!-- end of claim -->)", re.DOTALL)
FROM_DOCS = "../benchmarks/results/claims/"


def filled(text, results=experiment.RESULTS):
    """The page's text with the results that there are."""

    def fill(place):
        path = results / f"{place[2]}.md"
        if not path.exists():
            return f"{place[1]}\nNot measured yet.\n\n{place[3]}"
        # Without title and claim, which the page has.
        parts = path.read_text(encoding="utf-8").strip().split("\n\n")[2:]
        body = "\n\n".join(parts)
        body = re.sub(r"\]\((\w+\.png)\)", rf"]({FROM_DOCS}\1)", body)
        return f"{place[1]}\n{body}\n\n{place[3]}"

    return PLACE.sub(fill, text)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    experiment.CONSOLE.print(f"wrote {PAGE}")
