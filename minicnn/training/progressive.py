"""Progressive learning: Tan & Le, "EfficientNetV2: Smaller models and faster training", 2021,
section 4, algorithm 1, table 6.

Small images make the early epochs fast. But small images need little regularisation and large ones
much, so both grow together, stage by stage: the image size, the magnitude of RandAugment, mixup's α
and the dropout rate, each in equal steps from its first to its last value.
"""

from typing import NamedTuple

from minicnn.checks import ArgumentError
from minicnn.nn import Dropout
from minicnn.nn import functional as F
from minicnn.shapes import as_tuple

# Table 6: what `ProgressiveLearning` takes for each network; the paper trains 350 epochs.
TABLE_6 = {
    "efficientnet_v2_s": {
        "image_size": (128, 300),
        "randaugment": (5, 15),
        "mixup": (0, 0),
        "dropout": (0.1, 0.3),
    },
    "efficientnet_v2_m": {
        "image_size": (128, 380),
        "randaugment": (5, 20),
        "mixup": (0, 0.2),
        "dropout": (0.1, 0.4),
    },
    "efficientnet_v2_l": {
        "image_size": (128, 380),
        "randaugment": (5, 25),
        "mixup": (0, 0.5),
        "dropout": (0.1, 0.5),
    },
}


class ProgressiveStage(NamedTuple):
    """What holds during the epochs of one stage.

    Tan & Le 2021, section 4.

    It only holds what it is given, and raises nothing.

    Attributes:
        epochs: a ``range``, the epochs of the stage, counted from 0.
        image_size: an integer, images are image_size × image_size.
        randaugment: a number, the magnitude for RandAugment.
        mixup: α of the Beta(α, α) that mixup draws from; 0 for no mixup.
        dropout: the probability of dropping.
    """

    epochs: range
    image_size: int
    randaugment: float
    mixup: float
    dropout: float

    def resize(self, images):
        """Images (N, C, H, W) as (N, C, image_size, image_size), by bilinear interpolation."""
        if tuple(images.shape[2:]) == (self.image_size,) * 2:
            return images
        return F.interpolate(images, self.image_size, mode="bilinear")


class ProgressiveLearning:
    """The schedule of a training run in which images and regularisation grow together.

    Stage i of M (i = 0 … M − 1) has every value at first + (last − first) · i/(M − 1); a single
    stage has the last ones. Image sizes are rounded.

    Tan & Le 2021, section 4.

    Args:
        epochs: of the whole run.
        stages: M; where it does not divide the epochs, the first stages are one epoch longer.
        image_size, randaugment, mixup, dropout: pairs (in the first stage, in the last one). The
            defaults are those of EfficientNetV2-S, `TABLE_6` has the others.

    Raises:
        ArgumentError: no stages, fewer epochs than stages, image sizes below 1, magnitudes below 0,
            a dropout outside 0 … 1, values that shrink.
        DtypeError: numbers that are none.

    >>> schedule = ProgressiveLearning(epochs=350, **TABLE_6["efficientnet_v2_s"])
    >>> for stage in schedule.stages:
    ...     print(stage.epochs, stage.image_size, round(stage.dropout, 3))
    range(0, 88) 128 0.1
    range(88, 176) 185 0.167
    range(176, 263) 243 0.233
    range(263, 350) 300 0.3

    A training loop asks for the stage at the beginning of each epoch, which sets the network's
    dropout, and resizes each batch; ``stage.randaugment`` and ``stage.mixup`` are for transforms:

    >>> import minicnn as mc
    >>> from minicnn import nn
    >>> model = nn.Sequential(
    ...     nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(8, 5)
    ... )
    >>> batches = [(mc.randn(4, 3, 32, 32), mc.tensor([0, 1, 2, 3]))]
    >>> optimizer = mc.optim.SGD(model.parameters(), lr=0.01)
    >>> criterion = nn.CrossEntropyLoss()
    >>> schedule = ProgressiveLearning(epochs=4, stages=2, image_size=(16, 24))
    >>> for epoch in range(4):
    ...     stage = schedule.begin(epoch, model)
    ...     for images, labels in batches:
    ...         images = stage.resize(images)
    ...         optimizer.zero_grad()
    ...         criterion(model(images), labels).backward()
    ...         optimizer.step()
    ...     print(epoch, images.shape, model[3])
    0 (4, 3, 16, 16) Dropout(p=0.1, inplace=False)
    1 (4, 3, 16, 16) Dropout(p=0.1, inplace=False)
    2 (4, 3, 24, 24) Dropout(p=0.3, inplace=False)
    3 (4, 3, 24, 24) Dropout(p=0.3, inplace=False)
    """

    def __init__(
        self,
        epochs,
        stages=4,
        image_size=(128, 300),
        randaugment=(5, 15),
        mixup=(0, 0),
        dropout=(0.1, 0.3),
    ):
        name = "ProgressiveLearning"
        stages = as_tuple(name, "stages", stages, 1, 1)[0]
        self.epochs = as_tuple(name, "epochs", epochs, 1, stages)[0]
        _growing("image_size", image_size)
        as_tuple(name, "image_size", image_size, 2, 1)
        _growing("randaugment", randaugment)
        _growing("mixup", mixup)
        _growing("dropout", dropout, most=1)
        self.stages = []
        start = 0
        for i in range(stages):
            share = i / (stages - 1) if stages > 1 else 1.0
            end = start + epochs // stages + (i < epochs % stages)
            self.stages.append(
                ProgressiveStage(
                    range(start, end),
                    round(_between(image_size, share)),
                    _between(randaugment, share),
                    _between(mixup, share),
                    _between(dropout, share),
                )
            )
            start = end

    def at(self, epoch):
        """The stage that the epoch, counted from 0, belongs to.

        Raises:
            ArgumentError: the run has no such epoch.
        """
        for stage in self.stages:
            if epoch in stage.epochs:
                return stage
        raise ArgumentError(
            f"ProgressiveLearning: epoch must be 0 … {self.epochs - 1}, got {epoch!r}"
        )

    def begin(self, epoch, model):
        """The stage of the epoch; all `Dropout` modules of `model` get its probability.

        Raises:
            ArgumentError: the run has no such epoch, or the model no `Dropout`.
        """
        stage = self.at(epoch)
        # Not Dropout2d and StochasticDepth: the schedule knows one rate, that of the last layers.
        layers = [m for m in model.modules() if type(m) is Dropout]
        if not layers:
            raise ArgumentError(
                f"ProgressiveLearning: {type(model).__name__} has no Dropout to set; `at` gives "
                "the stage alone"
            )
        for layer in layers:
            layer.p = stage.dropout
        return stage


def _between(pair, share):
    first, last = pair
    return first + (last - first) * share


def _growing(argument, pair, most=float("inf")):
    """Refuse what is not a pair 0 ≤ first ≤ last ≤ most."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= most:
        limit = "" if most == float("inf") else f" ≤ {most}"
        raise ArgumentError(
            f"ProgressiveLearning: {argument} must be a pair 0 ≤ first ≤ last{limit}, got {pair!r}"
        )
