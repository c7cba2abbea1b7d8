"""What a step does, in a sentence or two: the page's own texts, for readers in a terminal."""

import json
from functools import cache
from importlib.resources import files

from minicnn.tracing.layers import ACTIVATIONS


@cache
def texts():
    """The English texts of the page by their keys."""
    file = files("minicnn.stepper.page") / "texts" / "en.json"
    return json.loads(file.read_text(encoding="utf-8"))


def sentence(step, short=None):
    """What happens in a step; with `short` (``"dW"``) in that one of its gradients.

    >>> import minicnn as mc
    >>> x = mc.tensor([1.0, -2.0], requires_grad=True)
    >>> with mc.trace() as tr:
    ...     loss = mc.relu(x).sum()
    >>> sentence(tr.steps[0])[:48]
    'Forward: the same function f is applied to every'
    """
    said = texts()
    if step.phase not in ("forward", "backward"):
        name = step.results[0].destination if step.results else ""
        return said[f"what {step.phase}"].format(name=name, optimizer=step.operation)
    operation = step.operation.removeprefix("Adaptive")
    kind = "activation" if operation in ACTIVATIONS else "other"
    keys = (
        f"what {step.phase} {operation} {short}",
        f"what {step.phase} {operation}",
        f"what {step.phase} {kind}",
    )
    return next(said[key] for key in keys if key in said)


def signs():
    """Pairs (sign, meaning) of what equations are written in."""
    return [(key[5:], text) for key, text in texts().items() if key.startswith("word ")]
