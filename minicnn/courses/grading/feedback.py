"""What the grader found, and how much of it is told."""

from dataclasses import dataclass, field

FEEDBACK = ("none", "where", "cause", "window")


@dataclass(frozen=True)
class Finding:
    """A line of text, and the level of feedback from which on it is shown."""

    level: str
    text: str


@dataclass
class Result:
    """How one exercise went.

    Attributes:
        number, name, title, points: the exercise's.
        score: points reached.
        verdict: ``"passed"``, or in a word or two why not.
        findings: all that was found, whatever level is shown.
        seconds: of wall time that the submission's process took.
        printed: the beginning of what it printed.
    """

    number: int
    name: str
    title: str
    points: float
    score: float = 0.0
    verdict: str = "not graded"
    findings: list = field(default_factory=list)
    seconds: float = 0.0
    printed: str = ""

    @property
    def passed(self):
        return self.verdict == "passed"

    def lines(self, feedback):
        """The findings that this level of feedback (one of `FEEDBACK`) tells."""
        shown = FEEDBACK.index(feedback)
        return [f.text for f in self.findings if FEEDBACK.index(f.level) <= shown]

    def text(self, feedback):
        """The result as text: one line, and the findings below it."""
        head = f"{self.number:2} {self.title}: {'passed' if self.passed else self.verdict}"
        return "\n".join([head, *(f"     {line}" for line in self.lines(feedback))])
