"""Equations as MathML whose symbols can be coloured like the arrays they stand for."""

from xml.etree import ElementTree

from latex2mathml.converter import convert

from minicnn import equations

_SPACE = "{http://www.w3.org/1998/Math/MathML}"
ElementTree.register_namespace("", _SPACE[1:-1])
# What the catalogue writes as one letter or word and may stand for an array.
SYMBOLS = set("XxWwbZzYyaABCLδγβθ")


def mathml(latex):
    """The formula as a `<math>` element, its symbols marked.

    A letter that may stand for an array carries ``data-s`` with itself, a fraction ∂L/∂W carries
    ``data-g="W"``. Which letter is which array differs from step to step, so the page colours them.

    >>> 'data-g="W"' in mathml(equations.get("1.12").latex)
    True
    """
    root = ElementTree.fromstring(convert(latex, display="block"))
    _mark(root)
    return ElementTree.tostring(root, encoding="unicode")


def _mark(element):
    of = _gradient_of(element)
    if of:
        # As a whole: the letters inside of ∂L/∂W are not W itself.
        element.set("data-g", of)
        return
    if element.tag == _SPACE + "mover" and element.get("accent") and _letters(element) == "x^":
        return  # x̂ is not x
    if element.tag == _SPACE + "mi" and element.text in SYMBOLS:
        element.set("data-s", element.text)
    for child in element:
        _mark(child)


def _letters(element):
    return "".join(element.itertext())


def _gradient_of(element):
    """The symbol S of a fraction ∂L/∂S or ∂f/∂S, or None."""
    if element.tag != _SPACE + "mfrac" or len(element) != 2:
        return None
    above, below = _letters(element[0]), _letters(element[1])
    if above in ("∂L", "∂f") and below[:1] == "∂" and below[1:2] in SYMBOLS:
        return below[1]
    return None


def catalogue(keys, titles):
    """{key: what the page shows of the equation}; keys that a user made up are left out.

    Args:
        keys: the keys that the run cites.
        titles: {language: {key: title}} for the languages other than English.
    """
    found = {}
    for key in keys:
        if key not in equations.keys():  # noqa: SIM118
            continue
        e = equations.get(key)
        found[key] = {
            "title": {"en": e.title, **{k: t[key] for k, t in titles.items() if key in t}},
            "mathml": mathml(e.latex),
            "plain": e.plain,
            "source": e.source,
            "note": e.note,
        }
    return found
