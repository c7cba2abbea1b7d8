"""The text of the page: data, scripts and style put into the template."""

import base64
import hashlib
import html
import json
from pathlib import Path

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, one_of
from minicnn.stepper.page.arrays import Arrays, least, recipes_of
from minicnn.stepper.page.formulas import catalogue
from minicnn.stepper.page.steps import describe, helpers, to_json
from minicnn.tracing.readers import reader

BUDGET = 8 * 2**20  # bytes of the whole file
HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
# In this order they are one script: each may use what stands in those before it.
SCRIPTS = (
    "arrays", "numbers", "texts", "terms", "rules_convolution", "rules_pooling",
    "rules_elementwise", "rules_products", "rules_norms", "rules_losses", "windows", "zeros",
    "heat", "formulas", "elements", "figures", "sums", "lens", "questions", "overview", "targets",
    "phases", "step", "dialogs", "main",
)  # fmt: skip
STYLES = ("base", "overview", "step", "arrays", "panels", "dialogs")


@reader("page")
def save_page(tr, path, **options):
    """Write the page of a trace to a file; the arguments are those of `build`.

    Returns:
        The file's path.
    """
    path = Path(path)
    path.write_text(build(tr, **options), encoding="utf-8")
    return path


def build(tr, title="", note="", language=None, budget=BUDGET):
    """The page of a trace as text: one HTML file that loads nothing.

    Args:
        tr: a `minicnn.trace`; with its backward, or the forward alone.
        title: what the page is called; "Backpropagation, step by step" if empty.
        note: a sentence about this run, such as which image it is of.
        language: ``"en"`` or ``"zh"``; None leaves it to the reader's browser.
        budget: how many bytes the file may have. Arrays that do not fit are left out, those of the
            convolutions last, and the page says which.

    Returns:
        The HTML.

    Raises:
        IndexRangeError: nothing is recorded yet.
        ArgumentError: there is no such language; the budget is not a positive number.
        DtypeError: the title or the note is not a string.

    >>> import minicnn as mc
    >>> w = mc.tensor([3.0], requires_grad=True)
    >>> with mc.trace() as tr:
    ...     loss = (w * w).sum()
    >>> _ = list(tr.backward(loss))
    >>> build(tr, title="squares")[:15]
    '<!doctype html>'
    """
    if not tr.steps:
        raise IndexRangeError("save_html: nothing is recorded; run the forward inside the trace")
    for name, text in (("title", title), ("note", note)):
        if not isinstance(text, str):
            raise DtypeError(f"save_html: {name} must be a string, got {type(text).__name__}")
    if language is not None:
        one_of("save_html", "language", language, LANGUAGES)
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not budget > 0:
        raise ArgumentError(f"save_html: budget must be a number of bytes > 0, got {budget!r}")
    texts = {code: _read_json(f"texts/{code}.json") for code in LANGUAGES}
    titles = {code: texts[code].pop("equation titles", {}) for code in LANGUAGES}
    steps, extra = [], []
    for step in tr.steps:
        said = describe(step)
        first = len(tr.values) + len(extra)
        more, values = helpers(step, tr.sample, tr.operation_of(step), first)
        steps.append(said | more)
        extra += values
    keys = dict.fromkeys(k for s in steps for k in _keys_of(s))
    run = {
        "title": title,
        "note": note,
        "language": language,
        "sample": tr.sample,
        "batch": tr.batch,
        "watch": list(tr.watch),
        "steps": steps,
        "equations": catalogue(keys, titles),
    }
    return _assemble(run, texts, tr, extra, budget)


def _keys_of(step):
    yield from step["equations"]
    for result in step["results"]:
        if result["equation"]:
            yield result["equation"]
    if step["composition"]:
        yield step["composition"]["equation"]


def _assemble(run, texts, tr, extra, budget):
    style = "".join(_read(f"css/{name}.css") for name in STYLES)
    script = '"use strict";\n' + "\n".join(_read(f"js/{name}.js") for name in SCRIPTS)
    parts = {
        "TITLE": html.escape(run["title"] or texts["en"]["title"]),
        "STYLE": style,
        "STYLE-HASH": _hash(style),
        "SCRIPT": script,
        "SCRIPT-HASH": _hash(script),
        "TEXTS": to_json(texts),
    }
    template = _read("template.html")
    values = {v.number: v for v in (*tr.values, *extra)}
    arrays = Arrays(0)
    about = {n: arrays.describe(v, tr.sample) for n, v in values.items()}
    taken = len(template.encode()) + sum(len(p.encode()) for p in parts.values())
    taken += len(to_json(run).encode()) + len(to_json(list(about.values())).encode())
    # For each array its place, its recipe or why it is missing; digests are counted on their own.
    arrays.budget = budget - taken - 120 * len(values)
    arrays.reserved = sum(map(least, values.values()))
    recipes = recipes_of(tr.steps)
    for number in _order(tr.steps, values, recipes):
        value = values[number]
        left_out = {"why": "watch"} if value.left_out.startswith("only ") else {"why": "budget"}
        arrays.reserved -= least(value)
        given = recipes.get(number, ())
        arrays.put(number, about[number], value.array, given, left_out, value.digest)
    run["values"] = [arrays.values[n] for n in sorted(values)]
    parts["RUN"], parts["ARRAYS"] = to_json(run), to_json(arrays.stored)
    return _fill(template, parts)


def _order(steps, values, recipes):
    """The numbers of all values, those first that are to be in the file before others.

    First what a convolution's windows are drawn from; what follows from others comes after them,
    and a change, which is a difference, after the parameters that it is the difference of.
    """
    first = []
    for step in steps:
        if step.phase == "backward" and step.operation in ("Conv2d", "ConvTranspose2d"):
            first += [*step.inputs, *step.deltas[:1], *(r.contribution for r in step.results)]
    order = dict.fromkeys(v.number for v in first if v is not None)
    order |= dict.fromkeys(sorted(values))
    changes = {n for n, r in recipes.items() if any(name == "subtract" for name, *_ in r)}
    derived = sorted(n for n in order if n in recipes and n not in changes)
    return [n for n in order if n not in recipes] + derived + sorted(changes)


def _fill(template, parts):
    """The template with each ``{{NAME}}`` replaced, in one pass: a part may hold such marks."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [parts[name], rest]
    return "".join(filled)


def _hash(text):
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _read(name):
    return (HERE / name).read_text(encoding="utf-8")


def _read_json(name):
    return json.loads(_read(name))
