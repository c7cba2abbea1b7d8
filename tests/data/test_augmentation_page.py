"""The page about augmentation names every transform, and its sheet of pictures shows it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import transforms as T
from minicnn.data.sample_random import sample_generator

DOCS = Path(__file__).resolve().parents[2] / "docs"
EVERY = {name for name, value in vars(T).items() if isinstance(value, type)}
EVERY -= {"InterpolationMode"}
# They combine others, or change the kind of numbers: there is nothing to see.
UNSEEN = {"RandomChoice", "RandomOrder", "Lambda", "ToTensor", "PILToTensor", "ToPILImage"}
UNSEEN |= {"ConvertImageDtype", "ToDtype"}


@pytest.fixture(scope="module")
def sheet():
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("sheet", DOCS / "make_augmentation_sheet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_names_every_transform():
    text = (DOCS / "augmentation.md").read_text(encoding="utf-8")
    assert [name for name in sorted(EVERY) if f"`{name}`" not in text] == []


def test_the_sheet_shows_every_transform(sheet):
    rows = [*sheet.CASES, *sheet.WITHOUT_CHANCE, *sheet.PARTS]
    shown = {name.partition("(")[0] for name, _ in rows}
    assert shown == EVERY - UNSEEN
    image = sheet.scene()
    for name, transform in rows:
        results = []
        for seed in range(sheet.SEEDS):
            with sample_generator(seed, 0, 0):
                results += list(found) if isinstance(found := transform(image), tuple) else [found]
        same = [np.array_equal(r, image) for r in results]
        assert not all(same), name  # something is to be seen
