import subprocess
import sys

import numpy as np
import pytest

from minicnn import plot
from minicnn.checks import (
    ArgumentError,
    MissingPartError,
)

pytest.importorskip("matplotlib")

HISTORY = [
    {"epoch": 1, "train_loss": 2.0, "val_loss": 1.5, "train_accuracy": 0.5, "val_accuracy": 0.6},
    {"epoch": 2, "train_loss": 1.0, "val_loss": 0.75, "train_accuracy": 0.8, "val_accuracy": 0.95},
    {"epoch": 4, "train_loss": 0.5, "val_loss": 0.875, "train_accuracy": 0.9, "val_accuracy": 0.9},
]
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (11, 8, 6), dtype=np.uint8)
TRUTH = np.arange(11) % 10
FASHION = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]

# One of each, with what makes the layout hard: long names, large counts, many pictures.
SAMPLES = {
    "curves": lambda path=None: plot.curves(HISTORY, path),
    "kernels": lambda path=None: plot.kernels(RANDOM.normal(size=(6, 2, 5, 3)), path),
    "coloured kernels": lambda path=None: plot.kernels(RANDOM.normal(size=(7, 3, 4, 4)), path),
    "feature_maps": lambda path=None: plot.feature_maps(RANDOM.normal(size=(6, 9, 7)), path),
    "confusion_matrix": lambda path=None: plot.confusion_matrix(
        RANDOM.integers(0, 70000, (10, 10)), FASHION, path
    ),
    "mistakes": lambda path=None: plot.mistakes(
        IMAGES, TRUTH, (TRUTH + 1) % 10, FASHION, np.full(11, 0.875), path
    ),
    "no mistakes": lambda path=None: plot.mistakes(IMAGES, TRUTH, TRUTH, path=path),
}


def pixels(path):
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_file_shows_the_figure(tmp_path, name):
    path = tmp_path / "figure.png"
    figure = SAMPLES[name](path)
    on_screen = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # what was drawn last
    np.testing.assert_array_equal(pixels(path), on_screen)
    assert (pixels(path) < 100).any()  # there is ink
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.parametrize("name", SAMPLES)
def test_no_text_overlaps_another_or_leaves_the_page(name, monkeypatch, tmp_path):
    from matplotlib.text import Text

    drawn, draw = {}, Text.draw

    def watched_draw(self, renderer):
        if self.get_visible() and self.get_text().strip() and self.get_rotation() % 90 == 0:
            drawn[self] = self.get_window_extent(renderer)
        draw(self, renderer)

    figure = SAMPLES[name]()
    monkeypatch.setattr(Text, "draw", watched_draw)
    figure.savefig(tmp_path / "x.png")
    boxes = [(text.get_text(), box) for text, box in drawn.items()]
    assert len(boxes) >= 2 or name == "coloured kernels"
    page = figure.bbox
    for i, (text, box) in enumerate(boxes):
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, f"{text!r} leaves the page: {box} in {page}"
        for other, its_box in boxes[:i]:
            assert not box.overlaps(its_box), (text, other)


def test_formats_and_names(tmp_path):
    plot.curves(HISTORY, tmp_path / "x.svg")
    assert b"<svg" in (tmp_path / "x.svg").read_bytes()
    plot.curves(HISTORY, str(tmp_path / "x.pdf"))
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ArgumentError, match=r"^curves: cannot write '.*x.docx': .* one of .*\.png"):
        plot.curves(HISTORY, tmp_path / "x.docx")
    with pytest.raises(FileNotFoundError, match=r"^kernels: the folder '.*nowhere' does not exist"):
        plot.kernels(np.ones((1, 1, 2, 2)), tmp_path / "nowhere" / "x.png")


def test_no_global_state():
    code = (
        "import matplotlib, sys; before = matplotlib.rcParams.copy()\n"
        "from minicnn import plot; plot.confusion_matrix([[1, 0], [0, 1]]).canvas.draw()\n"
        "print('matplotlib.pyplot' in sys.modules, before == matplotlib.rcParams.copy())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("name", SAMPLES)
def test_without_matplotlib(monkeypatch, name):
    for module in [m for m in sys.modules if m.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPartError) as caught:
        SAMPLES[name]()
    assert 'pip install "minicnn[examples]"' in str(caught.value)
