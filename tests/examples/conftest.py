"""The scripts of examples/nas find each other as when they are run; and few digits for them."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples" / "nas"))


@pytest.fixture(scope="module")
def few_parts():
    """The digits of examples/nas/evaluate.py, few of them."""
    import evaluate

    whole = evaluate.load_parts()
    few = [part.take(range(n)) for part, n in zip(whole[1:], (300, 60, 40), strict=True)]
    return evaluate.Parts(whole.name, *few)


@pytest.fixture
def few_digits(few_parts, monkeypatch):
    """The scripts of examples/nas see these few digits."""
    import commands
    import compare

    for module in (commands, compare):
        monkeypatch.setattr(module, "load_parts", lambda data_dir: few_parts)
    return few_parts
