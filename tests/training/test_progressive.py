"""Progressive learning: images and regularisation that grow together."""

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError
from minicnn.training import ProgressiveLearning
from minicnn.training.progressive import TABLE_6


def test_the_papers_table():
    last = {"s": (300, 15, 0, 0.3), "m": (380, 20, 0.2, 0.4), "l": (380, 25, 0.5, 0.5)}
    for size, values in last.items():
        schedule = ProgressiveLearning(350, **TABLE_6[f"efficientnet_v2_{size}"])
        assert len(schedule.stages) == 4  # "about 87 epochs per stage"
        assert [len(stage.epochs) for stage in schedule.stages] == [88, 88, 87, 87]
        assert schedule.stages[0][1:] == (128, 5, 0, 0.1)
        assert schedule.stages[-1][1:] == pytest.approx(values)


def test_equal_steps():
    schedule = ProgressiveLearning(
        10, 5, image_size=(100, 200), randaugment=(4, 8), mixup=(0, 1), dropout=(0.2, 0.6)
    )
    assert [stage.image_size for stage in schedule.stages] == [100, 125, 150, 175, 200]
    assert [stage.randaugment for stage in schedule.stages] == [4, 5, 6, 7, 8]
    assert [stage.mixup for stage in schedule.stages] == [0, 0.25, 0.5, 0.75, 1]
    assert [stage.dropout for stage in schedule.stages] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])
    sizes = [stage.image_size for stage in ProgressiveLearning(4).stages]
    assert sizes == [128, 185, 243, 300]  # 185.33 and 242.67
    assert all(isinstance(size, int) for size in sizes)


@pytest.mark.parametrize(("epochs", "stages"), [(1, 1), (5, 2), (4, 4), (11, 4), (350, 4), (7, 3)])
def test_every_epoch_has_its_stage(epochs, stages):
    schedule = ProgressiveLearning(epochs, stages)
    assert [e for stage in schedule.stages for e in stage.epochs] == list(range(epochs))
    lengths = [len(stage.epochs) for stage in schedule.stages]
    assert max(lengths) - min(lengths) <= 1
    for epoch in range(epochs):
        assert epoch in schedule.at(epoch).epochs
    assert schedule.at(epochs - 1).image_size == 300  # a single stage has the last values


def test_dropout_follows_and_nothing_else_does():
    model = nn.Sequential(
        nn.Dropout(0.7), nn.Sequential(nn.Dropout2d(0.6)), nn.StochasticDepth(0.4, "row")
    )
    schedule = ProgressiveLearning(6, 3, dropout=(0.1, 0.3))
    for epoch, expected in enumerate([0.1, 0.1, 0.2, 0.2, 0.3, 0.3]):
        stage = schedule.begin(epoch, model)
        assert stage is schedule.at(epoch)
        assert model[0].p == pytest.approx(expected)
    assert (model[1][0].p, model[2].p) == (0.6, 0.4)


def test_dropout_of_an_efficientnet():
    model = mc.models.efficientnet_b0(num_classes=2)
    ProgressiveLearning(4, dropout=(0.05, 0.35)).begin(0, model)
    assert model.classifier[0].p == 0.05
    assert model.features[2][1].stochastic_depth.p > 0


def test_batches_are_resized():
    stage = ProgressiveLearning(2, 1, image_size=(8, 12)).at(0)
    images = mc.randn(2, 3, 9, 20)
    resized = stage.resize(images)
    assert mc.equal(resized, nn.functional.interpolate(images, (12, 12), mode="bilinear"))
    assert stage.resize(resized) is resized
    assert stage.resize(mc.randn(2, 3, 12, 20)).shape == (2, 3, 12, 12)
    assert stage.resize(mc.randn(2, 3, 20, 12)).shape == (2, 3, 12, 12)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"stages": 0}, ArgumentError, "stages must be at least 1, got 0"),
        ({"epochs": 3}, ArgumentError, "epochs must be at least 4, got 3"),
        ({"epochs": 3.5}, DtypeError, "epochs must be an integer"),
        ({"image_size": (0, 8)}, ArgumentError, "image_size must be at least 1"),
        ({"image_size": (8.5, 9)}, DtypeError, "image_size must be"),
        ({"image_size": 8}, ArgumentError, r"image_size must be a pair 0 ≤ first ≤ last, got 8"),
        ({"randaugment": (5, 4)}, ArgumentError, r"randaugment must be a pair .* got \(5, 4\)"),
        ({"mixup": (-1, 4)}, ArgumentError, r"mixup must be a pair 0 ≤ first .* got \(-1, 4\)"),
        ({"mixup": (0, 1, 2)}, ArgumentError, r"mixup must be a pair"),
        ({"dropout": (0.5, 1.5)}, ArgumentError, "dropout must be a pair 0 ≤ first ≤ last ≤ 1"),
    ],
)
def test_impossible_schedules_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        ProgressiveLearning(**{"epochs": 8, **options})


@pytest.mark.parametrize("epoch", [-1, 8, 1.5])
def test_epochs_outside_the_run_are_refused(epoch):
    with pytest.raises(ArgumentError, match=f"epoch must be 0 … 7, got {epoch}"):
        ProgressiveLearning(8).at(epoch)


def test_a_model_without_dropout_is_refused():
    with pytest.raises(ArgumentError, match="Linear has no Dropout to set; `at` gives"):
        ProgressiveLearning(8).begin(0, nn.Linear(2, 2))
