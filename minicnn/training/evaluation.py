"""How good a network is: its loss, its top-1 and top-5 accuracy, and what it takes for what."""

from dataclasses import dataclass

import numpy as np

from minicnn.checks import ArgumentError, IndexRangeError, integer
from minicnn.functions.elementwise import softmax
from minicnn.functions.ordering import topk
from minicnn.modes import no_grad
from minicnn.nn import functional as F


@dataclass
class Evaluation:
    """What `evaluate` found.

    Attributes:
        loss: the mean over all samples.
        top: for each k the share of samples whose class is among the k highest scores.
        accuracy: ``top[1]``.
        confusion: an array (classes, classes) of int64: how often class i was taken for class j.
        targets, predicted: for each sample its class and that of the highest score.
        confidence: for each sample the probability of the class predicted.
    """

    loss: float
    top: dict
    confusion: np.ndarray
    targets: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray

    @property
    def accuracy(self):
        return self.top[1]


@no_grad()
def evaluate(model, loader, loss_function=None, *, top=(1, 5), prepare=None):
    """Let a network classify all samples of a loader, in evaluation mode.

    Args:
        model: gives scores of shape (N, C); its training mode is put back afterwards.
        loader: gives batches (inputs, targets), targets the classes, shape (N).
        loss_function: a function of scores and targets → the mean loss; default: cross-entropy.
        top: the k of the top-k accuracies; 1 is always among them. A k above C counts every answer
            as right.
        prepare: a function that inputs go through first.

    Returns:
        An `Evaluation`.

    Raises:
        ArgumentError: no batches; scores that are not of shape (N, C).
        IndexRangeError: a label that the network has no output for.

    >>> import minicnn as mc
    >>> from minicnn import nn
    >>> scores = mc.tensor([[3.0, 1, 0], [0.0, 1, 2], [5.0, 4, 3]])
    >>> found = evaluate(nn.Identity(), [(scores, mc.tensor([0, 2, 1]))], top=(1, 2))
    >>> found.top
    {1: 0.6666666666666666, 2: 1.0}
    >>> found.confusion
    array([[1, 0, 0],
           [1, 0, 0],
           [0, 0, 1]])
    """
    top = tuple(dict.fromkeys((1, *tops("evaluate", top))))
    loss, right, targets, predicted, confidence, count = 0.0, np.zeros(len(top), int), [], [], [], 0
    before = model.training
    model.eval()
    try:
        for inputs, labels in loader:
            scores = model(inputs if prepare is None else prepare(inputs))
            _check_scores(model, scores, labels)
            if loss_function is None:
                loss += F.cross_entropy(scores, labels, reduction="sum").item()
            else:
                loss += loss_function(scores, labels).item() * len(labels)
            best, classes = softmax(scores, 1).max(1)
            right += count_right(scores, labels, top)
            targets += labels.tolist()
            predicted += classes.tolist()
            confidence += best.tolist()
            count = scores.shape[1]
    finally:
        model.train(before)
    if not targets:
        raise ArgumentError("evaluate: the loader gave no batches")
    targets, predicted = np.array(targets), np.array(predicted)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (targets, predicted), 1)
    n = len(targets)
    shares = {k: int(r) / n for k, r in zip(top, right, strict=True)}
    return Evaluation(loss / n, shares, confusion, targets, predicted, np.array(confidence))


def count_right(scores, targets, top):
    """For each k how many classes are among the k highest scores; None if targets are no classes.

    Among equal scores the lower class counts as the higher one.
    """
    if getattr(targets, "ndim", 0) != 1 or getattr(scores, "ndim", 0) != 2:
        return None
    if targets.dtype.kind not in "iu":
        return None
    found = []
    for k in top:
        if k == 1:
            found.append(int((scores.argmax(1) == targets).sum()))
        else:
            _, best = topk(scores.detach(), min(k, scores.shape[1]), 1)
            found.append(int((best == targets.unsqueeze(1)).sum()))
    return found


def tops(operation, top):
    """The k of top-k accuracies as a tuple of integers ≥ 1."""
    top = tuple(integer(operation, "top", k) for k in (top if np.iterable(top) else (top,)))
    if not top or min(top) < 1:
        raise ArgumentError(f"{operation}: top must be integers of at least 1, got {top}")
    return top


def _check_scores(model, scores, labels):
    name = type(model).__name__
    if getattr(scores, "ndim", 0) != 2 or len(scores) != len(labels):
        raise ArgumentError(
            f"evaluate: {name} must give scores of shape (N, C) for N labels; got "
            f"{getattr(scores, 'shape', type(scores).__name__)} for {len(labels)}"
        )
    largest = int(labels.max().item())
    if largest >= scores.shape[1]:
        raise IndexRangeError(
            f"evaluate: a label is {largest}, but {name} gives {scores.shape[1]} scores, for the "
            f"labels 0 to {scores.shape[1] - 1}; the network was made for fewer classes"
        )
