"""An average of the weights of many steps, which often does better than the last ones."""

from contextlib import contextmanager

from minicnn.checks import ArgumentError
from minicnn.dtypes import is_floating
from minicnn.training.callbacks.callback import Callback


class WeightAveraging(Callback):
    """An exponential moving average of weights: w̄ ← d · w̄ + (1 − d) · w after each step.

    Polyak & Juditsky 1992; with a moving average in Szegedy et al. 2015 ("Rethinking the Inception
    architecture", section 8). Running means of normalisation are averaged like weights; whole
    numbers are copied.


    After `fit`, ``model.load_state_dict(averaging.weights)`` makes them the model's, and
    ``with averaging.applied(model):`` does so for a while; `Validation` takes it as `averaging`.

    Args:
        decay: d, in 0 … 1: about the last 1 / (1 − d) steps count.

    Attributes:
        weights: the averages by name, as in the model's ``state_dict()``; None before `fit`.

    Raises:
        ArgumentError: decay outside 0 … 1.

    >>> averaging = WeightAveraging(decay=0.99)
    """

    def __init__(self, decay=0.999):
        if not 0 <= decay <= 1:
            raise ArgumentError(f"WeightAveraging: decay must be in 0 … 1, got {decay!r}")
        self.decay = decay
        self.weights = None

    def on_fit_begin(self, run):
        if self.weights is None:
            self.weights = _copy(run.model.state_dict())

    def on_step_end(self, run):
        for name, new in run.model.state_dict().items():
            mean = self.weights[name]
            if is_floating(mean.dtype):
                mean.mul_(self.decay).add_(new, alpha=1 - self.decay)
            else:
                mean.copy_(new)

    @contextmanager
    def applied(self, model):
        """Inside, the model has the averaged weights."""
        own = _copy(model.state_dict())
        model.load_state_dict(self.weights)
        try:
            yield model
        finally:
            model.load_state_dict(own)

    def state_dict(self):
        return {"weights": self.weights}

    def load_state_dict(self, state):
        # Beside the weights of the run, wherever the file was read to.
        homes = {} if self.weights is None else self.weights
        self.weights = {
            name: t.to(homes[name].device) if name in homes else t
            for name, t in state["weights"].items()
        }


def _copy(state):
    return {name: value.detach().clone() for name, value in state.items()}
