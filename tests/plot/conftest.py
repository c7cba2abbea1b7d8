import numpy as np
import pytest


class Rendered:
    """A figure's pixels, to be looked up by data coordinates."""

    def __init__(self, figure):
        figure.canvas.draw()
        self.image = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)
        self.axes = figure.axes[0]

    def __call__(self, x, y):
        column, row = self.axes.transData.transform((x, y))
        return self.image[int(row), int(column)]


@pytest.fixture
def rendered():
    """The class `Rendered`, which a test module cannot import from here."""
    return Rendered
