"""What an equation is: a key to cite it by, its LaTeX, one readable line, and where it is from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Equation:
    """One equation as data; every field is a string.

    key:    what code, docs and tests cite, such as "1.16" or "bn".
    title:  what the equation is about, in a few words.
    latex:  LaTeX for math mode, without delimiters.
    plain:  the same on one line of Unicode text.
    source: the paper and section, or the derivation, it comes from.
    note:   conventions and pitfalls that the formula does not show; may be empty.

    It checks nothing: nothing is raised.

    >>> equation = Equation("y", "a line", "y = m x + c", "y = m·x + c", "school")
    >>> print(equation)
    eq. y (a line): y = m·x + c
    """

    key: str
    title: str
    latex: str
    plain: str
    source: str
    note: str = ""

    def __str__(self):
        return f"eq. {self.key} ({self.title}): {self.plain}"
