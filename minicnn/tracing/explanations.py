"""What `why_zero` answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One reason, and how often it holds.

    minicnn's own; `trace.why_zero` makes it, and it raises nothing.

    Attributes:
        kind: ``"off"``, ``"lost maximum"``, ``"zero input"``, ``"zero weight"``, ``"dropped"``,
            ``"saturated"``, ``"ignored"``, ``"cancels"``, ``"underflow"``, ``"zero upstream"``,
            ``"not reached"``, ``"zero factor"``, ``"not followed"``.
        layer: the layer where it holds.
        step: the number of the backward step.
        count: how many entries or products of that step have this reason.
        text: a clause that says it.
    """

    kind: str
    layer: str
    step: int
    count: int
    text: str


@dataclass(frozen=True)
class Explanation:
    """The answer of `why_zero`: one sentence, and the causes.

    First come those that alone make their product zero, the most frequent first; then those that
    stand beside a δ which is zero as well.

    minicnn's own; it raises nothing.

    `name` and `index` say which entry was asked for, `value` is the number there (None where there
    is none), `summary` the sentence, `causes` a tuple of `Cause`.
    """

    name: str
    index: tuple
    value: float | None
    summary: str
    causes: tuple = ()

    def __str__(self):
        lines = [self.summary]
        for cause in self.causes:
            place = f"step {cause.step}, {cause.layer}" if cause.layer else f"step {cause.step}"
            lines.append(f"  {cause.count} × {place}: {cause.text}")
        return "\n".join(lines)
