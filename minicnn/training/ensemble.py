"""Averages of predictions: of several networks for one image, of one network for several crops.

Both give log p̄, the logarithm of the mean probability of each class. That is what scores may be:
its softmax is p̄ again, and its cross-entropy −log p̄, so that `evaluate` measures it as it measures
a network.
"""

import math

from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.functions.elementwise import log_softmax
from minicnn.functions.shaping import stack
from minicnn.functions.statistics import logsumexp
from minicnn.tensor import Tensor


class Ensemble(nn.Module):
    """Several networks that vote: the mean of the probabilities that they give.

    Their mistakes differ, and those that they do not share are outvoted.

    Args:
        models: a list of networks with the same classes.

    Shapes: what each takes, (N, …) → log p̄ (N, classes).

    Raises:
        DtypeError: not a list of modules. ArgumentError: none at all.
        ShapeError: (in use) networks with different classes.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 6.

    >>> import minicnn as mc
    >>> certain, undecided = mc.tensor([[1000.0, 0]]), mc.tensor([[0.0, 0]])
    >>> class Giving(nn.Module):
    ...     def __init__(self, scores):
    ...         super().__init__()
    ...         self.scores = scores
    ...     def forward(self, x):
    ...         return self.scores
    >>> Ensemble([Giving(certain), Giving(undecided)])(mc.zeros(1, 3)).exp()
    tensor([[0.75, 0.25]])
    """

    def __init__(self, models):
        super().__init__()
        if not isinstance(models, (list, tuple, nn.ModuleList)) or not all(
            isinstance(model, nn.Module) for model in models
        ):
            raise DtypeError("Ensemble: models must be a list of modules")
        if not len(models):
            raise ArgumentError("Ensemble: the list of models is empty")
        self.models = nn.ModuleList(models)

    def forward(self, x):
        scores = [_checked("Ensemble", model, model(x)) for model in self.models]
        if len({s.shape for s in scores}) > 1:
            shapes = ", ".join(str(s.shape) for s in scores)
            raise ShapeError(f"Ensemble: the networks give scores of different shapes: {shapes}")
        return _log_mean_probability(stack(scores), 0)


class CropAverage(nn.Module):
    """A network that sees several crops of each image: the mean of the probabilities it gives.

    Ten-crop testing with `data.transforms.TenCrop` takes the four corners, the centre, and the
    mirror images of these.

    Args:
        model: a network that takes (N, C, h, w).

    Shapes: crops (N, K, C, h, w), K of each image → log p̄ (N, classes).

    Raises:
        DtypeError: not a module. ShapeError: (in use) other dimensions.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 4.1.

    >>> import minicnn as mc
    >>> from minicnn import data
    >>> from minicnn.data import transforms as T
    >>> ten = T.Compose([T.ToTensor(), T.Resize(32), T.TenCrop(28), mc.stack])
    >>> crops, labels = next(iter(data.DataLoader(data.BundledMNIST(transform=ten), 4)))
    >>> crops.shape, CropAverage(mc.models.lenet5())(crops).shape
    ((4, 10, 1, 28, 28), (4, 10))
    """

    def __init__(self, model):
        super().__init__()
        if not isinstance(model, nn.Module):
            raise DtypeError(f"CropAverage: model must be a Module, got {type(model).__name__}")
        self.model = model

    def forward(self, crops):
        if crops.ndim != 5 or not crops.shape[1]:
            raise ShapeError(
                "CropAverage: expected crops of shape (N, K, C, H, W), K crops of each of N "
                f"images, got {crops.shape}; T.Compose([…, T.TenCrop(size), minicnn.stack]) makes "
                "ten of an image"
            )
        n, k = crops.shape[:2]
        # (N, K, C, H, W) → (N · K, C, H, W): the network takes them as so many images
        scores = self.model(crops.reshape(n * k, *crops.shape[2:]))
        _checked("CropAverage", self.model, scores)
        return _log_mean_probability(scores.reshape(n, k, -1), 1)


def _checked(operation, model, scores):
    if not isinstance(scores, Tensor) or scores.ndim != 2:
        raise ShapeError(
            f"{operation}: {type(model).__name__} must give scores of shape (N, classes), got "
            f"{getattr(scores, 'shape', type(scores).__name__)}"
        )
    return scores


def _log_mean_probability(scores, dim):
    """log (1/K Σ_k softmax(scores_k)), where K runs along `dim`; classes are last."""
    # By logarithms: a probability too small for a float is not yet 0 in the mean.
    return logsumexp(log_softmax(scores, -1), dim) - math.log(scores.shape[dim])
