import numpy as np
import pytest

from minicnn import plot
from minicnn.checks import ArgumentError, DtypeError

pytest.importorskip("matplotlib")

HISTORY = [
    {"epoch": 1, "train_loss": 2.0, "val_loss": 1.5, "train_accuracy": 0.5, "val_accuracy": 0.6},
    {"epoch": 2, "train_loss": 1.0, "val_loss": 0.75, "train_accuracy": 0.8, "val_accuracy": 0.95},
    {"epoch": 4, "train_loss": 0.5, "val_loss": 0.875, "train_accuracy": 0.9, "val_accuracy": 0.9},
]


def test_curves_draws_the_numbers():
    loss, accuracy = plot.curves(HISTORY).axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in loss.lines}
    assert drawn == {
        "training: best 0.5 (epoch 4)": [[1, 2.0], [2, 1.0], [4, 0.5]],
        "validation: best 0.75 (epoch 2)": [[1, 1.5], [2, 0.75], [4, 0.875]],
    }
    drawn = {line.get_label(): line.get_ydata().tolist() for line in accuracy.lines}
    assert drawn == {
        "training: best 90.00 % (epoch 4)": [50, 80, 90],
        "validation: best 95.00 % (epoch 2)": [60, 95, 90],
    }
    for axes in (loss, accuracy):
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert legend == [line.get_label() for line in axes.lines]
        assert axes.get_xlabel() == "epoch"
        assert len({line.get_color() for line in axes.lines}) == 2
        assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy (%)")


def test_curves_with_gaps_and_without_epochs():
    history = [{"train_loss": 1.0}, {"train_loss": float("nan")}, {}, {"train_loss": np.float32(2)}]
    (axes,) = plot.curves(history).axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(line.get_ydata(), [1, np.nan, np.nan, 2])
    assert line.get_markersize() > 0  # or the last value could not be seen


def test_curves_of_one_epoch():
    nearly_equal = {"train_accuracy": 0.78504, "val_accuracy": 0.78502}
    loss, accuracy = plot.curves([{**HISTORY[0], **nearly_equal}]).axes
    for axes in (loss, accuracy):
        assert axes.get_xlim() == (0, 2)
        axes.figure.canvas.draw()
        assert axes.yaxis.get_major_formatter().get_offset() == ""


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ([], ArgumentError, "metrics is empty"),
        ({"train_loss": 1}, DtypeError, "metrics must be a list of dictionaries, one an epoch"),
        ([3], DtypeError, "metrics must be a list of dictionaries"),
        ([{"loss": 1}], ArgumentError, "no epoch has a finite number under any of train_loss, val"),
        ([{"train_loss": float("nan")}], ArgumentError, "no epoch has a finite number"),
        ([{"train_loss": "1"}], DtypeError, "train_loss must be a number, got str"),
        (
            [{"val_accuracy": 98.5}],
            ArgumentError,
            "val_accuracy must be a fraction in 0 … 1, got",
        ),
        ([{"val_accuracy": -0.1}], ArgumentError, "val_accuracy must be a fraction in 0 … 1"),
    ],
)
def test_what_curves_refuses(metrics, error, message):
    with pytest.raises(error, match=f"^curves: {message}"):
        plot.curves(metrics)
