"""Images that grow while the run goes on."""

from minicnn.training.callbacks.callback import Callback


class ProgressiveResizing(Callback):
    """Give each epoch the image size and the dropout of its stage.

    Tan & Le 2021, section 4.

    Args:
        schedule: a `ProgressiveLearning`; its RandAugment and mixup are for transforms to ask for:
            ``schedule.at(epoch)``.
        dropout: set the dropout of the model, too; False for a model that has none.

    Raises:
        ArgumentError: (in `fit`) more epochs than the schedule has, or a model without dropout.

    >>> from minicnn.training import ProgressiveLearning
    >>> resizing = ProgressiveResizing(ProgressiveLearning(epochs=8), dropout=False)
    """

    def __init__(self, schedule, dropout=True):
        self.schedule, self.dropout = schedule, dropout
        self.stage = None

    def on_epoch_begin(self, run):
        if self.dropout:
            self.stage = self.schedule.begin(run.epoch, run.model)
        else:
            self.stage = self.schedule.at(run.epoch)

    def on_batch_begin(self, run):
        run.inputs = self.stage.resize(run.inputs)
